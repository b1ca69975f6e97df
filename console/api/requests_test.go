package api

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/autonomous-data-pipeline/adp/agent"
	"github.com/autonomous-data-pipeline/adp/console"
	"github.com/autonomous-data-pipeline/adp/console/consoletest"
	"github.com/autonomous-data-pipeline/adp/console/problem"
	"github.com/autonomous-data-pipeline/adp/ops"
	"github.com/autonomous-data-pipeline/adp/pipeline"
)

func TestWhatIsNoRequestIsRefusedWithItsReason(t *testing.T) {
	s := newSeeded(t)
	answerIt := "/api/v1/incidents/" + s.incident.ID + "/answer"
	tests := map[string]struct {
		method, path, body string
		headers            []string
		status             int
		detail             string
	}{
		"a path that isn't there":                {"GET", "/api/v1/nothing", "", nil, 404, "/api/openapi.json"},
		"another version":                        {"GET", "/api/v2/runs", "", nil, 404, "/api/openapi.json"},
		"a slash too many":                       {"GET", "/api/v1/runs/", "", nil, 404, "/api/openapi.json"},
		"a filter that is misspelt":              {"GET", "/api/v1/runs?pipelin=x", "", nil, 400, "pipeline, outcome, limit, after"},
		"a filter where there is none":           {"GET", "/api/v1/pipelines?x=1", "", nil, 400, "it has none"},
		"a parameter on a write":                 {"POST", answerIt + "?force=true", `{"resolution":"release"}`, nil, 400, "force"},
		"a filter twice":                         {"GET", "/api/v1/runs?pipeline=a&pipeline=b", "", nil, 400, "more than once"},
		"a query that is none":                   {"GET", "/api/v1/runs?pipeline=%zz", "", nil, 400, "query"},
		"no UTF-8":                               {"GET", "/api/v1/runs?pipeline=%ff", "", nil, 400, "UTF-8"},
		"a page of none":                         {"GET", "/api/v1/runs?limit=0", "", nil, 400, "1 to 200"},
		"a page of too many":                     {"GET", "/api/v1/runs?limit=201", "", nil, 400, "1 to 200"},
		"a page of a word":                       {"GET", "/api/v1/runs?limit=all", "", nil, 400, "1 to 200"},
		"a page after nothing that is known":     {"GET", "/api/v1/runs?after=r9", "", nil, 404, "r9"},
		"records after no place":                 {"GET", "/api/v1/quarantine/customers/" + s.batch + "/records?after=r9", "", nil, 422, "partition:offset"},
		"an outcome that is empty":               {"GET", "/api/v1/runs?outcome=", "", nil, 400, "succeeded"},
		"an outcome that is none":                {"GET", "/api/v1/runs?outcome=well", "", nil, 400, "succeeded"},
		"a status that is none":                  {"GET", "/api/v1/incidents?status=closed", "", nil, 400, "acknowledged"},
		"who reads pages alone":                  {"GET", "/api/v1/runs", "", []string{"Accept", "text/html"}, 406, "application/json"},
		"who refuses JSON":                       {"GET", "/api/v1/runs", "", []string{"Accept", "application/json;q=0"}, 406, "application/json"},
		"a form":                                 {"POST", answerIt, "resolution=release", []string{"Content-Type", "application/x-www-form-urlencoded"}, 415, "application/json"},
		"JSON that says it is text":              {"POST", answerIt, `{"resolution":"release"}`, []string{"Content-Type", "text/plain"}, 415, "application/json"},
		"another character set":                  {"POST", answerIt, `{"resolution":"release"}`, []string{"Content-Type", "application/json; charset=latin1"}, 415, "latin1"},
		"no answer":                              {"POST", answerIt, "", nil, 422, "release, replay, discard, close"},
		"an answer that is none":                 {"POST", answerIt, `{"resolution":"expired"}`, nil, 422, "release, replay, discard, close"},
		"an answer in another's name":            {"POST", answerIt, `{"resolution":"release","by":"eve"}`, nil, 400, "by"},
		"a mapping that isn't for a replay":      {"POST", answerIt, `{"resolution":"release","mapping":{"add":["x"]}}`, nil, 422, "replay"},
		"a mapping that can't be applied":        {"POST", answerIt, `{"resolution":"replay","mapping":{"cast":{"age":"colour"}}}`, nil, 422, "colour"},
		"a mapping of something else":            {"POST", answerIt, `{"resolution":"replay","mapping":{"drop":["x"]}}`, nil, 400, "drop"},
		"a list":                                 {"POST", answerIt, `[{"resolution":"release"}]`, nil, 400, "object"},
		"null":                                   {"POST", answerIt, `null`, nil, 400, "object"},
		"half an object":                         {"POST", answerIt, `{"resolution":`, nil, 400, "body"},
		"two objects":                            {"POST", answerIt, `{"resolution":"release"}{}`, nil, 400, "after top-level value"},
		"a field in another case":                {"POST", answerIt, `{"Resolution":"release"}`, nil, 400, "Resolution"},
		"a comment that is null":                 {"POST", answerIt, `{"resolution":"release","comment":null}`, nil, 400, "comment is null"},
		"a mapping of nulls":                     {"POST", answerIt, `{"resolution":"replay","mapping":{"add":[null]}}`, nil, 400, "mapping.add is null"},
		"a number for a text":                    {"POST", answerIt, `{"resolution":1}`, nil, 400, "body"},
		"text that is no UTF-8":                  {"POST", answerIt, "{\"resolution\":\"release\",\"comment\":\"\xff\"}", nil, 400, "UTF-8"},
		"a body that is too large":               {"POST", answerIt, `{"resolution":"release","comment":"` + strings.Repeat("x", 2<<20) + `"}`, nil, 413, "1048576"},
		"a comment that is too long":             {"POST", answerIt, `{"resolution":"release","comment":"` + strings.Repeat("ü", maxComment+1) + `"}`, nil, 422, "4000"},
		"a body where none is read":              {"POST", "/api/v1/pipelines/customers/runs", `{}`, nil, 400, "no body"},
		"a switch that is neither on nor off":    {"POST", "/api/v1/pipelines/customers/kill-switch", `{"reason":"x"}`, nil, 422, "on"},
		"an empty key":                           {"POST", "/api/v1/pipelines/customers/runs", "", []string{"Idempotency-Key", ""}, 400, "Idempotency-Key"},
		"a key with a slash":                     {"POST", "/api/v1/pipelines/customers/runs", "", []string{"Idempotency-Key", "a/b"}, 400, "Idempotency-Key"},
		"a key that is too long":                 {"POST", "/api/v1/pipelines/customers/runs", "", []string{"Idempotency-Key", strings.Repeat("a", 129)}, 400, "Idempotency-Key"},
		"a pipeline that nobody declared":        {"POST", "/api/v1/pipelines/nobody/runs", "", nil, 404, "known: customers, orders"},
		"a schedule of such a pipeline":          {"POST", "/api/v1/schedules/nobody/pause", "{}", nil, 404, "nobody"},
		"a batch that has nothing in quarantine": {"POST", "/api/v1/quarantine/customers/b9/discard", "{}", nil, 404, "b9"},
		"a run that isn't there":                 {"GET", "/api/v1/runs/r9", "", nil, 404, "r9"},
		"decisions of such a run":                {"GET", "/api/v1/runs/r9/decisions", "", nil, 404, "r9"},
		"a file that a run hasn't left":          {"GET", "/api/v1/runs/r1/quality", "", nil, 404, "retention"},
		"a decision that isn't there":            {"GET", "/api/v1/decisions/d9", "", nil, 404, "d9"},
		"an incident that isn't there":           {"GET", "/api/v1/incidents/i9", "", nil, 404, "i9"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			got := s.ask(console.Admin, tc.method, tc.path, tc.body, tc.headers...)
			require.Equal(t, tc.status, got.status, got.body)
			require.Contains(t, into[problem.Document](t, got).Detail, tc.detail)
		})
	}
	i, err := s.Ops.Incident(t.Context(), s.incident.ID)
	require.NoError(t, err)
	require.Equal(t, ops.Opened, i.Status)
	started, _ := s.Temporal.Started()
	require.Empty(t, started)
}

