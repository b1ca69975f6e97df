package ops

import (
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/autonomous-data-pipeline/adp/pipeline"
)

func TestAReportComesBackWholeAndIsSavedOnce(t *testing.T) {
	s := fresh(t)
	r := run("r1", 0, pipeline.Failed)
	require.NoError(t, s.SaveRun(t.Context(), r))
	r.Outcome, r.Failure = pipeline.Succeeded, nil
	require.NoError(t, s.SaveRun(t.Context(), r))
	got, err := s.Runs(t.Context(), RunQuery{Pipeline: "customers"})
	require.NoError(t, err)
	require.Equal(t, []pipeline.RunReport{r}, got)
}

func TestFailuresInARow(t *testing.T) {
	tests := map[string]struct {
		outcomes []pipeline.Outcome // oldest first; the run asked for comes last and isn't counted
		want     []string
	}{
		"no run before":                            {[]pipeline.Outcome{"failed"}, nil},
		"failures count back to a success":         {[]pipeline.Outcome{"failed", "succeeded", "failed", "failed", "failed"}, []string{"r3", "r2"}},
		"a remediated run ends the row":            {[]pipeline.Outcome{"failed", "remediated", "failed"}, nil},
		"a held batch ends the row":                {[]pipeline.Outcome{"failed", "held", "failed", "failed"}, []string{"r2"}},
		"the run's own outcome says nothing":       {[]pipeline.Outcome{"failed", "failed", "held"}, []string{"r1", "r0"}},
		"an idle run neither ends nor counts":      {[]pipeline.Outcome{"failed", "idle", "failed"}, []string{"r0"}},
		"a superseded run neither ends nor counts": {[]pipeline.Outcome{"failed", "superseded", "failed"}, []string{"r0"}},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			s := fresh(t)
			for i, o := range tc.outcomes {
				require.NoError(t, s.SaveRun(t.Context(), run(fmt.Sprintf("r%d", i), i, o)))
			}
			f, err := s.FailuresInARow(t.Context(), "customers", fmt.Sprintf("r%d", len(tc.outcomes)-1))
			require.NoError(t, err)
			require.Equal(t, len(tc.want), f.Count)
			var got []string
			for _, r := range f.Runs {
				got = append(got, r.RunID)
				require.Equal(t, "no broker "+r.RunID, r.Failure.Error)
			}
			require.Equal(t, tc.want, got)
		})
	}
}

func ids(runs []pipeline.RunReport) []string {
	var out []string
	for _, r := range runs {
		out = append(out, r.RunID)
	}
	return out
}

func TestRunsAreListedNewestFirst(t *testing.T) {
	s := fresh(t)
	for i, o := range []pipeline.Outcome{"succeeded", "failed", "idle", "failed"} {
		require.NoError(t, s.SaveRun(t.Context(), run(fmt.Sprintf("r%d", i), i, o)))
	}
	other := run("other", 9, "failed")
	other.Pipeline = "orders"
	require.NoError(t, s.SaveRun(t.Context(), other))
	tests := map[string]struct {
		query RunQuery
		want  []string
	}{
		"no condition gives all":    {RunQuery{}, []string{"other", "r3", "r2", "r1", "r0"}},
		"by pipeline":               {RunQuery{Pipeline: "customers"}, []string{"r3", "r2", "r1", "r0"}},
		"by outcome":                {RunQuery{Outcome: "failed"}, []string{"other", "r3", "r1"}},
		"by both, cut to the limit": {RunQuery{Pipeline: "customers", Outcome: "failed", Limit: 1}, []string{"r3"}},
		"older than a run":          {RunQuery{Before: "r2"}, []string{"r1", "r0"}},
		"none match":                {RunQuery{Pipeline: "' OR 1=1 --"}, nil},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := s.Runs(t.Context(), tc.query)
			require.NoError(t, err)
			require.Equal(t, tc.want, ids(got))
		})
	}
}

// Runs that ended in the same millisecond must not fall between two pages.
func TestPagesShowEveryRunOnce(t *testing.T) {
	s := fresh(t)
	var want []string
	for i := range 11 {
		r := run(fmt.Sprintf("r%02d", i), i/5, pipeline.Succeeded)
		require.NoError(t, s.SaveRun(t.Context(), r))
		want = append(want, r.RunID)
	}
	var got []string
	q := RunQuery{Limit: 3}
	for {
		page, err := s.Runs(t.Context(), q)
		require.NoError(t, err)
		if len(page) == 0 {
			break
		}
		got = append(got, ids(page)...)
		q.Before = page[len(page)-1].RunID
	}
	slices.Sort(got)
	require.Equal(t, want, got)
}

func TestARunIsFoundByItsID(t *testing.T) {
	s := fresh(t)
	want := run("r1", 0, pipeline.Failed)
	require.NoError(t, s.SaveRun(t.Context(), want))
	got, err := s.Run(t.Context(), "r1")
	require.NoError(t, err)
	require.Equal(t, want, got)
	_, err = s.Run(t.Context(), "r")
	require.Equal(t, pipeline.BadData, pipeline.KindOf(err))
	_, err = s.Runs(t.Context(), RunQuery{Before: "r"})
	require.Equal(t, pipeline.BadData, pipeline.KindOf(err), "a page after an unknown run is no empty page")
}

func TestALongRowOfFailuresIsCountedWholeAndShownInPart(t *testing.T) {
	s := fresh(t)
	for i := range 25 {
		require.NoError(t, s.SaveRun(t.Context(), run(fmt.Sprintf("r%02d", i), i, pipeline.Failed)))
	}
	other := run("other", 30, pipeline.Succeeded)
	other.Pipeline = "orders"
	require.NoError(t, s.SaveRun(t.Context(), other), "another pipeline's success ends nothing")
	f, err := s.FailuresInARow(t.Context(), "customers", "r99")
	require.NoError(t, err)
	require.Equal(t, 25, f.Count)
	require.Len(t, f.Runs, 20)
	require.Equal(t, "r24", f.Runs[0].RunID)
	require.Equal(t, t0.Add(24*60e9+1e9), f.Runs[0].At)
}

func TestARunWithoutANameIsRefused(t *testing.T) {
	s := fresh(t)
	require.Equal(t, pipeline.Bug, pipeline.KindOf(s.SaveRun(t.Context(), run("", 0, pipeline.Failed))))
	require.Equal(t, pipeline.Bug, pipeline.KindOf(s.SaveRun(t.Context(), run("r1", 0, ""))))
	all, err := s.Runs(t.Context(), RunQuery{})
	require.NoError(t, err)
	require.Empty(t, all)
}
