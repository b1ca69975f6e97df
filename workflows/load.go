package workflows

import (
	"fmt"
	"slices"
	"strings"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/autonomous-data-pipeline/adp/agent"
	"github.com/autonomous-data-pipeline/adp/pipeline"
)

func (r *runner) load(ctx workflow.Context) error {
	err := r.stage(ctx, "load", func(s *pipeline.Stage) error {
		l, err := load.call(long(ctx, r.plan.Limits), r.plan.Batch.ID,
			pipeline.LoadRequest{Run: r.id, Plan: r.plan, Staged: r.staged, Choice: choice(*r.decision)})
		if err != nil {
			return err
		}
		r.committed = &l
		r.report.Records = l.Records
		s.Records, s.Bytes = l.Records.Loaded, l.Bytes
		return nil
	})
	switch {
	case err == nil:
		return nil
	case kindOf(err) == pipeline.Superseded:
		r.superseded = true
		return nil
	}
	return &stageError{"load", err}
}

// choice turns the decision into what stays out of the table.
func choice(d agent.Decision) pipeline.Choice {
	var c pipeline.Choice
	if e, ok := d.Find(agent.Escalate); ok {
		c.Hold = e.Args.Hold
		c.Raw = c.Hold && slices.ContainsFunc(d.Conditions, func(m agent.Met) bool { return m.Name == agent.SchemaDriftAdditive })
	}
	if q, ok := d.Find(agent.Quarantine); ok {
		c.Column, c.Values = q.Args.Column, q.Args.Values
	}
	return c
}

// validate reads the table back. What doesn't match is taken out again, and
// the run fails: the records are still in the topic.
func (r *runner) validate(ctx workflow.Context) error {
	if r.superseded {
		return nil
	}
	var v pipeline.Validated
	err := r.stage(ctx, "validate", func(s *pipeline.Stage) error {
		var err error
		v, err = validate.call(long(ctx, r.plan.Limits), r.plan.Batch.ID, pipeline.ValidateRequest{Run: r.id, Staged: r.staged, StaysOut: r.decision.StaysOut})
		s.Records = v.Rows + v.Rejects
		return err
	})
	if err != nil {
		return &stageError{"validate", err}
	}
	if len(v.Problems) == 0 {
		return nil
	}
	reason := "validation found: " + strings.Join(v.Problems, "; ")
	if _, err := rollback.call(long(ctx, r.plan.Limits), reason, pipeline.RollbackRequest{Run: r.id, BatchID: r.plan.Batch.ID, Reason: reason}); err != nil {
		return &stageError{"validate", fmt.Errorf("%s; taking the batch out again: %w", reason, err)}
	}
	r.committed = nil
	return &stageError{"validate", temporal.NewNonRetryableApplicationError(
		reason+"; the batch was taken out of the table again", string(pipeline.Bug), nil)}
}
