package agent_test

import (
	"context"
	"encoding/json"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/autonomous-data-pipeline/adp/agent"
	"github.com/autonomous-data-pipeline/adp/pipeline"
)

var ticketSchema = json.RawMessage(`{"type":"object","properties":{"title":{"type":"string"}},"required":["title"],"additionalProperties":false}`)

func args(text string) agent.Document { return agent.Document{RawMessage: json.RawMessage(text)} }

// ruled is the default policy with rules, and an own action open_ticket.
func ruled(rules ...agent.Rule) agent.Policy {
	p := agent.DefaultPolicy()
	p.Rules = rules
	return p.WithOwn([]agent.Spec{
		{Name: "open_ticket", Schema: ticketSchema, PerDay: 3, Pause: time.Hour}, {Name: "unused", Schema: ticketSchema, PerDay: 1},
	})
}

func rule(name agent.Condition, when string, then ...agent.Then) agent.Rule {
	return agent.Rule{Name: name, When: when, Then: then}
}

var ticket = agent.Then{Action: "open_ticket", Args: args(`{"title":"late"}`)}

func TestWhatRulesAdd(t *testing.T) {
	lag := func(f *agent.Facts) { f.Report.Source.Lag = 2_000_000 }
	used := func(day int, ago int64) change {
		return func(f *agent.Facts) { f.Used = []agent.Used{{Action: "open_ticket", Day: day, AgoS: ago}} }
	}
	behind := `facts.source.lag > 1000000`
	stopped := ruled(rule("behind", behind, ticket))
	stopped.KillSwitch = true
	asks := ruled(rule("behind", behind, ticket))
	asks.Autonomy = map[agent.Action]string{"open_ticket": agent.Suggest}
	tests := map[string]struct {
		policy     agent.Policy
		facts      agent.Facts
		conditions []agent.Condition
		actions    []agent.Action
		hold       bool
		severity   string
	}{
		"a rule that doesn't hold adds nothing":       {ruled(rule("behind", behind, ticket)), seen(10), []agent.Condition{agent.Healthy}, nil, false, "info"},
		"one that holds is a condition":               {ruled(rule("behind", behind, agent.Then{Action: agent.Notify})), seen(10, lag), []agent.Condition{"behind"}, []agent.Action{agent.Notify}, false, "warning"},
		"its actions join the matrix's":               {ruled(rule("behind", behind, agent.Then{Action: agent.Notify})), seen(100, lag, late(1)), []agent.Condition{agent.LateArrivalsMinor, "behind"}, []agent.Action{agent.Retrigger, agent.Notify}, false, "warning"},
		"it can hold":                                 {ruled(rule("behind", behind, agent.Then{Action: agent.Escalate, Hold: true})), seen(10, lag), []agent.Condition{"behind"}, []agent.Action{agent.Escalate}, true, "critical"},
		"it can't drop a hold":                        {ruled(rule("behind", behind, agent.Then{Action: agent.Escalate})), seen(100, lag, func(f *agent.Facts) { f.Report.Quality.Failed = 50 }), []agent.Condition{agent.DQFailuresMajor, "behind"}, []agent.Action{agent.Escalate}, true, "critical"},
		"its severity is the least":                   {ruled(agent.Rule{Name: "behind", When: behind, Then: []agent.Then{{Action: agent.Log}}, Severity: "critical"}), seen(10, lag), []agent.Condition{"behind"}, []agent.Action{agent.Log}, false, "critical"},
		"an own action comes before a retrigger":      {ruled(rule("behind", behind, ticket, agent.Then{Action: agent.Retrigger}, agent.Then{Action: agent.Log})), seen(10, lag), []agent.Condition{"behind"}, []agent.Action{agent.Log, "open_ticket", agent.Retrigger}, false, "info"},
		"a chain of retriggers ends":                  {ruled(rule("behind", behind, agent.Then{Action: agent.Retrigger})), seen(10, lag, func(f *agent.Facts) { f.Retriggers = 3 }), []agent.Condition{"behind"}, []agent.Action{agent.Log}, false, "info"},
		"a failed run is the matrix's to retrigger":   {ruled(rule("broke", `has(facts.failure)`, agent.Then{Action: agent.Retrigger})), seen(0, broke(pipeline.Transient, 3)), []agent.Condition{agent.RepeatedFailures, "broke"}, []agent.Action{agent.Log, agent.Escalate}, false, "critical"},
		"within the budget":                           {ruled(rule("behind", behind, ticket)), seen(10, lag, used(2, 3600)), []agent.Condition{"behind"}, []agent.Action{"open_ticket"}, false, "info"},
		"a spent budget escalates":                    {ruled(rule("behind", behind, ticket)), seen(10, lag, used(3, 7200)), []agent.Condition{"behind"}, []agent.Action{agent.Escalate}, false, "warning"},
		"a pause is kept":                             {ruled(rule("behind", behind, ticket)), seen(10, lag, used(1, 3599)), []agent.Condition{"behind"}, []agent.Action{agent.Log}, false, "info"},
		"the kill switch stops own actions":           {stopped, seen(10, lag), []agent.Condition{"behind"}, []agent.Action{agent.Escalate}, true, "critical"},
		"and so does a level of autonomy":             {asks, seen(10, lag), []agent.Condition{"behind"}, []agent.Action{agent.Escalate}, true, "critical"},
		"a rule without an answer holds the batch":    {ruled(rule("first", `facts.drift[0].share > 0.1`, agent.Then{Action: agent.Log})), seen(10), []agent.Condition{agent.RuleError}, []agent.Action{agent.Escalate}, true, "critical"},
		"other rules hold beside it":                  {ruled(rule("first", `facts.drift[0].share > 0.1`, agent.Then{Action: agent.Log}), rule("behind", behind, ticket)), seen(10, lag), []agent.Condition{"behind", agent.RuleError}, []agent.Action{"open_ticket", agent.Escalate}, true, "critical"},
		"failures are counted as in the matrix":       {ruled(rule("broke", `facts.consecutive_failures == 1`, agent.Then{Action: agent.Notify})), seen(0, broke(pipeline.Transient, 0)), []agent.Condition{agent.JobFailed, "broke"}, []agent.Action{agent.Retrigger, agent.Notify}, false, "warning"},
		"two rules may plan the same with equal args": {ruled(rule("behind", behind, ticket), rule("also", `true`, ticket)), seen(10, lag), []agent.Condition{"behind", "also"}, []agent.Action{"open_ticket"}, false, "info"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			d := decide(t, tc.facts, tc.policy, agent.Rules{})
			conditions, actions := []agent.Condition{}, []agent.Action(nil)
			for _, c := range d.Conditions {
				conditions = append(conditions, c.Name)
			}
			for _, a := range d.Actions {
				actions = append(actions, a.Action)
			}
			require.Equal(t, tc.conditions, conditions)
			require.Equal(t, tc.actions, actions)
			e, _ := d.Find(agent.Escalate)
			require.Equal(t, tc.hold, e.Args.Hold)
			require.Equal(t, tc.severity, d.Severity)
			require.Empty(t, d.Fallback)
			require.NoError(t, agent.Guard(tc.policy.Bounds(tc.facts), agent.Proposal{Actions: d.Actions}))
		})
	}
}

