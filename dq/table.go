package dq

import (
	"fmt"
	"slices"
)

func init() {
	register("expect_table_row_count_to_be_between", kind{args: []string{"min_value", "max_value", "strict_min", "strict_max"},
		defaults: map[string]any{"strict_min": false, "strict_max": false}, build: countBetween("row count", rowCount)})
	register("expect_table_row_count_to_equal", kind{args: []string{"value"}, build: countEquals("row count", rowCount)})
	register("expect_table_column_count_to_be_between", kind{args: []string{"min_value", "max_value", "strict_min", "strict_max"},
		defaults: map[string]any{"strict_min": false, "strict_max": false}, floats: []string{"min_value", "max_value"}, build: countBetween("column count", columnCount)})
	register("expect_table_column_count_to_equal", kind{args: []string{"value"}, build: countEquals("column count", columnCount)})
	register("expect_table_columns_to_match_set", kind{args: []string{"column_set", "exact_match"},
		defaults: map[string]any{"exact_match": true}, build: columnsMatchSet})
	register("expect_column_to_exist", kind{column: true, args: []string{"column_index"}, build: columnExists})
}

func rowCount(t tableFacts) int64    { return t.Rows }
func columnCount(t tableFacts) int64 { return int64(len(t.Columns)) }

func countBetween(what string, count func(tableFacts) int64) func(*args) check {
	return func(a *args) check {
		l := numberLimits(a)
		if !l.hasMin && !l.hasMax {
			a.doubt("min_value and max_value are both absent: it always holds")
		}
		return check{detail: what + " " + describe(a), table: func(t tableFacts) (bool, Object) {
			n := count(t)
			return l.hold(float64(n)), Object{{"observed_value", n}}
		}}
	}
}

func countEquals(what string, count func(tableFacts) int64) func(*args) check {
	return func(a *args) check {
		want, ok := a.number("value")
		if !ok {
			a.problem("value is missing")
		}
		return check{detail: fmt.Sprintf("%s must be %v", what, want), table: func(t tableFacts) (bool, Object) {
			n := count(t)
			return float64(n) == want, Object{{"observed_value", n}}
		}}
	}
}

func columnsMatchSet(a *args) check {
	var want []string
	for _, v := range a.list("column_set") {
		s, ok := v.(string)
		if !ok {
			a.problem("column_set: %v is no text", v)
		}
		want = append(want, s)
	}
	exact := a.flag("exact_match", true)
	return check{detail: fmt.Sprintf("columns must be %v", want), table: func(t tableFacts) (bool, Object) {
		have := slices.Sorted(slices.Values(t.Columns))
		var unexpected, missing []string
		for _, c := range have {
			if !slices.Contains(want, c) {
				unexpected = append(unexpected, c)
			}
		}
		for _, c := range slices.Sorted(slices.Values(want)) {
			if !slices.Contains(have, c) {
				missing = append(missing, c)
			}
		}
		result := Object{{"observed_value", have}}
		var mismatched Object
		if len(unexpected) > 0 {
			mismatched = append(mismatched, Field{"unexpected", unexpected})
		}
		if len(missing) > 0 {
			mismatched = append(mismatched, Field{"missing", missing})
		}
		if len(mismatched) > 0 {
			result = append(result, Field{"details", Object{{"mismatched", mismatched}}})
		}
		return len(missing) == 0 && (!exact || len(unexpected) == 0), result
	}}
}

func columnExists(a *args) check {
	name := a.text("column")
	at, fixed := a.number("column_index")
	return check{detail: "must exist", table: func(t tableFacts) (bool, Object) {
		i := slices.Index(t.Columns, name)
		return i >= 0 && (!fixed || float64(i) == at), Object{}
	}}
}
