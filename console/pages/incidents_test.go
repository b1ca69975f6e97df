package pages_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/html"

	"github.com/autonomous-data-pipeline/adp/console"
	"github.com/autonomous-data-pipeline/adp/console/access"
	"github.com/autonomous-data-pipeline/adp/console/consoletest"
	"github.com/autonomous-data-pipeline/adp/ops"
	"github.com/autonomous-data-pipeline/adp/pipeline"
	"github.com/autonomous-data-pipeline/adp/sink"
)

// drifted is a desk with a run whose records are kept out, and its incident.
func drifted(t *testing.T, as console.Person) (browse, ops.Incident, sink.Entry) {
	t.Helper()
	b := newBrowse(t, as)
	r := b.desk.Ran(t, "run-drift", 0, pipeline.Remediated, func(r *pipeline.RunReport) {
		r.BatchID = consoletest.KeptOut.ID
		r.Drift = []pipeline.Drift{{Kind: pipeline.TypeChanged, Field: "age", Expected: "long", Observed: "string", Count: 5, Share: 0.45, Breaking: true}}
		r.Conditions = []string{"schema_drift_breaking"}
	})
	entry := b.desk.KeepOut(t, r, hostile)
	b.desk.Decide(t, r)
	cause := "customers/schema_drift_breaking/type_changed:" + hostile
	i, _, err := b.desk.Ops.OpenIncident(t.Context(), ops.Incident{
		ID: ops.IncidentID(r.RunID, cause), Pipeline: "customers", Cause: cause, RunID: r.RunID, BatchID: entry.BatchID, WorkflowID: r.WorkflowID,
		Severity: "critical", Title: "customers: schema drift breaking", Summary: hostile, OpenedAt: r.FinishedAt,
		Advice: pipeline.Replay, Mapping: &pipeline.Mapping{Cast: map[string]string{"age": "long"}},
	})
	require.NoError(t, err)
	return b, i, entry
}

// answer are the form's fields of a replay with a cast.
func replayForm() url.Values {
	return url.Values{
		"resolution": {"replay"}, "comment": {"the shop changed it"}, "confirm": {"yes"},
		"op": {"cast", "rename"}, "field": {"age", ""}, "value": {"long", ""},
	}
}

func TestAnIncidentShowsWhatItTakesToDecide(t *testing.T) {
	b, i, entry := drifted(t, consoletest.Approver)
	root, text := b.page(t, "/incidents/"+i.ID)
	for _, says := range []string{
		"schema drift breaking", "Runbook", "docs/runbooks/schema_drift_breaking.md", "Allowed, not taken", "Timeline", "opened:", "Nobody is on it yet",
		"/runs/run-drift", "/quarantine/customers/" + entry.BatchID, "escalation%2Fcustomers%2F" + i.ID, "release", "discard", "close", "Acknowledge",
	} {
		require.Contains(t, text, says)
	}
	require.NotContains(t, text, "<script>alert")
	require.NotContains(t, text, "<img")
	checked, filled := "", false
	for n := range root.Descendants() {
		if attr(n, "type") == "radio" && hasAttr(n, "checked") {
			checked += attr(n, "value")
		}
		filled = filled || (attr(n, "name") == "field" && attr(n, "value") == "age")
	}
	require.Equal(t, "replay", checked, "the advice is filled in")
	require.True(t, filled, "and its mapping")
}

func TestAnIncidentShowsWhoWasToldAndWhoCouldNotBe(t *testing.T) {
	b, i, _ := drifted(t, consoletest.Viewer)
	_, before := b.page(t, "/incidents/"+i.ID)
	require.NotContains(t, before, "Who was told")
	for channel, problem := range map[string]string{"slack": "", "email": hostile} {
		status := map[bool]string{true: ops.Sent, false: ops.Failed}[problem == ""]
		require.NoError(t, b.desk.Ops.SaveDelivery(t.Context(), ops.Delivery{
			Alert: i.ID + "/opened", Group: i.ID, Channel: channel, Pipeline: i.Pipeline, Incident: i.ID, Event: "opened", Status: status, Attempts: 2, Error: problem, At: consoletest.At,
		}))
	}
	_, text := b.page(t, "/incidents/"+i.ID)
	for _, says := range []string{"Who was told", "slack", "sent", "email", "failed", "&lt;script&gt;alert"} {
		require.Contains(t, text, says)
	}
	require.NotContains(t, text, "<script>alert")
}

