package batch

import (
	"math"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/bitutil"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/autonomous-data-pipeline/adp/pipeline"
	"github.com/autonomous-data-pipeline/adp/schemas"
	"github.com/autonomous-data-pipeline/adp/source"
)

// chunk is a run of decoded records of one partition, as columns of the clean
// layout, with the bytes they came from.
type chunk struct {
	fields int // how many of cols are the schema's; the four place columns follow
	cols   []column
	arrow  *arrow.Schema // of the fields alone: what expectations see
	raw    column        // values, keys: a reject needs them after the source has taken its buffers back
	key    column
}

func newChunk(s *schemas.Schema) *chunk {
	c := &chunk{
		fields: len(s.Fields), cols: newColumns(cleanSpecs(s)),
		raw: column{spec: spec{phys: physBytes}}, key: column{spec: spec{phys: physBytes}},
	}
	fields := make([]arrow.Field, c.fields)
	for i := range fields {
		fields[i] = arrow.Field{Name: c.cols[i].name, Type: c.cols[i].arrow, Nullable: true}
	}
	c.arrow = arrow.NewSchema(fields, nil)
	return c
}

func (c *chunk) rows() int { return c.raw.rows() }

// size is the raw bytes held.
func (c *chunk) size() int { return len(c.raw.text) + len(c.key.text) }

func (c *chunk) offsets() []int64 { return c.cols[c.fields+1].ints64 }
func (c *chunk) partition() int32 { return c.cols[c.fields].ints32[0] }

// place completes the row whose fields were decoded. A value is never nil
// here: a tombstone can't be decoded.
func (c *chunk) place(r source.Record, late bool) {
	c.cols[c.fields].addInt32(r.Partition)
	c.cols[c.fields+1].addInt64(r.Offset)
	c.cols[c.fields+2].addInt64(micros(r.TimestampMs))
	c.cols[c.fields+3].addBool(late)
	c.raw.addBytes(r.Value)
	c.key.addMaybe(r.Key)
}

// source is the record of a row. It aliases the chunk.
func (c *chunk) source(row int) source.Record {
	return source.Record{
		Partition: c.cols[c.fields].ints32[row], Offset: c.offsets()[row], TimestampMs: millis(c.cols[c.fields+2].ints64[row]),
		Key: c.key.maybe(row), Value: c.raw.bytes(row),
	}
}

func (c *chunk) reset() {
	for i := range c.cols {
		c.cols[i].truncate(0)
	}
	c.raw.truncate(0)
	c.key.truncate(0)
}

// record shows the fields as an Arrow record, without copying: it is valid
// until reset.
func (c *chunk) record() arrow.RecordBatch {
	n := c.rows()
	arrays := make([]arrow.Array, c.fields)
	for i := range arrays {
		arrays[i] = c.cols[i].array()
	}
	return array.NewRecordBatch(c.arrow, arrays, int64(n))
}

// recordOf shows columns that were read as an Arrow record, without copying.
func recordOf(cols []column) arrow.RecordBatch {
	fields, arrays, rows := make([]arrow.Field, len(cols)), make([]arrow.Array, len(cols)), 0
	for i := range cols {
		fields[i] = arrow.Field{Name: cols[i].name, Type: cols[i].arrow, Nullable: true}
		arrays[i], rows = cols[i].array(), cols[i].rows()
	}
	return array.NewRecordBatch(arrow.NewSchema(fields, nil), arrays, int64(rows))
}

// array shows the column as an Arrow array over the same memory.
func (c *column) array() arrow.Array {
	n := c.rows()
	var validity *memory.Buffer
	if c.nulls > 0 {
		validity = memory.NewBufferBytes(bitmap(c.valid))
	}
	buffers := []*memory.Buffer{validity}
	switch c.phys {
	case physBool:
		buffers = append(buffers, memory.NewBufferBytes(bitmap(c.bools)))
	case physInt32:
		buffers = append(buffers, memory.NewBufferBytes(arrow.Int32Traits.CastToBytes(c.ints32)))
	case physInt64:
		buffers = append(buffers, memory.NewBufferBytes(arrow.Int64Traits.CastToBytes(c.ints64)))
	case physFloat:
		buffers = append(buffers, memory.NewBufferBytes(arrow.Float64Traits.CastToBytes(c.floats)))
	case physBytes:
		ends := append(make([]int32, 1, n+1), c.ends...)
		buffers = append(buffers, memory.NewBufferBytes(arrow.Int32Traits.CastToBytes(ends)), memory.NewBufferBytes(c.text))
	}
	return array.MakeFromData(array.NewData(c.arrow, n, buffers, nil, c.nulls, 0))
}

func bitmap(v []bool) []byte {
	b := make([]byte, bitutil.BytesForBits(int64(len(v))))
	for i, set := range v {
		if set {
			bitutil.SetBit(b, i)
		}
	}
	return b
}

// lateness is how long after its event time a record reached Kafka, in
// microseconds; negative if before.
func lateness(timestampMs, eventUs int64) int64 {
	if timestampMs > math.MaxInt64/2000 || timestampMs < math.MinInt64/2000 {
		// A producer may claim any time. Beyond this the sum below could wrap;
		// the sign is all that is left to say.
		if timestampMs > 0 {
			return math.MaxInt64 / 2
		}
		return math.MinInt64 / 2
	}
	return timestampMs*1000 - eventUs
}

// isDrift tells a reason of the schema from one of the rules.
func isDrift(code string) bool {
	switch pipeline.DriftKind(code) {
	case pipeline.FieldMissing, pipeline.TypeChanged, pipeline.NullInRequired:
		return true
	}
	return false
}

// micros is a Kafka timestamp in a table's unit. Producers may set any: what
// lies beyond 290,000 years is the last instant that there is.
func micros(ms int64) int64 {
	return min(max(ms, math.MinInt64/1000), math.MaxInt64/1000) * 1000
}

func millis(us int64) int64 { return us / 1000 }