func TestRulesThatAreRefused(t *testing.T) {
	log := agent.Then{Action: agent.Log}
	tests := map[string]struct {
		rules []agent.Rule
		says  string
	}{
		"a name of the matrix":                    {[]agent.Rule{rule("healthy", "true", log)}, "policy.rules.0.name"},
		"a name that is none":                     {[]agent.Rule{rule("Late!", "true", log)}, "policy.rules.0.name"},
		"a name twice":                            {[]agent.Rule{rule("a", "true", log), rule("a", "true", log)}, "policy.rules.1.name"},
		"an unknown field":                        {[]agent.Rule{rule("a", "facts.late.shar > 0.1", log)}, `did you mean "share"?`},
		"no action":                               {[]agent.Rule{rule("a", "true")}, "plans no action"},
		"an action twice":                         {[]agent.Rule{rule("a", "true", log, log)}, "twice"},
		"a severity that is none":                 {[]agent.Rule{{Name: "a", When: "true", Then: []agent.Then{log}, Severity: "bad"}}, "policy.rules.0.severity"},
		"a remap":                                 {[]agent.Rule{rule("a", "true", agent.Then{Action: agent.Remap})}, "can't remap"},
		"a quarantine":                            {[]agent.Rule{rule("a", "true", agent.Then{Action: agent.Quarantine})}, "hold: true"},
		"an action that nobody has registered":    {[]agent.Rule{rule("a", "true", agent.Then{Action: "drop_table"})}, "registered"},
		"arguments that don't fit":                {[]agent.Rule{rule("a", "true", agent.Then{Action: "open_ticket", Args: args(`{"titel":"x"}`)})}, "policy.rules.0.then.0.args"},
		"arguments of a built-in action":          {[]agent.Rule{rule("a", "true", agent.Then{Action: agent.Log, Args: args(`{"x":1}`)})}, "takes no args"},
		"a hold that isn't an escalation's":       {[]agent.Rule{rule("a", "true", agent.Then{Action: agent.Log, Hold: true})}, "only escalate"},
		"a message that nobody reads":             {[]agent.Rule{rule("a", "true", agent.Then{Action: agent.Retrigger, Message: "x"})}, "no message"},
		"an own action with different arguments":  {[]agent.Rule{rule("a", "true", ticket), rule("b", "true", agent.Then{Action: "open_ticket", Args: args(`{"title":"other"}`)})}, "rules a and b"},
		"autonomy of an action that nobody plans": {nil, "policy.autonomy"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			p := ruled(tc.rules...)
			if tc.rules == nil {
				p.Autonomy = map[agent.Action]string{"open_ticket": agent.Auto}
			}
			err := p.Validate()
			require.ErrorContains(t, err, tc.says)
			require.Equal(t, pipeline.Misconfigured, pipeline.KindOf(err))
		})
	}
}

