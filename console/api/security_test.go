package api

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/autonomous-data-pipeline/adp/agent"
	"github.com/autonomous-data-pipeline/adp/console"
	"github.com/autonomous-data-pipeline/adp/console/access"
	"github.com/autonomous-data-pipeline/adp/console/consoletest"
	"github.com/autonomous-data-pipeline/adp/ops"
	"github.com/autonomous-data-pipeline/adp/pipeline"
)

// The least role of every write: a route that changes its own must change it
// here too.
var writers = map[string]console.Role{
	"startRun": console.Operator, "turnKillSwitch": console.Admin,
	"acknowledgeIncident": console.Operator, "previewAnswer": console.Operator, "answerIncident": console.Approver,
	"previewSettlement": console.Operator, "replayQuarantine": console.Approver, "discardQuarantine": console.Approver,
	"pauseSchedule": console.Operator, "resumeSchedule": console.Operator,
}

// said is what a pipeline's decision log holds of people.
func (s *seeded) said() []agent.Entry {
	s.Helper()
	f, err := os.Open(filepath.Join(s.Config.Reports("customers"), "decision_log.jsonl"))
	require.NoError(s, err)
	defer func() { require.NoError(s, f.Close()) }()
	var out []agent.Entry
	for e, err := range agent.Entries(f) {
		require.NoError(s, err)
		if e.Kind == agent.KindRequest || e.Kind == agent.KindSwitch {
			out = append(out, e)
		}
	}
	return out
}

// untouched says that nobody has done anything.
func (s *seeded) untouched() {
	s.Helper()
	require.Empty(s, s.said())
	started, _ := s.Temporal.Started()
	require.Empty(s, started)
	i, err := s.Ops.Incident(s.Context(), s.incident.ID)
	require.NoError(s, err)
	require.Equal(s, ops.Opened, i.Status)
	sw, err := s.Ops.Switch(s.Context(), "customers")
	require.NoError(s, err)
	require.False(s, sw.On)
}

func TestEachRoleDoesWhatItMayAndIsWrittenDown(t *testing.T) {
	refused := newSeeded(t)
	for _, r := range routes() {
		if r.method == http.MethodGet {
			if r.name != "getHealth" {
				require.Equal(t, console.Viewer, r.role, r.name)
			}
			continue
		}
		least, ok := writers[r.name]
		require.True(t, ok, "say in this test who may %s", r.name)
		for _, role := range append([]console.Role{""}, console.Roles...) {
			t.Run(r.name+" by "+string(role), func(t *testing.T) {
				if !role.May(least) {
					want := http.StatusForbidden
					if role == "" {
						want = http.StatusUnauthorized
					}
					require.Equal(t, want, refused.ask(role, r.method, refused.address(r), body(r)).status)
					refused.untouched()
					return
				}
				s := newSeeded(t)
				got := s.ask(role, r.method, s.address(r), body(r))
				require.Equal(t, r.status(), got.status, got.body)
				if strings.HasPrefix(r.name, "preview") {
					s.untouched()
					return
				}
				said := s.said()
				require.Len(t, said, 1)
				var who struct{ By, Role, Via, Pipeline string }
				require.NoError(t, json.Unmarshal(said[0].Body, &who))
				require.Equal(t, "my-"+string(role), who.By)
				require.Equal(t, "customers", who.Pipeline)
				if said[0].Kind == agent.KindRequest {
					require.Equal(t, []string{string(role), "api"}, []string{who.Role, who.Via})
				}
			})
		}
	}
}

