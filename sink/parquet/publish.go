package parquet

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/autonomous-data-pipeline/adp/sink/ledger"
)

// publish puts a commit's files into their places and takes away what it
// replaced. It may be repeated, and by several processes at once: a source is
// renamed by exactly one of them, and its final name is never used again.
func (s *Sink) publish(rec *ledger.Record) error {
	cleared, touched := folders{}, folders{}
	if err := s.table.clear(rec.RemoveTable, cleared); err != nil {
		return err
	}
	if err := s.quarantine.clear(rec.RemoveQuarantine, cleared); err != nil {
		return err
	}
	s.step("cleared")
	if err := s.settleIn(s.table, rec.Table, touched); err != nil {
		return err
	}
	if err := s.settleIn(s.quarantine, rec.Outside(), touched); err != nil {
		return err
	}
	if err := errors.Join(cleared.sync(), touched.sync()); err != nil {
		return err
	}
	// Folders that are empty now go; one that can't be removed hurts nobody.
	for dir := range cleared {
		_ = os.Remove(dir)
	}
	for _, r := range []root{s.table, s.quarantine} {
		_ = os.Remove(r.pending(rec.ID))
	}
	return nil
}

// folders are those whose entries a publication changed.
type folders map[string]root

func (f folders) sync() error {
	for dir, r := range f {
		if err := syncDir(dir); err != nil {
			return r.fault(err, "make folder "+dir+" durable")
		}
	}
	return nil
}

// clear removes files that a commit replaced.
func (r root) clear(paths []string, cleared folders) error {
	for _, p := range paths {
		path := r.path(p)
		there, err := exists(path) // asked first: a reader of a read-only folder has nothing to do
		if there {
			err = os.Remove(path)
		}
		if err != nil && !isGone(err) {
			return r.fault(err, "remove replaced file "+path)
		}
		cleared[filepath.Dir(path)] = r
	}
	return nil
}

// settleIn moves files into place.
func (s *Sink) settleIn(r root, files []ledger.DataFile, touched folders) error {
	for _, f := range files {
		if f.From == "" {
			continue
		}
		from, to := r.path(f.From), r.path(f.Path)
		if err := move(from, to); err != nil {
			return r.fault(err, "publish committed file "+to)
		}
		touched[filepath.Dir(to)] = r
		if filepath.Base(filepath.Dir(filepath.Dir(from))) != pendingDir {
			touched[filepath.Dir(from)] = r
		}
		s.step("moved")
	}
	return nil
}

// moveAttempts bounds how often another process may clear an empty target
// folder away under a move.
const moveAttempts = 100

// move renames, unless that is done already.
func move(from, to string) error {
	var err error
	for range moveAttempts {
		there, statErr := exists(from)
		if statErr != nil || !there {
			return statErr
		}
		if err = makeDir(filepath.Dir(to)); err == nil {
			err = os.Rename(from, to)
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return err
}

// path is where a record's path lies.
func (r root) path(rel string) string { return filepath.Join(r.dir, filepath.FromSlash(rel)) }

// pending is the folder of an attempt's staged copies.
func (r root) pending(attempt string) string { return filepath.Join(r.dir, pendingDir, attempt) }
