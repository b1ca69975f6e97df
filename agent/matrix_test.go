package agent_test

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/autonomous-data-pipeline/adp/agent"
	"github.com/autonomous-data-pipeline/adp/agent/agenttest"
	"github.com/autonomous-data-pipeline/adp/dq"
	"github.com/autonomous-data-pipeline/adp/pipeline"
)

func TestRulesConform(t *testing.T) {
	agenttest.Run(t, func() agent.Proposer { return agent.Rules{} })
}

// facts are of a batch of 1,000 records.
func facts(change func(*agent.Facts)) agent.Facts {
	f := agent.Facts{Report: pipeline.RunReport{Pipeline: "customers", RunID: "r", Records: pipeline.Records{Read: 1000}}}
	change(&f)
	return f
}

func drift(kind pipeline.DriftKind, count int64) func(*agent.Facts) {
	return func(f *agent.Facts) {
		f.Report.Drift = append(f.Report.Drift, pipeline.Drift{Kind: kind, Field: "f", Observed: "string", Count: count, Share: float64(count) / 1000})
	}
}

func late(count int64) func(*agent.Facts) {
	return func(f *agent.Facts) { f.Report.Late.Count, f.Report.Late.Share = count, float64(count)/1000 }
}

func failing(count int64, segments ...pipeline.Segment) func(*agent.Facts) {
	return func(f *agent.Facts) {
		f.Report.Quality = pipeline.Quality{Failed: count, Share: float64(count) / 1000, Segments: segments}
	}
}

func failed(inARow int) func(*agent.Facts) {
	return func(f *agent.Facts) {
		f.Report.Failure = &pipeline.Failure{Stage: "process", Kind: pipeline.Transient, Error: "no broker"}
		f.Report.ConsecutiveFailures = inARow
	}
}

func results(percent float64, rowLevel bool, severity dq.Severity) func(*agent.Facts) {
	return func(f *agent.Facts) {
		f.ResultsOnly = true
		f.Failed = append(f.Failed, agent.FailedExpectation{Type: "x", RowLevel: rowLevel, Severity: severity, UnexpectedPercent: percent})
	}
}

func all(changes ...func(*agent.Facts)) func(*agent.Facts) {
	return func(f *agent.Facts) {
		for _, c := range changes {
			c(f)
		}
	}
}

func br(failedInside, records int64) pipeline.Segment {
	return pipeline.Segment{Column: "country", Value: "BR", Records: records, Failed: failedInside}
}

