//go:build integration

package iceberg

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/autonomous-data-pipeline/adp/internal/realiceberg"
	"github.com/autonomous-data-pipeline/adp/pipeline"
	"github.com/autonomous-data-pipeline/adp/sink"
	"github.com/autonomous-data-pipeline/adp/sink/sinktest"
)

var restTables atomic.Int64

// restConfig is a table that the catalog doesn't have yet.
func restConfig(t *testing.T, url string) Config {
	cfg := testConfig(t)
	cfg.URI, cfg.Table = url, "customers"+strconv.FormatInt(restTables.Add(1), 10)
	return cfg
}

// TestRESTCatalog is on Apache Iceberg's own catalog, which knows no login, and
// on one behind a gate that wants one.
func TestRESTCatalog(t *testing.T) {
	server := realiceberg.Start(t)
	for name, test := range map[string]func(*testing.T, *realiceberg.Server){
		"it passes the conformance suite":                         restConformance,
		"of two processes with rival loads one commits":           restRivals,
		"two processes with the same load commit it once":         restTwins,
		"a commit whose answer is lost is found":                  restAnswerLost,
		"a commit that the catalog never got is made by the next": restRefused,
		"a commit that arrives late is taken up":                  restLate,
		"a commit that arrives after another one is refused":      restTooLate,
		"a commit is known when the catalog comes back":           restGoneAfterCommit,
		"a token that is absent or wrong is named":                restToken,
		"a credential logs in, and again when its token is lost":  restCredential,
		"a login that can't be reached is no refusal":             restLoginDown,
		"the address may name a warehouse":                        restWarehouse,
		"what is no catalog is named":                             restNoCatalog,
		"a table whose making isn't confirmed is made":            restCreate,
		"a slow catalog is a fault that passes":                   restSlow,
		"maintenance takes nothing that is needed":                restMaintenance,
		"pyiceberg reads the table through the catalog":           restReader,
	} {
		t.Run(name, func(t *testing.T) { test(t, server) })
	}
}

func restConformance(t *testing.T, server *realiceberg.Server) {
	sinktest.Run(t, func(t *testing.T) sinktest.Harness {
		t.Parallel()
		cfg := restConfig(t, server.URL)
		return sinktest.Harness{
			Open: func() (sink.Sink, error) { return New(cfg) },
			DataFiles: func() ([]string, error) {
				return filepath.Glob(filepath.Join(cfg.Warehouse, "default", cfg.Table, "data", "*=*", "*.parquet"))
			},
			CrashPoints: crashPoints,
			Crash: func(point string, step sinktest.Step) (bool, error) {
				return crash(victim{Config: cfg, Point: point, Step: step})
			},
		}
	})
}

// gated is a table behind a gate, with one load.
func gated(t *testing.T, server *realiceberg.Server) (*realiceberg.Gate, Config, *Sink) {
	g := realiceberg.NewGate(t, server)
	cfg := restConfig(t, g.URL)
	cfg.Token = realiceberg.Token
	s := open(t, cfg)
	loadNext(t, s)
	return g, cfg, s
}

func stageNext(t *testing.T, s *Sink, records int64) sink.Load {
	t.Helper()
	st, err := s.State(t.Context())
	require.NoError(t, err)
	return sinktest.Stage(t, t.TempDir(), sinktest.Spec{
		RunID: fmt.Sprintf("run of %d", records), Base: st.Checkpoint, Ranges: []pipeline.Range{{Start: st.Checkpoint[0], End: st.Checkpoint[0] + records}},
	})
}

// processes carries loads out at once, in a process each, and returns how they
// exited.
func processes(t *testing.T, cfg Config, loads ...sink.Load) []int {
	t.Helper()
	codes, errs := make([]int, len(loads)), make([]bytes.Buffer, len(loads))
	var wait sync.WaitGroup
	for i, l := range loads {
		in, err := json.Marshal(victim{Config: cfg, Step: sinktest.Step{Load: &l}})
		require.NoError(t, err)
		cmd := exec.CommandContext(t.Context(), os.Args[0])
		cmd.Env = append(os.Environ(), victimEnv+"=1", settingToken+"="+string(cfg.Token))
		cmd.Stdin, cmd.Stderr = bytes.NewReader(in), &errs[i]
		wait.Go(func() {
			_ = cmd.Run() // its exit code says it
			codes[i] = cmd.ProcessState.ExitCode()
		})
	}
	wait.Wait()
	for i := range errs {
		t.Logf("process %d exited with %d: %s", i, codes[i], &errs[i])
	}
	return codes
}

