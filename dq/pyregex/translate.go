package pyregex

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

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
