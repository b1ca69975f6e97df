package dq

import (
	"fmt"
	"slices"

	"github.com/autonomous-data-pipeline/adp/schemas"
)

// maxDistinct is how many values Great Expectations lists of a set's
// differences.
const maxDistinct = 20

// maxModes bounds how many of the most common values are listed: of a column
// that is unique it would be all.
const maxModes = 1000

func init() {
	set := func(name string, unexpected, missing bool) {
		register("expect_column_distinct_values_to_"+name+"_set", kind{domain: ofColumn, args: []string{"value_set"}, build: distinctSet(unexpected, missing)})
	}
	set("be_in", true, false)
	set("contain", false, true)
	set("equal", true, true)
	register("expect_column_most_common_value_to_be_in_set", kind{domain: ofColumn, args: []string{"value_set", "ties_okay"}, build: mostCommon})
}

// wanted are a set's values, in its order, as a column holds them.
type wanted struct {
	set  values
	list []any
}

func (a *args) wanted() wanted {
	list := a.list("value_set")
	if len(list) == 0 {
		a.problem("value_set is empty")
	}
	return wanted{newValues(a, list), list}
}

// has reports whether a value of the column is in the set.
func (w wanted) has(t schemas.Type, key []byte) bool {
	switch t {
	case schemas.Int, schemas.Long:
		return w.set.integers[keyValue(t, key).(int64)]
	case schemas.Boolean, schemas.Double:
		return w.set.floats[keyNumber(t, key)]
	case schemas.Timestamp, schemas.Date:
		return w.set.instants[int64(keyNumber(t, key))]
	}
	return w.set.texts[string(key)]
}

// name identifies an element of the set among a column's values; ok is false if
// the column can't hold it.
func elementKey(t schemas.Type, v any) (key string, ok bool) {
	if neverEqual(t, v) != "" || v == nil {
		return "", false
	}
	switch t {
	case schemas.String, schemas.JSON:
		return v.(string), true
	case schemas.Timestamp, schemas.Date:
		at, err := parseTime(v.(string))
		return fmt.Sprint(at.UnixMicro()), err == nil
	}
	return fmt.Sprint(literalNumber(v)), true
}

// keyName is a column's value as elementKey names it.
func keyName(t schemas.Type, key []byte) string {
	switch t {
	case schemas.String, schemas.JSON:
		return string(key)
	case schemas.Timestamp, schemas.Date:
		return fmt.Sprint(int64(keyNumber(t, key)))
	}
	return fmt.Sprint(keyNumber(t, key))
}

// distinctSet compares a column's distinct values with a set.
func distinctSet(unexpected, missing bool) func(*args) check {
	return func(a *args) check {
		w := a.wanted()
		return check{needs: needs{values: true}, detail: "distinct values: " + describeSet(w.list, true), column: func(f *columnFacts) (bool, Object, error) {
			var extra []any
			var extras int64
			seen := map[string]bool{}
			err := f.Values.each(func(v valueCount) bool {
				if w.has(f.typ, v.key) {
					seen[keyName(f.typ, v.key)] = true
					return true
				}
				if extras++; extras <= maxDistinct {
					extra = append(extra, keyValue(f.typ, v.key))
				}
				return true
			})
			lacking := w.lacking(f.typ, seen)
			result := Object{{"observed_value", nil}}
			if unexpected {
				result = append(result, Field{"unexpected_count", extras})
			}
			if missing {
				result = append(result, Field{"missing_count", int64(len(lacking))})
			}
			if unexpected {
				result = append(result, Field{"partial_unexpected_list", orEmpty(extra)})
			}
			if missing {
				result = append(result, Field{"partial_missing_list", orEmpty(lacking[:min(len(lacking), maxDistinct)])})
			}
			return (!unexpected || extras == 0) && (!missing || len(lacking) == 0), result, err
		}}
	}
}

func orEmpty(list []any) []any {
	if list == nil {
		return []any{}
	}
	return list
}

// lacking are the set's distinct values that the column doesn't have.
func (w wanted) lacking(t schemas.Type, seen map[string]bool) []any {
	var out []any
	told := map[any]bool{}
	for _, v := range w.list {
		key, possible := elementKey(t, v)
		if possible && seen[key] {
			continue
		}
		id := any(literalID(v))
		if !told[id] {
			told[id] = true
			out = append(out, pythonic(v))
		}
	}
	return out
}

// literalID is the same for values that are equal in Python.
func literalID(v any) string {
	if s, ok := v.(string); ok {
		return "s" + s
	}
	if v == nil {
		return "none"
	}
	return fmt.Sprint(literalNumber(v))
}

// mostCommon judges the values that stand there most often.
func mostCommon(a *args) check {
	w := a.wanted()
	ties := a.flag("ties_okay", false)
	return check{needs: needs{values: true}, detail: "most common value " + describeSet(w.list, true), column: func(f *columnFacts) (bool, Object, error) {
		modes, err := f.modes()
		if err != nil {
			return false, nil, err
		}
		var in int
		shown := make([]any, 0, min(len(modes), maxModes))
		for _, key := range modes {
			if w.has(f.typ, key) {
				in++
			}
			if len(shown) < maxModes {
				shown = append(shown, keyValue(f.typ, key))
			}
		}
		ok := len(modes) == 1 && in == 1
		if ties {
			ok = in > 0
		}
		return ok, Object{{"observed_value", shown}}, nil
	}}
}

// modes are the keys of the values that stand there most often.
func (f *columnFacts) modes() ([][]byte, error) {
	var most int64
	if err := f.Values.each(func(v valueCount) bool { most = max(most, v.count); return true }); err != nil {
		return nil, err
	}
	var keys [][]byte
	err := f.Values.each(func(v valueCount) bool {
		if v.count == most {
			keys = append(keys, slices.Clone(v.key))
		}
		return true
	})
	return keys, err
}
