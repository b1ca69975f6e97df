// Package alerttest is the conformance suite that every alert channel passes,
// and a far end for channels that speak HTTP.
package alerttest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/autonomous-data-pipeline/adp/alerting"
	"github.com/autonomous-data-pipeline/adp/pipeline"
)

// Harness is one channel with the far end that receives from it.
type Harness struct {
	// Notifier is the channel. Where it has a time limit, the limit is short,
	// or the suite is slow: a second is plenty.
	Notifier alerting.Notifier
	// Received returns what arrived and was taken, one text a delivery.
	Received func() []string
	// Break makes the far end fail from now on, None mends it. A channel
	// without a far end leaves it nil.
	Break func(Trouble)
	// CannotWait says that the far end has no way to tell how long it wants to
	// be left alone.
	CannotWait bool
	// Secrets are texts that no error may show: tokens, passwords.
	Secrets []string
}

// Alert is one with every field set but Answer, which comes with the end.
func Alert() alerting.Alert {
	return alerting.Alert{
		ID: "inc-1/opened", Pipeline: "customers", RunID: "run-1", Incident: "inc-1", Severity: "critical",
		Title: "batch held", Text: "9% of 50,000 records failed", At: time.Date(2026, 11, 23, 2, 0, 0, 0, time.UTC),
		Facts: map[string]string{"failing_share": "0.09"}, Links: map[string]string{"workflow": "http://127.0.0.1:8233/x"},
		Group: "inc-1", Event: alerting.EventOpened, Count: 3, OpenedAt: time.Date(2026, 11, 23, 1, 30, 0, 0, time.UTC),
		Answers: []string{"release", "replay", "discard"}, Advice: "replay",
	}
}

// Resolved is the alert that ends what Alert opened.
func Resolved() alerting.Alert {
	a := Alert()
	a.ID, a.Event, a.Answers, a.Advice = "inc-1/resolved", alerting.EventResolved, nil, ""
	a.Answer = &alerting.Answer{Resolution: "replay", By: "vera", Comment: "the mapping is fixed"}
	return a
}

