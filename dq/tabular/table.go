// Package tabular reads files of rows as Arrow columns: Parquet, CSV, and JSON
// an object a line. A table may be several files of one shape. Memory is
// bounded: rows come in chunks.
package tabular

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/autonomous-data-pipeline/adp/dq"
	"github.com/autonomous-data-pipeline/adp/pipeline"
	"github.com/autonomous-data-pipeline/adp/schemas"
)

// rowsAtOnce is how many rows a chunk has at most.
const rowsAtOnce = 16 << 10

// Table is one or several files of one shape.
type Table struct {
	files  []source
	schema *schemas.Schema
}

// source is one file.
type source interface {
	// fields are the columns, in the file's order.
	fields() []schemas.Field
	// read gives chunks of the columns that are named, as the table's types have
	// them.
	read(ctx context.Context, want []schemas.Field, fn func(arrow.RecordBatch) error) error
	path() string
}

// Open looks at the files: a folder stands for the files in it, and a name may
// have wildcards. What isn't what its name says, and files of different shapes,
// are BadData faults; no file at all is a Misconfigured one.
func Open(names []string) (*Table, error) {
	paths, err := expand(names)
	if err != nil {
		return nil, err
	}
	t := &Table{}
	for _, path := range paths {
		s, err := open(path)
		if err != nil {
			return nil, pipeline.Faultf(pipeline.BadData, "read %s: %w", path, err)
		}
		if err := t.add(s); err != nil {
			return nil, err
		}
	}
	return t, nil
}

// expand lists the files, in the order in which their rows are numbered.
func expand(names []string) ([]string, error) {
	var paths []string
	for _, name := range names {
		found, err := filepath.Glob(name)
		if info, serr := os.Stat(name); serr == nil { // a name may have a bracket in it
			found, err = []string{name}, nil
			if info.IsDir() {
				found, err = filesIn(name)
			}
		}
		if err != nil || len(found) == 0 {
			return nil, pipeline.Misconfiguredf("data", "find %s: %w", name, errors.Join(err, errors.New("there is no such file; name Parquet, CSV or JSON lines files, or a folder of them")))
		}
		slices.Sort(found)
		paths = append(paths, found...)
	}
	return paths, nil
}

// filesIn lists a folder's data files, also those of folders below it.
func filesIn(dir string) (found []string, err error) {
	err = filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() && opener(path) != nil && !strings.HasPrefix(d.Name(), ".") && !strings.HasPrefix(d.Name(), "_") {
			found = append(found, path)
		}
		return err
	})
	return found, err
}

// opener is how a file is read, by its name; nil if nobody knows.
func opener(path string) func(path string) (source, error) {
	name := strings.TrimSuffix(strings.ToLower(path), ".gz")
	switch filepath.Ext(name) {
	case ".parquet", ".pq":
		return openParquet
	case ".csv", ".tsv":
		return openCSV
	case ".json", ".ndjson", ".jsonl":
		return openJSON
	}
	return nil
}

func open(path string) (source, error) {
	read := opener(path)
	if read == nil {
		return nil, errors.New("its name doesn't say what it is: it must end in .parquet, .csv, .tsv, .ndjson, .jsonl or .json")
	}
	return read(path)
}

// add takes a file in: it must have the columns of those before, in any order.
// A type that holds both files' values replaces both.
func (t *Table) add(s source) error {
	defer func() { t.files = append(t.files, s) }()
	if t.schema == nil {
		t.schema = &schemas.Schema{Name: "data", Fields: slices.Clone(s.fields())}
		return nil
	}
	fail := func(format string, args ...any) error {
		return pipeline.Faultf(pipeline.BadData, "read %s and %s as one table: %w", t.files[0].path(), s.path(), fmt.Errorf(format, args...))
	}
	for _, f := range s.fields() {
		at := t.schema.Index(f.Name)
		if at < 0 {
			return fail("the first has no column %q", f.Name)
		}
		typ, ok := wider(t.schema.Fields[at].Type, f.Type)
		if !ok {
			return fail("column %q is %s in the first and %s in the second", f.Name, t.schema.Fields[at].Type, f.Type)
		}
		t.schema.Fields[at].Type = typ
	}
	if len(s.fields()) != len(t.schema.Fields) {
		return fail("the first has %d columns, the second %d", len(t.schema.Fields), len(s.fields()))
	}
	return nil
}

// wider is the type that holds the values of both.
func wider(a, b schemas.Type) (schemas.Type, bool) {
	rank := []schemas.Type{schemas.Int, schemas.Long, schemas.Double}
	i, j := slices.Index(rank, a), slices.Index(rank, b)
	switch {
	case a == b:
		return a, true
	case i >= 0 && j >= 0:
		return rank[max(i, j)], true
	}
	return a, false
}

// Schema has the table's columns, with the types that were found.
func (t *Table) Schema() *schemas.Schema { return t.schema }

// Read gives the rows in their order, in partition 0 with their numbers, from 0
// over all files, as offsets. Columns nil is all. It can be called again. A
// chunk is valid until fn returns. fn's own error is returned as it is.
func (t *Table) Read(ctx context.Context, columns []string, fn func(dq.Chunk) error) error {
	want := t.schema.Fields
	if columns != nil {
		want = nil
		for _, f := range t.schema.Fields {
			if slices.Contains(columns, f.Name) {
				want = append(want, f)
			}
		}
	}
	var rows int64
	for _, s := range t.files {
		var own error
		err := s.read(ctx, want, func(batch arrow.RecordBatch) error {
			c := dq.Chunk{Record: batch, Offsets: make([]int64, batch.NumRows())}
			for i := range c.Offsets {
				c.Offsets[i] = rows + int64(i)
			}
			rows += batch.NumRows()
			own = errors.Join(fn(c), ctx.Err())
			return own
		})
		if own != nil {
			return own
		}
		if err != nil {
			return pipeline.Faultf(pipeline.BadData, "read %s: %w", s.path(), err)
		}
	}
	return nil
}
