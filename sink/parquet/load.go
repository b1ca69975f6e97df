package parquet

import (
	"context"
	"errors"

	"github.com/autonomous-data-pipeline/adp/pipeline"
	"github.com/autonomous-data-pipeline/adp/sink"
	"github.com/autonomous-data-pipeline/adp/sink/ledger"
	"github.com/autonomous-data-pipeline/adp/sink/store"
)

// Load commits a batch: its rows, its quarantine and the checkpoint. Staged
// files are copied, never moved or changed.
func (s *Sink) Load(ctx context.Context, l sink.Load) (sink.Receipt, error) {
	return s.commit(ctx, func(ctx context.Context, st *ledger.State) (ledger.Plan, error) {
		p, err := s.book.Load(ctx, st, l)
		if err == nil && p.Commit != nil && st.Sequence == 0 {
			err = s.unclaimed(ctx)
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

// Expire removes an entry's files for good.
func (s *Sink) Expire(ctx context.Context, batchID string, revision int64, reason string) error {
	_, err := s.commit(ctx, func(ctx context.Context, st *ledger.State) (ledger.Plan, error) {
		return s.book.Expire(ctx, st, batchID, revision, reason)
	})
	return err
}

// unclaimed refuses to begin a table among data that no log accounts for:
// rows would be doubled, or mixed with somebody else's.
func (s *Sink) unclaimed(ctx context.Context) error {
	if s.catalog != nil {
		return nil // it would have said so
	}
	for _, st := range []struct {
		store.Store
		setting string
	}{{s.table, settingPath}, {s.quarantine, settingQuarantine}} {
		found := ""
		err := st.Walk(ctx, ".", func(name string) error {
			found = st.Location(name)
			return errFound
		})
		if err != nil && !errors.Is(err, errFound) {
			return st.Fault(err, "list "+st.Location(""))
		}
		if found == "" {
			continue
		}
		begun, err := store.Has(ctx, s.table, logName(1))
		if err != nil {
			return s.table.Fault(err, "find commit "+s.log.where(1))
		}
		if begun {
			return ledger.Conflictf("begin table %s: another load has begun it", s.book.Table)
		}
		return pipeline.Misconfiguredf(st.setting,
			"begin table %s: data file %s is there, and no commit log: move the old data away, or restore %s", s.book.Table, found, s.table.Location(logDir))
	}
	return nil
}

// errFound ends a walk.
var errFound = errors.New("found")
