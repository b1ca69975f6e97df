package log_test

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/autonomous-data-pipeline/adp/alerting/alerttest"
	"github.com/autonomous-data-pipeline/adp/alerting/log"
)

func TestConformance(t *testing.T) {
	alerttest.Run(t, func(*testing.T) alerttest.Harness {
		var b bytes.Buffer
		return alerttest.Harness{
			Notifier: log.New(slog.New(slog.NewJSONHandler(&b, nil))),
			Received: func() []string { return strings.FieldsFunc(b.String(), func(r rune) bool { return r == '\n' }) },
		}
	})
}

func TestSeverityPicksTheLevel(t *testing.T) {
	for severity, level := range map[string]string{"info": "INFO", "warning": "WARN", "critical": "ERROR"} {
		var b bytes.Buffer
		a := alerttest.Alert()
		a.Severity = severity
		require.NoError(t, log.New(slog.New(slog.NewJSONHandler(&b, nil))).Notify(t.Context(), a))
		require.Contains(t, b.String(), `"level":"`+level+`"`)
	}
}