func TestAPolicyWithRulesReadsBackTheSame(t *testing.T) {
	p := ruled(rule("behind", `facts.source.lag > 1`, ticket))
	b, err := json.Marshal(p)
	require.NoError(t, err)
	var back agent.Policy
	require.NoError(t, json.Unmarshal(b, &back))
	f := seen(10, func(f *agent.Facts) { f.Report.Source.Lag = 2 })
	require.Equal(t, decide(t, f, p, agent.Rules{}), decide(t, f, back, agent.Rules{}))
	require.Len(t, p.Own, 1, "what no rule plans isn't recorded")
}

func TestNoProposerChangesAnOwnAction(t *testing.T) {
	p := ruled(rule("behind", `true`, ticket))
	own := func(text string) []agent.Planned {
		return []agent.Planned{{Action: "open_ticket", Args: agent.Args{Own: json.RawMessage(text)}}}
	}
	b := p.Bounds(seen(10))
	require.NoError(t, agent.Guard(b, agent.Proposal{Actions: own(`{"title":"late"}`)}))
	require.ErrorContains(t, agent.Guard(b, agent.Proposal{Actions: own(`{"title":"other"}`)}), "not those that the rule gives")
	require.ErrorContains(t, agent.Guard(b, agent.Proposal{}), "mandatory and missing")
	require.ErrorContains(t, agent.Guard(b, agent.Proposal{Actions: []agent.Planned{{Action: agent.Log, Args: agent.Args{Own: json.RawMessage(`{}`)}}}}), "own")
}

// anyRules are rules over anything, with any allowed actions.
func anyRules(r *rand.Rand) []agent.Rule {
	whens := []string{
		`true`, `false`, `facts.late.share > 0.1`, `facts.drift[0].share > 0.0`, `facts.records.read / facts.records.held > 1`,
		`facts.quality.segments.exists(s, s.failed > 10)`, `has(facts.failure)`, `facts.drift.all(a, facts.drift.all(b, a.field == b.field))`,
	}
	thens := []agent.Then{ticket, {Action: agent.Log}, {Action: agent.Notify}, {Action: agent.Retrigger}, {Action: agent.Escalate}, {Action: agent.Escalate, Hold: true}}
	var rules []agent.Rule
	for i := range r.IntN(4) {
		rules = append(rules, rule(agent.Condition("rule_"+string(rune('a'+i))), whens[r.IntN(len(whens))], thens[r.IntN(len(thens))]))
	}
	return rules
}

