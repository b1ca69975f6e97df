//go:build crashpoints

package main

import (
	"context"
	"os"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/interceptor"
	sdkworker "go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/autonomous-data-pipeline/adp/activities"
	"github.com/autonomous-data-pipeline/adp/alerting"
	"github.com/autonomous-data-pipeline/adp/batch"
	"github.com/autonomous-data-pipeline/adp/internal/crashpoint"
	"github.com/autonomous-data-pipeline/adp/pipeline"
	"github.com/autonomous-data-pipeline/adp/sink"
	"github.com/autonomous-data-pipeline/adp/sink/ledger"
	"github.com/autonomous-data-pipeline/adp/source"
)

// The settings of a worker that can be struck.
const (
	envCrashDir   = "ADP_CRASH_DIR"   // folder that is shared with the test
	envCrashLimit = "ADP_CRASH_LIMIT" // longest time limit of an attempt; default 2s
)

// strikable names the points of the worker's work: before and after every
// activity, within activities before and after every call to engine, sink,
// source and alerts, and between the steps of a sink's commit. It also makes
// time limits short, so that hundreds of recoveries can be watched.
func strikable(o *sdkworker.Options, set *activities.Set) {
	p := crashpoint.New(os.Getenv(envCrashDir))
	limit, err := time.ParseDuration(os.Getenv(envCrashLimit))
	if err != nil {
		limit = 2 * time.Second
	}
	ledger.OnStep = func(point string) { p.Here("commit: " + point) }
	o.Interceptors = append(o.Interceptors, &struckWorker{points: p, limit: limit})
	o.StickyScheduleToStartTimeout = time.Second
	set.Catalog = struckCatalog{set.Catalog, p}
	set.Mailbox = struckMailbox{set.Mailbox, p}
}

// around names the points before and after a call.
func around[T any](p *crashpoint.Points, name string, call func() (T, error)) (T, error) {
	p.Here("before " + name)
	v, err := call()
	if err == nil {
		p.Here("after " + name)
	}
	return v, err
}

func aroundErr(p *crashpoint.Points, name string, call func() error) error {
	_, err := around(p, name, func() (struct{}, error) { return struct{}{}, call() })
	return err
}

type struckWorker struct {
	interceptor.WorkerInterceptorBase
	points *crashpoint.Points
	limit  time.Duration
}

func (w *struckWorker) InterceptActivity(_ context.Context, next interceptor.ActivityInboundInterceptor) interceptor.ActivityInboundInterceptor {
	return &struckActivity{interceptor.ActivityInboundInterceptorBase{Next: next}, w.points}
}

func (w *struckWorker) InterceptWorkflow(_ workflow.Context, next interceptor.WorkflowInboundInterceptor) interceptor.WorkflowInboundInterceptor {
	return &hastyWorkflow{interceptor.WorkflowInboundInterceptorBase{Next: next}, w.limit}
}

type struckActivity struct {
	interceptor.ActivityInboundInterceptorBase
	points *crashpoint.Points
}

func (a *struckActivity) ExecuteActivity(ctx context.Context, in *interceptor.ExecuteActivityInput) (any, error) {
	return around(a.points, "activity "+activity.GetInfo(ctx).ActivityType.Name, func() (any, error) {
		return a.Next.ExecuteActivity(ctx, in)
	})
}

// hastyWorkflow shortens what a workflow waits for a dead attempt, and between
// attempts. The number of attempts stays.
type hastyWorkflow struct {
	interceptor.WorkflowInboundInterceptorBase
	limit time.Duration
}

func (w *hastyWorkflow) Init(out interceptor.WorkflowOutboundInterceptor) error {
	return w.Next.Init(&hastyCalls{interceptor.WorkflowOutboundInterceptorBase{Next: out}, w.limit})
}

type hastyCalls struct {
	interceptor.WorkflowOutboundInterceptorBase
	limit time.Duration
}

func (c *hastyCalls) ExecuteActivity(ctx workflow.Context, name string, args ...any) workflow.Future {
	o := workflow.GetActivityOptions(ctx)
	if o.HeartbeatTimeout > 0 {
		o.HeartbeatTimeout = min(o.HeartbeatTimeout, c.limit)
	} else {
		o.StartToCloseTimeout = min(o.StartToCloseTimeout, 3*c.limit)
	}
	if o.RetryPolicy != nil {
		retry := *o.RetryPolicy
		retry.InitialInterval, retry.MaximumInterval = min(retry.InitialInterval, c.limit/4), min(retry.MaximumInterval, c.limit)
		o.RetryPolicy = &retry
	}
	return c.Next.ExecuteActivity(workflow.WithActivityOptions(ctx, o), name, args...)
}

