package log_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"log/slog"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/autonomous-data-pipeline/adp/alerting"
	"github.com/autonomous-data-pipeline/adp/alerting/alerttest"
	"github.com/autonomous-data-pipeline/adp/alerting/log"
	"github.com/autonomous-data-pipeline/adp/pipeline"
)

func TestConformance(t *testing.T) {
	alerttest.Run(t, func(*testing.T) alerttest.Harness {
		var b bytes.Buffer // a handler writes under its own lock
		return alerttest.Harness{
			Notifier: log.New(slog.New(slog.NewJSONHandler(&b, nil))),
			Received: func() []string { return strings.FieldsFunc(b.String(), func(r rune) bool { return r == '\n' }) },
		}
	})
}

func TestALineHoldsTheAlert(t *testing.T) {
	var b bytes.Buffer
	want := alerttest.Alert()
	require.NoError(t, log.New(slog.New(slog.NewJSONHandler(&b, nil)).With("worker", "w1")).Notify(t.Context(), want))
	var got struct {
		alerting.Alert
		Msg, Worker string
	}
	require.NoError(t, json.Unmarshal(b.Bytes(), &got))
	require.Equal(t, want, got.Alert)
	require.Equal(t, "alert", got.Msg)
	require.Equal(t, "w1", got.Worker, "the logger's own attributes stay")
}

func TestSeverityPicksTheLevel(t *testing.T) {
	for severity, level := range map[string]string{"info": "INFO", "warning": "WARN", "critical": "ERROR", "": "ERROR", "fatal": "ERROR"} {
		var b bytes.Buffer
		a := alerttest.Alert()
		a.Severity = severity
		require.NoError(t, log.New(slog.New(slog.NewJSONHandler(&b, nil))).Notify(t.Context(), a))
		require.Contains(t, b.String(), `"level":"`+level+`"`, severity)
	}
}

func TestTheLogsOwnLevelApplies(t *testing.T) {
	var b bytes.Buffer
	n := log.New(slog.New(slog.NewJSONHandler(&b, &slog.HandlerOptions{Level: slog.LevelError})))
	a := alerttest.Alert()
	a.Severity = "info"
	require.NoError(t, n.Notify(t.Context(), a))
	require.Empty(t, b.String())
	a.Severity = "critical"
	require.NoError(t, n.Notify(t.Context(), a))
	require.NotEmpty(t, b.String())
}

type fullDisk struct{}

func (fullDisk) Write([]byte) (int, error) { return 0, errors.New("no space left") }

func TestALineThatCannotBeWrittenMayBeTriedAgain(t *testing.T) {
	err := log.New(slog.New(slog.NewJSONHandler(fullDisk{}, nil))).Notify(t.Context(), alerttest.Alert())
	require.ErrorContains(t, err, "no space left")
	require.Equal(t, pipeline.Transient, pipeline.KindOf(err))
}