func TestAnotherMethodHearsWhichOnesThereAre(t *testing.T) {
	s := newSeeded(t)
	allow := map[string][]string{"/api/openapi.json": {"GET", "HEAD"}}
	for _, r := range routes() {
		a := s.address(r)
		if allow[a] = append(allow[a], r.method); r.method == "GET" {
			allow[a] = append(allow[a], "HEAD")
		}
	}
	for path, known := range allow {
		for _, method := range []string{"GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND"} {
			if path == "/api/v1/health" || strings.Contains(strings.Join(known, " "), method) {
				continue
			}
			got := s.ask(console.Admin, method, path, "")
			require.Equal(t, http.StatusMethodNotAllowed, got.status, method+" "+path)
			require.Equal(t, strings.Join(known, ", "), got.header.Get("Allow"))
		}
	}
}

// walk follows a list to its end by pages of one.
func walk[T any](s *seeded, path string) []T {
	s.Helper()
	var all []T
	for next := ""; ; {
		got := into[page[T]](s.T, s.ask(console.Viewer, "GET", path+"limit=1&after="+next, ""))
		all = append(all, got.Items...)
		if next = got.Next; next == "" {
			return all
		}
		require.Len(s, got.Items, 1)
		require.Less(s, len(all), 100)
	}
}

