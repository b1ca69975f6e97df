package readback

import (
	"fmt"

	"github.com/apache/arrow-go/v18/arrow/memory"
	arrowparquet "github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/file"

	"github.com/autonomous-data-pipeline/adp/pipeline"
)

// sliceRows is how many rows are read at once: what bounds the memory.
const sliceRows = 4096

// eachSlice decodes a data file slice by slice. What the library makes of a
// damaged file, errors and panics, is a BadData fault; an error of use ends it
// as it is.
func eachSlice[T any](path string, decode func(g *group, n int64) (T, error), use func(T) error) error {
	props := arrowparquet.NewReaderProperties(memory.DefaultAllocator)
	props.BufferedStreamEnabled = true
	var r *file.Reader
	err := guard(path, func() (err error) {
		r, err = file.OpenParquetFile(path, false, file.WithReadProps(props))
		return err
	})
	if err != nil {
		return err
	}
	defer func() { _ = r.Close() }() // only read
	for i := range r.NumRowGroups() {
		g := &group{columns: map[string]file.ColumnChunkReader{}}
		if err := guard(path, func() error { g.reader = r.RowGroup(i); return nil }); err != nil {
			return err
		}
		for left := g.reader.NumRows(); left > 0; left -= sliceRows {
			var rows T
			err := guard(path, func() (err error) {
				rows, err = decode(g, min(left, sliceRows))
				return err
			})
			if err != nil {
				return err
			}
			if err := use(rows); err != nil {
				return err
			}
		}
	}
	return nil
}

// guard turns what goes wrong in a library on a damaged file into a fault.
func guard(path string, fn func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = pipeline.Faultf(pipeline.BadData, "read data file %s: it is damaged: %v", path, p)
		}
	}()
	if err := fn(); err != nil {
		return pipeline.Faultf(pipeline.BadData, "read data file %s: %w", path, err)
	}
	return nil
}

// group is an open row group with the columns that were asked for.
type group struct {
	reader  *file.RowGroupReader
	columns map[string]file.ColumnChunkReader
}

func (g *group) column(name string) (file.ColumnChunkReader, error) {
	if c, ok := g.columns[name]; ok {
		return c, nil
	}
	i := g.reader.MetaData().Schema.ColumnIndexByName(name)
	if i < 0 {
		return nil, fmt.Errorf("column %s is missing", name)
	}
	c, err := g.reader.Column(i)
	if err != nil {
		return nil, fmt.Errorf("column %s: %w", name, err)
	}
	g.columns[name] = c
	return c, nil
}

// batcher is what the library's typed column readers have in common.
type batcher[T any] interface {
	ReadBatch(n int64, values []T, defLevels, repLevels []int16) (total int64, read int, err error)
}

// cells is one slice of a column, by row. A null's value is the type's zero.
type cells[T any] struct {
	values []T
	valid  []bool
}

// read is the next n rows of a column.
func read[T any](g *group, name string, n int64) (cells[T], error) {
	c, err := g.column(name)
	if err != nil {
		return cells[T]{}, err
	}
	typed, ok := c.(batcher[T])
	if !ok {
		return cells[T]{}, fmt.Errorf("column %s has physical type %s", name, c.Type())
	}
	dense, defs := make([]T, n), make([]int16, n)
	total, found, err := typed.ReadBatch(n, dense, defs, make([]int16, n))
	if err != nil {
		return cells[T]{}, fmt.Errorf("column %s: %w", name, err)
	}
	if total != n {
		return cells[T]{}, fmt.Errorf("column %s ends %d values early", name, n-total)
	}
	return spread(dense[:found], defs, c.Descriptor().MaxDefinitionLevel())
}

// spread puts values into their rows; a level below top is a null.
func spread[T any](dense []T, defs []int16, top int16) (cells[T], error) {
	out := cells[T]{values: make([]T, len(defs)), valid: make([]bool, len(defs))}
	for i := range defs {
		if top > 0 && defs[i] != top {
			continue
		}
		if len(dense) == 0 {
			return cells[T]{}, fmt.Errorf("value %d is missing", i)
		}
		out.values[i], out.valid[i] = dense[0], true
		dense = dense[1:]
	}
	return out, nil
}
