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

// Dial connects to the service that the configuration names.
func Dial(ctx context.Context, c config.Temporal, logger *slog.Logger) (client.Client, error) {
	ctx, cancel := context.WithTimeout(ctx, dialLimit)
	defer cancel()
	cl, err := client.DialContext(ctx, client.Options{
		HostPort: c.Address, Namespace: c.Namespace, Logger: log.NewStructuredLogger(logger),
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

// Schedules creates, pauses, resumes and removes pipelines' schedules.
type Schedules struct {
	Client    client.Client
	TaskQueue string
}

// Apply creates a pipeline's schedule, or changes it to what is declared. An
// existing one keeps being paused or not.
func (s Schedules) Apply(ctx context.Context, name string, d config.Schedule) error {
	spec := client.ScheduleSpec{}
	if d.Cron != "" {
		spec.CronExpressions = []string{d.Cron}
	} else {
		spec.Intervals = []client.ScheduleIntervalSpec{{Every: d.Every}}
	}
	action := &client.ScheduleWorkflowAction{
		ID: workflows.ScheduleWorkflowID(name), Workflow: workflows.PipelineRun, TaskQueue: s.TaskQueue,
		Args: []any{pipeline.RunRequest{Pipeline: name}},
	}
	_, err := s.Client.ScheduleClient().Create(ctx, client.ScheduleOptions{
		ID: workflows.ScheduleID(name), Spec: spec, Action: action, Paused: d.Paused,
		// A run that takes longer than the interval is followed by one more, not by a queue.
		Overlap: enums.SCHEDULE_OVERLAP_POLICY_BUFFER_ONE,
	})
	var exists *serviceerror.AlreadyExists
	if !errors.As(err, &exists) && !errors.Is(err, temporal.ErrScheduleAlreadyRunning) {
		return err
	}
	return s.handle(ctx, name).Update(ctx, client.ScheduleUpdateOptions{
		DoUpdate: func(in client.ScheduleUpdateInput) (*client.ScheduleUpdate, error) {
			next := in.Description.Schedule
			next.Spec, next.Action = &spec, action
			return &client.ScheduleUpdate{Schedule: &next}, nil
		},
	})
}

// SetPaused pauses or resumes a schedule. A pipeline without one is left alone.
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

// Remove deletes a pipeline's schedule. Runs in flight go on.
func (s Schedules) Remove(ctx context.Context, name string) error {
	return s.handle(ctx, name).Delete(ctx)
}

// Describe gives a pipeline's schedule as the service has it.
func (s Schedules) Describe(ctx context.Context, name string) (*client.ScheduleDescription, error) {
	return s.handle(ctx, name).Describe(ctx)
}

func (s Schedules) handle(ctx context.Context, name string) client.ScheduleHandle {
	return s.Client.ScheduleClient().GetHandle(ctx, workflows.ScheduleID(name))
}
