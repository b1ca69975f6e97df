package parquet

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/autonomous-data-pipeline/adp/pipeline"
	"github.com/autonomous-data-pipeline/adp/sink"
	"github.com/autonomous-data-pipeline/adp/sink/ledger"
	"github.com/autonomous-data-pipeline/adp/sink/store"
)

// Catalog is where the commits of a table format are made: its compare-and-swap
// is the commit, and the log follows it. The format's own metadata says which
// files are the table's, so they are put into their places before the commit,
// and stay there after they were replaced, for as long as the format keeps them.
type Catalog interface {
	// Tip is the last commit that the table knows of; 0 is none.
	Tip(ctx context.Context) (sequence int64, id string, err error)

	// Append makes rec the commit after the one that Tip gave, or reports that
	// another came first. If it can't tell, unsure is true.
	Append(ctx context.Context, rec *ledger.Record) (made, unsure bool, err error)

	// Files calls fn for every data file of the table, by its name in the store.
	Files(ctx context.Context, fn func(name string) error) error

	// Check holds a commit's files against what the table says of them: that
	// it has them (if not: MissingFile), with so many rows.
	Check(ctx context.Context, files []pipeline.File) ([]sink.Problem, error)

	// Cleanup removes files that the table doesn't know, and never will.
	Cleanup(ctx context.Context, age time.Duration) ([]string, error)

	Close() error
}

// dataDir is where a catalog's table has its files.
const dataDir = "data"

// With is a sink whose commits are a catalog's. Its log lies with the
// quarantine: tools that tidy a table's own folder would take it for garbage.
func With(name string, table, quarantine store.Store, c Catalog) *Sink {
	s := newSink(name, table, quarantine)
	s.catalog = c
	s.log = txlog{store: quarantine, catalog: c}
	s.book.Read = s.log.must
	return s
}

// Steps has fn called between the steps of a commit: a test kills its process
// there.
func (s *Sink) Steps(fn func(point string)) { s.step = fn }

// Recent are the names of the table's files that commits since a time have put
// in, and of the last load's: what may still be validated, or rolled back.
func (s *Sink) Recent(ctx context.Context, since time.Time) (map[string]bool, error) {
	st, err := s.catchUp(ctx)
	if err != nil {
		return nil, err
	}
	files, err := s.book.Recent(ctx, st, since)
	names := map[string]bool{}
	for _, f := range files {
		names[f.Path] = true
	}
	return names, err
}

// draft is a record that may become a commit of the catalog.
func draft(sequence int64, id string) string {
	return fmt.Sprintf("%s/%020d-%s%s", logDir, sequence, id, draftSuffix)
}

const draftSuffix = ".draft"

// propose makes a commit in the catalog. The record is written before, so that
// whoever finds the commit finds it too.
func (l txlog) propose(ctx context.Context, rec *ledger.Record, data []byte, step func(string)) (made, unsure bool, err error) {
	name := draft(rec.Sequence, rec.ID)
	if err := errors.Join(l.store.Put(ctx, name, bytes.NewReader(data)), l.store.Seal(ctx, logDir)); err != nil {
		return false, false, l.store.Fault(err, "write commit "+l.store.Location(name))
	}
	step("written")
	made, unsure, err = l.catalog.Append(ctx, rec)
	if !made {
		if !unsure {
			_ = l.store.Remove(ctx, []string{name}) // Cleanup takes what stays
		}
		return made, unsure, err
	}
	step("committed")
	return true, false, l.adopt(context.WithoutCancel(ctx), rec.Sequence, rec.ID)
}

// adopt makes the catalog's commit the log's next one.
func (l txlog) adopt(ctx context.Context, sequence int64, id string) error {
	name := draft(sequence, id)
	data, err := store.ReadFile(ctx, l.store, name)
	if err == nil {
		// Others may be at it too: what each writes has a name of its own.
		_, err = l.store.Create(ctx, logName(sequence), newAttempt().id, data, func(string) {})
	}
	switch {
	case errors.Is(err, fs.ErrExist):
		return nil // somebody else has done it
	case store.IsGone(err):
		return bugf("follow commit %d of the table: its record %s is gone: restore it from a backup, nothing can be committed before", sequence, l.store.Location(name))
	}
	return l.store.Fault(err, "write commit "+l.where(sequence))
}

// follow compares the log with the catalog, and adopts a commit that a crash
// has kept from it. It reports whether there was one.
func (l txlog) follow(ctx context.Context, st *ledger.State) (bool, error) {
	if l.catalog == nil {
		return false, nil
	}
	sequence, id, err := l.catalog.Tip(ctx)
	switch {
	case err != nil:
		return false, err
	case sequence == st.Sequence+1:
		return true, l.adopt(ctx, sequence, id)
	case sequence == st.Sequence && (id == st.Tip || sequence == 0):
		return false, nil
	}
	if there, err := l.read(ctx, st.Sequence+1); err != nil || there != nil {
		return there != nil, err // others have committed since we looked
	}
	return false, pipeline.Misconfiguredf("sink.table",
		"follow table %s: its last commit is %d (%q), the log's is %d (%q): somebody has rolled the table back, or replaced it; bring both to the same commit, or begin another table",
		l.store.Location(""), sequence, id, st.Sequence, st.Tip)
}
