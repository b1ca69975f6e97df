package ops

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/fstest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/autonomous-data-pipeline/adp/pipeline"
)

var t0 = time.Date(2026, 11, 23, 2, 0, 0, 0, time.UTC)

func reopen(t *testing.T, path string) *Store {
	t.Helper()
	s, err := Open(t.Context(), path)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

func fresh(t *testing.T) *Store { return reopen(t, filepath.Join(t.TempDir(), "ops", "ops.db")) }

func run(id string, minute int, outcome pipeline.Outcome) pipeline.RunReport {
	r := pipeline.RunReport{
		Pipeline: "customers", RunID: id, Outcome: outcome, StartedAt: t0.Add(time.Duration(minute) * time.Minute),
		Drift: []pipeline.Drift{}, Stages: []pipeline.Stage{},
	}
	r.FinishedAt = r.StartedAt.Add(time.Second)
	if outcome == pipeline.Failed {
		r.Failure = &pipeline.Failure{Stage: "process", Kind: pipeline.Transient, Error: "no broker " + id}
	}
	return r
}

// asWriter makes the test program a process that writes to the store it names.
const asWriter = "OPS_TEST_WRITER"

// write is what each process and each store does to one file.
func write(ctx context.Context, path, writer string) error {
	s, err := Open(ctx, path)
	if err != nil {
		return err
	}
	for n := range 10 {
		id := fmt.Sprintf("%s-%d", writer, n)
		_, _, opened := s.OpenIncident(ctx, incident(id, "same", false))
		err = errors.Join(err, opened, s.SaveRun(ctx, run(id, n, pipeline.Succeeded)))
		if _, seen := s.Runs(ctx, RunQuery{Limit: 5}); seen != nil {
			err = errors.Join(err, seen)
		}
	}
	return errors.Join(err, s.Close())
}

func TestAProcessThatWrites(t *testing.T) {
	path := os.Getenv(asWriter)
	if path == "" {
		t.Skip("runs inside TestManyProcessesShareOneStore alone")
	}
	require.NoError(t, write(t.Context(), path, fmt.Sprint("process-", os.Getpid())))
}

// All begin with a file that isn't there: they race to make it, too.
func TestManyProcessesShareOneStore(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ops", "ops.db")
	const processes, stores = 3, 3
	var group sync.WaitGroup
	for range processes {
		group.Go(func() {
			cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestAProcessThatWrites$")
			cmd.Env = append(os.Environ(), asWriter+"="+path)
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("%v: %s", err, out)
			}
		})
	}
	for n := range stores {
		group.Go(func() {
			if err := write(t.Context(), path, fmt.Sprint("store-", n)); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()

	s := reopen(t, path)
	runs, err := s.Runs(t.Context(), RunQuery{Pipeline: "customers"})
	require.NoError(t, err)
	require.Equal(t, 10*(processes+stores), len(runs))
	all, err := s.Incidents(t.Context(), IncidentQuery{})
	require.NoError(t, err)
	require.Equal(t, 1, len(all))
	require.Equal(t, 10*(processes+stores), all[0].Count)
}

// SQLite refuses some of them at once, without the wait that a lock gets
// otherwise. Without the second try about one run in three of this test fails.
func TestOpenersThatRaceToMakeAStoreAllGetIt(t *testing.T) {
	for range 8 {
		path := filepath.Join(t.TempDir(), "ops.db")
		start := make(chan struct{})
		var group sync.WaitGroup
		for range 8 {
			group.Go(func() {
				<-start
				s, err := Open(t.Context(), path)
				if err == nil {
					err = s.Close()
				}
				if err != nil {
					t.Error(err)
				}
			})
		}
		close(start)
		group.Wait()
	}
}

func TestManyGoroutinesShareOneStore(t *testing.T) {
	s := fresh(t)
	one := schema(t, `{"name":"id","type":"string"}`)
	var group sync.WaitGroup
	versions := make([]int, 32)
	for n := range versions {
		group.Go(func() {
			v, err := s.RecordSchema(t.Context(), 0, SchemaVersion{Pipeline: "customers", Schema: one, Declared: "d", At: t0})
			versions[n] = v.Version
			if err != nil {
				t.Error(err)
			}
			if err := s.SaveRun(t.Context(), run("same", n, pipeline.Failed)); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	for _, v := range versions {
		require.Equal(t, 1, v)
	}
	all, err := s.Schemas(t.Context(), "customers")
	require.NoError(t, err)
	require.Len(t, all, 1)
	runs, err := s.Runs(t.Context(), RunQuery{})
	require.NoError(t, err)
	require.Len(t, runs, 1)
}

// Of twins that plan on the same base, one records its version.
func TestOneOfTwoDifferentSchemasWins(t *testing.T) {
	s := fresh(t)
	errs := make([]error, 8)
	var group sync.WaitGroup
	for n := range errs {
		group.Go(func() {
			v := SchemaVersion{Pipeline: "customers", Schema: schema(t, fmt.Sprintf(`{"name":"f%d","type":"string"}`, n)), At: t0}
			_, errs[n] = s.RecordSchema(t.Context(), 0, v)
		})
	}
	group.Wait()
	won := 0
	for _, err := range errs {
		if err == nil {
			won++
			continue
		}
		require.Equal(t, pipeline.Transient, pipeline.KindOf(err))
		require.ErrorContains(t, err, "plan again")
	}
	require.Equal(t, 1, won)
}

func TestAStoreKeepsWhatItHasWhenOpenedAgain(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ops.db")
	s, err := Open(t.Context(), path)
	require.NoError(t, err)
	want := run("r1", 0, pipeline.Failed)
	require.NoError(t, s.SaveRun(t.Context(), want))
	require.NoError(t, s.Close())
	got, err := reopen(t, path).Run(t.Context(), "r1")
	require.NoError(t, err)
	require.Equal(t, want, got)
}

// A store that version 1 of the tables made is brought up to date with all it
// holds, once.
func TestAnOlderStoreIsBroughtUpToDate(t *testing.T) {
	first, err := migrations.ReadFile("migrations/0001_first.sql")
	require.NoError(t, err)
	path := filepath.Join(t.TempDir(), "ops.db")
	db, err := sql.Open(driver, dsn(path, time.Second))
	require.NoError(t, err)
	old := &Store{db: db, path: path}
	require.NoError(t, old.migrate(t.Context(), fstest.MapFS{"migrations/0001_first.sql": {Data: first}}))
	require.NoError(t, old.SaveRun(t.Context(), run("r1", 0, pipeline.Failed)))
	require.NoError(t, old.Close())

	for range 2 {
		s := reopen(t, path)
		runs, err := s.Runs(t.Context(), RunQuery{})
		require.NoError(t, err)
		require.Equal(t, []string{"r1"}, ids(runs))
		_, _, err = s.OpenIncident(t.Context(), incident("r1", "c", false))
		require.NoError(t, err)
	}
}

func TestAMigrationThatBreaksChangesNothing(t *testing.T) {
	s := fresh(t)
	more := fstest.MapFS{}
	names, err := fs.Glob(migrations, "migrations/*")
	require.NoError(t, err)
	for i, name := range names {
		require.Contains(t, name, fmt.Sprintf("/%04d_", i+1), "migrations are numbered without a hole")
		more[name] = &fstest.MapFile{}
	}
	more["migrations/9998_good.sql"] = &fstest.MapFile{Data: []byte(`CREATE TABLE good (x TEXT)`)}
	more["migrations/9999_bad.sql"] = &fstest.MapFile{Data: []byte(`CREATE TABLE worse (x TEXT); CREATE NONSENSE`)}
	err = s.migrate(t.Context(), more)
	require.ErrorContains(t, err, "9999_bad.sql")
	require.Equal(t, pipeline.Bug, pipeline.KindOf(err))
	for _, table := range []string{"good", "worse"} {
		_, err := s.db.ExecContext(t.Context(), `SELECT * FROM `+table)
		require.ErrorContains(t, err, "no such table")
	}
	reopen(t, s.path)
}

func TestAStoreOfANewerProgramIsLeftAlone(t *testing.T) {
	s := fresh(t)
	_, err := s.db.ExecContext(t.Context(), `INSERT INTO migrations (version) VALUES (99)`)
	require.NoError(t, err)
	_, err = Open(t.Context(), s.path)
	require.ErrorContains(t, err, "newer program")
	require.Equal(t, pipeline.Misconfigured, pipeline.KindOf(err))
}

func TestAPathIsTakenAsItIs(t *testing.T) {
	for _, name := range []string{"a?mode=memory.db", "a#b.db", "100%41.db", ":memory:", "name with spaces.db", "ünï.db", "a&b=c.db"} {
		t.Run(name, func(t *testing.T) {
			t.Chdir(t.TempDir())
			s, err := Open(t.Context(), name)
			require.NoError(t, err)
			require.NoError(t, s.Close())
			_, err = os.Stat(name)
			require.NoError(t, err, "the file has the name that was asked for")
		})
	}
}

func TestAStoreThatCannotBeOpenedNamesItsSetting(t *testing.T) {
	dir := t.TempDir()
	junk := filepath.Join(dir, "junk.db")
	require.NoError(t, os.WriteFile(junk, []byte("this is no database, and it is longer than a header would be, by a good deal more than a hundred bytes"), 0o600))
	tests := map[string]string{
		"a file that is no database":  junk,
		"a folder that can't be made": filepath.Join(junk, "ops.db"),
		"a path that is a folder":     dir,
		"an empty path":               "",
	}
	for name, path := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := Open(t.Context(), path)
			require.ErrorContains(t, err, "OPS_DB")
			require.Equal(t, pipeline.Misconfigured, pipeline.KindOf(err))
		})
	}
}

func TestALockedStoreMayBeTriedAgain(t *testing.T) {
	s := fresh(t)
	tx, err := s.db.BeginTx(t.Context(), nil)
	require.NoError(t, err)
	_, err = openWithin(t.Context(), s.path, time.Millisecond)
	require.Equal(t, pipeline.Transient, pipeline.KindOf(err))
	require.ErrorContains(t, err, "another process")
	require.ErrorContains(t, err, "OPS_DB")
	require.NoError(t, tx.Rollback())
	s, err = openWithin(t.Context(), s.path, time.Millisecond)
	require.NoError(t, err)
	require.NoError(t, s.Close())
}

func TestReadersDoNotWaitForAWriter(t *testing.T) {
	s := fresh(t)
	require.NoError(t, s.SaveRun(t.Context(), run("r1", 0, pipeline.Failed)))
	reader, err := openWithin(t.Context(), s.path, time.Millisecond)
	require.NoError(t, err)
	defer func() { require.NoError(t, reader.Close()) }()
	tx, err := s.db.BeginTx(t.Context(), nil)
	require.NoError(t, err)
	defer func() { require.NoError(t, tx.Rollback()) }()
	_, err = reader.Run(t.Context(), "r1")
	require.NoError(t, err)
	_, _, err = reader.LatestSchema(t.Context(), "customers")
	require.NoError(t, err)
	require.Equal(t, pipeline.Transient, pipeline.KindOf(reader.SaveRun(t.Context(), run("r2", 0, pipeline.Failed))))
}

func TestATroubledDiskPicksTheFaultKind(t *testing.T) {
	tests := map[string]struct {
		pragma string
		want   pipeline.Kind
		hint   string
	}{
		"a full disk may be tried again":    {"max_page_count = 1", pipeline.Transient, "free space"},
		"a read-only store is set up wrong": {"query_only = 1", pipeline.Misconfigured, "must be able to write"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			s := fresh(t)
			s.db.SetMaxOpenConns(1) // a pragma is one connection's
			_, err := s.db.ExecContext(t.Context(), "PRAGMA "+tc.pragma)
			require.NoError(t, err)
			r := run("r1", 0, pipeline.Failed)
			r.Failure.Error = strings.Repeat("x", 1<<20)
			err = s.SaveRun(t.Context(), r)
			require.Equal(t, tc.want, pipeline.KindOf(err))
			require.ErrorContains(t, err, tc.hint)
			require.ErrorContains(t, err, "OPS_DB")
			require.ErrorContains(t, err, s.path)
			require.ErrorContains(t, err, "save run r1")
		})
	}
}

func TestAnErrorOfTheOperatingSystemPicksTheFaultKind(t *testing.T) {
	for err, want := range map[error]pipeline.Kind{
		syscall.ENOSPC: pipeline.Transient,
		syscall.EACCES: pipeline.Misconfigured,
		syscall.EROFS:  pipeline.Misconfigured,
		syscall.EIO:    pipeline.Transient,
	} {
		got, _ := diagnose(&fs.PathError{Op: "mkdir", Path: "x", Err: err})
		require.Equal(t, want, got, err)
	}
}

func TestACallersCancellationStaysACancellation(t *testing.T) {
	s := fresh(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := s.Runs(ctx, RunQuery{})
	require.ErrorIs(t, err, context.Canceled)
	require.ErrorIs(t, s.SaveRun(ctx, run("r1", 0, pipeline.Failed)), context.Canceled)
	_, _, err = s.OpenIncident(ctx, incident("r1", "c", false))
	require.ErrorIs(t, err, context.Canceled)
	_, err = Open(ctx, s.path)
	require.ErrorIs(t, err, context.Canceled)
}

func TestADamagedEntryIsNotTriedAgain(t *testing.T) {
	s := fresh(t)
	require.NoError(t, s.SaveRun(t.Context(), run("r1", 0, pipeline.Failed)))
	_, _, err := s.OpenIncident(t.Context(), incident("r1", "c", false))
	require.NoError(t, err)
	for _, damage := range []string{`UPDATE runs SET report = '{"run_id":'`, `UPDATE incidents SET incident = '[]'`} {
		_, err := s.db.ExecContext(t.Context(), damage)
		require.NoError(t, err)
	}
	_, err = s.Runs(t.Context(), RunQuery{})
	require.Equal(t, pipeline.Bug, pipeline.KindOf(err))
	_, err = s.FailuresInARow(t.Context(), "customers", "")
	require.Equal(t, pipeline.Bug, pipeline.KindOf(err))
	_, _, err = s.OpenIncident(t.Context(), incident("r2", "c", false))
	require.Equal(t, pipeline.Bug, pipeline.KindOf(err))
}
