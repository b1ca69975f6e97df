package batchtest

import (
	"context"
	"os"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/apache/arrow-go/v18/parquet/file"
	"github.com/apache/arrow-go/v18/parquet/pqarrow"

	"github.com/autonomous-data-pipeline/adp/pipeline"
)

// Row is a row of a staged file: nil, bool, int32 (also days), int64 (also
// instants, in the column's unit), float64, string or []byte by column.
type Row map[string]any

// Partition and Offset are the row's place in Kafka.
func (r Row) Partition() int32 { return r[pipeline.ColPartition].(int32) }

// Offset is the row's offset in its partition.
func (r Row) Offset() int64 { return r[pipeline.ColOffset].(int64) }

// ReadRows reads staged files with Arrow's own reader, in the files' order.
func ReadRows(t testing.TB, files []pipeline.File) []Row {
	t.Helper()
	var out []Row
	for _, f := range files {
		rows := readFile(t, f.Path)
		if int64(len(rows)) != f.Rows {
			t.Errorf("%s has %d rows, its reference says %d", f.Path, len(rows), f.Rows)
		}
		out = append(out, rows...)
	}
	return out
}

func readFile(t testing.TB, path string) []Row {
	t.Helper()
	in, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = in.Close() }() // only read
	pf, err := file.NewParquetReader(in)
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	fr, err := pqarrow.NewFileReader(pf, pqarrow.ArrowReadProperties{}, memory.DefaultAllocator)
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	table, err := fr.ReadTable(context.Background())
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	defer table.Release()
	rows := make([]Row, table.NumRows())
	for i := range rows {
		rows[i] = Row{}
	}
	for i := range int(table.NumCols()) {
		fill(t, rows, table.Column(i))
	}
	return rows
}

func fill(t testing.TB, rows []Row, c *arrow.Column) {
	n := 0
	for _, chunk := range c.Data().Chunks() {
		for i := range chunk.Len() {
			rows[n][c.Name()] = value(t, chunk, i)
			n++
		}
	}
}

func value(t testing.TB, a arrow.Array, i int) any {
	if a.IsNull(i) {
		return nil
	}
	switch a := a.(type) {
	case *array.Boolean:
		return a.Value(i)
	case *array.Int32:
		return a.Value(i)
	case *array.Int64:
		return a.Value(i)
	case *array.Float64:
		return a.Value(i)
	case *array.String:
		return a.Value(i)
	case *array.Binary:
		return append([]byte{}, a.Value(i)...)
	case *array.Timestamp:
		return int64(a.Value(i))
	case *array.Date32:
		return int32(a.Value(i))
	}
	t.Fatalf("no staged column has type %s", a.DataType())
	return nil
}
