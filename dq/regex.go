package dq

import (
	"errors"
	"fmt"
	"regexp"
	"regexp/syntax"
	"slices"
	"strings"
)

func matchRegex(want bool) func(*args) check {
	return func(a *args) check {
		text := "(?s).*" // Great Expectations' own default
		if _, given := a.values["regex"]; given || !want {
			text = a.text("regex")
		}
		re := a.regex("regex", text)
		detail := "must match " + text
		if !want {
			detail = "must not match " + text
		}
		return onTexts(detail, func(s string) bool { return re.MatchString(s) == want })
	}
}

// regex compiles a pattern. What can't be kept is a problem, and gives one that
// matches nothing.
func (a *args) regex(name, pattern string) *regexp.Regexp {
	re, err := compileRegex(pattern)
	if err != nil {
		a.problem("%s %q: %s", name, pattern, explainRegex(err))
		return regexp.MustCompile(`$^`)
	}
	return re
}

// matchRegexes asks whether any, or all, of several patterns match.
func matchRegexes(want bool) func(*args) check {
	return func(a *args) check {
		var patterns []*regexp.Regexp
		for _, v := range a.list("regex_list") {
			text, ok := v.(string)
			if !ok {
				a.problem("regex_list: %v is no text", v)
			}
			patterns = append(patterns, a.regex("regex_list", text))
		}
		if len(patterns) == 0 {
			a.problem("regex_list is empty")
		}
		all := want && a.matchOn()
		return onTexts(describeList(a.values["regex_list"], want, all), func(s string) bool {
			return matchesOf(patterns, all, func(re *regexp.Regexp) bool { return re.MatchString(s) }) == want
		})
	}
}

// matchOn is true for "all", false for "any".
func (a *args) matchOn() bool {
	switch v := a.values["match_on"]; v {
	case nil, "any":
		return false
	case "all":
		return true
	default:
		a.problem(`match_on is %v; it must be "any" or "all"`, v)
		return false
	}
}

func matchesOf[P any](patterns []P, all bool, match func(P) bool) bool {
	if all {
		return !slices.ContainsFunc(patterns, func(p P) bool { return !match(p) })
	}
	return slices.ContainsFunc(patterns, match)
}

func describeList(list any, want, all bool) string {
	switch {
	case !want:
		return fmt.Sprintf("must match none of %v", list)
	case all:
		return fmt.Sprintf("must match all of %v", list)
	}
	return fmt.Sprintf("must match one of %v", list)
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
