package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/spf13/cobra"
	enums "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"
	sdktemporal "go.temporal.io/sdk/temporal"

	"github.com/autonomous-data-pipeline/adp/config"
	"github.com/autonomous-data-pipeline/adp/pipeline"
	"github.com/autonomous-data-pipeline/adp/workflows"
)

func (a *app) runCommand() *cobra.Command {
	var wait bool
	cmd := &cobra.Command{
		Use: "run [pipeline]", Short: "Start a run now", Args: cobra.MaximumNArgs(1), ValidArgsFunction: a.completePipelines,
		Long: "Start a run now. The same by Temporal's own command line:\n\n" +
			"  temporal workflow start --task-queue pipelines --type PipelineRun --workflow-id run/customers/1 --input '{\"pipeline\":\"customers\"}'",
		RunE: func(cmd *cobra.Command, args []string) error {
			name, err := a.pipelineArg(args)
			if err != nil {
				return err
			}
			id := fmt.Sprintf("run/%s/manual/%s", name, uuid.NewString()[:8])
			return a.start(cmd.Context(), id, name, workflows.PipelineRun, pipeline.RunRequest{Pipeline: name}, wait)
		},
	}
	cmd.Flags().BoolVar(&wait, "wait", true, "wait for the run's end; exit code 1 if it failed")
	return cmd
}

func (a *app) backfillCommand() *cobra.Command {
	var ranges []string
	cmd := &cobra.Command{
		Use: "backfill [pipeline]", Short: "Load what the topic still has below the checkpoint and the table lacks",
		Args: cobra.MaximumNArgs(1), ValidArgsFunction: a.completePipelines,
		RunE: func(cmd *cobra.Command, args []string) error {
			name, err := a.pipelineArg(args)
			if err != nil {
				return err
			}
			req := pipeline.BackfillRequest{Pipeline: name, By: a.who()}
			for _, r := range ranges {
				var g pipeline.Range
				if _, err := fmt.Sscanf(r, "%d:%d-%d", &g.Partition, &g.Start, &g.End); err != nil {
					return &usageError{fmt.Errorf("--range %q: want partition:start-end, for example 0:100-200", r)}
				}
				req.Ranges = append(req.Ranges, g)
			}
			// One backfill a pipeline at a time: the workflow ID excludes a second.
			return a.start(cmd.Context(), "backfill/"+name, name, workflows.Backfill, req, true)
		},
	}
	cmd.Flags().StringArrayVar(&ranges, "range", nil, "partition:start-end, half-open; may be repeated; default everything")
	return cmd
}

// start starts a workflow that ends with a run report, and prints it.
func (a *app) start(ctx context.Context, id, name string, workflow, input any, wait bool) error {
	cl, c, err := a.temporal(ctx)
	if err != nil {
		return err
	}
	if _, err := c.Load(name, a.env); err != nil {
		return err // a typing error is told here, not by a workflow that fails
	}
	run, err := cl.ExecuteWorkflow(ctx, client.StartWorkflowOptions{
		ID: id, TaskQueue: c.Temporal.TaskQueue, WorkflowIDConflictPolicy: enums.WORKFLOW_ID_CONFLICT_POLICY_FAIL,
	}, workflow, input)
	if err != nil {
		return fmt.Errorf("start %s: %w", id, err)
	}
	if !wait {
		return a.print(map[string]string{"workflow_id": run.GetID(), "run_id": run.GetRunID()}, func() {
			a.say("started %s\n%s", run.GetID(), runLink(c.Temporal, run.GetID(), run.GetRunID()))
		})
	}
	a.warnWithoutWorker(ctx, cl, c.Temporal)
	report, err := waitForReport(ctx, run)
	if report.RunID == "" {
		return err
	}
	if perr := a.print(report, func() { a.printReport(c.Temporal, report) }); perr != nil {
		return perr
	}
	return err
}

// warnWithoutWorker says why nothing happens, if nobody works.
func (a *app) warnWithoutWorker(ctx context.Context, cl client.Client, t config.Temporal) {
	d, err := cl.DescribeTaskQueue(ctx, t.TaskQueue, enums.TASK_QUEUE_TYPE_WORKFLOW)
	if err == nil && len(d.Pollers) == 0 {
		fmt.Fprintf(a.err, "starter: no worker polls task queue %s; the run waits until one does (start bin/worker, or set TEMPORAL_TASK_QUEUE)\n", t.TaskQueue)
	}
}

// waitForReport waits for a run's end. A failed run gives its report and its error.
func waitForReport(ctx context.Context, run client.WorkflowRun) (pipeline.RunReport, error) {
	var report pipeline.RunReport
	err := run.Get(ctx, &report)
	var app *sdktemporal.ApplicationError
	if errors.As(err, &app) && app.Type() == workflows.RunFailed && app.HasDetails() {
		if derr := app.Details(&report); derr != nil {
			return report, errors.Join(err, derr)
		}
		return report, fmt.Errorf("the run failed in stage %s: %s", report.Failure.Stage, report.Failure.Error)
	}
	return report, err
}

func runLink(t config.Temporal, workflowID, runID string) string {
	return fmt.Sprintf("%s/namespaces/%s/workflows/%s/%s/history", t.WebUI, t.Namespace, url.PathEscape(workflowID), runID)
}

func (a *app) printReport(t config.Temporal, r pipeline.RunReport) {
	rec := r.Records
	a.say("%s %s: %s", r.Pipeline, r.RunID, r.Outcome)
	a.say("  batch       %s, %d offsets behind it", orDash(r.BatchID), r.Source.Lag)
	a.say("  records     read %d = loaded %d + quarantined %d + held %d", rec.Read, rec.Loaded, rec.Quarantined, rec.Held)
	if r.Late.Count > 0 {
		a.say("  late        %d (%.2f%%)", r.Late.Count, 100*r.Late.Share)
	}
	for _, d := range r.Drift {
		a.say("  drift       %s %s: %d records (%.2f%%), observed %s", d.Kind, d.Field, d.Count, 100*d.Share, orDash(d.Observed))
	}
	if r.Quality.Failed > 0 {
		a.say("  quality     %d failing records (%.2f%%)", r.Quality.Failed, 100*r.Quality.Share)
	}
	a.say("  conditions  %s", orDash(strings.Join(r.Conditions, ", ")))
	a.say("  actions     %s", orDash(strings.Join(r.Actions, ", ")))
	if r.Failure != nil {
		a.say("  failure     %s, %s: %s", r.Failure.Stage, r.Failure.Kind, r.Failure.Error)
	}
	if r.Incident != "" {
		a.say("  incident    %s (starter incidents show %s)", r.Incident, r.Incident)
	}
	a.say("  time        %s", r.FinishedAt.Sub(r.StartedAt).Round(time.Millisecond))
	a.say("  %s", runLink(t, r.WorkflowID, r.RunID))
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

// compact is v as one line of JSON, for tables.
func compact(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		return err.Error()
	}
	return string(b)
}
