package activities

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"

	"github.com/autonomous-data-pipeline/adp/alerting"
	"github.com/autonomous-data-pipeline/adp/ops"
	"github.com/autonomous-data-pipeline/adp/pipeline"
)

// channel answers as it is told, and goes on in threads.
type channel struct {
	name    string
	err     error
	alerts  []alerting.Alert
	threads []string
}

func (c *channel) Name() string { return c.name }

func (c *channel) Notify(ctx context.Context, a alerting.Alert) error {
	_, err := c.NotifyIn(ctx, a, "")
	return err
}

func (c *channel) NotifyIn(_ context.Context, a alerting.Alert, thread string) (string, error) {
	c.alerts, c.threads = append(c.alerts, a), append(c.threads, thread)
	return "thread-1", c.err
}

type posted []alerting.Alert

func (p *posted) Post(_ context.Context, a alerting.Alert) error {
	*p = append(*p, a)
	return nil
}

var at = time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)

func alertSet(t *testing.T, c *channel) (*Set, *posted) {
	t.Helper()
	store, err := ops.Open(t.Context(), filepath.Join(t.TempDir(), "ops.db"))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, store.Close()) })
	box := &posted{}
	return &Set{
		Ops: store, Mailbox: box, Channels: []alerting.Notifier{c}, Alerting: func() (alerting.Settings, error) { return alerting.DefaultSettings(), nil },
		Log: slog.New(slog.DiscardHandler), WebUI: "http://ui", Namespace: "default", Console: "http://console", Now: func() time.Time { return at },
		Runbook: func(c string) string { return "http://runbooks/" + c },
	}, box
}

func TestAnAlertHasAllThatAPersonNeeds(t *testing.T) {
	s, box := alertSet(t, &channel{name: "slack"})
	require.NoError(t, s.Ops.SaveRun(t.Context(), pipeline.RunReport{
		Pipeline: "customers", RunID: "r1", BatchID: "b1", Outcome: pipeline.Held, FinishedAt: at, Conditions: []string{"dq_failures_major"},
		Records: pipeline.Records{Read: 1000, Held: 1000}, Quality: pipeline.Quality{Failed: 90, Share: 0.09},
	}))
	_, _, err := s.Ops.OpenIncident(t.Context(), ops.Incident{ID: "inc-1", Pipeline: "customers", Cause: "c", RunID: "r1", BatchID: "b1", Hold: true, OpenedAt: at, Advice: pipeline.Release})
	require.NoError(t, err)
	require.NoError(t, s.Notify(t.Context(), pipeline.Notice{
		ID: "inc-1/opened", Event: "opened", Pipeline: "customers", RunID: "r1", Workflow: "escalation/customers/inc-1", Incident: "inc-1", Severity: "critical", Title: "held", Text: "9% fail",
	}))
	require.Equal(t, posted{{
		ID: "inc-1/opened", Group: "inc-1", Event: alerting.EventOpened, Pipeline: "customers", RunID: "r1", Incident: "inc-1", Severity: "critical",
		Title: "held", Text: "9% fail", At: at, OpenedAt: at, Count: 1, Advice: "release", Answers: []string{"release", "replay", "discard", "acknowledge"},
		Facts: map[string]string{"records read": "1000", "held": "1000", "failing": "90", "failing share": "9.00%"},
		Links: map[string]string{
			"console": "http://console/incidents/inc-1", "run": "http://console/runs/r1", "overview": "http://console/",
			"workflow": "http://ui/namespaces/default/workflows/escalation%2Fcustomers%2Finc-1", "runbook": "http://runbooks/dq_failures_major",
		},
	}}, *box)

	require.NoError(t, s.Ops.Resolve(t.Context(), "inc-1", pipeline.Release, "ana", "", at))
	require.NoError(t, s.Notify(t.Context(), pipeline.Notice{ID: "inc-1/resolved", Event: "resolved", Pipeline: "customers", RunID: "r1", Incident: "inc-1", By: "ana", Resolution: "release"}))
	require.Empty(t, (*box)[1].Answers, "what is answered can't be answered again")
	require.Equal(t, &alerting.Answer{Resolution: "release", By: "ana"}, (*box)[1].Answer)
	require.NoError(t, s.Notify(t.Context(), pipeline.Notice{ID: "d/notify", Pipeline: "customers", RunID: "r-unknown", Title: "one country"}), "a run that hasn't reported yet has no numbers")
	require.Equal(t, "customers/one country", (*box)[2].Group)
}

