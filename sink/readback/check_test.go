package readback

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	arrowparquet "github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/compress"
	"github.com/apache/arrow-go/v18/parquet/pqarrow"

	"github.com/autonomous-data-pipeline/adp/pipeline"
	"github.com/autonomous-data-pipeline/adp/schemas"
	"github.com/autonomous-data-pipeline/adp/sink/sinktest"
)

// TestCheckFileReadsWhatArrowWrites covers the layouts that a writer may
// choose, with nulls, negative and extreme values, and many row groups.
func TestCheckFileReadsWhatArrowWrites(t *testing.T) {
	tests := map[string][]arrowparquet.WriterProperty{
		"zstd with dictionaries": {arrowparquet.WithCompression(compress.Codecs.Zstd)},
		"snappy":                 {arrowparquet.WithCompression(compress.Codecs.Snappy)},
		"uncompressed":           {},
		"version 2 pages":        {arrowparquet.WithDataPageVersion(arrowparquet.DataPageV2), arrowparquet.WithCompression(compress.Codecs.Zstd)},
		"plain values":           {arrowparquet.WithDictionaryDefault(false), arrowparquet.WithCompression(compress.Codecs.Zstd)},
		"deltas": {
			arrowparquet.WithDictionaryDefault(false),
			arrowparquet.WithEncodingFor("n", arrowparquet.Encodings.DeltaBinaryPacked),
			arrowparquet.WithEncodingFor("text", arrowparquet.Encodings.DeltaLengthByteArray),
		},
		"small pages":     {arrowparquet.WithDataPageSize(512), arrowparquet.WithCompression(compress.Codecs.Zstd)},
		"many row groups": {arrowparquet.WithMaxRowGroupLength(777), arrowparquet.WithCompression(compress.Codecs.Zstd)},
		"an overflowing dictionary": {
			arrowparquet.WithDictionaryPageSizeLimit(1024), arrowparquet.WithDataPageSize(2048), arrowparquet.WithCompression(compress.Codecs.Zstd),
		},
	}
	for name, props := range tests {
		t.Run(name, func(t *testing.T) {
			f := writeLayout(t, props)
			rows, problems, err := CheckFile(t.Context(), f)
			if err != nil || rows != f.Rows || len(problems) > 0 {
				t.Errorf("read back %d of %d rows, %+v, %v", rows, f.Rows, problems, err)
			}
		})
	}
}

const layoutRows = 9001 // more than two slices

func writeLayout(t *testing.T, props []arrowparquet.WriterProperty) pipeline.File {
	schema := arrow.NewSchema([]arrow.Field{
		{Name: "n", Type: arrow.PrimitiveTypes.Int64, Nullable: true},
		{Name: "text", Type: arrow.BinaryTypes.String, Nullable: true},
		{Name: "x", Type: arrow.PrimitiveTypes.Float64, Nullable: true},
		{Name: "flag", Type: arrow.FixedWidthTypes.Boolean, Nullable: true},
		{Name: "none", Type: arrow.PrimitiveTypes.Int32, Nullable: true},
	}, nil)
	b := array.NewRecordBuilder(memory.DefaultAllocator, schema)
	defer b.Release()
	stats := make([]schemas.Stat, schema.NumFields())
	for i := range int64(layoutRows) {
		n := i * i * (1 - 2*(i%2))
		b.Field(0).(*array.Int64Builder).Append(n)
		stats[0].AddInt(n)
		if i%3 == 0 {
			b.Field(1).AppendNull()
			stats[1].AddNull()
		} else {
			text := bytes.Repeat([]byte{'a' + byte(i%26)}, int(i%90))
			b.Field(1).(*array.StringBuilder).Append(string(text))
			stats[1].AddBytes(text)
		}
		b.Field(2).(*array.Float64Builder).Append(float64(n) / 8)
		stats[2].AddDouble(float64(n) / 8)
		b.Field(3).(*array.BooleanBuilder).Append(i%5 == 0)
		stats[3].AddBool(i%5 == 0)
		b.Field(4).AppendNull()
		stats[4].AddNull()
	}
	f := pipeline.File{Kind: pipeline.CleanFile, Path: filepath.Join(t.TempDir(), "x.parquet"), Rows: layoutRows}
	for i, field := range schema.Fields() {
		f.Columns = append(f.Columns, stats[i].Column(field.Name))
	}
	out, err := os.Create(f.Path)
	if err != nil {
		t.Fatal(err)
	}
	w, err := pqarrow.NewFileWriter(schema, out, arrowparquet.NewWriterProperties(props...), pqarrow.DefaultWriterProps())
	if err != nil {
		t.Fatal(err)
	}
	rec := b.NewRecordBatch()
	defer rec.Release()
	if err := w.Write(rec); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return f
}

