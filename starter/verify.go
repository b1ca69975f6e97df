package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/autonomous-data-pipeline/adp/config"
	"github.com/autonomous-data-pipeline/adp/pipeline"
	"github.com/autonomous-data-pipeline/adp/sink"
	"github.com/autonomous-data-pipeline/adp/source"
)

func (a *app) verifyCommand() *cobra.Command {
	return &cobra.Command{
		Use: "verify [pipeline]", Short: "Recount from table, quarantine and topic that every record is in exactly one place",
		Args: cobra.MaximumNArgs(1), ValidArgsFunction: a.completePipelines,
		RunE: func(cmd *cobra.Command, args []string) error {
			name, err := a.pipelineArg(args)
			if err != nil {
				return err
			}
			account, err := a.verify(cmd.Context(), name)
			if err != nil {
				return err
			}
			if err := a.print(account, func() { a.printAccount(name, account) }); err != nil {
				return err
			}
			if !account.Balanced() {
				return errProblems
			}
			return nil
		},
	}
}

func (a *app) verify(ctx context.Context, name string) (sink.Account, error) {
	c, err := a.config()
	if err != nil {
		return sink.Account{}, err
	}
	p, err := c.Load(name, a.env)
	if err != nil {
		return sink.Account{}, err
	}
	snk, err := c.Sink(p)
	if err != nil {
		return sink.Account{}, err
	}
	defer func() { _ = snk.Close() }() // only read
	src, err := config.Source(p)
	if err != nil {
		return sink.Account{}, err
	}
	defer func() { _ = src.Close() }() // only read
	bounds, err := src.Bounds(ctx, p.Source.Topic)
	if err != nil {
		return sink.Account{}, err
	}
	log := make([]pipeline.Range, 0, len(bounds))
	var total int64
	for part, b := range bounds {
		log = append(log, pipeline.Range{Partition: part, Start: b.Start, End: b.End})
		total += b.End - b.Start
	}
	tick := a.progress(total, "reading the topic")
	var done int64
	return sink.Verify(ctx, snk, log, func(ctx context.Context, r pipeline.Range, fn func(int64) error) error {
		return src.Read(ctx, p.Source.Topic, r, func(records []source.Record) error {
			for _, rec := range records {
				if err := fn(rec.Offset); err != nil {
					return err
				}
			}
			done += int64(len(records))
			tick(done)
			return nil
		})
	})
}

func (a *app) printAccount(name string, c sink.Account) {
	a.say("%s, up to checkpoint %s", name, orDash(c.Checkpoint.String()))
	a.say("  topic       %d records", c.Topic)
	a.say("  sink        %d = table %d + quarantine %d + held %d", c.Table+c.Quarantine+c.Held, c.Table, c.Quarantine, c.Held)
	if c.Expired > 0 {
		a.say("  expired     %d records that the topic has no more", c.Expired)
	}
	for _, g := range c.Gaps {
		a.say("  gap         partition %d, offsets %d to %d were gone before they were read", g.Partition, g.Start, g.End)
	}
	if c.Balanced() {
		a.say("  every record is in exactly one place")
		return
	}
	a.say("  LOST %d, DOUBLED %d, STRANGE %d", c.Lost, c.Doubled, c.Strange)
	for _, m := range c.Named {
		what := fmt.Sprintf("found %d times", m.Found)
		if m.Found == 0 {
			what = "not found"
		}
		a.say("    partition %d, offset %d: %s", m.Partition, m.Offset, what)
	}
}
