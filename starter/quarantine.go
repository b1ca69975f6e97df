package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/spf13/cobra"
	"go.temporal.io/sdk/client"

	"github.com/autonomous-data-pipeline/adp/pipeline"
	"github.com/autonomous-data-pipeline/adp/sink"
	"github.com/autonomous-data-pipeline/adp/workflows"
)

func (a *app) quarantineCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "quarantine", Short: "List, show, replay or discard what is kept out of a table"}
	var name string
	cmd.PersistentFlags().StringVarP(&name, "pipeline", "p", "", "the pipeline; without it, every one is looked through")
	pick := func(ctx context.Context, batchID string) (string, error) {
		if name != "" {
			return name, nil
		}
		return a.pipelineOf(ctx, batchID)
	}
	list := &cobra.Command{Use: "list", Short: "List quarantined and held batches", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var args []string
			if name != "" {
				args = []string{name}
			}
			names, err := a.pipelinesArg(args)
			if err != nil {
				return err
			}
			return a.listQuarantine(cmd.Context(), names)
		}}
	var limit int
	show := &cobra.Command{Use: "show <batch>", Short: "Show a batch's records: where they stand in Kafka, why they are out, their raw bytes", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			n, err := pick(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			return a.showQuarantine(cmd.Context(), n, args[0], limit)
		}}
	show.Flags().IntVarP(&limit, "limit", "n", 20, "how many records; 0 is all")
	cmd.AddCommand(list, show,
		a.settleCommand("replay", "Process a batch's records again with the current schema and rules", pipeline.Replay, pick),
		a.settleCommand("discard", "Leave a batch's records in quarantine for good", pipeline.Discard, pick))
	return cmd
}

func (a *app) listQuarantine(ctx context.Context, names []string) error {
	entries := []sink.Entry{}
	for _, name := range names {
		more, err := a.entries(ctx, name)
		if err != nil {
			return err
		}
		entries = append(entries, more...)
	}
	return a.print(entries, func() {
		rows := make([]string, 0, len(entries))
		for _, e := range entries {
			rows = append(rows, fmt.Sprintf("%s\t%s\t%s\t%d\t%s\t%s", e.Batch.Pipeline, e.BatchID, e.Status, e.Records, e.At.Local().Format(time.DateTime), e.RunID))
		}
		a.table("PIPELINE\tBATCH\tSTATUS\tRECORDS\tSINCE\tRUN", rows)
	})
}

func (a *app) entries(ctx context.Context, name string) ([]sink.Entry, error) {
	snk, err := a.sink(name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = snk.Close() }() // only read
	return snk.Entries(ctx)
}

// pipelineOf finds the pipeline that has a batch in quarantine, by its ID or
// the beginning of it.
func (a *app) pipelineOf(ctx context.Context, batchID string) (string, error) {
	names, err := a.pipelinesArg(nil)
	if err != nil {
		return "", err
	}
	if len(names) == 1 {
		return names[0], nil
	}
	found := map[string]bool{}
	for _, name := range names {
		entries, err := a.entries(ctx, name)
		if err != nil {
			return "", err
		}
		for _, e := range entries {
			if strings.HasPrefix(e.BatchID, batchID) {
				found[name] = true
			}
		}
	}
	switch all := slices.Sorted(maps.Keys(found)); len(all) {
	case 1:
		return all[0], nil
	case 0:
		return "", &usageError{fmt.Errorf("batch %q has nothing in quarantine (see starter quarantine list)", batchID)}
	default:
		return "", &usageError{fmt.Errorf("batch %q: pipelines %s have batches that begin like this; say which with --pipeline", batchID, strings.Join(all, ", "))}
	}
}

// errEnough ends a listing early.
var errEnough = errors.New("enough")

