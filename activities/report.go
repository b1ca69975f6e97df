package activities

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/autonomous-data-pipeline/adp/pipeline"
)

// Report publishes a run's report: in the operations store, in the run's own
// folder, and as the latest. Then staging goes, since the sink holds
// everything. A repeat writes the same again.
func (s *Set) Report(ctx context.Context, req pipeline.ReportRequest) error {
	ctx, stop := beating(ctx)
	defer stop()
	return toTemporal(s.report(ctx, req))
}

func (s *Set) report(ctx context.Context, req pipeline.ReportRequest) error {
	d, err := s.Catalog.Declared(ctx, req.Report.Pipeline)
	if err != nil {
		return err
	}
	if err := s.Ops.SaveRun(ctx, req.Report); err != nil {
		return err
	}
	if req.Report.Outcome != pipeline.Idle && req.Report.Outcome != pipeline.SupersededRun {
		if err := publishFiles(d, req); err != nil {
			return err
		}
	}
	if req.Checkpoint != nil && d.Source != nil {
		// Lag tools look at this; the sink's checkpoint is the truth, so a
		// broker that refuses it must not fail a run whose data is in.
		if err := d.Source.Publish(ctx, d.Group, d.Topic, req.Checkpoint); err != nil {
			s.Log.Warn("publish the checkpoint to the consumer group", "pipeline", d.Name, "group", d.Group, "error", err)
		}
	}
	if req.Clear || req.Report.Outcome == pipeline.SupersededRun {
		if err := os.RemoveAll(d.runDir(req.Report.RunID)); err != nil {
			return pipeline.Misconfiguredf("DATA_DIR", "clear the run's staging: %w", err)
		}
	}
	return nil
}

// qualityFiles are what evaluating leaves for people.
var qualityFiles = []string{"ge_results.json", qualityPage}

// publishFiles writes run_report.json and the quality files into the run's own
// folder and then as the latest.
func publishFiles(d *Dataset, req pipeline.ReportRequest) error {
	found := map[string][]byte{}
	for _, name := range qualityFiles {
		if req.Staged == nil {
			break
		}
		b, err := os.ReadFile(filepath.Join(d.stagedDir(req.Report.RunID, *req.Staged), name))
		switch {
		case err == nil:
			found[name] = b
		case !errors.Is(err, fs.ErrNotExist): // a run that failed early has none
			return pipeline.Faultf(pipeline.Transient, "read the quality results: %w", err)
		}
	}
	for _, dir := range []string{filepath.Join(d.Reports, "runs", req.Report.RunID), d.Reports} {
		for name, b := range found {
			if err := writeFile(filepath.Join(dir, name), b); err != nil {
				return err
			}
		}
		if err := writeJSON(filepath.Join(dir, "run_report.json"), req.Report); err != nil {
			return err
		}
	}
	return nil
}
