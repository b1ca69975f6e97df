package ops

import (
	"context"
	"database/sql"
	"errors"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/autonomous-data-pipeline/adp/pipeline"
)

// IncidentQuery picks incidents, newest first. Empty fields match anything.
type IncidentQuery struct {
	Pipeline   string
	Status     IncidentStatus
	Unresolved bool   // only those that nobody has resolved
	Severity   string // info, warning or critical
	Cause      string // a condition that the cause names
	Before     string // only incidents older than this one, by its ID: the next page
	Limit      int    // 0 is 100
}

// OpenIncident opens an incident, or adds the run to the open one of the same
// pipeline and cause (joined). An incident that holds a batch neither joins nor
// takes in: each batch needs its own answer. A repeat changes nothing and gets
// the same incident as before, wherever that stands by now. ID (IncidentID
// makes it), Pipeline, Cause, RunID and OpenedAt are needed; what belongs to a
// later life is ignored.
func (s *Store) OpenIncident(ctx context.Context, i Incident) (opened Incident, joined bool, err error) {
	what := "open incident " + i.ID
	if err := needed(what, "ID", i.ID, "pipeline", i.Pipeline, "cause", i.Cause, "run ID", i.RunID); err != nil {
		return Incident{}, false, err
	}
	if i.OpenedAt.IsZero() {
		return Incident{}, false, pipeline.Faultf(pipeline.Bug, "%s: it doesn't say when", what)
	}
	err = s.tx(ctx, what, func(tx *sql.Tx) error {
		known, ok, err := knownAs(ctx, tx, i)
		if err != nil || ok {
			opened, joined = known, known.ID != i.ID
			return err
		}
		host, ok, err := hostOf(ctx, tx, i)
		if err != nil {
			return err
		}
		if !ok {
			opened = i.fresh()
			return put(ctx, tx, opened)
		}
		host.takeIn(i)
		opened, joined = host, true
		if _, err := tx.ExecContext(ctx, `INSERT INTO joins (id, incident) VALUES ($1, $2)`, i.ID, host.ID); err != nil {
			return err
		}
		return put(ctx, tx, host)
	})
	if err != nil {
		return Incident{}, false, err
	}
	return opened, joined, nil
}

// knownAs finds the incident that this one was opened as before, or that took
// it in.
func knownAs(ctx context.Context, tx *sql.Tx, i Incident) (Incident, bool, error) {
	found, err := read[Incident](ctx, tx, `SELECT incident FROM incidents WHERE id = $1
		UNION ALL SELECT host.incident FROM joins JOIN incidents host ON host.id = joins.incident WHERE joins.id = $1`, i.ID)
	if err != nil || len(found) == 0 {
		return Incident{}, false, err
	}
	k := found[0]
	if k.Pipeline != i.Pipeline || k.Cause != i.Cause || (k.ID == i.ID && k.RunID != i.RunID) {
		return Incident{}, false, pipeline.Faultf(pipeline.Bug, "open incident %s for run %s and cause %s: the ID belongs to run %s and cause %s", i.ID, i.RunID, i.Cause, k.RunID, k.Cause)
	}
	return k, true, nil
}

// hostOf finds the oldest open incident that can take this one in.
func hostOf(ctx context.Context, tx *sql.Tx, i Incident) (Incident, bool, error) {
	if i.Hold {
		return Incident{}, false, nil
	}
	found, err := read[Incident](ctx, tx,
		`SELECT incident FROM incidents WHERE pipeline = $1 AND cause = $2 AND status <> 'resolved' ORDER BY opened_ms, id`, i.Pipeline, i.Cause)
	if err != nil {
		return Incident{}, false, err
	}
	for _, f := range found {
		if !f.Hold {
			return f, true, nil
		}
	}
	return Incident{}, false, nil
}

// Acknowledge says that a person is on it. Repeating it changes nothing, and
// the first person stays. Acknowledging a resolved incident is a BadData fault.
func (s *Store) Acknowledge(ctx context.Context, id, by, comment string, at time.Time) error {
	return s.change(ctx, "acknowledge incident "+id, id, func(i *Incident) error { return i.acknowledge(by, comment, at) })
}

// Resolve ends an incident with one of pipeline's resolutions. The same answer
// by the same person again changes nothing; any other one is a BadData fault
// that says who was first, how and when.
func (s *Store) Resolve(ctx context.Context, id, resolution, by, comment string, at time.Time) error {
	return s.change(ctx, "resolve incident "+id, id, func(i *Incident) error { return i.resolve(resolution, by, comment, at) })
}

func (s *Store) change(ctx context.Context, what, id string, fn func(*Incident) error) error {
	return s.tx(ctx, what, func(tx *sql.Tx) error {
		found, err := read[Incident](ctx, tx, `SELECT incident FROM incidents WHERE id = $1`, id)
		if err != nil {
			return err
		}
		if len(found) == 0 {
			return noIncident(id)
		}
		if err := fn(&found[0]); err != nil {
			return err
		}
		return put(ctx, tx, found[0])
	})
}

