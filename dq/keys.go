package dq

import (
	"encoding/binary"
	"math"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/autonomous-data-pipeline/adp/schemas"
)

// A key is a value in bytes, ordered as the values are: 8 bytes of a number,
// boolean or time, or the text itself. UTF-8 is ordered as its code points are.

const signBit = 1 << 63

// fixedKeyOf gives each value's key as a number; nil if the column holds texts.
func fixedKeyOf(col arrow.Array) func(i int) uint64 {
	if integer := integerOf(col); integer != nil {
		return func(i int) uint64 { return uint64(integer(i)) ^ signBit }
	}
	switch c := col.(type) {
	case *array.Boolean:
		return func(i int) uint64 {
			if c.Value(i) {
				return signBit | 1
			}
			return signBit
		}
	case *array.Float64:
		return func(i int) uint64 { return floatKey(c.Value(i)) }
	case *array.Timestamp:
		return func(i int) uint64 { return uint64(c.Value(i)) ^ signBit }
	case *array.Date32:
		return func(i int) uint64 { return uint64(int64(c.Value(i))) ^ signBit }
	}
	return nil
}

func floatKey(v float64) uint64 {
	if v == 0 {
		v = 0 // -0 is equal to it
	}
	b := math.Float64bits(v)
	if b&signBit != 0 {
		return ^b
	}
	return b | signBit
}

func keyFloat(k uint64) float64 {
	if k&signBit != 0 {
		return math.Float64frombits(k &^ signBit)
	}
	return math.Float64frombits(^k)
}

func keyBytes(k uint64) []byte { return binary.BigEndian.AppendUint64(nil, k) }

// keyValue is a key's value as JSON shows it: bool, int64, Float or text.
func keyValue(t schemas.Type, key []byte) any {
	if isTextual(t) {
		return cut(string(key))
	}
	k := binary.BigEndian.Uint64(key)
	switch t {
	case schemas.Boolean:
		return k == signBit|1
	case schemas.Double:
		return floatSample(keyFloat(k))
	case schemas.Timestamp:
		return isoTime(int64(k ^ signBit))
	case schemas.Date:
		return time.Unix(int64(k^signBit)*24*3600, 0).UTC().Format(time.DateOnly)
	}
	return int64(k ^ signBit)
}

// keyNumber is a number's or a boolean's key as a float; times count
// microseconds.
func keyNumber(t schemas.Type, key []byte) float64 {
	k := binary.BigEndian.Uint64(key)
	switch t {
	case schemas.Double:
		return keyFloat(k)
	case schemas.Date:
		return float64(int64(k^signBit)) * 24 * 3600 * 1e6
	}
	return float64(int64(k ^ signBit))
}

func isTextual(t schemas.Type) bool { return t == schemas.String || t == schemas.JSON }

func isText(col arrow.Array) bool {
	id := col.DataType().ID()
	return id == arrow.STRING || id == arrow.DICTIONARY
}

// isoTime is an instant as Python writes it.
func isoTime(us int64) string {
	t := time.UnixMicro(us).UTC()
	if us%1e6 == 0 {
		return t.Format("2006-01-02T15:04:05-07:00")
	}
	return t.Format("2006-01-02T15:04:05.000000-07:00")
}
