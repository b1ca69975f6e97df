package pages_test

import (
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/html"

	"github.com/autonomous-data-pipeline/adp/agent"
	"github.com/autonomous-data-pipeline/adp/console"
	"github.com/autonomous-data-pipeline/adp/console/access"
	"github.com/autonomous-data-pipeline/adp/console/consoletest"
	"github.com/autonomous-data-pipeline/adp/console/pages"
	"github.com/autonomous-data-pipeline/adp/ops"
	"github.com/autonomous-data-pipeline/adp/pipeline"
	"github.com/autonomous-data-pipeline/adp/schemas"
)

// browse is a browser of one person.
type browse struct {
	desk consoletest.Desk
	site *pages.Site
	as   console.Person
	held agent.Decision // of the held run
}

func newBrowse(t *testing.T, as console.Person) browse {
	t.Helper()
	d := consoletest.New(t)
	return browse{d, pages.New(d.Desk, pages.Options{Version: "test", Log: slog.New(slog.NewTextHandler(io.Discard, nil))}), as, agent.Decision{}}
}

func (b browse) ask(t *testing.T, method, path string, form url.Values) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequest(method, path, strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r = r.WithContext(access.With(t.Context(), access.Session{Person: b.as, CSRF: "the-csrf"}))
	w := httptest.NewRecorder()
	b.site.ServeHTTP(w, r)
	return w
}

// page gets one, and checks what holds for every page.
func (b browse) page(t *testing.T, path string) (*html.Node, string) {
	t.Helper()
	w := b.ask(t, http.MethodGet, path, nil)
	require.Equal(t, http.StatusOK, w.Code, path)
	return sound(t, w.Body.String()), w.Body.String()
}

// sound checks that a page keeps its own content security policy.
func sound(t *testing.T, text string) *html.Node {
	t.Helper()
	root, err := html.Parse(strings.NewReader(text))
	require.NoError(t, err)
	headings := 0
	for n := range root.Descendants() {
		if n.Type != html.ElementNode {
			continue
		}
		for _, a := range n.Attr {
			require.False(t, strings.HasPrefix(a.Key, "on") || a.Key == "style", "<%s %s=%q>", n.Data, a.Key, a.Val)
			if a.Key == "href" || a.Key == "src" || a.Key == "action" {
				require.False(t, strings.HasPrefix(strings.ToLower(strings.TrimSpace(a.Val)), "javascript:"), a.Val)
			}
			if a.Key == "src" || (n.Data == "link" && a.Key == "href") {
				require.True(t, strings.HasPrefix(a.Val, "/static/"), "<%s %s=%q> comes from here", n.Data, a.Key, a.Val)
			}
			if a.Key == "action" {
				require.True(t, strings.HasPrefix(a.Val, "/"))
			}
		}
		switch n.Data {
		case "script":
			require.Nil(t, n.FirstChild, "no script inside the page")
		case "style":
			t.Error("no style inside the page")
		case "h1":
			headings++
		case "form":
			if strings.EqualFold(attr(n, "method"), "post") && attr(n, "action") != "/login" {
				require.True(t, has(n, "input", "name", "csrf"), "form %s carries the session's token", attr(n, "action"))
			}
		}
	}
	require.Equal(t, 1, headings, "one first heading")
	require.NotContains(t, text, "ZgotmplZ", "a value was refused by its place")
	return root
}

func attr(n *html.Node, key string) string {
	for _, a := range n.Attr {
		if a.Key == key {
			return a.Val
		}
	}
	return ""
}

func has(root *html.Node, tag, key, value string) bool {
	for n := range root.Descendants() {
		if n.Type == html.ElementNode && n.Data == tag && attr(n, key) == value {
			return true
		}
	}
	return false
}

const hostile = `<script>alert(1)</script>"'><img src=x onerror=alert(2)>javascript:alert(3)`

// seeded has a run of every outcome, one of them with hostile names.
func seeded(t *testing.T, as console.Person) browse {
	t.Helper()
	b := newBrowse(t, as)
	for i, o := range []pipeline.Outcome{pipeline.Succeeded, pipeline.Remediated, pipeline.Idle, pipeline.SupersededRun, pipeline.Failed, pipeline.Held} {
		r := b.desk.Ran(t, "run-"+string(o), i, o, func(r *pipeline.RunReport) {
			if o == pipeline.Held {
				r.Drift = append(r.Drift, pipeline.Drift{Kind: pipeline.TypeChanged, Field: hostile, Expected: "long", Observed: hostile, Count: 30, Share: 0.03, Breaking: true})
				r.Quality.Segments = append(r.Quality.Segments, pipeline.Segment{Column: "country", Value: hostile, Records: 10, Failed: 9, Share: 0.9})
				r.Source.Gaps = []pipeline.Range{{Partition: 0, Start: 0, End: 10}}
			}
			if o == pipeline.Failed {
				r.Failure.Error = hostile
			}
			r.Incident = map[bool]string{true: "inc-x", false: ""}[o == pipeline.Held]
		})
		b.held = b.desk.Decide(t, r)
	}
	b.record(t)
	held, err := b.desk.Ops.Run(t.Context(), "run-held")
	require.NoError(t, err)
	b.desk.Open(t, held, "dq_failures_major", true)
	b.desk.Temporal.SetRunning(console.Running{WorkflowID: "run/customers/x", RunID: "r", Type: "PipelineRun", StartedAt: consoletest.At})
	return b
}

