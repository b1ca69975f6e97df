// Package ops is the operations store: run history, decisions, incidents and
// schema versions, in one SQLite file that several processes may have open at
// once. It decides nothing, and it deletes only when Prune is asked to: until
// then, what a run left behind can be asked for.
//
// Its statements are plain SQL that PostgreSQL takes as well; what is SQLite's
// own is in sqlite.go.
package ops

import (
	"context"
	"database/sql"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"github.com/autonomous-data-pipeline/adp/pipeline"
)

// Store is an open operations store, safe for concurrent use.
type Store struct {
	db   *sql.DB
	path string
}

// ErrNotFound is what an error is, beside its kind, where the store has no such
// entry.
var ErrNotFound = errors.New("not found")

// missing is such an error.
type missing struct{ error }

func (missing) Is(target error) bool { return target == ErrNotFound }

func (m missing) Unwrap() error { return m.error }

// setting is what errors name.
const setting = "OPS_DB"

//go:embed migrations/*.sql
var migrations embed.FS

// busyLimit is how long a writer waits for another process's transaction. Each
// takes milliseconds: longer means that the other one hangs.
const busyLimit = 10 * time.Second

// busyPause is the wait before another try to make a store ready.
const busyPause = 10 * time.Millisecond

// maxConns bounds the connections of one process. Writers take turns anyway,
// and waiting here is fair, in SQLite it is not.
const maxConns = 4

// Open opens the store, makes it and its folder if they are missing, and
// brings its tables to this version's form. A path that can't be a store is a
// Misconfigured fault; a locked store or a full disk is Transient.
func Open(ctx context.Context, path string) (*Store, error) {
	return openWithin(ctx, path, busyLimit)
}

func openWithin(ctx context.Context, path string, busy time.Duration) (*Store, error) {
	if path == "" {
		return nil, pipeline.Misconfiguredf(setting, "open the operations store: its path is empty")
	}
	// An absolute path is never one of SQLite's special names, such as
	// ":memory:", under which a store would be lost with its process.
	full, err := filepath.Abs(path)
	if err != nil {
		return nil, pipeline.Misconfiguredf(setting, "open the operations store %s: %w", path, err)
	}
	s := &Store{path: path}
	if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
		return nil, s.fault("make its folder", err)
	}
	s.db, err = sql.Open(driver, dsn(full, busy))
	if err != nil {
		return nil, s.fault("open it", err)
	}
	s.db.SetMaxOpenConns(maxConns)
	if err := s.prepare(ctx, busy); err != nil {
		return nil, errors.Join(err, s.db.Close())
	}
	return s, nil
}

// prepare makes the store ready for use. Openers that race to make a new file
// can lock each other out at once, without the wait that a transaction gets.
func (s *Store) prepare(ctx context.Context, busy time.Duration) error {
	for until := time.Now().Add(busy); ; {
		err := s.useWAL(ctx)
		if err == nil {
			err = s.migrate(ctx, migrations)
		}
		if !isBusy(err) || time.Now().After(until) {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(busyPause):
		}
	}
}

// Close releases the store.
func (s *Store) Close() error { return s.fault("close it", s.db.Close()) }

// migrate applies the migrations that the store lacks, all in one transaction,
// whose lock makes a second opener wait until the first one is done.
func (s *Store) migrate(ctx context.Context, from fs.FS) error {
	files, err := fs.Glob(from, "migrations/*.sql")
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
			return pipeline.Misconfiguredf(setting, "open the operations store %s: it has migration %d, this program knows %d: use the newer program that made it", s.path, done, len(files))
		}
		for i, f := range files[done:] {
			text, err := fs.ReadFile(from, f)
			if err != nil {
				return err
			}
			if _, err := tx.ExecContext(ctx, string(text)); err != nil {
				return fmt.Errorf("%s: %w", f, err)
			}
			if _, err := tx.ExecContext(ctx, `INSERT INTO migrations (version) VALUES ($1)`, done+i+1); err != nil {
				return err
			}
		}
		return nil
	})
}

// tx runs fn in one transaction. what completes "operations store: …".
func (s *Store) tx(ctx context.Context, what string, fn func(*sql.Tx) error) error {
	tx, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return s.fault(what, err)
	}
	if err := fn(tx); err != nil {
		if undo := tx.Rollback(); undo != nil && !errors.Is(undo, sql.ErrTxDone) {
			err = fmt.Errorf("%w; undoing it: %w", err, undo)
		}
		return s.fault(what, err)
	}
	return s.fault(what, tx.Commit())
}

// fault says what was attempted, why it failed, and what to do about it. An
// error that is a fault already stays as it is, and so does a caller's own
// cancellation.
func (s *Store) fault(what string, err error) error {
	var known *pipeline.Fault
	if err == nil || errors.As(err, &known) || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	kind, hint := diagnose(err)
	return &pipeline.Fault{Kind: kind, Setting: setting, Err: fmt.Errorf("operations store %s: %s: %w%s", s.path, what, err, hint)}
}

// fileFault tells apart the errors that the operating system gives.
func fileFault(err error) (pipeline.Kind, string) {
	switch {
	case errors.Is(err, syscall.ENOSPC):
		return pipeline.Transient, hintFull
	case errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.ENOTDIR), errors.Is(err, syscall.EROFS), errors.Is(err, fs.ErrExist):
		return pipeline.Misconfigured, hintAccess
	}
	return pipeline.Transient, ""
}

// query reads rows of one JSON column.
func query[T any](ctx context.Context, s *Store, what, text string, args ...any) ([]T, error) {
	found, err := read[T](ctx, s.db, text, args...)
	return found, s.fault(what, err)
}

// querier is a database, or a transaction on it.
type querier interface {
	QueryContext(ctx context.Context, text string, args ...any) (*sql.Rows, error)
}

// read is query with the bare error.
func read[T any](ctx context.Context, from querier, text string, args ...any) ([]T, error) {
	rows, err := from.QueryContext(ctx, text, args...)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }() // rows.Err has its error
	out := []T{}
	for rows.Next() {
		var entry string
		if err := rows.Scan(&entry); err != nil {
			return nil, err
		}
		v, err := decode[T](entry)
		if err != nil {
			return nil, err
		}
		out = append(out, v)
	}
	return out, rows.Err()
}

// decode reads a stored entry. Trying again can't heal one that is damaged.
func decode[T any](entry string) (T, error) {
	var v T
	if err := json.Unmarshal([]byte(entry), &v); err != nil {
		return v, pipeline.Faultf(pipeline.Bug, "read an entry of the operations store: %w; it is damaged, or a newer program wrote it", err)
	}
	return v, nil
}

// encode writes an entry.
func encode(what string, v any) (string, error) {
	b, err := json.Marshal(v)
	if err != nil {
		return "", pipeline.Faultf(pipeline.Bug, "%s: encode it: %w", what, err)
	}
	return string(b), nil
}

// needed refuses an entry without a name: entries would overwrite each other.
// fields are pairs of name and value.
func needed(what string, fields ...string) error {
	for i := 0; i+1 < len(fields); i += 2 {
		if fields[i+1] == "" {
			return pipeline.Faultf(pipeline.Bug, "%s: its %s is empty", what, fields[i])
		}
	}
	return nil
}

// millis is how times are stored for ordering: milliseconds since the epoch.
func millis(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

func limit(n int) int {
	if n <= 0 {
		return 100
	}
	return n
}
