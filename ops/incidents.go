package ops

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/autonomous-data-pipeline/adp/pipeline"
)

// IncidentStatus is where an incident stands in its life.
type IncidentStatus string

// The statuses, in their order.
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
	Severity       string         `json:"severity"`
	Title          string         `json:"title"`
	Summary        string         `json:"summary"`
	Status         IncidentStatus `json:"status"`
	Hold           bool           `json:"hold"` // it holds a batch
	OpenedAt       time.Time      `json:"opened_at"`
	AcknowledgedAt time.Time      `json:"acknowledged_at,omitzero"`
	ResolvedAt     time.Time      `json:"resolved_at,omitzero"`
	Resolution     string         `json:"resolution,omitempty"`
	By             string         `json:"by,omitempty"` // who acknowledged, then who resolved
	Comment        string         `json:"comment,omitempty"`
	Count          int            `json:"count"` // runs of this cause
	Timeline       []Event        `json:"timeline"`
}

// Event is one line of an incident's timeline.
type Event struct {
	At    time.Time `json:"at"`
	By    string    `json:"by,omitempty"`
	What  string    `json:"what"`
	RunID string    `json:"run_id,omitempty"`
}

// IncidentQuery picks incidents, newest first. Empty fields match anything.
type IncidentQuery struct {
	Pipeline string
	Status   IncidentStatus
	Limit    int // 0 is 100
}

// IncidentID is the ID of a run's incident: the same for every repeat.
func IncidentID(runID, cause string) string {
	h := sha256.Sum256([]byte(runID + "\x00" + cause))
	return "inc-" + hex.EncodeToString(h[:5])
}

// OpenIncident opens an incident, or adds the run to the open one of the same
// pipeline and cause (joined). An incident that holds a batch never joins:
// each batch needs its own answer. Opening an ID again changes nothing.
func (s *Store) OpenIncident(ctx context.Context, i Incident) (opened Incident, joined bool, err error) {
	err = s.tx(ctx, "open incident "+i.ID, func(tx *sql.Tx) error {
		known, err := find(ctx, tx, `SELECT incident FROM incidents WHERE id = ?`, i.ID)
		if err != nil || known != nil {
			opened = deref(known)
			return err
		}
		if !i.Hold {
			known, err = find(ctx, tx, `SELECT incident FROM incidents WHERE pipeline = ? AND cause = ? AND status <> 'resolved' ORDER BY opened_ms`, i.Pipeline, i.Cause)
			if err != nil {
				return err
			}
			if known != nil && !known.Hold {
				joined = true
				opened = known.join(i)
				return put(ctx, tx, opened)
			}
		}
		i.Status, i.Count = Opened, 1
		i.Timeline = []Event{{At: i.OpenedAt, What: "opened: " + i.Summary, RunID: i.RunID}}
		opened = i
		return put(ctx, tx, i)
	})
	return opened, joined, err
}

// join adds another run of the same cause, once.
func (i Incident) join(o Incident) Incident {
	for _, e := range i.Timeline {
		if e.RunID == o.RunID {
			return i
		}
	}
	i.Count++
	i.Timeline = append(i.Timeline, Event{At: o.OpenedAt, What: "again: " + o.Summary, RunID: o.RunID})
	return i
}

// Acknowledge says that a person is on it. Repeating it changes nothing.
func (s *Store) Acknowledge(ctx context.Context, id, by, comment string, at time.Time) error {
	return s.change(ctx, "acknowledge incident "+id, id, func(i *Incident) error {
		switch i.Status {
		case Resolved:
			return resolvedAlready(*i)
		case Acknowledged:
			return nil
		}
		i.Status, i.By, i.AcknowledgedAt = Acknowledged, by, at
		i.Timeline = append(i.Timeline, Event{At: at, By: by, What: line("acknowledged", comment)})
		return nil
	})
}

