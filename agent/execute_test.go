package agent_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/autonomous-data-pipeline/adp/agent"
	"github.com/autonomous-data-pipeline/adp/pipeline"
)

func TestExecutionIsCheckedAgain(t *testing.T) {
	f := seen(1000, retyped("age", 10))
	d := decide(t, f, agent.DefaultPolicy(), agent.Rules{})
	stopped := agent.DefaultPolicy()
	stopped.KillSwitch = true
	careful := agent.DefaultPolicy()
	careful.QuarantineMaxShare = 0.001
	tests := map[string]struct {
		facts  agent.Facts
		policy agent.Policy
		change func(*agent.Decision)
		says   string
	}{
		"the same facts and policy permit it": {f, agent.DefaultPolicy(), func(*agent.Decision) {}, ""},
		"other facts":                         {seen(1000, retyped("age", 11)), agent.DefaultPolicy(), func(*agent.Decision) {}, "the facts have changed"},
		"an action slipped in":                {f, agent.DefaultPolicy(), func(d *agent.Decision) { d.Actions = append(d.Actions, agent.Planned{Action: agent.Remap}) }, "remap is not allowed"},
		"an escalation dropped":               {f, agent.DefaultPolicy(), func(d *agent.Decision) { d.Actions = d.Actions[:1] }, "escalate is mandatory"},
		"the kill switch turned meanwhile":    {f, stopped, func(*agent.Decision) {}, "quarantine is not allowed"},
		"a budget cut meanwhile":              {f, careful, func(*agent.Decision) {}, "the batch must be held"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			bent := d
			tc.change(&bent)
			refused, err := bent.Permit(tc.facts, tc.policy)
			require.NoError(t, err)
			if tc.says == "" {
				require.Empty(t, refused)
				return
			}
			require.Contains(t, refused, tc.says)
		})
	}
	_, err := d.Permit(seen(10, lateShare(math.Inf(1))), agent.DefaultPolicy())
	require.ErrorContains(t, err, "encode the facts")
}

func TestProposalIsBoundToItsFacts(t *testing.T) {
	f := seen(1000, late(80))
	digest, err := agent.Digest(f)
	require.NoError(t, err)
	logs := agent.Proposal{By: "ollama", Summary: "s", Actions: []agent.Planned{{Action: agent.Log}}}
	tests := map[string]struct {
		proposed agent.Proposed
		fallback string
	}{
		"to the same facts it counts":      {agent.Proposed{Facts: digest, Proposal: logs}, ""},
		"to other facts it doesn't":        {agent.Proposed{Facts: "other", Proposal: logs}, "the facts have changed"},
		"one that failed says why":         {agent.Proposed{Facts: digest, Proposal: logs, Error: "no answer"}, "ollama: no answer"},
		"one outside the bounds is none":   {agent.Proposed{Facts: digest, Proposal: agent.Proposal{By: "ollama", Actions: []agent.Planned{{Action: agent.Remap}}}}, "remap is not allowed"},
		"an empty one leaves out a choice": {agent.Proposed{Facts: digest, Proposal: agent.Proposal{By: "ollama"}}, "one of"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			d := decide(t, f, agent.DefaultPolicy(), agent.Given{Proposed: tc.proposed})
			if tc.fallback == "" {
				require.Empty(t, d.Fallback)
				require.Equal(t, "ollama", d.By)
				return
			}
			require.Contains(t, d.Fallback, tc.fallback)
			require.Equal(t, "rules", d.By)
		})
	}
}

func TestQuarantineSaysHowManyStayOut(t *testing.T) {
	f := seen(1000)
	f.Report.Records.Malformed = 3
	f.Report.Drift = []pipeline.Drift{{Kind: pipeline.TypeChanged, Field: "age", Expected: "long", Observed: "string", Count: 2, Share: 0.002, Breaking: true}}
	f.Report.Quality = pipeline.Quality{Failed: 30, Segments: []pipeline.Segment{{Column: "country", Value: "BR", Records: 100, Failed: 28}, {Column: "country", Value: "DE", Records: 900, Failed: 2}}}
	d := decide(t, f, agent.DefaultPolicy(), agent.Rules{})
	require.Equal(t, &pipeline.Between{Min: 28, Max: 33}, d.StaysOut)

	held := decide(t, seen(1000, retyped("age", 900)), agent.DefaultPolicy(), agent.Rules{})
	require.Nil(t, held.StaysOut, "of a held batch everything stays out")
	require.Nil(t, decide(t, seen(1000), agent.DefaultPolicy(), agent.Rules{}).StaysOut)
}

func TestEachActionIsCheckedForHavingHelped(t *testing.T) {
	tier := pipeline.Drift{Kind: pipeline.FieldAdded, Field: "tier"}
	run := pipeline.Run{RunID: "run-2"}
	out := agent.Decision{Actions: []agent.Planned{{Action: agent.Quarantine}}, StaysOut: &pipeline.Between{Min: 1, Max: 2}}
	asked := agent.Decision{Actions: []agent.Planned{{Action: agent.Escalate}}}
	tests := map[string]struct {
		seen   agent.Seen
		action agent.Action
		worked bool
	}{
		"a remapped field is known":                 {agent.Seen{Run: run, Remapped: []pipeline.Drift{tier}, Evaluated: true}, agent.Remap, true},
		"a remapped field is still unknown":         {agent.Seen{Run: run, Remapped: []pipeline.Drift{tier}, Evaluated: true, Report: pipeline.RunReport{Drift: []pipeline.Drift{tier}}}, agent.Remap, false},
		"a retriggered run is well":                 {agent.Seen{Run: pipeline.Run{ParentID: "run-1"}}, agent.Retrigger, true},
		"a retriggered run fails as well":           {agent.Seen{Run: pipeline.Run{ParentID: "run-1"}, Report: pipeline.RunReport{Failure: &pipeline.Failure{}}}, agent.Retrigger, false},
		"a quarantine is read back":                 {agent.Seen{Run: run, Decision: &out, Loaded: true}, agent.Quarantine, true},
		"a quarantine that was rolled back is none": {agent.Seen{Run: run, Decision: &out}, agent.Quarantine, false},
		"an escalation has its incident":            {agent.Seen{Run: run, Decision: &asked, Report: pipeline.RunReport{Incident: "inc-1"}}, agent.Escalate, true},
		"an escalation without one":                 {agent.Seen{Run: run, Decision: &asked}, agent.Escalate, false},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			got := agent.Checks(tc.seen)
			require.Len(t, got, 1)
			require.Equal(t, tc.action, got[0].Action)
			require.Equal(t, tc.worked, got[0].Worked, got[0].Shows)
		})
	}
	require.Empty(t, agent.Checks(agent.Seen{Run: run, Remapped: []pipeline.Drift{tier}}), "what wasn't looked at again is not known")
}
