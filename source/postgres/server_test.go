//go:build integration

package postgres_test

import (
	"encoding/hex"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/autonomous-data-pipeline/adp/internal/realpostgres"
	"github.com/autonomous-data-pipeline/adp/pipeline"
	"github.com/autonomous-data-pipeline/adp/source"
	"github.com/autonomous-data-pipeline/adp/source/postgres"
	"github.com/autonomous-data-pipeline/adp/source/sourcetest"
)

// server is a database with tables of the tests' own.
type server struct {
	*realpostgres.Server
	tables atomic.Int64
}

// reader may do nothing but what docs/sources.md grants.
const reader = "reader"

func TestOnAServer(t *testing.T) {
	s := &server{Server: realpostgres.Start(t)}
	s.Exec(t, fmt.Sprintf(`CREATE ROLE %s LOGIN PASSWORD '%s'`, reader, realpostgres.Password))
	for name, test := range map[string]func(*testing.T, *server){
		"Conformance": conformance, "Commits": commits, "Tables": tables, "Rows": rows, "Faults": faults,
	} {
		t.Run(name, func(t *testing.T) { test(t, s) })
	}
	t.Run("Restart", func(t *testing.T) { restart(t, s) })
}

func (s *server) source(t testing.TB, change func(*postgres.Config)) *postgres.Source {
	t.Helper()
	c := postgres.DefaultConfig()
	c.URL, c.Password = s.URL(reader), realpostgres.Password
	if change != nil {
		change(&c)
	}
	src, err := postgres.New(c)
	require.NoError(t, err)
	return src
}

// table makes a table that the reader may read.
func (s *server) table(t testing.TB, columns string) string {
	t.Helper()
	name := fmt.Sprintf("t%d", s.tables.Add(1))
	s.Exec(t, fmt.Sprintf(`CREATE TABLE %s (%s)`, name, columns), fmt.Sprintf(`GRANT SELECT ON %s TO %s`, name, reader))
	return name
}

func conformance(t *testing.T, s *server) {
	next := map[string]int64{}
	sourcetest.Run(t, sourcetest.Harness{
		Source:       s.source(t, func(c *postgres.Config) { c.Columns, c.Timestamp = []string{"v"}, "at" }),
		OnePartition: true, NoWaiting: true, Holes: true,
		NewTopic: func(t *testing.T, _ int32) string {
			return s.table(t, `id bigint PRIMARY KEY, v bytea, at timestamptz NOT NULL`)
		},
		Append: func(t *testing.T, topic string, _ int32, events []sourcetest.Event) {
			conn := s.Connect(t, realpostgres.User)
			var in [][]any
			for _, e := range events {
				in = append(in, []any{next[topic], e.Value, time.UnixMilli(e.TimestampMs)})
				next[topic]++
			}
			_, err := conn.CopyFrom(t.Context(), pgx.Identifier{topic}, []string{"id", "v", "at"}, pgx.CopyFromRows(in))
			require.NoError(t, err)
			require.NoError(t, conn.Close(t.Context()))
		},
		DeleteBefore: func(t *testing.T, topic string, _ int32, offset int64) {
			s.Exec(t, fmt.Sprintf(`DELETE FROM %s WHERE id < %d`, topic, offset))
		},
		Shape: func(e sourcetest.Event) (sourcetest.Event, bool) {
			value := `{"v":null}`
			if e.Value != nil {
				value = fmt.Sprintf(`{"v":"\\x%s"}`, hex.EncodeToString(e.Value))
			}
			return sourcetest.Event{Value: []byte(value), TimestampMs: e.TimestampMs}, true
		},
	})
}

func log(t testing.TB, s source.Source, topic string, cp pipeline.Checkpoint) (pipeline.Range, error) {
	t.Helper()
	out, err := source.LogFrom(t.Context(), s, topic, cp)
	if err != nil {
		return pipeline.Range{}, err
	}
	require.Len(t, out, 1)
	return out[0], nil
}

func mustLog(t testing.TB, s source.Source, topic string, cp pipeline.Checkpoint) pipeline.Range {
	t.Helper()
	r, err := log(t, s, topic, cp)
	require.NoError(t, err)
	return r
}

func read(t testing.TB, s source.Source, topic string, r pipeline.Range) ([]string, error) {
	t.Helper()
	var out []string
	err := s.Read(t.Context(), topic, r, func(records []source.Record) error {
		for _, rec := range records {
			out = append(out, string(rec.Value))
		}
		return nil
	})
	return out, err
}

func wantFault(t testing.TB, err error, kind pipeline.Kind, parts ...string) {
	t.Helper()
	require.Error(t, err)
	require.Equal(t, kind, pipeline.KindOf(err), err)
	for _, part := range parts {
		require.ErrorContains(t, err, part)
	}
	require.NotContains(t, err.Error(), realpostgres.Password)
}
