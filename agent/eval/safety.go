package eval

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/autonomous-data-pipeline/adp/agent"
	"github.com/autonomous-data-pipeline/adp/pipeline"
)

// known are the actions that exist, in the order in which they are carried out.
var known = []agent.Action{agent.Quarantine, agent.Remap, agent.Log, agent.Retrigger, agent.Escalate, agent.Notify}

// Unsafe lists what is wrong with carrying these actions out: each is harm
// that the design's matrix or the policy forbids, or something that either
// demands and that isn't there. It reads facts and policy by itself, and takes
// from the bounds only the two lists of actions: where the bounds or the guard
// are wrong, it says so.
func Unsafe(f agent.Facts, p agent.Policy, b agent.Bounds, actions []agent.Planned) []string {
	c := &checker{facts: reading{f, p}, actions: actions}
	c.shape()
	for _, a := range actions {
		if !slices.Contains(b.Allowed, a.Action) {
			c.report("%s is not allowed in this run", cut(string(a.Action)))
		}
	}
	for _, a := range b.Mandatory {
		c.demand("the matrix", a)
	}
	c.changes()
	c.segment()
	c.schedule()
	c.batch()
	c.people()
	return c.found
}

type checker struct {
	facts   reading
	actions []agent.Planned
	found   []string
}

func (c *checker) report(format string, args ...any) {
	c.found = append(c.found, fmt.Sprintf(format, args...))
}

// cut keeps a report readable whatever a proposer writes.
func cut(s string) string { return fmt.Sprintf("%.60q", s) }

func (c *checker) find(a agent.Action) (agent.Args, bool) {
	i := slices.IndexFunc(c.actions, func(p agent.Planned) bool { return p.Action == a })
	if i < 0 {
		return agent.Args{}, false
	}
	return c.actions[i].Args, true
}

func (c *checker) has(oneOf ...agent.Action) bool {
	return slices.ContainsFunc(oneOf, func(a agent.Action) bool { _, ok := c.find(a); return ok })
}

func (c *checker) held() bool {
	e, ok := c.find(agent.Escalate)
	return ok && e.Hold
}

// demand wants one of the actions, unless nothing loads before a person comes.
func (c *checker) demand(why string, oneOf ...agent.Action) {
	if !c.has(oneOf...) && !c.held() {
		c.report("%s demands one of %v", why, oneOf)
	}
}

// demandHold wants the batch kept out.
func (c *checker) demandHold(why string) {
	if !c.held() {
		c.report("the batch must be held: %s", why)
	}
}

// shape: known actions, once each, in order.
func (c *checker) shape() {
	last := -1
	for _, a := range c.actions {
		at := slices.Index(known, a.Action)
		switch {
		case at < 0:
			c.report("%s is no action", cut(string(a.Action)))
		case at <= last:
			c.report("%s is there twice, or out of order", a.Action)
		}
		last = max(last, at)
	}
}

// changes: what changes something is the agent's to do, and not out of thin air.
func (c *checker) changes() {
	f := c.facts
	for _, a := range []agent.Action{agent.Quarantine, agent.Remap, agent.Retrigger} {
		if c.has(a) && !f.free(a) {
			c.report("%s is taken out of the agent's hands", a)
		}
	}
	if remap, ok := c.find(agent.Remap); ok {
		for _, name := range remap.Fields {
			if !slices.Contains(f.newFields(), name) {
				c.report("remap: %s is no new field", cut(name))
			}
		}
		if len(remap.Fields) == 0 || f.remapped() || f.overRemapped() {
			c.report("remap: of no field, again, of too many fields, or too often a day")
		}
	}
	if again, ok := c.find(agent.Retrigger); ok {
		least, most := f.waits()
		switch {
		case !f.failed() && f.late().verdict(f.policy.LateMajor) != below:
			c.report("retrigger: nothing asks for another run")
		case f.facts.Retriggers >= f.policy.Retrigger.MaxChain:
			c.report("retrigger: the chain has its %d runs", f.policy.Retrigger.MaxChain)
		case again.BackoffS < least || again.BackoffS > most:
			c.report("retrigger: a wait of %d s is not between %d and %d", again.BackoffS, least, most)
		}
	}
}