func TestTheMatrix(t *testing.T) {
	type want = []string
	gap := func(f *agent.Facts) { f.Report.Source.Gaps = []pipeline.Range{{Start: 1, End: 4}} }
	tests := map[string]struct {
		facts      func(*agent.Facts)
		conditions want
		actions    want
		hold       bool
	}{
		"nothing is wrong": {all(), want{"healthy"}, nil, false},

		"a new field below the share is ignored":        {drift(pipeline.FieldAdded, 0), want{"schema_drift_additive"}, want{"remap"}, false}, // no number at all counts
		"a new field on the share is remapped":          {drift(pipeline.FieldAdded, 1), want{"schema_drift_additive"}, want{"remap"}, false},
		"a type change is quarantined and escalated":    {drift(pipeline.TypeChanged, 300), want{"schema_drift_breaking"}, want{"quarantine", "escalate"}, false},
		"a missing required field likewise":             {drift(pipeline.FieldMissing, 100), want{"schema_drift_breaking"}, want{"quarantine", "escalate"}, false},
		"a null in a required field likewise":           {drift(pipeline.NullInRequired, 100), want{"schema_drift_breaking"}, want{"quarantine", "escalate"}, false},
		"drift that keeps most of a batch out holds it": {drift(pipeline.TypeChanged, 501), want{"schema_drift_breaking"}, want{"quarantine", "escalate"}, true},
		"half of a batch may stay out":                  {drift(pipeline.TypeChanged, 500), want{"schema_drift_breaking"}, want{"quarantine", "escalate"}, false},

		"one late record retriggers":          {late(1), want{"late_arrivals_minor"}, want{"retrigger"}, false},
		"late just below the line retriggers": {late(149), want{"late_arrivals_minor"}, want{"retrigger"}, false},
		"late on the line escalates":          {late(150), want{"late_arrivals_major"}, want{"escalate"}, false},
		"late just above the line escalates":  {late(151), want{"late_arrivals_major"}, want{"escalate"}, false},

		"one failing record is logged":      {failing(1), want{"dq_failures_minor"}, want{"log"}, false},
		"failing just below the line":       {failing(49), want{"dq_failures_minor"}, want{"log"}, false},
		"failing on the line holds":         {failing(50), want{"dq_failures_major"}, want{"escalate"}, true},
		"failing just above the line holds": {failing(51), want{"dq_failures_major"}, want{"escalate"}, true},

		"failures in one country replace minor":     {failing(40, br(40, 100)), want{"dq_failures_localized"}, want{"quarantine", "notify"}, false},
		"failures in one country replace major":     {failing(90, br(80, 100)), want{"dq_failures_localized"}, want{"quarantine", "notify"}, false},
		"80% inside is concentrated":                {failing(50, br(40, 100)), want{"dq_failures_localized"}, want{"quarantine", "notify"}, false},
		"79% inside is not":                         {failing(100, br(79, 100)), want{"dq_failures_major"}, want{"escalate"}, true},
		"a value with half of all records may be":   {failing(90, br(90, 500)), want{"dq_failures_localized"}, want{"quarantine", "notify"}, false},
		"a value with more than half is everywhere": {failing(90, br(90, 501)), want{"dq_failures_major"}, want{"escalate"}, true},
		"too much outside is not localized":         {failing(300, br(240, 100)), want{"dq_failures_major"}, want{"escalate"}, true},
		"three values may be":                       {failing(60, br(20, 50), pipeline.Segment{Column: "country", Value: "US", Records: 50, Failed: 20}, pipeline.Segment{Column: "country", Value: "DE", Records: 50, Failed: 20}), want{"dq_failures_localized"}, want{"quarantine", "notify"}, false},
		"four values are not": {failing(80, br(20, 50), pipeline.Segment{Column: "country", Value: "US", Records: 50, Failed: 20}, pipeline.Segment{Column: "country", Value: "DE", Records: 50, Failed: 20},
			pipeline.Segment{Column: "country", Value: "FR", Records: 50, Failed: 20}), want{"dq_failures_major"}, want{"escalate"}, true},

		"a failed critical table expectation holds":    {results(0, false, dq.Critical), want{"dq_failures_major"}, want{"escalate"}, true},
		"a failed warning table expectation is logged": {results(0, false, dq.Warning), want{"dq_failures_minor"}, want{"log"}, false},
		"a failed info expectation counts for nothing": {all(results(0, false, dq.Info), results(50, true, dq.Info)), want{"healthy"}, nil, false},
		"results alone: the largest percentage counts": {all(results(2, true, dq.Critical), results(5, true, dq.Warning)), want{"dq_failures_major"}, want{"escalate"}, true},
		"results alone, below the line":                {results(4.99, true, dq.Critical), want{"dq_failures_minor"}, want{"log"}, false},

		"a failed run is retriggered":             {failed(1), want{"job_failed"}, want{"retrigger"}, false},
		"the second failure is retriggered":       {failed(2), want{"job_failed"}, want{"retrigger"}, false},
		"the third escalates instead":             {failed(3), want{"repeated_failures"}, want{"escalate"}, false},
		"the fourth likewise":                     {failed(4), want{"repeated_failures"}, want{"escalate"}, false},
		"a gap escalates":                         {gap, want{"source_gap"}, want{"escalate"}, false},
		"a bug is retriggered and escalated":      {all(failed(1), func(f *agent.Facts) { f.Report.Failure.Kind = pipeline.Bug }), want{"job_failed"}, want{"retrigger", "escalate"}, false},
		"a wrong setting is retriggered and told": {all(failed(1), func(f *agent.Facts) { f.Report.Failure.Kind = pipeline.Misconfigured }), want{"job_failed"}, want{"retrigger", "notify"}, false},

		"additive and breaking drift together": {all(drift(pipeline.FieldAdded, 20), drift(pipeline.TypeChanged, 300)), want{"schema_drift_additive", "schema_drift_breaking"}, want{"quarantine", "remap", "escalate"}, false},
		"late and failing everywhere":          {all(late(80), failing(90)), want{"late_arrivals_minor", "dq_failures_major"}, want{"retrigger", "escalate"}, true},
		"everything at once": {all(drift(pipeline.FieldAdded, 20), drift(pipeline.NullInRequired, 100), late(220), failing(40, br(40, 100)), gap),
			want{"schema_drift_additive", "schema_drift_breaking", "late_arrivals_major", "dq_failures_localized", "source_gap"}, want{"quarantine", "remap", "escalate", "notify"}, false},

		"a chain of late runs ends in the log":        {all(late(80), func(f *agent.Facts) { f.Retriggers = 3 }), want{"late_arrivals_minor"}, want{"log"}, false},
		"a chain of failures ends with a person":      {all(failed(1), func(f *agent.Facts) { f.Retriggers = 3 }), want{"job_failed"}, want{"escalate"}, false},
		"a remap that didn't help is not tried again": {all(drift(pipeline.FieldAdded, 20), func(f *agent.Facts) { f.Tried = []agent.Attempt{{Action: agent.Remap}} }), want{"schema_drift_additive"}, want{"escalate"}, true},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			d, err := agent.Decide(t.Context(), facts(tc.facts), agent.DefaultPolicy(), agent.Rules{}, time.Unix(0, 0), "r")
			require.NoError(t, err)
			require.Empty(t, d.Fallback)
			var conditions, actions []string
			for _, c := range d.Conditions {
				conditions = append(conditions, string(c.Name))
			}
			for _, a := range d.Actions {
				actions = append(actions, string(a.Action))
			}
			require.Equal(t, tc.conditions, conditions)
			require.Equal(t, tc.actions, actions)
			e, _ := d.Find(agent.Escalate)
			require.Equal(t, tc.hold, e.Args.Hold)
		})
	}
}

