package agent_test

import (
	"context"
	"encoding/json"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/autonomous-data-pipeline/adp/agent"
	"github.com/autonomous-data-pipeline/adp/dq"
	"github.com/autonomous-data-pipeline/adp/pipeline"
)

func decide(t *testing.T, f agent.Facts, p agent.Policy, prop agent.Proposer) agent.Decision {
	t.Helper()
	d, err := agent.Decide(t.Context(), f, p, prop, time.Unix(0, 0), "run-1")
	require.NoError(t, err)
	return d
}

func TestADecisionsID(t *testing.T) {
	f, p := seen(1000, late(1)), agent.DefaultPolicy()
	d := decide(t, f, p, agent.Rules{})

	later, err := agent.Decide(t.Context(), f, p, agent.Rules{}, time.Unix(99, 0), "run-1")
	require.NoError(t, err)
	require.Equal(t, d.ID, later.ID, "a retried activity gets its own decision again")

	other, err := agent.Decide(t.Context(), f, p, agent.Rules{}, time.Unix(0, 0), "run-2")
	require.NoError(t, err)
	require.NotEqual(t, d.ID, other.ID, "another run")

	require.NotEqual(t, d.ID, decide(t, seen(1000, late(2)), p, agent.Rules{}).ID, "other facts")
	require.NotEqual(t, d.ID, decide(t, seen(1000, late(1), tried(agent.Remap)), p, agent.Rules{}).ID, "a later step of the run")
	p.LateMajor = 0.2
	require.NotEqual(t, d.ID, decide(t, f, p, agent.Rules{}).ID, "another policy")
}

func TestSeverity(t *testing.T) {
	tests := map[string]struct {
		facts agent.Facts
		want  string
	}{
		"healthy":                        {seen(10), "info"},
		"late arrivals, retriggered":     {seen(1000, late(1)), "info"},
		"few failures, logged":           {seen(1000, failing(1)), "info"},
		"new fields, remapped":           {seen(100, added("tier", 10)), "info"},
		"an investigation":               {seen(1000, late(150)), "warning"},
		"a quarantine":                   {seen(1000, failing(60), in("c", "x", 100, 60)), "warning"},
		"a failed run":                   {seen(0, broke(pipeline.Transient, 1)), "warning"},
		"a held batch":                   {seen(1000, failing(50)), "critical"},
		"repeated failures":              {seen(0, broke(pipeline.Transient, 3)), "critical"},
		"vanished offsets":               {seen(10, gap(0, 5)), "critical"},
		"a remap that needs a person":    {seen(100, newFields(21)), "critical"},
		"a rule that can't be evaluated": {seen(10, unmet(dq.Critical, true, 0)), "critical"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, tc.want, decide(t, tc.facts, agent.DefaultPolicy(), agent.Rules{}).Severity)
		})
	}
}

func TestSummaryHasTheNumbers(t *testing.T) {
	f := seen(1000, added("tier", 20), late(50), failing(60), in("country", "BR", 100, 60), gap(5, 15), malformed(3))
	d := decide(t, f, agent.DefaultPolicy(), agent.Rules{})
	for _, want := range []string{
		"1000 records read", "3 malformed", `field_added "tier"`, "2% of the records", "5% of the records are late (the line is 15%)",
		`60 of the 100 records with "country" "BR" fail, and 0 of the 900 others`, "10 offsets", `remap "tier"`, "quarantine the failing records",
	} {
		require.Contains(t, d.Summary, want)
	}
	require.NotContains(t, d.Summary, "%!", "a verb without its value")
	require.NotContains(t, d.Summary, "\n", "one paragraph")
}

