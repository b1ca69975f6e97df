package console

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/autonomous-data-pipeline/adp/agent"
	"github.com/autonomous-data-pipeline/adp/ops"
	"github.com/autonomous-data-pipeline/adp/pipeline"
)

// maxEntries bounds what one look into a decision log gives, the newest last.
const maxEntries = 200

// LogAbout gives the entries of a pipeline's decision log that are about one of
// these decisions, incidents, runs or batches, oldest first, the newest 200. A
// pipeline that hasn't decided yet has none.
func (d *Desk) LogAbout(name string, ids ...string) ([]agent.Entry, error) {
	if err := d.Declared(name); err != nil {
		return nil, err
	}
	f, err := os.Open(d.logFile(name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, pipeline.Misconfiguredf("DATA_DIR", "read the decision log of %s: %w", name, err)
	}
	defer func() { _ = f.Close() }() // only read
	var out []agent.Entry
	for e, err := range agent.Entries(f) {
		if err != nil {
			return out, err
		}
		if !slices.ContainsFunc(e.About(), func(id string) bool { return id != "" && slices.Contains(ids, id) }) {
			continue
		}
		if out = append(out, e); len(out) > maxEntries {
			out = out[1:]
		}
	}
	return out, nil
}

// Recorded is a decision with all that it takes to make it again: facts and
// policy as they stood. One that no log has is ops.ErrNotFound.
func (d *Desk) Recorded(ctx context.Context, id string) (agent.Recorded, error) {
	decision, _, err := d.Ops.Decision(ctx, id)
	if err != nil {
		return agent.Recorded{}, err
	}
	f, err := os.Open(d.logFile(decision.Pipeline))
	if err != nil {
		return agent.Recorded{}, pipeline.Misconfiguredf("DATA_DIR", "read the decision log of %s: %w", decision.Pipeline, err)
	}
	defer func() { _ = f.Close() }() // only read
	return agent.FindDecision(f, id)
}

// Stats are figures from a pipeline's decision log, from a time on. A log whose
// chain is broken gives the figures so far, and an error.
func (d *Desk) Stats(name string, since time.Time) (agent.Stats, error) {
	if err := d.Declared(name); err != nil {
		return agent.Stats{}, err
	}
	f, err := os.Open(d.logFile(name))
	if errors.Is(err, fs.ErrNotExist) {
		return agent.Stats{}, nil
	}
	if err != nil {
		return agent.Stats{}, pipeline.Misconfiguredf("DATA_DIR", "read the decision log of %s: %w", name, err)
	}
	defer func() { _ = f.Close() }() // only read
	return agent.StatsOf(f, since)
}

// QualityResults is a run's ge_results.json. A run without one is
// ops.ErrNotFound.
func (d *Desk) QualityResults(ctx context.Context, runID string) ([]byte, error) {
	return d.RunFile(ctx, runID, "ge_results.json")
}

// RunFile is a file that a run has left with its report, by where the store
// says it ran and never from elsewhere. One that isn't there is
// ops.ErrNotFound.
func (d *Desk) RunFile(ctx context.Context, runID, name string) ([]byte, error) {
	r, err := d.Ops.Run(ctx, runID)
	if err != nil {
		return nil, err
	}
	if !filepath.IsLocal(r.RunID) {
		return nil, fmt.Errorf("%w: run %q has no folder", ops.ErrNotFound, r.RunID)
	}
	f, err := os.OpenInRoot(filepath.Join(d.Config.Reports(r.Pipeline), "runs"), filepath.Join(r.RunID, name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w: run %s has no %s: it didn't come that far, or retention.reports has removed it", ops.ErrNotFound, r.RunID, name)
	}
	if err != nil {
		return nil, pipeline.Misconfiguredf("DATA_DIR", "read %s of run %s: %w", name, r.RunID, err)
	}
	defer func() { _ = f.Close() }() // only read
	b, err := io.ReadAll(f)
	if err != nil {
		return nil, pipeline.Misconfiguredf("DATA_DIR", "read %s of run %s: %w", name, r.RunID, err)
	}
	return b, nil
}