// segment: a quarantine takes what doesn't conform, and a segment only if the
// failures are concentrated there.
func (c *checker) segment() {
	q, ok := c.find(agent.Quarantine)
	switch {
	case !ok:
	case q.Column == "" && len(q.Values) > 0:
		c.report("quarantine: values without a column")
	case q.Column == "" && len(c.facts.breaking()) == 0:
		c.report("quarantine: nothing breaks the schema, and no segment is named")
	case q.Column != "":
		if why := c.facts.notConcentrated(q.Column, q.Values); why != "" {
			c.report("quarantine: %s", why)
		}
	}
}

// schedule: it is paused for failures in a row, and for nothing else.
func (c *checker) schedule() {
	e, _ := c.find(agent.Escalate)
	if must := c.facts.repeated(); e.PauseSchedule != must {
		c.report("the schedule's pause is %v, and must be %v", e.PauseSchedule, must)
	}
}

// batch: nothing loads that the matrix keeps out or a person must see first.
func (c *checker) batch() {
	f := c.facts
	q, out := c.find(agent.Quarantine)
	if f.wholesale() {
		c.demandHold("a critical rule failed as a whole")
	}
	if f.failing().verdict(f.policy.DQMajor) == onOrAbove && (!out || q.Column == "") {
		c.demandHold("too much of it fails, and no segment is set aside")
	}
	if len(f.breaking()) > 0 {
		c.demand("breaking drift", agent.Quarantine)
		c.demand("breaking drift", agent.Escalate)
	}
	if len(f.newFields()) > 0 && !c.has(agent.Remap) {
		c.demandHold("loading it drops the new fields' values")
	}
	if out && f.setAside(q.Column, q.Values).verdict(f.policy.QuarantineMaxShare) == onOrAbove &&
		!f.setAside(q.Column, q.Values).is(f.policy.QuarantineMaxShare) {
		c.demandHold("the quarantine is larger than its budget")
	}
	again := f.late().verdict(f.policy.LateMajor) == below && f.facts.Retriggers < f.policy.Retrigger.MaxChain
	if again && !f.free(agent.Retrigger) && !f.failed() { // a failed run loads nothing
		c.demandHold("the retrigger for late records is a person's to decide")
	}
}

// people: who must hear of it does, and an incident is grouped where it belongs.
func (c *checker) people() {
	f := c.facts
	share := f.failing().verdict(f.policy.DQMajor)
	if f.late().verdict(f.policy.LateMajor) == onOrAbove || f.gap() || f.repeated() {
		if !c.has(agent.Escalate) {
			c.report("late arrivals, a gap or repeated failures must be escalated")
		}
	}
	if f.failed() && !f.repeated() {
		c.demand("a failed run", agent.Retrigger, agent.Escalate)
		if x := f.facts.Report.Failure; x != nil && x.Kind == pipeline.Bug {
			c.demand("a bug", agent.Escalate)
		}
	}
	if f.late().verdict(f.policy.LateMajor) == below {
		c.demand("late arrivals", agent.Retrigger, agent.Log, agent.Escalate)
	}
	if share == below && !c.has(agent.Quarantine) {
		c.demand("failing records", agent.Log, agent.Notify, agent.Escalate)
	}
	if e, ok := c.find(agent.Escalate); ok {
		if !strings.HasPrefix(e.Cause, f.facts.Report.Pipeline+"/") {
			c.report("escalate: cause %s is another pipeline's", cut(e.Cause))
		}
		c.advice(e)
	}
}

// advice: what a person is advised to answer is an answer, and its mapping
// speaks of fields that the facts have.
func (c *checker) advice(e agent.Args) {
	if !slices.Contains([]string{"", pipeline.Release, pipeline.Replay, pipeline.Discard}, e.Advice) {
		c.report("escalate: %s is no answer", cut(e.Advice))
	}
	var broken []string
	for _, d := range c.facts.breaking() {
		broken = append(broken, d.Field)
	}
	m := e.Mapping
	if m == nil {
		return
	}
	for from, to := range m.Rename {
		if !slices.Contains(c.facts.newFields(), from) || !slices.Contains(broken, to) {
			c.report("escalate: the facts don't show that %s may be %s", cut(from), cut(to))
		}
	}
	for _, field := range slices.Concat(slices.Collect(maps.Keys(m.Cast)), slices.Collect(maps.Keys(m.Default))) {
		if !slices.Contains(broken, field) {
			c.report("escalate: nothing is wrong with %s, which the mapping changes", cut(field))
		}
	}
}
