package dq

import (
	"fmt"
	"slices"
)

func init() {
	register("expect_table_row_count_to_be_between", kind{args: []string{"min_value", "max_value", "strict_min", "strict_max"},
		defaults: map[string]any{"strict_min": false, "strict_max": false}, build: countBetween("row count", rowCount)})
	register("expect_table_row_count_to_equal", kind{args: []string{"value"}, build: countEquals("row count", rowCount)})
	register("expect_table_column_count_to_be_between", kind{whole: true, args: []string{"min_value", "max_value"},
		floats: []string{"min_value", "max_value"}, build: countBetween("column count", columnCount)})
	register("expect_table_column_count_to_equal", kind{whole: true, args: []string{"value"}, build: countEquals("column count", columnCount)})
	register("expect_table_columns_to_match_set", kind{whole: true, args: []string{"column_set", "exact_match"},
		defaults: map[string]any{"exact_match": true}, build: columnsMatchSet})
	register("expect_table_columns_to_match_ordered_list", kind{whole: true, args: []string{"column_list"}, build: columnsMatchList})
	register("expect_column_to_exist", kind{domain: ofColumn, whole: true, args: []string{"column_index"}, build: columnExists})
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

// texts reads an optional list of texts; ok is false if it is null or absent.
func (a *args) texts(name string) (list []string, ok bool) {
	if a.values[name] == nil {
		return nil, false
	}
	for _, v := range a.list(name) {
		s, isText := v.(string)
		if !isText {
			a.problem("%s: %v is no text", name, v)
		}
		list = append(list, s)
	}
	return list, true
}

// columnsMatchList wants the columns in their order.
func columnsMatchList(a *args) check {
	want, given := a.texts("column_list")
	return check{detail: fmt.Sprintf("columns must be %v, in this order", want), table: func(t tableFacts) (bool, Object) {
		result := Object{{"observed_value", t.Columns}}
		if !given || slices.Equal(want, t.Columns) {
			return true, result
		}
		var mismatched []Object
		for i := range max(len(want), len(t.Columns)) {
			expected, found := nth(want, i), nth(t.Columns, i)
			if expected != found {
				mismatched = append(mismatched, Object{{"Expected Column Position", i}, {"Expected", expected}, {"Found", found}})
			}
		}
		return false, append(result, Field{"details", Object{{"mismatched", mismatched}}})
	}}
}

// nth is a list's element, or nil.
func nth(list []string, i int) any {
	if i < len(list) {
		return list[i]
	}
	return nil
}

func columnsMatchSet(a *args) check {
	want, _ := a.texts("column_set")
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
	return check{absent: true, detail: "must exist", table: func(t tableFacts) (bool, Object) {
		i := slices.Index(t.Columns, name)
		if !fixed || at == 0 { // 0 is as none: as in the original
			return i >= 0, Object{}
		}
		if at < 0 { // counted from the end, as Python does
			at += float64(len(t.Columns))
		}
		return i >= 0 && float64(i) == at, Object{}
	}}
}
