package ops

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"strings"
	"time"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/autonomous-data-pipeline/adp/pipeline"
)

// driver is the name under which the SQLite driver registers itself.
const driver = "sqlite"

// dsn says how a connection is made. Every transaction takes the write lock at
// its start: one that reads first and writes later would otherwise fail, not
// wait, beside another. Synchronous FULL keeps a committed answer over a power
// cut.
func dsn(path string, busy time.Duration) string {
	file := filepath.ToSlash(path)
	if !strings.HasPrefix(file, "/") {
		file = "/" + file // a drive's letter
	}
	u := url.URL{Scheme: "file", Path: file, RawQuery: url.Values{
		"_txlock": {"immediate"},
		"_pragma": {
			fmt.Sprintf("busy_timeout(%d)", busy.Milliseconds()),
			"foreign_keys(1)", "synchronous(FULL)",
		},
	}.Encode()}
	return u.String()
}

// useWAL lets readers go on beside a writer. The file remembers it.
func (s *Store) useWAL(ctx context.Context) error {
	_, err := s.db.ExecContext(ctx, `PRAGMA journal_mode = WAL`)
	return s.fault("let readers go on beside a writer", err)
}

// isBusy reports whether another connection's lock is the reason.
func isBusy(err error) bool {
	var lite *sqlite.Error
	return errors.As(err, &lite) && lite.Code()&0xff == sqlite3.SQLITE_BUSY
}

// The hints tell an operator what to do.
const (
	hintBusy    = "; another process keeps it locked: see which one has it open"
	hintFull    = "; free space on its disk"
	hintAccess  = "; this program must be able to write the file and its folder"
	hintDamaged = "; the file is no operations store, or is damaged: move it away, and a new one takes schema and checkpoint from the sink"
)

// diagnose says how an error of the database heals, and what to do about it.
func diagnose(err error) (pipeline.Kind, string) {
	var lite *sqlite.Error
	if !errors.As(err, &lite) {
		return fileFault(err)
	}
	switch lite.Code() & 0xff { // the low byte is the class of an extended code
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED:
		return pipeline.Transient, hintBusy
	case sqlite3.SQLITE_FULL:
		return pipeline.Transient, hintFull
	case sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_AUTH:
		return pipeline.Misconfigured, hintAccess
	case sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT:
		return pipeline.Misconfigured, hintDamaged
	case sqlite3.SQLITE_ERROR, sqlite3.SQLITE_CONSTRAINT, sqlite3.SQLITE_MISUSE, sqlite3.SQLITE_RANGE, sqlite3.SQLITE_TOOBIG:
		return pipeline.Bug, "; the statement is wrong, or the tables are not this program's"
	}
	return pipeline.Transient, ""
}
