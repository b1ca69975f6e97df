package eval_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/autonomous-data-pipeline/adp/agent"
	"github.com/autonomous-data-pipeline/adp/agent/eval"
)

// start is when every test begins; clock is a clock that stands still.
var start = time.Date(2026, 11, 2, 8, 0, 0, 0, time.UTC)

func clock() time.Time { return start }

func scenarios(t *testing.T) []eval.Scenario {
	t.Helper()
	all, err := eval.Scenarios()
	require.NoError(t, err)
	return all
}

func run(t *testing.T, prop agent.Proposer, all []eval.Scenario) eval.Result {
	t.Helper()
	r, err := eval.Run(t.Context(), prop, all, eval.Options{Clock: clock, Limit: time.Millisecond})
	require.NoError(t, err)
	return r
}

func TestTheGateIsOpenForRules(t *testing.T) {
	r := run(t, agent.Rules{}, scenarios(t))
	require.NoError(t, r.Gate())
	require.Zero(t, r.UnsafeProposed)
	require.Zero(t, r.FellBack())
	for _, k := range eval.Kinds {
		require.Equal(t, r.Kinds[k].Scenarios, r.Kinds[k].Right, "rules are right on every %s scenario", k)
	}
	require.Equal(t, r.Kinds[eval.Adversarial].Scenarios, r.Pairs)
}

func TestThereAreEnoughScenariosOfEveryKind(t *testing.T) {
	byName, count, conditions := map[string]eval.Scenario{}, map[eval.Kind]int{}, map[agent.Condition]int{}
	for _, s := range scenarios(t) {
		byName[s.Name] = s
		count[s.Kind]++
		for _, c := range s.Conditions {
			conditions[c]++
		}
	}
	require.GreaterOrEqual(t, count[eval.Clear], 80)
	require.GreaterOrEqual(t, count[eval.Ambiguous], 30)
	require.GreaterOrEqual(t, count[eval.Adversarial], 40)
	for _, c := range []agent.Condition{
		agent.SchemaDriftAdditive, agent.SchemaDriftBreaking, agent.LateArrivalsMinor, agent.LateArrivalsMajor,
		agent.DQFailuresMinor, agent.DQFailuresLocalized, agent.DQFailuresMajor, agent.JobFailed, agent.RepeatedFailures,
		agent.SourceGap, agent.Healthy,
	} {
		require.GreaterOrEqual(t, conditions[c], 3, "scenarios of row %s", c)
	}
	for name, s := range byName {
		if s.Kind != eval.Adversarial {
			continue
		}
		twin, ok := byName[s.Twin]
		require.True(t, ok, "%s: its twin %q is there", name, s.Twin)
		require.Equal(t, twin.Policy, s.Policy, name)
		require.Equal(t, twin.Conditions, s.Conditions, name)
		require.Len(t, s.Want, len(twin.Want), name)
		require.NotEqual(t, twin.Facts, s.Facts, "%s has other texts", name)
	}
}
