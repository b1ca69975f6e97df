package snowflake

import (
	"context"
	"database/sql/driver"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/autonomous-data-pipeline/adp/pipeline"
	"github.com/autonomous-data-pipeline/adp/schemas"
	"github.com/autonomous-data-pipeline/adp/sink"
	"github.com/autonomous-data-pipeline/adp/sink/sinktest"
)

var update = flag.Bool("update", false, "write golden files")

func batchOf(t *testing.T, n int64, held bool) sink.Load {
	t.Helper()
	return sinktest.Stage(t, t.TempDir(), sinktest.Spec{RunID: "run-1", Ranges: []pipeline.Range{{End: n}}, Held: held})
}

// passing are the parts of a statement that differ from run to run.
var passing = regexp.MustCompile(`[0-9a-f]{16}|[0-9A-F]{16}|STG_\d+|file://[^']*/`)

func script(r *recorder) string {
	text := passing.ReplaceAllStringFunc(strings.Join(r.asked, "\n"), func(s string) string {
		switch {
		case strings.HasPrefix(s, "STG_"):
			return "STG_<time>"
		case strings.HasPrefix(s, "file://"):
			return "file://<link>/"
		}
		return "<id>"
	})
	return text + "\n"
}

// TestTheStatementsOfALoad shows all that Snowflake is asked, a line each: for
// the first load, which is held, and for its release under a wider schema.
func TestTheStatementsOfALoad(t *testing.T) {
	r, s := recorded(t)
	for _, c := range append(dataColumns(sinktest.Schema()), bookkeeping...) {
		r.columns = append(r.columns, []driver.Value{upper(c.name), c.family})
	}
	l := batchOf(t, 20, true)
	r.loadable(l)
	_, err := s.Load(t.Context(), l)
	require.NoError(t, err)
	compare(t, "load.sql", script(r))
	inside := strings.Split(script(r)[strings.Index(script(r), "BEGIN TRANSACTION\n"):strings.Index(script(r), "COMMIT\n")], "\n")[1:]
	require.Contains(t, inside[0], `UPDATE "DB"."PUBLIC"."RAW_CUSTOMERS_STATE"`, "the fence comes first")
	for _, statement := range inside {
		require.NotRegexp(t, `^(CREATE|ALTER|DROP|TRUNCATE|COPY|PUT)`, statement, "DDL would commit what is open")
	}
	for _, link := range r.links {
		require.NoFileExists(t, link)
	}

	r.asked = nil
	entries, err := s.Entries(t.Context())
	require.NoError(t, err)
	e := entries[0]
	_, err = s.Settle(t.Context(), sink.Settlement{
		ID: "answer-1", BatchID: e.BatchID, Revision: e.Revision, Resolution: "release", By: "ann", Status: sink.Quarantined,
		Schema: sinktest.Evolved(), SchemaVersion: 9, Table: e.Held, Quarantine: e.Rejects,
		Records: pipeline.Records{Read: 20, Clean: 16, Suspect: 4, Loaded: 16, Quarantined: 4},
	})
	require.NoError(t, err)
	compare(t, "release.sql", script(r))
}

func compare(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		require.NoError(t, os.MkdirAll("testdata", 0o750))
		require.NoError(t, os.WriteFile(path, []byte(got), 0o600))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, string(want), got, "if it is meant, write it anew: go test ./sink/snowflake -update")
}

func TestAStagedFileThatChangedIsNotUploaded(t *testing.T) {
	for name, change := range map[string]func(path string) error{
		"another byte at its end": func(path string) error {
			f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
			if err != nil {
				return err
			}
			_, err = f.WriteString("x")
			return errors.Join(err, f.Close())
		},
		"cleared away": os.Remove,
	} {
		t.Run(name, func(t *testing.T) {
			r, s := recorded(t)
			l := batchOf(t, 20, false)
			r.loadable(l)
			require.NoError(t, change(l.Table[0].Path))
			_, err := s.Load(t.Context(), l)
			require.ErrorContains(t, err, "process the batch again")
			require.NotContains(t, script(r), "PUT")
			require.NotContains(t, script(r), "BEGIN")
		})
	}
}

