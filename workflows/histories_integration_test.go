//go:build integration

package workflows

import (
	"context"
	"errors"
	"flag"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	enums "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/history/v1"
	"go.temporal.io/api/temporalproto"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/worker"

	"github.com/autonomous-data-pipeline/adp/internal/devstack"
)

var update = flag.Bool("update", false, "write the saved histories anew")

// Every path runs against a real server with faked activities, and its history
// replays; with -update it is saved.
func TestEveryPathRunsOnARealServer(t *testing.T) {
	cl := server(t)
	for name, p := range paths() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			events := play(t, cl, name, p)
			r := worker.NewWorkflowReplayer()
			r.RegisterWorkflow(PipelineRun)
			r.RegisterWorkflow(Backfill)
			r.RegisterWorkflow(Escalation)
			r.RegisterWorkflow(Alerts)
			r.RegisterWorkflow(ReplayQuarantine)
			r.RegisterWorkflow(Maintenance)
			require.NoError(t, r.ReplayWorkflowHistory(nil, events))
			if *update {
				b, err := temporalproto.CustomJSONMarshalOptions{Indent: "  "}.Marshal(events)
				require.NoError(t, err)
				require.NoError(t, os.WriteFile(filepath.Join("testdata", name+".json"), append(b, '\n'), 0o644))
			}
		})
	}
}

func server(t *testing.T) client.Client {
	t.Helper()
	dir, err := devstack.DefaultBinDir()
	require.NoError(t, err)
	binary, err := devstack.EnsureTemporal(t.Context(), dir, os.Stderr)
	require.NoError(t, err)
	s, err := devstack.StartTemporal(t.Context(), devstack.Config{
		Binary: binary, DataDir: t.TempDir(), Port: freePort(t), UIPort: freePort(t),
		SearchAttributes: map[string]string{
			"Pipeline": "Keyword", "Outcome": "Keyword", "Conditions": "KeywordList", "Actions": "KeywordList", "AwaitingApproval": "Bool",
		},
	})
	require.NoError(t, err)
	t.Cleanup(func() {
		if err := s.Stop(); err != nil {
			t.Log("stop Temporal:", err)
		}
	})
	cl, err := client.Dial(client.Options{HostPort: s.Address(), Identity: "histories", Logger: log.NewStructuredLogger(slog.New(slog.NewTextHandler(io.Discard, nil)))})
	require.NoError(t, err)
	t.Cleanup(cl.Close)
	return cl
}

func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { require.NoError(t, l.Close()) }()
	return l.Addr().(*net.TCPAddr).Port
}

// play runs one path on a task queue of its own, and gives its history.
func play(t *testing.T, cl client.Client, name string, p path) *history.History {
	t.Helper()
	w := worker.New(cl, name, worker.Options{})
	w.RegisterWorkflow(PipelineRun)
	w.RegisterWorkflow(Backfill)
	w.RegisterWorkflow(Escalation)
	w.RegisterWorkflow(Alerts)
	w.RegisterWorkflow(ReplayQuarantine)
	w.RegisterWorkflow(Maintenance)
	for activityName, fn := range p.fake.activities() {
		w.RegisterActivityWithOptions(fn, activity.RegisterOptions{Name: activityName})
	}
	require.NoError(t, w.Start())
	defer w.Stop()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	run, err := cl.ExecuteWorkflow(ctx, client.StartWorkflowOptions{ID: name, TaskQueue: name}, p.workflow, p.input)
	require.NoError(t, err)
	for _, s := range p.signals {
		require.NoError(t, cl.SignalWorkflow(ctx, name, "", s.name, s.payload))
	}
	for _, a := range p.updates {
		h, err := cl.UpdateWorkflow(ctx, client.UpdateWorkflowOptions{
			WorkflowID: name, UpdateName: UpdateDecide, Args: []any{a}, WaitForStage: client.WorkflowUpdateStageCompleted,
		})
		require.NoError(t, err)
		if err := h.Get(ctx, nil); err != nil {
			require.ErrorContains(t, err, "doesn't fit")
		}
	}
	var app *temporal.ApplicationError
	if err := run.Get(ctx, nil); errors.As(err, &app) {
		require.Contains(t, []string{RunFailed, MaintenanceFailed}, app.Type())
	} else {
		require.NoError(t, err)
	}
	iter := cl.GetWorkflowHistory(ctx, name, run.GetRunID(), false, enums.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
	events := &history.History{}
	for iter.HasNext() {
		e, err := iter.Next()
		require.NoError(t, err)
		events.Events = append(events.Events, e)
	}
	return events
}
