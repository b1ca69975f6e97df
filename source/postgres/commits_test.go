//go:build integration

package postgres_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/autonomous-data-pipeline/adp/internal/realpostgres"
	"github.com/autonomous-data-pipeline/adp/pipeline"
	"github.com/autonomous-data-pipeline/adp/source/postgres"
)

const identity = `id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, v text`

// impatient doesn't wait for writers for long.
func impatient(c *postgres.Config) { c.WriterWait = 100 * time.Millisecond }

// session is a transaction that a test holds open.
type session struct {
	t    *testing.T
	conn *pgx.Conn
}

func (s *server) begin(t *testing.T) session {
	t.Helper()
	out := session{t, s.Connect(t, realpostgres.User)}
	out.exec("BEGIN")
	return out
}

func (s session) exec(sql string) {
	s.t.Helper()
	_, err := s.conn.Exec(s.t.Context(), sql)
	require.NoError(s.t, err)
}

func (s session) insert(table, v string) {
	s.t.Helper()
	s.exec(fmt.Sprintf(`INSERT INTO %s (v) VALUES ('%s')`, table, v))
}

func commits(t *testing.T, s *server) {
	for name, test := range map[string]func(*testing.T, *server){
		"a row below one that was seen is waited for":             outOfOrder,
		"a wait ends as soon as the writer's transaction does":    waitEnds,
		"a transaction without a number yet isn't overtaken":      noNumberYet,
		"numbers that were rolled back are holes":                 rolledBack,
		"a prepared transaction is one that writes":               prepared,
		"a slow writer holds up what came after it, nothing else": slowWriter,
		"writers that always overlap don't hold the log up":       overlap,
		"who writes to another table, or reads, doesn't matter":   others,
		"many writers at once lose nothing and double nothing":    manyWriters,
		"rows of partitions and children count too":               partitions,
	} {
		t.Run(name, func(t *testing.T) { test(t, s) })
	}
}

func outOfOrder(t *testing.T, s *server) {
	table := s.table(t, identity)
	src := s.source(t, impatient)
	a, b := s.begin(t), s.begin(t)
	a.insert(table, "first")
	b.insert(table, "second")
	b.exec("COMMIT")
	require.Zero(t, mustLog(t, src, table, nil).Len(), "row 2 is there, row 1 is to come")
	a.exec("COMMIT")
	require.Equal(t, pipeline.Range{Start: 1, End: 3}, mustLog(t, src, table, nil))
	got, err := read(t, src, table, pipeline.Range{Start: 1, End: 3})
	require.NoError(t, err)
	require.Equal(t, []string{`{"id":1,"v":"first"}`, `{"id":2,"v":"second"}`}, got)
}

func waitEnds(t *testing.T, s *server) {
	table := s.table(t, identity)
	src := s.source(t, func(c *postgres.Config) { c.WriterWait = time.Minute })
	a, b := s.begin(t), s.begin(t)
	a.insert(table, "first")
	b.insert(table, "second")
	b.exec("COMMIT")
	done := make(chan pipeline.Range)
	go func() {
		r, err := src.List(t.Context(), table, nil)
		if err != nil {
			t.Error(err)
		}
		done <- r[0]
	}()
	select {
	case r := <-done:
		t.Fatalf("the log is %v while a writer is at work", r)
	case <-time.After(200 * time.Millisecond): // it waits
	}
	a.exec("COMMIT")
	require.Equal(t, pipeline.Range{Start: 1, End: 3}, <-done)
}

// noNumberYet: B's transaction got its number in the sequence's order, but its
// transaction ID before A did. IDs don't tell who may come later; locks do.
func noNumberYet(t *testing.T, s *server) {
	table := s.table(t, identity)
	src := s.source(t, impatient)
	a, b := s.begin(t), s.begin(t)
	b.exec("SELECT pg_current_xact_id()")
	a.insert(table, "first")
	b.insert(table, "second")
	b.exec("COMMIT")
	require.Zero(t, mustLog(t, src, table, nil).Len())
	a.exec("COMMIT")
	require.Equal(t, int64(3), mustLog(t, src, table, nil).End)
}