func TestADeliveryIsNotedAndNotRepeated(t *testing.T) {
	c := &channel{name: "slack", err: &alerting.RetryAfter{Wait: 7 * time.Second, Err: pipeline.Faultf(pipeline.Transient, "busy")}}
	s, _ := alertSet(t, c)
	var suite testsuite.WorkflowTestSuite
	env := suite.NewTestActivityEnvironment()
	env.RegisterActivity(s)
	deliver := func(id string) error {
		_, err := env.ExecuteActivity(s.Deliver, alerting.Message{Channel: "slack", Alert: alerting.Alert{ID: id, Group: "inc-1", Pipeline: "customers", Title: "held"}})
		return err
	}
	var app *temporal.ApplicationError
	require.ErrorAs(t, deliver("inc-1/opened"), &app)
	require.Equal(t, 7*time.Second, app.NextRetryDelay(), "it comes again when it was asked to")
	all, err := s.Ops.Deliveries(t.Context(), "customers", "", 0)
	require.NoError(t, err)
	require.Equal(t, []string{ops.Failed, "busy"}, []string{all[0].Status, all[0].Error}, "a dead channel shows")

	c.err = nil
	require.NoError(t, deliver("inc-1/opened"))
	require.NoError(t, deliver("inc-1/opened"), "what has arrived isn't sent again")
	require.Len(t, c.alerts, 2)
	require.NoError(t, deliver("inc-1/resolved"))
	require.Equal(t, []string{"", "", "thread-1"}, c.threads, "the rest of a group goes where its first message is")
	all, err = s.Ops.Deliveries(t.Context(), "", "inc-1", 0)
	require.NoError(t, err)
	require.Len(t, all, 2)
	for _, d := range all {
		require.Equal(t, ops.Sent, d.Status)
	}
	_, err = env.ExecuteActivity(s.Deliver, alerting.Message{Channel: "fax", Alert: alerting.Alert{ID: "x"}})
	require.ErrorAs(t, err, &app)
	require.True(t, app.NonRetryable(), "a channel that is gone isn't waited for")
}

func TestThePlanNamesEveryChannel(t *testing.T) {
	s, _ := alertSet(t, &channel{name: "slack"})
	p, err := s.AlertPlan(t.Context(), "customers")
	require.NoError(t, err)
	require.Equal(t, []string{"slack"}, p.Channels)
	s.Alerting = func() (alerting.Settings, error) {
		return alerting.Settings{Routes: []alerting.Route{{Channels: []string{"fax"}}}}, nil
	}
	p, err = s.AlertPlan(t.Context(), "customers")
	require.NoError(t, err, "a mistake in the settings silences nobody")
	require.Contains(t, p.Problem, "fax")
	require.Equal(t, alerting.DefaultSettings(), p.Settings)
	require.Equal(t, []string{"slack"}, p.Channels)
	s.Alerting = func() (alerting.Settings, error) { return alerting.Settings{}, errors.New("no such file") }
	p, err = s.AlertPlan(t.Context(), "customers")
	require.NoError(t, err)
	require.Contains(t, p.Problem, "no such file")
	require.Equal(t, alerting.DefaultSettings(), p.Settings)
}

func TestNoticesOfOneMatterAreOneGroupWhateverTheyCount(t *testing.T) {
	first := `28 of 30 failing records have "plan" "basic-1"`
	tests := map[string]struct {
		title string
		same  bool
	}{
		"the same with other counts":    {`1,007 of 2,110 failing records have "plan" "basic-1"`, true},
		"another value is another one":  {`28 of 30 failing records have "plan" "basic-2"`, false},
		"a quote in a value ends none":  {`28 of 30 failing records have "plan" "basic-1\" 7"`, false},
		"another text is another one":   {`28 of 30 records are late`, false},
		"a quote that is never closed":  {`28 of 30 failing records have "plan" "basic-`, false},
		"digits in another script stay": {`٢٨ of 30 failing records have "plan" "basic-1"`, false},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) { require.Equal(t, tc.same, matter(first) == matter(tc.title)) })
	}
}
