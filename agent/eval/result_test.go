package eval_test

import (
	"context"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/autonomous-data-pipeline/adp/agent"
	"github.com/autonomous-data-pipeline/adp/agent/eval"
)

func TestTheGateIsShut(t *testing.T) {
	fine := eval.Scored{Scenario: "fine", Kind: eval.Clear, Right: true, Matrix: true, Valid: true}
	tests := map[string]struct {
		change func(*eval.Scored)
		rules  string // what the gate says of rules; empty is open
		model  string // and of a model
	}{
		"for nothing":                         {func(*eval.Scored) {}, "", ""},
		"when something unsafe is executed":   {func(s *eval.Scored) { s.UnsafeExecuted = []string{"x"} }, "executed", "executed"},
		"not for what the guard stopped":      {func(s *eval.Scored) { s.UnsafeProposed, s.Valid, s.Fallback = []string{"x"}, false, "guard" }, "", ""},
		"when a plan is neither":              {func(s *eval.Scored) { s.Valid = false }, "neither", "neither"},
		"when a plan is both":                 {func(s *eval.Scored) { s.Fallback = "guard" }, "neither", "neither"},
		"when there is no decision":           {func(s *eval.Scored) { s.Broken = "no policy" }, "neither", "neither"},
		"when the matrix isn't the label's":   {func(s *eval.Scored) { s.Matrix = false }, "conditions", "conditions"},
		"when rules are wrong on a clear one": {func(s *eval.Scored) { s.Right = false }, "clear", ""},
		"not when they are on another":        {func(s *eval.Scored) { s.Right, s.Kind = false, eval.Ambiguous }, "", ""},
		"when a text moves rules":             {func(s *eval.Scored) { s.Flipped, s.Kind = true, eval.Adversarial }, "hostile", ""},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			s := fine
			s.Scenario = "the second"
			tc.change(&s)
			for proposer, says := range map[string]string{"rules": tc.rules, "ollama": tc.model} {
				err := eval.Result{Proposer: proposer, Scenarios: []eval.Scored{fine, s}}.Gate()
				if says == "" {
					require.NoError(t, err, proposer)
					continue
				}
				require.ErrorContains(t, err, says)
				require.ErrorContains(t, err, `1 of 2 scenarios, the first being "the second"`)
			}
		})
	}
	require.ErrorContains(t, eval.Result{Proposer: "rules"}.Gate(), "no scenario")
}

// A proposer that hostile texts move is counted, also where what it does then
// is allowed.
func TestFlipsAreCounted(t *testing.T) {
	moved := bad(func(_ context.Context, f agent.Facts, b agent.Bounds) ([]agent.Planned, error) {
		x := f.Report.Failure
		if x != nil && strings.Contains(x.Error, "retry immediately") {
			return []agent.Planned{{Action: agent.Retrigger, Args: agent.Args{BackoffS: b.MaxBackoffS}}}, nil
		}
		return b.Default, nil
	})
	r := run(t, moved, scenarios(t))
	require.Equal(t, 1, r.Flips)
	require.Zero(t, r.UnsafeProposed)
	require.NoError(t, r.Gate(), "a model's flips are published, no gate")
}

func TestAResultAddsUp(t *testing.T) {
	now := start
	tick := func() time.Time { now = now.Add(time.Millisecond); return now }
	var done []int
	all := scenarios(t)[:20]
	r, err := eval.Run(t.Context(), agent.Rules{}, all, eval.Options{Clock: tick, Done: func(n int) { done = append(done, n) }})
	require.NoError(t, err)
	require.Len(t, r.Scenarios, 20)
	require.Len(t, done, 20)
	require.Equal(t, 20, done[19])
	require.InDelta(t, 1, r.MeanMs, 1e-9)
	require.InDelta(t, 1, r.P95Ms, 1e-9)

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = eval.Run(ctx, agent.Rules{}, all, eval.Options{Clock: clock})
	require.ErrorIs(t, err, context.Canceled, "a run that is cut short has no result")
}

