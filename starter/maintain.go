package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"
	"github.com/spf13/cobra"
	"go.temporal.io/sdk/client"
	sdktemporal "go.temporal.io/sdk/temporal"

	"github.com/autonomous-data-pipeline/adp/pipeline"
	"github.com/autonomous-data-pipeline/adp/workflows"
)

func (a *app) maintainCommand() *cobra.Command {
	var name string
	cmd := &cobra.Command{
		Use: "maintain [pipeline]", Short: "Remove what a pipeline's retention lets go, now", Args: cobra.MaximumNArgs(1), ValidArgsFunction: a.completePipelines,
		Long: "Remove what a pipeline's retention lets go, now: staging of crashed runs, old reports and history, discarded\n" +
			"records, and files that no commit names. The pipeline's schedule does so by itself. The same by Temporal's own\n" +
			"command line:\n\n" +
			"  temporal workflow start --task-queue pipelines --type Maintenance --workflow-id maintenance/customers/1 --input '{\"pipeline\":\"customers\"}'",
		RunE: func(cmd *cobra.Command, args []string) error {
			if name != "" {
				args = append(args, name)
			}
			name, err := a.pipelineArg(args)
			if err != nil {
				return err
			}
			return a.maintain(cmd.Context(), name)
		},
	}
	cmd.Flags().StringVarP(&name, "pipeline", "p", "", "the pipeline, instead of the argument")
	return cmd
}

func (a *app) maintain(ctx context.Context, name string) error {
	cl, c, err := a.temporal(ctx)
	if err != nil {
		return err
	}
	if _, err := c.Load(name, a.env); err != nil {
		return err // a typing error is told here, not by a workflow that fails
	}
	id := fmt.Sprintf("maintenance/%s/manual/%s", name, uuid.NewString()[:8])
	run, err := cl.ExecuteWorkflow(ctx, client.StartWorkflowOptions{ID: id, TaskQueue: c.Temporal.TaskQueue},
		workflows.Maintenance, pipeline.MaintenanceRequest{Pipeline: name})
	if err != nil {
		return fmt.Errorf("start %s: %w", id, err)
	}
	a.warnWithoutWorker(ctx, cl, c.Temporal)
	report, err := waitForMaintenance(ctx, run)
	if report.RunID == "" {
		return err
	}
	if perr := a.print(report, func() {
		a.say("maintenance of %s", name)
		for _, s := range report.Steps {
			a.say("  %s", s)
		}
		a.say("  %s", runLink(c.Temporal, report.WorkflowID, report.RunID))
	}); perr != nil {
		return perr
	}
	return err
}

// waitForMaintenance waits for the end. One that failed in part gives its
// report and its error.
func waitForMaintenance(ctx context.Context, run client.WorkflowRun) (pipeline.MaintenanceReport, error) {
	var report pipeline.MaintenanceReport
	err := run.Get(ctx, &report)
	var app *sdktemporal.ApplicationError
	if errors.As(err, &app) && app.Type() == workflows.MaintenanceFailed && app.HasDetails() {
		if derr := app.Details(&report); derr != nil {
			return report, errors.Join(err, derr)
		}
		return report, errors.New("not all of it could be done: " + app.Message())
	}
	return report, err
}
