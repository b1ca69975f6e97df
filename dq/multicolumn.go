package dq

import (
	"fmt"
	"slices"

	"github.com/apache/arrow-go/v18/arrow"
)

func init() {
	columns := func(name string, names []string, build func(*args) check) {
		register(name, kind{domain: ofColumns, row: true, args: append(names, "ignore_row_if"),
			defaults: map[string]any{"ignore_row_if": "all_values_are_missing"}, build: func(a *args) check {
				c := build(a)
				c.skip = a.ignored("all_values_are_missing", "any_value_is_missing", "never")
				return c
			}, floats: []string{"sum_total"}})
	}
	columns("expect_compound_columns_to_be_unique", nil, func(*args) check {
		return check{unique: true, detail: "must be unique together"}
	})
	columns("expect_select_column_values_to_be_unique_within_record", nil, func(*args) check {
		return check{detail: "must differ from each other", rows: differing}
	})
	columns("expect_multicolumn_values_to_be_equal", nil, func(*args) check {
		return check{detail: "must be equal", rows: agreeing}
	})
	columns("expect_multicolumn_sum_to_equal", []string{"sum_total"}, func(a *args) check {
		total, ok := a.number("sum_total")
		if !ok {
			a.problem("sum_total is missing")
		}
		return check{detail: fmt.Sprintf("sum must be %v", total), rows: summing(total)}
	})
}

// differing counts a missing value as one value.
func differing(cols []arrow.Array) (func(int) bool, error) {
	keys := make([]func(int) anyKey, len(cols))
	for n, col := range cols {
		keys[n] = anyKeyOf(col)
	}
	return func(i int) bool {
		for n := range keys {
			for m := range n {
				if keys[n](i) == keys[m](i) {
					return false
				}
			}
		}
		return true
	}, nil
}

// agreeing compares all values with the first; missing ones are equal.
func agreeing(cols []arrow.Array) (func(int) bool, error) {
	signs := make([]func(int) int, len(cols))
	for n := range cols {
		signs[n] = signOfColumns(cols[0], cols[n])
	}
	return func(i int) bool {
		for n, col := range cols {
			switch {
			case col.IsNull(i) || cols[0].IsNull(i):
				if col.IsNull(i) != cols[0].IsNull(i) {
					return false
				}
			case signs[n] == nil || signs[n](i) != 0:
				return false
			}
		}
		return true
	}, nil
}

// summing adds a row's values from the first to the last. With a missing value
// there is no sum.
func summing(total float64) func([]arrow.Array) (func(int) bool, error) {
	return func(cols []arrow.Array) (func(int) bool, error) {
		numbers := make([]func(int) float64, len(cols))
		texts := 0
		for n, col := range cols {
			if numbers[n] = numberOf(col); isText(col) {
				texts++
			}
		}
		if texts == len(cols) { // in Python their sum is a text, which is no number
			return func(int) bool { return false }, nil
		}
		if slices.ContainsFunc(numbers, func(n func(int) float64) bool { return n == nil }) {
			return nil, errNumeric
		}
		return func(i int) bool {
			var sum float64
			for n, col := range cols {
				if col.IsNull(i) {
					return false
				}
				sum += numbers[n](i)
			}
			return sum == total
		}, nil
	}
}
