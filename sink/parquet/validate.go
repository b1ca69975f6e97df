package parquet

import (
	"context"
	"errors"
	"strconv"

	"github.com/autonomous-data-pipeline/adp/pipeline"
	"github.com/autonomous-data-pipeline/adp/sink"
)

// Validate reads a commit's files back with another Parquet implementation
// than wrote them. Files of a batch that has changed since are ErrConflict.
func (s *Sink) Validate(ctx context.Context, r sink.Receipt) (sink.Verdict, error) {
	if _, err := s.catchUp(ctx); err != nil {
		return sink.Verdict{}, err
	}
	v := sink.Verdict{BatchID: r.BatchID}
	for _, f := range r.Table {
		rows, problems, err := s.check(ctx, r.BatchID, f)
		if err != nil {
			return sink.Verdict{}, err
		}
		v.Rows, v.Problems = v.Rows+rows, append(v.Problems, problems...)
	}
	for _, f := range r.Quarantine {
		rows, problems, err := s.check(ctx, r.BatchID, f)
		if err != nil {
			return sink.Verdict{}, err
		}
		v.Rejects, v.Problems = v.Rejects+rows, append(v.Problems, problems...)
	}
	return v, nil
}

// check reads one file back. Bytes that aren't those that were committed are
// not decoded: there is nothing to learn, and a damaged length could ask the
// decoder for any amount of memory.
func (s *Sink) check(ctx context.Context, batchID string, f pipeline.File) (int64, []sink.Problem, error) {
	got, err := sum(ctx, f.Path)
	switch {
	case isGone(err):
		current, err := s.names(ctx, batchID, f.Path)
		if err == nil && !current {
			err = conflictf("validate batch %s: it has changed since the receipt for %s", batchID, f.Path)
		}
		return 0, []sink.Problem{{File: f.Path, What: "missing file"}}, err
	case ctx.Err() != nil:
		return 0, nil, ctx.Err()
	case err != nil:
		return 0, []sink.Problem{{File: f.Path, What: "unreadable", Got: err.Error()}}, nil //nolint:nilerr // what can't be read is a finding
	case got != f.SHA256:
		return 0, []sink.Problem{{File: f.Path, What: "sha256", Want: f.SHA256, Got: got}}, nil
	}
	return CheckFile(ctx, f)
}

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
		c.compare(stat, got)
	}
	for _, col := range c.file.Columns {
		if _, missing := want[col.Name]; missing {
			c.found(col.Name, "missing column", col.Name, "")
		}
	}
	return nil
}

func (c *checker) compare(want, got pipeline.ColumnStat) {
	if want.Nulls != got.Nulls {
		c.found(want.Name, "null count", strconv.FormatInt(want.Nulls, 10), strconv.FormatInt(got.Nulls, 10))
	}
	if w, g := asJSON(want.Min), asJSON(got.Min); w != g {
		c.found(want.Name, "min", w, g)
	}
	if w, g := asJSON(want.Max), asJSON(got.Max); w != g {
		c.found(want.Name, "max", w, g)
	}
	if want.Sum != got.Sum {
		c.found(want.Name, "checksum", strconv.FormatUint(want.Sum, 10), strconv.FormatUint(got.Sum, 10))
	}
}

// asJSON is a text as it comes out of JSON: statistics travel that way, and a
// minimum is cut after 64 bytes, maybe within a character.
func asJSON(text string) string { return string([]rune(text)) }
