package ops

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/autonomous-data-pipeline/adp/pipeline"
)

// RunQuery picks runs, newest first. Empty fields match anything.
type RunQuery struct {
	Pipeline string
	Outcome  pipeline.Outcome
	Before   string // only runs older than this one, by its ID: the next page
	Limit    int    // 0 is 100
}

// SaveRun keeps a run's report. Saving it again replaces it.
func (s *Store) SaveRun(ctx context.Context, r pipeline.RunReport) error {
	what := "save run " + r.RunID
	if err := needed(what, "run ID", r.RunID, "pipeline", r.Pipeline, "outcome", string(r.Outcome)); err != nil {
		return err
	}
	entry, err := encode(what, r)
	if err != nil {
		return err
	}
	_, err = s.db.ExecContext(ctx,
		`INSERT INTO runs (run_id, pipeline, outcome, started_ms, finished_ms, report) VALUES ($1, $2, $3, $4, $5, $6)
		 ON CONFLICT (run_id) DO UPDATE SET pipeline = excluded.pipeline, outcome = excluded.outcome,
		 started_ms = excluded.started_ms, finished_ms = excluded.finished_ms, report = excluded.report`,
		r.RunID, r.Pipeline, string(r.Outcome), millis(r.StartedAt), cmp.Or(millis(r.FinishedAt), millis(r.StartedAt)), entry)
	return s.fault(what, err)
}

// Runs lists reports, newest first by the time they finished.
func (s *Store) Runs(ctx context.Context, q RunQuery) ([]pipeline.RunReport, error) {
	var from int64
	if q.Before != "" {
		err := s.db.QueryRowContext(ctx, `SELECT finished_ms FROM runs WHERE run_id = $1`, q.Before).Scan(&from)
		if errors.Is(err, sql.ErrNoRows) {
			return nil, noRun(q.Before)
		}
		if err != nil {
			return nil, s.fault("list runs", err)
		}
	}
	return query[pipeline.RunReport](ctx, s, "list runs",
		`SELECT report FROM runs WHERE ($1 = '' OR pipeline = $1) AND ($2 = '' OR outcome = $2)
		 AND ($3 = '' OR finished_ms < $4 OR (finished_ms = $4 AND run_id > $3))
		 ORDER BY finished_ms DESC, run_id LIMIT $5`,
		q.Pipeline, string(q.Outcome), q.Before, from, limit(q.Limit))
}

// Run finds one report. A run that isn't there is a BadData fault.
func (s *Store) Run(ctx context.Context, id string) (pipeline.RunReport, error) {
	found, err := query[pipeline.RunReport](ctx, s, "find run "+id, `SELECT report FROM runs WHERE run_id = $1`, id)
	if err != nil {
		return pipeline.RunReport{}, err
	}
	if len(found) == 0 {
		return pipeline.RunReport{}, noRun(id)
	}
	return found[0], nil
}

// NewFields are new fields of the data as a run has seen them, with the types
// that it observed. A field that it hasn't seen is a BadData fault.
func (s *Store) NewFields(ctx context.Context, runID string, fields []string) ([]pipeline.Drift, error) {
	run, err := s.Run(ctx, runID)
	if err != nil {
		return nil, fmt.Errorf("the types of %q are in the report of run %s: %w; or add them to the schema's file, and replay without \"add\"", fields, runID, err)
	}
	var out []pipeline.Drift
	for _, f := range fields {
		i := slices.IndexFunc(run.Drift, func(x pipeline.Drift) bool { return x.Kind == pipeline.FieldAdded && x.Field == f })
		if i < 0 {
			return nil, pipeline.Faultf(pipeline.BadData, "add field %q: run %s, of batch %s, has seen no such new field", f, runID, run.BatchID)
		}
		out = append(out, run.Drift[i])
	}
	return out, nil
}

func noRun(id string) error {
	return missing{pipeline.Faultf(pipeline.BadData, "the operations store has no run %q: it didn't report yet, or the ID is wrong", id)}
}

// Failures are the failed runs in a row before a run.
type Failures struct {
	Count int         // all of them
	Runs  []FailedRun // newest first, at most 20
}

// FailedRun is one of them.
type FailedRun struct {
	RunID   string
	At      time.Time // when it ended
	Failure pipeline.Failure
}

// maxFailures bounds the history that a decision sees.
const maxFailures = 20

// FailuresInARow lists the failed runs since the last one that got its batch
// through (succeeded, remediated or held), without the run itself. Idle and
// superseded runs touched no batch, so they say nothing about the job's
// health: they neither end the row nor lengthen it.
func (s *Store) FailuresInARow(ctx context.Context, pipelineName, exceptRunID string) (Failures, error) {
	what := "list the failed runs of " + pipelineName
	rows, err := s.db.QueryContext(ctx, `
		SELECT report, COUNT(*) OVER () FROM runs
		WHERE pipeline = $1 AND run_id <> $2 AND outcome = 'failed' AND finished_ms >= COALESCE(
		  (SELECT MAX(finished_ms) FROM runs WHERE pipeline = $1 AND run_id <> $2 AND outcome IN ('succeeded', 'remediated', 'held')), 0)
		ORDER BY finished_ms DESC, run_id LIMIT $3`, pipelineName, exceptRunID, maxFailures)
	if err != nil {
		return Failures{}, s.fault(what, err)
	}
	defer func() { _ = rows.Close() }() // rows.Err has its error
	var f Failures
	for rows.Next() {
		var entry string
		if err := rows.Scan(&entry, &f.Count); err != nil {
			return Failures{}, s.fault(what, err)
		}
		r, err := decode[pipeline.RunReport](entry)
		if err != nil {
			return Failures{}, err
		}
		f.Runs = append(f.Runs, failedRun(r))
	}
	return f, s.fault(what, rows.Err())
}

func failedRun(r pipeline.RunReport) FailedRun {
	f := FailedRun{RunID: r.RunID, At: r.FinishedAt}
	if r.Failure != nil {
		f.Failure = *r.Failure
	}
	return f
}