// The API checks by itself too: one that is served without its guard lets
// nobody in.
func TestWithoutItsGuardTheAPIKnowsNobody(t *testing.T) {
	s := newSeeded(t)
	for _, r := range routes() {
		req, err := http.NewRequestWithContext(t.Context(), r.method, s.address(r), strings.NewReader(body(r)))
		require.NoError(t, err)
		if r.body != nil {
			req.Header.Set("Content-Type", "application/json")
		}
		req.Header.Set("Authorization", "Bearer "+s.tokens[console.Admin])
		got := s.straight(req)
		if r.name == "getHealth" {
			require.Equal(t, http.StatusOK, got.status)
			continue
		}
		require.Equal(t, http.StatusUnauthorized, got.status, r.name)
		require.NotEmpty(t, got.header.Get("WWW-Authenticate"))
	}
	s.untouched()
}

func TestATokenThatHasEndedDoesNothing(t *testing.T) {
	s := newSeeded(t)
	expired, err := access.NewToken(t.Context(), s.Ops, ops.Token{Name: "expired", Role: "admin", By: "test", CreatedAt: consoletest.At, ExpiresAt: consoletest.At})
	require.NoError(t, err)
	revoked := s.token("revoked", console.Admin)
	require.NoError(t, s.Ops.RevokeToken(t.Context(), "revoked", consoletest.At))
	tokens := []string{expired, revoked, "adp_made-up"}
	for n, r := range routes() {
		if r.method != http.MethodPost || r.name == "previewAnswer" || r.name == "previewSettlement" {
			continue
		}
		got := s.ask("", r.method, s.address(r), body(r), "Authorization", "Bearer "+tokens[n%3])
		require.Equal(t, http.StatusUnauthorized, got.status, r.name)
		require.NotContains(t, got.body, tokens[n%3])
	}
	s.untouched()
}

func TestAPageOfAnotherSiteWritesNothing(t *testing.T) {
	tests := map[string]struct {
		headers func(csrf string) []string
		enters  bool
	}{
		"without the page's token":   {func(string) []string { return nil }, false},
		"with a wrong one":           {func(string) []string { return []string{"X-CSRF-Token", strings.Repeat("A", 43)} }, false},
		"from another site":          {func(c string) []string { return []string{"X-CSRF-Token", c, "Sec-Fetch-Site", "cross-site"} }, false},
		"from another origin":        {func(c string) []string { return []string{"X-CSRF-Token", c, "Origin", "https://evil.example"} }, false},
		"from an origin without one": {func(c string) []string { return []string{"X-CSRF-Token", c, "Origin", "null"} }, false},
		"from its own page":          {func(c string) []string { return []string{"X-CSRF-Token", c, "Sec-Fetch-Site", "same-origin"} }, true},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			s := newSeeded(t)
			login := s.ask("", "POST", "/login", url.Values{"token": {s.tokens[console.Admin]}}.Encode(), "Content-Type", "application/x-www-form-urlencoded")
			require.Equal(t, http.StatusSeeOther, login.status)
			cookie, _, _ := strings.Cut(login.header.Get("Set-Cookie"), ";")
			csrf := s.ask("", "GET", "/csrf", "", "Cookie", cookie).body
			require.Len(t, csrf, 43)
			for _, r := range routes() {
				if r.method != http.MethodPost || (tc.enters && r.name != "startRun") {
					continue
				}
				got := s.ask("", r.method, s.address(r), body(r), append(tc.headers(csrf), "Cookie", cookie)...)
				if tc.enters {
					require.Equal(t, r.status(), got.status)
					return
				}
				require.Equal(t, http.StatusForbidden, got.status, r.name)
			}
			s.untouched()
		})
	}
}

// hostile are values that mean something elsewhere.
var hostile = []string{
	"..", "../../../../etc/passwd", "..\\..\\windows", "/etc/passwd", "....//....//etc/passwd", "%2e%2e%2f%2e%2e%2fetc%2fpasswd", "customers/../../..", "file:///etc/passwd",
	"' OR '1'='1", "'; DROP TABLE runs; --", "\" OR \"\"=\"", "1) UNION SELECT hash FROM tokens --", "%", "_", "$1", "{{7*7}}", "${jndi:ldap://x}", "<script>alert(1)</script>",
	"customers\x00", "customers\n", "a\r\nX-Injected: 1", "Pipeline' OR ExecutionStatus='Running", strings.Repeat("x", 8000),
}