func TestRowsThatDoNotAddUpAreNotCommitted(t *testing.T) {
	r, s := recorded(t)
	l := batchOf(t, 20, false)
	r.loadable(l)
	r.rows[l.Table[1].Path]--
	_, err := s.Load(t.Context(), l)
	require.ErrorContains(t, err, "nothing is loaded")
	require.Equal(t, pipeline.Bug, pipeline.KindOf(err))
	require.NotContains(t, script(r), "BEGIN")
	require.Contains(t, script(r), "DROP TABLE", "what was made on the way goes")
}

// A session that went back into the pool with a transaction open would show to
// the next reader what nobody has committed.
func TestASessionIsGivenUpUnlessItsTransactionHasEnded(t *testing.T) {
	lost := errors.New("cut")
	tests := map[string]struct {
		fail  []string
		given int
	}{
		"a commit that is refused is rolled back":       {[]string{"COMMIT"}, 0},
		"a refused insert is rolled back":               {[]string{`INSERT INTO "DB"."PUBLIC"."RAW_CUSTOMERS_LEDGER"`}, 0},
		"a commit and a rollback are both lost":         {[]string{"COMMIT", "ROLLBACK"}, 1},
		"a lost beginning may have begun a transaction": {[]string{"BEGIN", "ROLLBACK"}, 1},
		"the fence and a rollback are both lost":        {[]string{`UPDATE "DB"."PUBLIC"."RAW_CUSTOMERS_STATE"`, "ROLLBACK"}, 1},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			r, s := recorded(t)
			l := batchOf(t, 20, false)
			r.loadable(l)
			for _, statement := range tc.fail {
				r.fail[statement] = lost
			}
			// The record is only there once it is committed.
			s.step = func(point string) {
				if point == "committed" {
					r.mu.Lock()
					defer r.mu.Unlock()
					r.record = ""
				}
			}
			_, err := s.Load(t.Context(), l)
			require.ErrorIs(t, err, lost)
			require.Equal(t, pipeline.Transient, pipeline.KindOf(err))
			require.Contains(t, script(r), "ROLLBACK")
			require.Equal(t, tc.given, r.closed)
		})
	}
}

// The statements at the end are sent although the caller has gone.
func TestACallerThatGoesAwayLeavesNothingOpen(t *testing.T) {
	r, s := recorded(t)
	l := batchOf(t, 20, false)
	r.loadable(l)
	ctx, cancel := context.WithCancel(t.Context())
	s.step = func(point string) {
		if point == "fenced" {
			cancel()
		}
	}
	_, err := s.Load(ctx, l)
	require.ErrorIs(t, err, context.Canceled)
	all := script(r)
	require.Contains(t, all, "\nROLLBACK\n")
	require.Contains(t, all, "\nDROP TABLE")
	require.Contains(t, all, "\nREMOVE ")
	require.NotContains(t, all, "\nCOMMIT")
}

func TestWhatAnotherWorkerCreatedFirstIsNoError(t *testing.T) {
	r, s := recorded(t)
	l := batchOf(t, 20, false)
	r.loadable(l)
	r.fail[`CREATE TABLE "DB"."PUBLIC"."RAW_CUSTOMERS_STATE"`] = refusal(codeExists)
	_, err := s.Load(t.Context(), l)
	require.NoError(t, err)
}

