//go:build integration

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/autonomous-data-pipeline/adp/internal/realpostgres"
	"github.com/autonomous-data-pipeline/adp/pipeline"
)

const customersTable = `CREATE TABLE customers (
	nr bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	id text, customer_id bigint, name text, email text, country text, plan text, age bigint, monthly_spend double precision,
	active boolean, signup_date date, event_time timestamptz, added timestamptz NOT NULL DEFAULT now())`

// Rows of a table go the whole way, while a slow transaction and a rolled back
// one stand between them.
func TestATableGoesTheWholeWay(t *testing.T) {
	server := realpostgres.Start(t)
	server.Exec(t, customersTable, fmt.Sprintf("CREATE ROLE reader LOGIN PASSWORD '%s'", realpostgres.Password), "GRANT SELECT ON customers TO reader")
	w := newWorldWith(t, map[string]string{"POSTGRES_URL": server.URL("reader"), "POSTGRES_PASSWORD": realpostgres.Password})
	w.declareSource(`source:
  kind: postgres
  topic: customers
  postgres:
    column: nr
    timestamp: added
    columns: [id, customer_id, name, email, country, plan, age, monthly_spend, active, signup_date, event_time]
    writer_wait: 200ms
`)
	conn := server.Connect(t, realpostgres.User)
	insert := func(events [][]byte) {
		t.Helper()
		for _, e := range events {
			_, err := conn.Exec(t.Context(), `INSERT INTO customers (id, customer_id, name, email, country, plan, age, monthly_spend, active, signup_date, event_time)
				SELECT e->>'id', (e->>'customer_id')::bigint, e->>'name', e->>'email', e->>'country', e->>'plan', (e->>'age')::bigint, (e->>'monthly_spend')::float8,
					(e->>'active')::boolean, (e->>'signup_date')::date, now() FROM (SELECT $1::jsonb) AS x(e)`, string(e))
			require.NoError(t, err)
		}
	}
	require.Equal(t, pipeline.Idle, w.batch().Outcome)
	insert(w.events("healthy", 300))
	slow := server.Connect(t, realpostgres.User)
	_, err := slow.Exec(t.Context(), "BEGIN; INSERT INTO customers (id, customer_id) VALUES ('rolled back', 1)")
	require.NoError(t, err)
	insert(w.events("healthy", 100))
	require.Equal(t, pipeline.Idle, w.batch().Outcome, "what a slow transaction writes may still come")
	_, err = slow.Exec(t.Context(), "ROLLBACK")
	require.NoError(t, err)
	r := w.batch()
	require.Equal(t, []string{"healthy"}, r.Conditions)
	require.Equal(t, []pipeline.Range{{Start: 1, End: 402}}, r.Source.Ranges)
	require.Equal(t, int64(400), r.Records.Loaded)
	require.Equal(t, "customers", r.Source.Topic)
	account := w.verify()
	require.Equal(t, int64(400), account.Table)
	require.Equal(t, int64(400), account.Topic, "a number that was rolled back is no record")
	w.checkFiles(r)

	// Old rows may be deleted once they are loaded.
	insert(w.events("healthy", 50))
	server.Exec(t, "DELETE FROM customers WHERE nr <= 400")
	r = w.batch()
	require.Equal(t, []string{"healthy"}, r.Conditions)
	require.Equal(t, int64(50), r.Records.Loaded)
	require.Equal(t, int64(399), w.verify().Expired)
	for _, name := range []string{"run_report.json", "decision_log.jsonl"} {
		text, err := os.ReadFile(filepath.Join(w.dir, "data", "ops", "customers", name))
		require.NoError(t, err)
		require.NotContains(t, string(text), realpostgres.Password)
	}
}
