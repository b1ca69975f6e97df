package agent_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/autonomous-data-pipeline/adp/agent"
	"github.com/autonomous-data-pipeline/adp/pipeline"
)

// proposes always answers the same.
type proposes struct {
	actions []agent.Planned
	err     error
}

func (p proposes) Name() string { return "ollama" }

func (p proposes) Propose(context.Context, agent.Facts, agent.Bounds) (agent.Proposal, error) {
	return agent.Proposal{By: "ollama", Actions: p.actions, Summary: "trust me"}, p.err
}

func TestTheGuard(t *testing.T) {
	act := func(a agent.Action, args agent.Args) agent.Planned { return agent.Planned{Action: a, Args: args} }
	localized := failing(40, br(40, 100))
	tests := map[string]struct {
		facts    func(*agent.Facts)
		proposal proposes
		why      string // of the fallback; empty lets the proposal through
	}{
		"an invented action":                    {all(), proposes{actions: []agent.Planned{act("drop_table", agent.Args{})}}, "drop_table is not allowed"},
		"an action that this run doesn't allow": {all(), proposes{actions: []agent.Planned{act(agent.Quarantine, agent.Args{})}}, "quarantine is not allowed"},
		"a mandatory action left out":           {drift(pipeline.TypeChanged, 300), proposes{actions: []agent.Planned{act(agent.Quarantine, agent.Args{})}}, "escalate is mandatory"},
		"nothing where something is mandatory":  {localized, proposes{}, "quarantine is mandatory"},
		"the same action twice":                 {failing(10), proposes{actions: []agent.Planned{act(agent.Log, agent.Args{}), act(agent.Log, agent.Args{})}}, "proposed twice"},
		"a hold that is dropped":                {failing(90), proposes{actions: []agent.Planned{act(agent.Escalate, agent.Args{})}}, "must be held"},
		"a schedule paused for fun":             {late(220), proposes{actions: []agent.Planned{act(agent.Escalate, agent.Args{PauseSchedule: true})}}, "isn't the proposer's choice"},
		"another segment":                       {localized, proposes{actions: []agent.Planned{act(agent.Quarantine, agent.Args{Column: "country", Values: []string{"US"}}), act(agent.Notify, agent.Args{})}}, "is not the segment"},
		"a field that isn't new":                {drift(pipeline.FieldAdded, 20), proposes{actions: []agent.Planned{act(agent.Remap, agent.Args{Fields: []string{"email"}})}}, "are not among the new ones"},
		"a retrigger at once after a failure":   {failed(1), proposes{actions: []agent.Planned{act(agent.Retrigger, agent.Args{})}}, "a backoff of 0 s"},
		"actions out of order":                  {late(80), proposes{actions: []agent.Planned{act(agent.Notify, agent.Args{}), act(agent.Retrigger, agent.Args{})}}, "out of order"},
		"a proposer that fails":                 {all(), proposes{err: errors.New("model is down")}, "model is down"},
		"a hold instead of a quarantine":        {localized, proposes{actions: []agent.Planned{act(agent.Escalate, agent.Args{Hold: true})}}, ""},
		"an escalation on top":                  {failing(10), proposes{actions: []agent.Planned{act(agent.Escalate, agent.Args{})}}, ""},
		"a longer backoff":                      {failed(1), proposes{actions: []agent.Planned{act(agent.Retrigger, agent.Args{BackoffS: 300})}}, ""},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			d, err := agent.Decide(t.Context(), facts(tc.facts), agent.DefaultPolicy(), tc.proposal, time.Unix(0, 0), "r")
			require.NoError(t, err)
			if tc.why == "" {
				require.Empty(t, d.Fallback)
				require.Equal(t, "ollama", d.By)
				return
			}
			require.Contains(t, d.Fallback, tc.why)
			require.Equal(t, "rules", d.By)
			require.NotContains(t, d.Summary, "trust me")
		})
	}
}

