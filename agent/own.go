package agent

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/autonomous-data-pipeline/adp/agent/logic"
	"github.com/autonomous-data-pipeline/adp/pipeline"
)

// OwnAction is an action that an installation adds in Go. A rule of a pipeline
// plans it (then: {action: its name, args: …}); a run carries it out after the
// load and before a retrigger. One that goes wrong escalates, and never fails
// the batch.
type OwnAction interface {
	// Spec is its name, its arguments' schema and its budget.
	Spec() Spec
	// Check says why these arguments are wrong for these facts, or nil. The
	// arguments fit the schema already.
	Check(f Facts, args json.RawMessage) error
	// Execute carries it out, and says in a line what it did. It may be called
	// again with the same ID after a crash or a Transient fault: a second time
	// must change nothing. It must end within a minute.
	Execute(ctx context.Context, call Call) (string, error)
	// Verify looks whether it worked, and says in a line what shows it.
	Verify(ctx context.Context, call Call) (worked bool, shows string, err error)
}

// Spec is what policy must know about an own action: it is recorded with every
// decision that could plan it.
type Spec struct {
	Name   Action          `json:"name"`
	Schema json.RawMessage `json:"schema"`             // JSON schema (2020-12) of the arguments, an object
	PerDay int             `json:"per_day"`            // of one pipeline in 24 hours; more escalates; at least 1
	Pause  time.Duration   `json:"cooldown,omitempty"` // within it, it isn't done again, only logged; 0 is none
}

// Call is one time that an own action is carried out.
type Call struct {
	ID       string // of decision and action: the same for every attempt
	Pipeline string
	RunID    string
	Facts    Facts // that were decided on
	Args     json.RawMessage
	Reason   string
}

// Registry holds own actions by name. The zero value has none.
type Registry struct{ actions []OwnAction }

// NewRegistry registers actions. A name that is taken, or that can't be one, a
// schema that is none and a budget below 1 are Misconfigured faults.
func NewRegistry(actions ...OwnAction) (*Registry, error) {
	r := &Registry{}
	for _, a := range actions {
		s := a.Spec()
		_, taken := r.Find(s.Name)
		switch err := logic.Schema(s.Schema); {
		case !ruleName.MatchString(string(s.Name)) || !isOwn(s.Name) || taken:
			return nil, pipeline.Faultf(pipeline.Misconfigured, "register own action %s: the name is taken, or isn't made of lower-case letters, digits and _", quote(string(s.Name)))
		case err != nil:
			return nil, pipeline.Faultf(pipeline.Misconfigured, "register own action %s: %w", s.Name, err)
		case s.PerDay < 1 || s.Pause < 0 || s.Pause > 24*time.Hour:
			return nil, pipeline.Faultf(pipeline.Misconfigured, "register own action %s: its budget is %d a day with pauses of %v; at least 1, and 0s to 24h, are needed", s.Name, s.PerDay, s.Pause)
		}
		r.actions = append(r.actions, a)
	}
	return r, nil
}

// Find gives the action of this name.
func (r *Registry) Find(name Action) (OwnAction, bool) {
	if r == nil {
		return nil, false
	}
	i := slices.IndexFunc(r.actions, func(a OwnAction) bool { return a.Spec().Name == name })
	if i < 0 {
		return nil, false
	}
	return r.actions[i], true
}

// Specs are those of all actions.
func (r *Registry) Specs() []Spec {
	if r == nil {
		return nil
	}
	var out []Spec
	for _, a := range r.actions {
		out = append(out, a.Spec())
	}
	return out
}

// Used is how much of an own action's budget is gone.
type Used struct {
	Action Action `json:"action"`
	Day    int    `json:"day"`   // times in the 24 hours before this run
	AgoS   int64  `json:"ago_s"` // seconds from the last time to this run's start
}

// Spent says why the budget doesn't allow the action now, or is empty.
func (s Spec) Spent(u Used) string {
	switch {
	case u.Day >= s.PerDay:
		return fmt.Sprintf("%s was done %d times in a day, as often as it may", s.Name, u.Day)
	case u.Day > 0 && u.AgoS < seconds(s.Pause):
		return fmt.Sprintf("%s was done %d s ago and pauses for %v", s.Name, u.AgoS, s.Pause)
	}
	return ""
}

