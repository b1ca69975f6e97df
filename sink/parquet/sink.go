// Package parquet is the sink on a folder or in object storage: a table is
// Hive-style Parquet files that any tool reads, committed by a log beside them.
// One numbered file of the log is one commit; it is created whole or not at all,
// and from then on everybody who opens the sink finishes putting the files into
// place. The package decides nothing about data, and deletes nothing that a
// commit names.
package parquet

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/autonomous-data-pipeline/adp/pipeline"
	"github.com/autonomous-data-pipeline/adp/sink"
	"github.com/autonomous-data-pipeline/adp/sink/ledger"
	"github.com/autonomous-data-pipeline/adp/sink/store"
)

// Sink is one table in a folder. It is safe for concurrent use, also by several
// processes on one machine.
type Sink struct {
	table      store.Store
	quarantine store.Store
	log        txlog
	catalog    Catalog // nil: the log is the truth
	book       ledger.Book
	now        func() time.Time
	step       func(point string) // called between the steps of a commit; tests kill the process there

	mu        sync.Mutex
	st        *ledger.State // the log as far as it was read; nil before the first look
	tip       string        // stamp of st's last record
	published int64         // up to which commits are known to be in place
	snapshot  int64         // the newest that this sink knows of
}

var _ sink.Sink = (*Sink)(nil)

// New checks the settings. It touches no file: folders are made by the first
// load.
func New(cfg Config) (*Sink, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	table, err := cfg.table().Open(settingPath)
	if err != nil {
		return nil, err
	}
	quarantine, err := cfg.quarantine().Open(settingQuarantine)
	if err != nil {
		return nil, errors.Join(err, table.Close())
	}
	return newSink(cfg.table().String(), table, quarantine), nil
}

func newSink(name string, table, quarantine store.Store) *Sink {
	s := &Sink{table: table, quarantine: quarantine, now: time.Now, step: ledger.Step}
	s.log = txlog{store: table}
	s.book = ledger.Book{Table: name, TablePath: table.Location, QuarantinePath: quarantine.Location, Read: s.log.must}
	return s
}

// State is the last commit's. It finishes publishing that commit first.
func (s *Sink) State(ctx context.Context) (sink.State, error) {
	st, err := s.catchUp(ctx)
	if err != nil {
		return sink.State{}, err
	}
	return st.Public(), nil
}

// Gaps lists what loads found gone, merged and ordered.
func (s *Sink) Gaps(ctx context.Context) ([]pipeline.Range, error) {
	st, err := s.catchUp(ctx)
	if err != nil {
		return nil, err
	}
	return st.Missing(), nil
}

// Covered lists the ranges of the loads that are in, merged and ordered.
func (s *Sink) Covered(ctx context.Context) ([]pipeline.Range, error) {
	st, err := s.catchUp(ctx)
	if err != nil {
		return nil, err
	}
	return slices.Clone(st.Covered), nil
}

// Close gives connections to object storage back. No file is open between calls.
func (s *Sink) Close() error {
	var err error
	if s.catalog != nil {
		err = s.catalog.Close()
	}
	return errors.Join(err, s.table.Close(), s.quarantine.Close())
}

// catchUp reads what was committed since the last look, and puts the newest
// commit's files into place. Older ones are in place: nobody commits before.
func (s *Sink) catchUp(ctx context.Context) (*ledger.State, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.recall(ctx); err != nil {
		return nil, err
	}
	st, tip, err := s.log.advance(ctx, s.st)
	if err != nil {
		s.st = nil // begin anew: the log may have been replaced under us
		return nil, err
	}
	if st.Sequence > s.published {
		if tip == nil {
			if tip, err = s.log.must(ctx, st.Sequence); err != nil {
				return nil, err
			}
		}
		if err := s.publish(ctx, tip); err != nil {
			return nil, err
		}
		s.published = st.Sequence
	}
	if s.st != st {
		if s.tip, err = s.stamp(ctx, st.Sequence); err != nil {
			return nil, err
		}
	}
	s.st = st
	return st, nil
}

// recall forgets what was read of a log that isn't there any more: the folder
// was cleared, or replaced, while this sink was open.
func (s *Sink) recall(ctx context.Context) error {
	if s.st != nil && s.st.Sequence > 0 {
		if tip, err := s.stamp(ctx, s.st.Sequence); err != nil || tip != s.tip {
			s.st = nil
		}
	}
	if s.st != nil {
		return nil
	}
	st, err := s.log.restore(ctx)
	if err != nil {
		return err
	}
	s.st, s.tip, s.published, s.snapshot = st, "", 0, st.Sequence
	if st.Sequence > 0 {
		s.tip, err = s.stamp(ctx, st.Sequence)
	}
	return err
}

// stamp tells a commit's file from another one under its name.
func (s *Sink) stamp(ctx context.Context, sequence int64) (string, error) {
	stamp, err := s.log.store.Stamp(ctx, logName(sequence))
	return stamp, s.log.store.Fault(err, "find commit "+s.log.where(sequence))
}

// decision plans a commit on top of a state.
type decision func(ctx context.Context, st *ledger.State) (ledger.Plan, error)

// commit makes the decided commit, and decides again whenever another commit
// came first. The receipt is zero if there was nothing to commit.
func (s *Sink) commit(ctx context.Context, decide decision) (sink.Receipt, error) {
	a := newAttempt()
	defer func() { a.drop(context.WithoutCancel(ctx), s.table, s.quarantine) }()
	for {
		st, err := s.catchUp(ctx)
		if err != nil {
			return sink.Receipt{}, err
		}
		p, err := decide(ctx, st)
		switch {
		case err != nil:
			return sink.Receipt{}, err
		case p.Repeat != nil:
			return *p.Repeat, nil
		case p.Commit == nil:
			return sink.Receipt{}, nil
		}
		rec, err := s.bring(ctx, p, a)
		if store.IsGone(err) && s.movedOn(ctx, st) {
			continue // another commit took the file away: what it decided comes first
		}
		if err != nil {
			return sink.Receipt{}, err
		}
		rec.Follow(st, a.id, s.now())
		settleNames(rec)
		made, err := s.try(ctx, rec, a)
		if err != nil {
			return sink.Receipt{}, err
		}
		if made {
			return s.book.Receipt(rec, rec), s.finish(context.WithoutCancel(ctx))
		}
	}
}

// movedOn reports whether there are commits after st.
func (s *Sink) movedOn(ctx context.Context, st *ledger.State) bool {
	now, err := s.catchUp(ctx)
	return err == nil && now.Sequence != st.Sequence
}

// try makes one commit, or finds its number taken.
func (s *Sink) try(ctx context.Context, rec *ledger.Record, a *attempt) (bool, error) {
	if err := a.seal(ctx); err != nil {
		return false, err
	}
	s.step("staged")
	made, unsure, err := s.log.append(ctx, rec, s.step)
	a.kept = made || unsure
	return made, err
}

// finish publishes what was just committed, and takes a snapshot now and then.
func (s *Sink) finish(ctx context.Context) error {
	st, err := s.catchUp(ctx)
	if err != nil {
		return err
	}
	s.mu.Lock()
	due := st.Sequence-s.snapshot >= snapshotEvery
	if due {
		s.snapshot = st.Sequence
	}
	s.mu.Unlock()
	if !due {
		return nil
	}
	_ = s.log.saveSnapshot(ctx, st) // one that can't be written costs the next opener time, no more
	return nil
}