func TestAHostilePathNamesNothing(t *testing.T) {
	s := newSeeded(t)
	for _, r := range routes() {
		for _, segment := range strings.Split(r.path, "/") {
			if !strings.HasPrefix(segment, "{") {
				continue
			}
			for _, value := range hostile {
				path := s.address(route{path: strings.Replace(r.path, segment, url.PathEscape(value), 1)})
				got := s.ask(console.Admin, r.method, path, body(r))
				require.Contains(t, []int{http.StatusNotFound, http.StatusTemporaryRedirect, http.StatusMethodNotAllowed}, got.status, "%s %s: %s", r.name, path, got.body)
				require.NotContains(t, got.body, "root:")
				require.Empty(t, got.header.Get("X-Injected"))
			}
		}
	}
	s.untouched()
	runs, err := s.Ops.Runs(t.Context(), ops.RunQuery{})
	require.NoError(t, err)
	require.Len(t, runs, 3)
}

func TestAHostileFilterMatchesNothing(t *testing.T) {
	s := newSeeded(t)
	for _, r := range routes() {
		for _, p := range r.query {
			for _, value := range hostile {
				got := s.ask(console.Viewer, r.method, s.address(r)+"?"+p.name+"="+url.QueryEscape(value), "")
				if p.enum != nil || p.max > 0 {
					require.Equal(t, http.StatusBadRequest, got.status, p.name)
					continue
				}
				if p.name == "after" {
					require.Contains(t, []int{http.StatusNotFound, http.StatusUnprocessableEntity}, got.status, got.body)
					continue
				}
				require.Equal(t, http.StatusOK, got.status, got.body)
				found := into[struct{ Items, Records []any }](t, got)
				if value == "%" || value == "_" {
					continue // may well be in a raw value
				}
				require.Empty(t, append(found.Items, found.Records...), "%s=%q", p.name, value)
			}
		}
	}
	runs, err := s.Ops.Runs(t.Context(), ops.RunQuery{})
	require.NoError(t, err)
	require.Len(t, runs, 3)
}

func TestARunsNameLeadsNowhereElse(t *testing.T) {
	s := newSeeded(t)
	require.NoError(t, os.WriteFile(filepath.Join(s.Config.Reports("customers"), "ge_results.json"), []byte(`{"secret":1}`), 0o600))
	for _, id := range []string{"..", "../../customers", "x/../.."} {
		s.Ran(t, id, 9, pipeline.Succeeded, nil)
		got := s.ask(console.Viewer, "GET", "/api/v1/runs/"+url.PathEscape(id)+"/quality", "")
		require.NotEqual(t, http.StatusOK, got.status)
		require.NotContains(t, got.body, "secret")
	}
	outside := filepath.Join(t.TempDir(), "outside.json")
	require.NoError(t, os.WriteFile(outside, []byte(`{"secret":1}`), 0o600))
	dir := filepath.Join(s.Config.Reports("customers"), "runs", "r3")
	require.NoError(t, os.MkdirAll(dir, 0o755))
	require.NoError(t, os.Symlink(outside, filepath.Join(dir, "ge_results.json")))
	got := s.ask(console.Viewer, "GET", "/api/v1/runs/r3/quality", "")
	require.NotEqual(t, http.StatusOK, got.status)
	require.NotContains(t, got.body, "secret")
}

func TestTextFromDataStaysText(t *testing.T) {
	s := newSeeded(t)
	s.Ran(t, "r4", 9, pipeline.Failed, func(r *pipeline.RunReport) { r.Failure.Error = "</script><script>alert(1)</script>" })
	got := s.ask(console.Viewer, "GET", "/api/v1/runs/r4", "")
	require.NotContains(t, got.body, "<script>")
	require.Equal(t, "</script><script>alert(1)</script>", into[pipeline.RunReport](t, got).Failure.Error)
}

