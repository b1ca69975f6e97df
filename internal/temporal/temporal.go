// Package temporal connects the programs to a Temporal service: the client,
// the search attributes that the workflows set, and the schedules.
package temporal

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	enums "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/operatorservice/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/temporal"

	"github.com/autonomous-data-pipeline/adp/config"
	"github.com/autonomous-data-pipeline/adp/pipeline"
	"github.com/autonomous-data-pipeline/adp/workflows"
)

// SearchAttributes are what the namespace must know, by name.
var SearchAttributes = map[string]enums.IndexedValueType{
	"Pipeline":         enums.INDEXED_VALUE_TYPE_KEYWORD,
	"Outcome":          enums.INDEXED_VALUE_TYPE_KEYWORD,
	"Conditions":       enums.INDEXED_VALUE_TYPE_KEYWORD_LIST,
	"Actions":          enums.INDEXED_VALUE_TYPE_KEYWORD_LIST,
	"AwaitingApproval": enums.INDEXED_VALUE_TYPE_BOOL,
}

// dialLimit bounds the first connection.
const dialLimit = 10 * time.Second

// Dial connects to the service that the configuration names. Without metrics,
// nil, the client reports none.
func Dial(ctx context.Context, c config.Temporal, logger *slog.Logger, metrics client.MetricsHandler) (client.Client, error) {
	ctx, cancel := context.WithTimeout(ctx, dialLimit)
	defer cancel()
	cl, err := client.DialContext(ctx, client.Options{
		HostPort: c.Address, Namespace: c.Namespace, Logger: log.NewStructuredLogger(logger), MetricsHandler: metrics,
	})
	if err != nil {
		return nil, pipeline.Faultf(pipeline.Transient,
			"connect to Temporal at %s, namespace %s: %w; start it (`make demo`, or `temporal server start-dev`), or set TEMPORAL_ADDRESS", c.Address, c.Namespace, err)
	}
	return cl, nil
}