func TestTheShareOfDriftCounts(t *testing.T) {
	f := facts(func(f *agent.Facts) {
		f.Report.Records.Read = 100_000
		f.Report.Drift = []pipeline.Drift{{Kind: pipeline.FieldAdded, Field: "f", Observed: "string", Count: 99, Share: 0.00099}}
	})
	require.Equal(t, agent.Healthy, agent.DefaultPolicy().Bounds(f).Conditions[0].Name)
	f.Report.Drift[0].Count = 100
	require.Equal(t, agent.SchemaDriftAdditive, agent.DefaultPolicy().Bounds(f).Conditions[0].Name)
}

// A line is met exactly, for every batch size: 15% of n records are on it,
// one record less is below it.
func TestLinesAreExactWhateverTheBatchSize(t *testing.T) {
	p := agent.DefaultPolicy()
	for n := int64(20); n < 40_000; n += 20 {
		f := facts(func(f *agent.Facts) { f.Report.Records.Read = n })
		f.Report.Late.Count = n * 3 / 20
		require.Equal(t, agent.LateArrivalsMajor, p.Bounds(f).Conditions[0].Name, "%d of %d", f.Report.Late.Count, n)
		f.Report.Late.Count--
		require.NotEqual(t, agent.LateArrivalsMajor, p.Bounds(f).Conditions[0].Name, "%d of %d", f.Report.Late.Count, n)
	}
}

func TestBackoffDoublesUpToItsLimit(t *testing.T) {
	p := agent.DefaultPolicy()
	p.Retrigger = agent.RetriggerPolicy{MaxChain: 100, Backoff: 30 * time.Second, MaxBackoff: 100 * time.Second}
	p.RepeatedFailures = 1000
	for chain, want := range map[int]int64{0: 30, 1: 60, 2: 100, 50: 100} {
		f := facts(all(failed(1), func(f *agent.Facts) { f.Retriggers = chain }))
		require.Equal(t, want, p.Bounds(f).Default[0].Args.BackoffS, "chain %d", chain)
	}
}

