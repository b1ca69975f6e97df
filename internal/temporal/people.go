package temporal

import (
	"context"
	"errors"
	"fmt"

	enums "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"

	"github.com/autonomous-data-pipeline/adp/console"
	"github.com/autonomous-data-pipeline/adp/ops"
	"github.com/autonomous-data-pipeline/adp/pipeline"
	"github.com/autonomous-data-pipeline/adp/workflows"
)

// People is what a desk asks of the service.
type People struct {
	Client    client.Client
	Namespace string
	TaskQueue string
}

var _ console.Temporal = People{}

// Answer updates an incident's escalation, which carries the answer out.
func (p People) Answer(ctx context.Context, i ops.Incident, a pipeline.Answer) (pipeline.Resolution, error) {
	var res pipeline.Resolution
	what := "answer incident " + i.ID
	h, err := p.Client.UpdateWorkflow(ctx, client.UpdateWorkflowOptions{
		WorkflowID: workflows.EscalationID(i.Pipeline, i.ID), UpdateName: workflows.UpdateDecide,
		Args: []any{a}, WaitForStage: client.WorkflowUpdateStageCompleted,
	})
	if err == nil {
		err = h.Get(ctx, &res)
	}
	return res, escalationError(what, err)
}

// escalationError tells what somebody else did first from what the escalation
// refuses and from a service that doesn't answer.
func escalationError(what string, err error) error {
	var gone *serviceerror.NotFound
	var refused *temporal.ApplicationError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &gone):
		return fmt.Errorf("%s: %w: it was answered already", what, console.ErrConflict)
	case errors.As(err, &refused) && refused.Type() == workflows.AlreadyAnswered:
		return fmt.Errorf("%s: %w: %s", what, console.ErrConflict, refused.Message())
	case errors.As(err, &refused):
		return pipeline.Faultf(pipeline.BadData, "%s: %s", what, refused.Message())
	}
	return pipeline.Faultf(pipeline.Transient, "%s: Temporal: %w", what, err)
}

// Acknowledge signals an incident's escalation.
func (p People) Acknowledge(ctx context.Context, i ops.Incident, by, comment string) error {
	err := p.Client.SignalWorkflow(ctx, workflows.EscalationID(i.Pipeline, i.ID), "", workflows.SignalAcknowledge, pipeline.Answer{By: by, Comment: comment})
	return escalationError("acknowledge incident "+i.ID, err)
}

// Start starts a workflow once for each ID.
func (p People) Start(ctx context.Context, id string, workflow, input any) (console.Started, error) {
	run, err := p.Client.ExecuteWorkflow(ctx, client.StartWorkflowOptions{
		ID: id, TaskQueue: p.TaskQueue,
		WorkflowIDReusePolicy: enums.WORKFLOW_ID_REUSE_POLICY_REJECT_DUPLICATE, WorkflowIDConflictPolicy: enums.WORKFLOW_ID_CONFLICT_POLICY_FAIL,
		WorkflowExecutionErrorWhenAlreadyStarted: true,
	}, workflow, input)
	var started *serviceerror.WorkflowExecutionAlreadyStarted
	switch {
	case errors.As(err, &started):
		return console.Started{WorkflowID: id, RunID: started.RunId}, fmt.Errorf("start %s: %w: it was started already", id, console.ErrConflict)
	case err != nil:
		return console.Started{}, pipeline.Faultf(pipeline.Transient, "start %s: Temporal: %w", id, err)
	}
	return console.Started{WorkflowID: run.GetID(), RunID: run.GetRunID()}, nil
}

// Running lists a pipeline's workflows that haven't ended, the newest first, at
// most 50: its runs, and escalations that wait. The service's index may lag
// behind by seconds.
func (p People) Running(ctx context.Context, name string) ([]console.Running, error) {
	page, err := p.Client.ListWorkflow(ctx, &workflowservice.ListWorkflowExecutionsRequest{
		Namespace: p.Namespace, PageSize: 50, Query: fmt.Sprintf("Pipeline = '%s' AND ExecutionStatus = 'Running' AND WorkflowType != 'Escalation'", name),
	})
	if err != nil {
		return nil, pipeline.Faultf(pipeline.Transient, "list the running workflows of pipeline %s: %w", name, err)
	}
	all := []console.Running{}
	for _, x := range page.Executions {
		all = append(all, console.Running{
			WorkflowID: x.Execution.WorkflowId, RunID: x.Execution.RunId, Type: x.Type.Name, StartedAt: x.StartTime.AsTime(),
		})
	}
	return all, nil
}

// Schedule describes a pipeline's schedule of runs.
func (p People) Schedule(ctx context.Context, name string) (console.Schedule, error) {
	d, err := p.schedules().Describe(ctx, name)
	var missing *serviceerror.NotFound
	switch {
	case errors.As(err, &missing):
		return console.Schedule{}, nil
	case err != nil:
		return console.Schedule{}, pipeline.Faultf(pipeline.Transient, "describe the schedule of pipeline %s: Temporal: %w", name, err)
	}
	s := console.Schedule{Exists: true, Paused: d.Schedule.State.Paused, Note: d.Schedule.State.Note}
	if len(d.Info.NextActionTimes) > 0 && !s.Paused {
		s.Next = d.Info.NextActionTimes[0]
	}
	return s, nil
}

// SetPaused pauses or resumes it.
func (p People) SetPaused(ctx context.Context, name string, paused bool, note string) error {
	return p.schedules().SetPaused(ctx, name, paused, note)
}

func (p People) schedules() Schedules { return Schedules{Client: p.Client, TaskQueue: p.TaskQueue} }
