package dq

import (
	"errors"
	"fmt"
	"regexp"
	"regexp/syntax"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
)

func matchRegex(want bool) func(*args) check {
	return func(a *args) check {
		text := a.text("regex")
		re, err := compileRegex(text)
		if err != nil {
			a.problem("regex %q: %s", text, explainRegex(err))
		}
		detail := "must match " + text
		if !want {
			detail = "must not match " + text
		}
		return check{detail: detail, rows: func(col arrow.Array) (func(int) bool, error) {
			return perValue(col, func(col arrow.Array) (func(int) bool, error) {
				text := textOf(col)
				return func(i int) bool { return re.MatchString(text(i)) == want }, nil
			})
		}}
	}
}

// compileRegex compiles a pattern with Python's meaning of $: the text's end,
// or before a newline there. The syntax is RE2's; \d, \w, \s and \b know ASCII
// alone, where Python's know all of Unicode.
func compileRegex(pattern string) (*regexp.Regexp, error) {
	tree, err := syntax.Parse(pattern, syntax.Perl)
	if err != nil {
		return nil, err
	}
	return regexp.Compile(pythonDollar(tree).String())
}

func pythonDollar(re *syntax.Regexp) *syntax.Regexp {
	if re.Op == syntax.OpEndText && re.Flags&syntax.WasDollar != 0 {
		newline := &syntax.Regexp{Op: syntax.OpLiteral, Rune: []rune{'\n'}}
		maybe := &syntax.Regexp{Op: syntax.OpQuest, Sub: []*syntax.Regexp{newline}}
		end := &syntax.Regexp{Op: syntax.OpEndText} // \z
		return &syntax.Regexp{Op: syntax.OpConcat, Sub: []*syntax.Regexp{maybe, end}}
	}
	for i, sub := range re.Sub {
		re.Sub[i] = pythonDollar(sub)
	}
	return re
}

// pythonOnly are pieces of Python's syntax that RE2 leaves out, so as to need
// no more than linear time, and what to do without.
var pythonOnly = []struct{ piece, explained string }{
	{"(?=", "RE2 has no lookaround: split the rule in two expectations"},
	{"(?!", "RE2 has no lookaround: add an expect_column_values_to_not_match_regex"},
	{"(?<=", "RE2 has no lookaround: put what comes before into the pattern"},
	{"(?<!", "RE2 has no lookaround: add an expect_column_values_to_not_match_regex"},
	{"(?P=", "RE2 has no backreferences"},
	{"(?>", "RE2 has no atomic groups, nor needs them: write (?:…)"},
	{"(?(", "RE2 has no conditionals: split the rule in two expectations"},
	{"(?#", "RE2 has no comments: use the expectation's notes"},
	{`\Z`, `RE2 writes it \z`},
}

// explainRegex says why a pattern can't be kept, and what to write instead.
func explainRegex(err error) string {
	var s *syntax.Error
	if !errors.As(err, &s) {
		return err.Error()
	}
	for _, p := range pythonOnly {
		if strings.HasPrefix(s.Expr, p.piece) {
			return fmt.Sprintf("%s is not supported: %s", s.Expr, p.explained)
		}
	}
	switch {
	case s.Code == syntax.ErrInvalidEscape && len(s.Expr) == 2 && s.Expr[1] >= '1' && s.Expr[1] <= '9':
		return s.Expr + " is not supported: RE2 has no backreferences"
	case s.Code == syntax.ErrInvalidRepeatSize:
		return s.Expr + " repeats more than 1000 times: check the length with expect_column_value_lengths_to_be_between"
	case s.Code == syntax.ErrInvalidRepeatOp && strings.HasSuffix(s.Expr, "+"):
		return s.Expr + " is not supported: RE2 has no possessive quantifiers, nor needs them: leave the last + out"
	}
	return s.Error()
}