func TestWithoutAutonomyAPersonDecides(t *testing.T) {
	tests := map[string]struct {
		policy func(*agent.Policy)
		facts  func(*agent.Facts)
		hold   bool
	}{
		"the kill switch holds what would be quarantined": {func(p *agent.Policy) { p.KillSwitch = true }, failing(40, br(40, 100)), true},
		"the kill switch holds what would be remapped":    {func(p *agent.Policy) { p.KillSwitch = true }, drift(pipeline.FieldAdded, 20), true},
		"the kill switch starts no run":                   {func(p *agent.Policy) { p.KillSwitch = true }, failed(1), false},
		"approval of remaps holds the batch":              {func(p *agent.Policy) { p.Autonomy = map[agent.Action]string{agent.Remap: agent.Approve} }, drift(pipeline.FieldAdded, 20), true},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			p := agent.DefaultPolicy()
			tc.policy(&p)
			require.NoError(t, p.Validate())
			d, err := agent.Decide(t.Context(), facts(tc.facts), p, agent.Rules{}, time.Unix(0, 0), "r")
			require.NoError(t, err)
			e, ok := d.Find(agent.Escalate)
			require.True(t, ok)
			require.Equal(t, tc.hold, e.Args.Hold)
			for _, a := range []agent.Action{agent.Remap, agent.Quarantine, agent.Retrigger} {
				require.NotContains(t, d.Allowed, a)
			}
		})
	}
}

// Whatever the facts: what is decided is allowed, has what is mandatory, is in
// order, has each action once, and is the same again.
func TestEveryDecisionKeepsTheBounds(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	changes := []func(*agent.Facts){
		drift(pipeline.FieldAdded, 1+r.Int64N(999)), drift(pipeline.TypeChanged, 1+r.Int64N(999)), drift(pipeline.FieldMissing, 1),
		late(1 + r.Int64N(999)), failing(1 + r.Int64N(999)), failing(60, br(r.Int64N(60), 100)), failed(1 + r.IntN(5)),
		results(r.Float64()*100, true, dq.Warning), results(0, false, dq.Critical), results(0, false, dq.Warning),
		func(f *agent.Facts) { f.Report.Source.Gaps = []pipeline.Range{{End: 5}} },
		func(f *agent.Facts) { f.Retriggers = r.IntN(6) },
		func(f *agent.Facts) { f.Tried = []agent.Attempt{{Action: agent.Remap}} },
		func(f *agent.Facts) { f.Report.Records.Malformed = r.Int64N(1000) },
	}
	order := []agent.Action{agent.Quarantine, agent.Remap, agent.Log, agent.Retrigger, agent.Escalate, agent.Notify}
	for range 2000 {
		f := facts(func(*agent.Facts) {})
		for _, c := range changes {
			if r.IntN(3) == 0 {
				c(&f)
			}
		}
		p := agent.DefaultPolicy()
		p.KillSwitch = r.IntN(10) == 0
		d, err := agent.Decide(t.Context(), f, p, agent.Rules{}, time.Unix(0, 0), "r")
		require.NoError(t, err)
		require.Empty(t, d.Fallback)
		last := -1
		for _, a := range d.Actions {
			require.Contains(t, d.Allowed, a.Action)
			at := slices.Index(order, a.Action)
			require.Greater(t, at, last)
			last = at
		}
		for _, m := range d.Mandatory {
			_, ok := d.Find(m)
			require.True(t, ok, m)
		}
		again, err := agent.Decide(t.Context(), f, p, agent.Rules{}, time.Unix(99, 0), "r")
		require.NoError(t, err)
		require.Equal(t, d.ID, again.ID)
		refused, err := d.Permit(f, p)
		require.NoError(t, err)
		require.Empty(t, refused)
		f.Report.Late.Count++
		refused, err = d.Permit(f, p)
		require.NoError(t, err)
		require.NotEmpty(t, refused)
	}
}
