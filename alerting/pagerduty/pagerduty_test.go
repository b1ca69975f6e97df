package pagerduty_test

import (
	"bytes"
	"encoding/json"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	sdk "github.com/PagerDuty/go-pagerduty"
	"github.com/stretchr/testify/require"

	"github.com/autonomous-data-pipeline/adp/alerting"
	"github.com/autonomous-data-pipeline/adp/alerting/alerttest"
	"github.com/autonomous-data-pipeline/adp/alerting/pagerduty"
	"github.com/autonomous-data-pipeline/adp/pipeline"
)

const key = "hidden0123456789hidden0123456789"

// check refuses what PagerDuty would: unknown fields, missing ones, and what is
// above its limits.
func check(t *testing.T, body string) sdk.V2Event {
	t.Helper()
	var e sdk.V2Event
	d := json.NewDecoder(bytes.NewBufferString(body))
	d.DisallowUnknownFields()
	require.NoError(t, d.Decode(&e))
	require.Equal(t, key, e.RoutingKey)
	require.Contains(t, []string{"trigger", "acknowledge", "resolve"}, e.Action)
	require.NotEmpty(t, e.DedupKey)
	require.LessOrEqual(t, len(e.DedupKey), 255)
	require.NotNil(t, e.Payload)
	require.NotEmpty(t, e.Payload.Summary)
	require.LessOrEqual(t, len([]rune(e.Payload.Summary)), 1024)
	require.NotEmpty(t, e.Payload.Source)
	require.Contains(t, []string{"critical", "error", "warning", "info"}, e.Payload.Severity)
	require.Less(t, len(body), 512<<10)
	return e
}

func open(t *testing.T) (*pagerduty.Notifier, *alerttest.Receiver) {
	t.Helper()
	far := &alerttest.Receiver{Reply: func(d alerttest.Delivery) (int, string) {
		return 202, `{"status":"success","message":"Event processed"}`
	}}
	srv := httptest.NewServer(far)
	t.Cleanup(srv.Close)
	n, err := pagerduty.New(pagerduty.Config{RoutingKey: key, URL: srv.URL + "/", Timeout: time.Second})
	require.NoError(t, err)
	return n, far
}

func TestConformance(t *testing.T) {
	alerttest.Run(t, func(t *testing.T) alerttest.Harness {
		n, far := open(t)
		return alerttest.Harness{Notifier: n, Break: far.Break, Secrets: []string{key}, Received: func() []string {
			for _, b := range far.Bodies() {
				check(t, b)
			}
			return far.Bodies()
		}}
	})
}

func TestAnIncidentsLifeIsOneKey(t *testing.T) {
	n, far := open(t)
	for event, want := range map[alerting.Event]string{
		alerting.EventOpened: "trigger", alerting.EventReminder: "trigger", "": "trigger",
		alerting.EventAcknowledged: "acknowledge", alerting.EventResolved: "resolve",
	} {
		a := alerttest.Alert()
		a.Event = event
		require.NoError(t, n.Notify(t.Context(), a))
		got := far.Deliveries()
		last := got[len(got)-1]
		require.Equal(t, "/v2/enqueue", last.Path)
		e := check(t, last.Body)
		require.Equal(t, want, e.Action, event)
		require.Equal(t, "inc-1", e.DedupKey)
		require.Equal(t, "customers: batch held", e.Payload.Summary)
		require.Equal(t, "2026-11-23T02:00:00Z", e.Payload.Timestamp)
		require.Equal(t, []any{map[string]any{"href": "http://127.0.0.1:8233/x", "text": "workflow"}}, e.Links)
	}
}

func TestNobodyIsPagedForANotice(t *testing.T) {
	for severity, want := range map[string]int{"info": 0, "warning": 0, "critical": 1} {
		n, far := open(t)
		a := alerttest.Alert()
		a.Event, a.Severity = alerting.EventNotice, severity
		require.NoError(t, n.Notify(t.Context(), a))
		require.Len(t, far.Bodies(), want, severity)
	}
}

func TestAKeyIsStableAndFits(t *testing.T) {
	long := strings.Repeat("x", 256)
	tests := map[string]struct {
		alert alerting.Alert
		want  string
	}{
		"the group":              {alerting.Alert{Group: "g", Incident: "i", ID: "a"}, "g"},
		"else the incident":      {alerting.Alert{Incident: "i", ID: "a"}, "i"},
		"else the alert itself":  {alerting.Alert{ID: "a"}, "a"},
		"one that just fits":     {alerting.Alert{Group: long[1:]}, long[1:]},
		"one that doesn't":       {alerting.Alert{Group: long}, pagerduty.Key(alerting.Alert{Group: long})},
		"one that can't be told": {alerting.Alert{Group: "a\nb"}, pagerduty.Key(alerting.Alert{Group: "a\nb"})},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			got := pagerduty.Key(tc.alert)
			require.Equal(t, tc.want, got)
			require.LessOrEqual(t, len(got), 255)
			require.NotContains(t, got, "\n")
		})
	}
	require.NotEqual(t, pagerduty.Key(alerting.Alert{Group: long}), pagerduty.Key(alerting.Alert{Group: long + "y"}))
}

func TestSettingsThatDoNotFitAreRefused(t *testing.T) {
	for want, c := range map[string]pagerduty.Config{
		"PAGERDUTY_ROUTING_KEY": {RoutingKey: "hidden key"},
		"PAGERDUTY_URL":         {RoutingKey: key, URL: "events.hidden.com"},
	} {
		_, err := pagerduty.New(c)
		require.Equal(t, pipeline.Misconfigured, pipeline.KindOf(err))
		require.ErrorContains(t, err, want)
		require.NotContains(t, err.Error(), "hidden")
	}
}