func TestCleanupTakesWhatIsOldAndOurs(t *testing.T) {
	r, s := recorded(t)
	s.now = func() time.Time { return time.Date(2026, 11, 9, 12, 0, 0, 0, time.UTC) }
	old, young := "1762000000", "1794225600" // a year before, and now
	r.tables = []string{
		"RAW_CUSTOMERS", "RAW_CUSTOMERS_HELD", "ORDERS_STG_" + old + "_0123456789abcdef_ROWS", "RAW_CUSTOMERS_STG_NOTES",
		"RAW_CUSTOMERS_STG_" + old + "_0123456789ABCDEF_ROWS", "RAW_CUSTOMERS_STG_" + young + "_0123456789ABCDEF_ROWS",
	}
	file := func(name, at string) []driver.Value { return []driver.Value{name, "10", "d41d8", at} }
	r.listed = [][]driver.Value{
		file("adp_stage/raw_customers/b1/a1/a1-0.parquet", "Sun, 8 Nov 2026 11:00:00 GMT"),
		file("adp_stage/raw_customers/b2/a2/a2-0.parquet", "Mon, 09 Nov 2026 11:59:00 GMT"),
		file("adp_stage/raw_customers/b3/a3/a3-0.parquet", "Wed, 28 Oct 2026 11:00:00 GMT"),
	}
	removed, err := s.Cleanup(t.Context(), 24*time.Hour)
	require.NoError(t, err)
	require.Equal(t, []string{
		"RAW_CUSTOMERS_STG_" + old + "_0123456789ABCDEF_ROWS",
		`@"DB"."PUBLIC"."ADP_STAGE"/raw_customers/b1/a1/a1-0.parquet`, `@"DB"."PUBLIC"."ADP_STAGE"/raw_customers/b3/a3/a3-0.parquet`,
	}, removed)
	require.Equal(t, 1, strings.Count(script(r), "DROP TABLE"))
	require.Contains(t, script(r), `LIST @"DB"."PUBLIC"."ADP_STAGE"/raw_customers/`)

	r.fail["LIST"] = refusal(codeNoObject)
	r.tables = nil
	removed, err = s.Cleanup(t.Context(), 24*time.Hour)
	require.NoError(t, err, "a stage that isn't there has no files")
	require.Empty(t, removed)
	_, err = s.Cleanup(t.Context(), -time.Second)
	require.Equal(t, pipeline.Bug, pipeline.KindOf(err))
}

func TestColumnTypes(t *testing.T) {
	day := time.Date(1969, 12, 31, 0, 0, 0, 0, time.UTC)
	tests := map[schemas.Type]struct {
		sql   string
		value any // as it is read back
		same  func(*schemas.Stat)
	}{
		schemas.Boolean:   {"BOOLEAN", true, func(s *schemas.Stat) { s.AddBool(true) }},
		schemas.Int:       {"NUMBER(10,0)", int64(-7), func(s *schemas.Stat) { s.AddInt(-7) }},
		schemas.Long:      {"NUMBER(19,0)", "9223372036854775807", func(s *schemas.Stat) { s.AddInt(9223372036854775807) }},
		schemas.Double:    {"FLOAT", -0.5, func(s *schemas.Stat) { s.AddDouble(-0.5) }},
		schemas.String:    {"VARCHAR", "é", func(s *schemas.Stat) { s.AddBytes([]byte("é")) }},
		schemas.JSON:      {"VARCHAR", `{"b":1.0,"a":2}`, func(s *schemas.Stat) { s.AddBytes([]byte(`{"b":1.0,"a":2}`)) }},
		schemas.Timestamp: {"TIMESTAMP_TZ(6)", day.Add(-time.Microsecond), func(s *schemas.Stat) { s.AddInt(-86_400_000_001) }},
		schemas.Date:      {"DATE", day, func(s *schemas.Stat) { s.AddInt(-1) }},
	}
	for _, f := range sinktest.Schema().Fields {
		require.Contains(t, tests, f.Type, "every type is here")
	}
	for kind, tc := range tests {
		t.Run(string(kind), func(t *testing.T) {
			c := typed(kind)
			require.Equal(t, tc.sql, c.sql)
			var got, want schemas.Stat
			require.NoError(t, c.add(&got, tc.value))
			tc.same(&want)
			require.Equal(t, want.Column("x"), got.Column("x"), "what is read back counts as what was staged")
			require.ErrorContains(t, c.add(&got, []byte{1}), "[]uint8", "a value of another type is an error")
		})
	}
	require.ErrorContains(t, addInt(&schemas.Stat{}, "1.5"), "no whole number")
}
