//go:build integration

package snowflake

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/autonomous-data-pipeline/adp/internal/fakesnow"
	"github.com/autonomous-data-pipeline/adp/pipeline"
	"github.com/autonomous-data-pipeline/adp/sink"
	"github.com/autonomous-data-pipeline/adp/sink/sinktest"
)

// proxy stands between the driver and the server: it keeps what was asked, and
// answers some statements as Snowflake would with an error.
type proxy struct {
	mu      sync.Mutex
	asked   []string
	tags    []string
	refuse  string // pattern of the statements that are refused
	refused string // the last one
	code    string
	message string
	lose    string // a statement whose answers are lost after it was carried out
}

type query struct {
	Text       string         `json:"sqlText"`
	Parameters map[string]any `json:"parameters"`
}

// through puts a proxy before the server and gives a configuration that uses it.
func through(t *testing.T) (*proxy, Config) {
	t.Helper()
	cfg := fresh()
	to, err := url.Parse(fmt.Sprintf("http://127.0.0.1:%d", cfg.Port))
	require.NoError(t, err)
	p, next := &proxy{}, httputil.NewSingleHostReverseProxy(to)
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { p.serve(w, r, next) }))
	t.Cleanup(web.Close)
	at, err := url.Parse(web.URL)
	require.NoError(t, err)
	cfg.Port, err = strconv.Atoi(at.Port())
	require.NoError(t, err)
	return p, cfg
}

func (p *proxy) serve(w http.ResponseWriter, r *http.Request, next http.Handler) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	if strings.Contains(r.URL.Path, "query-request") {
		if r.Header.Get("Content-Encoding") == "gzip" {
			if z, err := gzip.NewReader(bytes.NewReader(body)); err == nil {
				body, _ = io.ReadAll(z) // what can't be read isn't a query
			}
		}
		var q query
		if json.Unmarshal(body, &q) == nil && p.note(q) {
			w.Header().Set("Content-Type", "application/json")
			_ = json.NewEncoder(w).Encode(map[string]any{ // the driver says if it can't be read
				"success": false, "code": p.code, "message": p.message, "data": map[string]any{"sqlState": "42501", "errorCode": p.code},
			})
			return
		}
		if q.Text == p.lose && p.lose != "" {
			next.ServeHTTP(httptest.NewRecorder(), r)
			panic(http.ErrAbortHandler)
		}
	}
	next.ServeHTTP(w, r)
}

func (p *proxy) note(q query) (refused bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.asked = append(p.asked, q.Text)
	if tag, ok := q.Parameters["QUERY_TAG"].(string); ok {
		p.tags = append(p.tags, tag)
	}
	if p.refuse == "" || !regexp.MustCompile(p.refuse).MatchString(q.Text) {
		return false
	}
	p.refused = q.Text
	return true
}

func (p *proxy) statements() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return strings.Join(p.asked, "\n")
}

func staged(t *testing.T, n int64) sink.Load {
	t.Helper()
	return sinktest.Stage(t, t.TempDir(), sinktest.Spec{RunID: "run-1", Ranges: []pipeline.Range{{End: n}}})
}

// What only the real Snowflake carries out is checked by what it is asked.
func TestWhatSnowflakeIsAsked(t *testing.T) {
	start(t)
	p, cfg := through(t)
	s, err := New(cfg)
	require.NoError(t, err)
	l := staged(t, 20)
	_, err = s.Load(t.Context(), l)
	require.NoError(t, err)
	all := p.statements()
	require.Contains(t, all, "ON_ERROR = ABORT_STATEMENT")
	require.Contains(t, all, "USE_LOGICAL_TYPE = TRUE")
	require.Contains(t, all, "/"+l.Batch.ID+"/", "the stage's folder is named after the batch")
	require.Regexp(t, `REMOVE @"ADP"\."PUBLIC"\."ADP_STAGE"/customers_\d+/`+l.Batch.ID+`/[0-9a-f]+`, all)
	require.Contains(t, p.tags, "adp run run-1")
	begin, end := strings.Index(all, "BEGIN TRANSACTION"), strings.Index(all, "\nCOMMIT")
	require.True(t, 0 < begin && begin < end)
	within := strings.Split(all[begin:end], "\n")[1:]
	require.Contains(t, within[0], "UPDATE", "the fence comes first")
	for _, statement := range within {
		for _, ddl := range []string{"CREATE", "ALTER", "DROP", "TRUNCATE"} {
			require.NotContains(t, statement, ddl+" ", "DDL would commit what is open")
		}
	}
}