func TestPagesAddUpToTheWholeList(t *testing.T) {
	s := newSeeded(t)
	for i, id := range []string{"a", "b", "c"} {
		r := s.Ran(t, id, 5, pipeline.Held, nil) // at once: the order is by ID
		s.Decide(t, r)
		s.Open(t, r, "cause-"+id, true)
		s.Ran(t, id+"-orders", 6+i, pipeline.Succeeded, func(r *pipeline.RunReport) { r.Pipeline = "orders" })
	}
	whole := func(path string) string { return s.ask(console.Viewer, "GET", path+"limit=200", "").body }
	for _, filter := range []string{"?", "?pipeline=customers&", "?outcome=held&", "?pipeline=nobody&"} {
		path := "/api/v1/runs" + filter
		require.ElementsMatch(t, into[page[pipeline.RunReport]](t, answer{body: whole(path)}).Items, walk[pipeline.RunReport](s, path))
	}
	require.Len(t, walk[pipeline.RunReport](s, "/api/v1/runs?"), 9)
	require.Equal(t, into[page[ops.Incident]](t, answer{body: whole("/api/v1/incidents?")}).Items, walk[ops.Incident](s, "/api/v1/incidents?"))
	require.Len(t, walk[ops.Incident](s, "/api/v1/incidents?status=open&unresolved=true&"), 4)
	require.Empty(t, walk[ops.Incident](s, "/api/v1/incidents?status=resolved&"))
	decisions := walk[agent.Decision](s, "/api/v1/decisions?")
	require.Len(t, decisions, 4)
	require.Equal(t, into[page[agent.Decision]](t, answer{body: whole("/api/v1/decisions?")}).Items, decisions)

	var places []string
	for next := ""; ; {
		got := into[console.RecordPage](t, s.ask(console.Viewer, "GET", "/api/v1/quarantine/customers/"+s.batch+"/records?limit=7&after="+next, ""))
		for _, r := range got.Records {
			places = append(places, r.Place())
		}
		if next = got.Next; next == "" {
			break
		}
	}
	require.Len(t, places, 20)
}

