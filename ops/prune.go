package ops

import (
	"context"
	"database/sql"
	"time"
)

// Pruned is what Prune removed.
type Pruned struct {
	Runs      int64
	Decisions int64
	Incidents int64
	Kept      int64 // what is old enough, but still needed
}

// pruneStep bounds the rows of one transaction: runs must not wait for it.
const pruneStep = 500

// Prune removes a pipeline's runs, decisions and resolved incidents that ended
// before a time. What belongs to an unresolved incident stays, or to a run of
// keep, and so does the last run that got a batch through, which tells where a
// row of failures begins. Schema versions are never removed. It works in small
// steps, the oldest first, so that being stopped in the middle does no harm.
func (s *Store) Prune(ctx context.Context, pipelineName string, before time.Time, keep []string) (Pruned, error) {
	var p Pruned
	needed, err := s.unresolvedRuns(ctx, pipelineName)
	if err != nil {
		return p, err
	}
	for _, id := range keep {
		needed[id] = true
	}
	if err := s.pruneIncidents(ctx, pipelineName, before, needed, &p); err != nil {
		return p, err
	}
	last, err := s.lastThrough(ctx, pipelineName)
	if err != nil {
		return p, err
	}
	p.Decisions, err = s.pruneRows(ctx, "decisions", `SELECT id, run_id FROM decisions WHERE pipeline = $1 AND at_ms < $2 ORDER BY at_ms, id`,
		`DELETE FROM decisions WHERE id = $1`, pipelineName, before, needed, &p.Kept)
	if err != nil {
		return p, err
	}
	if err := s.pruneDeliveries(ctx, pipelineName, before); err != nil {
		return p, err
	}
	if err := s.pruneActs(ctx, pipelineName, before); err != nil {
		return p, err
	}
	needed[last] = true
	p.Runs, err = s.pruneRows(ctx, "runs", `SELECT run_id, run_id FROM runs WHERE pipeline = $1 AND finished_ms < $2 ORDER BY finished_ms, run_id`,
		`DELETE FROM runs WHERE run_id = $1`, pipelineName, before, needed, &p.Kept)
	return p, err
}

// unresolvedRuns are the runs that unresolved incidents tell of.
func (s *Store) unresolvedRuns(ctx context.Context, pipelineName string) (map[string]bool, error) {
	open, err := s.Unresolved(ctx, pipelineName)
	if err != nil {
		return nil, err
	}
	runs := map[string]bool{}
	for _, i := range open {
		for _, id := range i.Runs() {
			runs[id] = true
		}
	}
	return runs, nil
}

// lastThrough is the pipeline's newest run that got its batch through; empty
// if there is none.
func (s *Store) lastThrough(ctx context.Context, pipelineName string) (string, error) {
	var id string
	err := s.db.QueryRowContext(ctx, `SELECT COALESCE((SELECT run_id FROM runs WHERE pipeline = $1
		AND outcome IN ('succeeded', 'remediated', 'held') ORDER BY finished_ms DESC, run_id LIMIT 1), '')`, pipelineName).Scan(&id)
	return id, s.fault("find the last run of "+pipelineName+" that got through", err)
}

// pruneRows removes what a query selects, by its first column, but for what
// belongs to runs that are needed, which its second column names.
func (s *Store) pruneRows(ctx context.Context, what, query, remove, pipelineName string, before time.Time, needed map[string]bool, kept *int64) (int64, error) {
	ids, err := s.old(ctx, what, query, pipelineName, before, needed, kept)
	if err != nil {
		return 0, err
	}
	return s.remove(ctx, what, ids, remove)
}

func (s *Store) old(ctx context.Context, what, query, pipelineName string, before time.Time, needed map[string]bool, kept *int64) ([]string, error) {
	what = "list old " + what + " of " + pipelineName
	rows, err := s.db.QueryContext(ctx, query, pipelineName, millis(before))
	if err != nil {
		return nil, s.fault(what, err)
	}
	defer func() { _ = rows.Close() }() // rows.Err has its error
	var ids []string
	for rows.Next() {
		var id, run string
		if err := rows.Scan(&id, &run); err != nil {
			return nil, s.fault(what, err)
		}
		if needed[run] {
			*kept++
			continue
		}
		ids = append(ids, id)
	}
	return ids, s.fault(what, rows.Err())
}

// remove deletes rows by their IDs, in the order given, and counts them.
func (s *Store) remove(ctx context.Context, what string, ids []string, statements ...string) (int64, error) {
	var removed int64
	for len(ids) > 0 {
		some := ids[:min(len(ids), pruneStep)]
		ids = ids[len(some):]
		var n int64
		err := s.tx(ctx, "remove old "+what, func(tx *sql.Tx) error {
			n = 0
			for _, id := range some {
				for i, text := range statements {
					res, err := tx.ExecContext(ctx, text, id)
					if err != nil {
						return err
					}
					if i == len(statements)-1 {
						one, err := res.RowsAffected()
						if err != nil {
							return err
						}
						n += one
					}
				}
			}
			return nil
		})
		if err != nil {
			return removed, err
		}
		removed += n
	}
	return removed, nil
}

// pruneIncidents removes resolved incidents, with the notes on who joined them.
func (s *Store) pruneIncidents(ctx context.Context, pipelineName string, before time.Time, needed map[string]bool, p *Pruned) error {
	found, err := query[Incident](ctx, s, "list resolved incidents of "+pipelineName,
		`SELECT incident FROM incidents WHERE pipeline = $1 AND status = 'resolved' AND opened_ms < $2 ORDER BY opened_ms, id`,
		pipelineName, millis(before))
	if err != nil {
		return err
	}
	var ids []string
	for _, i := range found {
		switch {
		case !i.ResolvedAt.Before(before):
		case needed[i.RunID]:
			p.Kept++
		default:
			ids = append(ids, i.ID)
		}
	}
	// A resolved incident never opens again, so what was read still holds.
	p.Incidents, err = s.remove(ctx, "incidents", ids, `DELETE FROM joins WHERE incident = $1`, `DELETE FROM incidents WHERE id = $1`)
	return err
}
