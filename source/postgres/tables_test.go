//go:build integration

package postgres_test

import (
	"context"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/autonomous-data-pipeline/adp/pipeline"
	"github.com/autonomous-data-pipeline/adp/source"
	"github.com/autonomous-data-pipeline/adp/source/postgres"
)

// tables that can't be read as they are, and what is said of them.
func tables(t *testing.T, s *server) {
	tests := map[string]struct {
		setup  string // %s is the table
		change func(*postgres.Config)
		says   []string
	}{
		"no such table":       {`DROP TABLE %s`, nil, []string{"source.topic", "there is none by this name"}},
		"no right to read it": {`REVOKE SELECT ON %s FROM reader`, nil, []string{"source.topic", "GRANT USAGE"}},
		"a view":              {`ALTER TABLE %[1]s RENAME TO %[1]s_b; CREATE VIEW %[1]s AS SELECT * FROM %[1]s_b; GRANT SELECT ON %[1]s TO reader`, nil, []string{"source.topic", "a view"}},
		"no such column":      {`ALTER TABLE %s RENAME id TO nr`, nil, []string{"source.postgres.column", `no column "id"`}},
		"a column of text":    {`ALTER TABLE %s ALTER id DROP IDENTITY; ALTER TABLE %s ALTER id TYPE text`, nil, []string{"source.postgres.column", "text, not an integer"}},
		"a column that may be null": {`ALTER TABLE %[1]s ALTER id DROP IDENTITY, DROP CONSTRAINT %[1]s_pkey; ALTER TABLE %[1]s ALTER id DROP NOT NULL`, nil,
			[]string{"source.postgres.column", "may be null", "SET NOT NULL"}},
		"a sequence that gives out numbers early": {`ALTER TABLE %s ALTER id SET CACHE 20`, nil, []string{"source.postgres.column", "20 numbers at once", "CACHE 1", "source.postgres.lag"}},
		"a sequence that counts down":             {`ALTER TABLE %s ALTER id SET INCREMENT -1 SET MINVALUE -9 SET MAXVALUE 9 RESTART 9`, nil, []string{"downwards"}},
		"a negative number":                       {`INSERT INTO %s (id, v) OVERRIDING SYSTEM VALUE VALUES (-1, 'x')`, nil, []string{"source.postgres.column", "-1", "negative"}},
		"fields that it lacks":                    {`SELECT '%s'`, func(c *postgres.Config) { c.Columns = []string{"v", "w"} }, []string{"source.postgres.columns", `"w"`}},
		"a time that it lacks":                    {`SELECT '%s'`, func(c *postgres.Config) { c.Timestamp = "at" }, []string{"source.postgres.timestamp", `"at"`}},
		"a time that is none":                     {`SELECT '%s'`, func(c *postgres.Config) { c.Timestamp = "v" }, []string{"source.postgres.timestamp", "text, not a timestamp"}},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			table := s.table(t, identity)
			setup := strings.ReplaceAll(strings.ReplaceAll(tc.setup, "%[1]s", table), "%s", table)
			s.Exec(t, strings.Split(setup, "; ")...)
			src := s.source(t, tc.change)
			_, err := log(t, src, table, nil)
			wantFault(t, err, pipeline.Misconfigured, append(tc.says, table)...)
		})
	}
	t.Run("names are taken as they are", func(t *testing.T) { names(t, s) })
	t.Run("two rows of one number are refused", func(t *testing.T) { twice(t, s) })
	t.Run("a table that lost its last rows isn't one made anew", func(t *testing.T) { shrunk(t, s) })
	t.Run("young rows wait", func(t *testing.T) { lag(t, s) })
	t.Run("rows that went before they were read are a gap", func(t *testing.T) { headGone(t, s) })
}

func names(t *testing.T, s *server) {
	s.Exec(t, `CREATE SCHEMA "My Shop"`, `CREATE TABLE "My Shop"."Or""ders" ("I d" int PRIMARY KEY, "wh""ere" int)`,
		`INSERT INTO "My Shop"."Or""ders" VALUES (5, 6)`, `GRANT USAGE ON SCHEMA "My Shop" TO reader`, `GRANT SELECT ON "My Shop"."Or""ders" TO reader`)
	src := s.source(t, func(c *postgres.Config) { c.Column, c.Columns = "I d", []string{`wh"ere`} })
	topic := `My Shop.Or"ders`
	require.Equal(t, pipeline.Range{Start: 5, End: 6}, mustLog(t, src, topic, nil))
	got, err := read(t, src, topic, pipeline.Range{Start: 5, End: 6})
	require.NoError(t, err)
	require.Equal(t, []string{`{"wh\"ere":6}`}, got)
}