// Incidents lists incidents, newest first. One to begin after that isn't there
// is ErrNotFound.
func (s *Store) Incidents(ctx context.Context, q IncidentQuery) ([]Incident, error) {
	unresolved, severity, cause := 0, "", ""
	if q.Unresolved {
		unresolved = 1
	}
	if q.Severity != "" {
		// Inside a string of the document each quote has a backslash before it, so
		// this is its field and nothing that data says.
		severity = `%,"severity":"` + literally(q.Severity) + `",%`
	}
	if q.Cause != "" {
		cause = "%+" + literally(q.Cause) + "/%"
	}
	var from int64
	if q.Before != "" {
		err := s.db.QueryRowContext(ctx, `SELECT opened_ms FROM incidents WHERE id = $1`, q.Before).Scan(&from)
		if errors.Is(err, sql.ErrNoRows) {
			return nil, noIncident(q.Before)
		}
		if err != nil {
			return nil, s.fault("list incidents", err)
		}
	}
	// A cause is pipeline/condition[/detail]+condition[/detail]…: with a plus
	// before it and a slash for each plus behind it, every condition stands
	// between the two.
	return query[Incident](ctx, s, "list incidents",
		`SELECT incident FROM incidents WHERE ($1 = '' OR pipeline = $1) AND ($2 = '' OR status = $2)
		 AND ($3 = 0 OR status <> 'resolved') AND ($4 = '' OR incident LIKE $4 ESCAPE '!')
		 AND ($5 = '' OR replace('+' || substr(cause, length(pipeline) + 2), '+', '/+') || '/' LIKE $5 ESCAPE '!')
		 AND ($6 = '' OR opened_ms < $7 OR (opened_ms = $7 AND id > $6))
		 ORDER BY opened_ms DESC, id LIMIT $8`,
		q.Pipeline, string(q.Status), unresolved, severity, cause, q.Before, from, limit(q.Limit))
}

// literally is a text of which LIKE takes each character as it is.
func literally(s string) string {
	return strings.NewReplacer("!", "!!", "%", "!%", "_", "!_").Replace(s)
}

// Unresolved lists all of a pipeline's incidents that aren't resolved, newest
// first.
func (s *Store) Unresolved(ctx context.Context, pipelineName string) ([]Incident, error) {
	return s.Incidents(ctx, IncidentQuery{Pipeline: pipelineName, Unresolved: true, Limit: math.MaxInt32})
}

// BatchesOf lists the batches that an answer to an incident settles: that of
// the run that opened it first, then those of the runs that joined it. A failed
// run has none.
func (s *Store) BatchesOf(ctx context.Context, id string) ([]string, error) {
	inc, err := s.Incident(ctx, id)
	if err != nil {
		return nil, err
	}
	var out []string
	if inc.BatchID != "" {
		out = append(out, inc.BatchID)
	}
	for _, run := range inc.Runs()[1:] {
		r, err := s.Run(ctx, run)
		if err != nil {
			return nil, err
		}
		if r.Failure == nil && r.BatchID != "" && !slices.Contains(out, r.BatchID) {
			out = append(out, r.BatchID)
		}
	}
	return out, nil
}

// Incident finds one by its ID or a unique beginning of it. None, or several,
// is a BadData fault.
func (s *Store) Incident(ctx context.Context, id string) (Incident, error) {
	if id == "" {
		return Incident{}, noIncident(id)
	}
	found, err := query[Incident](ctx, s, "find incident "+id,
		`SELECT incident FROM incidents WHERE substr(id, 1, length($1)) = $1 ORDER BY length(id), id LIMIT 2`, id)
	switch {
	case err != nil:
		return Incident{}, err
	case len(found) == 0:
		return Incident{}, noIncident(id)
	case len(found) > 1 && found[0].ID != id:
		return Incident{}, pipeline.Faultf(pipeline.BadData, "more than one incident begins with %q; give more of its ID", id)
	}
	return found[0], nil
}

func noIncident(id string) error {
	return missing{pipeline.Faultf(pipeline.BadData, "there is no incident %q; list them: starter incidents --all", id)}
}

func put(ctx context.Context, tx *sql.Tx, i Incident) error {
	entry, err := encode("save incident "+i.ID, i)
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx,
		`INSERT INTO incidents (id, pipeline, cause, status, opened_ms, incident) VALUES ($1, $2, $3, $4, $5, $6)
		 ON CONFLICT (id) DO UPDATE SET status = excluded.status, incident = excluded.incident`,
		i.ID, i.Pipeline, i.Cause, string(i.Status), millis(i.OpenedAt), entry)
	return err
}
