package agent_test

import (
	"encoding/json"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/autonomous-data-pipeline/adp/agent"
	"github.com/autonomous-data-pipeline/adp/dq"
	"github.com/autonomous-data-pipeline/adp/pipeline"
)

// anyFacts are facts as no producer should write them, too: counts beyond the
// whole, shares without counts, segments that add up to more than there is.
func anyFacts(r *rand.Rand) agent.Facts {
	some := func(n int) bool { return r.IntN(n) == 0 }
	count := func() int64 { return r.Int64N(1200) - 50 }
	share := func() float64 { return r.Float64()*1.2 - 0.1 }
	f := seen(int64(r.IntN(3)) * 500)
	if some(3) {
		late(count())(&f)
		lateShare(share())(&f)
	}
	for some(2) {
		kind := []pipeline.DriftKind{pipeline.FieldAdded, pipeline.FieldMissing, pipeline.TypeChanged, "other"}[r.IntN(4)]
		field := []string{"a", "b", "_c", "", "d d"}[r.IntN(5)]
		f.Report.Drift = append(f.Report.Drift, pipeline.Drift{Kind: kind, Field: field, Count: count(), Share: share(), Breaking: some(4)})
	}
	if some(2) {
		f.Report.Quality.Failed, f.Report.Quality.Share = count(), share()
	}
	for some(2) {
		in([]string{"country", "plan"}[r.IntN(2)], []string{"x", "y", "z"}[r.IntN(3)], count(), count())(&f)
	}
	for some(3) {
		unmet([]dq.Severity{dq.Critical, dq.Warning, dq.Info, ""}[r.IntN(4)], some(2), share()*100)(&f)
	}
	if some(4) {
		broke([]pipeline.Kind{pipeline.Transient, pipeline.Bug, pipeline.Misconfigured}[r.IntN(3)], r.IntN(5))(&f)
	}
	if some(5) {
		gap(r.Int64N(5), r.Int64N(10))(&f)
	}
	if some(5) {
		tried(agent.Remap)(&f)
	}
	f.Report.Records.Malformed = count()
	f.Retriggers, f.ResultsOnly = r.IntN(6), some(4)
	return f
}

func anyPolicy(r *rand.Rand) agent.Policy {
	p := agent.DefaultPolicy()
	p.LateMajor, p.DQMajor, p.Drift.MinShare = r.Float64(), r.Float64()/2, r.Float64()/10
	p.QuarantineMaxShare, p.Localized.MaxValues, p.Drift.MaxNewFields = r.Float64(), r.IntN(4), r.IntN(3)
	p.RepeatedFailures, p.Retrigger.MaxChain = 1+r.IntN(4), r.IntN(5)
	p.KillSwitch = r.IntN(6) == 0
	for _, a := range []agent.Action{agent.Remap, agent.Quarantine, agent.Retrigger} {
		if r.IntN(4) == 0 {
			autonomy(a, []string{agent.Observe, agent.Suggest, agent.Approve, agent.Auto}[r.IntN(4)])(&p)
		}
	}
	return p
}

// Whatever the facts and the policy, the bounds hold together.
func TestBoundsHoldForAnyFactsAndAnyPolicy(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 1))
	for range 3000 {
		f, p := anyFacts(r), anyPolicy(r)
		require.NoError(t, p.Validate())
		before, err := json.Marshal(f)
		require.NoError(t, err)
		b := p.Bounds(f)
		checkBounds(t, f, p, b)
		after, err := json.Marshal(f)
		require.NoError(t, err)
		require.Equal(t, string(before), string(after), "the facts are left alone")
		require.Equal(t, b, p.Bounds(f), "the same again")
	}
}

