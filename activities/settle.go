package activities

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"

	"go.temporal.io/sdk/activity"

	"github.com/autonomous-data-pipeline/adp/batch"
	"github.com/autonomous-data-pipeline/adp/batch/settle"
	"github.com/autonomous-data-pipeline/adp/pipeline"
	"github.com/autonomous-data-pipeline/adp/sink"
)

// Settle carries out a person's answer on a batch's quarantine: release loads
// what conforms, replay processes the raw records again with the current
// schema and rules, discard leaves them for good. Revision and ID fence it.
func (s *Set) Settle(ctx context.Context, req pipeline.SettleRequest) (pipeline.Settled, error) {
	ctx, stop := beating(ctx)
	defer stop()
	out, err := s.settle(ctx, req)
	return out, toTemporal(err)
}

func (s *Set) settle(ctx context.Context, req pipeline.SettleRequest) (pipeline.Settled, error) {
	d, err := s.Catalog.Dataset(ctx, req.Pipeline)
	if err != nil {
		return pipeline.Settled{}, err
	}
	total, err := s.settleBatch(ctx, d, req)
	if err != nil || req.Incident == "" {
		return total, err
	}
	all, err := s.Ops.BatchesOf(ctx, req.Incident)
	if err != nil {
		return total, err
	}
	for _, id := range all {
		if id == req.BatchID {
			continue
		}
		one := req
		one.BatchID, one.ID = id, req.ID+"-"+id
		done, err := s.settleBatch(ctx, d, one)
		if err != nil {
			return total, err
		}
		total = add(total, done)
	}
	return total, nil
}

func add(a, b pipeline.Settled) pipeline.Settled {
	a.Records.Read += b.Records.Read
	a.Records.Loaded += b.Records.Loaded
	a.Records.Quarantined += b.Records.Quarantined
	a.Moved, a.Kept = a.Moved+b.Moved, a.Kept+b.Kept
	a.Problems = append(a.Problems, b.Problems...)
	return a
}

func (s *Set) settleBatch(ctx context.Context, d *Dataset, req pipeline.SettleRequest) (pipeline.Settled, error) {
	entry, ok, err := findEntry(ctx, d.Sink, req.BatchID)
	if err != nil {
		return pipeline.Settled{}, err
	}
	if !ok {
		return settledBefore(ctx, d, req)
	}
	if m := req.Answer.Mapping; m != nil {
		if err := batch.Mapping(*m).Validate(); err != nil {
			return pipeline.Settled{}, err
		}
		if err := s.addFields(ctx, d, entry, m.Add); err != nil {
			return pipeline.Settled{}, err
		}
	}
	version, found, err := s.Ops.LatestSchema(ctx, d.Name)
	if err != nil {
		return pipeline.Settled{}, err
	}
	if !found {
		return pipeline.Settled{}, pipeline.Faultf(pipeline.Bug, "settle batch %s: the operations store has no schema of pipeline %s", req.BatchID, d.Name)
	}
	st := sink.Settlement{
		ID: req.ID, BatchID: req.BatchID, Revision: entry.Revision, Resolution: req.Answer.Resolution, By: req.Answer.By,
		Schema: version.Schema, SchemaVersion: version.Version,
	}
	if req.Answer.Resolution == pipeline.Discard {
		discard(&st, entry)
	} else if err := s.reprocess(ctx, d, &st, entry, req); err != nil {
		return pipeline.Settled{}, err
	}
	receipt, err := d.Sink.Settle(ctx, st)
	if err != nil {
		return pipeline.Settled{}, err
	}
	v, err := readBack(ctx, d, receipt)
	if err != nil {
		return pipeline.Settled{}, err
	}
	if err := os.RemoveAll(d.runDir(settleDir(req.ID))); err != nil {
		s.Log.Warn("remove a settlement's staging", "error", err)
	}
	out := settled(receipt)
	out.Problems = v.Problems
	return out, nil
}

// addFields evolves the schema by what a person wants to have as columns. Their
// types are those that the batch's run has seen.
func (s *Set) addFields(ctx context.Context, d *Dataset, e sink.Entry, fields []string) error {
	if len(fields) == 0 {
		return nil
	}
	drift, err := s.Ops.NewFields(ctx, e.RunID, fields)
	if err != nil {
		return fmt.Errorf("add fields to the schema of %s: %w", d.Name, err)
	}
	_, err = s.evolveSchema(ctx, pipeline.EvolveRequest{Run: pipeline.Run{Pipeline: d.Name, RunID: e.RunID}, Drift: drift})
	return err
}

func settled(r sink.Receipt) pipeline.Settled {
	return pipeline.Settled{Records: r.Records, Moved: pipeline.SumRows(r.Table), Kept: pipeline.SumRows(r.Quarantine)}
}

// settledBefore answers for a batch that has nothing outside the table: either
// an earlier attempt of this settlement moved it, or there is nothing to do.
func settledBefore(ctx context.Context, d *Dataset, req pipeline.SettleRequest) (pipeline.Settled, error) {
	receipt, err := d.Sink.Settle(ctx, sink.Settlement{ID: req.ID, BatchID: req.BatchID})
	if errors.Is(err, sink.ErrConflict) {
		return pipeline.Settled{}, nil
	}
	return settled(receipt), err
}

func settleDir(id string) string { return "settle-" + id }

func findEntry(ctx context.Context, snk sink.Sink, batchID string) (sink.Entry, bool, error) {
	entries, err := snk.Entries(ctx)
	if err != nil {
		return sink.Entry{}, false, err
	}
	for _, e := range entries {
		if e.BatchID == batchID {
			return e, true, nil
		}
	}
	return sink.Entry{}, false, nil
}

// discard keeps every record where it is, marked as done with. A held batch's
// clean rows stay in quarantine too.
func discard(st *sink.Settlement, e sink.Entry) {
	st.Status = sink.Discarded
	st.Quarantine, st.Held = e.Rejects, e.Held
	st.Records = pipeline.Records{Read: e.Records, Quarantined: e.Records}
}

// reprocess stages the entry's raw records again, and puts what comes out clean
// into the table, with a held batch's clean files.
func (s *Set) reprocess(ctx context.Context, d *Dataset, st *sink.Settlement, e sink.Entry, req pipeline.SettleRequest) error {
	staged, err := settle.Stage(ctx, settle.Job{
		ID: req.ID, Entry: e, Answer: req.Answer, Rejects: d.Sink.Rejects, Engine: d.Engine, Rules: d.Rules, MinShare: d.Policy.Drift.MinShare,
		Schema: st.Schema, SchemaVersion: st.SchemaVersion, Dir: d.runDir(settleDir(req.ID)),
		Beat: func(p batch.Progress) error {
			activity.RecordHeartbeat(ctx, p)
			return ctx.Err()
		},
	})
	if err != nil {
		return err
	}
	st.Status = sink.Settled
	st.Table, st.Quarantine = append(slices.Clone(e.Held), staged.Table...), staged.Quarantine
	if len(st.Quarantine) > 0 {
		st.Status = sink.Quarantined
	}
	kept := pipeline.SumRows(st.Quarantine)
	st.Records = pipeline.Records{Read: e.Records, Loaded: e.Records - kept, Quarantined: kept}
	if moved := pipeline.SumRows(st.Table); moved != st.Records.Loaded {
		return pipeline.Faultf(pipeline.Bug, "settle batch %s: %d records were outside the table, %d came out to load and %d to keep", e.BatchID, e.Records, moved, kept)
	}
	return nil
}