func TestTheSameKeyStartsOneRun(t *testing.T) {
	s := newSeeded(t)
	start := func(name string, headers ...string) answer {
		return s.ask(console.Operator, "POST", "/api/v1/pipelines/"+name+"/runs", "", headers...)
	}
	first, again := start("customers", "Idempotency-Key", "k.1"), start("customers", "Idempotency-Key", "k.1")
	require.Equal(t, []int{202, 200}, []int{first.status, again.status})
	require.Equal(t, first.body, again.body)
	require.Equal(t, "run/customers/api/k.1", into[console.Started](t, first).WorkflowID)
	require.Equal(t, 202, start("orders", "Idempotency-Key", "k.1").status, "a key is of one pipeline")
	require.Equal(t, []int{202, 202}, []int{start("customers").status, start("customers").status}, "without a key each is another run")
	ids, inputs := s.Temporal.Started()
	require.Len(t, ids, 4)
	require.Equal(t, pipeline.RunRequest{Pipeline: "customers", Trigger: "api"}, inputs[0])
}

func TestAnIncidentIsAnsweredOnce(t *testing.T) {
	s := newSeeded(t)
	path := "/api/v1/incidents/" + s.incident.ID
	require.Equal(t, 202, s.ask(console.Operator, "POST", path+"/acknowledge", `{"comment":"mine"}`).status)
	got := into[ops.Incident](t, s.ask(console.Viewer, "GET", path, ""))
	require.Equal(t, []string{string(ops.Acknowledged), "my-operator"}, []string{string(got.Status), got.By})
	res := into[pipeline.Resolution](t, s.ask(console.Approver, "POST", path+"/answer", `{"resolution":"release","comment":"checked"}`))
	require.Equal(t, pipeline.Resolution{Incident: s.incident.ID, Resolution: "release", By: "my-approver", Comment: "checked", At: consoletest.At, Records: pipeline.Records{Read: 1000, Loaded: 1000}}, res)
	late := s.ask(console.Approver, "POST", path+"/answer", `{"resolution":"discard"}`)
	require.Equal(t, 409, late.status)
	require.Contains(t, into[problem.Document](t, late).Detail, "release by my-approver")
	require.Equal(t, 409, s.ask(console.Operator, "POST", path+"/acknowledge", "").status)
}

func TestAScheduleSaysWhoPausedIt(t *testing.T) {
	s := newSeeded(t)
	got := into[ScheduleOf](t, s.ask(console.Operator, "POST", "/api/v1/schedules/customers/pause", `{"note":"lunch"}`))
	require.True(t, got.Paused)
	require.Contains(t, got.Note, "my-operator")
	require.False(t, into[ScheduleOf](t, s.ask(console.Operator, "POST", "/api/v1/schedules/customers/resume", "")).Paused)
}

func TestWithoutTemporalTheAPISaysWhatIsDown(t *testing.T) {
	s := newSeeded(t)
	require.Equal(t, "{\"status\":\"ready\"}\n", s.ask("", "GET", "/api/v1/health", "").body, "it takes no token")
	s.Temporal.Err = pipeline.Faultf(pipeline.Transient, "dial 10.0.0.7:7233: refused")
	got := s.ask("", "GET", "/api/v1/health", "")
	require.Equal(t, 503, got.status)
	require.Equal(t, "down: Temporal; the log says why", into[problem.Document](t, got).Detail)
	require.NotContains(t, got.body, "10.0.0.7", "anybody may ask")
	require.Contains(t, s.log.String(), "10.0.0.7")
	for _, r := range routes() {
		if r.method == "GET" && r.name != "getHealth" {
			want := 200
			if strings.Contains(r.name, "Schedule") {
				want = 503
			}
			require.Equal(t, want, s.ask(console.Viewer, "GET", s.address(r), "").status, r.name)
		}
	}
	require.Equal(t, 503, s.ask(console.Operator, "POST", "/api/v1/pipelines/customers/runs", "").status)
}

func TestABugIsLoggedAndNotTold(t *testing.T) {
	s := newSeeded(t)
	s.Temporal.Err = pipeline.Faultf(pipeline.Bug, "the secret of a bug")
	got := s.ask(console.Viewer, "GET", "/api/v1/schedules", "")
	require.Equal(t, 500, got.status)
	require.NotContains(t, got.body, "secret")
	require.Contains(t, s.log.String(), "the secret of a bug")
}
