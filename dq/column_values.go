package dq

import (
	"fmt"
	"unicode/utf8"

	"github.com/apache/arrow-go/v18/arrow"
)

func init() {
	register("expect_column_values_to_not_be_null", kind{domain: ofColumn, row: true, build: func(*args) check {
		return check{skip: skipNone, detail: "must not be null", rows: nullness(false)}
	}})
	register("expect_column_values_to_be_null", kind{domain: ofColumn, row: true, build: func(*args) check {
		return check{skip: skipNone, detail: "must be null", rows: nullness(true)}
	}})
	register("expect_column_values_to_be_unique", kind{domain: ofColumn, row: true, build: func(*args) check {
		return check{unique: true, detail: "must be unique"}
	}})
	register("expect_column_values_to_be_increasing", kind{domain: ofColumn, row: true, args: []string{"strictly"}, build: inOrderOf("increase", 1)})
	register("expect_column_values_to_be_decreasing", kind{domain: ofColumn, row: true, args: []string{"strictly"}, build: inOrderOf("decrease", -1)})
	register("expect_column_values_to_match_regex", kind{domain: ofColumn, row: true, args: []string{"regex"}, defaults: map[string]any{"regex": "(?s).*"}, build: matchRegex(true)})
	register("expect_column_values_to_not_match_regex", kind{domain: ofColumn, row: true, args: []string{"regex"}, build: matchRegex(false)})
	register("expect_column_values_to_match_regex_list", kind{domain: ofColumn, row: true, args: []string{"regex_list", "match_on"},
		defaults: map[string]any{"match_on": "any"}, build: matchRegexes(true)})
	register("expect_column_values_to_not_match_regex_list", kind{domain: ofColumn, row: true, args: []string{"regex_list"}, build: matchRegexes(false)})
	register("expect_column_values_to_be_in_set", kind{domain: ofColumn, row: true, args: []string{"value_set"}, build: inSet(true)})
	register("expect_column_values_to_not_be_in_set", kind{domain: ofColumn, row: true, args: []string{"value_set"}, build: inSet(false)})
	register("expect_column_values_to_be_between", kind{domain: ofColumn, row: true,
		args:     []string{"min_value", "max_value", "strict_min", "strict_max"},
		defaults: map[string]any{"strict_min": false, "strict_max": false}, floats: []string{"min_value", "max_value"}, build: between})
	register("expect_column_value_lengths_to_be_between", kind{domain: ofColumn, row: true,
		args:     []string{"min_value", "max_value", "strict_min", "strict_max"},
		defaults: map[string]any{"strict_min": false, "strict_max": false}, build: lengthsBetween})
	register("expect_column_value_lengths_to_equal", kind{domain: ofColumn, row: true, args: []string{"value"}, floats: []string{"value"}, build: lengthsEqual})
}

func nullness(want bool) func([]arrow.Array) (func(int) bool, error) {
	return func(cols []arrow.Array) (func(int) bool, error) {
		if !want && cols[0].NullN() == 0 {
			return nil, nil
		}
		return func(i int) bool { return cols[0].IsNull(i) == want }, nil
	}
}

func lengthsBetween(a *args) check {
	a.someBound()
	l := numberLimits(a)
	return lengths("length "+describe(a), func(n int) bool { return l.hold(float64(n)) })
}

func lengthsEqual(a *args) check {
	want, ok := a.number("value")
	if !ok {
		a.problem("value is missing")
	}
	return lengths(fmt.Sprintf("length must be %v", want), func(n int) bool { return float64(n) == want })
}

// lengths counts code points, as Python's len() does.
func lengths(detail string, ok func(n int) bool) check {
	return onTexts(detail, func(s string) bool { return ok(utf8.RuneCountInString(s)) })
}

// onTexts judges each value by its text, as Python's str() writes it.
func onTexts(detail string, ok func(s string) bool) check {
	return check{detail: detail, rows: onValues(func(col arrow.Array) (func(int) bool, error) {
		text := textOf(col)
		return func(i int) bool { return ok(text(i)) }, nil
	})}
}

// onValues prepares a predicate on the only column, which sees each value of a
// dictionary once.
func onValues(prepare func(col arrow.Array) (func(i int) bool, error)) func([]arrow.Array) (func(int) bool, error) {
	return func(cols []arrow.Array) (func(int) bool, error) { return perValue(cols[0], prepare) }
}

// inOrderOf judges a row by the sign of its difference from the one before.
func inOrderOf(word string, direction int) func(*args) check {
	return func(a *args) check {
		strictly := a.flag("strictly", false)
		detail := "must not " + map[string]string{"increase": "decrease", "decrease": "increase"}[word]
		if strictly {
			detail = "must " + word
		}
		return check{detail: detail, order: func(sign int) bool {
			return sign == direction || sign == 0 && !strictly
		}}
	}
}
