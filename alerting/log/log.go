// Package log writes alerts to the structured log. It is the channel that
// needs no setting, so it is always there.
package log

import (
	"context"
	"log/slog"
	"time"

	"github.com/autonomous-data-pipeline/adp/alerting"
	"github.com/autonomous-data-pipeline/adp/pipeline"
)

// Notifier writes one line an alert.
type Notifier struct{ log slog.Handler }

// New makes the channel.
func New(l *slog.Logger) *Notifier { return &Notifier{log: l.Handler()} }

// Name is "log".
func (n *Notifier) Name() string { return "log" }

// Notify writes one line, at a level that matches the severity: a severity
// that it doesn't know is as loud as a critical one. The log's own level
// applies. A line that can't be written is a Transient fault.
func (n *Notifier) Notify(ctx context.Context, a alerting.Alert) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	at := level(a.Severity)
	if !n.log.Enabled(ctx, at) {
		return nil
	}
	line := slog.NewRecord(time.Now(), at, "alert", 0)
	line.Add("id", a.ID, "group", a.Group, "event", a.Event, "pipeline", a.Pipeline, "run_id", a.RunID, "incident", a.Incident,
		"severity", a.Severity, "title", a.Title, "text", a.Text, "at", a.At, "opened_at", a.OpenedAt, "count", a.Count,
		"facts", a.Facts, "links", a.Links, "answers", a.Answers, "advice", a.Advice, "answer", a.Answer)
	// A logger would drop the handler's error, and with it the alert.
	if err := n.log.Handle(ctx, line); err != nil {
		return pipeline.Faultf(pipeline.Transient, "write alert %s to the log: %w", a.ID, err)
	}
	return nil
}

func level(severity string) slog.Level {
	switch severity {
	case "info":
		return slog.LevelInfo
	case "warning":
		return slog.LevelWarn
	}
	return slog.LevelError
}
