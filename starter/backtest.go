package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/autonomous-data-pipeline/adp/agent"
	"github.com/autonomous-data-pipeline/adp/pipeline"
)

// recordedProposer judges again what was proposed then.
const recordedProposer = "recorded"

// proposers are those that history can be decided by again, by name. Nil judges
// what was proposed then.
func (a *app) proposers(args []string) map[string]func() (agent.Proposer, error) {
	return map[string]func() (agent.Proposer, error){
		recordedProposer: func() (agent.Proposer, error) { return nil, nil },
		agent.ByRules:    func() (agent.Proposer, error) { return agent.Rules{}, nil },
		"model":          func() (agent.Proposer, error) { return a.model(args) },
	}
}

// model is the pipeline's own. What it may look up is about runs of now, so it
// looks nothing up.
func (a *app) model(args []string) (agent.Proposer, error) {
	name, err := a.pipelineArg(args)
	if err != nil {
		return nil, err
	}
	c, err := a.config()
	if err != nil {
		return nil, err
	}
	p, err := c.Load(name, a.env)
	if err != nil {
		return nil, err
	}
	m, err := p.Model()
	if err != nil {
		return nil, err
	}
	if m == nil {
		return nil, pipeline.Misconfiguredf("agent.provider / LLM_PROVIDER", "ask the model of pipeline %s: it has none; name ollama or openai", name)
	}
	m.MaxLookups, m.Now = 0, time.Now
	return *m, nil
}

