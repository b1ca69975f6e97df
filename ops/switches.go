package ops

import (
	"context"

	"github.com/autonomous-data-pipeline/adp/agent"
)

// TurnSwitch keeps how a person turned a pipeline's kill switch.
func (s *Store) TurnSwitch(ctx context.Context, turned agent.Switch) error {
	what := "turn the kill switch of " + turned.Pipeline
	if err := needed(what, "pipeline", turned.Pipeline); err != nil {
		return err
	}
	entry, err := encode(what, turned)
	if err != nil {
		return err
	}
	_, err = s.db.ExecContext(ctx,
		`INSERT INTO switches (pipeline, entry) VALUES ($1, $2) ON CONFLICT (pipeline) DO UPDATE SET entry = excluded.entry`, turned.Pipeline, entry)
	return s.fault(what, err)
}

// Switch is a pipeline's kill switch; one that nobody has turned is off.
func (s *Store) Switch(ctx context.Context, pipelineName string) (agent.Switch, error) {
	found, err := query[agent.Switch](ctx, s, "look at the kill switch of "+pipelineName, `SELECT entry FROM switches WHERE pipeline = $1`, pipelineName)
	if err != nil || len(found) == 0 {
		return agent.Switch{Pipeline: pipelineName}, err
	}
	return found[0], nil
}
