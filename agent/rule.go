package agent

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"

	"github.com/autonomous-data-pipeline/adp/agent/logic"
)

// Rule is a condition of the pipeline's own, with what is done about it. Rules
// only add to what the matrix does: they take no action away, and drop no hold.
type Rule struct {
	Name     Condition `yaml:"name" json:"name"`                   // [a-z][a-z0-9_]*, and none of the matrix's
	When     string    `yaml:"when" json:"when"`                   // a CEL expression over facts; see logic.Facts
	Then     []Then    `yaml:"then" json:"then"`                   // at least one; all are mandatory
	Severity string    `yaml:"severity" json:"severity,omitempty"` // the decision has at least this one: info (default), warning or critical
}

// Then is an action that a rule plans.
type Then struct {
	Action  Action   `yaml:"action" json:"action"`             // log, notify, retrigger, escalate, or an own one
	Hold    bool     `yaml:"hold" json:"hold,omitempty"`       // escalate: the batch waits for a person
	Message string   `yaml:"message" json:"message,omitempty"` // log, notify and escalate: what people read
	Args    Document `yaml:"args" json:"args,omitzero"`        // of an own action
}

// Document is JSON that is written as YAML in pipeline files.
type Document struct{ json.RawMessage }

// UnmarshalYAML reads a YAML value as JSON.
func (d *Document) UnmarshalYAML(read func(any) error) error {
	var v any
	if err := read(&v); err != nil {
		return err
	}
	b, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("these can't be written as JSON: %w", err)
	}
	d.RawMessage = b
	return nil
}

// RuleError is the condition of rules that couldn't be evaluated: nobody knows
// what they would have asked for, so the batch is held.
const RuleError Condition = "rule_error"

// matrix are the conditions that are taken.
var matrix = []Condition{
	SchemaDriftAdditive, SchemaDriftBreaking, LateArrivalsMinor, LateArrivalsMajor, DQFailuresMinor, DQFailuresLocalized,
	DQFailuresMajor, JobFailed, RepeatedFailures, SourceGap, Healthy, RuleError,
}

var severities = []string{"info", "warning", "critical"}

// The bounds of rules: each is evaluated for every decision.
const (
	maxRules   = 100
	maxMessage = 500 // characters
)

var ruleName = regexp.MustCompile(`^[a-z][a-z0-9_]{0,62}$`)

// validateRules reports every problem of every rule, naming the setting by its
// place: policy.rules.0.when.
func (p Policy) validateRules() error {
	var errs []error
	if len(p.Rules) > maxRules {
		errs = append(errs, bad("rules", "%d rules are more than %d", len(p.Rules), maxRules))
	}
	planned := map[Action]Rule{}
	for i, r := range p.Rules {
		key := "rules." + strconv.Itoa(i)
		errs = append(errs, p.validateRule(key, i, r))
		for j, t := range r.Then {
			if !isOwn(t.Action) {
				continue
			}
			if other, ok := planned[t.Action]; ok && !bytes.Equal(other.argsOf(t.Action), t.Args.RawMessage) {
				errs = append(errs, bad(fmt.Sprintf("%s.then.%d", key, j),
					"rules %s and %s plan %s with other arguments, and a run carries it out once: give both the same, or join the rules", other.Name, r.Name, t.Action))
			}
			planned[t.Action] = r
		}
	}
	return errors.Join(errs...)
}

func (p Policy) validateRule(key string, i int, r Rule) error {
	var errs []error
	switch {
	case !ruleName.MatchString(string(r.Name)):
		errs = append(errs, bad(key+".name", "rule name %s: lower-case letters, digits and _ are allowed, 63 at most, and a letter comes first", quote(string(r.Name))))
	case slices.Contains(matrix, r.Name):
		errs = append(errs, bad(key+".name", "rule name %s is a condition of the matrix: choose another one", r.Name))
	case slices.ContainsFunc(p.Rules[:i], func(o Rule) bool { return o.Name == r.Name }):
		errs = append(errs, bad(key+".name", "there are two rules named %s", r.Name))
	}
	if _, err := logic.Compile(r.When); err != nil {
		errs = append(errs, bad(key+".when", "rule %s: %w", clip(string(r.Name), maxName), err))
	}
	if len(r.Then) == 0 {
		errs = append(errs, bad(key+".then", "rule %s plans no action", clip(string(r.Name), maxName)))
	}
	if r.Severity != "" && !slices.Contains(severities, r.Severity) {
		errs = append(errs, bad(key+".severity", "severity %s is none of %s", quote(r.Severity), list(severities)))
	}
	var seen []Action
	for j, t := range r.Then {
		at := fmt.Sprintf("%s.then.%d", key, j)
		if slices.Contains(seen, t.Action) {
			errs = append(errs, bad(at+".action", "rule %s plans %s twice", clip(string(r.Name), maxName), quote(string(t.Action))))
		}
		seen = append(seen, t.Action)
		errs = append(errs, p.validateThen(at, t))
	}
	return errors.Join(errs...)
}

