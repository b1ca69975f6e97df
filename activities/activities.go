// Package activities are thin Temporal shells over the domain packages: each
// is safe to repeat, makes its one call, and holds no rules. What they pass to
// workflows are references and numbers, never records.
package activities

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/temporal"

	"github.com/autonomous-data-pipeline/adp/agent"
	"github.com/autonomous-data-pipeline/adp/alerting"
	"github.com/autonomous-data-pipeline/adp/batch"
	"github.com/autonomous-data-pipeline/adp/ops"
	"github.com/autonomous-data-pipeline/adp/pipeline"
	"github.com/autonomous-data-pipeline/adp/schemas"
	"github.com/autonomous-data-pipeline/adp/sink"
	"github.com/autonomous-data-pipeline/adp/source"
)

// Dataset is one pipeline's declaration with the parts that it names, wired.
type Dataset struct {
	Name  string
	Topic string
	Group string // consumer group that shows the checkpoint to lag tools
	// Anchor is the checkpoint to plan from: the sink's own, or where a
	// pipeline that has loaded nothing yet begins (source.start).
	Anchor        func(ctx context.Context, cp pipeline.Checkpoint) (pipeline.Checkpoint, error)
	Declared      *schemas.Schema
	Rules         batch.Rules
	QualityMemory int64 // dq.memory: bytes; 0 is the default
	MaxRecords    int64 // offsets a batch; 0 is no limit
	ShardRecords  int64
	Limits        pipeline.Limits
	Policy        agent.Policy
	Agent         agent.Settings
	Model         *agent.Model // is asked before deciding; nil: rules decide alone
	Shadow        *agent.Model // is asked afterwards, and never obeyed; nil: nobody is
	Source        source.Source
	Engine        batch.Engine
	Sink          sink.Sink
	Staging       string // folder of staged batches
	Reports       string // folder of run reports and the decision log
	Retention     Retention
	Upkeep        sink.MaintainOptions // but for OrphanAge, which follows from Retention
}

// Retention says for how long what is no longer needed is kept; 0 is for ever.
type Retention struct {
	Staging    time.Duration // what crashed runs left, beyond Limits' longest silence
	Quarantine time.Duration // discarded records
	Reports    time.Duration // a run's folder
	History    time.Duration // rows of the operations store
}

// Catalog gives pipelines by name. An unknown name is a Misconfigured fault.
type Catalog interface {
	Dataset(ctx context.Context, name string) (*Dataset, error)
	// Declared is what deciding and reporting need: policy, proposer and
	// folders. A pipeline whose file is broken still has them, as they were
	// before or by default, so that its failed run can be decided on.
	Declared(ctx context.Context, name string) (*Dataset, error)
}

// Scheduler pauses and resumes a pipeline's schedule. A pipeline without a
// schedule is left alone.
type Scheduler interface {
	SetPaused(ctx context.Context, pipelineName string, paused bool, note string) error
}

// Mailbox hands an alert to its pipeline's conversation with people.
type Mailbox interface {
	Post(ctx context.Context, a alerting.Alert) error
}

// Set is what a worker registers.
type Set struct {
	Catalog   Catalog
	Ops       *ops.Store
	Mailbox   Mailbox
	Channels  []alerting.Notifier
	Alerting  func() (alerting.Settings, error) // as they stand now
	Scheduler Scheduler

	Own        *agent.Registry // own actions; nil: there are none
	Executions Executions
	WebUI      string                        // address of Temporal's Web UI, for links in messages; may be empty
	Console    string                        // address of the console, for links in messages; may be empty
	Runbook    func(condition string) string // address of what to do about a condition; may be nil, and give nothing
	Namespace  string
	Now        func() time.Time
	Log        *slog.Logger
}

// toTemporal makes a fault's kind the error's type, and whatever a retry can't
// heal non-retryable. It must be outermost: the SDK reads no further.
func toTemporal(err error) error {
	if err == nil || temporal.IsCanceledError(err) || errors.Is(err, context.Canceled) {
		return err
	}
	kind := pipeline.KindOf(err)
	if errors.Is(err, sink.ErrConflict) {
		kind = pipeline.Superseded
	}
	if kind == pipeline.Transient {
		return temporal.NewApplicationErrorWithCause(err.Error(), string(kind), err)
	}
	return temporal.NewNonRetryableApplicationError(err.Error(), string(kind), err)
}

// beating heartbeats until stop is called, for calls that can't report
// progress themselves. It also ends the context when the server says that the
// attempt is lost.
func beating(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	every := activity.GetInfo(ctx).HeartbeatTimeout / 3
	if every <= 0 {
		return ctx, cancel
	}
	go func() {
		tick := time.NewTicker(every)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
				activity.RecordHeartbeat(ctx)
			}
		}
	}()
	return ctx, cancel
}

// runDir is a run's own folder in staging, so that twins over the same batch
// never clear each other's files.
func (d *Dataset) runDir(runID string) string { return filepath.Join(d.Staging, runID) }

// stagedDir is the folder of one version of a staged batch: a remap processes
// the same ranges again.
func (d *Dataset) stagedDir(runID string, s pipeline.Staged) string {
	return filepath.Join(d.runDir(runID), fmt.Sprintf("v%d", s.SchemaVersion))
}

// schema finds the schema of a version.
func (s *Set) schema(ctx context.Context, name string, version int) (*schemas.Schema, error) {
	all, err := s.Ops.Schemas(ctx, name)
	if err != nil {
		return nil, err
	}
	for _, v := range all {
		if v.Version == version {
			return v.Schema, nil
		}
	}
	return nil, pipeline.Faultf(pipeline.Bug, "look up schema version %d of pipeline %s: the operations store has %d versions, not this one", version, name, len(all))
}
