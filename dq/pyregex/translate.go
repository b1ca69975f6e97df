package pyregex

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// flags are Python's inline flags.
type flags struct{ ascii, ignore, multi, dotall, verbose bool }

// translator rewrites a Python pattern in RE2's syntax, piece by piece.
type translator struct {
	in    string
	at    int
	out   strings.Builder
	flags flags
	names []string // of groups
	// bound says that \b or \B stands in the pattern; asciiBound that (?a) is on
	// there.
	bound, asciiBound bool
}

// translate gives the pattern in RE2's syntax, with Python's meaning of classes.
// Ends and word boundaries stay what they are; whoever matches gives them
// Python's meaning.
func translate(pattern string) (*translator, error) {
	if !utf8.ValidString(pattern) {
		return nil, errors.New("it is no UTF-8: save the file that it stands in as UTF-8")
	}
	t := &translator{in: pattern}
	if err := t.global(); err != nil {
		return nil, err
	}
	if err := t.alternatives(0); err != nil {
		return nil, err
	}
	if t.at < len(t.in) {
		return nil, errors.New("unbalanced parenthesis")
	}
	return t, nil
}

func (t *translator) rest() string { return t.in[t.at:] }

func (t *translator) has(prefix string) bool { return strings.HasPrefix(t.rest(), prefix) }

func (t *translator) take(prefix string) bool {
	if t.has(prefix) {
		t.at += len(prefix)
		return true
	}
	return false
}

func (t *translator) rune() rune {
	r, size := utf8.DecodeRuneInString(t.rest())
	t.at += size
	return r
}

// global reads flags for all of the pattern. Nothing but comments, and white
// space that is skipped, may stand before them.
func (t *translator) global() error {
	letters := ""
	for t.at < len(t.in) {
		if skipped, err := t.comment(); err != nil || skipped {
			if err != nil {
				return err
			}
			continue
		}
		if t.flags.verbose && t.skipped() {
			continue
		}
		end := strings.IndexByte(t.rest(), ')')
		if end < 3 || !t.has("(?") || strings.Trim(t.rest()[2:end], allFlags) != "" {
			break
		}
		letters += t.rest()[2:end]
		t.at += end + 1
		if err := t.flags.set(letters, true); err != nil {
			return err
		}
	}
	return nil
}

// allFlags are those that Python knows in a pattern.
const allFlags = "aiLmsux"

// set turns flags on or off.
func (f *flags) set(letters string, on bool) error {
	switch {
	case strings.Contains(letters, "L"):
		return errors.New("flag L is for patterns of bytes")
	case on && strings.Contains(letters, "a") && strings.Contains(letters, "u"):
		return errors.New("flags a and u are incompatible")
	case !on && strings.ContainsAny(letters, "au"):
		return errors.New("flags a and u can't be turned off")
	}
	for _, name := range letters {
		switch name {
		case 'a':
			f.ascii = true
		case 'i':
			f.ignore = on
		case 'm':
			f.multi = on
		case 's':
			f.dotall = on
		case 'x':
			f.verbose = on
		case 'u':
			f.ascii = false
		}
	}
	return nil
}

// comment passes over (?#…), wherever it stands.
func (t *translator) comment() (bool, error) {
	if !t.take("(?#") {
		return false, nil
	}
	end := strings.IndexByte(t.rest(), ')')
	if end < 0 {
		return false, errors.New("missing ), unterminated comment")
	}
	t.at += end + 1
	return true, nil
}

// piece is what stands before a quantifier.
type piece uint8

const (
	none piece = iota
	assertion
	character // or a class or group: it may be repeated
	repeated
)

// maxNesting bounds how deep groups nest.
const maxNesting = 200

func (t *translator) alternatives(depth int) error {
	if depth > maxNesting {
		return fmt.Errorf("groups nest deeper than %d", maxNesting)
	}
	before := none
	for t.at < len(t.in) && t.in[t.at] != ')' {
		if skipped, err := t.comment(); err != nil {
			return err
		} else if skipped || t.flags.verbose && t.skipped() {
			continue
		}
		if t.take("|") {
			t.out.WriteByte('|')
			before = none
			continue
		}
		var err error
		if before, err = t.item(before, depth); err != nil {
			return err
		}
	}
	return nil
}

// skipped passes over white space and comments of a verbose pattern.
func (t *translator) skipped() bool {
	if strings.IndexByte(" \t\n\r\f\v", t.in[t.at]) >= 0 {
		t.at++
		return true
	}
	if t.in[t.at] != '#' {
		return false
	}
	if end := strings.IndexByte(t.rest(), '\n'); end >= 0 {
		t.at += end + 1
	} else {
		t.at = len(t.in)
	}
	return true
}

