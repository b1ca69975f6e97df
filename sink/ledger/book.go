package ledger

import (
	"context"
	"slices"
	"time"

	"github.com/autonomous-data-pipeline/adp/pipeline"
	"github.com/autonomous-data-pipeline/adp/sink"
)

// Book decides what may be committed on top of a state. It reads earlier
// commits, and changes nothing.
type Book struct {
	Table string // its name, for errors

	// Read gives a commit that has to be there; that it isn't is an error.
	Read func(ctx context.Context, sequence int64) (*Record, error)

	// How callers see the path of a file of the table, or outside it. Nil is
	// as it is recorded.
	TablePath      func(path string) string
	QuarantinePath func(path string) string
}

// Plan is what a call comes to on a state: a repeat, a commit to make, or, with
// neither, nothing to do.
type Plan struct {
	Repeat *sink.Receipt // it was committed before
	Commit *Record       // complete but for Table, Rejects and Held, which are the items below once the sink has placed them

	Table   []Item // to become rows
	Rejects []Item // the entry's suspect and malformed files, afterwards
	Held    []Item // the entry's clean files, afterwards
}

// Origin is where an item is now.
type Origin int

// The origins of an item.
const (
	Staged Origin = iota // a staged file, to be brought in; never moved or changed
	Own                  // a file of the batch's entry that goes into the table
	Kept                 // a file of the entry that stays in it
)

// Item is a file of a commit to be made.
type Item struct {
	pipeline.File // as the caller named it
	Origin        Origin
	Was           DataFile // as the entry has it, if it isn't staged
}

// staged makes items of staged files.
func staged(files []pipeline.File) []Item {
	var out []Item
	for _, f := range files {
		out = append(out, Item{File: f})
	}
	return out
}

// Entries lists the batches that have records outside the table, in the order
// of their loads.
func (b Book) Entries(ctx context.Context, st *State) ([]sink.Entry, error) {
	var out []sink.Entry
	for _, r := range st.Open {
		rec, err := b.Read(ctx, r.Revision())
		if err != nil {
			return nil, err
		}
		out = append(out, sink.Entry{
			BatchID: rec.Batch.ID, Batch: rec.Batch, RunID: rec.RunID, Status: rec.Status, At: rec.At, Revision: rec.Sequence,
			Rejects: b.outside(rec.Rejects), Held: b.outside(rec.Held), Records: sumRows(rec.Outside()),
		})
	}
	return out, nil
}

// Receipt proves rec, a commit of a batch whose last commit is last. Its
// quarantine is the batch's after that one; held files count as quarantine:
// they are outside the table too.
func (b Book) Receipt(rec, last *Record) sink.Receipt {
	return sink.Receipt{
		RunID: rec.RunID, Sequence: rec.Sequence, BatchID: rec.Batch.ID, Checkpoint: rec.Checkpoint, Records: rec.Records,
		Table: b.inTable(rec.Table), Quarantine: b.outside(last.Outside()),
	}
}

func (b Book) inTable(files []DataFile) []pipeline.File { return seen(files, b.TablePath) }

func (b Book) outside(files []DataFile) []pipeline.File { return seen(files, b.QuarantinePath) }

// seen is how callers see files.
func seen(files []DataFile, path func(string) string) []pipeline.File {
	var out []pipeline.File
	for _, f := range files {
		out = append(out, as(f, path))
	}
	return out
}

func as(f DataFile, path func(string) string) pipeline.File {
	if path != nil {
		f.File.Path = path(f.Path)
	}
	return f.File
}

// Holdings are a batch's files as of its last commit.
type Holdings struct {
	Load, Last *Record
	Table      []DataFile
}

// holdings reads a batch's commits.
func (b Book) holdings(ctx context.Context, r Ref) (Holdings, error) {
	var h Holdings
	for _, seq := range r.Commits {
		rec, err := b.Read(ctx, seq)
		if err != nil {
			return Holdings{}, err
		}
		if h.Load == nil {
			h.Load = rec
		}
		h.Last = rec
		h.Table = append(h.Table, rec.Table...)
	}
	return h, nil
}

// Recent are the table's files that the commits since a time have put in, and
// those of the last load: what may still be validated, or rolled back.
func (b Book) Recent(ctx context.Context, st *State, since time.Time) ([]DataFile, error) {
	var out []DataFile
	if st.Sequence > 0 && st.Last.BatchID != "" && !st.LastUndone {
		h, err := b.holdings(ctx, st.Last)
		if err != nil {
			return nil, err
		}
		out = h.Table
	}
	for seq := st.Sequence; seq > 0; seq-- {
		rec, err := b.Read(ctx, seq)
		if err != nil || rec.At.Before(since) {
			return out, err
		}
		out = append(out, rec.Table...)
	}
	return out, nil
}

// Names reports whether a batch's commits put a file where path is, as callers
// see it, and no later one took it away. It reads the log back to the batch's
// last commit.
func (b Book) Names(ctx context.Context, st *State, batchID, path string) (bool, error) {
	for seq := st.Sequence; seq > 0; seq-- {
		rec, err := b.Read(ctx, seq)
		if err != nil {
			return false, err
		}
		if rec.Batch.ID != batchID {
			continue
		}
		if rec.Kind == KindRollback {
			return false, nil
		}
		h, err := b.holdings(ctx, Ref{BatchID: batchID, Commits: append(slices.Clone(rec.Commits), seq)})
		if err != nil {
			return false, err
		}
		files := append(b.inTable(h.Table), b.outside(h.Last.Outside())...)
		return slices.ContainsFunc(files, func(f pipeline.File) bool { return f.Path == path }), nil
	}
	return false, nil
}

// Moved reports whether a commit between two states took records from their
// place. Loads only add.
func (b Book) Moved(ctx context.Context, before, after *State) (bool, error) {
	for seq := before.Sequence + 1; seq <= after.Sequence; seq++ {
		rec, err := b.Read(ctx, seq)
		if err != nil {
			return false, err
		}
		if rec.Kind != KindLoad {
			return true, nil
		}
	}
	return false, nil
}
