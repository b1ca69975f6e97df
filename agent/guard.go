package agent

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"unicode/utf8"
)

// Guard reports every reason for which a proposal may not be carried out, or
// nil. The bounds carry all that it needs: what policy forbids, and what the
// budgets leave, isn't in them.
func Guard(b Bounds, p Proposal) error {
	errs := []error{inside(b.Allowed, b.Mandatory, p.Actions)}
	for _, one := range b.OneOf {
		if !slices.ContainsFunc(one, func(a Action) bool { return proposes(p.Actions, a) }) {
			errs = append(errs, fmt.Errorf("one of %s must be there", list(one)))
		}
	}
	if slices.Contains(b.Allowed, Remap) && !proposes(p.Actions, Remap) && !holds(p.Actions) {
		errs = append(errs, errors.New("the new fields are neither remapped nor is the batch held: their values would be dropped"))
	}
	for _, a := range p.Actions {
		errs = append(errs, checkArgs(b, a), checkText(a))
	}
	if !slices.IsSortedFunc(p.Actions, func(x, y Planned) int { return byRank(x.Action, y.Action) }) {
		errs = append(errs, fmt.Errorf("the actions are out of order; it is %s", list(order)))
	}
	return errors.Join(errs...)
}

func proposes(actions []Planned, a Action) bool {
	return slices.ContainsFunc(actions, func(p Planned) bool { return p.Action == a })
}

func holds(actions []Planned) bool {
	return slices.ContainsFunc(actions, func(p Planned) bool { return p.Action == Escalate && p.Args.Hold })
}

// inside checks that actions are allowed, there once, and that none of the
// mandatory ones is missing. A held batch makes up for all of them.
func inside(allowed, mandatory []Action, actions []Planned) error {
	var errs []error
	seen := map[Action]bool{}
	for _, a := range actions {
		if seen[a.Action] {
			errs = append(errs, fmt.Errorf("%s is proposed twice", a.Action))
		}
		seen[a.Action] = true
		if !slices.Contains(allowed, a.Action) {
			errs = append(errs, fmt.Errorf("%s is not allowed here; allowed are %s", clip(string(a.Action), maxName), list(allowed)))
		}
	}
	for _, m := range mandatory {
		if !seen[m] && !holds(actions) {
			errs = append(errs, fmt.Errorf("%s is mandatory and missing", m))
		}
	}
	return errors.Join(errs...)
}

// checkArgs holds an action's arguments against the default's, which come from
// the facts: a proposer may choose less or safer, never more. An argument that
// belongs to another action is refused: whoever wrote it meant something.
func checkArgs(b Bounds, a Planned) error {
	def := Args{}
	if i := slices.IndexFunc(b.Default, func(d Planned) bool { return d.Action == a.Action }); i >= 0 {
		def = b.Default[i].Args
	}
	rest := a.Args
	var err error
	switch a.Action {
	case Remap:
		rest.Fields = nil
		err = checkRemap(a.Args, def)
	case Quarantine:
		rest.Column, rest.Values = "", nil
		err = checkQuarantine(a.Args, append(slices.Clone(b.Segments), def))
	case Retrigger:
		rest.BackoffS = 0
		if a.Args.BackoffS < def.BackoffS || a.Args.BackoffS > b.MaxBackoffS {
			err = fmt.Errorf("retrigger: a backoff of %d s is not between %d and %d", a.Args.BackoffS, def.BackoffS, b.MaxBackoffS)
		}
	case Escalate:
		rest.Hold, rest.PauseSchedule, rest.Cause, rest.Message, rest.Advice, rest.Mapping = false, false, "", "", "", nil
		err = checkEscalate(b, a.Args, def)
	case Log, Notify:
		rest.Message = ""
	default:
		rest.Own = nil
		err = checkOwn(a, def)
	}
	if !isZero(rest) {
		err = errors.Join(err, fmt.Errorf("%s: it takes no such arguments: %s", quote(string(a.Action)), strings.Join(given(rest), ", ")))
	}
	return err
}

func checkRemap(a, def Args) error {
	if len(a.Fields) == 0 || !subset(a.Fields, def.Fields) || len(distinct(slices.Clone(a.Fields))) != len(a.Fields) {
		return fmt.Errorf("remap: fields %s are not among the new ones: %s", quoted(a.Fields), quoted(def.Fields))
	}
	return nil
}

// checkQuarantine lets no other values through than the facts show: fewer
// would load what the matrix keeps out, more would keep out what it loads.
func checkQuarantine(a Args, fit []Args) error {
	for _, s := range fit {
		if a.Column == s.Column && len(a.Values) == len(s.Values) && subset(s.Values, a.Values) {
			return nil
		}
	}
	def := fit[len(fit)-1]
	return fmt.Errorf("quarantine: %s %s is not the segment that the facts show: %s %s", quote(a.Column), quoted(a.Values), quote(def.Column), quoted(def.Values))
}

func checkEscalate(b Bounds, a, def Args) error {
	var errs []error
	if def.Hold && !a.Hold {
		errs = append(errs, errors.New("escalate: the batch must be held"))
	}
	if a.PauseSchedule != def.PauseSchedule {
		errs = append(errs, fmt.Errorf("escalate: whether the schedule is paused isn't the proposer's choice: here it is %v", def.PauseSchedule))
	}
	if a.Cause != b.Cause {
		errs = append(errs, fmt.Errorf("escalate: cause %s is not %s", quote(a.Cause), quote(b.Cause)))
	}
	if a.Advice != "" && !slices.Contains(advices, a.Advice) {
		errs = append(errs, fmt.Errorf("escalate: advice %s is none of %s", quote(a.Advice), list(advices)))
	}
	if a.Mapping != nil && !reflect.DeepEqual(a.Mapping, def.Mapping) && !reflect.DeepEqual(a.Mapping, mapping(mended(b.Mends, *a.Mapping))) {
		errs = append(errs, errors.New("escalate: the mapping has parts that the facts don't show, or mends a field twice"))
	}
	return errors.Join(errs...)
}

func checkText(a Planned) error {
	for _, t := range [][2]string{{"reason", a.Reason}, {"message", a.Args.Message}} { // in this order, for replays
		if tooLong(t[1]) || !utf8.ValidString(t[1]) {
			return fmt.Errorf("%s: its %s is longer than %d characters, or no text at all", quote(string(a.Action)), t[0], maxText)
		}
	}
	return nil
}

func isZero(a Args) bool { return len(given(a)) == 0 }

// given names the arguments that are there.
func given(a Args) []string {
	var out []string
	for _, g := range []struct {
		name string
		is   bool
	}{
		{"fields", len(a.Fields) > 0}, {"column", a.Column != ""}, {"values", len(a.Values) > 0},
		{"hold", a.Hold}, {"pause_schedule", a.PauseSchedule}, {"cause", a.Cause != ""},
		{"backoff_s", a.BackoffS != 0}, {"message", a.Message != ""}, {"advice", a.Advice != ""}, {"mapping", a.Mapping != nil}, {"own", len(a.Own) > 0},
	} {
		if g.is {
			out = append(out, g.name)
		}
	}
	return out
}

func subset(a, of []string) bool {
	return !slices.ContainsFunc(a, func(x string) bool { return !slices.Contains(of, x) })
}
