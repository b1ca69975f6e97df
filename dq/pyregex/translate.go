package pyregex

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
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
	// bound says that \b or \B stands in the pattern; asciiBound that (?a) is on
	// there.
	bound, asciiBound bool
}

// translate gives the pattern in RE2's syntax, with Python's meaning of classes.
// Ends and word boundaries stay what they are; whoever matches gives them
// Python's meaning.
func translate(pattern string) (*translator, error) {
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

func (t *translator) take(prefix string) bool {
	if strings.HasPrefix(t.rest(), prefix) {
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

// global reads flags for all of the pattern, which stand at its start.
func (t *translator) global() error {
	for strings.HasPrefix(t.rest(), "(?") {
		end := strings.IndexByte(t.rest(), ')')
		if end < 3 || strings.Trim(t.rest()[2:end], "aiLmsux") != "" {
			return nil
		}
		for _, f := range t.rest()[2:end] {
			if err := t.flags.set(f, true); err != nil {
				return err
			}
		}
		t.at += end + 1
	}
	return nil
}

func (f *flags) set(name rune, on bool) error {
	switch name {
	case 'a':
		f.ascii = on
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
	default:
		return fmt.Errorf("flag %c is not supported", name)
	}
	return nil
}

// maxNesting bounds how deep groups nest.
const maxNesting = 200

func (t *translator) alternatives(depth int) error {
	if depth > maxNesting {
		return fmt.Errorf("groups nest deeper than %d", maxNesting)
	}
	for t.at < len(t.in) && t.in[t.at] != ')' {
		if t.take("|") {
			t.out.WriteByte('|')
			continue
		}
		if t.flags.verbose && t.skipped() {
			continue
		}
		repeatable, err := t.item(depth)
		if err != nil {
			return err
		}
		if err := t.quantifier(repeatable); err != nil {
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

// item writes one thing that a quantifier may follow; repeatable is false for
// those where Python refuses one.
func (t *translator) item(depth int) (repeatable bool, err error) {
	switch c := t.in[t.at]; c {
	case '(':
		return t.group(depth)
	case '[':
		set, err := t.class()
		if err == nil {
			t.writeSet(set)
		}
		return true, err
	case '.':
		t.at++
		t.out.WriteString(map[bool]string{true: "(?s:.)", false: "(?-s:.)"}[t.flags.dotall])
		return true, nil
	case '^':
		t.at++
		t.out.WriteString(map[bool]string{true: "(?m:^)", false: `\A`}[t.flags.multi])
		return false, nil
	case '$':
		t.at++
		t.out.WriteString(map[bool]string{true: "(?m:$)", false: "(?-m:$)"}[t.flags.multi])
		return false, nil
	case '\\':
		asserts := t.at+1 < len(t.in) && strings.IndexByte("AZbB", t.in[t.at+1]) >= 0
		return !asserts, t.escape()
	case '*', '+', '?', '{':
		if _, _, _, repeats := t.repeat(); repeats {
			return false, errors.New("nothing to repeat")
		}
	}
	t.literal(t.rune())
	return true, nil
}

func (t *translator) literal(r rune) {
	if t.flags.ignore && (!t.flags.ascii || r < utf8.RuneSelf) {
		if t.flags.ascii {
			t.writeSet(asciiFold(set{{r, r}}))
			return
		}
		fmt.Fprintf(&t.out, `(?i:\x{%x})`, r)
		return
	}
	fmt.Fprintf(&t.out, `\x{%x}`, r)
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

func (t *translator) group(depth int) (bool, error) {
	for _, r := range refusals {
		if strings.HasPrefix(t.rest(), r.piece) {
			return false, fmt.Errorf("%s is not supported: %s", r.piece, r.explained)
		}
	}
	outer := t.flags
	switch {
	case t.take("(?#"):
		end := strings.IndexByte(t.rest(), ')')
		if end < 0 {
			return false, errors.New("missing ), unterminated comment")
		}
		t.at += end + 1
		return false, nil
	case t.take("(?P<"):
		end := strings.IndexByte(t.rest(), '>')
		if end < 1 {
			return false, errors.New("missing group name")
		}
		t.at += end + 1
	case t.take("(?:"):
	case t.take("(?"):
		if err := t.scoped(); err != nil {
			return false, err
		}
	default:
		t.at++
	}
	t.out.WriteString("(?:")
	if err := t.alternatives(depth + 1); err != nil {
		return false, err
	}
	if !t.take(")") {
		return false, errors.New("missing closing )")
	}
	t.out.WriteByte(')')
	t.flags = outer
	return true, nil
}

// scoped reads the flags of (?i-s:…).
func (t *translator) scoped() error {
	end := strings.IndexByte(t.rest(), ':')
	if end < 0 || strings.Trim(t.rest()[:end], "aiLmsux-") != "" {
		if close := strings.IndexByte(t.rest(), ')'); close >= 0 && strings.Trim(t.rest()[:close], "aiLmsux") == "" {
			return errors.New("global flags not at the start of the expression")
		}
		return errors.New("unknown extension after (?")
	}
	on := true
	for _, f := range t.rest()[:end] {
		if f == '-' {
			on = false
			continue
		}
		if err := t.flags.set(f, on); err != nil {
			return err
		}
	}
	t.at += end + 1
	return nil
}

// quantifier writes what says how often the item before stands. A brace that is
// no quantifier is a literal.
func (t *translator) quantifier(repeatable bool) error {
	for t.flags.verbose && t.at < len(t.in) && t.skipped() { //nolint:revive // that is all
	}
	from, least, most, ok := t.repeat()
	if !ok {
		return nil
	}
	if !repeatable {
		return errors.New("nothing to repeat")
	}
	if t.take("+") {
		return fmt.Errorf("%s is not supported: a possessive quantifier changes what matches: leave the last + out", t.in[from:t.at])
	}
	if least > 1000 || most > 1000 {
		return fmt.Errorf("%s repeats more than 1000 times: check the length with expect_column_value_lengths_to_be_between", t.in[from:t.at])
	}
	if most >= 0 && least > most {
		return errors.New("min repeat greater than max repeat")
	}
	t.take("?") // how much is taken doesn't change whether there is a match
	switch {
	case most < 0:
		fmt.Fprintf(&t.out, "{%d,}", least)
	default:
		fmt.Fprintf(&t.out, "{%d,%d}", least, most)
	}
	if _, _, _, again := t.repeat(); again {
		return errors.New("multiple repeat")
	}
	return nil
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
