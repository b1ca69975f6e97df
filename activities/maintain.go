package activities

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"time"

	"github.com/autonomous-data-pipeline/adp/pipeline"
	"github.com/autonomous-data-pipeline/adp/sink"
)

// Executions tells which of a pipeline's workflows haven't ended.
type Executions interface {
	Running(ctx context.Context, pipelineName string) (runIDs []string, err error)
}

// The activities below are the steps of maintenance. Each may be repeated, and
// stopped anywhere: what it has left, the next one removes. None touches the
// table, the decision log or schema versions.

// CleanStaging removes the staging of runs and settlements that have ended
// without doing so themselves: those whose workflow doesn't run any more, and
// that have been silent for longer than a run can be, and the retention.
func (s *Set) CleanStaging(ctx context.Context, req pipeline.MaintenanceRequest) (pipeline.Cleaned, error) {
	return s.clean(ctx, req, "staging", "folders", func(ctx context.Context, d *Dataset, c *pipeline.Cleaned) error {
		if d.Retention.Staging == 0 {
			return keepAll(c, "staging")
		}
		use, err := s.inUse(ctx, d)
		if err != nil {
			return err
		}
		return s.removeOld(ctx, c, d.Staging, d.crashed(), use.staging)
	})
}

// CleanReports removes the report folders of old runs. The latest run's files
// lie beside them, and stay.
func (s *Set) CleanReports(ctx context.Context, req pipeline.MaintenanceRequest) (pipeline.Cleaned, error) {
	return s.clean(ctx, req, "reports", "folders", func(ctx context.Context, d *Dataset, c *pipeline.Cleaned) error {
		if d.Retention.Reports == 0 {
			return keepAll(c, "reports")
		}
		use, err := s.inUse(ctx, d)
		if err != nil {
			return err
		}
		return s.removeOld(ctx, c, filepath.Join(d.Reports, "runs"), d.Retention.Reports, use.run)
	})
}

// CleanHistory removes old runs, decisions and resolved incidents from the
// operations store.
func (s *Set) CleanHistory(ctx context.Context, req pipeline.MaintenanceRequest) (pipeline.Cleaned, error) {
	return s.clean(ctx, req, "history", "rows", func(ctx context.Context, d *Dataset, c *pipeline.Cleaned) error {
		if d.Retention.History == 0 {
			return keepAll(c, "history")
		}
		use, err := s.inUse(ctx, d)
		if err != nil {
			return err
		}
		p, err := s.Ops.Prune(ctx, d.Name, s.Now().Add(-d.Retention.History), use.all())
		c.Removed, c.Kept = p.Runs+p.Decisions+p.Incidents, p.Kept
		c.Detail = fmt.Sprintf("%d runs, %d decisions, %d resolved incidents", p.Runs, p.Decisions, p.Incidents)
		return err
	})
}

// ExpireQuarantine removes records that a person discarded long enough ago.
// Each batch is a commit of the sink, which gives the reason and is counted by
// verify. Records that nobody has decided on never expire.
func (s *Set) ExpireQuarantine(ctx context.Context, req pipeline.MaintenanceRequest) (pipeline.Cleaned, error) {
	return s.clean(ctx, req, "quarantine", "records", func(ctx context.Context, d *Dataset, c *pipeline.Cleaned) error {
		if d.Retention.Quarantine == 0 {
			return keepAll(c, "quarantine")
		}
		use, err := s.inUse(ctx, d)
		if err != nil {
			return err
		}
		entries, err := d.Sink.Entries(ctx)
		if err != nil {
			return err
		}
		for _, e := range entries {
			if err := s.expire(ctx, d, c, e, use); err != nil {
				return err
			}
		}
		return nil
	})
}

func (s *Set) expire(ctx context.Context, d *Dataset, c *pipeline.Cleaned, e sink.Entry, use inUse) error {
	if e.Status != sink.Discarded || s.Now().Sub(e.At) <= d.Retention.Quarantine {
		return nil
	}
	if use.batch(e.BatchID) {
		c.Kept += e.Records
		return nil
	}
	reason := fmt.Sprintf("discarded on %s, and retention.quarantine keeps discarded records for %v", e.At.UTC().Format(time.DateOnly), d.Retention.Quarantine)
	err := d.Sink.Expire(ctx, e.BatchID, e.Revision, reason)
	switch {
	case errors.Is(err, sink.ErrConflict): // the last load, or somebody changed it just now
		c.Kept += e.Records
		return nil
	case err != nil:
		return err
	}
	c.Removed += e.Records
	c.Bytes += pipeline.SumBytes(e.Rejects) + pipeline.SumBytes(e.Held)
	return nil
}

// CleanSink removes files that no commit names: what crashed loads left.
func (s *Set) CleanSink(ctx context.Context, req pipeline.MaintenanceRequest) (pipeline.Cleaned, error) {
	return s.clean(ctx, req, "sink", "files", func(ctx context.Context, d *Dataset, c *pipeline.Cleaned) error {
		if d.Retention.Staging == 0 {
			return keepAll(c, "staging")
		}
		gone, err := d.Sink.Cleanup(ctx, d.crashed())
		c.Removed = int64(len(gone))
		return err
	})
}

