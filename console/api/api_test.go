package api

import (
	"bytes"
	"encoding/json"
	"flag"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"

	"github.com/autonomous-data-pipeline/adp/console"
	"github.com/autonomous-data-pipeline/adp/console/access"
	"github.com/autonomous-data-pipeline/adp/console/consoletest"
	"github.com/autonomous-data-pipeline/adp/console/problem"
	"github.com/autonomous-data-pipeline/adp/ops"
	"github.com/autonomous-data-pipeline/adp/pipeline"
	"github.com/autonomous-data-pipeline/adp/sink/sinktest"
)

var update = flag.Bool("update", false, "write the golden files anew")

// place is the API behind its guard, with a token of each role.
type place struct {
	*testing.T
	consoletest.Desk
	url    string
	log    *bytes.Buffer
	tokens map[console.Role]string
	asked  int
	schema *jsonschema.Compiler
}

func newPlace(t *testing.T) *place {
	t.Helper()
	p := &place{T: t, Desk: consoletest.New(t), log: &bytes.Buffer{}, tokens: map[console.Role]string{}}
	handler := New(p.Desk.Desk, slog.New(slog.NewTextHandler(p.log, nil)))
	guard := access.NewGuard(p.Ops, access.Options{Now: func() time.Time { return consoletest.At }})
	mux := http.NewServeMux()
	mux.Handle("/api/", handler)
	mux.HandleFunc("GET /csrf", func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, access.From(r.Context()).CSRF) })
	server := httptest.NewUnstartedServer(guard.Wrap(mux))
	server.Config.ReadTimeout = 2 * time.Second
	server.Start()
	t.Cleanup(server.Close)
	p.url = server.URL
	for _, role := range console.Roles {
		p.tokens[role] = p.token("my-"+string(role), role)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(openAPI()))
	require.NoError(t, err)
	p.schema = jsonschema.NewCompiler()
	require.NoError(t, p.schema.AddResource("api.json", doc))
	return p
}

func (p *place) token(name string, role console.Role) string {
	p.Helper()
	secret, err := access.NewToken(p.Context(), p.Ops, ops.Token{Name: name, Role: string(role), By: "test", CreatedAt: consoletest.At})
	require.NoError(p, err)
	return secret
}

type answer struct {
	status int
	header http.Header
	body   string
}

// into reads an answer's JSON.
func into[T any](t *testing.T, a answer) T {
	t.Helper()
	var v T
	require.NoError(t, json.Unmarshal([]byte(a.body), &v), a.body)
	return v
}

// ask asks with a role's token, and checks the answer by the description.
func (p *place) ask(role console.Role, method, path, body string, headers ...string) answer {
	p.Helper()
	req, err := http.NewRequestWithContext(p.Context(), method, p.url+path, strings.NewReader(body))
	require.NoError(p, err)
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	if p.asked++; p.asked%100 == 0 { // before the guard slows this one down
		p.tokens[role] = p.token("my-"+string(role)+strconv.Itoa(p.asked), role)
	}
	if role != "" {
		req.Header.Set("Authorization", "Bearer "+p.tokens[role])
	}
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	return p.do(req)
}

// do sends a request, and checks the answer by the description.
func (p *place) do(req *http.Request) answer {
	p.Helper()
	res, err := http.DefaultTransport.RoundTrip(req) // follows nothing
	require.NoError(p, err)
	b, err := io.ReadAll(res.Body)
	require.NoError(p, err)
	require.NoError(p, res.Body.Close())
	a := answer{res.StatusCode, res.Header, string(b)}
	p.described(req, a)
	return a
}

// described checks an answer against what the description says of its route
// and status: content type and schema.
func (p *place) described(req *http.Request, a answer) {
	p.Helper()
	if a.status >= 400 {
		require.Equal(p, problem.ContentType, a.header.Get("Content-Type"), a.body)
		if req.Method != http.MethodHead {
			p.valid("#/components/schemas/Problem", a)
			require.Equal(p, a.status, into[problem.Document](p.T, a).Status)
		}
	}
	r, ok := find(req)
	if !ok || a.status == http.StatusTemporaryRedirect {
		return
	}
	require.Equal(p, "no-store", a.header.Get("Cache-Control"))
	said, ok := r.responses(newDescriber())[strconv.Itoa(a.status)].(object)
	require.True(p, ok, "%s answers %d, which isn't described: %s", r.name, a.status, a.body)
	content, ok := said["content"].(object)
	if _, refused := said["$ref"]; refused {
		return
	}
	if !ok {
		require.Empty(p, a.body)
		return
	}
	for kind := range content {
		require.Equal(p, kind, a.header.Get("Content-Type"))
		if req.Method != http.MethodHead {
			pointer := strings.NewReplacer("~", "~0", "/", "~1").Replace(base+r.path) + "/" + strings.ToLower(r.method) +
				"/responses/" + strconv.Itoa(a.status) + "/content/" + strings.ReplaceAll(kind, "/", "~1") + "/schema"
			p.valid("#/paths/"+strings.NewReplacer("{", "%7B", "}", "%7D").Replace(pointer), a)
		}
	}
}

func (p *place) valid(pointer string, a answer) {
	p.Helper()
	s, err := p.schema.Compile("api.json" + pointer)
	require.NoError(p, err)
	v, err := jsonschema.UnmarshalJSON(strings.NewReader(a.body))
	require.NoError(p, err, a.body)
	require.NoError(p, s.Validate(v), a.body)
}

