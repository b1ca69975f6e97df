package workflows

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/workflow"

	"github.com/autonomous-data-pipeline/adp/alerting"
	"github.com/autonomous-data-pipeline/adp/pipeline"
)

func alertOf(incident int, e alerting.Event) alerting.Alert {
	id := fmt.Sprintf("inc-%d", incident)
	return alerting.Alert{ID: id + "/" + string(e), Group: id, Incident: id, Event: e, Pipeline: "customers", Severity: "critical", Title: id}
}

// told runs Alerts with these signals, each after so long, and gives what was
// delivered, as channel: ID.
func told(t *testing.T, f *fake, in AlertsState, signals map[time.Duration][]alerting.Alert) ([]string, *testsuite.TestWorkflowEnvironment) {
	t.Helper()
	env := environment(t, f)
	for after, alerts := range signals {
		env.RegisterDelayedCallback(func() {
			for _, a := range alerts {
				env.SignalWorkflow(SignalAlert, a)
			}
		}, after)
	}
	env.SetTestTimeout(time.Minute)
	env.ExecuteWorkflow(Alerts, in)
	require.True(t, env.IsWorkflowCompleted())
	var out []string
	for _, m := range f.delivered {
		out = append(out, m.Channel+": "+m.Alert.ID)
	}
	return out, env
}

func plan(channels ...string) alerting.Plan {
	return alerting.Plan{Settings: alerting.DefaultSettings(), Channels: channels}
}

func TestAlertsTellAnIncidentsWholeLifeAndEnd(t *testing.T) {
	f := &fake{alerting: plan("slack")}
	got, env := told(t, f, AlertsState{Pipeline: "customers"}, map[time.Duration][]alerting.Alert{
		0:             {alertOf(1, alerting.EventOpened), alertOf(1, alerting.EventOpened)},
		4 * time.Hour: {alertOf(1, alerting.EventReminder)},
		5 * time.Hour: {alertOf(1, alerting.EventAcknowledged)},
		6 * time.Hour: {alertOf(1, alerting.EventResolved)},
	})
	require.NoError(t, env.GetWorkflowError())
	require.Equal(t, []string{"slack: inc-1/opened", "slack: inc-1/reminder", "slack: inc-1/acknowledged", "slack: inc-1/resolved"}, got)
}

// A channel that never answers well costs its own messages, an hour later, and
// nobody else's.
func TestADeadChannelHoldsUpNoOther(t *testing.T) {
	f := &fake{alerting: plan("dead", "email"), deliver: func(m alerting.Message) error {
		if m.Channel == "dead" {
			return errors.New("nobody answers")
		}
		return nil
	}}
	got, env := told(t, f, AlertsState{Pipeline: "customers"}, map[time.Duration][]alerting.Alert{
		0: {alertOf(1, alerting.EventOpened)}, time.Minute: {alertOf(2, alerting.EventOpened)},
		2 * time.Minute: {alertOf(1, alerting.EventResolved), alertOf(2, alerting.EventResolved)},
	})
	require.NoError(t, env.GetWorkflowError(), "a dead channel fails nothing")
	require.Equal(t, []string{"email: inc-1/opened", "email: inc-2/opened", "email: inc-1/resolved", "email: inc-2/resolved"}, got)
}

// A thousand alerts in a minute: a bounded number of messages, and a history
// that is cut in time, with nothing lost on the way.
func TestAStormOfAlertsIsBounded(t *testing.T) {
	var storm []alerting.Alert
	for n := range 1000 {
		storm = append(storm, alertOf(n, alerting.EventOpened))
	}
	f := &fake{alerting: plan("slack")}
	in, delivered := AlertsState{Pipeline: "customers"}, 0
	for round := 0; len(storm) > 0; round++ {
		require.Less(t, round, 10)
		part := storm[:min(500, len(storm))]
		storm = storm[len(part):]
		_, env := told(t, f, in, map[time.Duration][]alerting.Alert{0: part})
		var again *workflow.ContinueAsNewError
		require.ErrorAs(t, env.GetWorkflowError(), &again, "it goes on as a new run")
		in = AlertsState{}
		require.NoError(t, converter.GetDefaultDataConverter().FromPayloads(again.Input, &in))
		delivered = len(f.delivered)
	}
	require.LessOrEqual(t, delivered, 40, "in two hours at most")
	stood := 0
	for _, m := range f.delivered {
		stood += max(1, m.Alert.Count)
	}
	for _, m := range in.Undelivered {
		stood += max(1, m.Alert.Count)
	}
	for _, c := range in.Book.Channels {
		for _, w := range c.Waiting {
			stood += max(1, w.Alert.Count)
		}
	}
	require.Equal(t, 1000, stood, "each was told, or waits")
}