func hasAttr(n *html.Node, key string) bool {
	for _, a := range n.Attr {
		if a.Key == key {
			return true
		}
	}
	return false
}

func TestWhatRolesSeeAndMayDo(t *testing.T) {
	for name, tc := range map[string]struct {
		as                  console.Person
		acknowledge, answer bool
	}{
		"a viewer reads":            {consoletest.Viewer, false, false},
		"an operator takes it over": {consoletest.Operator, true, false},
		"an approver answers":       {consoletest.Approver, true, true},
		"somebody without a role":   {console.Person{Name: "eve"}, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			b, i, entry := drifted(t, tc.as)
			_, text := b.page(t, "/incidents/"+i.ID)
			require.Equal(t, tc.acknowledge, strings.Contains(text, "I am on it"))
			require.Equal(t, tc.answer, strings.Contains(text, "Answer the incident"))
			status := map[bool]int{true: http.StatusSeeOther, false: http.StatusForbidden}
			require.Equal(t, status[tc.acknowledge], b.ask(t, http.MethodPost, "/incidents/"+i.ID+"/acknowledge", nil).Code)
			require.Equal(t, status[tc.answer], b.ask(t, http.MethodPost, "/incidents/"+i.ID+"/answer", replayForm()).Code)
			if !tc.answer {
				require.NoError(t, b.desk.Ops.Resolve(t.Context(), i.ID, pipeline.Close, "ada", "", consoletest.At))
				require.Equal(t, http.StatusForbidden, b.ask(t, http.MethodPost, "/quarantine/customers/"+entry.BatchID+"/answer", replayForm()).Code)
				started, _ := b.desk.Temporal.Started()
				require.Empty(t, started)
			}
		})
	}
}

func TestAnAnswerIsCarriedOutUnderItsAuthorsName(t *testing.T) {
	b, i, _ := drifted(t, consoletest.Approver)
	w := b.ask(t, http.MethodPost, "/incidents/"+i.ID+"/answer", replayForm())
	require.Equal(t, http.StatusSeeOther, w.Code)
	require.Equal(t, "/incidents/"+i.ID, w.Header().Get("Location"))
	said, err := url.QueryUnescape(w.Header().Get("Set-Cookie"))
	require.NoError(t, err)
	require.Contains(t, said, "Answered: replay. Of 1,000 records outside the table 1,000 were loaded")
	now, err := b.desk.Ops.Incident(t.Context(), i.ID)
	require.NoError(t, err)
	require.Equal(t, []string{"replay", "anna", "the shop changed it"}, []string{now.Resolution, now.By, now.Comment})
	_, text := b.page(t, "/incidents/"+i.ID)
	require.Contains(t, text, "Resolved: <b>replay</b> by anna")
	require.NotContains(t, text, "Answer the incident")
	log, err := b.desk.LogAbout("customers", i.ID)
	require.NoError(t, err)
	require.Len(t, log, 1)
	require.Contains(t, string(log[0].Body), `"cast":{"age":"long"}`)
}

func TestTheSecondOfTwoHearsWhoWasFirst(t *testing.T) {
	b, i, _ := drifted(t, consoletest.Approver)
	require.Equal(t, http.StatusSeeOther, b.ask(t, http.MethodPost, "/incidents/"+i.ID+"/answer", replayForm()).Code)
	second := b.by(consoletest.Admin)
	for _, what := range []string{"answer", "acknowledge"} {
		w := second.ask(t, http.MethodPost, "/incidents/"+i.ID+"/"+what, replayForm())
		require.Equal(t, http.StatusConflict, w.Code, what)
		sound(t, w.Body.String())
		require.Contains(t, w.Body.String(), "Somebody was first")
		require.Contains(t, w.Body.String(), "replay by anna")
	}
}

func TestOfManyAnswersAtOnceOneCounts(t *testing.T) {
	b, i, _ := drifted(t, consoletest.Approver)
	codes := make([]int, 8)
	var all sync.WaitGroup
	for n := range codes {
		all.Go(func() {
			as := b.by(console.Person{Name: fmt.Sprintf("p%d", n), Role: console.Approver, Via: "console"})
			codes[n] = as.ask(t, http.MethodPost, "/incidents/"+i.ID+"/answer", replayForm()).Code
		})
	}
	all.Wait()
	done := 0
	for _, c := range codes {
		if c == http.StatusSeeOther {
			done++
		}
	}
	require.Equal(t, 1, done, codes)
}

