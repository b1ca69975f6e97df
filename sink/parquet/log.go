package parquet

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/autonomous-data-pipeline/adp/pipeline"
	"github.com/autonomous-data-pipeline/adp/sink/ledger"
)

// snapshotEvery is how many commits may follow a snapshot: what a newly opened
// sink reads at most.
const snapshotEvery = 64

// txlog is the commit log: numbered files, each created whole or not at all.
// The commit is the truth; everything else in the folders is derived from it.
type txlog struct{ root root }

func (l txlog) dir() string { return filepath.Join(l.root.dir, logDir) }

func (l txlog) file(sequence int64) string {
	return filepath.Join(l.dir(), fmt.Sprintf("%020d.json", sequence))
}

func (l txlog) snapshotFile() string { return filepath.Join(l.dir(), "snapshot.json") }

// read returns nil if there is no such record.
func (l txlog) read(sequence int64) (*ledger.Record, error) {
	path := l.file(sequence)
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, l.root.fault(err, "read commit "+path)
	}
	var rec ledger.Record
	if err := json.Unmarshal(data, &rec); err != nil {
		return nil, bugf("read commit %s: %w: restore the file from a backup, nothing can be committed before", path, err)
	}
	if rec.Format != ledger.Format || rec.Sequence != sequence {
		return nil, bugf("read commit %s: it has format %d and sequence %d, this program reads format %d: is the program older than the table?", path, rec.Format, rec.Sequence, ledger.Format)
	}
	if !rec.Sound() || !contained(&rec) {
		return nil, bugf("read commit %s: it is no commit of this program: restore it from a backup", path)
	}
	return &rec, nil
}

// must reads a record that has to be there.
func (l txlog) must(sequence int64) (*ledger.Record, error) {
	rec, err := l.read(sequence)
	if err == nil && rec == nil {
		return nil, bugf("read commit %s: the file is gone, later commits build on it: restore it from a backup", l.file(sequence))
	}
	return rec, err
}

// append creates rec's file, or reports that another commit took its number.
// If it can't tell whether the commit was made, unsure is true.
func (l txlog) append(rec *ledger.Record, step func(point string)) (made, unsure bool, err error) {
	data, err := json.Marshal(rec)
	if err != nil {
		return false, false, bugf("encode commit %d: %w", rec.Sequence, err)
	}
	tmp := filepath.Join(l.dir(), rec.ID+".tmp")
	path := l.file(rec.Sequence)
	defer func() { _ = os.Remove(tmp) }() // its other name is the commit; left behind by a crash, Cleanup takes it
	if err := writeSynced(tmp, data); err != nil {
		return false, false, l.root.fault(err, "write commit "+tmp)
	}
	step("written")
	linked := os.Link(tmp, path)
	// What a link reports isn't the last word: over a network, one that was made
	// may be reported as one that existed, or as lost.
	there, err := l.read(rec.Sequence)
	switch {
	case err != nil:
		return false, true, err
	case there != nil && there.ID == rec.ID:
		step("committed")
		return true, false, l.root.fault(syncDir(l.dir()), "make commit "+path+" durable")
	case errors.Is(linked, fs.ErrExist):
		return false, false, nil
	default:
		return false, false, l.root.fault(linked, "make commit "+path+" by a hard link")
	}
}

// restore is the newest usable snapshot, or the state of an empty log. A
// snapshot that the log doesn't bear out is ignored: it is only a shortcut.
func (l txlog) restore() (*ledger.State, error) {
	data, err := os.ReadFile(l.snapshotFile())
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, l.root.fault(err, "read snapshot "+l.snapshotFile())
	}
	var st ledger.State
	if err != nil || json.Unmarshal(data, &st) != nil || st.Format != ledger.Format {
		return &ledger.State{}, nil //nolint:nilerr // a snapshot is derived: without one the log itself is read
	}
	rec, err := l.read(st.Sequence)
	if err != nil {
		return nil, err
	}
	if rec == nil || rec.ID != st.Tip {
		return &ledger.State{}, nil
	}
	return &st, nil
}

// saveSnapshot replaces the snapshot by st's.
func (l txlog) saveSnapshot(st *ledger.State) error {
	data, err := json.Marshal(st)
	if err != nil {
		return bugf("encode snapshot %d: %w", st.Sequence, err)
	}
	tmp, err := os.CreateTemp(l.dir(), "snapshot-*.tmp")
	if err != nil {
		return l.root.fault(err, "write a snapshot in "+l.dir())
	}
	_, err = tmp.Write(data)
	if err := errors.Join(err, tmp.Close()); err != nil {
		return l.root.fault(err, "write snapshot "+tmp.Name())
	}
	return l.root.fault(os.Rename(tmp.Name(), l.snapshotFile()), "replace snapshot "+l.snapshotFile())
}

// advance folds the records that were committed after st.
func (l txlog) advance(st *ledger.State) (*ledger.State, *ledger.Record, error) {
	var tip *ledger.Record
	for {
		rec, err := l.read(st.Sequence + 1)
		if err != nil || rec == nil {
			return st, tip, err
		}
		next, err := st.Fold(rec)
		if err != nil {
			return st, tip, pipeline.Faultf(pipeline.Bug, "follow commit %s: %w", l.file(rec.Sequence), err)
		}
		st, tip = next, rec
	}
}
