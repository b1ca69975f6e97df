package batch

import (
	"context"
	"io"
	"path/filepath"
	"time"

	"github.com/autonomous-data-pipeline/adp/dq"
	"github.com/autonomous-data-pipeline/adp/pipeline"
	"github.com/autonomous-data-pipeline/adp/schemas"
)

// resultsName is the quality document's file in a batch's staging folder.
const resultsName = "ge_results.json"

// EvaluateJob names a staged batch: every shard's result.
type EvaluateJob struct {
	Batch         pipeline.Batch
	Schema        *schemas.Schema
	SchemaVersion int
	Rules         Rules
	MinShare      float64 // of records read: rarer drift is stray values
	Results       []Result
	Dir           string // the batch's folder in staging; made if missing
	RunID         string
	At            time.Time // when the run started; stamped on the quality document
	Memory        int64     // bytes that counts may hold before they are spilled, default 256 MiB: dq.memory
}

func (j EvaluateJob) memory() int64 {
	return Config{QualityMemory: j.Memory}.WithDefaults().QualityMemory
}

// Evaluation is what a staged batch holds, as numbers.
type Evaluation struct {
	Records     pipeline.Records `json:"records"` // Read, Clean, Suspect, Malformed
	Late        pipeline.Late    `json:"late"`
	Drift       []pipeline.Drift `json:"drift"`
	Quality     pipeline.Quality `json:"quality"`
	ResultsPath string           `json:"results_path"`         // ge_results.json
	Duplicates  string           `json:"duplicates,omitempty"` // positions of duplicate rows in clean files; empty if there are none
	Document    dq.Document      `json:"-"`                    // what is in ResultsPath
}

// Evaluate merges the shards' profiles, finds duplicates over the whole batch,
// counts failing records, and writes the quality document. It gives the same
// evaluation however the batch was split into shards.
//
// A failing record is malformed, breaks a rule that counts, is a duplicate, or
// has stray drift. A record with drift of at least MinShare is none: it stays
// out in any case, and the drift itself is what is reported.
func Evaluate(ctx context.Context, job EvaluateJob) (Evaluation, error) {
	prog, err := compile(job.Schema, job.Rules)
	if err != nil {
		return Evaluation{}, err
	}
	if err := prepare(job.Dir, time.Now()); err != nil {
		return Evaluation{}, err
	}
	prof, quality, err := mergeProfiles(job, prog)
	if err != nil {
		return Evaluation{}, err
	}
	drift := prof.drift(job.Schema)
	s, err := newSurvey(job, prog, prof, quality, setAside(drift, job.MinShare))
	if err != nil {
		return Evaluation{}, err
	}
	if err := s.run(ctx); err != nil {
		return Evaluation{}, err
	}
	e := Evaluation{Records: prof.Records, Late: prof.late(job.Rules), Drift: drift}
	if e.Quality, err = s.quality(); err != nil {
		return Evaluation{}, err
	}
	moved := s.duplicated.Len()
	e.Records.Clean, e.Records.Suspect = e.Records.Clean-moved, e.Records.Suspect+moved
	err = s.write(&e, quality)
	return e, err
}

func (p *profile) late(r Rules) pipeline.Late {
	return pipeline.Late{
		Count: p.Late, Share: share(p.Late, p.Records.Read),
		AllowedLatenessS: int64(r.AllowedLateness / time.Second), MaxLatenessS: p.MaxLatenessUs / 1_000_000,
	}
}

// write stages the quality document and the duplicates.
func (s *survey) write(e *Evaluation, quality *dq.Profile) error {
	e.Document = s.prog.Results(quality, dq.Options{RunID: s.job.RunID, RunTime: s.job.At, BatchID: s.job.Batch.ID})
	e.ResultsPath = filepath.Join(s.job.Dir, resultsName)
	err := realDisk().write(e.ResultsPath, func(w io.Writer) error { return dq.WriteDocument(w, e.Document) })
	if err != nil {
		return err
	}
	if s.duplicated.Len() > 0 {
		e.Duplicates = filepath.Join(s.job.Dir, "duplicates.bin")
		if err := s.duplicates.write(realDisk(), e.Duplicates, s.duplicated); err != nil {
			return err
		}
	}
	return syncDir(s.job.Dir)
}
