package workflows

import (
	"fmt"
	"strings"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/autonomous-data-pipeline/adp/pipeline"
)

// MaintenanceFailed is the error type of a maintenance with a step that
// couldn't be done; its details are the report.
const MaintenanceFailed = "MaintenanceFailed"

// MaintenanceScheduleID is the ID of a pipeline's schedule of maintenance.
func MaintenanceScheduleID(name string) string { return "maintenance/" + name }

// MaintenanceWorkflowID is the workflow ID that it starts under; the server
// appends the time.
func MaintenanceWorkflowID(name string) string { return "maintenance/" + name + "/schedule" }

// maintenanceLimits are the limits of one step.
var maintenanceLimits = pipeline.Limits{Attempts: 5, BackoffMs: 1000, ShardTimeoutS: 3600, HeartbeatS: 30}

// Maintenance removes what a pipeline's retention lets go, and does the upkeep
// of its table. A step that can't be
// done doesn't stop the others.
func Maintenance(ctx workflow.Context, req pipeline.MaintenanceRequest) (pipeline.MaintenanceReport, error) {
	if req.Pipeline == "" {
		return pipeline.MaintenanceReport{}, temporal.NewNonRetryableApplicationError(
			`clean up: the input names no pipeline; pass {"pipeline":"<name>"}`, string(pipeline.Misconfigured), nil)
	}
	info := workflow.GetInfo(ctx).WorkflowExecution
	r := pipeline.MaintenanceReport{Pipeline: req.Pipeline, RunID: info.RunID, WorkflowID: info.ID, StartedAt: workflow.Now(ctx)}
	if err := workflow.UpsertTypedSearchAttributes(ctx, attrPipeline.ValueSet(req.Pipeline)); err != nil {
		return r, err
	}
	steps := []struct {
		name string
		stub stub[pipeline.MaintenanceRequest, pipeline.Cleaned]
	}{
		{"staging", cleanStaging}, {"reports", cleanReports}, {"history", cleanHistory}, {"quarantine", expireQuarantine},
		{"table", maintainSink}, {"sink", cleanSink},
	}
	var failed []string
	for _, s := range steps {
		c, err := s.stub.call(long(ctx, maintenanceLimits), s.name, req)
		if ctx.Err() != nil || temporal.IsCanceledError(err) {
			return r, err
		}
		if err != nil {
			c = pipeline.Cleaned{Step: s.name, Error: messageOf(err)}
			failed = append(failed, s.name+": "+c.Error)
		}
		r.Steps = append(r.Steps, c)
		workflow.SetCurrentDetails(ctx, cleaned(r))
	}
	r.FinishedAt = workflow.Now(ctx)
	if len(failed) > 0 {
		return r, temporal.NewNonRetryableApplicationError(strings.Join(failed, "; "), MaintenanceFailed, nil, r)
	}
	return r, nil
}

// cleaned is a report so far, for the Web UI.
func cleaned(r pipeline.MaintenanceReport) string {
	var b strings.Builder
	fmt.Fprintf(&b, "**%s** · maintenance\n", r.Pipeline)
	for _, c := range r.Steps {
		fmt.Fprintf(&b, "\n- %s", c)
	}
	return b.String()
}