func TestNothingIsLoadedInPart(t *testing.T) {
	start(t)
	tests := map[string]struct {
		refuse, code, setting string
	}{
		"no grant to make tables":      {`^CREATE TABLE`, "003001", "SNOWFLAKE_ROLE"},
		"no grant to use the schema":   {`^CREATE STAGE`, "002043", "SNOWFLAKE_SCHEMA"},
		"no grant to write to a stage": {`^PUT `, "003001", "SNOWFLAKE_ROLE"},
		"no warehouse that runs":       {`^COPY INTO`, "000606", "SNOWFLAKE_WAREHOUSE"},
		"no grant to move the fence":   {`^UPDATE .*_STATE"`, "003001", "SNOWFLAKE_ROLE"},
		"no grant to insert":           {`^INSERT INTO`, "003001", "SNOWFLAKE_ROLE"},
		"no grant to keep the ledger":  {`^INSERT INTO .*_LEDGER"`, "003001", "SNOWFLAKE_ROLE"},
		"a column that is gone":        {`^INSERT INTO`, "000904", "SNOWFLAKE_TABLE"},
		"a used up quota at the end":   {`^COMMIT$`, "090073", "SNOWFLAKE_WAREHOUSE"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			p, cfg := through(t)
			p.refuse, p.code, p.message = tc.refuse, tc.code, "refused"
			s, err := New(cfg)
			require.NoError(t, err)
			_, err = s.Load(t.Context(), staged(t, 20))
			require.Regexp(t, tc.refuse, p.refused, "this statement was sent, and refused")
			var f *pipeline.Fault
			require.ErrorAs(t, err, &f)
			require.Equal(t, tc.setting, f.Setting, "%v", err)
			require.Equal(t, pipeline.Misconfigured, f.Kind)
			st, err := s.State(t.Context())
			require.NoError(t, err)
			require.Zero(t, st.Sequence)
			p.refuse = ""
			_, err = s.Load(t.Context(), staged(t, 20))
			require.NoError(t, err, "and once it is mended, it loads")
			n := 0
			require.NoError(t, s.Locate(t.Context(), func(sink.Place, int32, int64) error { n++; return nil }))
			require.Equal(t, 20, n)
		})
	}
}

// TestALostAnswerIsLookedUp cuts the connection after COMMIT was carried out.
func TestALostAnswerIsLookedUp(t *testing.T) {
	start(t)
	p, cfg := through(t)
	s, err := New(cfg)
	require.NoError(t, err)
	p.lose = "COMMIT"
	r, err := s.Load(t.Context(), staged(t, 20))
	require.NoError(t, err)
	require.Equal(t, int64(1), r.Sequence)
}

// TestAFrozenWorkerIsFenced has a transaction rolled back in the middle, as
// Snowflake does to one that idles: what the worker sends when it wakes up runs
// by itself, and must do nothing.
func TestAFrozenWorkerIsFenced(t *testing.T) {
	start(t)
	cfg := fresh()
	for _, point := range []string{"fenced", "inserted", "written"} {
		t.Run(point, func(t *testing.T) {
			cfg := cfg
			cfg.Table += "_" + point
			frozen, err := New(cfg)
			require.NoError(t, err)
			other, err := New(cfg)
			require.NoError(t, err)
			l, once := staged(t, 20), sync.Once{}
			frozen.step = func(at string) {
				if at == point {
					once.Do(func() {
						// It waits for the server to end the transaction that idles.
						_, err := other.Load(t.Context(), l)
						require.NoError(t, err)
					})
				}
			}
			r, err := frozen.Load(t.Context(), l)
			if err == nil {
				require.True(t, r.Repeated, "the other one has committed it")
			} else {
				require.Equal(t, pipeline.Transient, pipeline.KindOf(err), "%v", err)
			}
			found := map[int64]int{}
			require.NoError(t, other.Locate(t.Context(), func(_ sink.Place, _ int32, offset int64) error { found[offset]++; return nil }))
			require.Len(t, found, 20)
			for offset, n := range found {
				require.Equal(t, 1, n, "offset %d", offset)
			}
		})
	}
}

