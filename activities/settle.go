package activities

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"go.temporal.io/sdk/activity"

	"github.com/autonomous-data-pipeline/adp/batch"
	"github.com/autonomous-data-pipeline/adp/pipeline"
	"github.com/autonomous-data-pipeline/adp/schemas"
	"github.com/autonomous-data-pipeline/adp/sink"
	"github.com/autonomous-data-pipeline/adp/sink/readback"
	"github.com/autonomous-data-pipeline/adp/source"
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
	joined, err := s.joined(ctx, req)
	if err != nil {
		return total, err
	}
	for _, id := range joined {
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

// joined lists the batches of the runs that joined an incident after the one
// that opened it.
func (s *Set) joined(ctx context.Context, req pipeline.SettleRequest) ([]string, error) {
	inc, err := s.Ops.Incident(ctx, req.Incident)
	if err != nil {
		return nil, err
	}
	var out []string
	for _, e := range inc.Timeline {
		if e.RunID == "" || e.RunID == inc.RunID {
			continue
		}
		run, err := s.Ops.Run(ctx, e.RunID)
		if err != nil {
			return nil, err
		}
		if run.Failure == nil && run.BatchID != "" && run.BatchID != req.BatchID {
			out = append(out, run.BatchID)
		}
	}
	return out, nil
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
	run, err := s.Ops.Run(ctx, e.RunID)
	if err != nil {
		return fmt.Errorf("add fields to the schema of %s: their types are in the report of run %s: %w; or add them to the schema's file, and replay without \"add\"", d.Name, e.RunID, err)
	}
	var drift []pipeline.Drift
	for _, f := range fields {
		i := slices.IndexFunc(run.Drift, func(x pipeline.Drift) bool { return x.Kind == pipeline.FieldAdded && x.Field == f })
		if i < 0 {
			return pipeline.Faultf(pipeline.BadData, "add field %q to the schema of %s: run %s, of batch %s, has seen no such new field", f, d.Name, e.RunID, e.BatchID)
		}
		drift = append(drift, run.Drift[i])
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

// reprocess stages the entry's raw records again, a reject file a shard, and
// puts what comes out clean into the table, with a held batch's clean files.
func (s *Set) reprocess(ctx context.Context, d *Dataset, st *sink.Settlement, e sink.Entry, req pipeline.SettleRequest) error {
	st.Status = sink.Settled
	st.Table = append(st.Table, e.Held...)
	dir := d.runDir(settleDir(req.ID))
	if len(e.Rejects) > 0 {
		sel, err := again(ctx, d, st, e, filepath.Join(dir, "mended"), req)
		if err != nil {
			return err
		}
		st.Table = append(st.Table, sel.Table...)
		st.Quarantine = sel.Quarantine
	}
	if req.Answer.Mapping != nil && len(st.Quarantine) > 0 {
		if err := keepOriginals(ctx, d, st, e, filepath.Join(dir, "originals"), req); err != nil {
			return err
		}
	}
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

// keepOriginals replaces what a mapping didn't mend by the records as they came:
// quarantine keeps the bytes that Kafka had, never somebody's changes to them.
func keepOriginals(ctx context.Context, d *Dataset, st *sink.Settlement, e sink.Entry, dir string, req pipeline.SettleRequest) error {
	type place struct {
		partition int32
		offset    int64
	}
	kept := map[place]bool{}
	for _, f := range st.Quarantine {
		if err := readback.Rejects(ctx, f.Path, func(r pipeline.Reject) error {
			kept[place{r.Partition, r.Offset}] = true
			return nil
		}); err != nil {
			return err
		}
	}
	req.Answer.Mapping = nil
	originals := *d
	originals.Sink = only{d.Sink, func(r pipeline.Reject) bool { return kept[place{r.Partition, r.Offset}] }}
	sel, err := again(ctx, &originals, st, e, dir, req)
	if err != nil {
		return err
	}
	// A record that conforms as it came, though not as it was mended, loads.
	st.Table, st.Quarantine = append(st.Table, sel.Table...), sel.Quarantine
	return nil
}

// only is a sink that shows some of its rejects.
type only struct {
	sink.Sink
	keep func(pipeline.Reject) bool
}

func (o only) Rejects(ctx context.Context, e sink.Entry, fn func(pipeline.Reject) error) error {
	return o.Sink.Rejects(ctx, e, func(r pipeline.Reject) error {
		if !o.keep(r) {
			return nil
		}
		return fn(r)
	})
}

// again processes an entry's raw records and selects what may go.
func again(ctx context.Context, d *Dataset, st *sink.Settlement, e sink.Entry, dir string, req pipeline.SettleRequest) (batch.Selection, error) {
	results := make([]batch.Result, 0, len(e.Rejects))
	for i := range e.Rejects {
		res, err := reprocessFile(ctx, d, st, e, i, filepath.Join(dir, fmt.Sprintf("file-%04d", i)), req.Answer.Mapping)
		if err != nil {
			return batch.Selection{}, err
		}
		results = append(results, res)
	}
	return selectAgain(ctx, d, st, e, results, dir, req)
}

func reprocessFile(ctx context.Context, d *Dataset, st *sink.Settlement, e sink.Entry, i int, dir string, m *pipeline.Mapping) (batch.Result, error) {
	one := e
	one.Rejects = e.Rejects[i : i+1]
	return d.Engine.Process(ctx, rejects(d, one, m), settleJob(d, st.Schema, st.SchemaVersion, e, i, dir), func(p batch.Progress) error {
		activity.RecordHeartbeat(ctx, p)
		return ctx.Err()
	})
}

// rejects reads an entry's raw records, mended by the mapping if there is one.
func rejects(d *Dataset, e sink.Entry, m *pipeline.Mapping) source.Reader {
	reader := batch.RejectReader(func(ctx context.Context, fn func(pipeline.Reject) error) error {
		return d.Sink.Rejects(ctx, e, fn)
	})
	if m == nil {
		return reader
	}
	return batch.WithMapping(reader, batch.Mapping(*m))
}

func settleJob(d *Dataset, sch *schemas.Schema, version int, e sink.Entry, i int, dir string) batch.Job {
	return batch.Job{
		Batch: e.Batch, Shard: pipeline.Shard{Index: i, Ranges: e.Batch.Ranges},
		Schema: sch, SchemaVersion: version, Rules: d.Rules, Dir: dir,
	}
}

func selectAgain(ctx context.Context, d *Dataset, st *sink.Settlement, e sink.Entry, results []batch.Result, dir string, req pipeline.SettleRequest) (batch.Selection, error) {
	job := batch.EvaluateJob{
		Batch: e.Batch, Schema: st.Schema, SchemaVersion: st.SchemaVersion, Rules: d.Rules,
		MinShare: d.Policy.Drift.MinShare, Results: results, Dir: dir, RunID: req.ID, At: e.At,
	}
	evaluation, err := batch.Evaluate(ctx, job)
	if err != nil {
		return batch.Selection{}, err
	}
	sel, err := batch.Select(ctx, batch.SelectJob{
		EvaluateJob: job, Evaluation: evaluation, Source: rejects(d, e, req.Answer.Mapping),
		KeepFailing: req.Answer.Resolution == pipeline.Replay,
	})
	if err != nil {
		return batch.Selection{}, fmt.Errorf("select what batch %s lets go: %w", e.BatchID, err)
	}
	return sel, nil
}
