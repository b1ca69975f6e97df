package parquet

import (
	"context"
	"io/fs"
	"path/filepath"
	"strings"

	"github.com/autonomous-data-pipeline/adp/pipeline"
	"github.com/autonomous-data-pipeline/adp/sink"
	"github.com/autonomous-data-pipeline/adp/sink/ledger"
)

// Load commits a batch: its rows, its quarantine and the checkpoint. Staged
// files are copied, never moved or changed.
func (s *Sink) Load(ctx context.Context, l sink.Load) (sink.Receipt, error) {
	return s.commit(ctx, func(ctx context.Context, st *ledger.State) (ledger.Plan, error) {
		p, err := s.book.Load(ctx, st, l)
		if err == nil && p.Commit != nil && st.Sequence == 0 {
			err = s.unclaimed()
		}
		return p, err
	})
}

// Settle moves records of one batch between quarantine and table.
func (s *Sink) Settle(ctx context.Context, st sink.Settlement) (sink.Receipt, error) {
	return s.commit(ctx, func(ctx context.Context, now *ledger.State) (ledger.Plan, error) {
		return s.book.Settle(ctx, now, st)
	})
}

// Rollback removes the last load's files, and sets the checkpoint back.
func (s *Sink) Rollback(ctx context.Context, batchID, reason string) (sink.State, error) {
	_, err := s.commit(ctx, func(ctx context.Context, st *ledger.State) (ledger.Plan, error) {
		return s.book.Rollback(ctx, st, batchID, reason)
	})
	if err != nil {
		return sink.State{}, err
	}
	return s.State(ctx)
}

// unclaimed refuses to begin a table among data that no log accounts for:
// rows would be doubled, or mixed with somebody else's.
func (s *Sink) unclaimed() error {
	for _, r := range []root{s.table, s.quarantine} {
		found, err := r.anyData()
		if err != nil {
			return err
		}
		if found == "" {
			continue
		}
		begun, err := exists(s.log.file(1))
		if err != nil {
			return s.table.fault(err, "find commit "+s.log.file(1))
		}
		if begun {
			return ledger.Conflictf("begin table %s: another load has begun it", s.table.dir)
		}
		return pipeline.Misconfiguredf(r.setting,
			"begin table %s: data file %s is there, and no commit log: move the old data away, or restore %s", s.table.dir, found, s.log.dir())
	}
	return nil
}

// anyData is the path of some visible data file, or empty.
func (r root) anyData() (string, error) {
	found := ""
	err := r.walk(func(path string) error {
		found = path
		return fs.SkipAll
	})
	return found, err
}

// walk calls fn for every visible data file below the root.
func (r root) walk(fn func(path string) error) error {
	return filepath.WalkDir(r.dir, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil && path == r.dir && isGone(err):
			return nil // nothing was committed yet
		case err != nil:
			return r.fault(err, "list "+path)
		case d.IsDir() && path != r.dir && strings.HasPrefix(d.Name(), "_"):
			return fs.SkipDir
		case d.IsDir() || !strings.HasSuffix(d.Name(), dataSuffix):
			return nil
		}
		return fn(path)
	})
}
