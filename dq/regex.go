package dq

import (
	"fmt"
	"slices"

	"github.com/autonomous-data-pipeline/adp/dq/pyregex"
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

// regex compiles a pattern. What can't be kept is a problem.
func (a *args) regex(name, pattern string) *pyregex.Regexp {
	re, err := pyregex.Compile(pattern)
	if err != nil {
		a.problem("%s %q: %v", name, pattern, err)
		re, _ = pyregex.Compile("") // which is none: the suite isn't used
	}
	return re
}

// matchRegexes asks whether any, or all, of several patterns match.
func matchRegexes(want bool) func(*args) check {
	return func(a *args) check {
		var patterns []*pyregex.Regexp
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
			return matchesOf(patterns, all, func(re *pyregex.Regexp) bool { return re.MatchString(s) }) == want
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