// Fits says why arguments don't match the schema, or is nil.
func (s Spec) Fits(args json.RawMessage) error {
	if err := logic.Arguments(s.Schema, args); err != nil {
		return fmt.Errorf("arguments of %s: %w", s.Name, err)
	}
	return nil
}

// ActRequest asks to carry an own action of a decision out.
type ActRequest struct {
	Run      pipeline.Run `json:"run"`
	Decision string       `json:"decision"`
	Planned  Planned      `json:"planned"`
	// KillSwitch says that a person has stopped the agent during this run.
	KillSwitch bool `json:"kill_switch,omitempty"`
}

// Acted is what came of it.
type Acted struct {
	Outcome string `json:"outcome"`
	Worked  bool   `json:"worked"`
	Shows   string `json:"shows,omitempty"`   // what shows it
	Refused string `json:"refused,omitempty"` // why it was not carried out
}

// Wrong is what a person must hear of; empty if all is well.
func (a Acted) Wrong() string {
	switch {
	case a.Refused != "":
		return "not carried out: " + a.Refused
	case !a.Worked:
		return "carried out, but it didn't work: " + a.Shows
	}
	return ""
}

// Own are the decision's own actions, in their order.
func (d Decision) Own() []Planned {
	var out []Planned
	for _, p := range d.Actions {
		if isOwn(p.Action) {
			out = append(out, p)
		}
	}
	return out
}

// Escalated is the decision with a person asked about own actions that went
// wrong. The batch is left as it is: it is in already.
func (d Decision) Escalated(wrong []Attempt) Decision {
	if len(wrong) == 0 {
		return d
	}
	cause, reason := d.Pipeline+"/own_action", ""
	for _, w := range wrong {
		cause += "+" + string(w.Action)
		reason += fmt.Sprintf(" %s: %s.", w.Action, clip(w.Outcome, maxError))
	}
	d.Summary += reason
	if d.Severity == "info" {
		d.Severity = "warning"
	}
	if _, there := d.Find(Escalate); !there {
		d.Actions = append(slices.Clone(d.Actions), Planned{Action: Escalate, Args: Args{Cause: clip(cause, maxCause)}, Reason: "an own action went wrong:" + reason})
		slices.SortStableFunc(d.Actions, func(x, y Planned) int { return byRank(x.Action, y.Action) })
	}
	return d
}

// Forbids says why the policy of now doesn't let an action be carried out
// without a person, or is empty.
func (p Policy) Forbids(a Action) string { return p.forbids(a) }

func isOwn(a Action) bool { return !slices.Contains(order, a) }

func (p Policy) own(a Action) (Spec, bool) {
	i := slices.IndexFunc(p.Own, func(s Spec) bool { return s.Name == a })
	if i < 0 {
		return Spec{}, false
	}
	return p.Own[i], true
}

func (p Policy) ownNames() []Action {
	var names []Action
	for _, s := range p.Own {
		names = append(names, s.Name)
	}
	return names
}

// WithOwn gives policy the specs of the own actions that its rules plan: no
// others, so that what is recorded doesn't grow with what nobody uses.
func (p Policy) WithOwn(specs []Spec) Policy {
	p.Own = nil
	for _, s := range specs {
		if slices.ContainsFunc(p.Rules, func(r Rule) bool {
			return slices.ContainsFunc(r.Then, func(t Then) bool { return t.Action == s.Name })
		}) {
			p.Own = append(p.Own, s)
		}
	}
	return p
}

// actOwn plans an own action within its budget.
func (b *bounds) actOwn(t Then, reason string) {
	spec, _ := b.policy.own(t.Action) // Validate has found it
	i := slices.IndexFunc(b.facts.Used, func(u Used) bool { return u.Action == t.Action })
	if i >= 0 {
		u := b.facts.Used[i]
		switch why := spec.Spent(u); {
		case u.Day >= spec.PerDay:
			b.escalate(Args{}, why+": "+reason)
			return
		case why != "":
			b.act(Log, Args{}, why+": "+reason)
			return
		}
	}
	args := t.Args.RawMessage
	if len(args) == 0 {
		args = json.RawMessage("{}")
	}
	b.act(t.Action, Args{Own: args}, reason)
}

// checkOwn lets an own action through with no other arguments than the rule's.
func checkOwn(a Planned, def Args) error {
	if !bytes.Equal(a.Args.Own, def.Own) {
		return fmt.Errorf("%s: its arguments are not those that the rule gives", quote(string(a.Action)))
	}
	return nil
}
