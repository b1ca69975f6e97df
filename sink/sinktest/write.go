package sinktest

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/compress"
	"github.com/apache/arrow-go/v18/parquet/pqarrow"
	"github.com/zeebo/xxh3"

	"github.com/autonomous-data-pipeline/adp/pipeline"
	"github.com/autonomous-data-pipeline/adp/schemas"
)

// Place is where in Kafka a record stands.
type Place struct {
	Partition int32
	Offset    int64
}

// Schema has a column of every type.
func Schema() *schemas.Schema {
	return &schemas.Schema{Name: "Customer", Namespace: "adp", Fields: []schemas.Field{
		{Name: "id", Type: schemas.Long},
		{Name: "email", Type: schemas.String, Nullable: true},
		{Name: "age", Type: schemas.Int, Nullable: true},
		{Name: "score", Type: schemas.Double, Nullable: true},
		{Name: "active", Type: schemas.Boolean, Nullable: true},
		{Name: "event_time", Type: schemas.Timestamp},
		{Name: "birthday", Type: schemas.Date, Nullable: true},
		{Name: "extra", Type: schemas.JSON, Nullable: true},
	}}
}

// Evolved is Schema with one more nullable column.
func Evolved() *schemas.Schema {
	s := Schema()
	s.Fields = append(s.Fields, schemas.Field{Name: "loyalty_tier", Type: schemas.String, Nullable: true})
	return s
}

// WriteClean writes a clean file with one row a place, and describes it. What
// is in a row depends on its place alone.
func WriteClean(t testing.TB, path string, s *schemas.Schema, partition string, rows []Place) pipeline.File {
	t.Helper()
	w := newTable(s)
	for _, at := range rows {
		w.row(at)
	}
	f := pipeline.File{Kind: pipeline.CleanFile, Path: path, Partition: partition, Rows: int64(len(rows))}
	for i, field := range w.schema.Fields() {
		f.Columns = append(f.Columns, w.stats[i].Column(field.Name))
	}
	write(t, path, w.schema, w.builder)
	return reference(t, f)
}

// table builds rows, and the statistics that a second reader checks.
type table struct {
	fields  []schemas.Field
	schema  *arrow.Schema
	builder *array.RecordBuilder
	stats   []schemas.Stat
}

var utcMillis = &arrow.TimestampType{Unit: arrow.Millisecond, TimeZone: "UTC"}

// arrowType is a column type as staged files have it.
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
		return &arrow.TimestampType{Unit: arrow.Microsecond, TimeZone: "UTC"}
	case schemas.Date:
		return arrow.FixedWidthTypes.Date32
	default:
		return arrow.BinaryTypes.String
	}
}

func newTable(s *schemas.Schema) *table {
	var cols []arrow.Field
	for _, f := range s.Fields {
		cols = append(cols, arrow.Field{Name: f.Name, Type: arrowType(f.Type), Nullable: true})
	}
	cols = append(cols,
		arrow.Field{Name: pipeline.ColPartition, Type: arrow.PrimitiveTypes.Int32},
		arrow.Field{Name: pipeline.ColOffset, Type: arrow.PrimitiveTypes.Int64},
		arrow.Field{Name: pipeline.ColTimestamp, Type: arrowType(schemas.Timestamp)},
		arrow.Field{Name: pipeline.ColLate, Type: arrow.FixedWidthTypes.Boolean},
	)
	schema := arrow.NewSchema(cols, nil)
	return &table{fields: s.Fields, schema: schema, builder: array.NewRecordBuilder(memory.DefaultAllocator, schema), stats: make([]schemas.Stat, len(cols))}
}

func (w *table) row(at Place) {
	for i, f := range w.fields {
		w.cell(i, f, at)
	}
	n := len(w.fields)
	appendInt32(w.builder.Field(n), &w.stats[n], at.Partition)
	appendInt64(w.builder.Field(n+1), &w.stats[n+1], at.Offset)
	us := timestampMs(at) * 1000
	w.builder.Field(n + 2).(*array.TimestampBuilder).Append(arrow.Timestamp(us))
	w.stats[n+2].AddInt(us)
	late := at.Offset%7 == 0
	w.builder.Field(n + 3).(*array.BooleanBuilder).Append(late)
	w.stats[n+3].AddBool(late)
}

func timestampMs(at Place) int64 { return 1_795_000_000_000 + at.Offset*1000 + int64(at.Partition) }

// noise is a number that depends on a place and a column alone.
func noise(at Place, column string) uint64 {
	b := binary.LittleEndian.AppendUint64(nil, uint64(at.Offset))
	b = binary.LittleEndian.AppendUint32(b, uint32(at.Partition))
	return xxh3.Hash(append(b, column...))
}

func (w *table) cell(i int, f schemas.Field, at Place) {
	n, b, stat := noise(at, f.Name), w.builder.Field(i), &w.stats[i]
	if f.Nullable && n%5 == 0 {
		b.AppendNull()
		stat.AddNull()
		return
	}
	switch f.Type {
	case schemas.Boolean:
		b.(*array.BooleanBuilder).Append(n%2 == 0)
		stat.AddBool(n%2 == 0)
	case schemas.Int:
		appendInt32(b, stat, int32(n%200)-100)
	case schemas.Long:
		appendInt64(b, stat, int64(n))
	case schemas.Double:
		v := float64(int64(n%2_000_000)-1_000_000) / 128
		b.(*array.Float64Builder).Append(v)
		stat.AddDouble(v)
	case schemas.Timestamp:
		us := timestampMs(at)*1000 + int64(n%1000)
		b.(*array.TimestampBuilder).Append(arrow.Timestamp(us))
		stat.AddInt(us)
	case schemas.Date:
		b.(*array.Date32Builder).Append(arrow.Date32(n % 20_000))
		stat.AddInt(int64(n % 20_000))
	default:
		text := textOf(f, n)
		b.(*array.StringBuilder).Append(text)
		stat.AddBytes([]byte(text))
	}
}

