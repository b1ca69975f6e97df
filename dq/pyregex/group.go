package pyregex

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"
)

// refusals are what needs backtracking, and what to do without.
var refusals = []struct{ piece, explained string }{
	{"(?=", "there is no lookaround here: split the rule in two expectations"},
	{"(?!", "there is no lookaround here: add an expect_column_values_to_not_match_regex"},
	{"(?<=", "there is no lookaround here: put what comes before into the pattern"},
	{"(?<!", "there is no lookaround here: add an expect_column_values_to_not_match_regex"},
	{"(?P=", "there are no backreferences here"},
	{"(?>", "an atomic group changes what matches: write (?:…)"},
	{"(?(", "there are no conditionals here: split the rule in two expectations"},
}

func (t *translator) group(depth int) error {
	for _, r := range refusals {
		if t.has(r.piece) {
			return fmt.Errorf("%s is not supported: %s", r.piece, r.explained)
		}
	}
	outer := t.flags
	if err := t.open(); err != nil {
		return err
	}
	t.out.WriteString("(?:")
	if err := t.alternatives(depth + 1); err != nil {
		return err
	}
	if !t.take(")") {
		return errors.New("missing closing )")
	}
	t.out.WriteByte(')')
	t.flags = outer
	return nil
}

// open reads what a group begins with.
func (t *translator) open() error {
	switch {
	case t.take("(?P<"):
		return t.name()
	case t.take("(?:"):
		return nil
	case t.take("(?"):
		return t.scoped()
	}
	t.take("(")
	return nil
}

// name reads the name of a group.
func (t *translator) name() error {
	name, _, closed := strings.Cut(t.rest(), ">")
	switch {
	case !closed || name == "":
		return errors.New("missing group name")
	case !identifier(name):
		return fmt.Errorf("bad character in group name %q", name)
	case slices.Contains(t.names, name):
		return fmt.Errorf("redefinition of group name %q", name)
	}
	t.names = append(t.names, name)
	t.at += len(name) + 1
	return nil
}

// identifier is Python's str.isidentifier.
func identifier(s string) bool {
	for i, r := range s {
		starts := r == '_' || unicode.In(r, unicode.L, unicode.Nl, unicode.Other_ID_Start)
		if !starts && (i == 0 || !unicode.In(r, unicode.Mn, unicode.Mc, unicode.Nd, unicode.Pc, unicode.Other_ID_Continue)) {
			return false
		}
	}
	return true
}
