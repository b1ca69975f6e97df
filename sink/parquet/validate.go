package parquet

import (
	"context"

	"github.com/autonomous-data-pipeline/adp/pipeline"
	"github.com/autonomous-data-pipeline/adp/sink"
	"github.com/autonomous-data-pipeline/adp/sink/ledger"
	"github.com/autonomous-data-pipeline/adp/sink/readback"
	"github.com/autonomous-data-pipeline/adp/sink/store"
)

// Validate reads a commit's files back with another Parquet implementation
// than wrote them. Files of a batch that has changed since are ErrConflict.
func (s *Sink) Validate(ctx context.Context, r sink.Receipt) (sink.Verdict, error) {
	if _, err := s.catchUp(ctx); err != nil {
		return sink.Verdict{}, err
	}
	v := sink.Verdict{BatchID: r.BatchID}
	for _, f := range r.Table {
		rows, problems, err := s.check(ctx, s.table, r.BatchID, f)
		if err != nil {
			return sink.Verdict{}, err
		}
		v.Rows, v.Problems = v.Rows+rows, append(v.Problems, problems...)
	}
	for _, f := range r.Quarantine {
		rows, problems, err := s.check(ctx, s.quarantine, r.BatchID, f)
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
func (s *Sink) check(ctx context.Context, st store.Store, batchID string, f pipeline.File) (rows int64, problems []sink.Problem, err error) {
	read := withLocal(ctx, st, store.NameIn(st, f.Path), func(path string) error {
		got, err := store.Sum(ctx, path)
		if err != nil {
			return err
		}
		if got != f.SHA256 {
			problems = []sink.Problem{{File: f.Path, What: "sha256", Want: f.SHA256, Got: got}}
			return nil
		}
		local := f
		local.Path = path
		rows, problems, err = readback.CheckFile(ctx, local)
		for i := range problems {
			problems[i].File = f.Path
		}
		return err
	})
	switch {
	case read == nil:
		return rows, problems, nil
	case ctx.Err() != nil:
		return 0, nil, ctx.Err()
	case store.IsGone(read):
		current, err := s.names(ctx, batchID, f.Path)
		if err == nil && !current {
			err = ledger.Conflictf("validate batch %s: it has changed since the receipt for %s", batchID, f.Path)
		}
		return 0, []sink.Problem{{File: f.Path, What: "missing file"}}, err
	}
	if st.Remote() {
		return 0, nil, st.Fault(read, "read back "+f.Path)
	}
	return 0, []sink.Problem{{File: f.Path, What: "unreadable", Got: read.Error()}}, nil
}