// textOf has texts that repeat, texts beyond 64 bytes, and ones whose 64th
// byte lies within a character.
func textOf(f schemas.Field, n uint64) string {
	switch {
	case f.Type == schemas.JSON:
		return fmt.Sprintf(`{"n":%d,"tags":["ä","b"]}`, n%1000)
	case n%11 == 0:
		return fmt.Sprintf("ü%0*dü–%d", int(58+n%4), 7, n%10)
	default:
		return fmt.Sprintf("user%d@example.com", n%500)
	}
}

func appendInt32(b array.Builder, stat *schemas.Stat, v int32) {
	b.(*array.Int32Builder).Append(v)
	stat.AddInt(int64(v))
}

func appendInt64(b array.Builder, stat *schemas.Stat, v int64) {
	b.(*array.Int64Builder).Append(v)
	stat.AddInt(v)
}

// RejectAt is the suspect or malformed record of a place: some with no key,
// some with no value, some with bytes that are no text.
func RejectAt(kind pipeline.FileKind, at Place) pipeline.Reject {
	n := noise(at, "reject")
	r := pipeline.Reject{
		Kind: kind, Partition: at.Partition, Offset: at.Offset, TimestampMs: timestampMs(at),
		Key: []byte(fmt.Sprint("key-", at.Offset)), Raw: fmt.Appendf(nil, `{"id":%d,"email":"no"}`, n),
		Reasons:  []pipeline.Reason{{Code: "expect_column_values_to_match_regex", Field: "email", Detail: "\"no\" – <b>"}},
		Segments: map[string]string{"country": "BR", "plan": ""},
	}
	if kind == pipeline.MalformedFile {
		r.Raw = append([]byte{0xff, 0x00, '{'}, byte(n))
		r.Reasons = []pipeline.Reason{{Code: "malformed", Detail: "invalid UTF-8"}}
		r.Segments = nil
	}
	switch n % 4 {
	case 0:
		r.Key = nil
	case 1:
		r.Key = []byte{}
	case 2:
		r.Raw = nil
	}
	return r
}

// WriteRejects writes a reject file, and describes it.
func WriteRejects(t testing.TB, path string, rejects []pipeline.Reject) pipeline.File {
	t.Helper()
	schema := arrow.NewSchema([]arrow.Field{
		{Name: pipeline.ColPartition, Type: arrow.PrimitiveTypes.Int32},
		{Name: pipeline.ColOffset, Type: arrow.PrimitiveTypes.Int64},
		{Name: pipeline.ColTimestamp, Type: utcMillis},
		{Name: pipeline.ColKey, Type: arrow.BinaryTypes.Binary, Nullable: true},
		{Name: pipeline.ColRaw, Type: arrow.BinaryTypes.Binary, Nullable: true},
		{Name: pipeline.ColKind, Type: arrow.BinaryTypes.String},
		{Name: pipeline.ColReasons, Type: arrow.BinaryTypes.String},
		{Name: pipeline.ColSegs, Type: arrow.BinaryTypes.String, Nullable: true},
	}, nil)
	b := array.NewRecordBuilder(memory.DefaultAllocator, schema)
	var stats [2]schemas.Stat
	for _, r := range rejects {
		appendInt32(b.Field(0), &stats[0], r.Partition)
		appendInt64(b.Field(1), &stats[1], r.Offset)
		b.Field(2).(*array.TimestampBuilder).Append(arrow.Timestamp(r.TimestampMs))
		appendBytes(b.Field(3), r.Key)
		appendBytes(b.Field(4), r.Raw)
		b.Field(5).(*array.StringBuilder).Append(string(r.Kind))
		b.Field(6).(*array.StringBuilder).Append(text(t, r.Reasons))
		if r.Segments == nil {
			b.Field(7).AppendNull()
		} else {
			b.Field(7).(*array.StringBuilder).Append(text(t, r.Segments))
		}
	}
	f := pipeline.File{Kind: pipeline.SuspectFile, Path: path, Rows: int64(len(rejects)), Columns: []pipeline.ColumnStat{
		stats[0].Column(pipeline.ColPartition), stats[1].Column(pipeline.ColOffset),
	}}
	write(t, path, schema, b)
	return reference(t, f)
}

func appendBytes(b array.Builder, v []byte) {
	if v == nil {
		b.AppendNull()
		return
	}
	b.(*array.BinaryBuilder).Append(v)
}

func text(t testing.TB, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// groupRows makes staged files have several row groups. Below zstdRows a file
// isn't worth an encoder of its own, which costs more than the whole test.
const (
	groupRows = 1000
	zstdRows  = 15
)

func write(t testing.TB, path string, schema *arrow.Schema, b *array.RecordBuilder) {
	t.Helper()
	defer b.Release()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	rec := b.NewRecordBatch()
	defer rec.Release()
	codec := compress.Codecs.Zstd
	if rec.NumRows() < zstdRows {
		codec = compress.Codecs.Snappy
	}
	props := parquet.NewWriterProperties(parquet.WithCompression(codec), parquet.WithMaxRowGroupLength(groupRows))
	w, err := pqarrow.NewFileWriter(schema, f, props, pqarrow.DefaultWriterProps())
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Write(rec); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
}