type struckCatalog struct {
	activities.Catalog
	points *crashpoint.Points
}

func (c struckCatalog) Dataset(ctx context.Context, name string) (*activities.Dataset, error) {
	return c.wrap(c.Catalog.Dataset(ctx, name))
}

func (c struckCatalog) Declared(ctx context.Context, name string) (*activities.Dataset, error) {
	return c.wrap(c.Catalog.Declared(ctx, name))
}

func (c struckCatalog) wrap(d *activities.Dataset, err error) (*activities.Dataset, error) {
	if err != nil || d.Sink == nil {
		return d, err
	}
	out := *d
	out.Engine, out.Sink, out.Source = struckEngine{d.Engine, c.points}, struckSink{d.Sink, c.points}, struckSource{d.Source, c.points}
	if m, ok := d.Sink.(sink.Maintainer); ok {
		out.Sink = struckTable{struckSink{d.Sink, c.points}, m}
	}
	return &out, nil
}

type struckEngine struct {
	batch.Engine
	points *crashpoint.Points
}

func (e struckEngine) Process(ctx context.Context, src source.Reader, job batch.Job, beat func(batch.Progress) error) (batch.Result, error) {
	return around(e.points, "Engine.Process", func() (batch.Result, error) { return e.Engine.Process(ctx, src, job, beat) })
}

type struckSource struct {
	source.Source
	points *crashpoint.Points
}

func (s struckSource) Read(ctx context.Context, topic string, r pipeline.Range, fn func([]source.Record) error) error {
	return aroundErr(s.points, "Source.Read", func() error { return s.Source.Read(ctx, topic, r, fn) })
}

func (s struckSource) Publish(ctx context.Context, group, topic string, cp pipeline.Checkpoint) error {
	return aroundErr(s.points, "Source.Publish", func() error { return s.Source.Publish(ctx, group, topic, cp) })
}

type struckSink struct {
	sink.Sink
	points *crashpoint.Points
}

func (s struckSink) State(ctx context.Context) (sink.State, error) {
	return around(s.points, "Sink.State", func() (sink.State, error) { return s.Sink.State(ctx) })
}

func (s struckSink) Load(ctx context.Context, l sink.Load) (sink.Receipt, error) {
	return around(s.points, "Sink.Load", func() (sink.Receipt, error) { return s.Sink.Load(ctx, l) })
}

func (s struckSink) Settle(ctx context.Context, st sink.Settlement) (sink.Receipt, error) {
	return around(s.points, "Sink.Settle", func() (sink.Receipt, error) { return s.Sink.Settle(ctx, st) })
}

func (s struckSink) Validate(ctx context.Context, r sink.Receipt) (sink.Verdict, error) {
	return around(s.points, "Sink.Validate", func() (sink.Verdict, error) { return s.Sink.Validate(ctx, r) })
}

func (s struckSink) Rollback(ctx context.Context, batchID, reason string) (sink.State, error) {
	return around(s.points, "Sink.Rollback", func() (sink.State, error) { return s.Sink.Rollback(ctx, batchID, reason) })
}

func (s struckSink) Cleanup(ctx context.Context, age time.Duration) ([]string, error) {
	return around(s.points, "Sink.Cleanup", func() ([]string, error) { return s.Sink.Cleanup(ctx, age) })
}

func (s struckSink) Expire(ctx context.Context, batchID string, revision int64, reason string) error {
	return aroundErr(s.points, "Sink.Expire", func() error { return s.Sink.Expire(ctx, batchID, revision, reason) })
}

// struckTable is a sink that wants upkeep.
type struckTable struct {
	struckSink
	maintainer sink.Maintainer
}

func (s struckTable) Maintain(ctx context.Context, o sink.MaintainOptions) (sink.MaintainReport, error) {
	return around(s.points, "Sink.Maintain", func() (sink.MaintainReport, error) { return s.maintainer.Maintain(ctx, o) })
}

type struckMailbox struct {
	activities.Mailbox
	points *crashpoint.Points
}

func (m struckMailbox) Post(ctx context.Context, alert alerting.Alert) error {
	return aroundErr(m.points, "Mailbox.Post", func() error { return m.Mailbox.Post(ctx, alert) })
}
