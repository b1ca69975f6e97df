package page

import (
	"math"
	"strconv"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/autonomous-data-pipeline/adp/schemas"
)

// Sketch collects what the page shows of each column, from the table's first
// rows. It keeps at most 16 bytes of each number and time, and 200 of each
// text. It is not safe for concurrent use.
type Sketch struct {
	schema *schemas.Schema
	left   int   // how many more rows are looked at
	rows   int64 // of the table
	seen   []int64
	nulls  []int64
	values []collector
}

// collector keeps a column's values.
type collector interface {
	// reader gives a function that keeps row i of the array and says whether it
	// has a value; nil if the array isn't of the column's type.
	reader(col arrow.Array) func(i int) bool
	describe(c *Column)
}

// NewSketch is an empty sketch that looks at so many rows. Those that come
// later are counted, and no more.
func NewSketch(schema *schemas.Schema, rows int) *Sketch {
	s := &Sketch{schema: schema, left: max(rows, 0), seen: make([]int64, len(schema.Fields)), nulls: make([]int64, len(schema.Fields))}
	for _, f := range schema.Fields {
		s.values = append(s.values, collectorOf(f.Type))
	}
	return s
}

func collectorOf(t schemas.Type) collector {
	switch t {
	case schemas.Int, schemas.Long:
		return &numbers[int64]{read: readInteger, write: func(v int64) string { return strconv.FormatInt(v, 10) }, whole: true, mean: true}
	case schemas.Double:
		return &numbers[float64]{read: readDouble, write: func(v float64) string { return strconv.FormatFloat(v, 'g', 6, 64) }, mean: true}
	case schemas.Timestamp:
		return &numbers[int64]{read: readInstant, write: func(v int64) string { return time.UnixMicro(v).UTC().Format("2006-01-02 15:04:05") }}
	case schemas.Date:
		return &numbers[int64]{read: readDate, write: func(v int64) string { return arrow.Date32(v).ToTime().Format(time.DateOnly) }, whole: true}
	case schemas.Boolean:
		return newTexts(false)
	}
	return newTexts(true)
}

// Observe folds a batch of rows in. It looks for the schema's columns by name;
// a column that isn't there, or isn't of the Arrow type that the pipeline gives
// to its own, counts as not seen.
func (s *Sketch) Observe(b arrow.RecordBatch) {
	n := min(s.left, int(b.NumRows()))
	s.left -= n
	s.rows += b.NumRows()
	for i, f := range s.schema.Fields {
		at := b.Schema().FieldIndices(f.Name)
		if len(at) == 0 || n == 0 {
			continue
		}
		keep := s.values[i].reader(b.Column(at[0]))
		if keep == nil {
			continue
		}
		s.seen[i] += int64(n)
		for row := range n {
			if b.Column(at[0]).IsNull(row) || !keep(row) {
				s.nulls[i]++
			}
		}
	}
}

// Columns are the schema's, in its order.
func (s *Sketch) Columns() []Column {
	out := make([]Column, len(s.schema.Fields))
	for i, f := range s.schema.Fields {
		out[i] = Column{Name: f.Name, Type: f.Type, Rows: s.rows, Seen: s.seen[i], Nulls: s.nulls[i]}
		s.values[i].describe(&out[i])
	}
	return out
}

func readInteger(col arrow.Array) func(i int) (int64, bool) {
	switch c := col.(type) {
	case *array.Int32:
		return func(i int) (int64, bool) { return int64(c.Value(i)), true }
	case *array.Int64:
		return func(i int) (int64, bool) { return c.Value(i), true }
	}
	return nil
}

// readDouble takes a NaN for a null, as expectations do.
func readDouble(col arrow.Array) func(i int) (float64, bool) {
	if c, ok := col.(*array.Float64); ok {
		return func(i int) (float64, bool) { return c.Value(i), !math.IsNaN(c.Value(i)) }
	}
	return nil
}

func readInstant(col arrow.Array) func(i int) (int64, bool) {
	c, ok := col.(*array.Timestamp)
	if !ok || c.DataType().(*arrow.TimestampType).Unit != arrow.Microsecond {
		return nil
	}
	return func(i int) (int64, bool) { return int64(c.Value(i)), true }
}

func readDate(col arrow.Array) func(i int) (int64, bool) {
	if c, ok := col.(*array.Date32); ok {
		return func(i int) (int64, bool) { return int64(c.Value(i)), true }
	}
	return nil
}
