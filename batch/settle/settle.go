// Package settle processes quarantined records again, as an answer wants them:
// what comes out clean may go into the table, the rest stays. It stages files,
// and commits nothing, so it serves a settlement and a preview of one alike.
package settle

import (
	"context"
	"fmt"
	"path/filepath"

	"github.com/autonomous-data-pipeline/adp/batch"
	"github.com/autonomous-data-pipeline/adp/pipeline"
	"github.com/autonomous-data-pipeline/adp/schemas"
	"github.com/autonomous-data-pipeline/adp/sink"
	"github.com/autonomous-data-pipeline/adp/sink/readback"
	"github.com/autonomous-data-pipeline/adp/source"
)

// Rejects streams an entry's records, as sink.Sink's method does.
type Rejects func(ctx context.Context, e sink.Entry, fn func(pipeline.Reject) error) error

// Job is one entry with the answer to it.
type Job struct {
	ID            string // of the settlement
	Entry         sink.Entry
	Answer        pipeline.Answer // release or replay
	Rejects       Rejects
	Engine        batch.Engine
	Rules         batch.Rules
	MinShare      float64
	Schema        *schemas.Schema
	SchemaVersion int
	Dir           string // for staged files; what an earlier attempt left there is overwritten
	Beat          func(batch.Progress) error
}

// Staged is what comes out of an entry's suspect and malformed records. A held
// batch's clean files aren't in it: they go as they are.
type Staged struct {
	Table      []pipeline.File
	Quarantine []pipeline.File // as the records came, never as a mapping changed them
}

// Stage processes the entry's raw records again, a reject file a shard.
func Stage(ctx context.Context, j Job) (Staged, error) {
	if len(j.Entry.Rejects) == 0 {
		return Staged{}, nil
	}
	sel, err := j.again(ctx, filepath.Join(j.Dir, "mended"))
	if err != nil {
		return Staged{}, err
	}
	out := Staged{Table: sel.Table, Quarantine: sel.Quarantine}
	if j.Answer.Mapping == nil || len(out.Quarantine) == 0 {
		return out, nil
	}
	sel, err = j.originals(ctx, out.Quarantine)
	// A record that conforms as it came, though not as it was mended, loads.
	return Staged{Table: append(out.Table, sel.Table...), Quarantine: sel.Quarantine}, err
}

// originals stages what a mapping didn't mend as it came: quarantine keeps the
// bytes that Kafka had, never somebody's changes to them.
func (j Job) originals(ctx context.Context, unmended []pipeline.File) (batch.Selection, error) {
	type place struct {
		partition int32
		offset    int64
	}
	kept := map[place]bool{}
	for _, f := range unmended {
		if err := readback.Rejects(ctx, f.Path, func(r pipeline.Reject) error {
			kept[place{r.Partition, r.Offset}] = true
			return nil
		}); err != nil {
			return batch.Selection{}, err
		}
	}
	all := j.Rejects
	j.Rejects = func(ctx context.Context, e sink.Entry, fn func(pipeline.Reject) error) error {
		return all(ctx, e, func(r pipeline.Reject) error {
			if !kept[place{r.Partition, r.Offset}] {
				return nil
			}
			return fn(r)
		})
	}
	j.Answer.Mapping = nil
	return j.again(ctx, filepath.Join(j.Dir, "originals"))
}

// again processes the entry's raw records and selects what may go.
func (j Job) again(ctx context.Context, dir string) (batch.Selection, error) {
	results := make([]batch.Result, 0, len(j.Entry.Rejects))
	for i := range j.Entry.Rejects {
		one := j.Entry
		one.Rejects = j.Entry.Rejects[i : i+1]
		res, err := j.Engine.Process(ctx, j.reader(one), batch.Job{
			Batch: j.Entry.Batch, Shard: pipeline.Shard{Index: i, Ranges: j.Entry.Batch.Ranges},
			Schema: j.Schema, SchemaVersion: j.SchemaVersion, Rules: j.Rules, Dir: filepath.Join(dir, fmt.Sprintf("file-%04d", i)),
		}, j.Beat)
		if err != nil {
			return batch.Selection{}, err
		}
		results = append(results, res)
	}
	return j.pick(ctx, results, dir)
}

// reader reads an entry's raw records, mended by the mapping if there is one.
func (j Job) reader(e sink.Entry) source.Reader {
	reader := batch.RejectReader(func(ctx context.Context, fn func(pipeline.Reject) error) error { return j.Rejects(ctx, e, fn) })
	if j.Answer.Mapping == nil {
		return reader
	}
	return batch.WithMapping(reader, batch.Mapping(*j.Answer.Mapping))
}

func (j Job) pick(ctx context.Context, results []batch.Result, dir string) (batch.Selection, error) {
	job := batch.EvaluateJob{
		Batch: j.Entry.Batch, Schema: j.Schema, SchemaVersion: j.SchemaVersion, Rules: j.Rules,
		MinShare: j.MinShare, Results: results, Dir: dir, RunID: j.ID, At: j.Entry.At,
	}
	evaluation, err := batch.Evaluate(ctx, job)
	if err != nil {
		return batch.Selection{}, err
	}
	sel, err := batch.Select(ctx, batch.SelectJob{
		EvaluateJob: job, Evaluation: evaluation, Source: j.reader(j.Entry),
		KeepFailing: j.Answer.Resolution == pipeline.Replay,
	})
	if err != nil {
		return batch.Selection{}, fmt.Errorf("select what batch %s lets go: %w", j.Entry.BatchID, err)
	}
	return sel, nil
}
