package batch

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/autonomous-data-pipeline/adp/dq"
	"github.com/autonomous-data-pipeline/adp/pipeline"
	"github.com/autonomous-data-pipeline/adp/source"
)

// SelectJob says which records of an evaluated batch stay out.
type SelectJob struct {
	EvaluateJob
	Evaluation  Evaluation
	Source      source.Reader // read again for duplicates that leave a clean file
	Hold        bool          // everything waits: Column, Values and KeepFailing don't matter
	Raw         bool          // of a held batch: rows wait as the records that they came from
	KeepFailing bool          // every failing record stays out
	Column      string        // failing records with one of Values here stay out
	Values      []string
}

// Selection is what a sink is to load: every record of the batch is in exactly
// one of its files.
type Selection struct {
	Table      []pipeline.File  `json:"table"`
	Quarantine []pipeline.File  `json:"quarantine"`
	Held       bool             `json:"held"`
	Records    pipeline.Records `json:"records"`
}

// Select applies a decision to staged files. Malformed records and those that
// don't conform to the schema always stay in quarantine; the failing ones
// beside them go to the table unless the job keeps them. Files that don't
// change are passed on as they are; new ones are written beside the shards',
// in a folder named after the choice, so that a repeat gives the same.
func Select(ctx context.Context, job SelectJob) (Selection, error) {
	if job.Hold && job.Raw {
		return job.holdRaw(ctx)
	}
	if job.Hold {
		return job.hold(), nil
	}
	s, err := newSelector(job)
	if err != nil {
		return Selection{}, err
	}
	out := Selection{Records: job.Evaluation.Records}
	for i, r := range job.Results {
		table, quarantine, err := s.shard(ctx, i, r)
		if err != nil {
			return Selection{}, err
		}
		out.Table, out.Quarantine = append(out.Table, table...), append(out.Quarantine, quarantine...)
	}
	out.Records.Loaded, out.Records.Quarantined = pipeline.SumRows(out.Table), pipeline.SumRows(out.Quarantine)
	if !out.Records.Conserved() {
		return Selection{}, pipeline.Faultf(pipeline.Bug, "select what batch %s loads: %d records were read, %d are to load and %d to quarantine",
			job.Batch.ID, out.Records.Read, out.Records.Loaded, out.Records.Quarantined)
	}
	return out, nil
}

// hold keeps the whole batch out as it is staged.
func (j SelectJob) hold() Selection {
	out := Selection{Held: true, Records: j.Evaluation.Records}
	for _, r := range j.Results {
		for _, f := range r.Files {
			if f.Kind == pipeline.CleanFile {
				out.Table = append(out.Table, f)
			} else {
				out.Quarantine = append(out.Quarantine, f)
			}
		}
	}
	out.Records.Held = out.Records.Read
	return out
}

// holdRaw keeps the whole batch out as it came: its rows lack what the schema
// doesn't know, which a person may want to have.
func (j SelectJob) holdRaw(ctx context.Context) (Selection, error) {
	s, err := newSelector(j)
	if err != nil {
		return Selection{}, err
	}
	out := Selection{Held: true, Records: j.Evaluation.Records}
	for i, r := range j.Results {
		rows := dq.NewPositions()
		for _, f := range r.Files {
			if f.Kind != pipeline.CleanFile {
				out.Quarantine = append(out.Quarantine, f)
				continue
			}
			if err := s.places(ctx, f, rows); err != nil {
				return Selection{}, err
			}
		}
		if rows.Len() == 0 {
			continue
		}
		raw, err := s.fetch(ctx, filepath.Join(s.dir, fmt.Sprintf("raw-%04d", i)), rows, s.waits)
		if err != nil {
			return Selection{}, err
		}
		out.Quarantine = append(out.Quarantine, raw...)
	}
	out.Records.Held = out.Records.Read
	return out, nil
}

// waits are the reasons of a row that is held as it came.
func (s *selector) waits(prog *dq.Program, p dq.Position) []pipeline.Reason {
	return append(s.duplicates.reasons(prog, p), pipeline.Reason{Code: string(pipeline.FieldAdded), Detail: "held until somebody decides on new fields"})
}

// places adds where a clean file's rows come from.
func (s *selector) places(ctx context.Context, f pipeline.File, to *dq.Positions) error {
	return readStaged(ctx, f.Path, placeSpecs(), func(cols []column) error {
		for row := range cols[0].rows() {
			p := placeOf(cols, row)
			to.Add(p.Partition, p.Offset)
		}
		return nil
	})
}

// selector applies one choice to shard after shard.
type selector struct {
	job        SelectJob
	values     map[string]bool
	duplicates duplicates
	duplicated *dq.Positions
	dir        string
}

func newSelector(job SelectJob) (*selector, error) {
	if job.Column != "" && !slices.Contains(job.Rules.Segments, job.Column) {
		return nil, pipeline.Misconfiguredf("quality.segments", "keep records of batch %s out by column %q: it is not among the segment columns %s",
			job.Batch.ID, job.Column, strings.Join(job.Rules.Segments, ", "))
	}
	d, err := readDuplicates(job.Evaluation.Duplicates)
	if err != nil {
		return nil, err
	}
	s := &selector{job: job, values: map[string]bool{}, duplicates: d, duplicated: dq.NewPositions()}
	for _, set := range d {
		for p := range set.All() {
			s.duplicated.Add(p.Partition, p.Offset)
		}
	}
	for _, v := range job.Values {
		s.values[v] = true
	}
	s.dir, err = job.folder()
	return s, err
}

// folder is named after what is chosen.
func (j SelectJob) folder() (string, error) {
	b, err := json.Marshal([]any{j.KeepFailing, j.Raw, j.Column, slices.Sorted(slices.Values(j.Values)), j.Schema.Fingerprint()})
	if err != nil {
		return "", pipeline.Faultf(pipeline.Bug, "name the selection of batch %s: %w", j.Batch.ID, err)
	}
	sum := sha256.Sum256(b)
	return filepath.Join(j.Dir, "select-"+hex.EncodeToString(sum[:6])), nil
}

// keepsSome reports whether any failing record that conforms stays out.
func (s *selector) keepsSome() bool {
	return s.job.KeepFailing || s.job.Column != "" && len(s.values) > 0
}

// keeps reports whether a failing record with this value in the chosen column
// stays out.
func (s *selector) keeps(value string) bool {
	return s.job.KeepFailing || s.job.Column != "" && s.values[value]
}

// shard selects from one shard's files.
func (s *selector) shard(ctx context.Context, i int, r Result) (table, quarantine []pipeline.File, err error) {
	dir := filepath.Join(s.dir, fmt.Sprintf("shard-%04d", i))
	moved := dq.NewPositions() // duplicates that leave their clean file
	for _, f := range r.Files {
		var t, q []pipeline.File
		switch f.Kind {
		case pipeline.CleanFile:
			t, err = s.clean(ctx, dir, f, moved)
		case pipeline.SuspectFile:
			t, q, err = s.suspects(ctx, filepath.Join(dir, "released"), f)
		default:
			q = []pipeline.File{f}
		}
		if err != nil {
			return nil, nil, err
		}
		table, quarantine = append(table, t...), append(quarantine, q...)
	}
	if moved.Len() > 0 {
		q, err := s.fetch(ctx, filepath.Join(dir, "duplicates"), moved, s.duplicates.reasons)
		if err != nil {
			return nil, nil, err
		}
		quarantine = append(quarantine, q...)
	}
	return table, quarantine, nil
}
