package alerting

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/autonomous-data-pipeline/adp/pipeline"
)

// Settings say who is told what, and how often.
type Settings struct {
	Routes   []Route  `yaml:"routes" json:"routes"` // none: every alert goes to every channel
	Throttle Throttle `yaml:"throttle" json:"throttle"`
	Quiet    Quiet    `yaml:"quiet_hours" json:"quiet_hours"`
	// Repeat is how long notices of one matter are one: the first is told at
	// once, the others together after it. Default 1h.
	Repeat time.Duration `yaml:"repeat" json:"repeat"`
}

// Route sends the alerts that match all of its conditions to some channels. An
// alert goes to the channels of every route that matches it.
type Route struct {
	Pipelines []string      `yaml:"pipelines" json:"pipelines,omitempty"` // names or patterns such as sales-*; empty is any
	Severity  string        `yaml:"severity" json:"severity,omitempty"`   // at least; empty is any
	Events    []Event       `yaml:"events" json:"events,omitempty"`       // empty is any
	After     time.Duration `yaml:"after" json:"after,omitempty"`         // only incidents that have waited so long: an escalation's step
	Channels  []string      `yaml:"channels" json:"channels"`             // by name: log, slack, email, webhook, pagerduty
}

// Throttle bounds what a channel gets of one pipeline. The last message of a
// period says how many more there are.
type Throttle struct {
	Messages int           `yaml:"messages" json:"messages"` // default 20, at least 2; 0 is no limit
	Per      time.Duration `yaml:"per" json:"per"`           // default 1h
}

// Quiet are hours in which only what is urgent is told at once. The rest waits
// until they are over.
type Quiet struct {
	From     string   `yaml:"from" json:"from,omitempty"`           // like 22:00; empty: there are none
	To       string   `yaml:"to" json:"to,omitempty"`               // like 07:00, of the next day if it isn't after From
	TimeZone string   `yaml:"time_zone" json:"time_zone,omitempty"` // like Europe/Berlin; empty is UTC
	Days     []string `yaml:"days" json:"days,omitempty"`           // on which they begin: mon, tue, …; empty is every day
	Below    string   `yaml:"below" json:"below,omitempty"`         // severities below this one wait; default critical
}

// DefaultSettings send everything to every channel, 20 messages an hour.
func DefaultSettings() Settings {
	return Settings{Throttle: Throttle{Messages: 20, Per: time.Hour}, Repeat: time.Hour}
}

// severities are in the order of their weight.
var severities = []string{"info", "warning", "critical"}

// weight of a severity; one that is unknown weighs most.
func weight(severity string) int {
	if i := slices.Index(severities, severity); i >= 0 {
		return i
	}
	return len(severities) - 1
}

var events = []Event{EventNotice, EventOpened, EventReminder, EventAcknowledged, EventResolved}

// Validate reports every problem at once. channels are the names that are set
// up.
func (s Settings) Validate(channels []string) error {
	errs := []error{s.Quiet.validate()}
	wrong := func(key, format string, args ...any) {
		errs = append(errs, pipeline.Misconfiguredf("ALERTING_FILE", key+": "+format, args...))
	}
	if s.Throttle.Messages < 0 || s.Throttle.Messages == 1 {
		wrong("throttle.messages", "%d: it must be 0 for no limit, or at least 2, since the last one says how many more there are", s.Throttle.Messages)
	}
	if s.Throttle.Messages > 0 && s.Throttle.Per <= 0 {
		wrong("throttle.per", "%v: it must be positive", s.Throttle.Per)
	}
	if s.Repeat < 0 {
		wrong("repeat", "%v is negative", s.Repeat)
	}
	for i, r := range s.Routes {
		at := fmt.Sprintf("routes[%d]", i)
		for _, p := range r.Pipelines {
			if _, err := path.Match(p, ""); err != nil {
				wrong(at+".pipelines", "%q is no pattern: %v", p, err)
			}
		}
		if r.Severity != "" && !slices.Contains(severities, r.Severity) {
			wrong(at+".severity", "%q is none of %s", r.Severity, strings.Join(severities, ", "))
		}
		for _, e := range r.Events {
			if !slices.Contains(events, e) {
				wrong(at+".events", "%q is none of %v", e, events)
			}
		}
		if r.After < 0 {
			wrong(at+".after", "%v is negative", r.After)
		}
		if len(r.Channels) == 0 {
			wrong(at+".channels", "it names none")
		}
		for _, c := range r.Channels {
			if !slices.Contains(channels, c) {
				wrong(at+".channels", "%q isn't set up (there are: %s)", c, strings.Join(channels, ", "))
			}
		}
	}
	return errors.Join(errs...)
}