func (p Policy) validateThen(key string, t Then) error {
	var errs []error
	refuse := func(part string, is bool, format string, args ...any) {
		if is {
			errs = append(errs, bad(key+part, format, args...))
		}
	}
	own, known := p.own(t.Action)
	switch {
	case t.Action == Remap:
		refuse(".action", true, "a rule can't remap: which fields are new is for the facts to say")
	case t.Action == Quarantine:
		refuse(".action", true, "a rule can't quarantine: only what the facts show to fail stays out; escalate with hold: true keeps the whole batch out until a person has looked")
	case isOwn(t.Action) && !known:
		refuse(".action", true, "action %s is none of log, notify, retrigger, escalate, and no own action of that name is registered (%s)", quote(string(t.Action)), list(p.ownNames()))
	case known:
		if err := own.Fits(t.Args.RawMessage); err != nil {
			errs = append(errs, bad(key+".args", "%w", err))
		}
	}
	refuse(".args", !isOwn(t.Action) && len(t.Args.RawMessage) > 0, "%s takes no args", t.Action)
	refuse(".hold", t.Hold && t.Action != Escalate, "only escalate can hold the batch")
	refuse(".message", t.Message != "" && !slices.Contains([]Action{Log, Notify, Escalate}, t.Action), "%s takes no message", quote(string(t.Action)))
	refuse(".message", len([]rune(t.Message)) > maxMessage, "the message is longer than %d characters", maxMessage)
	return errors.Join(errs...)
}

func (r Rule) argsOf(a Action) json.RawMessage {
	i := slices.IndexFunc(r.Then, func(t Then) bool { return t.Action == a })
	return r.Then[i].Args.RawMessage
}

// ruled finds the rules that the facts meet, in their order, and those that
// have no answer.
func (p Policy) ruled(f Facts) []Met {
	if len(p.Rules) == 0 {
		return nil
	}
	var out []Met
	var failed []string
	seen := ruleFacts(f)
	for _, r := range p.Rules {
		c, err := logic.Compile(r.When)
		held := false
		if err == nil {
			held, err = c.Holds(seen)
		}
		switch {
		case err != nil:
			failed = append(failed, fmt.Sprintf("rule %s: %s", r.Name, clip(err.Error(), maxError)))
		case held:
			out = append(out, Met{Name: r.Name, Severity: r.Severity, Evidence: map[string]any{"when": r.When}})
		}
	}
	if len(failed) > 0 {
		out = append(out, Met{Name: RuleError, Severity: "critical", Evidence: map[string]any{"errors": failed[:min(len(failed), maxNames)]}})
	}
	return out
}

// ruleFacts are the facts as rules see them.
func ruleFacts(f Facts) logic.Facts {
	out := logic.Facts{RunReport: f.Report, Retriggers: f.Retriggers}
	out.ConsecutiveFailures = failuresInARow(f)
	for _, e := range f.Failed {
		out.Failed = append(out.Failed, logic.Expectation{
			Type: e.Type, Column: e.Column, Severity: string(e.Severity), RowLevel: e.RowLevel, UnexpectedPercent: e.UnexpectedPercent,
		})
	}
	return out
}

// rule plans what a rule asks for.
func (b *bounds) rule(r Rule) {
	b.demanded = true
	defer func() { b.demanded = false }()
	for _, t := range r.Then {
		reason := t.Message
		if reason == "" {
			reason = fmt.Sprintf("rule %s holds: %s", r.Name, clip(r.When, maxMessage))
		}
		switch {
		case t.Action == Escalate:
			b.escalate(Args{Hold: t.Hold, Message: t.Message}, reason)
		case t.Action == Retrigger:
			b.retriggerByRule(reason)
		case isOwn(t.Action):
			b.actOwn(t, reason)
		default:
			b.act(t.Action, Args{Message: t.Message}, reason)
		}
	}
}

// retriggerByRule is bounded like any other one. What a failed run needs is the
// matrix's to say: it knows backoff, and when to stop.
func (b *bounds) retriggerByRule(reason string) {
	switch {
	case failed(b.facts) || failuresInARow(b.facts) > 0:
		b.act(Log, Args{}, reason+"; after a failure the matrix alone retriggers")
	case b.facts.Retriggers >= b.policy.Retrigger.MaxChain:
		b.act(Log, Args{}, fmt.Sprintf("%s; %d runs in a row were retriggered (policy.retrigger.max_chain is %d): the schedule goes on",
			reason, b.facts.Retriggers, b.policy.Retrigger.MaxChain))
	default:
		b.act(Retrigger, Args{}, reason)
	}
}

// ruleErrors holds the batch: a rule without an answer never loosens anything.
func (b *bounds) ruleErrors() {
	i := slices.IndexFunc(b.Conditions, func(m Met) bool { return m.Name == RuleError })
	errs, _ := b.Conditions[i].Evidence["errors"].([]string)
	b.escalate(Args{Hold: !failed(b.facts)}, "nobody knows what these rules would have asked for: "+list(errs))
}

// byRule finds the rule of a condition.
func (p Policy) byRule(c Condition) (Rule, bool) {
	i := slices.IndexFunc(p.Rules, func(r Rule) bool { return r.Name == c })
	if i < 0 {
		return Rule{}, false
	}
	return p.Rules[i], true
}
