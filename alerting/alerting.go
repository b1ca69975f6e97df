// Package alerting tells people. A Notifier is one channel; drivers live
// beside it. What to tell is decided elsewhere.
package alerting

import (
	"context"
	"time"
)

// Event says where in an incident's life an alert stands.
type Event string

// The events. An alert without an incident is a notice.
const (
	EventNotice       Event = "notice"
	EventOpened       Event = "opened"
	EventReminder     Event = "reminder"
	EventAcknowledged Event = "acknowledged"
	EventResolved     Event = "resolved"
)

// Alert is one message to people. Its fields hold aggregates, never records.
type Alert struct {
	ID       string            `json:"id"`              // stable: sending it again is a repeat, not a second alert
	Group    string            `json:"group,omitempty"` // alerts of one group are one matter: an incident's ID, or a pipeline's notices of one cause
	Event    Event             `json:"event,omitempty"`
	Pipeline string            `json:"pipeline"`
	RunID    string            `json:"run_id"`
	Incident string            `json:"incident,omitempty"`
	Severity string            `json:"severity"` // info, warning or critical
	Title    string            `json:"title"`
	Text     string            `json:"text"`
	At       time.Time         `json:"at"`
	OpenedAt time.Time         `json:"opened_at,omitzero"` // of the incident: how long it has waited
	Count    int               `json:"count,omitempty"`    // alerts that this one stands for, itself included; 0 is 1
	Facts    map[string]string `json:"facts,omitempty"`    // numbers of the run, by name, ready to be shown
	Links    map[string]string `json:"links,omitempty"`    // address by name: console, workflow, runbook
	Answers  []string          `json:"answers,omitempty"`  // what a person may answer now, resolutions and Acknowledge; nothing once it is resolved
	Advice   string            `json:"advice,omitempty"`   // the one that the agent advises
	Answer   *Answer           `json:"answer,omitempty"`   // how it was resolved, and by whom
}

// Acknowledge is the answer that somebody is on it.
const Acknowledge = "acknowledge"

// Answer is how people ended an incident.
type Answer struct {
	Resolution string `json:"resolution"`
	By         string `json:"by"`
	Comment    string `json:"comment,omitempty"`
}

// Notifier is a channel. It is safe for concurrent use.
type Notifier interface {
	Name() string
	// Notify delivers one alert. A Transient fault may be tried again; a
	// Misconfigured one names the channel's setting.
	Notify(ctx context.Context, a Alert) error
}

// Threaded is a channel that can go on where a group's first alert stands:
// answer below it, or change it once the incident is resolved.
type Threaded interface {
	Notifier
	// NotifyIn is Notify. thread is what it gave back for an earlier alert of
	// the group, empty for the first.
	NotifyIn(ctx context.Context, a Alert, thread string) (string, error)
}
