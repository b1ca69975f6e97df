package parquet

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path"

	"github.com/autonomous-data-pipeline/adp/pipeline"
	"github.com/autonomous-data-pipeline/adp/sink/ledger"
	"github.com/autonomous-data-pipeline/adp/sink/store"
)

// snapshotEvery is how many commits may follow a snapshot: what a newly opened
// sink reads at most.
const snapshotEvery = 64

// snapshotName is the snapshot's file.
const snapshotName = logDir + "/snapshot.json"

// txlog is the commit log: numbered files, each created whole or not at all.
// The commit is the truth; everything else in the store is derived from it.
type txlog struct {
	store   store.Store
	catalog Catalog // where commits are made, if not here
}

func logName(sequence int64) string { return path.Join(logDir, fmt.Sprintf("%020d.json", sequence)) }

// where names a record in errors.
func (l txlog) where(sequence int64) string { return l.store.Location(logName(sequence)) }

// read returns nil if there is no such record.
func (l txlog) read(ctx context.Context, sequence int64) (*ledger.Record, error) {
	at := l.where(sequence)
	data, err := store.ReadFile(ctx, l.store, logName(sequence))
	if store.IsGone(err) {
		return nil, nil
	}
	if err != nil {
		return nil, l.store.Fault(err, "read commit "+at)
	}
	var rec ledger.Record
	if err := json.Unmarshal(data, &rec); err != nil {
		return nil, bugf("read commit %s: %w: restore the file from a backup, nothing can be committed before", at, err)
	}
	if rec.Format != ledger.Format || rec.Sequence != sequence {
		return nil, bugf("read commit %s: it has format %d and sequence %d, this program reads format %d: is the program older than the table?", at, rec.Format, rec.Sequence, ledger.Format)
	}
	if !rec.Sound() || !contained(&rec) {
		return nil, bugf("read commit %s: it is no commit of this program: restore it from a backup", at)
	}
	return &rec, nil
}

// must reads a record that has to be there.
func (l txlog) must(ctx context.Context, sequence int64) (*ledger.Record, error) {
	rec, err := l.read(ctx, sequence)
	if err == nil && rec == nil {
		return nil, bugf("read commit %s: the file is gone, later commits build on it: restore it from a backup", l.where(sequence))
	}
	return rec, err
}

// append creates rec's file, or reports that another commit took its number.
// If it can't tell whether the commit was made, unsure is true.
func (l txlog) append(ctx context.Context, rec *ledger.Record, step func(point string)) (made, unsure bool, err error) {
	data, err := json.Marshal(rec)
	if err != nil {
		return false, false, bugf("encode commit %d: %w", rec.Sequence, err)
	}
	if l.catalog != nil {
		return l.propose(ctx, rec, data, step)
	}
	unsure, created := l.store.Create(ctx, logName(rec.Sequence), rec.ID, data, step)
	// What that reports isn't the last word: over a network, a file that was made
	// may be reported as one that existed, or as lost.
	there, err := l.read(context.WithoutCancel(ctx), rec.Sequence)
	switch {
	case err != nil:
		return false, true, err
	case there != nil && there.ID == rec.ID:
		step("committed")
		return true, false, nil
	case errors.Is(created, fs.ErrExist):
		return false, false, nil
	default:
		return false, unsure, l.store.Fault(created, "make commit "+l.where(rec.Sequence))
	}
}

// restore is the newest usable snapshot, or the state of an empty log. A
// snapshot that the log doesn't bear out is ignored: it is only a shortcut.
func (l txlog) restore(ctx context.Context) (*ledger.State, error) {
	data, err := store.ReadFile(ctx, l.store, snapshotName)
	if err != nil && !store.IsGone(err) {
		return nil, l.store.Fault(err, "read snapshot "+l.store.Location(snapshotName))
	}
	var st ledger.State
	if err != nil || json.Unmarshal(data, &st) != nil || st.Format != ledger.Format {
		// A snapshot is derived: without one the log itself is read. But a store
		// that isn't there must not look like an empty one.
		return &ledger.State{}, l.store.Fault(l.store.Ready(ctx), "open "+l.store.Location(logDir))
	}
	rec, err := l.read(ctx, st.Sequence)
	if err != nil {
		return nil, err
	}
	if rec == nil || rec.ID != st.Tip {
		return &ledger.State{}, nil
	}
	return &st, nil
}

// saveSnapshot replaces the snapshot by st's.
func (l txlog) saveSnapshot(ctx context.Context, st *ledger.State) error {
	data, err := json.Marshal(st)
	if err != nil {
		return bugf("encode snapshot %d: %w", st.Sequence, err)
	}
	return l.store.Fault(l.store.Replace(ctx, snapshotName, data), "replace snapshot "+l.store.Location(snapshotName))
}

// advance folds the records that were committed after st.
func (l txlog) advance(ctx context.Context, st *ledger.State) (*ledger.State, *ledger.Record, error) {
	var tip *ledger.Record
	for {
		rec, err := l.read(ctx, st.Sequence+1)
		if err == nil && rec == nil {
			if more, err := l.follow(ctx, st); err != nil || !more {
				return st, tip, err
			}
			continue
		}
		if err != nil {
			return st, tip, err
		}
		next, err := st.Fold(rec)
		if err != nil {
			return st, tip, pipeline.Faultf(pipeline.Bug, "follow commit %s: %w", l.where(rec.Sequence), err)
		}
		st, tip = next, rec
	}
}
