package files

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/autonomous-data-pipeline/adp/pipeline"
)

// index is the memory of which file has which offsets: a SQLite file that
// several processes share. A file gets its offsets once, in a transaction; what
// it was given never changes, and no file is ever forgotten. It is opened for a
// call and closed again.
type index struct{ db *sql.DB }

// taken is a file with its offsets [start, start+records).
type taken struct {
	entry         // size and time when last seen with this content
	id      int64 // in the order of arrival
	topic   string
	start   int64
	records int64
	stamp   time.Time // of its records: the file's time when it was taken
	sum     string    // SHA-256 of its bytes
}

func (t taken) end() int64 { return t.start + t.records }

// mark is where in a file a record begins, so that a read needn't begin at the
// file's start.
type mark struct {
	record int64 // within the file
	at     int64 // bytes, uncompressed
}

// indexVersion is of the tables below.
const indexVersion = 1

const indexTables = `
CREATE TABLE files (
	id       INTEGER PRIMARY KEY,
	topic    TEXT NOT NULL,
	name     TEXT NOT NULL UNIQUE,
	start    INTEGER NOT NULL,
	records  INTEGER NOT NULL,
	size     INTEGER NOT NULL,
	modified INTEGER NOT NULL, -- nanoseconds; when last seen with this content
	stamp    INTEGER NOT NULL, -- milliseconds; of the records, never changes
	sum      TEXT NOT NULL
);
CREATE INDEX files_by_offset ON files (topic, start);
CREATE TABLE marks (
	file   INTEGER NOT NULL REFERENCES files (id),
	record INTEGER NOT NULL,
	at     INTEGER NOT NULL,
	PRIMARY KEY (file, record)
) WITHOUT ROWID;
`

// busyLimit is how long to wait for another process's transaction. Each takes
// milliseconds: longer means that the other one hangs.
const busyLimit = 10 * time.Second

// openIndex opens the index, and makes it if there is none. A rollback journal
// is enough for so few writes, and leaves one file to keep.
func openIndex(ctx context.Context, path string) (*index, error) {
	full, err := filepath.Abs(path) // never one of SQLite's special names
	if err == nil {
		err = os.MkdirAll(filepath.Dir(full), 0o755)
	}
	if err != nil {
		return nil, indexFault(err, "make the folder of index %s", path)
	}
	u := url.URL{Scheme: "file", Path: filepath.ToSlash(full), RawQuery: url.Values{
		"_txlock": {"immediate"},
		"_pragma": {fmt.Sprintf("busy_timeout(%d)", busyLimit.Milliseconds()), "foreign_keys(1)", "synchronous(FULL)"},
	}.Encode()}
	db, err := sql.Open("sqlite", u.String())
	if err != nil {
		return nil, indexFault(err, "open index %s", path)
	}
	x := &index{db: db}
	if err := x.prepare(ctx); err != nil {
		return nil, errors.Join(indexFault(err, "open index %s", path), db.Close())
	}
	return x, nil
}

// prepare makes the tables of a new index, once among those who race to.
func (x *index) prepare(ctx context.Context) error {
	if version, err := x.version(ctx, x.db); err != nil || version == indexVersion {
		return err
	}
	return x.write(ctx, func(tx *sql.Tx) error {
		version, err := x.version(ctx, tx)
		if err != nil || version == indexVersion {
			return err
		}
		if version != 0 {
			return pipeline.Misconfiguredf(settingIndex, "its format is %d, this program knows %d: is the program older than the index?", version, indexVersion)
		}
		_, err = tx.ExecContext(ctx, indexTables+fmt.Sprintf("PRAGMA user_version = %d;", indexVersion))
		return err
	})
}

