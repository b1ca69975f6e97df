package workflows

import (
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/autonomous-data-pipeline/adp/alerting"
)

// SignalAlert brings an alert to a pipeline's Alerts; payload: alerting.Alert.
const SignalAlert = "alert"

// AlertsID is the workflow ID of a pipeline's alerts.
func AlertsID(name string) string { return "alerts/" + name }

// AlertsState is what a pipeline's alerts go on with in their next run.
type AlertsState struct {
	Pipeline string        `json:"pipeline"`
	Book     alerting.Book `json:"book"`
}

// How long a run of Alerts goes on, and trusts what it knows.
const (
	maxAlerts = 500             // taken, before it goes on as a new run with a short history
	planTrust = 5 * time.Minute // before settings are read again
)

// Alerts is one pipeline's conversation with people: it is started with its
// first alert, decides by the book who is told what and when, and ends when
// nothing is left to be said. A channel that is slow or dead holds up no other.
func Alerts(ctx workflow.Context, in AlertsState) error {
	a := &alerts{AlertsState: in, queues: map[string][]alerting.Alert{}, done: workflow.NewChannel(ctx)}
	if err := workflow.SetQueryHandlerWithOptions(ctx, "status", func() (AlertsState, error) { return a.AlertsState, nil },
		workflow.QueryHandlerOptions{Description: "What channels have been told, and what waits"}); err != nil {
		return err
	}
	signals := workflow.GetSignalChannel(ctx, SignalAlert)
	for {
		if err := a.read(ctx, signals); err != nil {
			return err
		}
		a.send(ctx)
		at, waits := a.Book.Next(a.plan.Settings)
		switch {
		case a.sending == 0 && a.taken >= maxAlerts && signals.Len() == 0:
			return workflow.NewContinueAsNewError(ctx, Alerts, a.AlertsState)
		case a.sending == 0 && !waits && !a.Book.Open() && signals.Len() == 0:
			return nil
		}
		if err := a.wait(ctx, signals, at, waits); err != nil {
			return err
		}
	}
}

type alerts struct {
	AlertsState
	plan    alerting.Plan
	readAt  time.Time // when the plan was read
	next    *alerting.Alert
	queues  map[string][]alerting.Alert // by channel, of those that are being sent
	sending int                         // channels that something is on its way to
	taken   int
	done    workflow.Channel
}

// read takes every alert that has come.
func (a *alerts) read(ctx workflow.Context, signals workflow.ReceiveChannel) error {
	for {
		var alert alerting.Alert
		if a.next != nil {
			alert, a.next = *a.next, nil
		} else if !signals.ReceiveAsync(&alert) {
			return nil
		}
		if err := a.look(ctx); err != nil {
			return err
		}
		a.taken++
		a.Book.Take(a.plan.Settings, a.plan.Channels, alert, workflow.Now(ctx))
	}
}

// look reads the settings, if they may have changed.
func (a *alerts) look(ctx workflow.Context) error {
	now := workflow.Now(ctx)
	if !a.readAt.IsZero() && now.Sub(a.readAt) < planTrust {
		return nil
	}
	plan, err := alertPlan.call(patient(ctx), "routes and channels", a.Pipeline)
	if err != nil {
		return err
	}
	a.plan, a.readAt = plan, now
	return nil
}

// send hands what is due to its channels, each of which sends by itself.
func (a *alerts) send(ctx workflow.Context) {
	for _, m := range a.Book.Due(a.plan.Settings, a.Pipeline, workflow.Now(ctx)) {
		busy := len(a.queues[m.Channel]) > 0
		a.queues[m.Channel] = append(a.queues[m.Channel], m.Alert)
		if busy {
			continue
		}
		a.sending++
		workflow.Go(ctx, func(ctx workflow.Context) { a.channel(ctx, m.Channel) })
	}
}

// channel sends a channel's messages, one after the other. One that can't be
// delivered is recorded as failed by its activity, and the next one is tried.
func (a *alerts) channel(ctx workflow.Context, name string) {
	for len(a.queues[name]) > 0 {
		alert := a.queues[name][0]
		if _, err := deliver.call(delivering(ctx), name+": "+alert.Title, alerting.Message{Channel: name, Alert: alert}); err != nil {
			workflow.GetLogger(ctx).Warn("deliver an alert", "channel", name, "alert", alert.ID, "error", err)
		}
		a.queues[name] = a.queues[name][1:]
	}
	a.sending--
	a.done.Send(ctx, true)
}

// delivering are the options of one delivery: an hour of tries, since a channel
// that is down is mostly up again by then.
func delivering(ctx workflow.Context) workflow.Context {
	return workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		StartToCloseTimeout: time.Minute, ScheduleToCloseTimeout: time.Hour,
		RetryPolicy: &temporal.RetryPolicy{InitialInterval: 2 * time.Second, BackoffCoefficient: 2, MaximumInterval: 5 * time.Minute},
	})
}

// wait returns when an alert has come, something is due, or a channel is free.
func (a *alerts) wait(ctx workflow.Context, signals workflow.ReceiveChannel, at time.Time, waits bool) error {
	s := workflow.NewSelector(ctx)
	s.AddReceive(signals, func(c workflow.ReceiveChannel, _ bool) {
		var alert alerting.Alert
		c.Receive(ctx, &alert)
		a.next = &alert
	})
	s.AddReceive(a.done, func(c workflow.ReceiveChannel, _ bool) { c.Receive(ctx, nil) })
	s.AddReceive(ctx.Done(), func(workflow.ReceiveChannel, bool) {})
	timers, stop := workflow.WithCancel(ctx)
	defer stop()
	if waits {
		s.AddFuture(workflow.NewTimer(timers, max(0, at.Sub(workflow.Now(ctx)))), func(workflow.Future) {})
	}
	s.Select(ctx)
	return ctx.Err()
}
