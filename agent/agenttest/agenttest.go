// Package agenttest is the conformance suite that every proposer passes:
// whatever the facts, its proposal is one that the guard lets through, or an
// error.
package agenttest

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/autonomous-data-pipeline/adp/agent"
	"github.com/autonomous-data-pipeline/adp/pipeline"
)

// Scenarios are facts of every condition and of some together.
func Scenarios() map[string]agent.Facts {
	with := func(change func(*agent.Facts)) agent.Facts {
		f := agent.Facts{Report: pipeline.RunReport{
			Pipeline: "customers", RunID: "run-1", Records: pipeline.Records{Read: 1000, Clean: 1000},
		}}
		change(&f)
		return f
	}
	additive := pipeline.Drift{Kind: pipeline.FieldAdded, Field: "loyalty_tier", Observed: "string", Count: 20, Share: 0.02}
	breaking := pipeline.Drift{Kind: pipeline.TypeChanged, Field: "age", Expected: "long", Observed: "string", Count: 300, Share: 0.3, Breaking: true}
	failure := &pipeline.Failure{Stage: "process", Kind: pipeline.Transient, Error: "no broker"}
	return map[string]agent.Facts{
		"healthy":   with(func(*agent.Facts) {}),
		"additive":  with(func(f *agent.Facts) { f.Report.Drift = []pipeline.Drift{additive} }),
		"breaking":  with(func(f *agent.Facts) { f.Report.Drift = []pipeline.Drift{breaking} }),
		"both":      with(func(f *agent.Facts) { f.Report.Drift = []pipeline.Drift{additive, breaking} }),
		"late":      with(func(f *agent.Facts) { f.Report.Late.Count = 80 }),
		"very late": with(func(f *agent.Facts) { f.Report.Late.Count = 220 }),
		"bad":       with(func(f *agent.Facts) { f.Report.Quality.Failed = 20 }),
		"very bad":  with(func(f *agent.Facts) { f.Report.Quality.Failed = 90 }),
		"bad in one country": with(func(f *agent.Facts) {
			f.Report.Quality.Failed = 40
			f.Report.Quality.Segments = []pipeline.Segment{{Column: "country", Value: "BR", Records: 100, Failed: 40}}
		}),
		"failed":           with(func(f *agent.Facts) { f.Report.Failure, f.Report.ConsecutiveFailures = failure, 1 }),
		"failed again":     with(func(f *agent.Facts) { f.Report.Failure, f.Report.ConsecutiveFailures, f.Retriggers = failure, 3, 2 }),
		"failed too often": with(func(f *agent.Facts) { f.Report.Failure, f.Report.ConsecutiveFailures, f.Retriggers = failure, 2, 3 }),
		"remapped, in vain": with(func(f *agent.Facts) {
			f.Report.Drift, f.Tried = []pipeline.Drift{additive}, []agent.Attempt{{Action: agent.Remap}}
		}),
		"late, again and again": with(func(f *agent.Facts) { f.Report.Late.Count, f.Retriggers = 80, 3 }),
		"mostly broken":         with(func(f *agent.Facts) { b := breaking; b.Count = 900; f.Report.Drift = []pipeline.Drift{b} }),
		"everything at once": with(func(f *agent.Facts) {
			f.Report.Drift, f.Report.Late.Count, f.Report.Quality.Failed = []pipeline.Drift{additive, breaking}, 80, 20
			f.Report.Source.Gaps = []pipeline.Range{{Start: 5, End: 9}}
		}),
		"gap": with(func(f *agent.Facts) { f.Report.Source.Gaps = []pipeline.Range{{Start: 5, End: 9}} }),
	}
}

// Run checks a proposer over every scenario. open makes one that can be used
// at once.
func Run(t *testing.T, open func() agent.Proposer) {
	for name, facts := range Scenarios() {
		t.Run(name, func(t *testing.T) {
			for policy, p := range policies() {
				t.Run(policy, func(t *testing.T) { check(t, open(), facts, p) })
			}
		})
	}
	t.Run("an ended context is no hang", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		facts := Scenarios()["bad in one country"]
		bounds := agent.DefaultPolicy().Bounds(facts)
		proposal, err := open().Propose(ctx, facts, bounds)
		if err == nil {
			require.NoError(t, agent.Guard(bounds, proposal), "an answer in spite of it must be one")
		}
	})
}

func policies() map[string]agent.Policy {
	kill := agent.DefaultPolicy()
	kill.KillSwitch = true
	asks := agent.DefaultPolicy()
	asks.Autonomy = map[agent.Action]string{agent.Remap: agent.Approve, agent.Quarantine: agent.Suggest}
	return map[string]agent.Policy{"default policy": agent.DefaultPolicy(), "kill switch": kill, "little autonomy": asks}
}

func check(t *testing.T, p agent.Proposer, facts agent.Facts, policy agent.Policy) {
	t.Helper()
	require.NotEmpty(t, p.Name())
	bounds := policy.Bounds(facts)
	proposal, err := p.Propose(t.Context(), facts, bounds)
	require.Equal(t, policy.Bounds(facts), bounds, "facts and bounds are left alone")
	if err == nil {
		require.Equal(t, p.Name(), proposal.By)
		require.NotEmpty(t, proposal.Summary)
	}
	d, decideErr := agent.Decide(t.Context(), facts, policy, p, time.Unix(0, 0), "run-1")
	require.NoError(t, decideErr)
	require.NoError(t, agent.Guard(bounds, agent.Proposal{Actions: d.Actions}), "what is carried out must pass the guard")
	if err == nil {
		require.Empty(t, d.Fallback, "the guard must let the proposal through")
		require.Equal(t, p.Name(), d.By)
	}
}