func restRivals(t *testing.T, server *realiceberg.Server) {
	g, cfg, s := gated(t, server)
	records := 10
	for range 3 {
		g.Next(2, realiceberg.Commits, realiceberg.Meet(2))
		codes := processes(t, cfg, stageNext(t, s, 10), stageNext(t, s, 20))
		require.ElementsMatch(t, []int{0, exitConflict}, codes)
		records += 10
		if codes[1] == 0 {
			records += 10
		}
		wantEach(t, s, records)
	}
}

func restTwins(t *testing.T, server *realiceberg.Server) {
	g, cfg, s := gated(t, server)
	l := stageNext(t, s, 10)
	g.Next(2, realiceberg.Commits, realiceberg.Meet(2))
	require.Equal(t, []int{0, 0}, processes(t, cfg, l, l))
	wantEach(t, s, 20)
	wantSequence(t, s, 2)
}

func wantSequence(t *testing.T, s *Sink, want int64) {
	t.Helper()
	st, err := s.State(t.Context())
	require.NoError(t, err)
	require.Equal(t, want, st.Sequence)
}

func restAnswerLost(t *testing.T, server *realiceberg.Server) {
	g, _, s := gated(t, server)
	for i, lose := range []realiceberg.Fault{realiceberg.Break, realiceberg.LoseAnswer(500), realiceberg.LoseAnswer(502), realiceberg.LoseAnswer(503), realiceberg.LoseAnswer(504), realiceberg.LoseAnswer(409)} {
		l := stageNext(t, s, 10)
		g.Next(1, realiceberg.Commits, lose)
		r, err := s.Load(t.Context(), l)
		require.NoError(t, err, "answer %d", i)
		require.False(t, r.Repeated)
		again, err := s.Load(t.Context(), l)
		require.NoError(t, err)
		require.True(t, again.Repeated)
		wantEach(t, s, 20+10*i)
	}
}

func restRefused(t *testing.T, server *realiceberg.Server) {
	g, _, s := gated(t, server)
	for i, status := range []int{500, 502, 503, 504, 429} {
		l := stageNext(t, s, 10)
		g.Next(1, realiceberg.Commits, realiceberg.Refuse(status))
		_, err := s.Load(t.Context(), l)
		wantFault(t, err, pipeline.Transient, settingURI)
		wantEach(t, s, 10+10*i)
		r, err := s.Load(t.Context(), l)
		require.NoError(t, err)
		require.False(t, r.Repeated)
		wantEach(t, s, 20+10*i)
	}
}

// withhold keeps the next request that matches from the catalog until release
// is called, which gives the catalog's answer.
func withhold(t *testing.T, g *realiceberg.Gate, match func(*http.Request) bool) (release func() int) {
	let, carried := make(chan struct{}), make(chan int, 1)
	g.Next(1, match, realiceberg.Withhold(let, carried))
	unblock := sync.OnceFunc(func() { close(let) })
	t.Cleanup(unblock) // a test that fails lets go, too
	return func() int { unblock(); return <-carried }
}

// withheld loads l, whose commit the catalog gets when release is called.
func withheld(t *testing.T, g *realiceberg.Gate, cfg Config, l sink.Load) (release func() int) {
	t.Helper()
	cfg.wait = 200 * time.Millisecond
	hasty := open(t, cfg)
	release = withhold(t, g, realiceberg.Commits)
	_, err := hasty.Load(t.Context(), l)
	wantFault(t, err, pipeline.Transient, settingURI)
	return release
}