type querier interface {
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

func (x *index) version(ctx context.Context, q querier) (n int, err error) {
	err = q.QueryRowContext(ctx, `PRAGMA user_version`).Scan(&n)
	return n, err
}

func (x *index) write(ctx context.Context, do func(*sql.Tx) error) error {
	tx, err := x.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	if err := do(tx); err != nil {
		return errors.Join(err, tx.Rollback())
	}
	return tx.Commit()
}

func (x *index) close() error { return x.db.Close() }

// files calls fn for a topic's files, in the order of their offsets. The range
// limits them to those that have offsets in it.
func (x *index) files(ctx context.Context, topic string, from, to int64, fn func(taken) error) error {
	return x.each(ctx, func(r *sql.Rows) error {
		t, modified, stamp := taken{topic: topic}, int64(0), int64(0)
		if err := r.Scan(&t.id, &t.name, &t.start, &t.records, &t.size, &modified, &stamp, &t.sum); err != nil {
			return err
		}
		t.modified, t.stamp = time.Unix(0, modified), time.UnixMilli(stamp)
		return fn(t)
	}, `SELECT id, name, start, records, size, modified, stamp, sum FROM files
		WHERE topic = ? AND start < ? AND start + records >= ? ORDER BY start, id`, topic, to, from)
}

func (x *index) each(ctx context.Context, fn func(*sql.Rows) error, query string, args ...any) error {
	r, err := x.db.QueryContext(ctx, query, args...)
	if err != nil {
		return err
	}
	defer func() { _ = r.Close() }() // Err tells what Close would
	for r.Next() {
		if err := fn(r); err != nil {
			return err
		}
	}
	return r.Err()
}

// end is the offset that the next file gets.
func (x *index) end(ctx context.Context, topic string) (end int64, err error) {
	err = x.db.QueryRowContext(ctx, `SELECT coalesce(max(start + records), 0) FROM files WHERE topic = ?`, topic).Scan(&end)
	return end, err
}

// before is the last mark at or before a record, or the file's start.
func (x *index) before(ctx context.Context, id, record int64) (m mark, err error) {
	err = x.db.QueryRowContext(ctx, `SELECT record, at FROM marks WHERE file = ? AND record <= ? ORDER BY record DESC LIMIT 1`, id, record).Scan(&m.record, &m.at)
	if errors.Is(err, sql.ErrNoRows) {
		return mark{}, nil
	}
	return m, err
}

// counted is a file that has been read as a whole.
type counted struct {
	taken
	marks []mark
}

// add gives files the offsets behind all others of their topic, in order. Of two
// processes that have counted the same file the second finds it taken, and
// changes nothing: what it counted was the same, or the file has changed, which
// the next listing tells.
func (x *index) add(ctx context.Context, files []counted) error {
	return x.write(ctx, func(tx *sql.Tx) error {
		for _, f := range files {
			if err := addOne(ctx, tx, f); err != nil {
				return err
			}
		}
		return nil
	})
}

func addOne(ctx context.Context, tx *sql.Tx, f counted) error {
	r, err := tx.ExecContext(ctx, `INSERT INTO files (topic, name, start, records, size, modified, stamp, sum)
		SELECT ?1, ?2, coalesce(max(start + records), 0), ?3, ?4, ?5, ?6, ?7 FROM files WHERE topic = ?1
		ON CONFLICT (name) DO NOTHING`,
		f.topic, f.name, f.records, f.size, f.modified.UnixNano(), f.stamp.UnixMilli(), f.sum)
	if err != nil {
		return err
	}
	if n, err := r.RowsAffected(); err != nil || n == 0 {
		return err
	}
	id, err := r.LastInsertId()
	if err != nil {
		return err
	}
	for _, m := range f.marks {
		if _, err := tx.ExecContext(ctx, `INSERT INTO marks (file, record, at) VALUES (?, ?, ?)`, id, m.record, m.at); err != nil {
			return err
		}
	}
	return nil
}

// touched notes that a file with another time has the same content.
func (x *index) touched(ctx context.Context, id int64, modified time.Time) error {
	_, err := x.db.ExecContext(ctx, `UPDATE files SET modified = ? WHERE id = ?`, modified.UnixNano(), id)
	return err
}

// indexFault says how an error of the index heals.
func indexFault(err error, attempted string, args ...any) error {
	var lite *sqlite.Error
	what := fmt.Sprintf(attempted, args...)
	switch {
	case err == nil:
		return nil
	case errors.As(err, new(*pipeline.Fault)):
		return fmt.Errorf("%s: %w", what, err)
	case canceled(err):
		return err
	case errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.EROFS), errors.Is(err, syscall.ENOTDIR):
		return pipeline.Misconfiguredf(settingIndex, "%s: %w: choose a folder that the worker's user may write to", what, err)
	case !errors.As(err, &lite):
		return pipeline.Faultf(pipeline.Transient, "%s: %w", what, err)
	}
	switch lite.Code() & 0xff { // the low byte is the class of an extended code
	case sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_AUTH:
		return pipeline.Misconfiguredf(settingIndex, "%s: %w: let the worker's user write the file and its folder", what, err)
	case sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT:
		return pipeline.Misconfiguredf(settingIndex, "%s: %w: it is damaged, or no index: restore it from a backup, for offsets that are given anew would load files twice", what, err)
	case sqlite3.SQLITE_FULL:
		return pipeline.Faultf(pipeline.Transient, "%s: %w: free space on its disk", what, err)
	case sqlite3.SQLITE_ERROR, sqlite3.SQLITE_CONSTRAINT, sqlite3.SQLITE_MISUSE:
		return pipeline.Faultf(pipeline.Bug, "%s: %w: the tables are not this program's", what, err)
	}
	return pipeline.Faultf(pipeline.Transient, "%s: %w: see which process keeps it locked", what, err)
}