// MaintainSink does the upkeep of a table that wants any: one of snapshots
// grows with every load.
func (s *Set) MaintainSink(ctx context.Context, req pipeline.MaintenanceRequest) (pipeline.Cleaned, error) {
	return s.clean(ctx, req, "table", "files", func(ctx context.Context, d *Dataset, c *pipeline.Cleaned) error {
		m, ok := d.Sink.(sink.Maintainer)
		if !ok {
			c.Detail = "this kind of table needs no upkeep"
			return nil
		}
		options := d.Upkeep
		if d.Retention.Staging > 0 {
			options.OrphanAge = d.crashed()
		}
		r, err := m.Maintain(ctx, options)
		c.Removed, c.Bytes = int64(r.OrphanFiles), r.OrphanBytes
		c.Detail = fmt.Sprintf("%d snapshots expired, %d files compacted into %d, %d steps left to the next time: a load came first",
			r.ExpiredSnapshots, r.CompactedFiles, r.CompactedInto, r.LostRaces)
		return err
	})
}

func keepAll(c *pipeline.Cleaned, setting string) error {
	c.Detail = "kept for ever: retention." + setting + " is 0"
	return nil
}

// clean runs one step.
func (s *Set) clean(ctx context.Context, req pipeline.MaintenanceRequest, step, unit string, do func(context.Context, *Dataset, *pipeline.Cleaned) error) (pipeline.Cleaned, error) {
	ctx, stop := beating(ctx)
	defer stop()
	c := pipeline.Cleaned{Step: step, Unit: unit}
	d, err := s.Catalog.Dataset(ctx, req.Pipeline)
	if err == nil {
		err = do(ctx, d, &c)
	}
	if c.Removed > 0 {
		s.Log.Info("maintenance", "pipeline", req.Pipeline, "step", step, "removed", c.Removed, "unit", unit, "bytes", c.Bytes)
	}
	return c, toTemporal(err)
}

// crashed is the age at which what nobody has touched is taken for what a
// crash left.
func (d *Dataset) crashed() time.Duration { return d.Retention.Staging + longestSilence(d.Limits) }

// What follows from a pipeline's own limits is bounded: a settlement has limits
// of its own, five attempts of an hour.
const (
	minSilence = 6 * time.Hour
	maxSilence = 30 * 24 * time.Hour
)

// longestSilence is the longest time for which a run that goes on may leave
// its staging untouched: it loads, validates and rolls back, each as often as
// it is tried, with a minute's pause between.
func longestSilence(l pipeline.Limits) time.Duration {
	attempt := time.Duration(l.ShardTimeoutS)*time.Second + time.Minute
	hours := 3 * float64(l.Attempts) * attempt.Hours()
	if hours >= maxSilence.Hours() {
		return maxSilence
	}
	return max(minSilence, time.Duration(hours*float64(time.Hour)))
}

// inUse is what maintenance leaves alone, however old it is.
type inUse struct {
	runs      map[string]bool // that run, opened or joined an unresolved incident, or hold a batch
	incidents []string        // unresolved
	batches   map[string]bool // of these runs
}

func (s *Set) inUse(ctx context.Context, d *Dataset) (inUse, error) {
	u := inUse{runs: map[string]bool{}, batches: map[string]bool{}}
	running, err := s.Executions.Running(ctx, d.Name)
	if err != nil {
		return u, err
	}
	for _, id := range running {
		u.runs[id] = true
	}
	open, err := s.Ops.Unresolved(ctx, d.Name)
	if err != nil {
		return u, err
	}
	for _, i := range open {
		u.incidents = append(u.incidents, i.ID)
		u.batches[i.BatchID] = true
		for _, id := range i.Runs() {
			u.runs[id] = true
		}
	}
	entries, err := d.Sink.Entries(ctx)
	if err != nil {
		return u, err
	}
	for _, e := range entries {
		if e.Status == sink.HeldBatch {
			u.runs[e.RunID] = true
		}
		if u.runs[e.RunID] {
			u.batches[e.BatchID] = true
		}
	}
	return u, nil
}

func (u inUse) run(id string) bool { return u.runs[id] }

func (u inUse) batch(id string) bool { return u.batches[id] }

// staging tells whether a folder of staging is in use: a run's, or a
// settlement's, whose ID begins with its workflow's run or its incident.
func (u inUse) staging(name string) bool {
	id, settles := strings.CutPrefix(name, settleDir(""))
	if !settles {
		return u.runs[name]
	}
	for run := range u.runs {
		if strings.HasPrefix(id, run) {
			return true
		}
	}
	for _, inc := range u.incidents {
		if strings.HasPrefix(id, inc) {
			return true
		}
	}
	return false
}

func (u inUse) all() []string {
	out := make([]string, 0, len(u.runs))
	for id := range u.runs {
		out = append(out, id)
	}
	return out
}

// removeOld removes the folders of dir in which nothing has changed for an age
// and that aren't in use.
func (s *Set) removeOld(ctx context.Context, c *pipeline.Cleaned, dir string, age time.Duration, used func(name string) bool) error {
	folders, err := subfolders(dir)
	if err != nil {
		return err
	}
	for _, name := range folders {
		left := strings.HasPrefix(name, removing)
		f, err := survey(ctx, filepath.Join(dir, name))
		switch {
		case errors.Is(err, fs.ErrNotExist): // its run has just cleared it
			continue
		case err != nil:
			return diskFault("look through", filepath.Join(dir, name), err)
		case !left && s.Now().Sub(f.newest) <= age:
			continue
		case !left && used(name):
			c.Kept++
			continue
		}
		if err := remove(dir, name); err != nil {
			return diskFault("remove", filepath.Join(dir, name), err)
		}
		c.Removed++
		c.Bytes += f.bytes
	}
	return nil
}
