package dq

import (
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
)

// valueAt is a column's value as JSON shows it: nil, bool, int64, Float or
// text. Times are RFC 3339.
func valueAt(col arrow.Array, i int) any {
	if col.IsNull(i) {
		return nil
	}
	switch c := col.(type) {
	case *array.Boolean:
		return c.Value(i)
	case *array.Int32:
		return int64(c.Value(i))
	case *array.Int64:
		return c.Value(i)
	case *array.Float64:
		return Float(c.Value(i))
	case *array.Timestamp:
		return time.UnixMicro(int64(c.Value(i))).UTC().Format(time.RFC3339Nano)
	case *array.Date32:
		return c.Value(i).ToTime().Format(time.DateOnly)
	case *array.Dictionary:
		return valueAt(c.Dictionary(), c.GetValueIndex(i))
	}
	// A string of the column's memory would go when the chunk is released.
	return strings.Clone(col.ValueStr(i))
}

// textOf gives each value as Python's str() would, which is what expectations
// on text look at.
func textOf(col arrow.Array) func(i int) string {
	switch c := col.(type) {
	case *array.String:
		return c.Value
	case *array.Dictionary:
		inner := textOf(c.Dictionary())
		return func(i int) string { return inner(c.GetValueIndex(i)) }
	case *array.Boolean:
		return func(i int) string {
			if c.Value(i) {
				return "True"
			}
			return "False"
		}
	case *array.Float64:
		return func(i int) string { return pythonFloat(c.Value(i)) }
	}
	return col.ValueStr
}

// numberOf gives each value of a numeric column; nil if it isn't one.
func numberOf(col arrow.Array) func(i int) float64 {
	switch c := col.(type) {
	case *array.Int32:
		return func(i int) float64 { return float64(c.Value(i)) }
	case *array.Int64:
		return func(i int) float64 { return float64(c.Value(i)) }
	case *array.Float64:
		return c.Value
	}
	return nil
}

// instantOf gives each value of a time column, in microseconds; nil if it
// isn't one.
func instantOf(col arrow.Array) func(i int) int64 {
	switch c := col.(type) {
	case *array.Timestamp:
		return func(i int) int64 { return int64(c.Value(i)) }
	case *array.Date32:
		return func(i int) int64 { return int64(c.Value(i)) * 24 * 3600 * 1e6 }
	}
	return nil
}

// perValue makes a predicate over a dictionary column look at each of its
// values once.
func perValue(col arrow.Array, prepare func(arrow.Array) (func(i int) bool, error)) (func(i int) bool, error) {
	d, ok := col.(*array.Dictionary)
	if !ok {
		return prepare(col)
	}
	inner, err := prepare(d.Dictionary())
	if err != nil {
		return nil, err
	}
	verdicts := make([]bool, d.Dictionary().Len())
	for i := range verdicts {
		verdicts[i] = inner(i)
	}
	return func(i int) bool { return verdicts[d.GetValueIndex(i)] }, nil
}

// pythonFloat is repr() of a float: the shortest text that reads back, with
// ".0" for whole numbers.
func pythonFloat(v float64) string {
	switch {
	case math.IsNaN(v):
		return "nan"
	case math.IsInf(v, 1):
		return "inf"
	case math.IsInf(v, -1):
		return "-inf"
	}
	if a := math.Abs(v); a != 0 && (a < 1e-4 || a >= 1e16) {
		return strconv.FormatFloat(v, 'e', -1, 64)
	}
	s := strconv.FormatFloat(v, 'f', -1, 64)
	if !strings.Contains(s, ".") {
		s += ".0"
	}
	return s
}

// Float is a number that is written with a fraction, as Python writes floats.
type Float float64

// MarshalJSON writes what Python's json module writes, but null where that
// writes the NaN and Infinity that JSON doesn't have.
func (f Float) MarshalJSON() ([]byte, error) {
	if math.IsNaN(float64(f)) || math.IsInf(float64(f), 0) {
		return []byte("null"), nil
	}
	return []byte(pythonFloat(float64(f))), nil
}