// Run checks a channel. open makes a fresh one with nothing received.
func Run(t *testing.T, open func(t *testing.T) Harness) {
	t.Run("every field arrives", func(t *testing.T) {
		h := open(t)
		require.NotEmpty(t, h.Notifier.Name())
		require.NoError(t, h.Notifier.Notify(t.Context(), Alert()))
		got := h.Received()
		require.Len(t, got, 1)
		for _, want := range []string{
			"inc-1/opened", "customers", "run-1", "critical", "batch held", "9% of 50,000 records failed", "2026-11-23",
			"failing_share", "0.09", "workflow", "http://127.0.0.1:8233/x",
		} {
			require.Contains(t, got[0], want)
		}
	})
	t.Run("a repeat is harmless and carries the same ID", func(t *testing.T) {
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
	t.Run("an alert with little to say arrives", func(t *testing.T) {
		h := open(t)
		require.NoError(t, h.Notifier.Notify(t.Context(), alerting.Alert{ID: "a1", Title: "hello"}))
		require.Len(t, h.Received(), 1)
		require.Contains(t, h.Received()[0], "hello")
	})
	t.Run("every event of an incident's life arrives", func(t *testing.T) {
		for _, event := range []alerting.Event{"", alerting.EventOpened, alerting.EventReminder, alerting.EventAcknowledged} {
			h := open(t)
			a := Alert()
			a.Event = event
			require.NoError(t, h.Notifier.Notify(t.Context(), a))
			require.Len(t, h.Received(), 1, event)
		}
		h := open(t)
		require.NoError(t, h.Notifier.Notify(t.Context(), Resolved()))
		require.Len(t, h.Received(), 1)
	})
	t.Run("a cancelled context sends nothing", func(t *testing.T) {
		h := open(t)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		require.ErrorIs(t, h.Notifier.Notify(ctx, Alert()), context.Canceled)
		require.Empty(t, h.Received())
	})
	t.Run("many senders at once", func(t *testing.T) { concurrent(t, open(t)) })
	t.Run("huge text arrives", func(t *testing.T) {
		h := open(t)
		a := Alert()
		a.Text = strings.Repeat("x", 1<<20)
		require.NoError(t, h.Notifier.Notify(t.Context(), a))
		require.Len(t, h.Received(), 1)
		require.Contains(t, h.Received()[0], strings.Repeat("x", 1000))
	})
	t.Run("hostile text stays data", func(t *testing.T) { hostile(t, open) })
	t.Run("a far end in trouble", func(t *testing.T) { troubled(t, open) })
}

func concurrent(t *testing.T, h Harness) {
	const senders = 8
	var group sync.WaitGroup
	for n := range senders {
		group.Go(func() {
			a := Alert()
			a.ID = fmt.Sprintf("sender-%d!", n)
			if err := h.Notifier.Notify(t.Context(), a); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	got := h.Received()
	require.Len(t, got, senders)
	all := strings.Join(got, "\n")
	for n := range senders {
		require.Equal(t, 1, strings.Count(all, fmt.Sprintf("sender-%d!", n)))
	}
}

// hostile puts text that ends lines, quotes or headers into every field.
func hostile(t *testing.T, open func(t *testing.T) Harness) {
	const text = "x\r\nInjected: yes\r\n\r\n\"}\x00\xff{\"id\":\"forged\"<!channel> \u202e"
	fields := map[string]func(*alerting.Alert){
		"ID":       func(a *alerting.Alert) { a.ID = text },
		"pipeline": func(a *alerting.Alert) { a.Pipeline = text },
		"run":      func(a *alerting.Alert) { a.RunID = text },
		"incident": func(a *alerting.Alert) { a.Incident = text },
		"severity": func(a *alerting.Alert) { a.Severity = text },
		"title":    func(a *alerting.Alert) { a.Title = text },
		"text":     func(a *alerting.Alert) { a.Text = text },
		"facts":    func(a *alerting.Alert) { a.Facts = map[string]string{text: text} },
		"group":    func(a *alerting.Alert) { a.Group = text },
		"event":    func(a *alerting.Alert) { a.Event = text },
		"answers":  func(a *alerting.Alert) { a.Answers, a.Advice = []string{text}, text },
		"answer": func(a *alerting.Alert) {
			a.Answer = &alerting.Answer{Resolution: text, By: text, Comment: text}
		},
		"links": func(a *alerting.Alert) { a.Links = map[string]string{text: text} },
	}
	for name, spoil := range fields {
		t.Run(name, func(t *testing.T) {
			h := open(t)
			a := Alert()
			spoil(&a)
			require.NoError(t, h.Notifier.Notify(t.Context(), a))
			got := h.Received()
			require.Len(t, got, 1)
			require.NotContains(t, got[0], "\x00")
			require.NotContains(t, got[0], "\nInjected: yes")
			require.NotContains(t, got[0], `"id":"forged"`)
		})
	}
}

func troubled(t *testing.T, open func(t *testing.T) Harness) {
	tests := map[Trouble]pipeline.Kind{
		Dropped:     pipeline.Transient,
		Slow:        pipeline.Transient,
		ServerError: pipeline.Transient,
		Busy:        pipeline.Transient,
		Rejected:    pipeline.Misconfigured,
	}
	for trouble, want := range tests {
		t.Run(string(trouble), func(t *testing.T) {
			h := breakable(t, open)
			h.Break(trouble)
			err := h.Notifier.Notify(t.Context(), Alert())
			require.Error(t, err)
			require.Equal(t, want, pipeline.KindOf(err))
			var fault *pipeline.Fault
			require.ErrorAs(t, err, &fault)
			require.NotEmpty(t, fault.Setting, "it names the setting to look at")
			if trouble == Busy && !h.CannotWait {
				var after *alerting.RetryAfter
				require.ErrorAs(t, err, &after, "it carries the wait")
				require.Equal(t, 7*time.Second, after.Wait)
				require.ErrorContains(t, err, "7", "it says how long the far end wants to be left alone")
			}
			keepsSecrets(t, h, err)
			require.Empty(t, h.Received())

			h.Break(None)
			require.NoError(t, h.Notifier.Notify(t.Context(), Alert()), "trying again heals it")
			require.Len(t, h.Received(), 1)
		})
	}
	t.Run("a slow one ends with the caller's context", func(t *testing.T) {
		h := breakable(t, open)
		h.Break(Slow)
		ctx, cancel := context.WithTimeoutCause(t.Context(), time.Millisecond, errors.New("the caller's"))
		defer cancel()
		err := h.Notifier.Notify(ctx, Alert())
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.Error(t, ctx.Err(), "it went on until the caller's limit")
		keepsSecrets(t, h, err)
	})
}

func breakable(t *testing.T, open func(t *testing.T) Harness) Harness {
	t.Helper()
	h := open(t)
	if h.Break == nil {
		t.Skip("the channel has no far end")
	}
	return h
}

func keepsSecrets(t *testing.T, h Harness, err error) {
	t.Helper()
	for _, secret := range h.Secrets {
		require.NotContains(t, err.Error(), secret)
	}
}
