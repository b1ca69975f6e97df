package parquet

import (
	"context"

	"github.com/autonomous-data-pipeline/adp/pipeline"
	"github.com/autonomous-data-pipeline/adp/sink"
	"github.com/autonomous-data-pipeline/adp/sink/ledger"
	"github.com/autonomous-data-pipeline/adp/sink/readback"
)

// Validate reads a commit's files back with another Parquet implementation
// than wrote them. Files of a batch that has changed since are ErrConflict.
func (s *Sink) Validate(ctx context.Context, r sink.Receipt) (sink.Verdict, error) {
	if _, err := s.catchUp(ctx); err != nil {
		return sink.Verdict{}, err
	}
	v := sink.Verdict{BatchID: r.BatchID}
	for _, f := range r.Table {
		rows, problems, err := s.check(ctx, r.BatchID, f)
		if err != nil {
			return sink.Verdict{}, err
		}
		v.Rows, v.Problems = v.Rows+rows, append(v.Problems, problems...)
	}
	for _, f := range r.Quarantine {
		rows, problems, err := s.check(ctx, r.BatchID, f)
		if err != nil {
			return sink.Verdict{}, err
		}
		v.Rejects, v.Problems = v.Rejects+rows, append(v.Problems, problems...)
	}
	return v, nil
}

// check reads one file back. Bytes that aren't those that were committed are
// not decoded: there is nothing to learn, and a damaged length could ask the
// decoder for any amount of memory.
func (s *Sink) check(ctx context.Context, batchID string, f pipeline.File) (int64, []sink.Problem, error) {
	got, err := sum(ctx, f.Path)
	switch {
	case isGone(err):
		current, err := s.names(ctx, batchID, f.Path)
		if err == nil && !current {
			err = ledger.Conflictf("validate batch %s: it has changed since the receipt for %s", batchID, f.Path)
		}
		return 0, []sink.Problem{{File: f.Path, What: "missing file"}}, err
	case ctx.Err() != nil:
		return 0, nil, ctx.Err()
	case err != nil:
		return 0, []sink.Problem{{File: f.Path, What: "unreadable", Got: err.Error()}}, nil //nolint:nilerr // what can't be read is a finding
	case got != f.SHA256:
		return 0, []sink.Problem{{File: f.Path, What: "sha256", Want: f.SHA256, Got: got}}, nil
	}
	return readback.CheckFile(ctx, f)
}
