package parquet

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/autonomous-data-pipeline/adp/pipeline"
)

// Cleanup removes what abandoned attempts left: copies that were never
// committed, and unfinished files of the log. age must be longer than a load
// takes. Visible files are never touched: every one of ours is committed, and
// the others aren't ours.
func (s *Sink) Cleanup(ctx context.Context, age time.Duration) ([]string, error) {
	if age < 0 {
		return nil, pipeline.Faultf(pipeline.Bug, "clean up table %s: age %s is negative", s.table.dir, age)
	}
	// From here on, what commits name is in place: what waits, waits in vain.
	if _, err := s.catchUp(ctx); err != nil {
		return nil, err
	}
	before := s.now().Add(-age)
	var removed []string
	for _, r := range []root{s.table, s.quarantine} {
		some, err := r.sweep(filepath.Join(r.dir, pendingDir), before, func(os.DirEntry) bool { return true })
		removed = append(removed, some...)
		if err != nil {
			return removed, err
		}
	}
	some, err := s.table.sweep(s.log.dir(), before, func(e os.DirEntry) bool { return strings.HasSuffix(e.Name(), ".tmp") })
	return append(removed, some...), err
}

// sweep removes a folder's leftovers that haven't changed since a time.
func (r root) sweep(dir string, since time.Time, leftover func(os.DirEntry) bool) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if isGone(err) {
		return nil, nil
	}
	if err != nil {
		return nil, r.fault(err, "list folder "+dir)
	}
	var removed []string
	for _, e := range entries {
		info, err := e.Info()
		if isGone(err) || err == nil && (info.ModTime().After(since) || !leftover(e)) {
			continue
		}
		path := filepath.Join(dir, e.Name())
		if err == nil {
			err = os.RemoveAll(path)
		}
		if err != nil {
			return removed, r.fault(err, "remove leftover "+path)
		}
		removed = append(removed, path)
	}
	return removed, nil
}