// record leaves what runs leave beside their reports: quality results, schema
// versions, and what came of a decision.
func (b browse) record(t *testing.T) {
	t.Helper()
	dir := filepath.Join(b.desk.Config.Reports("customers"), "runs", "run-held")
	require.NoError(t, os.MkdirAll(dir, 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "ge_results.json"), []byte(`{"success":false,"statistics":{"evaluated_expectations":8,"successful_expectations":7,"unsuccessful_expectations":1,"success_percent":87.5},"results":[
		{"success":false,"expectation_config":{"type":"expect_column_values_to_not_be_null","kwargs":{"column":"email","mostly":0.99,"note":"8 expected `+strings.ReplaceAll(hostile, `"`, `\"`)+`"},"severity":"critical"},"result":{"element_count":1000,"unexpected_count":125,"unexpected_percent":12.5}}]}`), 0o644))
	b1, err := os.ReadFile(filepath.Join(consoletest.Root(), "schemas", "customers.avsc"))
	require.NoError(t, err)
	one, err := schemas.Parse(b1)
	require.NoError(t, err)
	two, err := one.Add([]pipeline.Drift{{Kind: pipeline.FieldAdded, Field: "loyalty_tier", Observed: "string"}})
	require.NoError(t, err)
	for i, s := range []*schemas.Schema{one, two} {
		_, err := b.desk.Ops.RecordSchema(t.Context(), i, ops.SchemaVersion{Pipeline: "customers", Schema: s, Reason: hostile, At: consoletest.At, RunID: "run-held"})
		require.NoError(t, err)
	}
	log := agent.OpenAudit(filepath.Join(b.desk.Config.Reports("customers"), "decision_log.jsonl"))
	require.NoError(t, log.Executed(agent.Executed{
		Pipeline: "customers", RunID: "run-held", Decision: b.held.ID, Checks: []agent.Check{{Action: agent.Escalate, Worked: true, Shows: hostile}}, Verified: []string{hostile},
	}, consoletest.At))
}

func TestEveryPageIsSound(t *testing.T) {
	b := seeded(t, consoletest.Admin)
	for path, says := range map[string][]string{
		"/":                              {"customers", "orders", "Needs a person", "attention"},
		"/pipelines/customers":           {"Run now", "Pause", "Checkpoint", "Running"},
		"/pipelines/orders":              {"No run yet", "unknown"},
		"/runs":                          {"run-succeeded", "run-held", "superseded"},
		"/runs?pipeline=orders":          {"No run yet"},
		"/runs?outcome=failed":           {"run-failed"},
		"/runs/run-succeeded":            {"process", "960", "loyalty_tier", "schema drift additive", "Nothing"},
		"/runs/run-failed":               {"Failed in stage process"},
		"/runs/run-held":                 {"vanished", "type changed", "1,000"},
		"/runs/run-idle":                 {"Nothing out of the ordinary"},
		"/runs?outcome=%27+OR+1%3D1":     {"No run yet"},
		"/runs/run-held/quality":         {"expect column values to not be null", "email", "12.5", "8 expected"},
		"/schemas/customers":             {"Version 1 beside version 2", "loyalty_tier", "added"},
		"/schemas/customers?from=2&to=1": {"removed"},
		"/schemas/orders":                {"no version yet"},
		"/decisions":                     {"customers, the last 30 days", "dq failures major", "Remedies that worked"},
		"/decisions?pipeline=orders":     {"Nothing was decided yet"},
		"/decisions/DECISION":            {"Made again from what was recorded, it is the same", "dq failures major", "demands it", "failing_share"},
		"/policy/customers":              {"It may act", "Stop it", "from 5%", "3 or more failed runs", "dq failures localized"},
	} {
		t.Run(path, func(t *testing.T) {
			_, text := b.page(t, strings.Replace(path, "DECISION", b.held.ID, 1))
			if path == "/runs/run-succeeded" {
				says = says[:len(says)-1]
			}
			for _, s := range says {
				require.Contains(t, text, s)
			}
			require.NotContains(t, text, "<script>alert", "text from data is text")
			require.NotContains(t, text, "<img")
		})
	}
}

