package batch

import (
	"strconv"
	"time"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/autonomous-data-pipeline/adp/pipeline"
	"github.com/autonomous-data-pipeline/adp/schemas"
)

// physical is how a column's values lie in memory and in Parquet.
type physical uint8

const (
	physBool physical = iota
	physInt32
	physInt64
	physFloat
	physBytes
)

// spec is a column's name and type.
type spec struct {
	name  string
	phys  physical
	arrow arrow.DataType
}

var (
	microsUTC = &arrow.TimestampType{Unit: arrow.Microsecond, TimeZone: "UTC"}
	millisUTC = &arrow.TimestampType{Unit: arrow.Millisecond, TimeZone: "UTC"}
)

func fieldSpec(f schemas.Field) spec {
	s := spec{name: f.Name}
	switch f.Type {
	case schemas.Boolean:
		s.phys, s.arrow = physBool, arrow.FixedWidthTypes.Boolean
	case schemas.Int:
		s.phys, s.arrow = physInt32, arrow.PrimitiveTypes.Int32
	case schemas.Long:
		s.phys, s.arrow = physInt64, arrow.PrimitiveTypes.Int64
	case schemas.Double:
		s.phys, s.arrow = physFloat, arrow.PrimitiveTypes.Float64
	case schemas.Timestamp:
		s.phys, s.arrow = physInt64, microsUTC
	case schemas.Date:
		s.phys, s.arrow = physInt32, arrow.FixedWidthTypes.Date32
	default:
		s.phys, s.arrow = physBytes, arrow.BinaryTypes.String
	}
	return s
}

// cleanSpecs are a table's columns: the schema's fields, then the row's place
// in Kafka.
func cleanSpecs(s *schemas.Schema) []spec {
	out := make([]spec, 0, len(s.Fields)+4)
	for _, f := range s.Fields {
		out = append(out, fieldSpec(f))
	}
	return append(out,
		spec{pipeline.ColPartition, physInt32, arrow.PrimitiveTypes.Int32},
		spec{pipeline.ColOffset, physInt64, arrow.PrimitiveTypes.Int64},
		// Microseconds, as every timestamp of a table: Spark's Iceberg reader takes
		// milliseconds for them, and finds the year 1970.
		spec{pipeline.ColTimestamp, physInt64, microsUTC},
		spec{pipeline.ColLate, physBool, arrow.FixedWidthTypes.Boolean},
	)
}

// column buffers the values of one column. One slice beside valid is in use,
// as spec.phys says; a null holds a zero there.
type column struct {
	spec
	valid  []bool
	nulls  int
	bools  []bool
	ints32 []int32
	ints64 []int64
	floats []float64
	ends   []int32 // where each text ends in text
	text   []byte
}

func newColumns(specs []spec) []column {
	cols := make([]column, len(specs))
	for i, s := range specs {
		cols[i].spec = s
	}
	return cols
}

func (c *column) rows() int { return len(c.valid) }

func (c *column) addBool(v bool) {
	c.valid, c.bools = append(c.valid, true), append(c.bools, v)
}

func (c *column) addInt32(v int32) {
	c.valid, c.ints32 = append(c.valid, true), append(c.ints32, v)
}

func (c *column) addInt64(v int64) {
	c.valid, c.ints64 = append(c.valid, true), append(c.ints64, v)
}

func (c *column) addFloat(v float64) {
	c.valid, c.floats = append(c.valid, true), append(c.floats, v)
}

func (c *column) addBytes(v []byte) {
	c.text = append(c.text, v...)
	c.endText()
}

// endText makes what was appended to text since the last row this row's value.
func (c *column) endText() {
	c.valid, c.ends = append(c.valid, true), append(c.ends, int32(len(c.text)))
}

func (c *column) addNull() {
	c.valid = append(c.valid, false)
	c.nulls++
	switch c.phys {
	case physBool:
		c.bools = append(c.bools, false)
	case physInt32:
		c.ints32 = append(c.ints32, 0)
	case physInt64:
		c.ints64 = append(c.ints64, 0)
	case physFloat:
		c.floats = append(c.floats, 0)
	case physBytes:
		c.ends = append(c.ends, int32(len(c.text)))
	}
}

// truncate drops the rows from n on, and any half-written text.
func (c *column) truncate(n int) {
	for _, ok := range c.valid[min(n, len(c.valid)):] {
		if !ok {
			c.nulls--
		}
	}
	c.valid = c.valid[:min(n, len(c.valid))]
	switch c.phys {
	case physBool:
		c.bools = c.bools[:len(c.valid)]
	case physInt32:
		c.ints32 = c.ints32[:len(c.valid)]
	case physInt64:
		c.ints64 = c.ints64[:len(c.valid)]
	case physFloat:
		c.floats = c.floats[:len(c.valid)]
	case physBytes:
		c.ends = c.ends[:len(c.valid)]
		c.text = c.text[:c.start(len(c.valid))]
	}
}

// start is where row i's text begins.
func (c *column) start(i int) int32 {
	if i == 0 {
		return 0
	}
	return c.ends[i-1]
}

// bytes is row i's text; it aliases the buffer.
func (c *column) bytes(i int) []byte { return c.text[c.start(i):c.ends[i]] }

// value is row i's value as expectations show it: nil, bool, int64, float64,
// or text (instants and days in ISO 8601).
func (c *column) value(i int) any {
	if !c.valid[i] {
		return nil
	}
	switch c.arrow {
	case microsUTC:
		return time.UnixMicro(c.ints64[i]).UTC().Format(time.RFC3339Nano)
	case millisUTC:
		return time.UnixMilli(c.ints64[i]).UTC().Format(time.RFC3339Nano)
	case arrow.FixedWidthTypes.Date32:
		return dayText(int64(c.ints32[i]))
	}
	switch c.phys {
	case physBool:
		return c.bools[i]
	case physInt32:
		return int64(c.ints32[i])
	case physInt64:
		return c.ints64[i]
	case physFloat:
		return c.floats[i]
	default:
		return string(c.bytes(i))
	}
}

// nullSegment stands for a null or missing value of a segment column.
const nullSegment = "(null)"

// maxSegmentBytes bounds a segment's value in profiles and reports.
const maxSegmentBytes = 256

// segment appends row i's value as text, cut to maxSegmentBytes.
func (c *column) segment(dst []byte, i int) []byte {
	if !c.valid[i] {
		return append(dst, nullSegment...)
	}
	if c.phys == physBytes {
		return append(dst, clip(c.bytes(i), maxSegmentBytes)...)
	}
	switch v := c.value(i).(type) {
	case bool:
		return strconv.AppendBool(dst, v)
	case int64:
		return strconv.AppendInt(dst, v, 10)
	case float64:
		return strconv.AppendFloat(dst, v, 'g', -1, 64)
	case string:
		return append(dst, v...)
	}
	return dst
}

// clip cuts UTF-8 text to at most n bytes, at the start of a character.
func clip(b []byte, n int) []byte {
	if len(b) <= n {
		return b
	}
	for n > 0 && b[n]&0xC0 == 0x80 {
		n--
	}
	return b[:n]
}
