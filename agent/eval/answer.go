package eval

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/autonomous-data-pipeline/adp/agent"
)

// Answer is a set of actions as a label gives it. No action means: load.
type Answer []Expected

// Expected is one action of an answer. A quarantine's segment, an escalation's
// hold and its pause must be the same; fields and backoff only if there are
// any, and a longer wait is right, too.
type Expected struct {
	Action   agent.Action
	Fields   []string
	Column   string
	Values   []string
	BackoffS int64
	Hold     bool
	Pause    bool
}

// nothing is the answer that does nothing.
const nothing = "load"

var expected = regexp.MustCompile(`^([a-z_]+)(?:\[([^]=]+)(?:=([^]]+))?\])?(?:\((\d+)s\))?(\+hold)?(\+pause)?$`)

// parseAnswer reads a label's short form: actions with a space between, like
// "quarantine[country=BR,IN] remap[tier] retrigger(60s) escalate+hold+pause",
// or "load".
func parseAnswer(s string) (Answer, error) {
	if s == nothing {
		return Answer{}, nil
	}
	var out Answer
	for _, word := range strings.Fields(s) {
		m := expected.FindStringSubmatch(word)
		if m == nil {
			return nil, fmt.Errorf("%q is no action like quarantine[country=BR], remap[tier], retrigger(60s) or escalate+hold+pause", word)
		}
		e := Expected{Action: agent.Action(m[1]), Hold: m[5] != "", Pause: m[6] != ""}
		if !slices.Contains(known, e.Action) {
			return nil, fmt.Errorf("%q is none of the actions %v", m[1], known)
		}
		switch {
		case m[3] != "":
			e.Column, e.Values = m[2], strings.Split(m[3], ",")
		case m[2] != "":
			e.Fields = strings.Split(m[2], ",")
		}
		if m[4] != "" {
			var err error
			if e.BackoffS, err = strconv.ParseInt(m[4], 10, 64); err != nil {
				return nil, fmt.Errorf("the wait of %q: %w", word, err)
			}
		}
		out = append(out, e)
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("an answer is empty: what does nothing is %q", nothing)
	}
	return out, nil
}

// swapped is the answer with other texts.
func (a Answer) swapped(swap map[string]string) Answer {
	out := slices.Clone(a)
	for i := range out {
		e := &out[i]
		e.Fields, e.Values = swapAll(e.Fields, swap), swapAll(e.Values, swap)
		e.Column = swapped(e.Column, swap)
	}
	return out
}

func swapped(s string, swap map[string]string) string {
	if to, ok := swap[s]; ok {
		return to
	}
	return s
}

func swapAll(list []string, swap map[string]string) []string {
	out := slices.Clone(list)
	for i := range out {
		out[i] = swapped(out[i], swap)
	}
	return out
}

// matches reports whether these are the actions, in any order.
func (a Answer) matches(actions []agent.Planned) bool {
	if len(a) != len(actions) {
		return false
	}
	for _, e := range a {
		if !slices.ContainsFunc(actions, e.is) {
			return false
		}
	}
	return true
}

func (e Expected) is(p agent.Planned) bool {
	return p.Action == e.Action &&
		p.Args.Hold == e.Hold && p.Args.PauseSchedule == e.Pause &&
		p.Args.Column == e.Column && sameSet(p.Args.Values, e.Values) &&
		(len(e.Fields) == 0 || sameSet(p.Args.Fields, e.Fields)) &&
		p.Args.BackoffS >= e.BackoffS
}

func sameSet(a, b []string) bool {
	return slices.Equal(slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b)))
}

// String is the answer in its short form.
func (a Answer) String() string {
	plan := make([]agent.Planned, 0, len(a))
	for _, e := range a {
		plan = append(plan, agent.Planned{Action: e.Action, Args: agent.Args{
			Fields: e.Fields, Column: e.Column, Values: e.Values, BackoffS: e.BackoffS, Hold: e.Hold, PauseSchedule: e.Pause,
		}})
	}
	return short(plan)
}

// short writes actions as a label does, with everything that a decision's
// effect hangs on.
func short(actions []agent.Planned) string {
	if len(actions) == 0 {
		return nothing
	}
	words := make([]string, 0, len(actions))
	for _, p := range actions {
		words = append(words, shortAction(p))
	}
	return strings.Join(words, " ")
}

func shortAction(p agent.Planned) string {
	s := string(p.Action)
	if len(p.Args.Fields) > 0 {
		s += "[" + strings.Join(slices.Sorted(slices.Values(p.Args.Fields)), ",") + "]"
	}
	if p.Args.Column != "" {
		s += "[" + p.Args.Column + "=" + strings.Join(slices.Sorted(slices.Values(p.Args.Values)), ",") + "]"
	}
	if p.Args.BackoffS != 0 {
		s += fmt.Sprintf("(%ds)", p.Args.BackoffS)
	}
	if p.Args.Hold {
		s += "+hold"
	}
	if p.Args.PauseSchedule {
		s += "+pause"
	}
	return s
}
