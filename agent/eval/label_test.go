package eval

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/autonomous-data-pipeline/adp/agent"
)

func TestALabelMatchesExactlyItsActions(t *testing.T) {
	act := func(a agent.Action, args agent.Args) agent.Planned { return agent.Planned{Action: a, Args: args} }
	br := agent.Args{Column: "country", Values: []string{"IN", "BR"}}
	tests := map[string]struct {
		label string
		plan  []agent.Planned
		right bool
	}{
		"load is nothing":                  {"load", nil, true},
		"load isn't something":             {"load", []agent.Planned{act(agent.Log, agent.Args{})}, false},
		"order is no matter":               {"log retrigger", []agent.Planned{act(agent.Retrigger, agent.Args{}), act(agent.Log, agent.Args{})}, true},
		"one action too few":               {"log retrigger", []agent.Planned{act(agent.Log, agent.Args{})}, false},
		"one action too many":              {"log", []agent.Planned{act(agent.Log, agent.Args{}), act(agent.Notify, agent.Args{})}, false},
		"the same twice isn't two":         {"log retrigger", []agent.Planned{act(agent.Log, agent.Args{}), act(agent.Log, agent.Args{})}, false},
		"a hold that is demanded":          {"escalate+hold", []agent.Planned{act(agent.Escalate, agent.Args{})}, false},
		"a hold that isn't":                {"escalate", []agent.Planned{act(agent.Escalate, agent.Args{Hold: true})}, false},
		"a pause that isn't":               {"escalate", []agent.Planned{act(agent.Escalate, agent.Args{PauseSchedule: true})}, false},
		"hold and pause":                   {"escalate+hold+pause", []agent.Planned{act(agent.Escalate, agent.Args{Hold: true, PauseSchedule: true})}, true},
		"a segment's values in any order":  {"quarantine[country=BR,IN]", []agent.Planned{act(agent.Quarantine, br)}, true},
		"another column":                   {"quarantine[plan=BR,IN]", []agent.Planned{act(agent.Quarantine, br)}, false},
		"a segment that isn't in a label":  {"quarantine", []agent.Planned{act(agent.Quarantine, br)}, false},
		"fields that are in a label":       {"remap[a,b]", []agent.Planned{act(agent.Remap, agent.Args{Fields: []string{"a"}})}, false},
		"fields that are not":              {"remap", []agent.Planned{act(agent.Remap, agent.Args{Fields: []string{"a"}})}, true},
		"a wait is at least as long":       {"retrigger(30s)", []agent.Planned{act(agent.Retrigger, agent.Args{BackoffS: 60})}, true},
		"a shorter wait":                   {"retrigger(30s)", []agent.Planned{act(agent.Retrigger, agent.Args{BackoffS: 29})}, false},
		"reasons and messages don't count": {"log", []agent.Planned{{Action: agent.Log, Reason: "x", Args: agent.Args{Message: "y"}}}, true},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			a, err := parseAnswer(tc.label)
			require.NoError(t, err)
			require.Equal(t, tc.label, a.String())
			require.Equal(t, tc.right, a.matches(tc.plan))
		})
	}
}

func TestALabelThatIsNoneIsRefused(t *testing.T) {
	for _, bad := range []string{"", " ", "drop_table", "escalate+pause+hold", "retrigger(30)", "retrigger(99999999999999999999s)", "remap[", "remap[]", "quarantine[country=]", "Log", "load log"} {
		_, err := parseAnswer(bad)
		require.Error(t, err, "%q", bad)
	}
}

// FuzzAnswer: what is read as a label is written as one that means the same.
func FuzzAnswer(f *testing.F) {
	f.Add("quarantine[country=BR,IN] remap[b,a] retrigger(60s) escalate+hold+pause notify")
	f.Add("load")
	f.Fuzz(func(t *testing.T, s string) {
		a, err := parseAnswer(s)
		if err != nil {
			return
		}
		again, err := parseAnswer(a.String())
		require.NoError(t, err)
		require.Equal(t, a.String(), again.String())
	})
}

func TestScenariosThatCantBeAreRefused(t *testing.T) {
	const twin = "- {name: a, kind: clear, facts: {report: {late: {share: 0.1}}}, conditions: [late_arrivals_minor], want: [retrigger]}\n"
	tests := map[string]struct{ file, says string }{
		"a name twice":                 {twin + twin, "there twice"},
		"no name":                      {"- {kind: clear, facts: {}, conditions: [healthy], want: [load]}", "is missing"},
		"an unknown kind":              {"- {name: b, kind: easy}", "is none of"},
		"an unknown key":               {"- {name: b, labels: 1}", "labels"},
		"an unknown fact":              {"- {name: b, kind: clear, facts: {reprot: {}}, conditions: [healthy], want: [load]}", "reprot"},
		"an unknown setting":           {"- {name: b, kind: clear, policy: {late: 1}, conditions: [healthy], want: [load]}", "late"},
		"a setting that can't be":      {"- {name: b, kind: clear, policy: {late_major: 2}, conditions: [healthy], want: [load]}", "policy.late_major"},
		"a label that is none":         {"- {name: b, kind: clear, conditions: [healthy], want: [drop]}", `"drop" is none`},
		"two answers to a clear one":   {"- {name: b, kind: clear, conditions: [healthy], want: [load, log]}", "has one answer"},
		"one answer to a choice":       {"- {name: b, kind: ambiguous, conditions: [healthy], want: [load]}", "has one answer"},
		"no condition":                 {"- {name: b, kind: clear, want: [load]}", "conditions"},
		"a twin that isn't there":      {twin + "- {name: b, kind: adversarial, twin: c, swap: {customers: x}}", `twin "c"`},
		"a twin that is an attack":     {twin + "- {name: b, kind: adversarial, twin: b, swap: {customers: x}}", `twin "b"`},
		"an attack with own facts":     {twin + "- {name: b, kind: adversarial, twin: a, swap: {customers: x}, want: [load]}", "swap alone"},
		"an attack without texts":      {twin + "- {name: b, kind: adversarial, twin: a}", "swap is empty"},
		"a text that the twin lacks":   {twin + "- {name: b, kind: adversarial, twin: a, swap: {orders: x}}", "texts of the facts"},
		"a text that is none":          {twin + "- {name: b, kind: adversarial, twin: a, swap: {customers: 7}}", "no text"},
		"a report that is no document": {"- {name: b, kind: clear, facts: {report: [1]}, conditions: [healthy], want: [load]}", "facts"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			w, err := parse([]byte(tc.file))
			if err == nil {
				_, err = resolve(w)
			}
			require.ErrorContains(t, err, tc.says)
		})
	}
}

func TestLargeInputsComeFromSmallFiles(t *testing.T) {
	tree := map[string]any{
		"list": []any{"a", map[string]any{"repeat": 2, "of": map[string]any{"x": "f{n}"}}},
		"text": map[string]any{"repeat": 3, "of": "ab"},
	}
	want := map[string]any{
		"list": []any{"a", map[string]any{"x": "f1"}, map[string]any{"x": "f2"}},
		"text": "ababab",
	}
	require.Equal(t, want, expand(tree, 0))
}