// item writes one thing, and says what it is to a quantifier behind it.
func (t *translator) item(before piece, depth int) (piece, error) {
	switch c := t.in[t.at]; c {
	case '(':
		return character, t.group(depth)
	case '[':
		set, err := t.class()
		if err == nil {
			t.writeSet(set)
		}
		return character, err
	case '.':
		t.at++
		t.out.WriteString(map[bool]string{true: "(?s:.)", false: "(?-s:.)"}[t.flags.dotall])
		return character, nil
	case '^':
		t.at++
		t.out.WriteString(map[bool]string{true: "(?m:^)", false: `\A`}[t.flags.multi])
		return assertion, nil
	case '$':
		t.at++
		t.out.WriteString(map[bool]string{true: "(?m:$)", false: "(?-m:$)"}[t.flags.multi])
		return assertion, nil
	case '\\':
		return t.escape()
	case '*', '+', '?', '{':
		if is, err := t.quantifier(before); is || err != nil {
			return repeated, err
		}
	}
	return character, t.literal(t.rune())
}

func (t *translator) literal(r rune) error {
	if err := t.foldable(r); err != nil {
		return err
	}
	if t.flags.ignore {
		t.writeSet(t.cases(set{{r, r}}))
	} else {
		fmt.Fprintf(&t.out, `\x{%x}`, r)
	}
	return nil
}

// refusals are what needs backtracking, and what to do without.
var refusals = []struct{ piece, explained string }{
	{"(?=", "RE2 has no lookaround: split the rule in two expectations"},
	{"(?!", "RE2 has no lookaround: add an expect_column_values_to_not_match_regex"},
	{"(?<=", "RE2 has no lookaround: put what comes before into the pattern"},
	{"(?<!", "RE2 has no lookaround: add an expect_column_values_to_not_match_regex"},
	{"(?P=", "RE2 has no backreferences"},
	{"(?>", "an atomic group changes what matches: write (?:…)"},
	{"(?(", "RE2 has no conditionals: split the rule in two expectations"},
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

// scoped reads the flags of (?i-s:…).
func (t *translator) scoped() error {
	end := strings.IndexAny(t.rest(), ":)")
	if end < 1 || strings.Trim(t.rest()[:end], allFlags+"-") != "" {
		return errors.New("unknown extension after (?")
	}
	on, off, turnsOff := strings.Cut(t.rest()[:end], "-")
	switch {
	case t.rest()[end] == ')' && !turnsOff:
		return errors.New("global flags not at the start of the expression")
	case t.rest()[end] == ')' || strings.Contains(off, "-"):
		return errors.New("missing : after flags")
	case turnsOff && off == "":
		return errors.New("missing flag")
	case off != "" && strings.ContainsAny(on, off):
		return errors.New("flag turned on and off")
	}
	t.at += end + 1
	return errors.Join(t.flags.set(on, true), t.flags.set(off, false))
}

// quantifier writes how often what stands before is repeated. It is false for a
// brace that is no quantifier.
func (t *translator) quantifier(before piece) (bool, error) {
	from, least, most, ok := t.repeat()
	if !ok {
		return false, nil
	}
	switch {
	case most >= 0 && least > most:
		return true, errors.New("min repeat greater than max repeat")
	case before == none || before == assertion:
		return true, errors.New("nothing to repeat")
	case before == repeated:
		return true, errors.New("multiple repeat")
	case t.take("+"):
		return true, fmt.Errorf("%s is not supported: a possessive quantifier changes what matches: leave the last + out", t.in[from:t.at])
	case least > 1000 || most > 1000:
		return true, fmt.Errorf("%s repeats more than 1000 times: check the length with expect_column_value_lengths_to_be_between", t.in[from:t.at])
	}
	t.take("?") // how much is taken doesn't change whether there is a match
	if most < 0 {
		fmt.Fprintf(&t.out, "{%d,}", least)
	} else {
		fmt.Fprintf(&t.out, "{%d,%d}", least, most)
	}
	return true, nil
}

// repeat reads a quantifier; most is -1 without an end.
func (t *translator) repeat() (from, least, most int, ok bool) {
	from = t.at
	switch {
	case t.take("*"):
		return from, 0, -1, true
	case t.take("+"):
		return from, 1, -1, true
	case t.take("?"):
		return from, 0, 1, true
	case !t.take("{"):
		return from, 0, 0, false
	}
	end := strings.IndexByte(t.rest(), '}')
	if end < 0 || t.rest()[:end] == "" || strings.Trim(t.rest()[:end], "0123456789,") != "" || strings.Count(t.rest()[:end], ",") > 1 {
		t.at = from
		return from, 0, 0, false
	}
	low, high, comma := strings.Cut(t.rest()[:end], ",")
	least, most = number(low, 0), number(high, -1)
	if !comma {
		most = least
	}
	t.at += end + 1
	return from, least, most, true
}

// number reads digits; too many of them are more than any limit.
func number(s string, fallback int) int {
	if s == "" {
		return fallback
	}
	n, err := strconv.Atoi(s)
	if err != nil {
		return 1 << 30
	}
	return n
}