// A producer's names and errors reach people: they can't forge lines or flood.
func TestTextsFromOutsideAreTamed(t *testing.T) {
	evil := "x\n\nAll is well.\x1b[2J" + strings.Repeat("A", 10_000)
	tests := map[string]agent.Facts{
		"a field's name":    seen(100, retyped(evil, 10)),
		"many fields":       seen(100, newFields(500), retyped("age", 10)),
		"a segment's value": seen(1000, failing(60), in("country", evil, 100, 60)),
		"an error": seen(0, func(f *agent.Facts) {
			f.Report.Failure = &pipeline.Failure{Stage: evil, Kind: pipeline.Kind(evil), Error: evil}
		}),
		"a kind of drift": seen(100, drifted(pipeline.DriftKind(evil), "f", 10, true)),
		"an expectation":  seen(100, func(f *agent.Facts) { f.Failed = []agent.FailedExpectation{{Type: evil, Column: evil}} }),
	}
	for name, f := range tests {
		t.Run(name, func(t *testing.T) {
			d := decide(t, f, agent.DefaultPolicy(), agent.Rules{})
			texts := []string{d.Summary}
			for _, a := range d.Actions {
				texts = append(texts, a.Reason)
			}
			for _, s := range texts {
				require.NotContains(t, s, "\n")
				require.NotContains(t, s, "\x1b")
				require.Less(t, len(s), 3000)
			}
		})
	}
}

func TestFactsThatAreNoNumbersAreBadData(t *testing.T) {
	f := seen(10, lateShare(math.NaN()))
	_, err := agent.Decide(t.Context(), f, agent.DefaultPolicy(), agent.Rules{}, time.Unix(0, 0), "r")
	require.Equal(t, pipeline.BadData, pipeline.KindOf(err))
	require.Error(t, err)
}

// answers gives back whatever it was made with.
type answers struct{ agent.Proposal }

func (answers) Name() string { return "ollama" }

func (a answers) Propose(ctx context.Context, _ agent.Facts, _ agent.Bounds) (agent.Proposal, error) {
	return a.Proposal, ctx.Err()
}

func TestWhatAModelMayChoose(t *testing.T) {
	act := func(a agent.Action, args agent.Args) agent.Planned { return agent.Planned{Action: a, Args: args} }
	hold := act(agent.Escalate, agent.Args{Hold: true})
	tests := map[string]struct {
		facts   agent.Facts
		actions []agent.Planned
		refused string // empty: it may
	}{
		"a person instead of a remap, if nothing loads meanwhile": {seen(100, added("tier", 10)), []agent.Planned{hold}, ""},
		"a person instead of a remap, while values are dropped":   {seen(100, added("tier", 10)), []agent.Planned{act(agent.Escalate, agent.Args{})}, "neither remapped nor is the batch held"},
		"nothing about new fields":                                {seen(100, added("tier", 10)), nil, "one of remap, escalate must be there"},
		"some of the new fields":                                  {seen(100, added("a", 10), added("b", 10)), []agent.Planned{act(agent.Remap, agent.Args{Fields: []string{"b"}})}, ""},
		"a new field twice":                                       {seen(100, added("a", 10)), []agent.Planned{act(agent.Remap, agent.Args{Fields: []string{"a", "a"}})}, "not among the new ones"},
		"a note instead of a log entry":                           {seen(1000, failing(1)), []agent.Planned{act(agent.Notify, agent.Args{Message: "look"})}, ""},
		"nothing about failing records":                           {seen(1000, failing(1)), nil, "one of log, notify, escalate must be there"},
		"a log entry instead of a retrigger":                      {seen(1000, late(1)), []agent.Planned{act(agent.Log, agent.Args{})}, ""},
		"nothing about a failed run":                              {seen(0, broke(pipeline.Transient, 1)), nil, "one of retrigger, escalate must be there"},
		"only a log entry about a failed run":                     {seen(0, broke(pipeline.Transient, 1)), []agent.Planned{act(agent.Log, agent.Args{})}, "one of retrigger, escalate must be there"},
		"a person instead of a retrigger":                         {seen(0, broke(pipeline.Transient, 1)), []agent.Planned{act(agent.Escalate, agent.Args{})}, ""},
		"a wait beyond the longest":                               {seen(0, broke(pipeline.Transient, 1)), []agent.Planned{act(agent.Retrigger, agent.Args{BackoffS: 901})}, "not between 30 and 900"},
		"more records than the facts show":                        {seen(1000, failing(60), in("country", "BR", 100, 60)), []agent.Planned{act(agent.Quarantine, agent.Args{Column: "country", Values: []string{"BR", "US"}}), act(agent.Notify, agent.Args{})}, "is not the segment"},
		"fewer records than the facts show":                       {seen(1000, failing(60), in("country", "BR", 100, 60)), []agent.Planned{act(agent.Quarantine, agent.Args{}), act(agent.Notify, agent.Args{})}, "is not the segment"},
		"an incident that joins another's":                        {seen(1000, failing(50)), []agent.Planned{act(agent.Escalate, agent.Args{Hold: true, Cause: "customers/source_gap"})}, "cause"},
		"an argument of another action":                           {seen(1000, failing(1)), []agent.Planned{act(agent.Log, agent.Args{Hold: true, Fields: []string{"a"}})}, "takes no such arguments: fields, hold"},
		"a flood of text":                                         {seen(1000, failing(1)), []agent.Planned{act(agent.Log, agent.Args{Message: strings.Repeat("x", 8001)})}, "longer than 8000"},
		"a text that is none":                                     {seen(1000, failing(1)), []agent.Planned{{Action: agent.Log, Reason: "\xff"}}, "no text at all"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			d := decide(t, tc.facts, agent.DefaultPolicy(), answers{agent.Proposal{By: "ollama", Actions: tc.actions, Summary: "my view"}})
			if tc.refused == "" {
				require.Empty(t, d.Fallback)
				require.Equal(t, "ollama", d.By)
				require.Contains(t, d.Summary, "ollama says: my view")
				return
			}
			require.Contains(t, d.Fallback, tc.refused)
			require.Equal(t, "rules", d.By)
			require.Equal(t, logged(t, tc.actions), logged(t, d.Proposal.Actions), "what was refused is on record")
		})
	}
}