func twice(t *testing.T, s *server) {
	table := s.table(t, `id int NOT NULL`)
	s.Exec(t, "INSERT INTO "+table+" VALUES (1), (2), (2), (3)")
	_, err := read(t, s.source(t, nil), table, pipeline.Range{Start: 1, End: 4})
	wantFault(t, err, pipeline.Misconfigured, "source.postgres.column", "value 2", "unique index")
}

func shrunk(t *testing.T, s *server) {
	src := s.source(t, nil)
	table := s.table(t, identity)
	s.Exec(t, "INSERT INTO "+table+" (v) SELECT 'x' FROM generate_series(1, 10)", "DELETE FROM "+table+" WHERE id > 7")
	cp := pipeline.Checkpoint{0: 11}
	_, err := log(t, src, table, cp)
	wantFault(t, err, pipeline.Misconfigured, "source.topic", "truncated", "GRANT SELECT on the column's sequence")
	s.Exec(t, fmt.Sprintf("GRANT SELECT ON SEQUENCE %s_id_seq TO reader", table))
	require.Equal(t, pipeline.Range{Start: 1, End: 11}, mustLog(t, src, table, cp))
	s.Exec(t, "DELETE FROM "+table)
	require.Equal(t, pipeline.Range{Start: 11, End: 11}, mustLog(t, src, table, cp))
	s.Exec(t, "TRUNCATE "+table+" RESTART IDENTITY", "INSERT INTO "+table+" (v) VALUES ('new')")
	_, err = log(t, src, table, cp)
	wantFault(t, err, pipeline.Misconfigured, "truncated")
}

func lag(t *testing.T, s *server) {
	for _, kind := range []string{"timestamptz", "timestamp"} {
		table := s.table(t, "id bigint PRIMARY KEY, at "+kind)
		src := s.source(t, func(c *postgres.Config) { c.Lag, c.Timestamp = time.Hour, "at" })
		s.Exec(t, "SET TimeZone = 'UTC'; INSERT INTO "+table+" VALUES (1, now() - interval '2 hours'), (3, now() - interval '2 hours'), (7, now())")
		require.Equal(t, pipeline.Range{Start: 1, End: 7}, mustLog(t, src, table, nil), kind)
		s.Exec(t, "SET TimeZone = 'UTC'; INSERT INTO "+table+" VALUES (2, now())") // late, but younger than the lag
		require.Equal(t, pipeline.Range{Start: 1, End: 2}, mustLog(t, src, table, nil), kind)
		s.Exec(t, "UPDATE "+table+" SET at = '2020-01-01'")
		require.Equal(t, pipeline.Range{Start: 1, End: 8}, mustLog(t, src, table, pipeline.Checkpoint{0: 2}), kind)
	}
}

func headGone(t *testing.T, s *server) {
	src := s.source(t, nil)
	table := s.table(t, identity)
	s.Exec(t, "INSERT INTO "+table+" (v) SELECT 'x' FROM generate_series(1, 10)", "DELETE FROM "+table+" WHERE id < 6")
	_, err := read(t, src, table, pipeline.Range{Start: 4, End: 8})
	wantFault(t, err, pipeline.BadData, "deleted before they were read")
	s.Exec(t, "DELETE FROM "+table)
	_, err = read(t, src, table, pipeline.Range{Start: 4, End: 8})
	wantFault(t, err, pipeline.BadData, "the table is empty")
}

// rows become JSON that the engine reads, the same for every user.
func rows(t *testing.T, s *server) {
	s.Exec(t, `ALTER ROLE reader SET TimeZone = 'Asia/Tokyo'`, `ALTER ROLE reader SET bytea_output = 'escape'`, `ALTER ROLE reader SET extra_float_digits = -5`)
	tests := map[string]struct{ typ, value, want string }{
		"whole numbers":         {"bigint", "9223372036854775807", `9223372036854775807`},
		"numbers of any length": {"numeric", "1234567890123456789.10", `1234567890123456789.10`},
		"fractions":             {"double precision", "0.1", `0.1`},
		"no number":             {"double precision", "'NaN'", `"NaN"`},
		"truth":                 {"boolean", "true", `true`},
		"text":                  {"text", `E'a"\\\n\u00fc'`, `"a\"\\\nü"`},
		"null":                  {"text", "NULL", `null`},
		"instants are in UTC":   {"timestamptz", "'2026-01-02 03:04:05.678+09'", `"2026-01-01T18:04:05.678+00:00"`},
		"times without a zone":  {"timestamp", "'2026-01-02 03:04:05'", `"2026-01-02T03:04:05+00:00"`},
		"days":                  {"date", "'2026-01-02'", `"2026-01-02"`},
		"bytes":                 {"bytea", `'\xff00'`, `"\\xff00"`},
		"JSON":                  {"jsonb", `'{"a":[1,2]}'`, `{"a": [1, 2]}`},
		"lists":                 {"int[]", "'{1,2}'", `[1,2]`},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			table := s.table(t, "id int PRIMARY KEY, v "+tc.typ)
			s.Exec(t, fmt.Sprintf("INSERT INTO %s VALUES (1, %s)", table, tc.value))
			got, err := read(t, s.source(t, nil), table, pipeline.Range{Start: 1, End: 2})
			require.NoError(t, err)
			require.Equal(t, []string{`{"id":1,"v":` + tc.want + `}`}, got)
		})
	}
	t.Run("a row has the time of its column", func(t *testing.T) { times(t, s) })
}

