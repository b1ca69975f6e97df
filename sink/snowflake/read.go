package snowflake

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"github.com/autonomous-data-pipeline/adp/pipeline"
	"github.com/autonomous-data-pipeline/adp/schemas"
	"github.com/autonomous-data-pipeline/adp/sink"
	"github.com/autonomous-data-pipeline/adp/sink/ledger"
	"github.com/autonomous-data-pipeline/adp/sink/readback"
)

// each runs a query and calls fn with every row. An error of fn ends it as it
// is.
func (s *Sink) each(ctx context.Context, what, query string, args []any, into []any, fn func() error) error {
	rows, err := s.db.QueryContext(ctx, query, args...)
	if err != nil {
		return s.fault(err, what)
	}
	defer func() { _ = rows.Close() }() // its error is Err's
	for rows.Next() {
		if err := rows.Scan(into...); err != nil {
			return s.fault(err, what)
		}
		if err := fn(); err != nil {
			return err
		}
	}
	return s.fault(rows.Err(), what)
}

// run runs a statement whose rows only say what it did.
func (s *Sink) run(ctx context.Context, what, query string) error {
	rows, err := s.db.QueryContext(ctx, query)
	if err != nil {
		return s.fault(err, what)
	}
	defer func() { _ = rows.Close() }() // its error is Err's
	for rows.Next() {
		continue // a statement is done when its rows are read
	}
	return s.fault(rows.Err(), what)
}

// Rejects streams an entry's records file by file, in order of (partition,
// offset) within each.
func (s *Sink) Rejects(ctx context.Context, e sink.Entry, fn func(pipeline.Reject) error) error {
	for _, f := range e.Rejects {
		n, err := s.rejectsOf(ctx, f.Path, fn)
		if err != nil {
			return err
		}
		if n != f.Rows {
			return s.vanished(ctx, e.BatchID, f, n)
		}
	}
	return nil
}

func (s *Sink) rejectsOf(ctx context.Context, file string, fn func(pipeline.Reject) error) (n int64, err error) {
	var r pipeline.Reject
	var at time.Time
	var key, raw []byte
	var kind, reasons string
	var segments sql.NullString
	err = s.each(ctx, "read rejects of "+s.rejects, "SELECT "+list(rejectColumns)+" FROM "+s.rejects+" WHERE "+quote(colFile)+" = ? ORDER BY "+
		quote(pipeline.ColPartition)+", "+quote(pipeline.ColOffset), []any{file},
		[]any{&r.Partition, &r.Offset, &at, &key, &raw, &kind, &reasons, &segments}, func() error {
			n++
			out := pipeline.Reject{
				Kind: pipeline.FileKind(kind), Partition: r.Partition, Offset: r.Offset, TimestampMs: at.UnixMilli(), Key: key, Raw: raw,
			}
			if err := json.Unmarshal([]byte(reasons), &out.Reasons); err != nil {
				return pipeline.Faultf(pipeline.BadData, "read the reasons of partition %d offset %d in %s: %w", r.Partition, r.Offset, s.rejects, err)
			}
			if segments.Valid {
				if err := json.Unmarshal([]byte(segments.String), &out.Segments); err != nil {
					return pipeline.Faultf(pipeline.BadData, "read the segments of partition %d offset %d in %s: %w", r.Partition, r.Offset, s.rejects, err)
				}
			}
			key, raw = nil, nil // the callee may keep them
			return fn(out)
		})
	return n, err
}

// vanished says why rows that a caller knows aren't there: the batch changed
// since, or somebody removed them.
func (s *Sink) vanished(ctx context.Context, batchID string, f pipeline.File, n int64) error {
	current, err := s.names(ctx, batchID, f.Path)
	if err != nil {
		return err
	}
	if !current {
		return ledger.Conflictf("read file %s: batch %s has changed since", f.Path, batchID)
	}
	return pipeline.Faultf(pipeline.BadData, "read file %s of batch %s: %d of %d rows are there: somebody changed the table; restore it (Time Travel)", f.Path, batchID, n, f.Rows)
}

func (s *Sink) names(ctx context.Context, batchID, path string) (bool, error) {
	st, err := s.state(ctx)
	if err != nil {
		return false, err
	}
	return s.book.Names(ctx, st, batchID, path)
}

// Locate reads where every row of the three tables came from. If a settlement
// or a rollback moved rows meanwhile, what was counted is void: that is a
// Transient fault.
func (s *Sink) Locate(ctx context.Context, fn func(place sink.Place, partition int32, offset int64) error) error {
	before, err := s.state(ctx)
	if err != nil || before.Sequence == 0 {
		return err
	}
	awaited, err := s.awaited(ctx, before)
	if err != nil {
		return err
	}
	for _, t := range []struct {
		table string
		place sink.Place
	}{{s.table, sink.InTable}, {s.rejects, sink.InQuarantine}, {s.held, sink.InHeld}} {
		var partition int32
		var offset int64
		var file string
		err := s.each(ctx, "locate the records of "+t.table, "SELECT "+quote(pipeline.ColPartition)+", "+quote(pipeline.ColOffset)+", "+quote(colFile)+" FROM "+t.table,
			nil, []any{&partition, &offset, &file}, func() error {
				place := t.place
				if place == sink.InHeld && !awaited[file] {
					place = sink.InQuarantine // a discarded batch's
				}
				return fn(place, partition, offset)
			})
		if err != nil {
			return err
		}
	}
	after, err := s.state(ctx)
	if err != nil {
		return err
	}
	moved, err := s.book.Moved(ctx, before, after)
	if err == nil && moved {
		err = pipeline.Faultf(pipeline.Transient, "locate the records of table %s: rows were moved meanwhile, by a settlement or a rollback: begin again", s.table)
	}
	return err
}

