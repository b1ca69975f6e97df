// Package alerting tells people. A Notifier is one channel; drivers live
// beside it. What to tell is decided elsewhere.
package alerting

import (
	"context"
	"time"
)

// Alert is one message to people. Its fields hold aggregates, never records.
type Alert struct {
	ID       string            `json:"id"` // stable: sending it again is a repeat, not a second alert
	Pipeline string            `json:"pipeline"`
	RunID    string            `json:"run_id"`
	Incident string            `json:"incident,omitempty"`
	Severity string            `json:"severity"` // info, warning or critical
	Title    string            `json:"title"`
	Text     string            `json:"text"`
	At       time.Time         `json:"at"`
	Facts    map[string]string `json:"facts,omitempty"`
	Links    map[string]string `json:"links,omitempty"`
}

// Notifier is a channel. It is safe for concurrent use.
type Notifier interface {
	Name() string
	// Notify delivers one alert. A Transient fault may be tried again; a
	// Misconfigured one names the channel's setting.
	Notify(ctx context.Context, a Alert) error
}
