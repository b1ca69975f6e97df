// Package ops is the operations store: run history, decisions, incidents and
// schema versions, on SQLite. Several processes may have it open at once. It
// decides nothing.
package ops

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/autonomous-data-pipeline/adp/pipeline"
)

// Store is an open operations store, safe for concurrent use.
type Store struct {
	db   *sql.DB
	path string
}

//go:embed migrations/*.sql
var migrations embed.FS

// busyLimit is how long a writer waits for another process's transaction.
const busyLimit = 10 * time.Second

// Open opens the store, makes it if it is missing, and brings its tables to
// this version's form.
func Open(ctx context.Context, path string) (*Store, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, pipeline.Misconfiguredf("OPS_DB", "make the folder of the operations store %s: %w", path, err)
	}
	// Every transaction takes the write lock at its start: one that reads
	// first and writes later would otherwise fail, not wait, beside another.
	dsn := fmt.Sprintf("file:%s?_txlock=immediate&_pragma=busy_timeout(%d)&_pragma=journal_mode(WAL)&_pragma=foreign_keys(1)&_pragma=synchronous(FULL)",
		path, busyLimit.Milliseconds())
	db, err := sql.Open("sqlite", dsn)
	if err != nil {
		return nil, pipeline.Misconfiguredf("OPS_DB", "open the operations store %s: %w", path, err)
	}
	s := &Store{db: db, path: path}
	if err := s.migrate(ctx); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return s, nil
}

// Close releases the store.
func (s *Store) Close() error { return s.db.Close() }

// migrate applies the migrations that the store lacks, all in one transaction,
// whose lock makes a second opener wait.
func (s *Store) migrate(ctx context.Context) error {
	files, err := fs.Glob(migrations, "migrations/*.sql")
	if err != nil {
		return err
	}
	slices.Sort(files)
	return s.tx(ctx, "bring its tables up to date", func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, `CREATE TABLE IF NOT EXISTS migrations (version INTEGER PRIMARY KEY)`); err != nil {
			return err
		}
		var done int
		if err := tx.QueryRowContext(ctx, `SELECT COALESCE(MAX(version), 0) FROM migrations`).Scan(&done); err != nil {
			return err
		}
		if done > len(files) {
			return pipeline.Misconfiguredf("OPS_DB", "the store has migration %d, this program knows %d: use a newer program", done, len(files))
		}
		for i, f := range files[done:] {
			text, err := migrations.ReadFile(f)
			if err != nil {
				return err
			}
			if _, err := tx.ExecContext(ctx, string(text)); err != nil {
				return fmt.Errorf("%s: %w", f, err)
			}
			if _, err := tx.ExecContext(ctx, `INSERT INTO migrations (version) VALUES (?)`, done+i+1); err != nil {
				return err
			}
		}
		return nil
	})
}

// tx runs fn in one transaction. what completes "the operations store can't …".
func (s *Store) tx(ctx context.Context, what string, fn func(*sql.Tx) error) error {
	tx, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return s.fault(what, err)
	}
	if err := fn(tx); err != nil {
		return s.fault(what, errors.Join(err, ignoreDone(tx.Rollback())))
	}
	return s.fault(what, tx.Commit())
}

func ignoreDone(err error) error {
	if errors.Is(err, sql.ErrTxDone) {
		return nil
	}
	return err
}

// fault says what was attempted, and what to do about it.
func (s *Store) fault(what string, err error) error {
	var known *pipeline.Fault
	if err == nil || errors.As(err, &known) || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	kind, hint := pipeline.Transient, ""
	var lite *sqlite.Error
	if errors.As(err, &lite) {
		switch lite.Code() & 0xff { // the low byte is the class of an extended code
		case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED:
			hint = "; another process keeps it locked"
		case sqlite3.SQLITE_FULL:
			hint = "; free space on its disk"
		case sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM, sqlite3.SQLITE_CANTOPEN:
			kind, hint = pipeline.Misconfigured, "; the file and its folder must be writable"
		case sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT:
			kind, hint = pipeline.Misconfigured, "; the file is no operations store, or is damaged: move it away, and a new one takes schema and checkpoint from the sink"
		}
	}
	return &pipeline.Fault{Kind: kind, Setting: "OPS_DB", Err: fmt.Errorf("operations store %s: %s: %w%s", s.path, what, err, hint)}
}

// millis is how times are stored: milliseconds since the epoch.
func millis(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

func fromMillis(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}
