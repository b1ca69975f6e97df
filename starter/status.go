package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/autonomous-data-pipeline/adp/internal/temporal"
	"github.com/autonomous-data-pipeline/adp/ops"
	"github.com/autonomous-data-pipeline/adp/pipeline"
	"github.com/autonomous-data-pipeline/adp/sink"
)

// status is one pipeline's standing.
type status struct {
	Pipeline      string              `json:"pipeline"`
	Checkpoint    pipeline.Checkpoint `json:"checkpoint"`
	SchemaVersion int                 `json:"schema_version"`
	LastRun       *pipeline.RunReport `json:"last_run,omitempty"`
	OpenIncidents int                 `json:"open_incidents"`
	Quarantined   int64               `json:"quarantined"`
	Held          int64               `json:"held"`
	Schedule      string              `json:"schedule"`
}

func (a *app) statusCommand() *cobra.Command {
	return &cobra.Command{
		Use: "status [pipeline]", Short: "Show where every pipeline stands", Args: cobra.MaximumNArgs(1), ValidArgsFunction: a.completePipelines,
		RunE: func(cmd *cobra.Command, args []string) error {
			names, err := a.pipelinesArg(args)
			if err != nil {
				return err
			}
			var all []status
			for _, n := range names {
				s, err := a.status(cmd.Context(), n)
				if err != nil {
					return err
				}
				all = append(all, s)
			}
			return a.print(all, func() { a.printStatus(all) })
		},
	}
}

func (a *app) status(ctx context.Context, name string) (status, error) {
	snk, err := a.sink(name)
	if err != nil {
		return status{}, err
	}
	defer func() { _ = snk.Close() }() // only read
	state, err := snk.State(ctx)
	if err != nil {
		return status{}, err
	}
	entries, err := snk.Entries(ctx)
	if err != nil {
		return status{}, err
	}
	store, err := a.ops(ctx)
	if err != nil {
		return status{}, err
	}
	s := status{Pipeline: name, Checkpoint: state.Checkpoint, SchemaVersion: state.SchemaVersion, Schedule: a.scheduleLine(ctx, name)}
	for _, e := range entries {
		if e.Status == sink.HeldBatch {
			s.Held += e.Records
		} else {
			s.Quarantined += e.Records
		}
	}
	runs, err := store.Runs(ctx, ops.RunQuery{Pipeline: name, Limit: 1})
	if err != nil {
		return status{}, err
	}
	if len(runs) > 0 {
		s.LastRun = &runs[0]
	}
	open, err := store.Incidents(ctx, ops.IncidentQuery{Pipeline: name, Unresolved: true, Limit: 1000})
	if err != nil {
		return status{}, err
	}
	s.OpenIncidents = len(open)
	return s, nil
}

// scheduleLine says how the schedule stands, or why nobody can say.
func (a *app) scheduleLine(ctx context.Context, name string) string {
	cl, c, err := a.temporal(ctx)
	if err != nil {
		return "unknown: Temporal at " + c.Temporal.Address + " doesn't answer"
	}
	d, err := temporal.Schedules{Client: cl, TaskQueue: c.Temporal.TaskQueue}.Describe(ctx, name)
	if err != nil {
		return "none"
	}
	if d.Schedule.State.Paused {
		return "paused: " + d.Schedule.State.Note
	}
	if len(d.Info.NextActionTimes) > 0 {
		return "next at " + d.Info.NextActionTimes[0].Format(time.RFC3339)
	}
	return "active"
}

func (a *app) printStatus(all []status) {
	rows := make([]string, 0, len(all))
	for _, s := range all {
		last := "never"
		if s.LastRun != nil {
			last = fmt.Sprintf("%s %s", s.LastRun.Outcome, s.LastRun.FinishedAt.Local().Format(time.DateTime))
		}
		rows = append(rows, fmt.Sprintf("%s\t%s\t%s\tv%d\t%d\t%d\t%d\t%s", s.Pipeline, last, orDash(s.Checkpoint.String()),
			s.SchemaVersion, s.Quarantined, s.Held, s.OpenIncidents, s.Schedule))
	}
	a.table("PIPELINE\tLAST RUN\tCHECKPOINT\tSCHEMA\tQUARANTINED\tHELD\tOPEN INCIDENTS\tSCHEDULE", rows)
}

func (a *app) historyCommand() *cobra.Command {
	var limit int
	cmd := &cobra.Command{
		Use: "history [pipeline]", Short: "List the last runs, of one pipeline or of all", Args: cobra.MaximumNArgs(1), ValidArgsFunction: a.completePipelines,
		RunE: func(cmd *cobra.Command, args []string) error {
			name := "" // any
			if len(args) > 0 {
				name = args[0]
			}
			store, err := a.ops(cmd.Context())
			if err != nil {
				return err
			}
			runs, err := store.Runs(cmd.Context(), ops.RunQuery{Pipeline: name, Limit: limit})
			if err != nil {
				return err
			}
			return a.print(runs, func() {
				rows := make([]string, 0, len(runs))
				for _, r := range runs {
					rows = append(rows, fmt.Sprintf("%s\t%s\t%s\t%s\t%s\t%s\t%d\t%d\t%d\t%d\t%s", r.StartedAt.Local().Format(time.DateTime),
						r.Pipeline, r.RunID, r.Outcome, orDash(strings.Join(r.Conditions, ",")), orDash(strings.Join(r.Actions, ",")),
						r.Records.Read, r.Records.Loaded, r.Records.Quarantined, r.Records.Held, r.FinishedAt.Sub(r.StartedAt).Round(time.Millisecond)))
				}
				a.table("STARTED\tPIPELINE\tRUN\tOUTCOME\tCONDITIONS\tACTIONS\tREAD\tLOADED\tQUARANTINED\tHELD\tTIME", rows)
			})
		},
	}
	cmd.Flags().IntVarP(&limit, "limit", "n", 20, "how many")
	return cmd
}

// sink opens a pipeline's sink.
func (a *app) sink(name string) (sink.Sink, error) {
	c, err := a.config()
	if err != nil {
		return nil, err
	}
	p, err := c.Load(name, a.env)
	if err != nil {
		return nil, err
	}
	return c.Sink(p)
}
