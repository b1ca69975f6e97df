package batch

import (
	"context"
	"fmt"

	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/file"
)

// readRowsAtOnce is how many rows of a staged file are in memory at a time.
const readRowsAtOnce = 1024

// readStaged calls fn with the named columns of a staged file, some rows at a
// time in the file's order. The columns are valid until fn returns; an error
// of fn comes back as it is. A damaged file is a fault, never a panic.
func readStaged(ctx context.Context, path string, specs []spec, fn func(cols []column) error) error {
	r, err := openStaged(path, specs)
	if err != nil {
		return stagedFault(path, err)
	}
	defer r.close()
	for {
		more, err := r.next()
		if err != nil {
			return stagedFault(path, err)
		}
		if !more {
			return nil
		}
		if err := fn(r.cols); err != nil {
			return err
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
}

// stagedReader walks over a file's row groups.
type stagedReader struct {
	file    *file.Reader
	at      []int // where the columns are in the file
	cols    []column
	group   int // the next row group
	left    int64
	readers []file.ColumnChunkReader

	levels []int16
	bools  []bool
	texts  []parquet.ByteArray
}

func openStaged(path string, specs []spec) (r *stagedReader, err error) {
	defer recovered(&err)
	props := parquet.NewReaderProperties(memory.DefaultAllocator)
	props.BufferedStreamEnabled = true
	f, err := file.OpenParquetFile(path, false, file.WithReadProps(props))
	if err != nil {
		return nil, err
	}
	r = &stagedReader{
		file: f, cols: newColumns(specs), levels: make([]int16, readRowsAtOnce),
		bools: make([]bool, readRowsAtOnce), texts: make([]parquet.ByteArray, readRowsAtOnce),
	}
	for _, s := range specs {
		i := f.MetaData().Schema.ColumnIndexByName(s.name)
		if i < 0 {
			r.close()
			return nil, fmt.Errorf("it has no column %q", s.name)
		}
		r.at = append(r.at, i)
	}
	return r, nil
}

func (r *stagedReader) close() { _ = r.file.Close() } // only read from

// recovered turns a panic over damaged bytes into an error.
func recovered(err *error) {
	if p := recover(); p != nil {
		*err = fmt.Errorf("decode it: %v", p)
	}
}

// next fills cols with the rows that follow; false means the end.
func (r *stagedReader) next() (more bool, err error) {
	defer recovered(&err)
	for r.left == 0 {
		if r.group >= r.file.NumRowGroups() {
			return false, nil
		}
		if err := r.enter(); err != nil {
			return false, err
		}
	}
	n := min(r.left, readRowsAtOnce)
	for i := range r.cols {
		r.cols[i].truncate(0)
		if err := r.fill(&r.cols[i], r.readers[i], n); err != nil {
			return false, fmt.Errorf("column %q: %w", r.cols[i].name, err)
		}
	}
	r.left -= n
	return true, nil
}

func (r *stagedReader) enter() error {
	g := r.file.RowGroup(r.group)
	r.group++
	r.left = g.NumRows()
	r.readers = r.readers[:0]
	for _, i := range r.at {
		c, err := g.Column(i)
		if err != nil {
			return err
		}
		r.readers = append(r.readers, c)
	}
	return nil
}

// fill reads n rows of one column.
func (r *stagedReader) fill(c *column, reader file.ColumnChunkReader, n int64) error {
	for n > 0 {
		got, err := r.page(c, reader, n)
		if err != nil {
			return err
		}
		if got == 0 {
			return fmt.Errorf("%d rows are missing", n)
		}
		n -= got
	}
	return nil
}

// page reads at most n rows from the reader's current page.
func (r *stagedReader) page(c *column, reader file.ColumnChunkReader, n int64) (rows int64, err error) {
	levels := r.levels[:n]
	switch cr := reader.(type) {
	case *file.BooleanColumnChunkReader:
		rows, _, err = cr.ReadBatchInPage(n, r.bools, levels, nil)
		spread(c, physBool, levels[:rows], r.bools, c.addBool)
	case *file.Int32ColumnChunkReader:
		ints := make([]int32, n)
		rows, _, err = cr.ReadBatchInPage(n, ints, levels, nil)
		spread(c, physInt32, levels[:rows], ints, c.addInt32)
	case *file.Int64ColumnChunkReader:
		ints := make([]int64, n)
		rows, _, err = cr.ReadBatchInPage(n, ints, levels, nil)
		spread(c, physInt64, levels[:rows], ints, c.addInt64)
	case *file.Float64ColumnChunkReader:
		floats := make([]float64, n)
		rows, _, err = cr.ReadBatchInPage(n, floats, levels, nil)
		spread(c, physFloat, levels[:rows], floats, c.addFloat)
	case *file.ByteArrayColumnChunkReader:
		rows, _, err = cr.ReadBatchInPage(n, r.texts, levels, nil)
		spread(c, physBytes, levels[:rows], r.texts, func(b parquet.ByteArray) { c.addBytes(b) })
	default:
		err = fmt.Errorf("its type %s is not one that is staged", reader.Type())
	}
	if err == nil && int64(c.rows()) < rows {
		err = fmt.Errorf("its type %s is not the column's", reader.Type())
	}
	return rows, err
}

// spread appends a page's values with the nulls between them.
func spread[T any](c *column, phys physical, levels []int16, values []T, add func(T)) {
	if c.phys != phys {
		return // the caller sees that rows are missing
	}
	next := 0
	for _, l := range levels {
		if l == 0 {
			c.addNull()
			continue
		}
		add(values[next])
		next++
	}
}