func restLate(t *testing.T, server *realiceberg.Server) {
	g, cfg, s := gated(t, server)
	l := stageNext(t, s, 10)
	release := withheld(t, g, cfg, l)
	wantEach(t, s, 10)
	require.Equal(t, http.StatusOK, release())
	r, err := s.Load(t.Context(), l)
	require.NoError(t, err)
	require.True(t, r.Repeated)
	wantEach(t, s, 20)
	wantSequence(t, s, 2)
}

func restTooLate(t *testing.T, server *realiceberg.Server) {
	g, cfg, s := gated(t, server)
	l := stageNext(t, s, 10)
	release := withheld(t, g, cfg, l)
	r, err := s.Load(t.Context(), l)
	require.NoError(t, err)
	require.False(t, r.Repeated)
	require.Equal(t, http.StatusConflict, release())
	wantEach(t, s, 20)
	wantSequence(t, s, 2)
}

func restGoneAfterCommit(t *testing.T, server *realiceberg.Server) {
	g, cfg, s := gated(t, server)
	l := stageNext(t, s, 10)
	g.Next(1, realiceberg.Commits, func(w http.ResponseWriter, r *http.Request, forward func(http.ResponseWriter)) {
		g.Next(1000, realiceberg.Any, realiceberg.Refuse(503))
		realiceberg.Break(w, r, forward)
	})
	_, err := s.Load(t.Context(), l)
	wantFault(t, err, pipeline.Transient, settingURI)
	_, err = open(t, cfg).State(t.Context())
	wantFault(t, err, pipeline.Transient, settingURI)
	cfg.URI = server.URL
	back := open(t, cfg)
	server.Stop(t)
	_, err = back.State(t.Context())
	wantFault(t, err, pipeline.Transient, settingURI)
	server.Restart(t)
	r, err := back.Load(t.Context(), l)
	require.NoError(t, err)
	require.True(t, r.Repeated)
	wantEach(t, back, 20)
	wantSequence(t, back, 2)
}

func restCreate(t *testing.T, server *realiceberg.Server) {
	for _, path := range []string{"/namespaces", "/tables"} {
		g := realiceberg.NewGate(t, server)
		cfg := restConfig(t, g.URL)
		cfg.Token, cfg.Namespace = realiceberg.Token, "of_"+cfg.Table
		s := open(t, cfg)
		making := func(r *http.Request) bool { return r.Method == http.MethodPost && strings.HasSuffix(r.URL.Path, path) }
		l := stageNext(t, s, 10)
		g.Next(1, making, realiceberg.Refuse(503))
		_, err := s.Load(t.Context(), l)
		wantFault(t, err, pipeline.Transient, settingURI)
		g.Next(1, making, realiceberg.Break)
		_, err = s.Load(t.Context(), l)
		require.NoError(t, err)
		wantEach(t, s, 10)
	}
}

func restSlow(t *testing.T, server *realiceberg.Server) {
	g, cfg, s := gated(t, server)
	cfg.wait = 200 * time.Millisecond
	hasty := open(t, cfg)
	release := withhold(t, g, realiceberg.Any)
	_, err := hasty.State(t.Context())
	wantFault(t, err, pipeline.Transient, settingURI)
	release()
	_, err = hasty.State(t.Context())
	require.NoError(t, err)
	wantEach(t, s, 10)
}

func restMaintenance(t *testing.T, server *realiceberg.Server) {
	for _, test := range []func(*testing.T, Config){compactionChangesFiles, expiryKeepsRecords, orphansGo, maintenanceBesideLoads} {
		test(t, restConfig(t, server.URL))
	}
}

// wantFault checks that the error says which setting to look at.
func wantFault(t *testing.T, err error, kind pipeline.Kind, setting string) {
	t.Helper()
	require.Error(t, err)
	t.Log(err)
	require.Equal(t, kind, pipeline.KindOf(err), err)
	require.ErrorContains(t, err, setting)
	for _, secret := range []string{realiceberg.Token, realiceberg.ClientSecret, "wrong-secret", "sub=" + realiceberg.ClientID} {
		require.NotContains(t, err.Error(), secret)
	}
}

