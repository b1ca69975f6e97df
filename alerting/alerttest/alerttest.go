// Package alerttest is the conformance suite that every alert channel passes.
package alerttest

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/autonomous-data-pipeline/adp/alerting"
)

// Harness is one channel with the far end that receives from it.
type Harness struct {
	Notifier alerting.Notifier
	// Received returns what arrived, one text a delivery.
	Received func() []string
}

// Alert is one with every field set.
func Alert() alerting.Alert {
	return alerting.Alert{
		ID: "inc-1/opened", Pipeline: "customers", RunID: "run-1", Incident: "inc-1", Severity: "critical",
		Title: "batch held", Text: "9% of 50,000 records failed", At: time.Date(2026, 11, 23, 2, 0, 0, 0, time.UTC),
		Facts: map[string]string{"failing_share": "0.09"}, Links: map[string]string{"workflow": "http://127.0.0.1:8233/x"},
	}
}

// Run checks a channel. open makes a fresh one with nothing received.
func Run(t *testing.T, open func(t *testing.T) Harness) {
	t.Run("every field arrives", func(t *testing.T) {
		h := open(t)
		require.NotEmpty(t, h.Notifier.Name())
		require.NoError(t, h.Notifier.Notify(t.Context(), Alert()))
		got := h.Received()
		require.Len(t, got, 1)
		for _, want := range []string{"inc-1/opened", "customers", "run-1", "critical", "batch held", "50,000", "failing_share", "http://127.0.0.1:8233/x"} {
			require.Contains(t, got[0], want)
		}
	})
	t.Run("a repeat carries the same ID", func(t *testing.T) {
		h := open(t)
		for range 2 {
			require.NoError(t, h.Notifier.Notify(t.Context(), Alert()))
		}
		got := h.Received()
		require.Len(t, got, 2)
		for _, g := range got {
			require.Contains(t, g, "inc-1/opened")
		}
	})
	t.Run("a cancelled context sends nothing", func(t *testing.T) {
		h := open(t)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		require.ErrorIs(t, h.Notifier.Notify(ctx, Alert()), context.Canceled)
		require.Empty(t, h.Received())
	})
	t.Run("huge text arrives", func(t *testing.T) {
		h := open(t)
		a := Alert()
		a.Text = strings.Repeat("x", 1<<20)
		require.NoError(t, h.Notifier.Notify(t.Context(), a))
		require.Contains(t, h.Received()[0], a.Text)
	})
	t.Run("hostile text stays one message", func(t *testing.T) {
		h := open(t)
		a := Alert()
		a.Title = "x\n\r\"}\x00{\"id\":\"forged\""
		require.NoError(t, h.Notifier.Notify(t.Context(), a))
		got := h.Received()
		require.Len(t, got, 1)
		require.NotContains(t, got[0], "\x00")
		require.NotContains(t, got[0], `"id":"forged"`)
	})
}