// FuzzGuard: whatever a proposer says, what is carried out stays in bounds.
func FuzzGuard(f *testing.F) {
	f.Add("drop_table", "BR", int64(40), true)
	f.Add("quarantine", "US", int64(90), false)
	f.Fuzz(func(t *testing.T, action, value string, n int64, hold bool) {
		fa := facts(all(failing(abs(n)%1000, br(abs(n)%1000/2, 100)), drift(pipeline.FieldAdded, 20)))
		p := proposes{actions: []agent.Planned{{Action: agent.Action(action), Args: agent.Args{Column: "country", Values: []string{value}, Fields: []string{value}, Hold: hold, BackoffS: n}}}}
		d, err := agent.Decide(t.Context(), fa, agent.DefaultPolicy(), p, time.Unix(0, 0), "r")
		require.NoError(t, err)
		require.NoError(t, agent.Guard(agent.DefaultPolicy().Bounds(fa), agent.Proposal{Actions: d.Actions}))
	})
}

func abs(n int64) int64 {
	if n < 0 {
		return -(n + 1)
	}
	return n
}

func TestPolicyProblemsAreReportedAllAtOnce(t *testing.T) {
	p := agent.DefaultPolicy()
	require.NoError(t, p.Validate())
	p.LateMajor, p.RepeatedFailures, p.Escalation.Timeout = 1.5, 0, 0
	p.Autonomy = map[agent.Action]string{agent.Escalate: "auto", agent.Remap: "yolo"}
	err := p.Validate()
	for _, key := range []string{"policy.late_major", "policy.repeated_failures", "policy.escalation.timeout", `action "escalate"`, `"yolo"`} {
		require.ErrorContains(t, err, key)
	}
}

func TestFactsFromFiles(t *testing.T) {
	report := []byte(`{"pipeline":"p","records":{"read":1000},"late":{"count":150},"somebody":"else's field"}`)
	results := []byte(`{"results":[{"success":false,"expectation_config":{"type":"expect_column_values_to_not_be_null","kwargs":{"column":"id"}},"result":{"unexpected_percent":8.0}}]}`)
	f, err := agent.FactsFromFiles(report, results)
	require.NoError(t, err)
	require.True(t, f.ResultsOnly, "the report counts no failing records")
	b := agent.DefaultPolicy().Bounds(f)
	require.Equal(t, agent.LateArrivalsMajor, b.Conditions[0].Name)
	require.Equal(t, agent.DQFailuresMajor, b.Conditions[1].Name)

	counted := []byte(`{"pipeline":"p","records":{"read":1000},"quality":{"failed":0,"share":0}}`)
	f, err = agent.FactsFromFiles(counted, results)
	require.NoError(t, err)
	require.Equal(t, agent.Healthy, agent.DefaultPolicy().Bounds(f).Conditions[0].Name, "the report's own count wins")

	for name, bad := range map[string]string{
		"no JSON": "<html>", "a negative count": `{"records":{"read":-1}}`, "a share above 1": `{"late":{"share":1.5}}`,
		"more late than read": `{"records":{"read":10},"late":{"count":11}}`, "a gap that ends before it starts": `{"source":{"gaps":[{"start":9,"end":1}]}}`,
	} {
		_, err := agent.FactsFromFiles([]byte(bad), nil)
		require.Equal(t, pipeline.BadData, pipeline.KindOf(err), name)
	}
	_, err = agent.FactsFromFiles(nil, nil)
	require.Error(t, err)
}

func FuzzFactsFromFiles(f *testing.F) {
	f.Add([]byte(`{"records":{"read":1000},"drift":[{"kind":"field_added","count":3}]}`), []byte(`{"results":[]}`))
	f.Fuzz(func(t *testing.T, report, results []byte) {
		facts, err := agent.FactsFromFiles(report, results)
		if err != nil {
			return
		}
		_, err = agent.Decide(t.Context(), facts, agent.DefaultPolicy(), agent.Rules{}, time.Unix(0, 0), "r")
		require.NoError(t, err)
	})
}