// awaited are the files of batches that are held until somebody answers.
func (s *Sink) awaited(ctx context.Context, st *ledger.State) (map[string]bool, error) {
	entries, err := s.book.Entries(ctx, st)
	if err != nil {
		return nil, err
	}
	out := map[string]bool{}
	for _, e := range entries {
		for _, f := range e.Held {
			out[f.Path] = e.Status == sink.HeldBatch
		}
	}
	return out, nil
}

// Validate reads a commit's rows back and compares them with what the staged
// files held, file by file.
func (s *Sink) Validate(ctx context.Context, r sink.Receipt) (sink.Verdict, error) {
	v := sink.Verdict{BatchID: r.BatchID}
	for _, f := range r.Table {
		n, problems, err := s.check(ctx, r.BatchID, s.table, f)
		if err != nil {
			return sink.Verdict{}, err
		}
		v.Rows, v.Problems = v.Rows+n, append(v.Problems, problems...)
	}
	for _, f := range r.Quarantine {
		table := s.rejects
		if f.Kind == pipeline.CleanFile {
			table = s.held
		}
		n, problems, err := s.check(ctx, r.BatchID, table, f)
		if err != nil {
			return sink.Verdict{}, err
		}
		v.Rejects, v.Problems = v.Rejects+n, append(v.Problems, problems...)
	}
	return v, nil
}

// check reads one file's rows back.
func (s *Sink) check(ctx context.Context, batchID, table string, f pipeline.File) (int64, []sink.Problem, error) {
	stats := make([]schemas.Stat, len(f.Columns))
	values, into, columns := make([]any, len(f.Columns)), make([]any, len(f.Columns)), make([]column, len(f.Columns))
	for i, c := range f.Columns {
		columns[i], into[i] = column{name: c.Name}, &values[i]
	}
	var n int64
	what := "read file " + f.Path + " back from " + table
	rows, err := s.db.QueryContext(ctx, "SELECT "+list(columns)+" FROM "+table+" WHERE "+quote(colFile)+" = ?", f.Path)
	if err != nil {
		return 0, nil, s.fault(err, what)
	}
	defer func() { _ = rows.Close() }() // its error is Err's
	adds, err := adders(rows)
	if err != nil {
		return 0, nil, s.fault(err, what)
	}
	for rows.Next() {
		if err := rows.Scan(into...); err != nil {
			return 0, nil, s.fault(err, what)
		}
		n++
		for i, v := range values {
			if v == nil {
				stats[i].AddNull()
			} else if err := adds[i](&stats[i], v); err != nil {
				return 0, nil, bugf("%s: column %s: %w", what, f.Columns[i].Name, err)
			}
		}
	}
	if err := rows.Err(); err != nil {
		return 0, nil, s.fault(err, what)
	}
	if n == 0 && f.Rows > 0 {
		current, err := s.names(ctx, batchID, f.Path)
		if err == nil && !current {
			err = ledger.Conflictf("validate batch %s: it has changed since the receipt for file %s", batchID, f.Path)
		}
		return 0, []sink.Problem{{File: f.Path, What: "missing rows", Want: strconv.FormatInt(f.Rows, 10), Got: "0"}}, err
	}
	var problems []sink.Problem
	if n != f.Rows {
		problems = append(problems, sink.Problem{File: f.Path, What: "row count", Want: strconv.FormatInt(f.Rows, 10), Got: strconv.FormatInt(n, 10)})
	}
	for i, want := range f.Columns {
		problems = append(problems, readback.Compare(f.Path, want, stats[i].Column(want.Name))...)
	}
	return n, problems, nil
}

// adders tell by a result's types how its values count.
func adders(rows *sql.Rows) ([]func(*schemas.Stat, any) error, error) {
	types, err := rows.ColumnTypes()
	if err != nil {
		return nil, err
	}
	out := make([]func(*schemas.Stat, any) error, len(types))
	for i, t := range types {
		switch kind := t.DatabaseTypeName(); kind {
		case "FIXED":
			out[i] = addInt
		case "REAL":
			out[i] = addDouble
		case "BOOLEAN":
			out[i] = addBool
		case "TEXT":
			out[i] = addText
		case "DATE":
			out[i] = addTime(24 * time.Hour)
		case "TIMESTAMP_TZ", "TIMESTAMP_LTZ", "TIMESTAMP_NTZ":
			out[i] = addTime(time.Microsecond)
		default:
			return nil, fmt.Errorf("column %s came back as %s", t.Name(), kind)
		}
	}
	return out, nil
}