func restToken(t *testing.T, server *realiceberg.Server) {
	g, cfg, s := gated(t, server)
	for _, token := range []Secret{"", "wrong-secret"} {
		cfg.Token = token
		_, err := open(t, cfg).State(t.Context())
		wantFault(t, err, pipeline.Misconfigured, settingToken)
	}
	l := stageNext(t, s, 10)
	for _, status := range []int{401, 403, 419} {
		g.Next(1, realiceberg.Commits, realiceberg.Refuse(status))
		_, err := s.Load(t.Context(), l)
		wantFault(t, err, pipeline.Misconfigured, settingToken)
		wantEach(t, s, 10)
	}
	_, err := s.Load(t.Context(), l)
	require.NoError(t, err)
	wantEach(t, s, 20)
}

func restCredential(t *testing.T, server *realiceberg.Server) {
	g := realiceberg.NewGate(t, server)
	cfg := restConfig(t, g.URL)
	cfg.Credential = realiceberg.ClientID + ":wrong-secret"
	_, err := open(t, cfg).State(t.Context())
	wantFault(t, err, pipeline.Misconfigured, settingCredential)
	cfg.Credential = realiceberg.ClientID + ":" + realiceberg.ClientSecret
	s := open(t, cfg)
	loadNext(t, s)
	logins := g.Logins()
	require.Positive(t, logins)
	loadNext(t, s)
	require.Equal(t, logins, g.Logins(), "a token is used again")
	g.Forget()
	loadNext(t, s)
	require.Greater(t, g.Logins(), logins)
	wantEach(t, s, 30)
	l := stageNext(t, s, 10)
	g.Next(1, realiceberg.Commits, func(w http.ResponseWriter, r *http.Request, forward func(http.ResponseWriter)) {
		g.Forget()
		realiceberg.Refuse(http.StatusUnauthorized)(w, r, forward)
	})
	_, err = s.Load(t.Context(), l)
	wantFault(t, err, pipeline.Misconfigured, settingCredential)
	wantEach(t, s, 30)
	_, err = s.Load(t.Context(), l)
	require.NoError(t, err)
	wantEach(t, s, 40)
}

func restLoginDown(t *testing.T, server *realiceberg.Server) {
	g := realiceberg.NewGate(t, server)
	cfg := restConfig(t, g.URL)
	cfg.Credential = realiceberg.ClientID + ":" + realiceberg.ClientSecret
	s := open(t, cfg)
	for _, status := range []int{500, 503, 429} {
		g.Next(1, realiceberg.Any, realiceberg.Refuse(status))
		_, err := s.State(t.Context())
		wantFault(t, err, pipeline.Transient, settingURI)
	}
	loadNext(t, s)
}

func restWarehouse(t *testing.T, server *realiceberg.Server) {
	g := realiceberg.NewGate(t, server)
	cfg := restConfig(t, g.URL+"?warehouse=main+store&scope=all&oauth2-server-uri="+url.QueryEscape(g.URL+"/v1/oauth/tokens"))
	cfg.Credential = realiceberg.ClientID + ":" + realiceberg.ClientSecret
	asked := make(chan string, 1)
	g.Next(1, func(r *http.Request) bool { return strings.HasSuffix(r.URL.Path, "/config") }, func(w http.ResponseWriter, r *http.Request, forward func(http.ResponseWriter)) {
		asked <- r.URL.Query().Get("warehouse")
		forward(w)
	})
	s := open(t, cfg)
	loadNext(t, s)
	require.Equal(t, "main store", <-asked)
	wantEach(t, s, 10)
}

func restNoCatalog(t *testing.T, server *realiceberg.Server) {
	cfg := restConfig(t, server.URL+"/api/catalog")
	_, err := open(t, cfg).State(t.Context())
	wantFault(t, err, pipeline.Misconfigured, settingURI)
}

func restReader(t *testing.T, server *realiceberg.Server) {
	g := realiceberg.NewGate(t, server)
	cfg := restConfig(t, g.URL)
	cfg.Token = realiceberg.Token
	readElsewhere(t, cfg, map[string]string{"type": "rest", "uri": g.URL, "token": realiceberg.Token})
	require.NoFileExists(t, cfg.catalogFile())
}
