//go:build integration

package webserver_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/autonomous-data-pipeline/adp/console/consoletest"
	"github.com/autonomous-data-pipeline/adp/internal/browser"
	"github.com/autonomous-data-pipeline/adp/ops"
	"github.com/autonomous-data-pipeline/adp/pipeline"
)

// drifted adds a run whose records are kept out, and its incident.
func drifted(t *testing.T, d consoletest.Desk) ops.Incident {
	t.Helper()
	r := d.Ran(t, "run-drift", 5, pipeline.Remediated, func(r *pipeline.RunReport) {
		r.BatchID = consoletest.KeptOut.ID
		r.Drift = []pipeline.Drift{{Kind: pipeline.TypeChanged, Field: hostile, Expected: "long", Observed: "string", Count: 10, Share: 0.9, Breaking: true}}
	})
	d.KeepOut(t, r, hostile)
	d.Decide(t, r)
	cause := "customers/schema_drift_breaking/type_changed:" + hostile
	i, _, err := d.Ops.OpenIncident(t.Context(), ops.Incident{
		ID: ops.IncidentID(r.RunID, cause), Pipeline: "customers", Cause: cause, RunID: r.RunID, BatchID: r.BatchID, WorkflowID: r.WorkflowID,
		Severity: "critical", Title: "customers: " + hostile, Summary: hostile, OpenedAt: r.FinishedAt,
		Advice: pipeline.Replay, Mapping: &pipeline.Mapping{Cast: map[string]string{"age": "long", hostile: "string"}},
	})
	require.NoError(t, err)
	return i
}

// fits checks what holds for every page, at a desk's width and a phone's.
func fits(t *testing.T, b *browser.Browser, address, wait string) {
	t.Helper()
	for _, width := range []int64{1280, 390} {
		for _, theme := range []string{"light", "dark"} {
			b.Look(width, 900, theme)
			b.Open(address)
			b.Wait(wait)
			require.Empty(t, b.Faults())
			require.Zero(t, b.Overflow(), "%s is wider than %d pixels", address, width)
			var said []string
			for _, v := range b.Serious() {
				said = append(said, v.String())
			}
			require.Empty(t, said, "%s at %d pixels, %s", address, width, theme)
		}
	}
}

func TestPagesOfIncidentsAndQuarantineFitEverybody(t *testing.T) {
	d, base, b := serve(t)
	i := drifted(t, d)
	for path, wait := range map[string]string{
		"/incidents": "What keeps coming back", "/incidents/" + i.ID: "Mapping of a replay",
		"/quarantine": "outside the table", "/quarantine/customers/" + consoletest.KeptOut.ID: "waits for an answer",
	} {
		t.Run(path, func(t *testing.T) { fits(t, b, base+path, wait) })
	}
}

func TestAnIncidentIsPreviewedAndAnswered(t *testing.T) {
	d, base, b := serve(t)
	i := drifted(t, d)
	b.Open(base + "/incidents/" + i.ID)
	b.Wait("Mapping of a replay")
	b.Click(`input[value="discard"]`) // the choice alone asks for the preview
	b.Wait("What discard would do")
	b.Click(`input[value="replay"]`)
	b.Wait("What replay would do")
	b.Wait("not valid UTF-8")
	require.Contains(t, b.Text(), `"age":20`, "a record afterwards")
	require.Zero(t, b.Overflow())
	require.Empty(t, b.Serious())
	b.Type("#comment", "the shop changed it")
	b.Click(`input[name="confirm"]`)
	b.Click(`button.primary`)
	b.Wait("Answered: replay")
	now, err := d.Ops.Incident(t.Context(), i.ID)
	require.NoError(t, err)
	require.Equal(t, []string{"replay", "ada", "the shop changed it"}, []string{now.Resolution, now.By, now.Comment})
	var title string
	b.Eval("document.title", &title)
	require.NotEqual(t, "owned", title)
	require.Empty(t, b.Faults())
}
