package main

import (
	"errors"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/autonomous-data-pipeline/adp/agent"
)

func (a *app) decideCommand() *cobra.Command {
	var report, results, file, id, log string
	cmd := &cobra.Command{
		Use: "decide", Short: "Print what the agent decides for a run report and quality results, from any producer; touches nothing",
		Long: `Print what the agent decides for a run report and quality results, from any
producer. With --replay, make a recorded decision again from what the decision
log has of it: exit code 1 if that isn't what was recorded. Touches nothing.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			switch {
			case id != "" && (report != "" || results != ""):
				return &usageError{errors.New("--replay takes its facts from the log: leave --run-report and --ge-results out")}
			case id != "":
				return a.replay(cmd.Context(), id, file, log)
			case report == "" && results == "":
				return &usageError{errors.New("decide needs --run-report, --ge-results or both, or --replay")}
			}
			facts, err := readFacts(report, results)
			if err != nil {
				return err
			}
			policy := agent.DefaultPolicy()
			if file != "" {
				if policy, err = a.readPolicy(file); err != nil {
					return err
				}
			}
			d, err := agent.Decide(cmd.Context(), facts, policy, agent.Rules{}, time.Now().UTC(), facts.Report.RunID)
			if err != nil {
				return err
			}
			return a.print(d, func() { a.printDecision(d) })
		},
	}
	cmd.Flags().StringVar(&report, "run-report", "", "run_report.json")
	cmd.Flags().StringVar(&results, "ge-results", "", "ge_results.json, in Great Expectations' format")
	cmd.Flags().StringVar(&file, "pipeline", "", "pipeline file whose policy decides, default thresholds without it; with --replay, the name of the pipeline that decided")
	cmd.Flags().StringVar(&id, "replay", "", "ID of a recorded decision to make again")
	cmd.Flags().StringVar(&log, "file", "", "with --replay, a decision log instead of the pipelines' own")
	return cmd
}

func readFacts(report, results string) (agent.Facts, error) {
	var docs [2][]byte
	for i, path := range []string{report, results} {
		if path == "" {
			continue
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return agent.Facts{}, &usageError{err}
		}
		docs[i] = b
	}
	return agent.FactsFromFiles(docs[0], docs[1])
}

func (a *app) printDecision(d agent.Decision) {
	a.say("%s  %s, by %s", d.ID, d.Severity, d.By)
	a.say("%s\n", d.Summary)
	for _, c := range d.Conditions {
		a.say("  condition  %-22s %s", c.Name, compact(c.Evidence))
	}
	for _, p := range d.Actions {
		a.say("  action     %-22s %s %s", p.Action, p.Reason, compact(p.Args))
	}
	if len(d.Actions) == 0 {
		a.say("  action     none: load")
	}
	allowed := make([]string, 0, len(d.Allowed))
	for _, x := range d.Allowed {
		allowed = append(allowed, string(x))
	}
	a.say("  allowed    %s", strings.Join(allowed, ", "))
	if d.Fallback != "" {
		a.say("  fallback   %s", d.Fallback)
	}
}
