package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/autonomous-data-pipeline/adp/console"
	"github.com/autonomous-data-pipeline/adp/internal/temporal"
	"github.com/autonomous-data-pipeline/adp/ops"
	"github.com/autonomous-data-pipeline/adp/pipeline"
	"github.com/autonomous-data-pipeline/adp/workflows"
)

func (a *app) approveCommand() *cobra.Command {
	return a.answerCommand("approve", "Answer an incident: release what is held or quarantined into the table as it is", pipeline.Release)
}

func (a *app) rejectCommand() *cobra.Command {
	return a.answerCommand("reject", "Answer an incident: leave the records in quarantine for good", pipeline.Discard)
}

// answerCommand answers an incident by one fixed resolution.
func (a *app) answerCommand(use, short, resolution string) *cobra.Command {
	answer := pipeline.Answer{Resolution: resolution}
	cmd := &cobra.Command{
		Use: use + " <incident>", Short: short, Args: cobra.ExactArgs(1), ValidArgsFunction: a.completeIncidents,
		RunE: func(cmd *cobra.Command, args []string) error { return a.answer(cmd.Context(), args[0], answer) },
	}
	a.answerFlags(cmd, &answer)
	return cmd
}

func (a *app) answerFlags(cmd *cobra.Command, answer *pipeline.Answer) {
	cmd.Flags().StringVar(&answer.By, "by", a.who(), "who decides")
	cmd.Flags().StringVarP(&answer.Comment, "comment", "m", "", "why")
}

func (a *app) resolveCommand() *cobra.Command {
	var answer pipeline.Answer
	var mapping string
	cmd := &cobra.Command{
		Use: "resolve <incident>", Short: "Answer an incident: release, replay (with a mapping, if one is needed), discard or close",
		Args: cobra.ExactArgs(1), ValidArgsFunction: a.completeIncidents,
		RunE: func(cmd *cobra.Command, args []string) error {
			m, err := readMapping(mapping)
			if err != nil {
				return err
			}
			answer.Mapping = m
			return a.answer(cmd.Context(), args[0], answer)
		},
	}
	a.answerFlags(cmd, &answer)
	cmd.Flags().StringVar(&answer.Resolution, "resolution", pipeline.Close, "release, replay, discard or close")
	cmd.Flags().StringVar(&mapping, "mapping", "", mappingHelp)
	return cmd
}

const mappingHelp = `JSON, or a file of it, that mends records before they are replayed: {"rename":{"mail":"email"},"cast":{"age":"long"},"default":{"email":"\"unknown\""}}`

// readMapping reads a mapping from its JSON text or from a file.
func readMapping(s string) (*pipeline.Mapping, error) {
	if s == "" {
		return nil, nil //nolint:nilnil // no mapping was asked for, and that is no error
	}
	b := []byte(s)
	if s[0] != '{' {
		var err error
		if b, err = os.ReadFile(s); err != nil {
			return nil, &usageError{fmt.Errorf("--mapping: %w", err)}
		}
	}
	var m pipeline.Mapping
	if err := json.Unmarshal(b, &m); err != nil {
		return nil, &usageError{fmt.Errorf("--mapping: %w", err)}
	}
	return &m, nil
}

// answer sends an answer by update, so that a refusal is heard at once.
func (a *app) answer(ctx context.Context, id string, answer pipeline.Answer) error {
	cl, c, err := a.temporal(ctx)
	if err != nil {
		return err
	}
	store, err := a.ops(ctx)
	if err != nil {
		return err
	}
	inc, err := store.Incident(ctx, id)
	if err != nil {
		return err
	}
	res, err := temporal.People{Client: cl, Namespace: c.Temporal.Namespace, TaskQueue: c.Temporal.TaskQueue}.Answer(ctx, inc, answer)
	if errors.Is(err, console.ErrConflict) && inc.Status == ops.Resolved {
		return fmt.Errorf("%w: %s by %s", err, inc.Resolution, inc.By)
	}
	if err != nil {
		return err
	}
	return a.print(res, func() {
		a.say("incident %s: %s by %s", res.Incident, res.Resolution, res.By)
		if res.Records.Read > 0 {
			a.say("  records outside the table: %d, of which loaded %d, still in quarantine %d", res.Records.Read, res.Records.Loaded, res.Records.Quarantined)
		}
	})
}