func rolledBack(t *testing.T, s *server) {
	table := s.table(t, identity)
	src := s.source(t, impatient)
	s.Exec(t, "INSERT INTO "+table+" (v) VALUES ('a')")
	a := s.begin(t)
	a.insert(table, "never")
	a.exec("ROLLBACK")
	s.Exec(t, "INSERT INTO "+table+" (v) VALUES ('b')")
	require.Equal(t, pipeline.Range{Start: 1, End: 4}, mustLog(t, src, table, nil))
	got, err := read(t, src, table, pipeline.Range{Start: 1, End: 4})
	require.NoError(t, err)
	require.Equal(t, []string{`{"id":1,"v":"a"}`, `{"id":3,"v":"b"}`}, got)
	got, err = read(t, src, table, pipeline.Range{Start: 2, End: 3})
	require.NoError(t, err)
	require.Empty(t, got)
}

func prepared(t *testing.T, s *server) {
	table := s.table(t, identity)
	src := s.source(t, impatient)
	a := s.begin(t)
	a.insert(table, "first")
	a.exec("PREPARE TRANSACTION 'two phases'")
	s.Exec(t, "INSERT INTO "+table+" (v) VALUES ('second')")
	require.Zero(t, mustLog(t, src, table, nil).Len())
	a.exec("COMMIT PREPARED 'two phases'")
	require.Equal(t, pipeline.Range{Start: 1, End: 3}, mustLog(t, src, table, nil))
}

func slowWriter(t *testing.T, s *server) {
	table := s.table(t, identity)
	src := s.source(t, impatient)
	s.Exec(t, "INSERT INTO "+table+" (v) SELECT 'x' FROM generate_series(1, 10)")
	require.Equal(t, pipeline.Range{Start: 1, End: 11}, mustLog(t, src, table, nil))
	a := s.begin(t)
	a.insert(table, "slow")
	s.Exec(t, "INSERT INTO "+table+" (v) SELECT 'y' FROM generate_series(1, 5)")
	cp := pipeline.Checkpoint{0: 8}
	require.Equal(t, pipeline.Range{Start: 1, End: 8}, mustLog(t, s.source(t, impatient), table, cp), "what was planned before stays readable")
	require.Equal(t, pipeline.Range{Start: 1, End: 11}, mustLog(t, src, table, cp), "and so does what was settled before")
	a.exec("COMMIT")
	require.Equal(t, pipeline.Range{Start: 1, End: 17}, mustLog(t, src, table, pipeline.Checkpoint{0: 8}))
}

func overlap(t *testing.T, s *server) {
	table := s.table(t, identity)
	src := s.source(t, impatient)
	a := s.begin(t)
	a.insert(table, "1")
	s.Exec(t, "INSERT INTO "+table+" (v) VALUES ('2')")
	require.Zero(t, mustLog(t, src, table, nil).Len())
	for i := range 3 {
		b := s.begin(t)
		b.insert(table, "overlaps")
		a.exec("COMMIT")
		end := mustLog(t, src, table, nil).End
		require.GreaterOrEqual(t, end, int64(2+i), "what the last writer held up is settled, though there is a new one")
		a = b
	}
	a.exec("COMMIT")
	require.Equal(t, int64(6), mustLog(t, src, table, nil).End)
}

func others(t *testing.T, s *server) {
	table, other := s.table(t, identity), s.table(t, identity)
	src := s.source(t, func(c *postgres.Config) { c.WriterWait = time.Minute })
	s.Exec(t, "INSERT INTO "+table+" (v) VALUES ('1')")
	a := s.begin(t)
	a.insert(other, "1")
	a.exec("SELECT * FROM " + table + " FOR UPDATE")
	require.Equal(t, pipeline.Range{Start: 1, End: 2}, mustLog(t, src, table, nil))
}

// follow reads a table as a pipeline does, plan by plan, until stop is closed
// and all is read. It gives the values of n.
func follow(t *testing.T, src *postgres.Source, table string, stop <-chan struct{}) []int {
	t.Helper()
	var seen []int
	var cp pipeline.Checkpoint
	for last := false; ; {
		select {
		case <-stop:
			last = true
		default:
		}
		logs, err := src.List(t.Context(), table, cp)
		require.NoError(t, err)
		b, gaps, lag, err := pipeline.Next("p", table, cp, logs, 50)
		require.NoError(t, err)
		require.Empty(t, gaps)
		for _, r := range b.Ranges {
			got, err := read(t, src, table, r)
			require.NoError(t, err)
			for _, v := range got {
				n, err := strconv.Atoi(v[len(`{"v":"`) : len(v)-len(`"}`)])
				require.NoError(t, err)
				seen = append(seen, n)
			}
		}
		cp = cp.After(b)
		if last && lag == 0 && b.Empty() {
			return seen
		}
	}
}