func TestAnAnswerThatCannotBeTakenKeepsWhatWasFilledIn(t *testing.T) {
	tests := map[string]struct {
		change func(url.Values)
		says   string
	}{
		"not confirmed":              {func(v url.Values) { v.Del("confirm") }, "confirmed"},
		"nothing chosen":             {func(v url.Values) { v.Del("resolution") }, "no answer was chosen"},
		"two rows of the same":       {func(v url.Values) { v["op"][1], v["field"][1], v["value"][1] = "cast", "age", "string" }, "two rows"},
		"a row without a field":      {func(v url.Values) { v["field"][0] = "" }, "has no field"},
		"a way to mend that is none": {func(v url.Values) { v["op"][0] = "drop" }, "choose rename"},
		"rows that aren't whole":     {func(v url.Values) { v["value"] = v["value"][:1] }, "must be whole"},
		"statements are text":        {func(v url.Values) { v["op"][0] = hostile }, "choose rename"},
		"more rows than anybody uses": {func(v url.Values) {
			v["op"], v["field"], v["value"] = make([]string, 101), make([]string, 101), make([]string, 101)
		}, "at most 100"},
	}
	b, i, _ := drifted(t, consoletest.Approver)
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			form := replayForm()
			tc.change(form)
			w := b.ask(t, http.MethodPost, "/incidents/"+i.ID+"/answer", form)
			require.Equal(t, http.StatusUnprocessableEntity, w.Code)
			sound(t, w.Body.String())
			require.Contains(t, w.Body.String(), tc.says)
			require.Contains(t, w.Body.String(), "the shop changed it</textarea>")
			now, err := b.desk.Ops.Incident(t.Context(), i.ID)
			require.NoError(t, err)
			require.Equal(t, ops.Opened, now.Status)
		})
	}
}

func TestAPreviewShowsWhatAnAnswerWouldDo(t *testing.T) {
	tests := map[string]struct {
		change      func(url.Values)
		says, says2 string
	}{
		"a mapping that mends":    {func(url.Values) {}, "<b>5</b> go into the table", "the same"},
		"without one":             {func(v url.Values) { v["field"][0], v["value"][0] = "", "" }, "<b>0</b> go into the table", "type changed"},
		"nothing is moved":        {func(v url.Values) { v.Set("resolution", "discard") }, "<b>11</b> stay in quarantine", "hexadecimal"},
		"what can't be previewed": {func(v url.Values) { v["value"][0] = hostile }, "only string, long, double and boolean", ""},
		"an unknown answer":       {func(v url.Values) { v.Set("resolution", hostile) }, "must be one of release", ""},
		"more rows":               {func(v url.Values) { v.Set("more", "yes") }, `aria-label="Field of row 3"`, ""},
	}
	for name, tc := range tests {
		for _, where := range []string{"an incident", "a batch"} {
			t.Run(name+" of "+where, func(t *testing.T) {
				b, i, entry := drifted(t, consoletest.Approver)
				at := "/incidents/" + i.ID
				if where == "a batch" {
					at = "/quarantine/customers/" + entry.BatchID
					require.NoError(t, b.desk.Ops.Resolve(t.Context(), i.ID, pipeline.Close, "ada", "", consoletest.At))
				}
				form := replayForm()
				tc.change(form)
				w := b.ask(t, http.MethodPost, at+"/preview", form)
				require.Equal(t, http.StatusOK, w.Code)
				sound(t, w.Body.String())
				require.Contains(t, w.Body.String(), tc.says)
				require.Contains(t, w.Body.String(), tc.says2)
				require.NotContains(t, w.Body.String(), "<script>alert")
				require.NotContains(t, w.Body.String(), "<img")
				started, _ := b.desk.Temporal.Started()
				require.Empty(t, started)
			})
		}
	}
}

