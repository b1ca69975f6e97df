package pages_test

import (
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/autonomous-data-pipeline/adp/console"
	"github.com/autonomous-data-pipeline/adp/console/consoletest"
	"github.com/autonomous-data-pipeline/adp/console/pages"
	"github.com/autonomous-data-pipeline/adp/pipeline"
)

// over is the same person's browser of another desk over the same store.
func (b browse) over(desk *console.Desk) browse {
	b.desk.Desk, b.site = desk, pages.New(desk, pages.Options{Version: "test", Log: slog.New(slog.DiscardHandler)})
	return b
}

// by is another person's browser.
func (b browse) by(as console.Person) browse {
	b.as = as
	return b
}

func TestQuarantineListsBatchesWithWhomTheyWaitFor(t *testing.T) {
	b, i, entry := drifted(t, consoletest.Viewer)
	for path, want := range map[string]bool{"/quarantine": true, "/quarantine?pipeline=customers": true, "/quarantine?pipeline=orders": false} {
		_, text := b.page(t, path)
		require.Equal(t, want, strings.Contains(text, "/quarantine/customers/"+entry.BatchID), path)
		require.Equal(t, want, strings.Contains(text, "/incidents/"+i.ID), path)
	}
	require.Equal(t, http.StatusNotFound, b.ask(t, http.MethodGet, "/quarantine?pipeline=..%2F..%2Fetc", nil).Code)
}

func TestRecordsAreBrowsedByReasonFieldAndText(t *testing.T) {
	b, _, entry := drifted(t, consoletest.Viewer)
	at := "/quarantine/customers/" + entry.BatchID
	for query, want := range map[string][]bool{ // records 0, 5 and 10
		"":                                   {true, true, true},
		"?reason=malformed":                  {false, false, true},
		"?field=age":                         {true, false, false},
		"?text=E-5":                          {false, true, false},
		"?reason=type_changed&after=0:4":     {false, true, false},
		"?text=%27+OR+1%3D1":                 {false, false, false},
		"?field=" + url.QueryEscape(hostile): {false, true, false},
	} {
		_, text := b.page(t, at+query)
		var got []bool
		for _, place := range []string{"0:0", "0:5", "0:10"} {
			got = append(got, strings.Contains(text, "<code>"+place+"</code>"))
		}
		require.Equal(t, want, got, query)
		require.NotContains(t, text, "<script>alert", "text from data is text")
		require.NotContains(t, text, "<img")
	}
	_, text := b.page(t, at)
	require.Contains(t, text, "hexadecimal", "bytes that are no text")
	require.Contains(t, text, "waits for an answer on this batch")
	for path, status := range map[string]int{
		"/quarantine/customers/none": http.StatusNotFound, "/quarantine/nobody/" + entry.BatchID: http.StatusNotFound,
		"/quarantine/..%2F..%2Fetc/passwd": http.StatusNotFound, at + "?after=x": http.StatusUnprocessableEntity,
	} {
		w := b.ask(t, http.MethodGet, path, nil)
		require.Equal(t, status, w.Code, path)
		sound(t, w.Body.String())
	}
}

func TestABatchIsSettledApartOnlyIfNoIncidentWaits(t *testing.T) {
	b, i, entry := drifted(t, consoletest.Approver)
	at := "/quarantine/customers/" + entry.BatchID
	w := b.ask(t, http.MethodPost, at+"/answer", replayForm())
	require.Equal(t, http.StatusConflict, w.Code)
	require.Contains(t, w.Body.String(), "answer that")

	require.NoError(t, b.desk.Ops.Resolve(t.Context(), i.ID, pipeline.Close, "ada", "", consoletest.At))
	_, text := b.page(t, at)
	require.Contains(t, text, "Carry it out")
	for _, resolution := range []string{"release", "close", hostile} {
		form := replayForm()
		form.Set("resolution", resolution)
		require.Equal(t, http.StatusUnprocessableEntity, b.ask(t, http.MethodPost, at+"/answer", form).Code)
	}
	unconfirmed := replayForm()
	unconfirmed.Del("confirm")
	require.Equal(t, http.StatusUnprocessableEntity, b.ask(t, http.MethodPost, at+"/answer", unconfirmed).Code)
	started, _ := b.desk.Temporal.Started()
	require.Empty(t, started)

	w = b.ask(t, http.MethodPost, at+"/answer", replayForm())
	require.Equal(t, http.StatusSeeOther, w.Code)
	require.Equal(t, "/quarantine?pipeline=customers", w.Header().Get("Location"))
	_, inputs := b.desk.Temporal.Started()
	require.Equal(t, []any{pipeline.SettleRequest{Pipeline: "customers", BatchID: entry.BatchID, Answer: pipeline.Answer{
		Resolution: "replay", By: "anna", Comment: "the shop changed it", Mapping: inputs[0].(pipeline.SettleRequest).Answer.Mapping,
	}}}, inputs)
	require.Equal(t, map[string]string{"age": "long"}, inputs[0].(pipeline.SettleRequest).Answer.Mapping.Cast)
}