// TestCheckFileColumns holds the rules about columns that one side lacks.
func TestCheckFileColumns(t *testing.T) {
	f := sinktest.WriteClean(t, filepath.Join(t.TempDir(), "x.parquet"), sinktest.Schema(), "", []sinktest.Place{{Offset: 1}})
	tests := map[string]struct {
		change func(*pipeline.File)
		what   string
	}{
		"a column that wasn't meant is a problem": {func(f *pipeline.File) { f.Columns = f.Columns[1:] }, "unexpected column"},
		"a column that isn't there is a problem": {func(f *pipeline.File) {
			f.Columns = append(f.Columns[:len(f.Columns):len(f.Columns)], pipeline.ColumnStat{Name: "more"})
		}, "missing column"},
		"without statistics rows are counted": {func(f *pipeline.File) { f.Columns, f.Rows = nil, 2 }, "row count"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			changed := f
			tc.change(&changed)
			_, problems, err := CheckFile(t.Context(), changed)
			if err != nil || len(problems) != 1 || problems[0].What != tc.what {
				t.Errorf("problems are %+v, %v, want one of %q", problems, err, tc.what)
			}
		})
	}
}

// damagedFiles are a file's bytes cut short, and blanked in places. Lengths are
// never raised: a decoder may take any amount of memory for those, which is
// why Validate compares checksums before it decodes.
func damagedFiles(data []byte) [][]byte {
	var out [][]byte
	for i := range 40 {
		out = append(out, data[:len(data)*i/40])
		blank := bytes.Clone(data)
		from := len(data) * i / 40
		clear(blank[from:min(len(data), from+len(data)/40+1)])
		out = append(out, blank)
	}
	return out
}

func TestDamagedFilesAreUnreadableNotFatal(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.parquet")
	clean := sinktest.WriteClean(t, path, sinktest.Schema(), "", []sinktest.Place{{Offset: 1}, {Offset: 2}, {Partition: 3, Offset: 4}})
	unreadable := 0
	for i, data := range damagedFiles(readAll(t, path)) {
		if err := os.WriteFile(path, data, 0o644); err != nil {
			t.Fatal(err)
		}
		_, problems, err := CheckFile(t.Context(), clean)
		if err != nil {
			t.Fatalf("damage %d: %v", i, err)
		}
		for _, p := range problems {
			if p.What == "unreadable" {
				unreadable++
			}
		}
	}
	if unreadable < 40 {
		t.Errorf("%d damaged files were unreadable, want every one that is cut short", unreadable)
	}
}

func TestDamagedRejectFilesAreBadData(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.parquet")
	sinktest.WriteRejects(t, path, []pipeline.Reject{sinktest.RejectAt(pipeline.SuspectFile, sinktest.Place{Offset: 1})})
	bad := 0
	for i, data := range damagedFiles(readAll(t, path)) {
		if err := os.WriteFile(path, data, 0o644); err != nil {
			t.Fatal(err)
		}
		err := Rejects(t.Context(), path, func(pipeline.Reject) error { return nil })
		if err == nil {
			continue // the blanked bytes weren't read
		}
		bad++
		if kind := pipeline.KindOf(err); kind != pipeline.BadData {
			t.Errorf("damage %d: error %v has kind %s, want %s", i, err, kind, pipeline.BadData)
		}
	}
	if bad < 40 {
		t.Errorf("%d damaged files were refused, want every one that is cut short", bad)
	}
}

func TestValidateEndsWithItsContext(t *testing.T) {
	f := sinktest.WriteClean(t, filepath.Join(t.TempDir(), "x.parquet"), sinktest.Schema(), "", []sinktest.Place{{Offset: 1}})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := CheckFile(ctx, f); err == nil {
		t.Error("a cancelled check gave a verdict")
	}
}

func readAll(t *testing.T, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func BenchmarkCheckFile(b *testing.B) {
	const rows = 20_000
	places := make([]sinktest.Place, rows)
	for i := range places {
		places[i].Offset = int64(i)
	}
	f := sinktest.WriteClean(b, filepath.Join(b.TempDir(), "x.parquet"), sinktest.Schema(), "", places)
	for b.Loop() {
		if _, problems, err := CheckFile(b.Context(), f); err != nil || len(problems) > 0 {
			b.Fatal(problems, err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/rows, "ns/row")
}
