package dq

import (
	"errors"
	"fmt"
	"math"

	"github.com/apache/arrow-go/v18/arrow"
)

func init() {
	pair := func(name string, names []string, build func(*args) check) {
		register("expect_column_pair_values_"+name, kind{domain: ofPair, row: true, args: append(names, "ignore_row_if"),
			defaults: map[string]any{"ignore_row_if": "both_values_are_missing"}, build: func(a *args) check {
				c := build(a)
				c.skip = a.ignored("both_values_are_missing", "either_value_is_missing", "neither")
				return c
			}})
	}
	pair("to_be_equal", nil, func(*args) check {
		return check{detail: "must be equal", rows: comparing(func(sign int) bool { return sign == 0 }, false)}
	})
	pair("a_to_be_greater_than_b", []string{"or_equal"}, func(a *args) check {
		if a.flag("or_equal", false) {
			return check{typed: true, detail: "A must be at least B", rows: comparing(func(sign int) bool { return sign == 0 || sign == 1 }, true)}
		}
		return check{typed: true, detail: "A must be greater than B", rows: comparing(func(sign int) bool { return sign == 1 }, true)}
	})
	pair("to_be_in_set", []string{"value_pairs_set"}, pairsInSet)
}

// ignored reads ignore_row_if, whose values stand for: all are missing, any is,
// none is ignored.
func (a *args) ignored(all, either, none string) skip {
	switch v := a.values["ignore_row_if"]; v {
	case nil, all:
		return skipAll
	case either:
		return skipAny
	case none:
		return skipNone
	default:
		a.problem("ignore_row_if is %v; it must be %s, %s or %s", v, all, either, none)
		return skipAll
	}
}

// comparing judges a row by the sign of its first value's difference from its
// second. A missing value is equal to none, and in no order.
func comparing(ok func(sign int) bool, ordered bool) func([]arrow.Array) (func(int) bool, error) {
	return func(cols []arrow.Array) (func(int) bool, error) {
		sign := signOfColumns(cols[0], cols[1])
		if sign == nil && ordered {
			return nil, errors.New("the two columns' values have no order")
		}
		return func(i int) bool {
			return sign != nil && cols[0].IsValid(i) && cols[1].IsValid(i) && ok(sign(i))
		}, nil
	}
}

// signOfColumns compares two columns row by row; nil if their values are of
// different kinds.
func signOfColumns(a, b arrow.Array) func(i int) int {
	if x, y := integerOf(a), integerOf(b); x != nil && y != nil {
		return func(i int) int { return signOf(x(i), y(i)) }
	}
	if x, y := numberOf(a), numberOf(b); x != nil && y != nil {
		return func(i int) int { return signOf(x(i), y(i)) }
	}
	if x, y := instantOf(a), instantOf(b); x != nil && y != nil {
		return func(i int) int { return signOf(x(i), y(i)) }
	}
	if isText(a) && isText(b) {
		x, y := textOf(a), textOf(b)
		return func(i int) int { return signOf(x(i), y(i)) }
	}
	return nil
}

// anyKey identifies a value among those of all columns, as Python's equality
// does: 1, 1.0 and True are one; times are texts too.
type anyKey struct {
	kind   byte // 0 is a missing value
	number float64
	exact  int64 // an integer that a float can't hold
	text   string
}

func literalKey(v any) anyKey {
	switch v := v.(type) {
	case string:
		return anyKey{kind: 's', text: v}
	case int64:
		return integerKey(v)
	case bool, float64:
		return numberKey(literalNumber(v))
	}
	return anyKey{}
}

func numberKey(v float64) anyKey {
	if v == math.Trunc(v) && math.Abs(v) < 1<<63 {
		return integerKey(int64(v))
	}
	return anyKey{kind: 'n', number: v}
}

func integerKey(v int64) anyKey { return anyKey{kind: 'i', exact: v} }

func timeKey(us int64) anyKey { return anyKey{kind: 't', exact: us} }

// anyKeyOf identifies each value of a column.
func anyKeyOf(col arrow.Array) func(i int) anyKey {
	var of func(i int) anyKey
	if integer := integerOf(col); integer != nil {
		of = func(i int) anyKey { return integerKey(integer(i)) }
	} else if number := numberOf(col); number != nil {
		of = func(i int) anyKey { return numberKey(number(i)) }
	} else if at := instantOf(col); at != nil {
		of = func(i int) anyKey { return timeKey(at(i)) }
	} else {
		text := textOf(col)
		of = func(i int) anyKey { return anyKey{kind: 's', text: text(i)} }
	}
	return func(i int) anyKey {
		if col.IsNull(i) {
			return anyKey{}
		}
		return of(i)
	}
}

// pairsInSet looks each row's pair up; null stands for a missing value.
func pairsInSet(a *args) check {
	if v, given := a.values["value_pairs_set"]; given && v == nil {
		return check{detail: "may be anything", rows: func([]arrow.Array) (func(int) bool, error) { return nil, nil }}
	}
	list := a.list("value_pairs_set")
	set := map[[2]anyKey]bool{}
	for _, e := range list {
		pair, ok := e.([]any)
		if !ok || len(pair) != 2 {
			a.problem("value_pairs_set: %v is no pair", e)
			continue
		}
		keys := [2]anyKey{literalKey(pair[0]), literalKey(pair[1])}
		set[keys] = true
		for n := range keys { // a text may mean a time
			if t, err := parseTime(keys[n].text); err == nil {
				also := keys
				also[n] = timeKey(t.UnixMicro())
				set[also] = true
			}
		}
	}
	return check{detail: fmt.Sprintf("must be one of %d pairs", len(set)), rows: func(cols []arrow.Array) (func(int) bool, error) {
		x, y := anyKeyOf(cols[0]), anyKeyOf(cols[1])
		return func(i int) bool { return set[[2]anyKey{x(i), y(i)}] }, nil
	}}
}
