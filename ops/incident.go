package ops

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"
	"time"

	"github.com/autonomous-data-pipeline/adp/pipeline"
)

// IncidentStatus is where an incident stands in its life.
type IncidentStatus string

// The statuses, in their order: an incident only moves forward.
const (
	Opened       IncidentStatus = "open"
	Acknowledged IncidentStatus = "acknowledged"
	Resolved     IncidentStatus = "resolved"
)

// Incident is an escalation with a life.
type Incident struct {
	ID             string         `json:"id"`
	Pipeline       string         `json:"pipeline"`
	Cause          string         `json:"cause"`
	RunID          string         `json:"run_id"` // the run that opened it
	BatchID        string         `json:"batch_id,omitempty"`
	WorkflowID     string         `json:"workflow_id,omitempty"` // of that run
	Severity       string         `json:"severity"`              // the worst of its runs
	Title          string         `json:"title"`
	Summary        string         `json:"summary"`
	Status         IncidentStatus `json:"status"`
	Hold           bool           `json:"hold"` // it holds a batch
	OpenedAt       time.Time      `json:"opened_at"`
	AcknowledgedAt time.Time      `json:"acknowledged_at,omitzero"`
	ResolvedAt     time.Time      `json:"resolved_at,omitzero"`
	Resolution     string         `json:"resolution,omitempty"`
	By             string         `json:"by,omitempty"`      // who acknowledged, then who resolved
	Comment        string         `json:"comment,omitempty"` // of the resolution
	Count          int            `json:"count"`             // runs of this cause
	Timeline       []Event        `json:"timeline"`          // oldest first

	Facts map[string]string `json:"facts,omitempty"` // numbers of the run that opened it, by name

	// What the agent advises to answer, and the mapping of a replay.
	Advice  string            `json:"advice,omitempty"`
	Mapping *pipeline.Mapping `json:"mapping,omitempty"`
}

// Event is one line of an incident's timeline. Events of runs name the run,
// those of people the person.
type Event struct {
	At    time.Time `json:"at"`
	By    string    `json:"by,omitempty"`
	What  string    `json:"what"`
	RunID string    `json:"run_id,omitempty"`
}

// Runs are the runs that the incident tells of, the one that opened it first.
func (i Incident) Runs() []string {
	runs := []string{i.RunID}
	for _, e := range i.Timeline {
		if e.RunID != "" && !slices.Contains(runs, e.RunID) {
			runs = append(runs, e.RunID)
		}
	}
	return runs
}

// Conditions are the conditions that the cause names, without what data's own
// names add to it.
func (i Incident) Conditions() []string {
	var out []string
	for _, part := range strings.Split(strings.TrimPrefix(i.Cause, i.Pipeline+"/"), "+") {
		name, _, _ := strings.Cut(part, "/")
		if name != "" && !slices.Contains(out, name) {
			out = append(out, name)
		}
	}
	return out
}

// maxTimeline bounds what a cause that repeats for weeks adds up to. Count
// goes on.
const maxTimeline = 200

// IncidentID is the ID of a run's incident: the same for every repeat.
func IncidentID(runID, cause string) string {
	h := sha256.Sum256([]byte(runID + "\x00" + cause))
	return "inc-" + hex.EncodeToString(h[:8])
}

// fresh is the incident at the start of its life.
func (i Incident) fresh() Incident {
	i.Status, i.Count, i.OpenedAt = Opened, 1, i.OpenedAt.UTC()
	i.AcknowledgedAt, i.ResolvedAt, i.Resolution, i.By, i.Comment = time.Time{}, time.Time{}, "", "", ""
	i.Timeline = []Event{{At: i.OpenedAt, What: "opened: " + i.Summary, RunID: i.RunID}}
	return i
}

// takeIn adds another run of the same cause. Of the runs' events the first and
// the newest stay.
func (i *Incident) takeIn(o Incident) {
	i.Count++
	if rank(o.Severity) > rank(i.Severity) {
		i.Severity = o.Severity
	}
	i.Timeline = append(i.Timeline, Event{At: o.OpenedAt.UTC(), What: "again: " + o.Summary, RunID: o.RunID})
	if len(i.Timeline) <= maxTimeline {
		return
	}
	if oldest := slices.IndexFunc(i.Timeline[1:], func(e Event) bool { return e.RunID != "" }); oldest >= 0 {
		i.Timeline = slices.Delete(i.Timeline, oldest+1, oldest+2)
	}
}

func rank(severity string) int {
	return slices.Index([]string{"info", "warning", "critical"}, severity)
}

// acknowledge says that a person is on it. The first one stays.
func (i *Incident) acknowledge(by, comment string, at time.Time) error {
	if err := i.signed("acknowledge", by); err != nil {
		return err
	}
	switch i.Status {
	case Resolved:
		return i.resolvedAlready("acknowledge")
	case Acknowledged:
		return nil
	}
	i.Status, i.By, i.AcknowledgedAt = Acknowledged, by, at.UTC()
	i.Timeline = append(i.Timeline, Event{At: at.UTC(), By: by, What: line("acknowledged", comment)})
	return nil
}

// resolve ends it. The first answer stays.
func (i *Incident) resolve(resolution, by, comment string, at time.Time) error {
	if err := i.signed("resolve", by); err != nil {
		return err
	}
	known := []string{pipeline.Release, pipeline.Replay, pipeline.Discard, pipeline.Close, pipeline.Expired}
	if !slices.Contains(known, resolution) {
		return pipeline.Faultf(pipeline.BadData, "resolve incident %s: resolution %q is none of %s", i.ID, resolution, strings.Join(known, ", "))
	}
	if i.Status == Resolved {
		if i.Resolution == resolution && i.By == by {
			return nil
		}
		return i.resolvedAlready("resolve")
	}
	i.Status, i.Resolution, i.By, i.Comment, i.ResolvedAt = Resolved, resolution, by, comment, at.UTC()
	i.Timeline = append(i.Timeline, Event{At: at.UTC(), By: by, What: line(resolution, comment)})
	return nil
}

// signed refuses an answer that nobody stands for.
func (i *Incident) signed(what, by string) error {
	if by == "" {
		return pipeline.Faultf(pipeline.BadData, "%s incident %s: it doesn't say by whom", what, i.ID)
	}
	return nil
}

func (i *Incident) resolvedAlready(what string) error {
	return pipeline.Faultf(pipeline.BadData, "%s incident %s: it was resolved already: %s by %s at %s", what, i.ID, i.Resolution, i.By, i.ResolvedAt.Format(time.RFC3339))
}

func line(what, comment string) string {
	if comment == "" {
		return what
	}
	return what + ": " + comment
}