// raw sends bytes, and gives what comes back until the connection ends.
func (s *seeded) raw(text string) string {
	s.Helper()
	var d net.Dialer
	c, err := d.DialContext(s.Context(), "tcp", strings.TrimPrefix(s.url, "http://"))
	require.NoError(s, err)
	defer func() { require.NoError(s, c.Close()) }()
	require.NoError(s, c.SetDeadline(time.Now().Add(30*time.Second)))
	_, err = io.WriteString(c, text)
	require.NoError(s, err)
	b, err := io.ReadAll(c)
	require.NoError(s, err)
	return string(b)
}

func TestABodyThatNeverEndsIsCutOff(t *testing.T) {
	s := newSeeded(t)
	path := "/api/v1/incidents/" + s.incident.ID + "/answer"
	got := s.raw(fmt.Sprintf("POST %s HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{\"resolution\"", path, s.tokens[console.Admin]))
	require.Contains(t, got, "HTTP/1.1 408 ")
	s.untouched()
}

func TestASmuggledHeaderMeansNothing(t *testing.T) {
	s := newSeeded(t)
	path := "/api/v1/pipelines/customers/runs"
	post := "POST " + path + " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
	viewer, admin := "Authorization: Bearer "+s.tokens[console.Viewer]+"\r\n", "Authorization: Bearer "+s.tokens[console.Admin]+"\r\n"
	tests := map[string]struct {
		text   string
		status []string
	}{
		"two lengths":                        {post + admin + "Content-Length: 0\r\nContent-Length: 5\r\n\r\nhello", []string{"400"}},
		"a negative length":                  {post + admin + "Content-Length: -1\r\n\r\n", []string{"400"}},
		"an unknown encoding":                {post + admin + "Transfer-Encoding: xchunked\r\n\r\n", []string{"501"}},
		"a space before the colon":           {post + "Authorization : Bearer " + s.tokens[console.Admin] + "\r\n\r\n", []string{"400"}},
		"a header that is folded":            {post + "X: 1\r\n " + admin + "\r\n", []string{"400", "401"}},
		"the weaker token first":             {post + viewer + admin + "\r\n", []string{"403"}},
		"a role in a header":                 {post + viewer + "X-Role: admin\r\nX-Forwarded-User: root\r\nX-Remote-User: root\r\n\r\n", []string{"403"}},
		"another method in a header":         {"GET /api/v1/runs HTTP/1.1\r\nHost: x\r\nConnection: close\r\n" + viewer + "X-HTTP-Method-Override: DELETE\r\n\r\n", []string{"200"}},
		"another path in a header":           {"GET /api/v1/health HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX-Original-URL: /api/v1/runs\r\nX-Rewrite-URL: /api/v1/runs\r\n\r\n", []string{"200"}},
		"a second request in the first body": {"POST " + path + " HTTP/1.1\r\nHost: x\r\n" + viewer + "Content-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nPOST " + path + " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", []string{"400", "403", "401"}},
		"no host":                            {"GET /api/v1/runs HTTP/1.1\r\n" + viewer + "\r\n", []string{"400"}},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			for _, line := range strings.Split(s.raw(tc.text), "\r\n") {
				if status, ok := strings.CutPrefix(line, "HTTP/1.1 "); ok {
					require.True(t, slices.Contains(tc.status, status[:3]), line)
				}
			}
		})
	}
	s.untouched()
}

// straight asks the API without the guard before it.
func (s *seeded) straight(req *http.Request) answer {
	s.Helper()
	w := httptest.NewRecorder()
	New(s.Desk.Desk, slog.New(slog.DiscardHandler)).ServeHTTP(w, req)
	return answer{w.Code, w.Header(), w.Body.String()}
}
