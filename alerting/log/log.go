// Package log writes alerts to the structured log.
package log

import (
	"context"
	"log/slog"

	"github.com/autonomous-data-pipeline/adp/alerting"
)

// Notifier is the channel that is always there.
type Notifier struct{ log *slog.Logger }

// New makes the channel.
func New(l *slog.Logger) *Notifier { return &Notifier{log: l} }

// Name is "log".
func (n *Notifier) Name() string { return "log" }

// Notify writes one line, at a level that matches the severity.
func (n *Notifier) Notify(ctx context.Context, a alerting.Alert) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	level := slog.LevelInfo
	switch a.Severity {
	case "warning":
		level = slog.LevelWarn
	case "critical":
		level = slog.LevelError
	}
	n.log.Log(ctx, level, "alert", "id", a.ID, "pipeline", a.Pipeline, "run_id", a.RunID, "incident", a.Incident,
		"severity", a.Severity, "title", a.Title, "text", a.Text, "at", a.At, "facts", a.Facts, "links", a.Links)
	return nil
}
