package dq

import (
	"fmt"
	"math"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/autonomous-data-pipeline/adp/schemas"
)

// values are a value set, by what columns compare with. As in Python 1, 1.0
// and True are equal, and "1" is another. Integers keep all their bits.
type values struct {
	texts    map[string]bool
	integers map[int64]bool
	floats   map[float64]bool
	instants map[int64]bool // microseconds
}

func newValues(a *args, list []any) values {
	v := values{map[string]bool{}, map[int64]bool{}, map[float64]bool{}, map[int64]bool{}}
	for _, e := range list {
		switch e := e.(type) {
		case nil: // nulls are never looked up
			continue
		case string:
			v.texts[e] = true
			if t, err := parseTime(e); err == nil {
				v.instants[t.UnixMicro()] = true
			}
		case bool:
			v.number(map[bool]float64{true: 1}[e])
		case int64:
			v.integers[e], v.floats[float64(e)] = true, true
		case float64:
			v.number(e)
		default:
			a.problem("value_set: %v is no text, number or boolean", e)
		}
		if why := neverEqual(a.typ, e); why != "" {
			a.doubt("value_set: %v is never found, the column is of type %s: %s", e, a.typ, why)
		}
	}
	return v
}

func (v values) number(f float64) {
	v.floats[f] = true
	if f == math.Trunc(f) && math.Abs(f) < 1<<63 {
		v.integers[int64(f)] = true
	}
}

// neverEqual says why a column of this type can't hold the value.
func neverEqual(t schemas.Type, v any) string {
	text, isText := v.(string)
	switch t {
	case schemas.Boolean, schemas.Int, schemas.Long, schemas.Double:
		if isText {
			return "it holds no text"
		}
	case schemas.Timestamp, schemas.Date:
		if _, err := parseTime(text); err != nil {
			return "write an ISO 8601 text"
		}
	case schemas.String, schemas.JSON:
		if !isText {
			return "it holds text alone; quote the value"
		}
	}
	return ""
}

func inSet(want bool) func(*args) check {
	return func(a *args) check {
		if v, given := a.values["value_set"]; given && v == nil {
			return check{detail: "may be anything", rows: func([]arrow.Array) (func(int) bool, error) { return nil, nil }}
		}
		list := a.list("value_set")
		set := newValues(a, list)
		if len(list) == 0 && want {
			a.doubt("value_set is empty: every value breaks the expectation")
		}
		return check{detail: describeSet(list, want), rows: onValues(func(col arrow.Array) (func(int) bool, error) {
			has := set.lookup(col)
			return func(i int) bool { return has(i) == want }, nil
		})}
	}
}

// lookup says whether a row's value is in the set.
func (v values) lookup(col arrow.Array) func(i int) bool {
	switch c := col.(type) {
	case *array.Int32:
		return func(i int) bool { return v.integers[int64(c.Value(i))] }
	case *array.Int64:
		return func(i int) bool { return v.integers[c.Value(i)] }
	}
	if number := numberOf(col); number != nil {
		return func(i int) bool { return v.floats[number(i)] }
	}
	if instant := instantOf(col); instant != nil {
		return func(i int) bool { return v.instants[instant(i)] }
	}
	text := textOf(col)
	return func(i int) bool { return v.texts[text(i)] }
}

// describeSet names the first few values.
func describeSet(list []any, want bool) string {
	const shown = 12
	var names []string
	for _, v := range list[:min(shown, len(list))] {
		names = append(names, cut(fmt.Sprint(v)))
	}
	if len(list) > shown {
		names = append(names, fmt.Sprintf("… (%d values)", len(list)))
	}
	if want {
		return "must be one of " + strings.Join(names, ", ")
	}
	return "must be none of " + strings.Join(names, ", ")
}