func checkBounds(t *testing.T, f agent.Facts, p agent.Policy, b agent.Bounds) {
	t.Helper()
	has := func(c agent.Condition) bool {
		return slices.ContainsFunc(b.Conditions, func(m agent.Met) bool { return m.Name == c })
	}
	d := agent.Decision{Actions: b.Default}
	escalation, escalates := d.Find(agent.Escalate)
	require.NoError(t, agent.Guard(b, agent.Proposal{Actions: b.Default}), "the default is inside")
	require.NotEmpty(t, b.Conditions)
	require.Equal(t, len(b.Conditions) == 1 && len(b.Default) == 0, has(agent.Healthy), "healthy alone has nothing to do")
	for _, m := range b.Mandatory {
		require.Contains(t, b.Allowed, m)
		_, there := d.Find(m)
		require.True(t, there, "%s is mandatory", m)
	}
	for _, safe := range []agent.Action{agent.Log, agent.Escalate, agent.Notify} {
		require.Contains(t, b.Allowed, safe)
	}
	for a, level := range p.Autonomy {
		if level != agent.Auto {
			require.NotContains(t, b.Allowed, a)
		}
	}
	if p.KillSwitch {
		require.Subset(t, []agent.Action{agent.Log, agent.Escalate, agent.Notify}, b.Allowed)
	}
	for _, c := range []agent.Condition{agent.SchemaDriftBreaking, agent.LateArrivalsMajor, agent.DQFailuresMajor, agent.RepeatedFailures, agent.SourceGap} {
		require.True(t, !has(c) || escalates, "%s escalates", c)
	}
	require.True(t, !has(agent.DQFailuresMajor) || escalation.Args.Hold, "major failures hold")
	require.True(t, !has(agent.RepeatedFailures) || escalation.Args.PauseSchedule, "repeated failures pause")
	_, quarantines := d.Find(agent.Quarantine)
	require.True(t, quarantines || escalation.Args.Hold || !(has(agent.SchemaDriftBreaking) || has(agent.DQFailuresLocalized)), "bad records stay out")
	remap, remaps := d.Find(agent.Remap)
	require.True(t, remaps || escalation.Args.Hold || !has(agent.SchemaDriftAdditive), "no new value is dropped")
	require.LessOrEqual(t, len(remap.Args.Fields), p.Drift.MaxNewFields)
	require.False(t, has(agent.LateArrivalsMinor) && has(agent.LateArrivalsMajor))
	require.False(t, has(agent.JobFailed) && has(agent.RepeatedFailures))
	retrigger, _ := d.Find(agent.Retrigger)
	require.LessOrEqual(t, retrigger.Args.BackoffS, int64(p.Retrigger.MaxBackoff/time.Second))
	require.True(t, retrigger.Action == "" || f.Retriggers < p.Retrigger.MaxChain, "a chain ends")
}

// Whatever a proposer answers, what is carried out is inside the bounds.
func TestNoAnswerGetsOutOfTheBounds(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 2))
	actions := []agent.Action{agent.Quarantine, agent.Remap, agent.Log, agent.Retrigger, agent.Escalate, agent.Notify, "drop_table"}
	through := 0
	for range 3000 {
		f, p := anyFacts(r), anyPolicy(r)
		b := p.Bounds(f)
		answer := slices.Clone(b.Default)
		for range r.IntN(3) {
			switch {
			case len(answer) > 0 && r.IntN(2) == 0:
				i := r.IntN(len(answer))
				answer = slices.Delete(answer, i, i+1)
			default:
				a := agent.Planned{Action: actions[r.IntN(len(actions))]}
				a.Args.Hold = a.Action == agent.Escalate && r.IntN(2) == 0
				answer = append(answer, a)
			}
		}
		d := decide(t, f, p, answers{agent.Proposal{By: "ollama", Actions: answer}})
		require.NoError(t, agent.Guard(b, agent.Proposal{Actions: d.Actions}))
		refused, err := d.Permit(f, p)
		require.NoError(t, err)
		require.Empty(t, refused)
		require.Equal(t, d.By == "rules", d.Fallback != "")
		if d.Fallback == "" {
			through++
		}
	}
	require.Positive(t, through, "the guard lets nothing through")
}
