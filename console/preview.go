package console

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/autonomous-data-pipeline/adp/batch"
	"github.com/autonomous-data-pipeline/adp/batch/settle"
	"github.com/autonomous-data-pipeline/adp/config"
	"github.com/autonomous-data-pipeline/adp/ops"
	"github.com/autonomous-data-pipeline/adp/pipeline"
	"github.com/autonomous-data-pipeline/adp/schemas"
	"github.com/autonomous-data-pipeline/adp/sink"
	"github.com/autonomous-data-pipeline/adp/sink/readback"
)

// The bounds of a preview.
const (
	previewRecords = 10_000 // of each batch that are processed
	previewSample  = 20     // records that are shown
	previewLimit   = time.Minute
)

// Preview is what an answer would do. It is made by processing the records as
// the settlement would, and committing nothing.
type Preview struct {
	Resolution string        `json:"resolution"`
	Batches    []string      `json:"batches"`   // that the answer settles
	Records    int64         `json:"records"`   // outside the table now
	Load       int64         `json:"load"`      // of them that would go into it
	Stay       int64         `json:"stay"`      // and that would stay in quarantine
	Estimated  bool          `json:"estimated"` // Load and Stay follow from the first 10,000 suspect records of each batch
	Reasons    []ReasonCount `json:"reasons"`   // why records would stay, of those that were processed
	Added      []string      `json:"added"`     // columns that the table would get
	Sample     []Sample      `json:"sample"`
}

// Sample is a record before and after.
type Sample struct {
	Record
	After string            `json:"after"` // as the mapping mends it; the same as Raw without one
	Loads bool              `json:"loads"`
	Why   []pipeline.Reason `json:"why,omitempty"` // it would stay
}

// Preview says what an answer would do to a batch, or, with an incident, to all
// batches that its answer settles. A mapping that can't be applied is a BadData
// fault.
func (d *Desk) Preview(ctx context.Context, name, batchID, incident string, a pipeline.Answer) (Preview, error) {
	p := Preview{Resolution: a.Resolution, Batches: []string{}, Added: []string{}, Sample: []Sample{}}
	if err := d.previewable(name, a); err != nil {
		return p, err
	}
	batches := []string{batchID}
	if incident != "" {
		var err error
		if batches, err = d.Ops.BatchesOf(ctx, incident); err != nil {
			return p, err
		}
	}
	ctx, cancel := context.WithTimeout(ctx, previewLimit)
	defer cancel()
	v, err := d.previewer(ctx, name, a)
	if err != nil {
		return p, err
	}
	defer v.close()
	for _, id := range batches {
		e, err := d.Entry(ctx, name, id)
		if incident != "" && errors.Is(err, ops.ErrNotFound) {
			continue // nothing of this run is outside the table
		}
		if err == nil {
			err = v.add(ctx, e, &p)
		}
		if err != nil {
			return p, fmt.Errorf("preview %s of batch %s: %w", a.Resolution, id, err)
		}
		p.Batches = append(p.Batches, id)
	}
	p.Reasons = v.reasons.list()
	return p, nil
}

func (d *Desk) previewable(name string, a pipeline.Answer) error {
	if err := d.Declared(name); err != nil {
		return err
	}
	if !slices.Contains([]string{pipeline.Release, pipeline.Replay, pipeline.Discard, pipeline.Close}, a.Resolution) {
		return pipeline.Faultf(pipeline.BadData, "preview %q: it must be one of release, replay, discard, close", a.Resolution)
	}
	if a.Mapping == nil {
		return nil
	}
	if a.Resolution != pipeline.Replay {
		return pipeline.Faultf(pipeline.BadData, "preview %s: a mapping goes with replay", a.Resolution)
	}
	return batch.Mapping(*a.Mapping).Validate()
}

// previewer makes the previews of one answer.
type previewer struct {
	desk    *Desk
	job     settle.Job // but for the entry
	sink    sink.Sink
	reasons reasonCounts
}

func (d *Desk) previewer(ctx context.Context, name string, a pipeline.Answer) (*previewer, error) {
	set, err := config.NewCatalog(d.Config, d.Env).Dataset(ctx, name)
	if err != nil {
		return nil, err
	}
	version, ok, err := d.Ops.LatestSchema(ctx, name)
	if err != nil {
		return nil, err
	}
	sch := set.Declared
	if ok {
		sch = version.Schema
	}
	if err := os.MkdirAll(set.Staging, 0o755); err != nil {
		return nil, pipeline.Misconfiguredf("DATA_DIR", "make the staging folder %s: %w", set.Staging, err)
	}
	// Below staging, where what a crash leaves is cleared.
	dir, err := os.MkdirTemp(set.Staging, "preview-")
	if err != nil {
		return nil, pipeline.Misconfiguredf("DATA_DIR", "make a folder for the preview: %w", err)
	}
	return &previewer{desk: d, sink: set.Sink, reasons: reasonCounts{}, job: settle.Job{
		ID: "preview", Answer: a, Engine: set.Engine, Rules: set.Rules, MinShare: set.Policy.Drift.MinShare,
		Schema: sch, SchemaVersion: version.Version, Dir: dir, Beat: func(batch.Progress) error { return nil },
	}}, nil
}

