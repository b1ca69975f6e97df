//go:build integration

package workflows

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	enums "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/worker"

	"github.com/autonomous-data-pipeline/adp/alerting"
)

// A delivery that waits for its next try is taken back by a real server too, and
// the new run has it.
func TestAlertsGoOnPastADeadChannelOnARealServer(t *testing.T) {
	cl := server(t)
	f := &fake{alerting: plan("dead", "email"), deliver: func(m alerting.Message) error {
		if m.Channel == "dead" {
			return errors.New("nobody answers")
		}
		return nil
	}}
	const id = "alerts-go-on"
	w := worker.New(cl, id, worker.Options{})
	w.RegisterWorkflow(Alerts)
	for name, fn := range f.activities() {
		w.RegisterActivityWithOptions(fn, activity.RegisterOptions{Name: name})
	}
	require.NoError(t, w.Start())
	defer w.Stop()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	// With its first alert, as the mailbox does: without one it would end at once.
	first, err := cl.SignalWithStartWorkflow(ctx, id, SignalAlert, alertOf(0, alerting.EventOpened),
		client.StartWorkflowOptions{ID: id, TaskQueue: id}, Alerts, AlertsState{Pipeline: "customers"})
	require.NoError(t, err)
	for n := 1; n < maxAlerts; n++ {
		require.NoError(t, cl.SignalWorkflow(ctx, id, "", SignalAlert, alertOf(n, alerting.EventOpened)))
	}
	events := cl.GetWorkflowHistory(ctx, id, first.GetRunID(), true, enums.HISTORY_EVENT_FILTER_TYPE_CLOSE_EVENT)
	require.True(t, events.HasNext())
	closed, err := events.Next()
	require.NoError(t, err)
	next := closed.GetWorkflowExecutionContinuedAsNewEventAttributes()
	require.NotNil(t, next, "%v", closed)
	var in AlertsState
	require.NoError(t, converter.GetDefaultDataConverter().FromPayloads(next.Input, &in))
	require.Len(t, in.Undelivered, 1)
	require.Equal(t, "dead", in.Undelivered[0].Channel)
	require.NoError(t, cl.TerminateWorkflow(ctx, id, "", "the test is over"))
}
