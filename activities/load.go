package activities

import (
	"context"
	"fmt"
	"path/filepath"

	"github.com/autonomous-data-pipeline/adp/batch"
	"github.com/autonomous-data-pipeline/adp/pipeline"
	"github.com/autonomous-data-pipeline/adp/sink"
)

// maxProblems bounds what a workflow's history carries of a failed validation.
const maxProblems = 5

// Load selects what the decision lets in and commits it with the quarantine
// and the checkpoint. The sink makes a repeat harmless and fences rivals: a
// batch that another run committed is Superseded.
func (s *Set) Load(ctx context.Context, req pipeline.LoadRequest) (pipeline.Loaded, error) {
	ctx, stop := beating(ctx)
	defer stop()
	l, err := s.load(ctx, req)
	return l, toTemporal(err)
}

func (s *Set) load(ctx context.Context, req pipeline.LoadRequest) (pipeline.Loaded, error) {
	d, err := s.Catalog.Dataset(ctx, req.Run.Pipeline)
	if err != nil {
		return pipeline.Loaded{}, err
	}
	job, err := s.evaluateJob(ctx, d, req.Run, req.Staged)
	if err != nil {
		return pipeline.Loaded{}, err
	}
	sel, err := selectFiles(ctx, d, job, req.Choice)
	if err != nil {
		return pipeline.Loaded{}, err
	}
	commit := sink.Load{
		RunID: req.Run.RunID, Batch: req.Plan.Batch, Base: req.Plan.Base, Gaps: req.Plan.Gaps,
		Schema: job.Schema, SchemaVersion: job.SchemaVersion,
		Table: sel.Table, Quarantine: sel.Quarantine, Held: sel.Held, Records: sel.Records,
	}
	if req.Plan.Backfill {
		commit.Sequence = req.Plan.Sequence // the checkpoint doesn't move, so it can't fence
	}
	receipt, err := d.Sink.Load(ctx, commit)
	if err != nil {
		return pipeline.Loaded{}, err
	}
	if receipt.RunID != req.Run.RunID {
		return pipeline.Loaded{}, pipeline.Faultf(pipeline.Superseded, "load batch %s: run %s has loaded it already", req.Plan.Batch.ID, receipt.RunID)
	}
	if err := writeJSON(filepath.Join(job.Dir, "receipt.json"), receipt); err != nil {
		return pipeline.Loaded{}, err
	}
	return pipeline.Loaded{
		Records: sel.Records, Checkpoint: receipt.Checkpoint, Sequence: receipt.Sequence, Bytes: pipeline.SumBytes(receipt.Table),
	}, nil
}

func selectFiles(ctx context.Context, d *Dataset, job batch.EvaluateJob, c pipeline.Choice) (batch.Selection, error) {
	var e batch.Evaluation
	if err := readJSON(filepath.Join(job.Dir, "evaluation.json"), &e); err != nil {
		return batch.Selection{}, err
	}
	return batch.Select(ctx, batch.SelectJob{
		EvaluateJob: job, Evaluation: e, Source: d.Source,
		Hold: c.Hold, Raw: c.Raw, Column: c.Column, Values: c.Values,
	})
}

// Validate reads the batch back from the sink. What doesn't match is in the
// result, not an error.
func (s *Set) Validate(ctx context.Context, req pipeline.ValidateRequest) (pipeline.Validated, error) {
	ctx, stop := beating(ctx)
	defer stop()
	v, err := s.validate(ctx, req)
	return v, toTemporal(err)
}

func (s *Set) validate(ctx context.Context, req pipeline.ValidateRequest) (pipeline.Validated, error) {
	d, err := s.Catalog.Dataset(ctx, req.Run.Pipeline)
	if err != nil {
		return pipeline.Validated{}, err
	}
	var receipt sink.Receipt
	if err := readJSON(filepath.Join(d.stagedDir(req.Run.RunID, req.Staged), "receipt.json"), &receipt); err != nil {
		return pipeline.Validated{}, err
	}
	v, err := readBack(ctx, d, receipt)
	if b := req.StaysOut; err == nil && b != nil && (v.Rejects < b.Min || v.Rejects > b.Max) {
		v.Problems = append(v.Problems, fmt.Sprintf("the quarantine was to keep %d to %d records out, and keeps %d", b.Min, b.Max, v.Rejects))
	}
	return v, err
}

func readBack(ctx context.Context, d *Dataset, receipt sink.Receipt) (pipeline.Validated, error) {
	verdict, err := d.Sink.Validate(ctx, receipt)
	if err != nil {
		return pipeline.Validated{}, err
	}
	return pipeline.Validated{Rows: verdict.Rows, Rejects: verdict.Rejects, Problems: problemLines(verdict.Problems)}, nil
}

func problemLines(problems []sink.Problem) []string {
	var out []string
	for i, p := range problems {
		if i == maxProblems {
			return append(out, fmt.Sprintf("and %d more", len(problems)-i))
		}
		out = append(out, fmt.Sprintf("%s %s: %s, want %q, got %q", filepath.Base(p.File), p.Column, p.What, p.Want, p.Got))
	}
	return out
}

// Rollback takes a batch out of the sink again. If a later run has committed
// since, nothing is changed and the fault says so.
func (s *Set) Rollback(ctx context.Context, req pipeline.RollbackRequest) (pipeline.Checkpoint, error) {
	ctx, stop := beating(ctx)
	defer stop()
	d, err := s.Catalog.Dataset(ctx, req.Run.Pipeline)
	if err != nil {
		return nil, toTemporal(err)
	}
	state, err := d.Sink.Rollback(ctx, req.BatchID, req.Reason)
	return state.Checkpoint, toTemporal(err)
}
