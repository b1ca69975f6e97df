package snowflake

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"io"
	"os"
	"regexp"
	"strings"
	"sync"
	"testing"

	sf "github.com/snowflakedb/gosnowflake/v2"
	"github.com/stretchr/testify/require"

	"github.com/autonomous-data-pipeline/adp/pipeline"
	"github.com/autonomous-data-pipeline/adp/sink"
)

// recorder stands for Snowflake where it matters what is asked, not what comes
// of it: it keeps statements, and answers them as if all went well.
type recorder struct {
	mu      sync.Mutex
	asked   []string
	fail    map[string]error // by a statement's beginning
	tables  []string         // of the schema
	columns [][]driver.Value // of its tables, with their types
	listed  [][]driver.Value // what LIST answers
	rows    map[string]int64 // by the files' names in PUT
	put     string           // the file that came last
	links   []string         // where PUT read from
	state   string           // of the fence; empty before the first commit
	pending string
	record  string
	opened  int
	closed  int
}

func recorded(t *testing.T) (*recorder, *Sink) {
	t.Helper()
	r := &recorder{fail: map[string]error{}, rows: map[string]int64{}}
	db := sql.OpenDB(r)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	s := newSink(sound(), db)
	return r, s
}

func refusal(number int) error { return &sf.SnowflakeError{Number: number, Message: "refused"} }

// loadable tells the recorder what the files of a load hold.
func (r *recorder) loadable(l sink.Load) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, f := range append(append([]pipeline.File(nil), l.Table...), l.Quarantine...) {
		r.rows[f.Path] = f.Rows
	}
}

// session is one connection of the recorder.
type session struct{ r *recorder }

func (r *recorder) Connect(context.Context) (driver.Conn, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.opened++
	return session{r}, nil
}

func (r *recorder) Driver() driver.Driver { return nil }

func (c session) Close() error {
	c.r.mu.Lock()
	defer c.r.mu.Unlock()
	c.r.closed++
	return nil
}

func (session) Prepare(string) (driver.Stmt, error) { return nil, errors.ErrUnsupported }
func (session) Begin() (driver.Tx, error)           { return nil, errors.ErrUnsupported }

func (c session) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	a, err := c.r.ask(ctx, query, args)
	return driver.RowsAffected(a.touched), err
}

func (c session) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	a, err := c.r.ask(ctx, query, args)
	if err != nil {
		return nil, err
	}
	return &a, nil
}

type answer struct {
	touched int64
	rows    [][]driver.Value
}

func (a *answer) Columns() []string {
	if len(a.rows) == 0 {
		return nil
	}
	return make([]string, len(a.rows[0]))
}

func (a *answer) Close() error { return nil }

func (a *answer) Next(into []driver.Value) error {
	if len(a.rows) == 0 {
		return io.EOF
	}
	copy(into, a.rows[0])
	a.rows = a.rows[1:]
	return nil
}

var (
	putLink = regexp.MustCompile(`^PUT 'file://([^']+)'`)
	files   = regexp.MustCompile(`'([0-9a-f]{16}-\d+)'`)
)

func (r *recorder) ask(ctx context.Context, query string, args []driver.NamedValue) (answer, error) {
	if err := ctx.Err(); err != nil {
		return answer{}, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.asked = append(r.asked, query)
	for beginning, err := range r.fail {
		if strings.HasPrefix(query, beginning) {
			return answer{}, err
		}
	}
	one := func(v driver.Value) answer { return answer{rows: [][]driver.Value{{v}}} }
	is := func(beginning string) bool { return strings.HasPrefix(query, beginning) }
	switch {
	case is(`SELECT "STATE"`):
		if r.state == "" {
			return answer{}, refusal(codeNoObject)
		}
		return one(r.state), nil
	case is(`SELECT "RECORD"`) && r.record != "":
		return one(r.record), nil
	case is("SELECT COUNT(*)") && strings.Contains(query, "INFORMATION_SCHEMA"):
		return one(int64(1)), nil
	case is("SELECT COUNT(*)"):
		return answer{}, refusal(codeNoObject)
	case is("SELECT TABLE_NAME"):
		var a answer
		for _, name := range r.tables {
			a.rows = append(a.rows, []driver.Value{name})
		}
		return a, nil
	case is("SELECT COLUMN_NAME"):
		return answer{rows: r.columns}, nil
	case is("LIST "):
		return answer{rows: r.listed}, nil
	case is("PUT "):
		return answer{}, r.upload(putLink.FindStringSubmatch(query)[1])
	case is(`UPDATE`) && strings.Contains(query, stagingMark):
		return answer{touched: r.rows[r.put]}, nil
	case is(`UPDATE`):
		r.pending = args[3].Value.(string)
		return answer{touched: 1}, nil
	case is("INSERT INTO") && strings.Contains(query, `_LEDGER"`):
		r.record = args[2].Value.(string)
		return answer{touched: 1}, nil
	case is("INSERT INTO"):
		var a answer
		for _, m := range files.FindAllStringSubmatch(query, -1) {
			a.touched += r.rows[m[1]]
		}
		return a, nil
	case is("COMMIT"):
		r.state = r.pending
	}
	return answer{}, nil
}

// upload follows a link to the file that was staged, as the driver would.
func (r *recorder) upload(link string) error {
	path, err := os.Readlink(link)
	if err != nil {
		return err
	}
	name := strings.TrimSuffix(link[strings.LastIndex(link, "/")+1:], ".parquet")
	r.put, r.links = path, append(r.links, link)
	r.rows[name] = r.rows[path]
	return nil
}
