package ops

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"time"

	"github.com/autonomous-data-pipeline/adp/agent"
	"github.com/autonomous-data-pipeline/adp/pipeline"
)

// RunQuery picks runs, newest first.
type RunQuery struct {
	Pipeline string
	Outcome  pipeline.Outcome // empty is any
	Limit    int              // 0 is 100
}

// SaveRun keeps a run's report. Saving it again replaces it.
func (s *Store) SaveRun(ctx context.Context, r pipeline.RunReport) error {
	b, err := json.Marshal(r)
	if err != nil {
		return pipeline.Faultf(pipeline.Bug, "encode the report of run %s: %w", r.RunID, err)
	}
	_, err = s.db.ExecContext(ctx,
		`INSERT INTO runs (run_id, pipeline, outcome, started_ms, finished_ms, report) VALUES (?, ?, ?, ?, ?, ?)
		 ON CONFLICT (run_id) DO UPDATE SET outcome = excluded.outcome, finished_ms = excluded.finished_ms, report = excluded.report`,
		r.RunID, r.Pipeline, string(r.Outcome), millis(r.StartedAt), millis(r.FinishedAt), string(b))
	return s.fault("save run "+r.RunID, err)
}

// Runs lists reports, newest first.
func (s *Store) Runs(ctx context.Context, q RunQuery) ([]pipeline.RunReport, error) {
	rows, err := s.db.QueryContext(ctx,
		`SELECT report FROM runs WHERE pipeline = ? AND (? = '' OR outcome = ?) ORDER BY finished_ms DESC, run_id LIMIT ?`,
		q.Pipeline, string(q.Outcome), string(q.Outcome), limit(q.Limit))
	return collect[pipeline.RunReport](s, "list runs", rows, err)
}

// Failures are the failed runs in a row before a run.
type Failures struct {
	Count int         // all of them
	Runs  []FailedRun // newest first, at most 20
}

// FailedRun is one of them.
type FailedRun struct {
	RunID   string
	At      time.Time
	Failure pipeline.Failure
}

// maxFailures bounds the history that a decision sees.
const maxFailures = 20

// FailuresInARow lists the failed runs since the last one that got its batch
// through, without the run itself. Idle and superseded runs say nothing about
// the job's health: they neither end the row nor lengthen it.
func (s *Store) FailuresInARow(ctx context.Context, pipelineName, exceptRunID string) (Failures, error) {
	rows, err := s.db.QueryContext(ctx, `
		SELECT report FROM runs
		WHERE pipeline = ? AND run_id <> ? AND outcome = 'failed' AND finished_ms >= COALESCE(
		  (SELECT MAX(finished_ms) FROM runs WHERE pipeline = ? AND run_id <> ? AND outcome IN ('succeeded', 'remediated', 'held')), 0)
		ORDER BY finished_ms DESC, run_id`, pipelineName, exceptRunID, pipelineName, exceptRunID)
	reports, err := collect[pipeline.RunReport](s, "list failed runs", rows, err)
	if err != nil {
		return Failures{}, err
	}
	f := Failures{Count: len(reports)}
	for _, r := range reports[:min(len(reports), maxFailures)] {
		run := FailedRun{RunID: r.RunID, At: r.FinishedAt}
		if r.Failure != nil {
			run.Failure = *r.Failure
		}
		f.Runs = append(f.Runs, run)
	}
	return f, nil
}

// SaveDecision keeps a decision with the facts that it was made from. The
// first one of an ID stays.
func (s *Store) SaveDecision(ctx context.Context, d agent.Decision, facts []byte) error {
	b, err := json.Marshal(d)
	if err != nil {
		return pipeline.Faultf(pipeline.Bug, "encode decision %s: %w", d.ID, err)
	}
	_, err = s.db.ExecContext(ctx,
		`INSERT INTO decisions (id, pipeline, run_id, at_ms, decision, facts) VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING`,
		d.ID, d.Pipeline, d.RunID, millis(d.At), string(b), string(facts))
	return s.fault("save decision "+d.ID, err)
}

// Decisions lists a pipeline's decisions, newest first. A limit of 0 is 100.
func (s *Store) Decisions(ctx context.Context, pipelineName string, n int) ([]agent.Decision, error) {
	rows, err := s.db.QueryContext(ctx,
		`SELECT decision FROM decisions WHERE pipeline = ? ORDER BY at_ms DESC, id LIMIT ?`, pipelineName, limit(n))
	return collect[agent.Decision](s, "list decisions", rows, err)
}

func limit(n int) int {
	if n <= 0 {
		return 100
	}
	return n
}

// collect decodes rows of one JSON column.
func collect[T any](s *Store, what string, rows *sql.Rows, err error) ([]T, error) {
	if err != nil {
		return nil, s.fault(what, err)
	}
	out := []T{}
	for rows.Next() {
		var text string
		if err := rows.Scan(&text); err != nil {
			return nil, s.fault(what, errors.Join(err, rows.Close()))
		}
		var v T
		if err := json.Unmarshal([]byte(text), &v); err != nil {
			return nil, s.fault(what, errors.Join(err, rows.Close()))
		}
		out = append(out, v)
	}
	return out, s.fault(what, rows.Err())
}
