package batch

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/autonomous-data-pipeline/adp/dq"
	"github.com/autonomous-data-pipeline/adp/pipeline"
	"github.com/autonomous-data-pipeline/adp/schemas"
	"github.com/autonomous-data-pipeline/adp/source"
)

// Local is the engine inside this process.
type Local struct {
	cfg  Config
	disk disk
	now  func() time.Time
}

// New makes an engine. The configuration must be valid.
func New(cfg Config) *Local {
	return &Local{cfg: cfg.WithDefaults(), disk: realDisk(), now: time.Now}
}

var _ Engine = (*Local)(nil)

// Process stages one shard in one pass over its records, in the order of its
// ranges. Staged files appear whole, under names that depend on the records
// alone; profile.json comes last. A fault of the source and an error of beat
// come back as they are.
func (l *Local) Process(ctx context.Context, src source.Reader, job Job, beat func(Progress) error) (Result, error) {
	prog, err := compile(job.Schema, job.Rules)
	if err != nil {
		return Result{}, err
	}
	if err := prepare(job.Dir, l.now()); err != nil {
		return Result{}, err
	}
	p, err := newPass(l, job, prog, beat)
	if err != nil {
		return Result{}, err
	}
	defer p.stage.abandon()
	for _, r := range job.Shard.Ranges {
		if err := p.read(ctx, src, r); err != nil {
			return Result{}, err
		}
	}
	return p.finish()
}

// compile checks what a pipeline declares against the schema, and reports all
// that is wrong.
func compile(s *schemas.Schema, r Rules) (*dq.Program, error) {
	if err := r.check(s); err != nil {
		return nil, err
	}
	prog, err := dq.Compile(r.Suite, s)
	if err != nil {
		return nil, pipeline.Misconfiguredf("quality.rules", "compile the rules of suite %q: %w", r.Suite.Name, err)
	}
	return prog, nil
}

func (r Rules) check(s *schemas.Schema) error {
	var errs []error
	if r.Format != "" && r.Format != "json" {
		errs = append(errs, pipeline.Misconfiguredf("source.format", "decode records of format %q: this engine reads json", r.Format))
	}
	if r.EventTime != "" {
		if i := s.Index(r.EventTime); i < 0 || s.Fields[i].Type != schemas.Timestamp {
			errs = append(errs, pipeline.Misconfiguredf("schema.event_time", "find the event time: schema %s has no timestamp column %q", s.Name, r.EventTime))
		}
	}
	if r.AllowedLateness < 0 {
		errs = append(errs, pipeline.Misconfiguredf("schema.allowed_lateness", "measure lateness: %s is negative", r.AllowedLateness))
	}
	for i, c := range r.Segments {
		if s.Index(c) < 0 {
			errs = append(errs, pipeline.Misconfiguredf("quality.segments", "count by segment: schema %s has no column %q", s.Name, c))
		}
		for _, other := range r.Segments[:i] {
			if other == c {
				errs = append(errs, pipeline.Misconfiguredf("quality.segments", "count by segment: column %q is named twice", c))
			}
		}
	}
	switch len(errs) {
	case 0:
		return nil
	case 1:
		return errs[0]
	}
	return &pipeline.Fault{Kind: pipeline.Misconfigured, Err: fmt.Errorf("check the pipeline's declaration: %w", errors.Join(errs...))}
}
