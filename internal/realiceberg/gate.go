package realiceberg

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"testing"
)

// What opens a gate.
const (
	Token        = "gate-token-4711"
	ClientID     = "adp"
	ClientSecret = "gate-secret-0815"
)

// Gate stands before the catalog. It wants Token, or a token that the catalog
// has given for ClientID and ClientSecret.
type Gate struct {
	URL string

	mu      sync.Mutex
	faults  []*fault
	granted map[string]bool
	logins  int
}

// Fault is done to one request. forward carries the request out; who doesn't
// call it keeps it from the catalog.
type Fault func(w http.ResponseWriter, r *http.Request, forward func(http.ResponseWriter))

type fault struct {
	match func(*http.Request) bool
	do    Fault
	times int
}

// NewGate opens a gate for as long as the test lasts.
func NewGate(t testing.TB, to *Server) *Gate {
	t.Helper()
	target, err := url.Parse(to.URL)
	if err != nil {
		t.Fatal(err)
	}
	g := &Gate{granted: map[string]bool{Token: true}}
	proxy := httputil.NewSingleHostReverseProxy(target)
	proxy.ErrorHandler = func(w http.ResponseWriter, _ *http.Request, err error) {
		http.Error(w, err.Error(), http.StatusBadGateway)
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { g.serve(w, r, proxy) }))
	t.Cleanup(server.Close)
	g.URL = server.URL
	return g
}

// Next has the next requests that match, so many times, suffer do.
func (g *Gate) Next(times int, match func(*http.Request) bool, do Fault) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.faults = append(g.faults, &fault{match, do, times})
}

// Forget takes every token back that the catalog has given, as a restart may.
func (g *Gate) Forget() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.granted = map[string]bool{Token: true}
}

// Logins is how often ClientID has logged in.
func (g *Gate) Logins() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.logins
}

// Commits matches the requests that change a table.
func Commits(r *http.Request) bool {
	return r.Method == http.MethodPost && strings.Contains(r.URL.Path, "/tables/")
}

// Any matches every request.
func Any(*http.Request) bool { return true }

// Refuse answers in the catalog's place.
func Refuse(status int) Fault {
	return func(w http.ResponseWriter, _ *http.Request, _ func(http.ResponseWriter)) {
		answer(w, status, "the gate refuses", "ServiceFailureException")
	}
}

// LoseAnswer has the catalog do what the request asks, and gives another
// answer.
func LoseAnswer(status int) Fault {
	return func(w http.ResponseWriter, _ *http.Request, forward func(http.ResponseWriter)) {
		forward(httptest.NewRecorder())
		answer(w, status, "the gate has lost the answer", "CommitStateUnknownException")
	}
}

// Break has the catalog do what the request asks, and breaks the connection.
func Break(_ http.ResponseWriter, _ *http.Request, forward func(http.ResponseWriter)) {
	forward(httptest.NewRecorder())
	panic(http.ErrAbortHandler)
}

// Withhold never answers. The catalog gets the request when release is closed,
// by when the client may have gone; carried gets the catalog's answer.
func Withhold(release <-chan struct{}, carried chan<- int) Fault {
	return func(_ http.ResponseWriter, r *http.Request, forward func(http.ResponseWriter)) {
		<-release
		rec := httptest.NewRecorder()
		forward(rec)
		carried <- rec.Code
		<-r.Context().Done()
	}
}

// Meet holds requests until n have come, and lets them go on together.
func Meet(n int) Fault {
	var all sync.WaitGroup
	all.Add(n)
	return func(w http.ResponseWriter, _ *http.Request, forward func(http.ResponseWriter)) {
		all.Done()
		all.Wait()
		forward(w)
	}
}

func (g *Gate) serve(w http.ResponseWriter, r *http.Request, catalog http.Handler) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		answer(w, http.StatusBadRequest, err.Error(), "BadRequestException")
		return
	}
	// Who is held up here may leave: the catalog gets the request nevertheless.
	forward := func(w http.ResponseWriter) {
		out := r.Clone(context.WithoutCancel(r.Context()))
		out.Body, out.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
		catalog.ServeHTTP(w, out)
	}
	if do := g.take(r); do != nil {
		do(w, r, forward)
		return
	}
	if strings.HasSuffix(r.URL.Path, "/oauth/tokens") {
		g.login(w, body, forward)
		return
	}
	if !g.knows(r) {
		answer(w, http.StatusUnauthorized, "no such token: "+r.Header.Get("Authorization"), "NotAuthorizedException")
		return
	}
	forward(w)
}

// take gives what is to be done to this request, if anything is.
func (g *Gate) take(r *http.Request) Fault {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, f := range g.faults {
		if f.times > 0 && f.match(r) {
			f.times--
			return f.do
		}
	}
	return nil
}

func (g *Gate) knows(r *http.Request) bool {
	token, bearer := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	g.mu.Lock()
	defer g.mu.Unlock()
	return bearer && g.granted[token]
}

// login lets ClientID have a token of the catalog's.
func (g *Gate) login(w http.ResponseWriter, body []byte, forward func(http.ResponseWriter)) {
	form, err := url.ParseQuery(string(body))
	if err != nil || form.Get("client_id") != ClientID || form.Get("client_secret") != ClientSecret {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusUnauthorized)
		_, _ = io.WriteString(w, `{"error":"invalid_client","error_description":"no such client: `+form.Get("client_secret")+`"}`) // the client may have gone
		return
	}
	rec := httptest.NewRecorder()
	forward(rec)
	var token struct {
		Access string `json:"access_token"`
	}
	if json.Unmarshal(rec.Body.Bytes(), &token) == nil && token.Access != "" {
		g.mu.Lock()
		g.granted[token.Access] = true
		g.logins++
		g.mu.Unlock()
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(rec.Code)
	_, _ = w.Write(rec.Body.Bytes()) // the client may have gone
}

// answer is an error as Iceberg's protocol has it.
func answer(w http.ResponseWriter, status int, message, kind string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]any{"error": map[string]any{"message": message, "type": kind, "code": status}}) // the client may have gone
}