func TestWhatIsNotThereSaysSo(t *testing.T) {
	b := seeded(t, consoletest.Viewer)
	for _, path := range []string{"/nowhere", "/pipelines/nobody", "/decisions/none", "/policy/nobody", "/schemas/nobody", "/runs/run-idle/quality", "/runs/..%2F..%2F..%2Fetc/quality", "/pipelines/..%2F..%2Fetc", "/runs/none", "/runs/%3Cscript%3E", "/runs?before=none"} {
		w := b.ask(t, http.MethodGet, path, nil)
		require.Equal(t, http.StatusNotFound, w.Code, path)
		sound(t, w.Body.String())
	}
	require.Equal(t, http.StatusOK, b.ask(t, http.MethodGet, "/static/console.css", nil).Code)
	for _, path := range []string{"/static/../pages.go", "/static/%2e%2e/pages.go", "/static/"} {
		require.NotContains(t, b.ask(t, http.MethodGet, path, nil).Body.String(), "package pages", path)
	}
}

func TestAViewerSeesNoButtonsAndMayPressNone(t *testing.T) {
	b := seeded(t, consoletest.Viewer)
	_, text := b.page(t, "/pipelines/customers")
	require.NotContains(t, text, "Run now")
	for _, path := range []string{"/pipelines/customers/run", "/pipelines/customers/schedule"} {
		w := b.ask(t, http.MethodPost, path, url.Values{"do": {"pause"}})
		require.Equal(t, http.StatusForbidden, w.Code)
		sound(t, w.Body.String())
	}
	ids, _ := b.desk.Temporal.Started()
	require.Empty(t, ids)
}

func TestAnOperatorStartsAndPauses(t *testing.T) {
	b := seeded(t, consoletest.Operator)
	w := b.ask(t, http.MethodPost, "/pipelines/customers/run", nil)
	require.Equal(t, http.StatusSeeOther, w.Code)
	require.Equal(t, "/pipelines/customers", w.Header().Get("Location"))
	ids, _ := b.desk.Temporal.Started()
	require.Len(t, ids, 1)
	require.Equal(t, http.StatusSeeOther, b.ask(t, http.MethodPost, "/pipelines/customers/schedule", url.Values{"do": {"pause"}}).Code)
	_, text := b.page(t, "/pipelines/customers")
	require.Contains(t, text, "schedule paused: paused by olga")
	require.Contains(t, text, "Resume the schedule")
}

func TestAnAdminStopsTheAgent(t *testing.T) {
	b := seeded(t, consoletest.Admin)
	w := b.ask(t, http.MethodPost, "/policy/customers/switch", url.Values{"do": {"stop"}, "reason": {hostile}})
	require.Equal(t, http.StatusSeeOther, w.Code)
	_, text := b.page(t, "/policy/customers")
	require.Contains(t, text, "So said ada")
	require.NotContains(t, text, "<script>alert")
	_, text = b.page(t, "/")
	require.Contains(t, text, "The agent is stopped")
	b.as = consoletest.Approver
	require.Equal(t, http.StatusForbidden, b.ask(t, http.MethodPost, "/policy/customers/switch", url.Values{"do": {"start"}}).Code)
}

func TestTheThemeIsKept(t *testing.T) {
	b := seeded(t, consoletest.Viewer)
	for to, want := range map[string]string{"dark": "dark", "light": "light", hostile: "auto"} {
		w := b.ask(t, http.MethodPost, "/theme", url.Values{"to": {to}})
		require.Equal(t, http.StatusSeeOther, w.Code)
		require.Contains(t, w.Header().Get("Set-Cookie"), "adp_theme="+want+";")
	}
}

func TestOlderRunsAreOnTheNextPage(t *testing.T) {
	b := newBrowse(t, consoletest.Viewer)
	for i := range 60 {
		b.desk.Ran(t, "run-"+string(rune('a'+i/26))+string(rune('a'+i%26)), i, pipeline.Succeeded, nil)
	}
	root, first := b.page(t, "/runs")
	require.Contains(t, first, "run-ch")
	require.NotContains(t, first, "run-aa")
	next := ""
	for n := range root.Descendants() {
		if attr(n, "rel") == "next" {
			next = attr(n, "href")
		}
	}
	_, second := b.page(t, next)
	require.Contains(t, second, "run-aa")
}

func TestTheLoginPageIsSound(t *testing.T) {
	b := newBrowse(t, console.Person{})
	w := httptest.NewRecorder()
	b.site.Login(w, httptest.NewRequest(http.MethodGet, "/login", nil), http.StatusUnauthorized, access.LoginForm{Next: hostile, Problem: hostile})
	require.Equal(t, http.StatusUnauthorized, w.Code)
	sound(t, w.Body.String())
}