func TestAScriptGetsThePreviewAlone(t *testing.T) {
	b, i, _ := drifted(t, consoletest.Approver)
	r := httptest.NewRequest(http.MethodPost, "/incidents/"+i.ID+"/preview", strings.NewReader(replayForm().Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("HX-Request", "true")
	w := httptest.NewRecorder()
	b.site.ServeHTTP(w, r.WithContext(access.With(t.Context(), access.Session{Person: b.as, CSRF: "the-csrf"})))
	require.Equal(t, http.StatusOK, w.Code)
	require.True(t, strings.HasPrefix(w.Body.String(), `<div id="preview"`))
	require.Contains(t, w.Body.String(), "<b>5</b> go into the table")
	require.NotContains(t, w.Body.String(), "<html")
}

func TestIncidentsArePickedAndCounted(t *testing.T) {
	b, i, _ := drifted(t, consoletest.Viewer)
	done := b.desk.Ran(t, "run-gap", 1, pipeline.Succeeded, nil)
	gap := b.desk.Open(t, done, "customers/source_gap", false)
	require.NoError(t, b.desk.Ops.Resolve(t.Context(), gap.ID, pipeline.Close, "anna", "", done.FinishedAt.Add(90*time.Second)))
	for path, want := range map[string][2]bool{ // drift, gap
		"/incidents":                                               {true, false},
		"/incidents?status=all":                                    {true, true},
		"/incidents?status=resolved":                               {false, true},
		"/incidents?cause=source_gap":                              {false, false},
		"/incidents?cause=schema_drift_breaking":                   {true, false},
		"/incidents?pipeline=orders":                               {false, false},
		"/incidents?severity=warning":                              {false, false},
		"/incidents?status=%27+OR+1%3D1+--&cause=%25&severity=%25": {false, false},
	} {
		_, text := b.page(t, path)
		require.Equal(t, want, [2]bool{strings.Contains(text, "/incidents/"+i.ID), strings.Contains(text, "/incidents/"+gap.ID)}, path)
		require.NotContains(t, text, "<script>alert")
		if path == "/incidents" {
			require.Contains(t, text, "source gap")
			require.Contains(t, text, "1 min 30 s")
			require.Contains(t, text, `class="weeks"`)
		}
	}
	require.Equal(t, http.StatusNotFound, b.ask(t, http.MethodGet, "/incidents?before=none", nil).Code)
	require.Equal(t, http.StatusNotFound, b.ask(t, http.MethodGet, "/incidents/inc-none", nil).Code)
	require.Equal(t, http.StatusNotFound, b.ask(t, http.MethodPost, "/incidents/inc-none/preview", replayForm()).Code)
}

func TestOlderIncidentsAreOnTheNextPage(t *testing.T) {
	b := newBrowse(t, consoletest.Viewer)
	for n := range 60 {
		b.desk.Open(t, b.desk.Ran(t, fmt.Sprintf("run-%02d", n), n, pipeline.Held, nil), "customers/dq_failures_major", true)
	}
	root, first := b.page(t, "/incidents?severity=critical")
	require.NotContains(t, first, ops.IncidentID("run-00", "customers/dq_failures_major"))
	next := ""
	for n := range root.Descendants() {
		if attr(n, "rel") == "next" {
			next = attr(n, "href")
		}
	}
	_, second := b.page(t, next)
	require.Contains(t, second, ops.IncidentID("run-00", "customers/dq_failures_major"))
}

func TestAHeldBatchCannotBeClosed(t *testing.T) {
	b := seeded(t, consoletest.Approver)
	_, text := b.page(t, "/incidents/"+ops.IncidentID("run-held", "dq_failures_major"))
	require.Contains(t, text, `value="release"`)
	require.NotContains(t, text, `value="close"`)
}

func TestATableThatCannotBeReadLeavesTheRest(t *testing.T) {
	b, i, _ := drifted(t, consoletest.Approver)
	broken, env := *b.desk.Desk, b.desk.Env
	broken.Env = func(key string) string {
		if key == "SINK_MODE" {
			return "none"
		}
		return env(key)
	}
	b = b.over(&broken)
	_, text := b.page(t, "/incidents/"+i.ID)
	require.Contains(t, text, "What is outside the table can&#39;t be told")
	require.Contains(t, text, `value="release"`, "every answer can be given")
	_, text = b.page(t, "/quarantine")
	require.Contains(t, text, "SINK_MODE")
}
