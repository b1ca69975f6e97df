package dq

import (
	"math"

	"github.com/autonomous-data-pipeline/adp/schemas"
)

var boundArgs = []string{"min_value", "max_value", "strict_min", "strict_max"}

func init() {
	aggregate := func(name, what string, n needs, value func(f *columnFacts) (any, error)) {
		register("expect_column_"+name+"_to_be_between", kind{
			domain: ofColumn, args: boundArgs, defaults: map[string]any{"strict_min": false, "strict_max": false},
			floats: floatBounds(name), build: columnValue(what, n, value),
		})
	}
	aggregate("max", "greatest value", needs{extreme: true}, func(f *columnFacts) (any, error) { return f.extreme(true), nil })
	aggregate("min", "least value", needs{extreme: true}, func(f *columnFacts) (any, error) { return f.extreme(false), nil })
	aggregate("mean", "mean", needs{moments: true}, mean)
	aggregate("stdev", "standard deviation", needs{moments: true}, deviation)
	aggregate("sum", "sum", needs{moments: true}, sum)
	aggregate("median", "median", needs{values: true}, median)
	aggregate("proportion_of_non_null_values", "share of values", needs{}, func(f *columnFacts) (any, error) {
		return proportion(f.present(), f.Rows), nil
	})
	aggregate("proportion_of_unique_values", "share of distinct values", needs{values: true}, func(f *columnFacts) (any, error) {
		n, err := f.Values.distinct()
		return proportion(n, f.present()), err
	})
	aggregate("unique_value_count", "number of distinct values", needs{values: true}, func(f *columnFacts) (any, error) {
		return f.Values.distinct()
	})
}

// floatBounds are the bounds that Great Expectations always writes as floats.
func floatBounds(name string) []string {
	if name == "unique_value_count" {
		return nil
	}
	return []string{"min_value", "max_value"}
}

// columnValue judges a column by one value of it.
func columnValue(what string, n needs, value func(f *columnFacts) (any, error)) func(*args) check {
	return func(a *args) check {
		b := columnBounds(a)
		return check{needs: n, detail: what + " " + describe(a), column: func(f *columnFacts) (bool, Object, error) {
			v, err := value(f)
			if err != nil {
				return false, nil, err
			}
			if number, ok := v.(float64); ok && math.IsNaN(number) {
				v = nil
			}
			ok, err := b.hold(v)
			if err != nil {
				return false, nil, lateError{err}
			}
			return ok, Object{{"observed_value", shown(v)}}, nil
		}}
	}
}

// proportion is the integer 0 of nothing: as in the original.
func proportion(part, of int64) any {
	if of == 0 {
		return int64(0)
	}
	return float64(part) / float64(of)
}

// extreme is the greatest or the least value; nil if there is none.
func (f *columnFacts) extreme(greatest bool) any {
	x := f.Extreme
	switch {
	case !x.Seen:
		return nil
	case greatest:
		return f.value(x.Max)
	}
	return f.value(x.Min)
}

// value is a key's, as bounds compare it.
func (f *columnFacts) value(key []byte) any {
	switch f.typ {
	case schemas.Timestamp:
		return instant(keyNumber(f.typ, key))
	case schemas.Double:
		return keyNumber(f.typ, key)
	case schemas.String, schemas.JSON:
		return string(key)
	}
	return keyValue(f.typ, key)
}

func mean(f *columnFacts) (any, error) {
	if f.Moments == nil {
		return nil, errNumeric
	}
	return f.Moments.mean(), nil
}

func deviation(f *columnFacts) (any, error) {
	if f.Moments == nil {
		return nil, errNumeric
	}
	return f.Moments.deviation(), nil
}

// sum of integers is one, unless 64 bits are too few for it.
func sum(f *columnFacts) (any, error) {
	if f.Moments == nil {
		return nil, errNumeric
	}
	if f.typ != schemas.Double {
		if n := f.Moments.Sum.rat(); n.Num().IsInt64() {
			return n.Num().Int64(), nil
		}
	}
	return f.Moments.sum(), nil
}

func median(f *columnFacts) (any, error) {
	if !isNumeric(f.typ) {
		return nil, errNumeric
	}
	n := f.present()
	if n == 0 {
		return nil, nil
	}
	keys, err := f.Values.at([]int64{(n - 1) / 2, n / 2})
	if err != nil {
		return nil, err
	}
	return (keyNumber(f.typ, keys[0]) + keyNumber(f.typ, keys[1])) / 2, nil
}
