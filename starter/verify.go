package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/autonomous-data-pipeline/adp/pipeline"
	"github.com/autonomous-data-pipeline/adp/sink"
	"github.com/autonomous-data-pipeline/adp/source"
)

// progressEvery is how many records go by between two looks at the bar.
const progressEvery = 10_000

func (a *app) verifyCommand() *cobra.Command {
	return &cobra.Command{
		Use: "verify [pipeline]", Short: "Recount from table, quarantine and topic, of one pipeline or of all, that every record is in exactly one place",
		Args: cobra.MaximumNArgs(1), ValidArgsFunction: a.completePipelines,
		RunE: func(cmd *cobra.Command, args []string) error {
			names, err := a.pipelinesArg(args)
			if err != nil {
				return err
			}
			accounts := make([]sink.Account, len(names))
			for i, name := range names {
				if accounts[i], err = a.verify(cmd.Context(), name); err != nil {
					return err
				}
			}
			return a.printAccounts(names, accounts, len(args) > 0)
		},
	}
}

// printAccounts prints every pipeline's account: as JSON by name, or that of
// the one that was asked for.
func (a *app) printAccounts(names []string, accounts []sink.Account, one bool) error {
	byName, balanced := map[string]sink.Account{}, true
	for i, name := range names {
		byName[name], balanced = accounts[i], balanced && accounts[i].Balanced()
	}
	var out any = byName
	if one {
		out = accounts[0]
	}
	if err := a.print(out, func() {
		for i, name := range names {
			a.printAccount(name, accounts[i])
		}
	}); err != nil {
		return err
	}
	if !balanced {
		return errProblems
	}
	return nil
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
	src, err := c.Source(p, nil)
	if err != nil {
		return sink.Account{}, err
	}
	defer func() { _ = src.Close() }() // only read
	state, err := snk.State(ctx)
	if err != nil {
		return sink.Account{}, err
	}
	log, err := source.LogFrom(ctx, src, p.Source.Topic, state.Checkpoint)
	if err != nil {
		return sink.Account{}, err
	}
	var total, done int64
	for _, r := range log {
		total += r.Len()
	}
	tick := a.progress(total, "reading the topic")
	return sink.Verify(ctx, snk, log, func(ctx context.Context, r pipeline.Range, fn func(int64) error) error {
		return source.Offsets(ctx, src, p.Source.Topic, r, func(off int64) error {
			if done++; done%progressEvery == 0 {
				tick(done)
			}
			return fn(off)
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
	if c.Removed > 0 {
		a.say("  removed     %d records that a retention took out of quarantine", c.Removed)
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
