package parquet

import (
	"context"
	"slices"

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
	listed, err := s.listed(ctx, r)
	if err != nil {
		return sink.Verdict{}, err
	}
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
	for _, p := range listed {
		same := func(q sink.Problem) bool { return q.File == p.File && q.What == p.What }
		if !slices.ContainsFunc(v.Problems, same) {
			v.Problems = append(v.Problems, p)
		}
	}
	return v, nil
}

// listed is what a catalog's list of the table's files has against a receipt.
func (s *Sink) listed(ctx context.Context, r sink.Receipt) ([]sink.Problem, error) {
	if s.catalog == nil {
		return nil, nil
	}
	problems, err := s.catalog.Check(ctx, s.named(r.Table))
	for _, p := range problems {
		if err == nil {
			err = s.still(ctx, r.BatchID, p)
		}
	}
	return problems, err
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
		missing := sink.Problem{File: f.Path, What: MissingFile}
		return 0, []sink.Problem{missing}, s.still(ctx, batchID, missing)
	}
	if st.Remote() {
		return 0, nil, st.Fault(read, "read back "+f.Path)
	}
	return 0, []sink.Problem{{File: f.Path, What: "unreadable", Got: read.Error()}}, nil
}

// MissingFile is the problem of a file that isn't where a commit has put it.
const MissingFile = "missing file"

// still is ErrConflict if a file is missing because its batch has changed since.
func (s *Sink) still(ctx context.Context, batchID string, p sink.Problem) error {
	if p.What != MissingFile {
		return nil
	}
	current, err := s.names(ctx, batchID, p.File)
	if err == nil && !current {
		err = ledger.Conflictf("validate batch %s: it has changed since the receipt for %s", batchID, p.File)
	}
	return err
}

// named are files by their names in the table's store.
func (s *Sink) named(files []pipeline.File) []pipeline.File {
	out := slices.Clone(files)
	for i := range out {
		out[i].Path = store.NameIn(s.table, out[i].Path)
	}
	return out
}
