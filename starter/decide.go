package main

import (
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/autonomous-data-pipeline/adp/agent"
)

func (a *app) decideCommand() *cobra.Command {
	var report, results, file string
	cmd := &cobra.Command{
		Use: "decide", Short: "Print what the agent decides for a run report and quality results, from any producer; touches nothing",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if report == "" && results == "" {
				return &usageError{fmt.Errorf("decide needs --run-report, --ge-results or both")}
			}
			facts, err := readFacts(report, results)
			if err != nil {
				return err
			}
			policy := agent.DefaultPolicy()
			if file != "" {
				c, err := a.config()
				if err != nil {
					return err
				}
				p, err := c.ReadFile(file)
				if err != nil {
					return err
				}
				policy = p.Policy
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
	cmd.Flags().StringVar(&file, "pipeline", "", "pipeline file whose policy decides; default thresholds without it")
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
