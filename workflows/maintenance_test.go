package workflows

import (
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/temporal"

	"github.com/autonomous-data-pipeline/adp/pipeline"
)

func TestMaintenanceDoesEveryStepAndReportsIt(t *testing.T) {
	f := &fake{}
	env := environment(t, f)
	env.ExecuteWorkflow(Maintenance, pipeline.MaintenanceRequest{Pipeline: "customers"})
	require.NoError(t, env.GetWorkflowError())
	var r pipeline.MaintenanceReport
	require.NoError(t, env.GetWorkflowResult(&r))
	require.Equal(t, []string{"CleanStaging", "CleanReports", "CleanHistory", "ExpireQuarantine", "MaintainSink", "CleanSink"}, f.calls)
	require.Len(t, r.Steps, len(f.calls))
	require.Equal(t, "CleanStaging: removed 3 folders, 4096 bytes", r.Steps[0].String())
	require.False(t, r.FinishedAt.Before(r.StartedAt))
}

func TestAStepThatFailsStopsNoOtherAndFailsTheWorkflow(t *testing.T) {
	f := &fake{cleaned: failingReports}
	env := environment(t, f)
	env.ExecuteWorkflow(Maintenance, pipeline.MaintenanceRequest{Pipeline: "customers"})
	var app *temporal.ApplicationError
	require.ErrorAs(t, env.GetWorkflowError(), &app)
	require.Equal(t, MaintenanceFailed, app.Type())
	var r pipeline.MaintenanceReport
	require.NoError(t, app.Details(&r))
	require.Len(t, r.Steps, 6)
	require.Equal(t, "reports: not done: no access", r.Steps[1].String())
	require.Equal(t, 1, f.count("CleanSink"))
}

func failingReports(step string) (pipeline.Cleaned, error) {
	if step == string(cleanReports) {
		return pipeline.Cleaned{}, fault(pipeline.Misconfigured, "no access")
	}
	return pipeline.Cleaned{Step: step, Unit: "files"}, nil
}

func TestMaintenanceNeedsAPipeline(t *testing.T) {
	env := environment(t, &fake{})
	env.ExecuteWorkflow(Maintenance, pipeline.MaintenanceRequest{})
	require.ErrorContains(t, env.GetWorkflowError(), `{"pipeline":"<name>"}`)
}