func (a *app) incidentsCommand() *cobra.Command {
	var name string
	var all bool
	cmd := &cobra.Command{Use: "incidents", Short: "List incidents, or show one", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.listIncidents(cmd.Context(), name, all) }}
	cmd.Flags().StringVarP(&name, "pipeline", "p", "", "of this pipeline only")
	cmd.Flags().BoolVar(&all, "all", false, "resolved ones too")
	cmd.AddCommand(a.trendsCommand(), &cobra.Command{
		Use: "show <incident>", Short: "Show one incident with its timeline", Args: cobra.ExactArgs(1), ValidArgsFunction: a.completeIncidents,
		RunE: func(cmd *cobra.Command, args []string) error { return a.showIncident(cmd.Context(), args[0]) },
	})
	return cmd
}

func (a *app) listIncidents(ctx context.Context, name string, all bool) error {
	store, err := a.ops(ctx)
	if err != nil {
		return err
	}
	shown, err := store.Incidents(ctx, ops.IncidentQuery{Pipeline: name, Unresolved: !all, Limit: 200})
	if err != nil {
		return err
	}
	return a.print(shown, func() {
		rows := make([]string, 0, len(shown))
		for _, i := range shown {
			rows = append(rows, fmt.Sprintf("%s\t%s\t%s\t%s\t%v\t%d\t%s", i.ID, i.OpenedAt.Local().Format(time.DateTime), i.Status, i.Severity, i.Hold, i.Count, i.Title))
		}
		a.table("INCIDENT\tOPENED\tSTATUS\tSEVERITY\tHOLDS A BATCH\tRUNS\tTITLE", rows)
	})
}

func (a *app) showIncident(ctx context.Context, id string) error {
	store, err := a.ops(ctx)
	if err != nil {
		return err
	}
	i, err := store.Incident(ctx, id)
	if err != nil {
		return err
	}
	return a.print(i, func() {
		a.say("%s  %s, %s\n%s\n\n%s\n", i.ID, i.Status, i.Severity, i.Title, i.Summary)
		for _, e := range i.Timeline {
			a.say("  %s  %s  %s", e.At.Local().Format(time.DateTime), orDash(e.By), e.What)
		}
		if i.Status != ops.Resolved {
			mapping := "{…}"
			if b, err := json.Marshal(i.Mapping); err == nil && i.Mapping != nil {
				mapping = string(b)
			}
			a.say("\nanswer it:\n  starter approve %s\n  starter reject %s\n  starter resolve %s --resolution replay --mapping '%s'", i.ID, i.ID, i.ID, shellQuoted(mapping))
			a.say("  temporal workflow signal --workflow-id %s --name decide --input '{\"resolution\":\"release\",\"by\":\"%s\"}'", workflows.EscalationID(i.Pipeline, i.ID), a.who())
		}
	})
}

// shellQuoted makes a text fit for the inside of single quotes: it may hold what
// data calls its fields.
func shellQuoted(s string) string { return strings.ReplaceAll(s, "'", `'\''`) }

func (a *app) completeIncidents(cmd *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
	store, err := a.ops(cmd.Context())
	if err != nil {
		return nil, cobra.ShellCompDirectiveError
	}
	found, err := store.Incidents(cmd.Context(), ops.IncidentQuery{Unresolved: true, Limit: 50})
	if err != nil {
		return nil, cobra.ShellCompDirectiveError
	}
	var ids []string
	for _, i := range found {
		ids = append(ids, i.ID+"\t"+i.Title)
	}
	return ids, cobra.ShellCompDirectiveNoFileComp
}
