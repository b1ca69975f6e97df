package ops

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"

	"github.com/autonomous-data-pipeline/adp/agent"
	"github.com/autonomous-data-pipeline/adp/pipeline"
)

// SaveDecision keeps a decision with the facts, as JSON, that it was made
// from. The first one of an ID stays: a decision is never rewritten.
func (s *Store) SaveDecision(ctx context.Context, d agent.Decision, facts []byte) error {
	what := "save decision " + d.ID
	if err := needed(what, "ID", d.ID, "pipeline", d.Pipeline, "run ID", d.RunID); err != nil {
		return err
	}
	if !json.Valid(facts) {
		return pipeline.Faultf(pipeline.Bug, "%s: its facts are no JSON", what)
	}
	entry, err := encode(what, d)
	if err != nil {
		return err
	}
	_, err = s.db.ExecContext(ctx,
		`INSERT INTO decisions (id, pipeline, run_id, at_ms, decision, facts) VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (id) DO NOTHING`,
		d.ID, d.Pipeline, d.RunID, millis(d.At), entry, string(facts))
	return s.fault(what, err)
}

// Decisions lists decisions, newest first. An empty pipeline matches any, a
// limit of 0 is 100.
func (s *Store) Decisions(ctx context.Context, pipelineName string, n int) ([]agent.Decision, error) {
	return s.OlderDecisions(ctx, pipelineName, "", n)
}

// OlderDecisions lists those that are older than one, by its ID: the next page.
// An empty ID is the first page.
func (s *Store) OlderDecisions(ctx context.Context, pipelineName, before string, n int) ([]agent.Decision, error) {
	var from int64
	if before != "" {
		d, _, err := s.Decision(ctx, before)
		if err != nil {
			return nil, err
		}
		from = millis(d.At)
	}
	return query[agent.Decision](ctx, s, "list decisions",
		`SELECT decision FROM decisions WHERE ($1 = '' OR pipeline = $1) AND ($2 = '' OR at_ms < $3 OR (at_ms = $3 AND id > $2))
		 ORDER BY at_ms DESC, id LIMIT $4`,
		pipelineName, before, from, limit(n))
}

// DecisionsOf lists a run's decisions, oldest first: a run that remaps decides
// again.
func (s *Store) DecisionsOf(ctx context.Context, runID string) ([]agent.Decision, error) {
	return query[agent.Decision](ctx, s, "list the decisions of run "+runID,
		`SELECT decision FROM decisions WHERE run_id = $1 ORDER BY at_ms, id`, runID)
}

// Decision finds one, with the facts that it was made from. One that isn't
// there is a BadData fault.
func (s *Store) Decision(ctx context.Context, id string) (agent.Decision, json.RawMessage, error) {
	var entry, facts string
	err := s.db.QueryRowContext(ctx, `SELECT decision, facts FROM decisions WHERE id = $1`, id).Scan(&entry, &facts)
	if errors.Is(err, sql.ErrNoRows) {
		return agent.Decision{}, nil, missing{pipeline.Faultf(pipeline.BadData, "the operations store has no decision %q", id)}
	}
	if err != nil {
		return agent.Decision{}, nil, s.fault("find decision "+id, err)
	}
	d, err := decode[agent.Decision](entry)
	return d, json.RawMessage(facts), err
}