func (a *app) showQuarantine(ctx context.Context, name, batchID string, limit int) error {
	snk, err := a.sink(name)
	if err != nil {
		return err
	}
	defer func() { _ = snk.Close() }() // only read
	entry, err := entryOf(ctx, snk, batchID)
	if err != nil {
		return err
	}
	var shown []pipeline.Reject
	err = snk.Rejects(ctx, entry, func(r pipeline.Reject) error {
		if limit > 0 && len(shown) == limit {
			return errEnough
		}
		shown = append(shown, r)
		return nil
	})
	if err != nil && !errors.Is(err, errEnough) {
		return err
	}
	return a.print(shown, func() {
		a.say("batch %s: %s, %d records (%d of them held clean ones)", entry.BatchID, entry.Status, entry.Records, pipeline.SumRows(entry.Held))
		for _, r := range shown {
			why := make([]string, 0, len(r.Reasons))
			for _, x := range r.Reasons {
				why = append(why, strings.TrimSpace(fmt.Sprintf("%s %s %s", x.Code, x.Field, x.Detail)))
			}
			// %q keeps control characters of hostile data off the terminal.
			a.say("%d:%d  %s\n    %q", r.Partition, r.Offset, strings.Join(why, "; "), r.Raw)
		}
	})
}

// entryOf finds a batch's quarantine by its ID or a unique prefix.
func entryOf(ctx context.Context, snk sink.Sink, id string) (sink.Entry, error) {
	entries, err := snk.Entries(ctx)
	if err != nil {
		return sink.Entry{}, err
	}
	var found []sink.Entry
	for _, e := range entries {
		if strings.HasPrefix(e.BatchID, id) {
			found = append(found, e)
		}
	}
	switch len(found) {
	case 1:
		return found[0], nil
	case 0:
		return sink.Entry{}, &usageError{fmt.Errorf("batch %q has nothing in quarantine (see starter quarantine list)", id)}
	}
	return sink.Entry{}, &usageError{fmt.Errorf("batch %q: %d batches begin like this", id, len(found))}
}

// settleCommand moves a batch's records by a workflow of its own.
func (a *app) settleCommand(use, short, resolution string, pick func(ctx context.Context, batchID string) (string, error)) *cobra.Command {
	answer := pipeline.Answer{Resolution: resolution}
	var mapping string
	cmd := &cobra.Command{
		Use: use + " <batch>", Short: short, Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			name, err := pick(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			if answer.Mapping, err = readMapping(mapping); err != nil {
				return err
			}
			return a.settle(cmd.Context(), name, args[0], answer)
		},
	}
	a.answerFlags(cmd, &answer)
	if resolution == pipeline.Replay {
		cmd.Flags().StringVar(&mapping, "mapping", "", mappingHelp)
	}
	return cmd
}

func (a *app) settle(ctx context.Context, name, batchID string, answer pipeline.Answer) error {
	snk, err := a.sink(name)
	if err != nil {
		return err
	}
	defer func() { _ = snk.Close() }() // only read
	entry, err := entryOf(ctx, snk, batchID)
	if err != nil {
		return err
	}
	cl, c, err := a.temporal(ctx)
	if err != nil {
		return err
	}
	run, err := cl.ExecuteWorkflow(ctx, client.StartWorkflowOptions{
		ID: fmt.Sprintf("%s/%s/%s/%s", answer.Resolution, name, entry.BatchID, uuid.NewString()[:8]), TaskQueue: c.Temporal.TaskQueue,
	}, workflows.ReplayQuarantine, pipeline.SettleRequest{Pipeline: name, BatchID: entry.BatchID, Answer: answer})
	if err != nil {
		return fmt.Errorf("start the %s of batch %s: %w", answer.Resolution, entry.BatchID, err)
	}
	var done pipeline.Settled
	if err := run.Get(ctx, &done); err != nil {
		return err
	}
	if err := a.print(done, func() {
		a.say("batch %s: %d records went into the table, %d stay in quarantine", entry.BatchID, done.Moved, done.Kept)
		for _, p := range done.Problems {
			a.say("  reading back found: %s", p)
		}
	}); err != nil {
		return err
	}
	if len(done.Problems) > 0 {
		return errProblems
	}
	return nil
}
