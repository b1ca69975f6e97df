package main

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/autonomous-data-pipeline/adp/agent"
)

func (a *app) statsCommand() *cobra.Command {
	var file string
	var since time.Duration
	cmd := &cobra.Command{
		Use: "stats [pipeline]", Short: "Count decisions, fallbacks, model use, remedies and agreement with people, from the decision log alone", Args: cobra.MaximumNArgs(1), ValidArgsFunction: a.completePipelines,
		RunE: func(_ *cobra.Command, args []string) error {
			path, err := a.auditPath(file, args)
			if err != nil {
				return err
			}
			log, err := openLog(path)
			if err != nil {
				return err
			}
			defer func() { _ = log.Close() }() // only read
			s, broken := agent.StatsOf(log, ago(since))
			if broken != nil {
				broken = fmt.Errorf("count %s, of which the figures are only a part: %w", path, broken)
			}
			return errors.Join(a.print(s, func() { a.printStats(s) }), broken)
		},
	}
	cmd.Flags().StringVar(&file, "file", "", "a decision log, instead of the pipeline's")
	cmd.Flags().DurationVar(&since, "since", 0, "only entries of this time up to now, like 720h; 0 is all")
	return cmd
}

func (a *app) printStats(s agent.Stats) {
	a.say("%d decisions", s.Decisions)
	section(a, "CONDITION\tTHEN", s.Conditions, func(c agent.Condition, does map[string]int) string {
		return fmt.Sprintf("%s\t%s", c, counts(does))
	})
	section(a, "PROPOSER\tASKED\tDECIDED\tFALLBACKS\tWHY", s.Proposers, func(name string, p *agent.ProposerStats) string {
		return fmt.Sprintf("%s\t%d\t%d\t%d\t%s", name, p.Asked, p.Decided, p.Fallbacks, counts(p.Reasons))
	})
	section(a, "MODEL\tCALLS\tPROMPT TOKENS\tANSWER TOKENS\tMEDIAN\tP95\tMAX", s.Models, func(name string, m *agent.ModelStats) string {
		return fmt.Sprintf("%s\t%d\t%d\t%d\t%d ms\t%d ms\t%d ms", name, m.Calls, m.PromptTokens, m.AnswerTokens, m.MedianMs, m.P95Ms, m.MaxMs)
	})
	section(a, "REMEDY\tDONE\tCHECKED\tWORKED\tOUTCOMES", s.Remedies, func(x agent.Action, r *agent.Remedy) string {
		return fmt.Sprintf("%s\t%d\t%d\t%s\t%s", x, r.Done, r.Checked, of(r.Worked, r.Checked), counts(r.Outcomes))
	})
	section(a, "SHADOW\tASKED\tAGREES WITH THE DECISION\tREFUSED\tWHY", s.Shadows, func(name string, h *agent.ShadowStats) string {
		return fmt.Sprintf("%s\t%d\t%s\t%d\t%s", name, h.Asked, of(h.Agrees, h.Asked), h.Refused, counts(h.Reasons))
	})
	rows := []string{agreement("decisions", s.Advice)}
	for _, name := range slices.Sorted(maps.Keys(s.Shadows)) {
		rows = append(rows, agreement("shadow "+name, s.Shadows[name].Advice))
	}
	a.say("")
	a.table("ADVICE OF\tESCALATIONS\tANSWERED\tEXPIRED\tADVISED\tPEOPLE AGREED\tPAIRS", rows)
}

func agreement(whose string, g agent.Agreement) string {
	return fmt.Sprintf("%s\t%d\t%d\t%d\t%d\t%s\t%s", whose, g.Escalations, g.Answered, g.Expired, g.Advised, of(g.Agreed, g.Advised), counts(g.Pairs))
}

// section is a table with a row for each key, or nothing if there is none.
func section[K cmp.Ordered, V any](a *app, header string, of map[K]V, row func(K, V) string) {
	if len(of) == 0 {
		return
	}
	rows := make([]string, 0, len(of))
	for _, k := range slices.Sorted(maps.Keys(of)) {
		rows = append(rows, row(k, of[k]))
	}
	a.say("")
	a.table(header, rows)
}

// of is a part of a whole, with its share.
func of(n, whole int) string {
	if whole == 0 {
		return "-"
	}
	return fmt.Sprintf("%d (%.0f%%)", n, 100*float64(n)/float64(whole))
}

// counts lists names by how often they came, the most frequent first.
func counts(of map[string]int) string {
	names := slices.SortedFunc(maps.Keys(of), func(x, y string) int {
		if of[x] != of[y] {
			return of[y] - of[x]
		}
		return strings.Compare(x, y)
	})
	parts := make([]string, 0, len(names))
	for _, n := range names {
		parts = append(parts, fmt.Sprintf("%s %d", n, of[n]))
	}
	return orDash(strings.Join(parts, ", "))
}
