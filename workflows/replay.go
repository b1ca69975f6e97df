package workflows

import (
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/autonomous-data-pipeline/adp/pipeline"
)

// ReplayQuarantine settles one batch's quarantine without an incident: what
// `starter quarantine replay` and `discard` start.
func ReplayQuarantine(ctx workflow.Context, req pipeline.SettleRequest) (pipeline.Settled, error) {
	if req.Pipeline == "" || req.BatchID == "" || req.Answer.By == "" {
		return pipeline.Settled{}, temporal.NewNonRetryableApplicationError(
			"replay quarantine: the input needs pipeline, batch_id and answer.by", string(pipeline.Misconfigured), nil)
	}
	if req.ID == "" {
		req.ID = workflow.GetInfo(ctx).WorkflowExecution.RunID
	}
	if err := workflow.UpsertTypedSearchAttributes(ctx, attrPipeline.ValueSet(req.Pipeline)); err != nil {
		return pipeline.Settled{}, err
	}
	s, err := settle.call(long(ctx, settleLimits), req.Answer.Resolution+" by "+req.Answer.By, req)
	if err != nil {
		return s, err
	}
	workflow.SetCurrentDetails(ctx, "moved into the table: see the result")
	return s, nil
}