func TestLogins(t *testing.T) {
	server := fakesnow.Start(t)
	for key, value := range server.Env() {
		t.Setenv(key, value)
	}
	tests := map[string]struct {
		change  func(*Config)
		setting string // empty: it works
	}{
		"a password":       {func(*Config) {}, ""},
		"a key pair":       {func(c *Config) { c.Password, c.KeyFile = "", server.KeyFile }, ""},
		"a wrong password": {func(c *Config) { c.Password = "guessed-wrong" }, "SNOWFLAKE_PASSWORD"},
		"another's key": {func(c *Config) {
			c.Password, c.KeyFile = "", t.TempDir()+"/other.p8"
			writeKey(t, c.KeyFile, "PRIVATE KEY", rsaKey(t))
		}, "SNOWFLAKE_PRIVATE_KEY_PATH"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			cfg := fresh()
			tc.change(&cfg)
			s, err := New(cfg)
			require.NoError(t, err)
			_, err = s.Load(t.Context(), staged(t, 10))
			if tc.setting == "" {
				require.NoError(t, err)
				return
			}
			var f *pipeline.Fault
			require.ErrorAs(t, err, &f, "%v", err)
			require.Equal(t, tc.setting, f.Setting, "%v", err)
			require.NotContains(t, err.Error(), "guessed-wrong")
		})
	}
}

func TestATableOfAnotherShapeIsRefused(t *testing.T) {
	start(t)
	for name, ddl := range map[string]string{
		"another type": `("ID" VARCHAR)`, "a number for a time": `("EVENT_TIME" NUMBER(19,0))`,
	} {
		t.Run(name, func(t *testing.T) {
			s, err := New(fresh())
			require.NoError(t, err)
			_, err = s.db.ExecContext(t.Context(), "CREATE TABLE "+s.table+" "+ddl)
			require.NoError(t, err)
			_, err = s.Load(t.Context(), staged(t, 10))
			var f *pipeline.Fault
			require.ErrorAs(t, err, &f)
			require.Equal(t, "SNOWFLAKE_TABLE", f.Setting)
			st, err := s.State(t.Context())
			require.NoError(t, err)
			require.Zero(t, st.Sequence)
		})
	}
	t.Run("rows that no ledger accounts for", func(t *testing.T) {
		s, err := New(fresh())
		require.NoError(t, err)
		for _, q := range []string{"CREATE TABLE " + s.table + ` ("ID" NUMBER(19,0))`, "INSERT INTO " + s.table + " VALUES (1)"} {
			_, err = s.db.ExecContext(t.Context(), q)
			require.NoError(t, err)
		}
		_, err = s.Load(t.Context(), staged(t, 10))
		require.ErrorContains(t, err, "no ledger accounts for them")
	})
}

// A real account is tried too, if the environment has one, in tables and a stage
// of its own. Crashes aren't: each killed worker's lock is held for five minutes.
func TestOnARealAccount(t *testing.T) {
	if os.Getenv("SNOWFLAKE_ACCOUNT") == "" || os.Getenv("SNOWFLAKE_HOST") != "" {
		t.Skip("SNOWFLAKE_ACCOUNT is not set: no real account to try")
	}
	stage := "ADP_TEST_STAGE_" + newID()
	var all []Config
	t.Cleanup(func() {
		for _, cfg := range all {
			tidy(t, cfg)
		}
	})
	sinktest.Run(t, func(*testing.T) sinktest.Harness {
		cfg := table("ADP_TEST_" + newID())
		cfg.Stage = stage
		all = append(all, cfg)
		return harness(cfg)
	})
}

func tidy(t *testing.T, cfg Config) {
	s, err := New(cfg)
	if err != nil {
		t.Error(err)
		return
	}
	ddl := []string{"DROP STAGE IF EXISTS " + cfg.name(cfg.Stage)}
	for _, name := range []string{s.table, s.held, s.rejects, s.log, s.fence} {
		ddl = append(ddl, "DROP TABLE IF EXISTS "+name)
	}
	for _, q := range ddl {
		if _, err := s.db.Exec(q); err != nil {
			t.Error(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}
