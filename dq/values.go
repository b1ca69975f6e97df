package dq

import (
	"encoding/binary"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/zeebo/xxh3"

	"github.com/autonomous-data-pipeline/adp/schemas"
)

// arrowType is how a column of the schema comes; texts may also come as a
// dictionary of them.
func arrowType(t schemas.Type) arrow.DataType {
	switch t {
	case schemas.Boolean:
		return arrow.FixedWidthTypes.Boolean
	case schemas.Int:
		return arrow.PrimitiveTypes.Int32
	case schemas.Long:
		return arrow.PrimitiveTypes.Int64
	case schemas.Double:
		return arrow.PrimitiveTypes.Float64
	case schemas.Timestamp:
		return arrow.FixedWidthTypes.Timestamp_us
	case schemas.Date:
		return arrow.FixedWidthTypes.Date32
	}
	return arrow.BinaryTypes.String
}

// observable checks that the array is what the column's type promises, and
// turns what Great Expectations takes for a null into one: a NaN. The caller
// releases the result.
func observable(col arrow.Array, t schemas.Type) (arrow.Array, error) {
	want, have := arrowType(t), col.DataType()
	if d, ok := have.(*arrow.DictionaryType); ok && want.ID() == arrow.STRING {
		have = d.ValueType
	}
	ts, isTime := have.(*arrow.TimestampType)
	if have.ID() != want.ID() || isTime && ts.Unit != arrow.Microsecond {
		return nil, fmt.Errorf("it is of Arrow type %s, but a column of type %s comes as %s", col.DataType(), t, want)
	}
	switch c := col.(type) {
	case *array.Float64:
		if hasNaN(c.Values()) {
			return withoutNaN(c), nil
		}
	case *array.Dictionary:
		if c.Dictionary().NullN() > 0 {
			return withoutDictionary(c), nil
		}
	}
	col.Retain()
	return col, nil
}

func hasNaN(values []float64) bool {
	for _, v := range values {
		if v != v {
			return true
		}
	}
	return false
}

func withoutNaN(c *array.Float64) arrow.Array {
	b := array.NewFloat64Builder(memory.DefaultAllocator)
	defer b.Release()
	for i, v := range c.Values() {
		if v != v || c.IsNull(i) {
			b.AppendNull()
		} else {
			b.Append(v)
		}
	}
	return b.NewArray()
}

// withoutDictionary spells the texts out: a null in the dictionary makes rows
// null that don't say so themselves.
func withoutDictionary(c *array.Dictionary) arrow.Array {
	texts := c.Dictionary().(*array.String) // observable has looked
	b := array.NewStringBuilder(memory.DefaultAllocator)
	defer b.Release()
	for i := range c.Len() {
		if c.IsNull(i) || texts.IsNull(c.GetValueIndex(i)) {
			b.AppendNull()
		} else {
			b.Append(texts.Value(c.GetValueIndex(i)))
		}
	}
	return b.NewArray()
}

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
		return floatSample(c.Value(i))
	case *array.Timestamp:
		return isoTime(int64(c.Value(i)))
	case *array.Date32:
		return c.Value(i).ToTime().Format(time.DateOnly)
	case *array.Dictionary:
		return valueAt(c.Dictionary(), c.GetValueIndex(i))
	}
	// A string of the column's memory would go when the chunk is released.
	return strings.Clone(cut(col.ValueStr(i)))
}

// floatSample names the infinities, which JSON lacks.
func floatSample(v float64) any {
	switch {
	case math.IsInf(v, 1):
		return "Infinity"
	case math.IsInf(v, -1):
		return "-Infinity"
	}
	return Float(v)
}

// maxSampleBytes bounds the texts that a profile keeps.
const maxSampleBytes = 256

// cut shortens a text that is too long to keep, at a character's border, and
// marks that it did.
func cut(s string) string {
	const mark = "…"
	if len(s) <= maxSampleBytes {
		return s
	}
	end := maxSampleBytes - len(mark)
	for end > 0 && s[end]&0xC0 == 0x80 {
		end--
	}
	return s[:end] + mark
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
	case *array.Timestamp:
		return func(i int) string {
			t := time.UnixMicro(int64(c.Value(i))).UTC()
			if t.Nanosecond() == 0 {
				return t.Format("2006-01-02 15:04:05-07:00")
			}
			return t.Format("2006-01-02 15:04:05.000000-07:00")
		}
	}
	return col.ValueStr
}

// numberOf gives each value of a numeric column, true as 1 and false as 0; nil
// if it isn't one.
func numberOf(col arrow.Array) func(i int) float64 {
	switch c := col.(type) {
	case *array.Boolean:
		return func(i int) float64 {
			if c.Value(i) {
				return 1
			}
			return 0
		}
	case *array.Int32:
		return func(i int) float64 { return float64(c.Value(i)) }
	case *array.Int64:
		return func(i int) float64 { return float64(c.Value(i)) }
	case *array.Float64:
		return c.Value
	}
	return nil
}

// hashOf identifies each value of a column among the column's values. A
// dictionary's values are hashed once.
func hashOf(col arrow.Array) func(i int) xxh3.Uint128 {
	bits := func(v uint64) xxh3.Uint128 {
		var b [8]byte
		binary.LittleEndian.PutUint64(b[:], v)
		return xxh3.Hash128(b[:])
	}
	switch c := col.(type) {
	case *array.Int64:
		return func(i int) xxh3.Uint128 { return bits(uint64(c.Value(i))) }
	case *array.Int32:
		return func(i int) xxh3.Uint128 { return bits(uint64(c.Value(i))) }
	case *array.Date32:
		return func(i int) xxh3.Uint128 { return bits(uint64(c.Value(i))) }
	case *array.Timestamp:
		return func(i int) xxh3.Uint128 { return bits(uint64(c.Value(i))) }
	case *array.Float64:
		return func(i int) xxh3.Uint128 {
			v := c.Value(i)
			if v == 0 {
				v = 0 // -0 is equal to it
			}
			return bits(math.Float64bits(v))
		}
	case *array.Dictionary:
		inner := hashOf(c.Dictionary())
		hashes := make([]xxh3.Uint128, c.Dictionary().Len())
		for i := range hashes {
			hashes[i] = inner(i)
		}
		return func(i int) xxh3.Uint128 { return hashes[c.GetValueIndex(i)] }
	}
	text := textOf(col)
	return func(i int) xxh3.Uint128 { return xxh3.HashString128(text(i)) }
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
	verdicts := make([]bool, max(1, d.Dictionary().Len())) // a null's code is 0
	for i := range d.Dictionary().Len() {
		verdicts[i] = inner(i)
	}
	if codes, ok := d.Indices().(*array.Int32); ok { // as files are read
		at := codes.Int32Values()
		return func(i int) bool { return verdicts[at[i]] }, nil
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
