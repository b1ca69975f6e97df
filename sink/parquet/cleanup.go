package parquet

import (
	"context"
	"strings"
	"time"

	"github.com/autonomous-data-pipeline/adp/pipeline"
	"github.com/autonomous-data-pipeline/adp/sink/store"
)

// Cleanup removes what abandoned attempts left: copies that were never
// committed, and unfinished files of the log. age must be longer than a load
// takes. Visible files that are committed are never touched, nor are files that
// aren't ours.
func (s *Sink) Cleanup(ctx context.Context, age time.Duration) ([]string, error) {
	if age < 0 {
		return nil, pipeline.Faultf(pipeline.Bug, "clean up table %s: age %s is negative", s.table.Location(""), age)
	}
	// From here on, what commits name is in place: what waits, waits in vain.
	if _, err := s.catchUp(ctx); err != nil {
		return nil, err
	}
	before := s.now().Add(-age)
	var removed []string
	for _, st := range []store.Store{s.table, s.quarantine} {
		some, err := sweep(ctx, st, store.PendingDir, before, "")
		removed = append(removed, some...)
		if err != nil {
			return removed, err
		}
	}
	some, err := sweep(ctx, s.log.store, logDir, before, store.TmpSuffix)
	removed = append(removed, some...)
	if err != nil {
		return removed, err
	}
	if s.catalog == nil {
		some, err = s.returned(ctx, before)
		return append(removed, some...), err
	}
	some, err = sweep(ctx, s.log.store, logDir, before, draftSuffix)
	removed = append(removed, some...)
	if err != nil {
		return removed, err
	}
	some, err = s.catalog.Cleanup(ctx, age)
	return append(removed, some...), err
}

// sweep removes a folder's leftovers that haven't changed since a time.
func sweep(ctx context.Context, st store.Store, dir string, since time.Time, suffix string) ([]string, error) {
	names, err := st.Leftovers(ctx, dir, since)
	if err != nil {
		return nil, st.Fault(err, "list "+st.Location(dir))
	}
	var removed []string
	for _, name := range names {
		if !strings.HasSuffix(name, suffix) {
			continue
		}
		if suffix == "" {
			err = st.Drop(ctx, name)
		} else {
			err = st.Remove(ctx, []string{name})
		}
		if err != nil {
			return removed, st.Fault(err, "remove leftover "+st.Location(name))
		}
		removed = append(removed, st.Location(name))
	}
	return removed, nil
}

// lateCopies is for how long before a clean-up's age the log is searched for
// removals: far longer than any copy within a bucket takes.
const lateCopies = 48 * time.Hour

// returned removes files that commits took away and that are there again: in
// object storage, a process that was stopped in the middle of a publication may
// finish its copy long after others have finished it, and removed the result.
func (s *Sink) returned(ctx context.Context, before time.Time) ([]string, error) {
	st, err := s.catchUp(ctx)
	if err != nil {
		return nil, err
	}
	var removed []string
	for seq := st.Sequence; seq > 0; seq-- {
		rec, err := s.log.must(ctx, seq)
		if err != nil {
			return removed, err
		}
		if rec.At.Before(before.Add(-lateCopies)) {
			break
		}
		for _, gone := range []struct {
			store store.Store
			names []string
		}{{s.table, rec.RemoveTable}, {s.quarantine, rec.RemoveQuarantine}} {
			for _, name := range gone.names {
				there, err := store.Has(ctx, gone.store, name)
				if err == nil && there {
					err = gone.store.Remove(ctx, []string{name})
					removed = append(removed, gone.store.Location(name))
				}
				if err != nil {
					return removed, gone.store.Fault(err, "remove "+gone.store.Location(name)+", which an earlier commit has removed")
				}
			}
		}
	}
	return removed, nil
}
