package dq

import (
	"cmp"
	"encoding/json"
	"fmt"
	"math"
	"slices"

	"github.com/autonomous-data-pipeline/adp/schemas"
)

// missing is what pandas has for a missing value, which shows when values are
// counted and sorted.
type missing int

const (
	oneNaN   missing = iota // texts and booleans: the same object each time, and in no order with others
	manyNaNs                // numbers and times: each differs from all, without an error
)

// missingAs says it for each column of an expectation.
func (p *Program) missingAs(i int) []missing {
	var out []missing
	for _, at := range p.at[i] {
		switch t := p.fields[at].Type; t {
		case schemas.Int, schemas.Long, schemas.Double, schemas.Timestamp:
			out = append(out, manyNaNs)
		default:
			out = append(out, oneNaN)
		}
	}
	return out
}

// counted is a value that is shown, with how often it is.
type counted struct {
	parts []any
	count int
}

// countValues counts the values shown, not the table's: the most frequent
// first, then by value. Of more than 20 the most frequent are kept, at a tie
// those seen first. Values that have no order have no counts: as in the
// original.
func countValues(values []any, nulls []missing) ([]Object, bool) {
	at := map[string]int{}
	var all []counted
	for n, v := range values {
		parts := partsOf(v)
		id, unlike := identity(parts, nulls)
		if unlike {
			id = fmt.Sprint("nan ", n)
		}
		if i, ok := at[id]; ok {
			all[i].count++
			continue
		}
		at[id] = len(all)
		all = append(all, counted{parts, 1})
	}
	slices.SortStableFunc(all, func(a, b counted) int { return cmp.Compare(b.count, a.count) })
	all = all[:min(len(all), fetched)]
	if !pythonSort(all, func(a, b counted) (bool, bool) { return a.before(b, nulls) }) {
		return nil, false
	}
	out := make([]Object, len(all))
	for i, c := range all {
		var value any = c.parts
		if len(c.parts) == 1 && !isCompound(values) {
			value = c.parts[0]
		}
		out[i] = Object{{"value", value}, {"count", c.count}}
	}
	return out, true
}

func isCompound(values []any) bool {
	switch values[0].(type) {
	case []any, Object:
		return true
	}
	return false
}

// partsOf gives a pair's or several columns' values as a list.
func partsOf(v any) []any {
	switch v := v.(type) {
	case []any:
		return v
	case Object:
		list := make([]any, len(v))
		for i, f := range v {
			list[i] = f.Value
		}
		return list
	}
	return []any{v}
}

// identity is the same for equal values; unlike says that it is equal to none.
func identity(parts []any, nulls []missing) (id string, unlike bool) {
	for i, v := range parts {
		if v == nil && i < len(nulls) && nulls[i] == manyNaNs {
			return "", true
		}
	}
	b, _ := json.Marshal(parts) // scalars, which it can write
	return string(b), false
}

// before is Python's (-count, value) < (-count, value); ok is false if it has no
// answer.
func (c counted) before(o counted, nulls []missing) (less, ok bool) {
	if c.count != o.count {
		return c.count > o.count, true
	}
	for i := range min(len(c.parts), len(o.parts)) {
		a, b := c.parts[i], o.parts[i]
		if a == nil || b == nil {
			if nulls[i] == manyNaNs {
				return false, true
			}
			if a == nil && b == nil {
				continue
			}
			return false, false
		}
		sign, ok := compareValues(a, b)
		if !ok {
			return false, false
		}
		if sign != 0 {
			return sign < 0, true
		}
	}
	return false, true
}

func compareValues(a, b any) (sign int, ok bool) {
	switch a := a.(type) {
	case int64:
		if b, ok := b.(int64); ok {
			return cmp.Compare(a, b), true
		}
	case Float:
		if b, ok := number(b); ok {
			return cmp.Compare(a, b), true
		}
	case bool:
		if b, ok := b.(bool); ok {
			return cmp.Compare(fmt.Sprint(a), fmt.Sprint(b)), true
		}
	case string:
		if b, ok := b.(string); ok && a != b {
			return cmp.Compare(a, b), true
		}
		if x, ok := number(a); ok {
			if y, ok := number(b); ok {
				return cmp.Compare(x, y), true
			}
		}
		return 0, a == b
	}
	return 0, false
}

// number reads a float, or what stands for an infinite one.
func number(v any) (Float, bool) {
	switch v {
	case "Infinity":
		return Float(math.Inf(1)), true
	case "-Infinity":
		return Float(math.Inf(-1)), true
	}
	f, ok := v.(Float)
	return f, ok
}

// pythonSort sorts as Python sorts a short list, which shows where there are
// NaNs: by insertion, after the run that the list begins with. It is false if
// two elements have no order.
func pythonSort[T any](list []T, less func(a, b T) (bool, bool)) bool {
	ok := true
	lt := func(a, b T) bool {
		yes, has := less(a, b)
		ok = ok && has
		return yes
	}
	if len(list) < 2 {
		return true
	}
	run := 2
	if lt(list[1], list[0]) {
		for run < len(list) && lt(list[run], list[run-1]) {
			run++
		}
		slices.Reverse(list[:run])
	} else {
		for run < len(list) && !lt(list[run], list[run-1]) {
			run++
		}
	}
	for ; run < len(list) && ok; run++ {
		pivot, lo, hi := list[run], 0, run
		for lo < hi {
			if mid := lo + (hi-lo)/2; lt(pivot, list[mid]) {
				hi = mid
			} else {
				lo = mid + 1
			}
		}
		copy(list[lo+1:run+1], list[lo:run])
		list[lo] = pivot
	}
	return ok
}