// write inserts numbers in transactions of random length, of which some are
// rolled back, and gives the committed ones.
func write(t *testing.T, conn *pgx.Conn, table string, writer int) []int {
	r := rand.New(rand.NewPCG(7, uint64(writer)))
	var kept []int
	for tx := range 25 {
		ctx := t.Context()
		_, err := conn.Exec(ctx, "BEGIN")
		var in []int
		for i := 0; err == nil && i <= r.IntN(4); i++ {
			n := writer*10_000 + tx*100 + i
			in = append(in, n)
			_, err = conn.Exec(ctx, fmt.Sprintf("INSERT INTO %s (v) VALUES ('%d'); SELECT pg_sleep(%f)", table, n, r.Float64()/100))
		}
		end := "COMMIT"
		if r.IntN(4) == 0 {
			end = "ROLLBACK"
		}
		if err == nil {
			_, err = conn.Exec(ctx, end)
		}
		if err != nil {
			t.Error(err)
			return nil
		}
		if end == "COMMIT" {
			kept = append(kept, in...)
		}
	}
	return kept
}

func (s *server) manyWritersTo(t *testing.T, table string) {
	t.Helper()
	src := s.source(t, func(c *postgres.Config) { c.Columns, c.WriterWait = []string{"v"}, 15*time.Millisecond })
	const writers = 6
	kept := make([][]int, writers)
	var wg sync.WaitGroup
	for w := range writers {
		conn := s.Connect(t, realpostgres.User)
		wg.Go(func() { kept[w] = write(t, conn, table, w) })
	}
	stop := make(chan struct{})
	go func() { wg.Wait(); close(stop) }()
	seen := follow(t, src, table, stop)
	want := slices.Concat(kept...)
	require.NotEmpty(t, want)
	require.ElementsMatch(t, want, seen)
}

func manyWriters(t *testing.T, s *server) { s.manyWritersTo(t, s.table(t, identity)) }

func partitions(t *testing.T, s *server) {
	table := s.table(t, `id bigserial NOT NULL, v text`)
	s.Exec(t,
		fmt.Sprintf(`DROP TABLE %s`, table),
		fmt.Sprintf(`CREATE TABLE %s (id bigserial NOT NULL, v text) PARTITION BY LIST (right(v, 1))`, table),
		fmt.Sprintf(`CREATE TABLE %[1]s_0 PARTITION OF %[1]s FOR VALUES IN ('0','1','2')`, table),
		fmt.Sprintf(`CREATE TABLE %[1]s_1 PARTITION OF %[1]s DEFAULT`, table),
		fmt.Sprintf(`GRANT SELECT ON %s TO %s`, table, reader))
	src := s.source(t, impatient)
	a, b := s.begin(t), s.begin(t)
	a.exec(fmt.Sprintf(`INSERT INTO %s_0 (id, v) VALUES (nextval('%s_id_seq'), '1')`, table, table)) // past the parent
	b.insert(table, "5")
	b.exec("COMMIT")
	require.Zero(t, mustLog(t, src, table, nil).Len())
	a.exec("COMMIT")
	require.Equal(t, pipeline.Range{Start: 1, End: 3}, mustLog(t, src, table, nil))
	s.Exec(t, "TRUNCATE "+table+" RESTART IDENTITY")
	s.manyWritersTo(t, table)

	parent := s.table(t, identity)
	s.Exec(t, fmt.Sprintf(`CREATE TABLE %[1]s_child (PRIMARY KEY (id)) INHERITS (%[1]s)`, parent))
	c := s.begin(t)
	c.exec(fmt.Sprintf(`INSERT INTO %s_child (id, v) VALUES (1, 'c')`, parent))
	s.Exec(t, fmt.Sprintf(`INSERT INTO %s (id, v) OVERRIDING SYSTEM VALUE VALUES (2, 'p')`, parent))
	require.Zero(t, mustLog(t, src, parent, nil).Len())
	c.exec("COMMIT")
	got, err := read(t, src, parent, pipeline.Range{Start: 1, End: 3})
	require.NoError(t, err)
	require.Len(t, got, 2)
}
