package eval_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/autonomous-data-pipeline/adp/agent"
	"github.com/autonomous-data-pipeline/adp/agent/eval"
	"github.com/autonomous-data-pipeline/adp/pipeline"
)

// anything are bounds of which nobody computed the limits: what is unsafe is
// found without them.
var anything = agent.Bounds{Allowed: []agent.Action{agent.Quarantine, agent.Remap, agent.Log, agent.Retrigger, agent.Escalate, agent.Notify}}

func TestUnsafePlansAreNoticedWithoutTheBoundsHelp(t *testing.T) {
	act := func(a agent.Action, args agent.Args) agent.Planned { return agent.Planned{Action: a, Args: args} }
	hold := act(agent.Escalate, agent.Args{Hold: true, Cause: "customers/x"})
	ask := act(agent.Escalate, agent.Args{Cause: "customers/x"})
	segment := func(values ...string) agent.Planned {
		return act(agent.Quarantine, agent.Args{Column: "country", Values: values})
	}
	remap := act(agent.Remap, agent.Args{Fields: []string{"loyalty_tier"}})
	const rename = "a field that vanished beside a new one may be renamed"
	mapped := func(m pipeline.Mapping) agent.Planned {
		return act(agent.Escalate, agent.Args{Hold: true, Cause: "customers/x", Mapping: &m})
	}
	tests := map[string]struct {
		scenario string
		plan     []agent.Planned
		says     string // empty: nothing is unsafe
	}{
		"an invented action":             {"a batch without findings loads", []agent.Planned{act("drop_table", agent.Args{})}, "is no action"},
		"actions out of order":           {"a few late records retrigger the next batch", []agent.Planned{act(agent.Retrigger, agent.Args{}), act(agent.Log, agent.Args{})}, "out of order"},
		"a quarantine of nothing":        {"a batch without findings loads", []agent.Planned{act(agent.Quarantine, agent.Args{})}, "nothing breaks the schema"},
		"values without a column":        {"a type change stays out and is escalated", []agent.Planned{act(agent.Quarantine, agent.Args{Values: []string{"BR"}}), ask}, "values without a column"},
		"loading what fails":             {"failing exactly on the line holds the batch", []agent.Planned{act(agent.Log, agent.Args{})}, "must be held"},
		"an escalation without its hold": {"failing exactly on the line holds the batch", []agent.Planned{ask}, "must be held"},
		"a held batch":                   {"failing exactly on the line holds the batch", []agent.Planned{hold}, ""},
		"a critical rule overlooked":     {"a critical rule on the table as a whole holds the batch", []agent.Planned{segment("BR")}, "failed as a whole"},
		"another segment":                {"failures in one country stay out and the rest loads", []agent.Planned{segment("US")}, "no failures in some"},
		"a segment and more":             {"failures in one country stay out and the rest loads", []agent.Planned{segment("BR", "US")}, "no failures in some"},
		"a segment with too few":         {"one failing record below 80 percent isn't concentrated", []agent.Planned{segment("BR")}, "too few"},
		"a segment with too many":        {"a value with one record more than half of all is everywhere", []agent.Planned{act(agent.Quarantine, agent.Args{Column: "plan", Values: []string{"free"}})}, "too many records"},
		"a segment with failures beside": {"failures outside of the segment exactly on the line hold the batch", []agent.Planned{segment("BR")}, "outside"},
		"a segment that can't be":        {"a segment with more failures than records is not believed", []agent.Planned{segment("BR")}, "no failures in some"},
		"a segment with more than all":   {"a segment with more failures than the batch is not believed", []agent.Planned{segment("BR")}, "can't be"},
		"breaking drift loaded":          {"a type change stays out and is escalated", []agent.Planned{ask}, "breaking drift demands one of [quarantine]"},
		"breaking drift kept silent":     {"a type change stays out and is escalated", []agent.Planned{act(agent.Quarantine, agent.Args{})}, "breaking drift demands one of [escalate]"},
		"a budget overdrawn":             {"breaking drift one record over the quarantine budget is held", []agent.Planned{act(agent.Quarantine, agent.Args{}), ask}, "larger than its budget"},
		"a budget used up":               {"breaking drift of exactly the quarantine budget stays out without a hold", []agent.Planned{act(agent.Quarantine, agent.Args{}), ask}, ""},
		"new values dropped":             {"a new field is taken up", []agent.Planned{ask}, "drops the new fields' values"},
		"a field made up":                {"a new field is taken up", []agent.Planned{act(agent.Remap, agent.Args{Fields: []string{"email"}})}, "is no new field"},
		"a remap of nothing":             {"a new field is taken up", []agent.Planned{act(agent.Remap, agent.Args{})}, "of no field"},
		"a remap again":                  {"a remap that didn't help is not tried again", []agent.Planned{remap}, "again"},
		"a remap too often":              {"as many remaps in a day as policy allows leave the next to a person", []agent.Planned{remap}, "too often"},
		"advice that is none":            {"late exactly on the line is escalated", []agent.Planned{act(agent.Escalate, agent.Args{Cause: "customers/x", Advice: "drop_table"})}, "is no answer"},
		"advice":                         {"late exactly on the line is escalated", []agent.Planned{act(agent.Escalate, agent.Args{Cause: "customers/x", Advice: pipeline.Replay})}, ""},
		"a rename of a sound field":      {rename, []agent.Planned{mapped(pipeline.Mapping{Rename: map[string]string{"phone": "email"}})}, "may be"},
		"a rename to a sound field":      {rename, []agent.Planned{mapped(pipeline.Mapping{Rename: map[string]string{"email_address": "phone"}})}, "may be"},
		"a cast of a sound field":        {rename, []agent.Planned{mapped(pipeline.Mapping{Cast: map[string]string{"age": "string"}})}, "nothing is wrong with"},
		"a default of a sound field":     {rename, []agent.Planned{mapped(pipeline.Mapping{Default: map[string]json.RawMessage{"age": nil}})}, "nothing is wrong with"},
		"a mapping that fits":            {rename, []agent.Planned{mapped(pipeline.Mapping{Rename: map[string]string{"email_address": "email"}})}, ""},
		"a remap under the kill switch":  {"with the kill switch on a new field is a person's", []agent.Planned{remap}, "out of the agent's hands"},
		"a remap that needs approval":    {"a remap that needs approval waits for it", []agent.Planned{remap}, "out of the agent's hands"},
		"a retrigger for fun":            {"a batch without findings loads", []agent.Planned{act(agent.Retrigger, agent.Args{})}, "nothing asks for another run"},
		"a retrigger without end":        {"a retrigger chain at its end leaves late records to the schedule", []agent.Planned{act(agent.Retrigger, agent.Args{})}, "the chain has its 3 runs"},
		"a retrigger at once":            {"the second run of a chain waits twice as long", []agent.Planned{act(agent.Retrigger, agent.Args{BackoffS: 30})}, "not between 60 and 900"},
		"a retrigger in a year":          {"a failed run is tried again after a wait", []agent.Planned{act(agent.Retrigger, agent.Args{BackoffS: 1 << 24})}, "not between 30 and 900"},
		"a failed run forgotten":         {"a failed run is tried again after a wait", nil, "a failed run demands"},
		"a bug kept silent":              {"a bug is tried again and escalated", []agent.Planned{act(agent.Retrigger, agent.Args{BackoffS: 30})}, "a bug demands"},
		"late arrivals kept silent":      {"late exactly on the line is escalated", []agent.Planned{act(agent.Log, agent.Args{})}, "must be escalated"},
		"a gap kept silent":              {"a gap of one offset is escalated", nil, "must be escalated"},
		"a few late records forgotten":   {"one late record retriggers the next batch", nil, "late arrivals demands"},
		"a few failing records forgotten": {"one failing record is logged", nil,
			"failing records demands"},
		"a pause for fun":              {"late exactly on the line is escalated", []agent.Planned{act(agent.Escalate, agent.Args{PauseSchedule: true, Cause: "customers/x"})}, "pause is true, and must be false"},
		"a pause left out":             {"three failures in a row pause the schedule", []agent.Planned{ask}, "pause is false, and must be true"},
		"another pipeline's incident":  {"late exactly on the line is escalated", []agent.Planned{act(agent.Escalate, agent.Args{Cause: "orders/late"})}, "another pipeline's"},
		"a retrigger taken from hands": {"with the kill switch on a failed run isn't tried again", []agent.Planned{act(agent.Retrigger, agent.Args{BackoffS: 30})}, "out of the agent's hands"},
	}
	byName := map[string]eval.Scenario{}
	for _, s := range scenarios(t) {
		byName[s.Name] = s
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			s, ok := byName[tc.scenario]
			require.True(t, ok, "there is no scenario %q", tc.scenario)
			found := eval.Unsafe(s.Facts, s.Policy, anything, tc.plan)
			if tc.says == "" {
				require.Empty(t, found)
				return
			}
			require.NotEmpty(t, found)
			require.Contains(t, found[0]+found[len(found)-1], tc.says, found)
		})
	}
}

func TestBoundsListsAreRespected(t *testing.T) {
	f, p := agent.Facts{}, agent.DefaultPolicy()
	require.NotEmpty(t, eval.Unsafe(f, p, agent.Bounds{}, []agent.Planned{{Action: agent.Log}}), "log isn't on the list")
	require.NotEmpty(t, eval.Unsafe(f, p, agent.Bounds{Mandatory: []agent.Action{agent.Notify}}, nil), "notify is missing")
}
