// Command worker runs pipelines: it wires the drivers that the pipeline files
// name, and works on Temporal's task queue until it is told to stop.
package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	"time"

	"go.temporal.io/sdk/client"
	sdkworker "go.temporal.io/sdk/worker"

	"github.com/autonomous-data-pipeline/adp/activities"
	"github.com/autonomous-data-pipeline/adp/config"
	"github.com/autonomous-data-pipeline/adp/console"
	"github.com/autonomous-data-pipeline/adp/internal/metrics"
	"github.com/autonomous-data-pipeline/adp/internal/notify"
	"github.com/autonomous-data-pipeline/adp/internal/own"
	"github.com/autonomous-data-pipeline/adp/internal/temporal"
	"github.com/autonomous-data-pipeline/adp/internal/webserver"
	"github.com/autonomous-data-pipeline/adp/ops"
	"github.com/autonomous-data-pipeline/adp/workflows"
)

// version is set by the linker.
var version = "dev"

// stopLimit is how long activities may go on after SIGTERM before they are
// handed back to another worker.
const stopLimit = 20 * time.Second

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "worker:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	c, err := config.FromEnv(os.Getenv)
	if err != nil {
		return err
	}
	if c.Actions, err = own.Actions(); err != nil {
		return err
	}
	logger := newLogger(c.LogLevel)
	store, err := ops.Open(ctx, c.OpsDB)
	if err != nil {
		return err
	}
	defer func() { _ = store.Close() }() // the process ends; SQLite recovers by itself

	var handler client.MetricsHandler // nil: metrics go nowhere
	if c.MetricsAddr != "" {
		endpoint, err := metrics.Serve(c.MetricsAddr)
		if err != nil {
			return err
		}
		defer func() { _ = endpoint.Close() }() // the process ends
		handler = endpoint.Handler
		logger.Info("metrics", "address", "http://"+endpoint.Address+"/metrics")
	}
	cl, err := temporal.Dial(ctx, c.Temporal, logger, handler)
	if err != nil {
		return err
	}
	defer cl.Close()
	if err := temporal.EnsureSearchAttributes(ctx, cl, c.Temporal.Namespace); err != nil {
		return err
	}
	people := webserver.Options{Config: c, Env: os.Getenv, Ops: store, Client: cl, Log: logger, Version: version}
	if c.Console.Addr != "" {
		server, err := webserver.Start(ctx, people)
		if err != nil {
			return err
		}
		defer func() { _ = server.Close() }() // the process ends
		logger.Info("console", "address", "http://"+server.Address)
	}
	if c.Trigger.Topic != "" {
		go follow(ctx, webserver.Desk(people), c.Trigger, logger)
	}
	channels, err := c.Channels(logger)
	if err != nil {
		return err
	}
	if err := c.CheckAlerting(channels); err != nil {
		return err
	}
	set := &activities.Set{
		Catalog: config.NewCatalog(c, os.Getenv), Ops: store, Channels: channels, Alerting: c.Alerting,
		Mailbox:    temporal.Mailbox{Client: cl, TaskQueue: c.Temporal.TaskQueue},
		Scheduler:  temporal.Schedules{Client: cl, TaskQueue: c.Temporal.TaskQueue},
		Own:        c.Actions,
		Executions: temporal.Executions{Client: cl, Namespace: c.Temporal.Namespace},
		Console:    c.Console.URL,
		Runbook:    c.Runbook,
		WebUI:      c.Temporal.WebUI, Namespace: c.Temporal.Namespace, Now: time.Now, Log: logger,
	}
	options := sdkworker.Options{WorkerStopTimeout: stopLimit}
	strikable(&options, set)
	w := sdkworker.New(cl, c.Temporal.TaskQueue, options)
	register(w, set)
	logger.Info("worker ready", "version", version, "temporal", c.Temporal.Address, "task_queue", c.Temporal.TaskQueue, "data", c.DataDir)
	interrupt := make(chan any, 1)
	go func() { <-ctx.Done(); interrupt <- nil }()
	return w.Run(interrupt)
}

// follow starts runs for notifications until the process ends.
func follow(ctx context.Context, desk *console.Desk, t config.Trigger, log *slog.Logger) {
	log.Info("follow notifications", "topic", t.Topic, "group", t.Group)
	if err := notify.New(desk, notify.Config{Brokers: t.Brokers, Topic: t.Topic, Group: t.Group, Log: log}).Run(ctx); err != nil {
		log.Error("follow notifications; none are followed until the worker is started again", "topic", t.Topic, "error", err)
	}
}

// registry is the part of a worker that register needs; tests pass the test
// environment's.
type registry interface {
	RegisterWorkflow(w any)
	RegisterActivity(a any)
}

func register(r registry, set *activities.Set) {
	r.RegisterWorkflow(workflows.PipelineRun)
	r.RegisterWorkflow(workflows.Escalation)
	r.RegisterWorkflow(workflows.Alerts)
	r.RegisterWorkflow(workflows.ReplayQuarantine)
	r.RegisterWorkflow(workflows.Backfill)
	r.RegisterWorkflow(workflows.Maintenance)
	r.RegisterActivity(set)
}

func newLogger(level string) *slog.Logger {
	var l slog.Level
	if err := l.UnmarshalText([]byte(level)); err != nil {
		l = slog.LevelInfo // FromEnv has checked it
	}
	return slog.New(slog.NewJSONHandler(os.Stderr, &slog.HandlerOptions{Level: l}))
}