func (a *app) backtestCommand() *cobra.Command {
	var policy, file, proposer string
	var since time.Duration
	cmd := &cobra.Command{
		Use: "backtest [pipeline]", Short: "Decide recorded history again under another policy, and show what would differ and why", Args: cobra.MaximumNArgs(1), ValidArgsFunction: a.completePipelines,
		Long: `Decide the recorded history again, from the facts in the decision log, under
another policy or by another proposer. Shows every decision that would be
another one, and why: conditions with their numbers, thresholds, actions. Each
decision is judged on its own facts; touches nothing.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			b, err := a.backtest(args, policy, proposer, since)
			if err != nil {
				return err
			}
			path, err := a.auditPath(file, args)
			if err != nil {
				return err
			}
			return a.runBacktest(cmd.Context(), b, path)
		},
	}
	cmd.Flags().StringVar(&policy, "policy", "", "file with the other policy: a pipeline file, or a policy's own keys over the defaults")
	cmd.Flags().StringVar(&proposer, "proposer", recordedProposer, "who proposes: "+strings.Join(slices.Sorted(maps.Keys(a.proposers(nil))), ", "))
	cmd.Flags().StringVar(&file, "file", "", "a decision log, instead of the pipeline's")
	cmd.Flags().DurationVar(&since, "since", 0, "only decisions of this time up to now, like 720h; 0 is all")
	return cmd
}

func (a *app) backtest(args []string, policy, proposer string, since time.Duration) (agent.Backtest, error) {
	known := a.proposers(args)
	switch {
	case known[proposer] == nil:
		return agent.Backtest{}, &usageError{fmt.Errorf("--proposer %q is none of %s", proposer, strings.Join(slices.Sorted(maps.Keys(known)), ", "))}
	case policy == "" && proposer == recordedProposer:
		return agent.Backtest{}, &usageError{errors.New("backtest needs --policy or another --proposer: as it is, nothing would differ")}
	}
	prop, err := known[proposer]()
	if err != nil {
		return agent.Backtest{}, err
	}
	b := agent.Backtest{Proposer: prop, Since: ago(since)}
	if policy != "" {
		p, err := a.readPolicy(policy)
		if err != nil {
			return b, err
		}
		b.Policy = &p
	}
	return b, nil
}

// ago is the beginning of the time up to now; the zero time for all of it.
func ago(d time.Duration) time.Time {
	if d <= 0 {
		return time.Time{}
	}
	return time.Now().Add(-d)
}

func (a *app) runBacktest(ctx context.Context, b agent.Backtest, path string) error {
	log, err := openLog(path)
	if err != nil {
		return err
	}
	defer func() { _ = log.Close() }() // only read
	if a.json {
		return a.backtestJSON(ctx, b, log)
	}
	shown := ""
	tally, err := b.Run(ctx, log, func(c agent.Change) error {
		shown = a.printChange(c, shown)
		return nil
	})
	if err != nil {
		return fmt.Errorf("backtest %s: %w", path, err)
	}
	a.printTally(tally)
	return nil
}

// backtestJSON writes one document, without keeping the changes.
func (a *app) backtestJSON(ctx context.Context, b agent.Backtest, log io.Reader) error {
	enc := json.NewEncoder(a.out)
	separator := ""
	fmt.Fprint(a.out, "{\"changes\": [\n")
	tally, err := b.Run(ctx, log, func(c agent.Change) error {
		fmt.Fprint(a.out, separator)
		separator = ","
		return enc.Encode(c)
	})
	if err != nil {
		return err
	}
	fmt.Fprint(a.out, "],\n\"summary\": ")
	err = enc.Encode(tally)
	fmt.Fprintln(a.out, "}")
	return err
}

// printChange gives the thresholds that it was shown with: the next change says
// them only if they are others.
func (a *app) printChange(c agent.Change, shown string) string {
	lines := make([]string, 0, len(c.Thresholds))
	for _, d := range c.Thresholds {
		lines = append(lines, d.String())
	}
	if now := strings.Join(lines, "; "); now != shown {
		a.say("policy, recorded → now: %s\n", now)
		shown = now
	}
	a.say("%s  run %s  %s", c.At.Local().Format(time.DateTime), c.RunID, c.ID)
	for _, m := range c.ConditionsLost {
		a.say("  - condition  %-22s %s", m.Name, compact(m.Evidence))
	}
	for _, m := range c.ConditionsGained {
		a.say("  + condition  %-22s %s", m.Name, compact(m.Evidence))
	}
	for _, p := range c.ActionsLost {
		a.say("  - action     %-22s %s", p.Action, p.Reason)
	}
	for _, p := range c.ActionsGained {
		a.say("  + action     %-22s %s", p.Action, p.Reason)
	}
	for _, d := range c.ActionsChanged {
		a.say("  ~ argument   %s", d)
	}
	if c.HoldWas != c.HoldIs {
		a.say("  ~ held       %v → %v", c.HoldWas, c.HoldIs)
	}
	if c.SeverityWas != c.SeverityIs {
		a.say("  ~ severity   %s → %s", c.SeverityWas, c.SeverityIs)
	}
	if c.Fallback != "" {
		a.say("  fallback     %s", c.Fallback)
	}
	return shown
}

func (a *app) printTally(t agent.Tally) {
	a.say("%d decisions made again, %d differ; %d batches more would be held, %d fewer.", t.Decided, t.Differ, t.MoreHolds, t.LessHolds)
	if t.Unreached > 0 {
		a.say("%d decisions wouldn't be reached: they followed a remap that wouldn't be.", t.Unreached)
	}
	if t.Fallbacks > 0 {
		a.say("%d times rules would decide, for the proposer's proposal isn't allowed or there is none.", t.Fallbacks)
	}
	a.say("")
	a.table("RECORDS\tRECORDED\tNOW\tDIFFERENCE", []string{
		fmt.Sprintf("loaded\t%d\t%d\t%+d", t.Was.Loaded, t.Is.Loaded, t.Is.Loaded-t.Was.Loaded),
		fmt.Sprintf("quarantined\t%d\t%d\t%+d", t.Was.Quarantined, t.Is.Quarantined, t.Is.Quarantined-t.Was.Quarantined),
		fmt.Sprintf("held\t%d\t%d\t%+d", t.Was.Held, t.Is.Held, t.Is.Held-t.Was.Held),
		fmt.Sprintf("processed again\t%d\t%d\t%+d", t.Was.Again, t.Is.Again, t.Is.Again-t.Was.Again),
	})
}