func times(t *testing.T, s *server) {
	for _, kind := range []string{"timestamptz", "timestamp"} {
		table := s.table(t, "id int PRIMARY KEY, at "+kind)
		s.Exec(t, "SET TimeZone = 'UTC'; INSERT INTO "+table+" VALUES (1, '2026-01-02 03:04:05.678'), (2, NULL), (3, 'infinity'), (4, '1969-12-31 23:59:59.999')")
		for column, want := range map[string][]int64{"at": {1_767_323_045_678, 0, 0, -1}, "": {0, 0, 0, 0}} {
			src := s.source(t, func(c *postgres.Config) { c.Timestamp = column })
			var got []int64
			require.NoError(t, src.Read(t.Context(), table, pipeline.Range{Start: 1, End: 5}, func(records []source.Record) error {
				for _, r := range records {
					require.Nil(t, r.Key)
					got = append(got, r.TimestampMs)
				}
				return nil
			}))
			require.Equal(t, want, got, kind)
		}
	}
}

func faults(t *testing.T, s *server) {
	table := s.table(t, identity)
	s.Exec(t, "INSERT INTO "+table+" (v) VALUES ('x')")
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, closed.Close())
	silent, err := net.Listen("tcp", "127.0.0.1:0") // takes connections, and never answers
	require.NoError(t, err)
	defer func() { _ = silent.Close() }()
	at := func(l net.Listener) func(*postgres.Config) {
		return func(c *postgres.Config) {
			c.URL, c.ConnectTimeout = "postgres://reader@"+l.Addr().String()+"/postgres", 300*time.Millisecond
		}
	}
	tests := map[string]struct {
		change func(*postgres.Config)
		kind   pipeline.Kind
		says   string
	}{
		"a wrong password":   {func(c *postgres.Config) { c.Password = "wrong" }, pipeline.Misconfigured, "POSTGRES_PASSWORD"},
		"an unknown user":    {func(c *postgres.Config) { c.URL = strings.Replace(c.URL, "reader@", "nobody@", 1) }, pipeline.Misconfigured, "POSTGRES_PASSWORD"},
		"no such database":   {func(c *postgres.Config) { c.URL = strings.Replace(c.URL, "/postgres?", "/shop?", 1) }, pipeline.Misconfigured, "POSTGRES_URL"},
		"nothing listens":    {at(closed), pipeline.Transient, "POSTGRES_URL"},
		"nothing answers":    {at(silent), pipeline.Transient, "POSTGRES_URL"},
		"no TLS where asked": {func(c *postgres.Config) { c.URL = strings.Replace(c.URL, "sslmode=disable", "sslmode=require", 1) }, pipeline.Transient, "TLS"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			src := s.source(t, tc.change)
			_, err := log(t, src, table, nil)
			wantFault(t, err, tc.kind, tc.says)
			_, err = read(t, src, table, pipeline.Range{Start: 1, End: 2})
			wantFault(t, err, tc.kind, tc.says)
		})
	}
	t.Run("a caller who gives up while it waits for writers", func(t *testing.T) {
		a := s.begin(t)
		a.insert(table, "slow")
		s.Exec(t, "INSERT INTO "+table+" (v) VALUES ('y')")
		ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
		defer cancel()
		_, err := s.source(t, func(c *postgres.Config) { c.WriterWait = time.Minute }).List(ctx, table, nil)
		require.ErrorIs(t, err, context.DeadlineExceeded)
	})
}

// restart ends connections under a read; the next attempt works.
func restart(t *testing.T, s *server) {
	table := s.table(t, identity)
	s.Exec(t, "INSERT INTO "+table+" (v) SELECT repeat('x', 10000) FROM generate_series(1, 5000)")
	src := s.source(t, nil)
	whole := pipeline.Range{Start: 1, End: 5001}
	first := true
	err := src.Read(t.Context(), table, whole, func([]source.Record) error {
		if first {
			s.Server.Restart(t)
		}
		first = false
		return nil
	})
	wantFault(t, err, pipeline.Transient)
	got, err := read(t, src, table, whole)
	require.NoError(t, err)
	require.Len(t, got, 5000)
	require.Equal(t, whole, mustLog(t, src, table, nil))
}