// find is the route of a request, found in another way than the API does.
func find(req *http.Request) (route, bool) {
	method := req.Method
	if method == http.MethodHead {
		method = http.MethodGet
	}
	got := strings.Split(strings.TrimPrefix(req.URL.EscapedPath(), base), "/")
	for _, r := range routes() {
		want := strings.Split(r.path, "/")
		same := r.method == method && len(want) == len(got)
		for i := 0; same && i < len(want); i++ {
			same = want[i] == got[i] || strings.HasPrefix(want[i], "{")
		}
		if same {
			return r, true
		}
	}
	return route{}, false
}

// seeded is a place in which things have happened: a run that held its batch,
// with a decision, an incident and files, and one that went well.
type seeded struct {
	*place
	held     pipeline.RunReport
	decision string
	incident ops.Incident
	batch    string
}

func newSeeded(t *testing.T) *seeded {
	t.Helper()
	s := &seeded{place: newPlace(t)}
	s.Ran(t, "r1", 0, pipeline.Succeeded, nil)
	s.held = s.Ran(t, "r2", 1, pipeline.Held, nil)
	s.Ran(t, "r3", 2, pipeline.Failed, nil)
	s.decision = s.Decide(t, s.held).ID
	s.incident = s.Open(t, s.held, "dq_failures_major", true)
	s.batch = s.quarantined(t)
	dir := filepath.Join(s.Config.Reports("customers"), "runs", "r2")
	require.NoError(t, os.MkdirAll(dir, 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "ge_results.json"), []byte(`{"success": false, "results": []}`), 0o600))
	report, err := json.Marshal(s.held)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "run_report.json"), report, 0o600))
	return s
}

// address fills in a route's path.
func (s *seeded) address(r route) string {
	return base + strings.NewReplacer("{pipeline}", "customers", "{run}", s.held.RunID, "{decision}", s.decision, "{incident}", s.incident.ID, "{batch}", s.batch).Replace(r.path)
}

// body is one that a route takes.
func body(r route) string {
	switch r.body.(type) {
	case nil:
		return ""
	case AnswerBody:
		return `{"resolution":"discard","comment":"seen"}`
	case SwitchBody:
		return `{"on":true,"reason":"audit"}`
	case NoteBody:
		return `{"note":"lunch"}`
	}
	return `{"comment":"seen"}`
}

func TestTheDescriptionIsTheOneInTheTree(t *testing.T) {
	p := newPlace(t)
	got := p.ask("", "GET", "/api/openapi.json", "")
	require.Equal(t, http.StatusOK, got.status)
	require.Equal(t, "application/json", got.header.Get("Content-Type"))
	file := filepath.Join("testdata", "openapi.json")
	if *update {
		require.NoError(t, os.MkdirAll("testdata", 0o755))
		require.NoError(t, os.WriteFile(file, []byte(got.body), 0o600))
	}
	want, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, string(want), got.body, "make it anew: go test ./console/api -update")
}

func TestTheDocumentNamesRoutesThatExist(t *testing.T) {
	doc, err := os.ReadFile(filepath.Join(consoletest.Root(), "docs", "api.md"))
	require.NoError(t, err)
	asked := regexp.MustCompile(`curl (.*?)"?\$ADP([^ "?\n]+)`).FindAllStringSubmatch(string(doc), -1)
	require.NotEmpty(t, asked)
	for _, m := range asked {
		method := http.MethodGet
		if strings.Contains(m[1], "--json") || strings.Contains(m[1], "-X POST") {
			method = http.MethodPost
		}
		_, ok := find(httptest.NewRequest(method, base+m[2], nil))
		require.True(t, ok, "%s %s is no route", method, m[2])
	}
}

func TestEveryRouteAnswersAsItIsDescribed(t *testing.T) {
	s := newSeeded(t)
	names := map[string]bool{}
	for _, r := range routes() {
		t.Run(r.name, func(t *testing.T) {
			require.False(t, names[r.name], "the name is another's")
			names[r.name] = true
			require.NotEmpty(t, r.about)
			if r.method == http.MethodGet {
				got := s.ask(console.Viewer, "GET", s.address(r), "")
				require.Equal(t, http.StatusOK, got.status, got.body)
				head := s.ask(console.Viewer, "HEAD", s.address(r), "")
				require.Equal(t, http.StatusOK, head.status)
				require.Equal(t, got.header.Get("Content-Length"), head.header.Get("Content-Length"))
				require.Empty(t, head.body)
				return
			}
			fresh := newSeeded(t)
			got := fresh.ask(console.Admin, r.method, fresh.address(r), body(r))
			require.Equal(t, r.status(), got.status, got.body)
		})
	}
}

// quarantined loads a batch of which a fifth stays out, and gives its ID.
func (s *seeded) quarantined(t *testing.T) string {
	t.Helper()
	snk, err := s.Sink("customers")
	require.NoError(t, err)
	defer func() { require.NoError(t, snk.Close()) }()
	done, err := snk.Load(t.Context(), sinktest.Stage(t, t.TempDir(), sinktest.Spec{RunID: "r1", Ranges: []pipeline.Range{{Start: 0, End: 100}}}))
	require.NoError(t, err)
	return done.BatchID
}