// Whatever rules say, what the matrix demands is there, and nothing that it
// holds is let go.
func TestRulesOnlyAdd(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 3))
	for range 300 {
		f, bare := anyFacts(r), anyPolicy(r)
		p := bare
		p.Rules = anyRules(r)
		p = p.WithOwn([]agent.Spec{{Name: "open_ticket", Schema: ticketSchema, PerDay: 1}})
		require.NoError(t, p.Validate())
		without, with := bare.Bounds(f), p.Bounds(f)
		require.Subset(t, with.Mandatory, without.Mandatory)
		require.Subset(t, with.Allowed, without.Allowed)
		was, is := agent.Decision{Actions: without.Default}, decide(t, f, p, agent.Rules{})
		require.Empty(t, is.Fallback)
		for _, a := range was.Actions {
			now, there := is.Find(a.Action)
			require.True(t, there, "%s is still planned", a.Action)
			require.True(t, now.Args.Hold || !a.Args.Hold, "a hold isn't dropped")
			require.True(t, now.Args.PauseSchedule || !a.Args.PauseSchedule)
			require.Equal(t, a.Args.Values, now.Args.Values)
			require.Equal(t, a.Args.Fields, now.Args.Fields)
		}
		for _, m := range without.Conditions {
			require.True(t, m.Name == agent.Healthy || slices.ContainsFunc(is.Conditions, func(n agent.Met) bool { return n.Name == m.Name }))
		}
		if _, retriggers := is.Find(agent.Retrigger); retriggers {
			require.Less(t, f.Retriggers, p.Retrigger.MaxChain, "a chain ends")
		}
	}
}

// registered does nothing, under a spec.
type registered agent.Spec

func (r registered) Spec() agent.Spec                                       { return agent.Spec(r) }
func (registered) Check(agent.Facts, json.RawMessage) error                 { return nil }
func (registered) Execute(context.Context, agent.Call) (string, error)      { return "", nil }
func (registered) Verify(context.Context, agent.Call) (bool, string, error) { return true, "", nil }

func TestWhatCanBeRegistered(t *testing.T) {
	good := registered{Name: "open_ticket", Schema: ticketSchema, PerDay: 1}
	named := func(name agent.Action) registered { g := good; g.Name = name; return g }
	tests := map[string]struct {
		actions []agent.OwnAction
		says    string
	}{
		"two of other names":     {[]agent.OwnAction{good, named("restart")}, ""},
		"a name twice":           {[]agent.OwnAction{good, good}, "taken"},
		"a name of the matrix's": {[]agent.OwnAction{named("remap")}, "taken"},
		"a name that is none":    {[]agent.OwnAction{named("Open Ticket")}, "letters"},
		"no schema":              {[]agent.OwnAction{registered{Name: "a", PerDay: 1}}, "schema"},
		"no budget":              {[]agent.OwnAction{registered{Name: "a", Schema: ticketSchema}}, "budget"},
		"a pause that goes back": {[]agent.OwnAction{registered{Name: "a", Schema: ticketSchema, PerDay: 1, Pause: -1}}, "budget"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			r, err := agent.NewRegistry(tc.actions...)
			if tc.says == "" {
				require.NoError(t, err)
				require.Len(t, r.Specs(), len(tc.actions))
				return
			}
			require.ErrorContains(t, err, tc.says)
		})
	}
}

func TestAnOwnActionThatGoesWrongIsEscalated(t *testing.T) {
	d := decide(t, seen(10), ruled(rule("behind", `true`, ticket, agent.Then{Action: agent.Notify})), agent.Rules{})
	wrong := []agent.Attempt{{Action: "open_ticket", Outcome: "not carried out: no route"}}
	e := d.Escalated(wrong)
	p, there := e.Find(agent.Escalate)
	require.True(t, there)
	require.Equal(t, "customers/own_action+open_ticket", p.Args.Cause)
	require.False(t, p.Args.Hold)
	require.Contains(t, e.Summary, "no route")
	require.Equal(t, []agent.Action{"open_ticket", agent.Escalate, agent.Notify}, []agent.Action{e.Actions[0].Action, e.Actions[1].Action, e.Actions[2].Action})
	require.Equal(t, d, d.Escalated(nil))
	again := e.Escalated(wrong)
	require.Len(t, again.Actions, 3, "a person is asked once")
}
