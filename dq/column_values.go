package dq

import (
	"fmt"
	"unicode/utf8"

	"github.com/apache/arrow-go/v18/arrow"
)

func init() {
	register("expect_column_values_to_not_be_null", kind{column: true, build: func(*args) check {
		return check{nulls: true, detail: "must not be null", rows: nullness(false)}
	}})
	register("expect_column_values_to_be_null", kind{column: true, build: func(*args) check {
		return check{nulls: true, detail: "must be null", rows: nullness(true)}
	}})
	register("expect_column_values_to_be_unique", kind{column: true, build: func(*args) check {
		return check{unique: true, detail: "must be unique"}
	}})
	register("expect_column_values_to_match_regex", kind{column: true, args: []string{"regex"}, build: matchRegex(true)})
	register("expect_column_values_to_not_match_regex", kind{column: true, args: []string{"regex"}, build: matchRegex(false)})
	register("expect_column_values_to_be_in_set", kind{column: true, args: []string{"value_set"}, build: inSet(true)})
	register("expect_column_values_to_not_be_in_set", kind{column: true, args: []string{"value_set"}, build: inSet(false)})
	register("expect_column_values_to_be_between", kind{column: true,
		args:     []string{"min_value", "max_value", "strict_min", "strict_max"},
		defaults: map[string]any{"strict_min": false, "strict_max": false}, floats: []string{"min_value", "max_value"}, build: between})
	register("expect_column_value_lengths_to_be_between", kind{column: true,
		args:     []string{"min_value", "max_value", "strict_min", "strict_max"},
		defaults: map[string]any{"strict_min": false, "strict_max": false}, build: lengthsBetween})
	register("expect_column_value_lengths_to_equal", kind{column: true, args: []string{"value"}, floats: []string{"value"}, build: lengthsEqual})
}

func nullness(want bool) func(arrow.Array) (func(int) bool, error) {
	return func(col arrow.Array) (func(int) bool, error) {
		return func(i int) bool { return col.IsNull(i) == want }, nil
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
	return check{detail: detail, rows: func(col arrow.Array) (func(int) bool, error) {
		return perValue(col, func(col arrow.Array) (func(int) bool, error) {
			text := textOf(col)
			return func(i int) bool { return ok(utf8.RuneCountInString(text(i))) }, nil
		})
	}}
}
