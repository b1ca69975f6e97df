package activities

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"go.temporal.io/sdk/activity"

	"github.com/autonomous-data-pipeline/adp/batch"
	"github.com/autonomous-data-pipeline/adp/pipeline"
)

func shardDir(dir string, shard int) string {
	return filepath.Join(dir, fmt.Sprintf("shard-%04d", shard))
}

// ProcessShard stages one shard. A repeat writes the same bytes to the same
// names, so neither a retry nor a zombie can do harm.
func (s *Set) ProcessShard(ctx context.Context, req pipeline.ShardRequest) (pipeline.ShardDone, error) {
	done, err := s.processShard(ctx, req)
	return done, toTemporal(err)
}

func (s *Set) processShard(ctx context.Context, req pipeline.ShardRequest) (pipeline.ShardDone, error) {
	d, err := s.Catalog.Dataset(ctx, req.Run.Pipeline)
	if err != nil {
		return pipeline.ShardDone{}, err
	}
	sch, err := s.schema(ctx, d.Name, req.Staged.SchemaVersion)
	if err != nil {
		return pipeline.ShardDone{}, err
	}
	job := batch.Job{
		Batch: req.Staged.Batch, Shard: req.Shard, Schema: sch, SchemaVersion: req.Staged.SchemaVersion,
		Rules: d.Rules, Dir: shardDir(d.stagedDir(req.Run.RunID, req.Staged), req.Shard.Index),
	}
	// The engine reports progress as it reads; while the broker is silent this
	// says that the attempt is alive.
	ctx, stop := beating(ctx)
	defer stop()
	res, err := d.Engine.Process(ctx, d.Source, job, func(p batch.Progress) error {
		activity.RecordHeartbeat(ctx, p)
		return ctx.Err()
	})
	if err != nil {
		return pipeline.ShardDone{}, err
	}
	if err := writeJSON(filepath.Join(job.Dir, "result.json"), res); err != nil {
		return pipeline.ShardDone{}, err
	}
	return pipeline.ShardDone{Shard: res.Shard, Records: res.Records.Read, Bytes: res.Bytes}, nil
}

// Evaluate merges the shards' profiles and writes ge_results.json, and the page
// that shows it.
func (s *Set) Evaluate(ctx context.Context, req pipeline.EvaluateRequest) (pipeline.Evaluated, error) {
	ctx, stop := beating(ctx)
	defer stop()
	e, err := s.evaluate(ctx, req)
	return e, toTemporal(err)
}

func (s *Set) evaluate(ctx context.Context, req pipeline.EvaluateRequest) (pipeline.Evaluated, error) {
	d, err := s.Catalog.Dataset(ctx, req.Run.Pipeline)
	if err != nil {
		return pipeline.Evaluated{}, err
	}
	job, err := s.evaluateJob(ctx, d, req.Run, req.Staged)
	if err != nil {
		return pipeline.Evaluated{}, err
	}
	e, err := batch.Evaluate(ctx, job)
	if err != nil {
		return pipeline.Evaluated{}, err
	}
	if err := writeJSON(filepath.Join(job.Dir, "evaluation.json"), e); err != nil {
		return pipeline.Evaluated{}, err
	}
	s.drawPage(ctx, job, e.Document)
	return pipeline.Evaluated{Records: e.Records, Late: e.Late, Drift: e.Drift, Quality: e.Quality}, nil
}

func (s *Set) evaluateJob(ctx context.Context, d *Dataset, run pipeline.Run, staged pipeline.Staged) (batch.EvaluateJob, error) {
	sch, err := s.schema(ctx, d.Name, staged.SchemaVersion)
	if err != nil {
		return batch.EvaluateJob{}, err
	}
	dir := d.stagedDir(run.RunID, staged)
	results, err := shardResults(dir, staged.Shards)
	if err != nil {
		return batch.EvaluateJob{}, err
	}
	return batch.EvaluateJob{
		Batch: staged.Batch, Schema: sch, SchemaVersion: staged.SchemaVersion, Rules: d.Rules,
		MinShare: d.Policy.Drift.MinShare, Results: results, Dir: dir, RunID: run.RunID, At: run.StartedAt, Memory: d.QualityMemory,
	}, nil
}

func shardResults(dir string, shards int) ([]batch.Result, error) {
	out := make([]batch.Result, shards)
	for i := range out {
		if err := readJSON(filepath.Join(shardDir(dir, i), "result.json"), &out[i]); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// writeJSON replaces a small file as a whole.
func writeJSON(path string, v any) error {
	b, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return pipeline.Faultf(pipeline.Bug, "encode %s: %w", filepath.Base(path), err)
	}
	return writeFile(path, append(b, '\n'))
}

func writeFile(path string, b []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return pipeline.Misconfiguredf("DATA_DIR", "make the folder of %s: %w", path, err)
	}
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-*")
	if err != nil {
		return pipeline.Faultf(pipeline.Transient, "write %s: %w (setting: DATA_DIR)", path, err)
	}
	_, err = f.Write(b)
	if err == nil {
		err = f.Chmod(0o644)
	}
	if err == nil {
		err = f.Sync()
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		_ = os.Remove(f.Name()) // best effort: the error below is what counts
		return pipeline.Faultf(pipeline.Transient, "write %s: %w; if the disk is full, free space (setting: DATA_DIR)", path, err)
	}
	return nil
}

func readJSON(path string, v any) error {
	b, err := os.ReadFile(path)
	if err != nil {
		return pipeline.Faultf(pipeline.Bug, "read back %s, which an earlier step wrote: %w; workers must share DATA_DIR", path, err)
	}
	if err := json.Unmarshal(b, v); err != nil {
		return pipeline.Faultf(pipeline.Bug, "read back %s: %w", path, err)
	}
	return nil
}