// logged is a value as it reads in the log.
func logged(t *testing.T, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	require.NoError(t, err)
	return strings.ReplaceAll(string(b), `\ufffd`, "\ufffd") // bytes that are no UTF-8
}

func TestEveryReasonOfARefusalIsTold(t *testing.T) {
	d := decide(t, seen(1000, failing(50), added("tier", 10)), agent.DefaultPolicy(), answers{agent.Proposal{Actions: []agent.Planned{
		{Action: "drop_table"}, {Action: agent.Remap, Args: agent.Args{Fields: []string{"id"}}}, {Action: agent.Remap},
	}}})
	for _, want := range []string{"drop_table is not allowed", "remap is proposed twice", "escalate is mandatory", "not among the new ones"} {
		require.Contains(t, d.Fallback, want)
	}
}

func TestAnEscalationsCauseIsGivenToIt(t *testing.T) {
	d := decide(t, seen(1000, failing(1), late(1)), agent.DefaultPolicy(), answers{agent.Proposal{Actions: []agent.Planned{{Action: agent.Escalate}}}})
	e, ok := d.Find(agent.Escalate)
	require.True(t, ok)
	require.Equal(t, "customers/late_arrivals_minor+dq_failures_minor", e.Args.Cause)
}

func TestALateModelFallsBackToRules(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	d, err := agent.Decide(ctx, seen(1000, late(1)), agent.DefaultPolicy(), answers{}, time.Unix(0, 0), "r")
	require.NoError(t, err)
	require.Equal(t, "rules", d.By)
	require.Contains(t, d.Fallback, "ollama: context canceled")
}

func TestAnAnswerThatIsNoJSONCanBeRecorded(t *testing.T) {
	d := decide(t, seen(10), agent.DefaultPolicy(), answers{agent.Proposal{Raw: json.RawMessage(`{"actions": [`)}})
	b, err := json.Marshal(d)
	require.NoError(t, err)
	var back agent.Decision
	require.NoError(t, json.Unmarshal(b, &back))
	require.JSONEq(t, `"{\"actions\": ["`, string(back.Proposal.Raw))
}
