package parquet

import (
	"context"
	"errors"
	"io/fs"

	"github.com/autonomous-data-pipeline/adp/pipeline"
	"github.com/autonomous-data-pipeline/adp/sink"
	"github.com/autonomous-data-pipeline/adp/sink/ledger"
	"github.com/autonomous-data-pipeline/adp/sink/readback"
	"github.com/autonomous-data-pipeline/adp/sink/store"
)

// Entries lists the batches that have records outside the table, in the order
// of their loads.
func (s *Sink) Entries(ctx context.Context) ([]sink.Entry, error) {
	st, err := s.catchUp(ctx)
	if err != nil {
		return nil, err
	}
	return s.book.Entries(ctx, st)
}

// Rejects streams an entry's records file by file, in the files' order. An
// entry that has changed since it was read is ErrConflict.
func (s *Sink) Rejects(ctx context.Context, e sink.Entry, fn func(pipeline.Reject) error) error {
	for _, f := range e.Rejects {
		err := withLocal(ctx, s.quarantine, store.NameIn(s.quarantine, f.Path), func(path string) error {
			return readback.Rejects(ctx, path, fn)
		})
		if errors.Is(err, fs.ErrNotExist) {
			return s.vanished(ctx, e.BatchID, f.Path, err)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// vanished says why a file that a caller knows isn't there: the batch changed
// since, or the file was lost.
func (s *Sink) vanished(ctx context.Context, batchID, path string, cause error) error {
	current, err := s.names(ctx, batchID, path)
	if err != nil {
		return err
	}
	if !current {
		return ledger.Conflictf("read %s: batch %s has changed since", path, batchID)
	}
	return pipeline.Faultf(pipeline.BadData, "read %s of batch %s: %w: a commit names it, and it is gone: restore it from a backup", path, batchID, cause)
}

// names reports whether the log has a batch's file where path is.
func (s *Sink) names(ctx context.Context, batchID, path string) (bool, error) {
	st, err := s.catchUp(ctx)
	if err != nil {
		return false, err
	}
	return s.book.Names(ctx, st, batchID, path)
}
