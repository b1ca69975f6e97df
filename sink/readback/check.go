// Package readback reads Parquet files back with other code than wrote them, to
// prove what a table holds. Its paths are local files.
package readback

import (
	"context"
	"errors"
	"slices"
	"strconv"

	"github.com/autonomous-data-pipeline/adp/pipeline"
	"github.com/autonomous-data-pipeline/adp/sink"
)

// CheckFile reads a Parquet file back, column by column, and compares what it
// holds with the statistics of f. It returns the rows that the file has. The
// bytes must be known to be those that f was made for.
func CheckFile(ctx context.Context, f pipeline.File) (int64, []sink.Problem, error) {
	c := checker{file: f}
	err := guard(f.Path, func() error { return c.run(ctx) })
	if ctx.Err() != nil {
		return 0, nil, ctx.Err()
	}
	if err != nil {
		c.found("", "unreadable", "", err.Error())
	}
	return c.rows, c.problems, nil
}

// checker collects what is wrong with one file.
type checker struct {
	file     pipeline.File
	rows     int64
	problems []sink.Problem
}

func (c *checker) found(column, what, want, got string) {
	c.problems = append(c.problems, sink.Problem{File: c.file.Path, Column: column, What: what, Want: want, Got: got})
}

func (c *checker) run(ctx context.Context) error {
	r, err := openSecond(c.file.Path)
	if err != nil {
		return err
	}
	defer r.close()
	c.rows = r.rows()
	if c.rows != c.file.Rows {
		c.found("", "row count", strconv.FormatInt(c.file.Rows, 10), strconv.FormatInt(c.rows, 10))
	}
	want := map[string]pipeline.ColumnStat{}
	for _, col := range c.file.Columns {
		want[col.Name] = col
	}
	for i, name := range r.columns() {
		stat, ok := want[name]
		delete(want, name)
		switch {
		case ok:
		case c.file.Kind == pipeline.CleanFile && len(c.file.Columns) > 0:
			c.found(name, "unexpected column", "", name)
			continue
		default:
			continue // reject files are compared by offsets, counts and bytes
		}
		got, n, err := r.stat(ctx, i)
		if err != nil {
			return errors.Join(errors.New("column "+name), err)
		}
		if n != c.rows {
			c.found(name, "row count", strconv.FormatInt(c.rows, 10), strconv.FormatInt(n, 10))
		}
		c.problems = append(c.problems, Compare(c.file.Path, stat, got)...)
	}
	for _, col := range c.file.Columns {
		if _, missing := want[col.Name]; missing {
			c.found(col.Name, "missing column", col.Name, "")
		}
	}
	return nil
}

// Compare holds what a column of a file was read back as against what was meant.
func Compare(file string, want, got pipeline.ColumnStat) []sink.Problem {
	var out []sink.Problem
	differ := func(what, wanted, found string) {
		if wanted != found {
			out = append(out, sink.Problem{File: file, Column: want.Name, What: what, Want: wanted, Got: found})
		}
	}
	differ("null count", strconv.FormatInt(want.Nulls, 10), strconv.FormatInt(got.Nulls, 10))
	differ("min", asJSON(want.Min), asJSON(got.Min))
	differ("max", asJSON(want.Max), asJSON(got.Max))
	differ("checksum", strconv.FormatUint(want.Sum, 10), strconv.FormatUint(got.Sum, 10))
	return out
}

// PlainStats are statistics as they come out of JSON, so that a receipt reads
// the same before and after the log has carried it.
func PlainStats(stats []pipeline.ColumnStat) []pipeline.ColumnStat {
	out := slices.Clone(stats)
	for i := range out {
		out[i].Min, out[i].Max = asJSON(out[i].Min), asJSON(out[i].Max)
	}
	return out
}

// asJSON is a text as it comes out of JSON: statistics travel that way, and a
// minimum is cut after 64 bytes, maybe within a character.
func asJSON(text string) string { return string([]rune(text)) }