func TestAcknowledgingTellsToo(t *testing.T) {
	f := &fake{}
	env := environment(t, f)
	env.RegisterDelayedCallback(func() {
		env.SignalWorkflow(SignalAcknowledge, pipeline.Answer{By: "ana", Comment: "mine"})
	}, time.Minute)
	env.RegisterDelayedCallback(func() {
		env.SignalWorkflow(SignalDecide, pipeline.Answer{By: "ana", Resolution: pipeline.Close})
	}, 2*time.Minute)
	env.ExecuteWorkflow(Escalation, pipeline.Incident{ID: "inc-1", Pipeline: "customers", Title: "late", TimeLimitS: 3600, Severity: "warning"})
	require.NoError(t, env.GetWorkflowError())
	var events []string
	for _, n := range f.notices {
		events = append(events, n.Event+" by "+n.By)
	}
	require.Equal(t, []string{"opened by ", "acknowledged by ana", "resolved by ana"}, events)
}

// A channel that is dead for good can't keep the history from being cut: what
// it was to get goes on with the next run, and others hear at once.
func TestADeadChannelDoesNotKeepAlertsFromGoingOn(t *testing.T) {
	busy := plan("dead", "email")
	busy.Settings.Throttle.Messages = 0 // none: the most that can pile up
	f := &fake{alerting: busy, deliver: func(m alerting.Message) error {
		if m.Channel == "dead" {
			return errors.New("nobody answers")
		}
		return nil
	}}
	signals := map[time.Duration][]alerting.Alert{}
	for n := range maxAlerts + 100 {
		signals[time.Duration(n)*time.Second] = []alerting.Alert{alertOf(n, alerting.EventOpened)}
	}
	got, env := told(t, f, AlertsState{Pipeline: "customers"}, signals)
	var again *workflow.ContinueAsNewError
	require.ErrorAs(t, env.GetWorkflowError(), &again, "it goes on as a new run while the channel is dead")
	require.GreaterOrEqual(t, len(got), maxAlerts-1, "the other channel has heard of them")
	var in AlertsState
	require.NoError(t, converter.GetDefaultDataConverter().FromPayloads(again.Input, &in))
	require.NotEmpty(t, in.Undelivered, "what was on its way goes on")

	f.deliver = nil // it is up again
	f.delivered = nil
	stood := 0
	_, _ = told(t, f, in, map[time.Duration][]alerting.Alert{time.Hour: {alertOf(0, alerting.EventResolved)}})
	for _, m := range f.delivered {
		if m.Channel == "dead" {
			stood += max(1, m.Alert.Count)
		}
	}
	require.GreaterOrEqual(t, stood, maxAlerts, "each is told once it is up, by itself or in a summary")
}

// Somebody breaks the settings while the worker runs.
func TestAnAlertIsToldWhateverIsWrongWithTheSettings(t *testing.T) {
	broken := plan("slack")
	broken.Problem = "ALERTING_FILE: routes[0].channels: \"fax\" isn't set up"
	f := &fake{alerting: broken}
	got, env := told(t, f, AlertsState{Pipeline: "customers"}, map[time.Duration][]alerting.Alert{
		0: {alertOf(1, alerting.EventOpened)}, time.Hour: {alertOf(1, alerting.EventResolved)},
	})
	require.NoError(t, env.GetWorkflowError())
	require.Equal(t, []string{"slack: inc-1/opened", "slack: inc-1/resolved"}, got)
	status, err := env.QueryWorkflow("status")
	require.NoError(t, err)
	var s AlertsState
	require.NoError(t, status.Get(&s))
	require.Equal(t, broken.Problem, s.Problem, "and it shows")
}

// What a run takes over from the one before is bounded by the same settings.
func TestGoingOnKeepsTheThrottle(t *testing.T) {
	p := plan("slack")
	in := AlertsState{Pipeline: "customers"}
	for n := range 30 {
		in.Book.Take(p.Settings, p.Channels, alertOf(n, alerting.EventOpened), time.Unix(0, 0).UTC())
	}
	f := &fake{alerting: p}
	var resolved []alerting.Alert
	for n := range 30 {
		resolved = append(resolved, alertOf(n, alerting.EventResolved))
	}
	got, env := told(t, f, in, map[time.Duration][]alerting.Alert{30 * time.Minute: nil, 3 * time.Hour: resolved})
	require.NoError(t, env.GetWorkflowError())
	opened := 0
	for _, m := range f.delivered {
		if m.Alert.Event != alerting.EventResolved {
			opened++
		}
	}
	require.Equal(t, 20, opened, "19 and a summary of 11: %v", got)
}