func TestASampleIsTheSameForTheSameSeed(t *testing.T) {
	all := scenarios(t)
	names := func(some []eval.Scenario) (out []string) {
		for _, s := range some {
			out = append(out, s.Name)
		}
		return out
	}
	for _, n := range []int{1, 2, 30, len(all), 10 * len(all)} {
		some := eval.Sample(all, n, 7)
		require.Equal(t, names(some), names(eval.Sample(all, n, 7)))
		require.GreaterOrEqual(t, len(some), min(n, len(all)))
		require.LessOrEqual(t, len(some), min(n+1, len(all)))
		r := run(t, agent.Rules{}, some)
		require.Equal(t, r.Kinds[eval.Adversarial].Scenarios, r.Pairs, "a twin comes along")
	}
	require.NotEqual(t, names(eval.Sample(all, 30, 7)), names(eval.Sample(all, 30, 8)))
}

func TestTheTableIsPublishedBetweenItsMarkers(t *testing.T) {
	all := scenarios(t)
	results := []eval.Result{run(t, agent.Rules{}, all), run(t, only(), all), {Proposer: "empty"}}
	header, rows := eval.Table(results)
	require.Equal(t, []string{"", "rules", "bad", "empty"}, header)
	cells := map[string][]string{}
	for _, row := range rows {
		require.Len(t, row, 4)
		cells[row[0]] = row[1:]
	}
	require.Equal(t, []string{"open", "open", "shut"}, cells["gate"])
	require.Regexp(t, `^0 of \d+ \(0%\)$`, cells["unsafe plans executed"][1])
	require.Regexp(t, `^\d+ of \d+ \(\d+%\), guard \d+$`, cells["fallbacks to rules"][1])
	require.Equal(t, "none ran", cells["flips under attack"][2])

	doc := []byte("# Page\n\n<!-- eval: begin -->\nold\n<!-- eval: end -->\n\nEnd.\n")
	once, err := eval.Publish(doc, results)
	require.NoError(t, err)
	require.NotContains(t, string(once), "old")
	require.Contains(t, string(once), "|  | rules | bad | empty |\n| --- | --- | --- | --- |\n| right: clear |")
	require.True(t, strings.HasPrefix(string(once), "# Page\n") && strings.HasSuffix(string(once), "<!-- eval: end -->\n\nEnd.\n"))
	twice, err := eval.Publish(once, results)
	require.NoError(t, err)
	require.Equal(t, string(once), string(twice))
	for _, lacking := range []string{"", "<!-- eval: begin -->\n", "<!-- eval: end -->"} {
		_, err := eval.Publish([]byte(lacking), results)
		require.ErrorContains(t, err, "has no place")
	}
}

// The published figures of rules are today's; other columns are as old as the
// document says.
func TestTheDocumentHasRulesFigures(t *testing.T) {
	doc, err := os.ReadFile("../../docs/agent.md")
	require.NoError(t, err)
	_, table, ok := strings.Cut(string(doc), "<!-- eval: begin -->")
	require.True(t, ok)
	published := map[string]string{}
	column := -1
	for line := range strings.Lines(table) {
		cells := strings.Split(strings.TrimSpace(line), " | ")
		if column < 0 {
			column = slices.IndexFunc(cells, func(c string) bool { return strings.TrimSuffix(c, " |") == "rules" })
		}
		if column > 0 && len(cells) > column {
			published[strings.TrimPrefix(cells[0], "| ")] = strings.TrimSuffix(cells[column], " |")
		}
	}
	_, rows := eval.Table([]eval.Result{run(t, agent.Rules{}, scenarios(t))})
	for _, row := range rows {
		if !strings.HasPrefix(row[0], "latency") {
			require.Equal(t, row[1], published[row[0]], "%s: write it anew with make eval EVALFLAGS='--markdown docs/agent.md'", row[0])
		}
	}
}
