package activities

import (
	"context"
	"fmt"

	"github.com/autonomous-data-pipeline/adp/ops"
	"github.com/autonomous-data-pipeline/adp/pipeline"
	"github.com/autonomous-data-pipeline/adp/schemas"
	"github.com/autonomous-data-pipeline/adp/sink"
	"github.com/autonomous-data-pipeline/adp/source"
)

// Plan finds the next batch: from the sink's checkpoint to the log's readable
// end. It changes nothing but the list of schema versions.
func (s *Set) Plan(ctx context.Context, req pipeline.PlanRequest) (pipeline.Plan, error) {
	ctx, stop := beating(ctx)
	defer stop()
	p, err := s.plan(ctx, req)
	return p, toTemporal(err)
}

func (s *Set) plan(ctx context.Context, req pipeline.PlanRequest) (pipeline.Plan, error) {
	d, err := s.Catalog.Dataset(ctx, req.Run.Pipeline)
	if err != nil {
		return pipeline.Plan{}, err
	}
	state, err := d.Sink.State(ctx)
	if err != nil {
		return pipeline.Plan{}, err
	}
	if err := state.Check(d.Name, d.Name, d.Topic); err != nil {
		return pipeline.Plan{}, err
	}
	version, err := s.currentSchema(ctx, d, state, req.Run.RunID)
	if err != nil {
		return pipeline.Plan{}, err
	}
	log, err := source.LogFrom(ctx, d.Source, d.Topic, state.Checkpoint)
	if err != nil {
		return pipeline.Plan{}, err
	}
	p := pipeline.Plan{Base: state.Checkpoint, Sequence: state.Sequence, SchemaVersion: version.Version, Limits: d.Limits}
	if req.Backfill {
		p.Backfill = true
		p.Batch, err = backfill(ctx, d, req.Ranges, log, state.Checkpoint)
	} else {
		p.Batch, p.Gaps, p.Lag, err = next(ctx, d, state.Checkpoint, log)
	}
	if err != nil {
		return pipeline.Plan{}, err
	}
	p.Shards = p.Batch.Shards(d.ShardRecords)
	return p, nil
}

func next(ctx context.Context, d *Dataset, cp pipeline.Checkpoint, log []pipeline.Range) (pipeline.Batch, []pipeline.Range, int64, error) {
	from, err := d.Anchor(ctx, cp)
	if err != nil {
		return pipeline.Batch{}, nil, 0, err
	}
	return pipeline.Next(d.Name, d.Topic, from, log, d.MaxRecords)
}

// backfill is the batch of what was asked for, still is in the log, lies below
// the checkpoint, and isn't in the sink.
func backfill(ctx context.Context, d *Dataset, want, log []pipeline.Range, cp pipeline.Checkpoint) (pipeline.Batch, error) {
	covered, err := d.Sink.Covered(ctx)
	if err != nil {
		return pipeline.Batch{}, err
	}
	var below []pipeline.Range
	for _, l := range log {
		below = append(below, pipeline.Range{Partition: l.Partition, Start: l.Start, End: min(l.End, cp[l.Partition])})
	}
	if len(want) > 0 {
		below = pipeline.Intersect(want, below)
	}
	return pipeline.NewBatch(d.Name, d.Topic, pipeline.Subtract(below, covered)), nil
}

// currentSchema is the newest schema version: what people declared, with what
// was learned. A declaration that changed makes a new version; a lost
// operations store takes the table's own schema up again.
func (s *Set) currentSchema(ctx context.Context, d *Dataset, state sink.State, runID string) (ops.SchemaVersion, error) {
	latest, ok, err := s.Ops.LatestSchema(ctx, d.Name)
	if err != nil {
		return ops.SchemaVersion{}, err
	}
	declared := d.Declared.Fingerprint()
	if ok && latest.Declared == declared {
		return latest, nil
	}
	learned := latest.Schema
	reason := "the declaration changed"
	if !ok {
		learned, reason = state.Schema, "first declaration"
	}
	next := ops.SchemaVersion{
		Pipeline: d.Name, Schema: schemas.Reconcile(d.Declared, learned), Reason: reason,
		RunID: runID, Declared: declared, At: s.Now(),
	}
	if learned != nil {
		if err := schemas.Compatible(learned, next.Schema); err != nil {
			return ops.SchemaVersion{}, &pipeline.Fault{
				Kind: pipeline.Misconfigured, Setting: "schema.file",
				Err: fmt.Errorf("take up the changed schema of pipeline %s: the table can't follow: %w", d.Name, err),
			}
		}
	}
	return s.Ops.RecordSchema(ctx, latest.Version, next)
}