// EnsureSearchAttributes adds the search attributes that the namespace lacks.
func EnsureSearchAttributes(ctx context.Context, cl client.Client, namespace string) error {
	ctx, cancel := context.WithTimeout(ctx, dialLimit)
	defer cancel()
	have, err := cl.OperatorService().ListSearchAttributes(ctx, &operatorservice.ListSearchAttributesRequest{Namespace: namespace})
	if err != nil {
		return fmt.Errorf("list the search attributes of namespace %s: %w", namespace, err)
	}
	missing := map[string]enums.IndexedValueType{}
	for name, want := range SearchAttributes {
		got, ok := have.CustomAttributes[name]
		switch {
		case !ok:
			missing[name] = want
		case got != want:
			return pipeline.Misconfiguredf("TEMPORAL_NAMESPACE",
				"search attribute %s of namespace %s has type %v, the workflows set %v; use another namespace, or remove the attribute", name, namespace, got, want)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	_, err = cl.OperatorService().AddSearchAttributes(ctx, &operatorservice.AddSearchAttributesRequest{
		Namespace: namespace, SearchAttributes: missing,
	})
	var exists *serviceerror.AlreadyExists
	if err != nil && !errors.As(err, &exists) {
		return fmt.Errorf("add search attributes to namespace %s: %w; an operator can: temporal operator search-attribute create --name Pipeline --type Keyword …", namespace, err)
	}
	return nil
}

// Executions asks the service about a pipeline's workflows.
type Executions struct {
	Client    client.Client
	Namespace string
}

// Running lists the run IDs of a pipeline's workflows that haven't ended, of
// every kind. The service's index may lag behind by seconds.
func (e Executions) Running(ctx context.Context, name string) ([]string, error) {
	req := &workflowservice.ListWorkflowExecutionsRequest{
		Namespace: e.Namespace, Query: fmt.Sprintf("Pipeline = '%s' AND ExecutionStatus = 'Running'", name),
	}
	var ids []string
	for {
		page, err := e.Client.ListWorkflow(ctx, req)
		if err != nil {
			return nil, pipeline.Faultf(pipeline.Transient, "list the running workflows of pipeline %s: %w", name, err)
		}
		for _, x := range page.Executions {
			ids = append(ids, x.Execution.RunId)
		}
		if req.NextPageToken = page.NextPageToken; len(req.NextPageToken) == 0 {
			return ids, nil
		}
	}
}

// Schedules creates, pauses, resumes and removes pipelines' schedules. Each has
// two: one for runs, one for maintenance.
type Schedules struct {
	Client    client.Client
	TaskQueue string
}

// Apply creates a pipeline's schedules, or changes them to what is declared.
// Existing ones keep being paused or not.
func (s Schedules) Apply(ctx context.Context, p *config.Pipeline) error {
	err := s.apply(ctx, workflows.ScheduleID(p.Name), p.Schedule, &client.ScheduleWorkflowAction{
		ID: workflows.ScheduleWorkflowID(p.Name), Workflow: workflows.PipelineRun, TaskQueue: s.TaskQueue,
		Args: []any{pipeline.RunRequest{Pipeline: p.Name}},
	},
		// A run that takes longer than the interval is followed by one more, not by a queue.
		enums.SCHEDULE_OVERLAP_POLICY_BUFFER_ONE)
	if err != nil {
		return err
	}
	return s.apply(ctx, workflows.MaintenanceScheduleID(p.Name), p.Maintenance.Schedule, &client.ScheduleWorkflowAction{
		ID: workflows.MaintenanceWorkflowID(p.Name), Workflow: workflows.Maintenance, TaskQueue: s.TaskQueue,
		Args: []any{pipeline.MaintenanceRequest{Pipeline: p.Name}},
	}, enums.SCHEDULE_OVERLAP_POLICY_SKIP)
}

func (s Schedules) apply(ctx context.Context, id string, d config.Schedule, action *client.ScheduleWorkflowAction, overlap enums.ScheduleOverlapPolicy) error {
	spec := client.ScheduleSpec{}
	if d.Cron != "" {
		spec.CronExpressions = []string{d.Cron}
	} else {
		spec.Intervals = []client.ScheduleIntervalSpec{{Every: d.Every}}
	}
	_, err := s.Client.ScheduleClient().Create(ctx, client.ScheduleOptions{
		ID: id, Spec: spec, Action: action, Paused: d.Paused, Overlap: overlap,
	})
	var exists *serviceerror.AlreadyExists
	if !errors.As(err, &exists) && !errors.Is(err, temporal.ErrScheduleAlreadyRunning) {
		return err
	}
	return s.Client.ScheduleClient().GetHandle(ctx, id).Update(ctx, client.ScheduleUpdateOptions{
		DoUpdate: func(in client.ScheduleUpdateInput) (*client.ScheduleUpdate, error) {
			next := in.Description.Schedule
			next.Spec, next.Action = &spec, action
			return &client.ScheduleUpdate{Schedule: &next}, nil
		},
	})
}

// SetPaused pauses or resumes the schedule of runs: maintenance goes on. A
// pipeline without one is left alone.
func (s Schedules) SetPaused(ctx context.Context, name string, paused bool, note string) error {
	h := s.handle(ctx, name)
	var err error
	if paused {
		err = h.Pause(ctx, client.SchedulePauseOptions{Note: note})
	} else {
		err = h.Unpause(ctx, client.ScheduleUnpauseOptions{Note: note})
	}
	var missing *serviceerror.NotFound
	if errors.As(err, &missing) {
		return nil
	}
	return err
}

// Remove deletes a pipeline's schedules. Runs in flight go on.
func (s Schedules) Remove(ctx context.Context, name string) error {
	err := s.Client.ScheduleClient().GetHandle(ctx, workflows.MaintenanceScheduleID(name)).Delete(ctx)
	var missing *serviceerror.NotFound
	if err != nil && !errors.As(err, &missing) {
		return err
	}
	return s.handle(ctx, name).Delete(ctx)
}

// Describe gives a pipeline's schedule as the service has it.
func (s Schedules) Describe(ctx context.Context, name string) (*client.ScheduleDescription, error) {
	return s.handle(ctx, name).Describe(ctx)
}

func (s Schedules) handle(ctx context.Context, name string) client.ScheduleHandle {
	return s.Client.ScheduleClient().GetHandle(ctx, workflows.ScheduleID(name))
}
