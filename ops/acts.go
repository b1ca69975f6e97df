package ops

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/autonomous-data-pipeline/adp/agent"
)

// day is what own actions' budgets count by.
const day = 24 * time.Hour

// Used says how much of an own action's budget was gone before a time, not
// counting what a run did itself.
func (s *Store) Used(ctx context.Context, pipelineName string, action agent.Action, before time.Time, runID string) (agent.Used, error) {
	u, err := used(ctx, s.db, pipelineName, action, before, runID)
	return u, s.fault(fmt.Sprintf("count %s of %s", action, pipelineName), err)
}

// rower is a database, or a transaction on it.
type rower interface {
	QueryRowContext(ctx context.Context, text string, args ...any) *sql.Row
}

func used(ctx context.Context, from rower, pipelineName string, action agent.Action, before time.Time, runID string) (agent.Used, error) {
	u, last := agent.Used{Action: action}, int64(0)
	err := from.QueryRowContext(ctx,
		`SELECT COUNT(*), COALESCE(MAX(at_ms), 0) FROM acts WHERE pipeline = $1 AND action = $2 AND at_ms > $3 AND at_ms <= $4 AND run_id <> $5`,
		pipelineName, string(action), millis(before.Add(-day)), millis(before), runID).Scan(&u.Day, &last)
	if u.Day > 0 {
		u.AgoS = (millis(before) - last) / 1000
	}
	return u, err
}

// BeginAct counts an own action before it is carried out. The answer is why
// its budget doesn't allow it, or empty. Beginning the same ID again is
// allowed: it is another attempt.
func (s *Store) BeginAct(ctx context.Context, call agent.Call, action agent.Action, spec agent.Spec, now time.Time) (refused string, err error) {
	what := "begin " + call.ID
	if err := needed(what, "ID", call.ID, "pipeline", call.Pipeline, "run ID", call.RunID, "action", string(action)); err != nil {
		return "", err
	}
	err = s.tx(ctx, what, func(tx *sql.Tx) error {
		var begun int
		if err := tx.QueryRowContext(ctx, `SELECT COUNT(*) FROM acts WHERE id = $1`, call.ID).Scan(&begun); err != nil || begun > 0 {
			return err
		}
		u, err := used(ctx, tx, call.Pipeline, action, now, "")
		if err != nil {
			return err
		}
		if refused = spec.Spent(u); refused != "" {
			return nil
		}
		_, err = tx.ExecContext(ctx, `INSERT INTO acts (id, pipeline, action, run_id, at_ms) VALUES ($1, $2, $3, $4, $5)`,
			call.ID, call.Pipeline, string(action), call.RunID, millis(now))
		return err
	})
	return refused, err
}

// pruneActs removes what no budget counts any more, however short history is
// kept.
func (s *Store) pruneActs(ctx context.Context, pipelineName string, before time.Time) error {
	_, err := s.db.ExecContext(ctx, `DELETE FROM acts WHERE pipeline = $1 AND at_ms < $2`, pipelineName, millis(before.Add(-day)))
	return s.fault("prune the own actions of "+pipelineName, err)
}
