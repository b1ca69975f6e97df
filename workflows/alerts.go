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
	Pipeline    string             `json:"pipeline"`
	Book        alerting.Book      `json:"book"`
	Undelivered []alerting.Message `json:"undelivered,omitempty"` // on their way when the last run ended; at most one a channel
	Problem     string             `json:"problem,omitempty"`     // what is wrong with the settings, if something is
}

// How long a run of Alerts goes on, and trusts what it knows.
const (
	maxAlerts = 500             // taken, before it goes on as a new run with a short history
	planTrust = 5 * time.Minute // before settings are read again
	lastTries = 10 * time.Second
)

// Alerts is one pipeline's conversation with people: it is started with its
// first alert, decides by the book who is told what and when, and ends when
// nothing is left to be said. A channel that is slow or dead holds up no other.
func Alerts(ctx workflow.Context, in AlertsState) error {
	a := &alerts{AlertsState: in, busy: map[string]bool{}, done: workflow.NewChannel(ctx)}
	if err := workflow.SetQueryHandlerWithOptions(ctx, "status", func() (AlertsState, error) { return a.AlertsState, nil },
		workflow.QueryHandlerOptions{Description: "What channels have been told, and what waits"}); err != nil {
		return err
	}
	signals := workflow.GetSignalChannel(ctx, SignalAlert)
	a.sends, a.stop = workflow.WithCancel(ctx)
	a.send(a.Undelivered)
	a.Undelivered = nil
	for {
		if err := a.look(ctx); err != nil {
			return err
		}
		a.read(ctx, signals)
		a.send(a.Book.Due(a.plan.Settings, a.Pipeline, workflow.Now(ctx), a.busy))
		at, waits := a.Book.Next(a.plan.Settings, a.busy)
		switch {
		case a.taken >= maxAlerts:
			return a.goOn(ctx, signals)
		case len(a.busy) == 0 && !waits && !a.Book.Open() && signals.Len() == 0:
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
	busy    map[string]bool // channels that something is on its way to
	sends   workflow.Context
	stop    workflow.CancelFunc // ends what is on its way
	leaving bool
	taken   int
	done    workflow.Channel
}

// read takes every alert that has come.
func (a *alerts) read(ctx workflow.Context, signals workflow.ReceiveChannel) {
	for {
		var alert alerting.Alert
		if a.next != nil {
			alert, a.next = *a.next, nil
		} else if !signals.ReceiveAsync(&alert) {
			return
		}
		a.taken++
		a.Book.Take(a.plan.Settings, a.plan.Channels, alert, workflow.Now(ctx))
	}
}

// look reads the settings, if they may have changed. A new run has none.
func (a *alerts) look(ctx workflow.Context) error {
	now := workflow.Now(ctx)
	if !a.readAt.IsZero() && now.Sub(a.readAt) < planTrust {
		return nil
	}
	plan, err := alertPlan.call(patient(ctx), "routes and channels", a.Pipeline)
	if err != nil {
		return err
	}
	a.plan, a.readAt, a.Problem = plan, now, plan.Problem
	workflow.SetCurrentDetails(ctx, a.Problem)
	return nil
}

// send hands each message to its channel.
func (a *alerts) send(messages []alerting.Message) {
	for _, m := range messages {
		a.busy[m.Channel] = true
		workflow.Go(a.sends, func(ctx workflow.Context) { a.deliver(ctx, m) })
	}
}

// deliver sends one message. One that can't be delivered is recorded as failed
// by its activity, and the channel's next one is tried.
func (a *alerts) deliver(ctx workflow.Context, m alerting.Message) {
	_, err := deliver.call(delivering(ctx), m.Channel+": "+m.Alert.Title, m)
	switch {
	case err != nil && a.leaving:
		a.Undelivered = append(a.Undelivered, m)
	case err != nil:
		workflow.GetLogger(ctx).Warn("deliver an alert", "channel", m.Channel, "alert", m.Alert.ID, "error", err)
	}
	delete(a.busy, m.Channel)
	a.done.Send(ctx, true)
}

// goOn starts a new run with a short history. It can't wait for a channel that
// is dead: what doesn't arrive soon is taken back, and sent by the new run. A try
// that is under way ends first, and what it has delivered isn't sent again.
func (a *alerts) goOn(ctx workflow.Context, signals workflow.ReceiveChannel) error {
	idle := func() bool { return len(a.busy) == 0 }
	arrived, err := workflow.AwaitWithTimeout(ctx, lastTries, idle)
	if err != nil {
		return err
	}
	if !arrived {
		a.leaving = true
		a.stop()
		if err := workflow.Await(ctx, idle); err != nil {
			return err
		}
	}
	a.read(ctx, signals) // those that came meanwhile
	return workflow.NewContinueAsNewError(ctx, Alerts, a.AlertsState)
}

// delivering are the options of one delivery: an hour of tries, since a channel
// that is down is mostly up again by then.
func delivering(ctx workflow.Context) workflow.Context {
	return workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		StartToCloseTimeout: time.Minute, ScheduleToCloseTimeout: time.Hour, WaitForCancellation: true,
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