func (v *previewer) close() { _ = os.RemoveAll(v.job.Dir) } // retention clears what is left

// add counts in what the answer would do to one entry.
func (v *previewer) add(ctx context.Context, e sink.Entry, p *Preview) error {
	p.Records += e.Records
	suspects, clean := pipeline.SumRows(e.Rejects), pipeline.SumRows(e.Held)
	switch p.Resolution {
	case pipeline.Discard, pipeline.Close:
		p.Stay += e.Records
		return v.sample(ctx, e, nil, p)
	}
	added, err := v.evolve(ctx, e)
	if err != nil {
		return err
	}
	p.Added = union(p.Added, added)
	looked, stays, err := v.process(ctx, e)
	if err != nil {
		return err
	}
	stay := int64(len(stays))
	if looked < suspects {
		p.Estimated = true
		stay = stay * suspects / max(1, looked)
	}
	p.Stay += stay
	p.Load += clean + suspects - stay
	return v.sample(ctx, e, stays, p)
}

func union(a, b []string) []string {
	for _, x := range b {
		if !slices.Contains(a, x) {
			a = append(a, x)
		}
	}
	return a
}

// evolve takes the fields that the mapping adds into the schema, as the
// settlement would.
func (v *previewer) evolve(ctx context.Context, e sink.Entry) ([]string, error) {
	if v.job.Answer.Mapping == nil || len(v.job.Answer.Mapping.Add) == 0 {
		return nil, nil
	}
	drift, err := v.desk.Ops.NewFields(ctx, e.RunID, v.job.Answer.Mapping.Add)
	if err != nil {
		return nil, err
	}
	next, err := v.job.Schema.Add(drift)
	if err != nil {
		return nil, err
	}
	added := newColumns(v.job.Schema, next)
	v.job.Schema = next
	return added, nil
}

func newColumns(old, next *schemas.Schema) []string {
	var out []string
	for _, f := range next.Fields {
		if old.Index(f.Name) < 0 {
			out = append(out, f.Name)
		}
	}
	return out
}

// place is where a record stands in Kafka.
type place struct {
	partition int32
	offset    int64
}

// process runs the entry's first records through the settlement's own code, and
// gives those that would stay, with why.
func (v *previewer) process(ctx context.Context, e sink.Entry) (looked int64, stays map[place][]pipeline.Reason, err error) {
	j := v.job
	j.Entry, j.Dir = e, filepath.Join(v.job.Dir, e.BatchID)
	// A settlement reads an entry more than once, file by file: which records
	// those are must be the same each time.
	first, err := v.first(ctx, e)
	if err != nil {
		return 0, nil, err
	}
	j.Rejects = func(ctx context.Context, e sink.Entry, fn func(pipeline.Reject) error) error {
		return v.sink.Rejects(ctx, e, func(r pipeline.Reject) error {
			if !first[place{r.Partition, r.Offset}] {
				return nil
			}
			return fn(r)
		})
	}
	staged, err := settle.Stage(ctx, j)
	if err != nil {
		return 0, nil, err
	}
	stays = map[place][]pipeline.Reason{}
	for _, f := range staged.Quarantine {
		if err := readback.Rejects(ctx, f.Path, func(r pipeline.Reject) error {
			stays[place{r.Partition, r.Offset}] = r.Reasons
			v.reasons.add(r.Reasons)
			return nil
		}); err != nil {
			return 0, nil, err
		}
	}
	return int64(len(first)), stays, nil
}

// first are the places of the entry's first records.
func (v *previewer) first(ctx context.Context, e sink.Entry) (map[place]bool, error) {
	places := map[place]bool{}
	err := v.sink.Rejects(ctx, e, func(r pipeline.Reject) error {
		if len(places) == previewRecords {
			return errEnough
		}
		places[place{r.Partition, r.Offset}] = true
		return nil
	})
	if errors.Is(err, errEnough) {
		err = nil
	}
	return places, err
}

// sample shows the entry's first records before and after.
func (v *previewer) sample(ctx context.Context, e sink.Entry, stays map[place][]pipeline.Reason, p *Preview) error {
	loads := p.Resolution == pipeline.Release || p.Resolution == pipeline.Replay
	err := v.sink.Rejects(ctx, e, func(r pipeline.Reject) error {
		if len(p.Sample) == previewSample {
			return errEnough
		}
		s := Sample{Record: recordOf(r)}
		s.After = s.Raw
		if m := v.job.Answer.Mapping; m != nil {
			s.After, _, _ = shown(batch.Mapping(*m).Mend(r.Raw))
		}
		why, stay := stays[place{r.Partition, r.Offset}]
		s.Loads, s.Why = loads && !stay, why
		p.Sample = append(p.Sample, s)
		return nil
	})
	if errors.Is(err, errEnough) {
		err = nil
	}
	return err
}