// Resolve ends an incident. Repeating the same answer changes nothing; another
// answer is a BadData fault that says who was first.
func (s *Store) Resolve(ctx context.Context, id, resolution, by, comment string, at time.Time) error {
	return s.change(ctx, "resolve incident "+id, id, func(i *Incident) error {
		if i.Status == Resolved {
			if i.Resolution == resolution && i.By == by {
				return nil
			}
			return resolvedAlready(*i)
		}
		i.Status, i.Resolution, i.By, i.Comment, i.ResolvedAt = Resolved, resolution, by, comment, at
		i.Timeline = append(i.Timeline, Event{At: at, By: by, What: line(resolution, comment)})
		return nil
	})
}

func resolvedAlready(i Incident) error {
	return pipeline.Faultf(pipeline.BadData, "incident %s was resolved already: %s by %s at %s", i.ID, i.Resolution, i.By, i.ResolvedAt.Format(time.RFC3339))
}

func line(what, comment string) string {
	if comment == "" {
		return what
	}
	return what + ": " + comment
}

func (s *Store) change(ctx context.Context, what, id string, fn func(*Incident) error) error {
	return s.tx(ctx, what, func(tx *sql.Tx) error {
		i, err := find(ctx, tx, `SELECT incident FROM incidents WHERE id = ?`, id)
		if err != nil {
			return err
		}
		if i == nil {
			return pipeline.Faultf(pipeline.BadData, "there is no incident %s", id)
		}
		if err := fn(i); err != nil {
			return err
		}
		return put(ctx, tx, *i)
	})
}

// Incidents lists incidents, newest first.
func (s *Store) Incidents(ctx context.Context, q IncidentQuery) ([]Incident, error) {
	rows, err := s.db.QueryContext(ctx,
		`SELECT incident FROM incidents WHERE (? = '' OR pipeline = ?) AND (? = '' OR status = ?) ORDER BY opened_ms DESC, id LIMIT ?`,
		q.Pipeline, q.Pipeline, string(q.Status), string(q.Status), limit(q.Limit))
	return collect[Incident](s, "list incidents", rows, err)
}

// Incident finds one by its ID or a unique beginning of it.
func (s *Store) Incident(ctx context.Context, id string) (Incident, error) {
	rows, err := s.db.QueryContext(ctx,
		`SELECT incident FROM incidents WHERE substr(id, 1, length(?)) = ? ORDER BY length(id), id LIMIT 2`, id, id)
	found, err := collect[Incident](s, "find incident "+id, rows, err)
	switch {
	case err != nil:
		return Incident{}, err
	case len(found) == 0 || id == "":
		return Incident{}, pipeline.Faultf(pipeline.BadData, "there is no incident %q; list them: starter incidents --all", id)
	case len(found) > 1 && found[0].ID != id:
		return Incident{}, pipeline.Faultf(pipeline.BadData, "more than one incident begins with %q; give more of its ID", id)
	}
	return found[0], nil
}

func find(ctx context.Context, tx *sql.Tx, query string, args ...any) (*Incident, error) {
	var text string
	err := tx.QueryRowContext(ctx, query+" LIMIT 1", args...).Scan(&text)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil //nolint:nilnil // absence is an answer here, checked by every caller
	}
	if err != nil {
		return nil, err
	}
	var i Incident
	if err := json.Unmarshal([]byte(text), &i); err != nil {
		return nil, fmt.Errorf("decode a stored incident: %w", err)
	}
	return &i, nil
}

func deref(i *Incident) Incident {
	if i == nil {
		return Incident{}
	}
	return *i
}

func put(ctx context.Context, tx *sql.Tx, i Incident) error {
	b, err := json.Marshal(i)
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx,
		`INSERT INTO incidents (id, pipeline, cause, status, opened_ms, incident) VALUES (?, ?, ?, ?, ?, ?)
		 ON CONFLICT (id) DO UPDATE SET status = excluded.status, incident = excluded.incident`,
		i.ID, i.Pipeline, i.Cause, string(i.Status), millis(i.OpenedAt), string(b))
	return err
}