// channelsFor are the names of the channels that an alert goes to, of those
// that are set up, in their order.
func (s Settings) channelsFor(a Alert, all []string, now time.Time) []string {
	if len(s.Routes) == 0 {
		return all
	}
	var out []string
	for _, c := range all {
		if slices.ContainsFunc(s.Routes, func(r Route) bool { return slices.Contains(r.Channels, c) && r.matches(a, now) }) {
			out = append(out, c)
		}
	}
	return out
}

func (r Route) matches(a Alert, now time.Time) bool {
	if len(r.Pipelines) > 0 && !slices.ContainsFunc(r.Pipelines, func(p string) bool { ok, _ := path.Match(p, a.Pipeline); return ok }) {
		return false
	}
	if r.Severity != "" && weight(a.Severity) < weight(r.Severity) {
		return false
	}
	if len(r.Events) > 0 && !slices.Contains(r.Events, a.Event) {
		return false
	}
	return r.After == 0 || (!a.OpenedAt.IsZero() && now.Sub(a.OpenedAt) >= r.After)
}

// step is when a channel is told of an incident that nobody has taken up: the
// earliest After of the routes that lead to it. ok is false if none does.
func (s Settings) step(a Alert, channel string, now time.Time) (at time.Time, ok bool) {
	if a.Event != EventOpened || a.OpenedAt.IsZero() { // a reminder may come after somebody took it up
		return at, false
	}
	for _, r := range s.Routes {
		then := a.OpenedAt.Add(r.After)
		if slices.Contains(r.Channels, channel) && then.After(now) && r.matches(a, then) && (!ok || then.Before(at)) {
			at, ok = then, true
		}
	}
	return at, ok
}

// clock reads a time of day.
func clock(s string) (time.Duration, error) {
	t, err := time.Parse("15:04", s)
	if err != nil {
		return 0, fmt.Errorf("%q is no time of day like 22:00", s)
	}
	return time.Duration(t.Hour())*time.Hour + time.Duration(t.Minute())*time.Minute, nil
}

var weekdays = []string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}

func (q Quiet) validate() error {
	if q.From == "" && q.To == "" {
		return nil
	}
	var errs []error
	wrong := func(key string, err any) {
		errs = append(errs, pipeline.Misconfiguredf("ALERTING_FILE", "quiet_hours.%s: %v", key, err))
	}
	if _, err := clock(q.From); err != nil {
		wrong("from", err)
	}
	if _, err := clock(q.To); err != nil {
		wrong("to", err)
	}
	if q.From == q.To {
		wrong("to", "it is the same as from")
	}
	if _, err := time.LoadLocation(q.TimeZone); err != nil {
		wrong("time_zone", err)
	}
	for _, d := range q.Days {
		if !slices.Contains(weekdays, d) {
			wrong("days", fmt.Sprintf("%q is none of %s", d, strings.Join(weekdays, ", ")))
		}
	}
	if q.Below != "" && !slices.Contains(severities, q.Below) {
		wrong("below", fmt.Sprintf("%q is none of %s", q.Below, strings.Join(severities, ", ")))
	}
	return errors.Join(errs...)
}
