package ops

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/autonomous-data-pipeline/adp/pipeline"
)

func TestACauseNamesItsConditions(t *testing.T) {
	tests := map[string]struct {
		cause string
		want  []string
	}{
		"one condition":                      {"customers/source_gap", []string{"source_gap"}},
		"several":                            {"customers/dq_failures_major+late_arrivals_major", []string{"dq_failures_major", "late_arrivals_major"}},
		"what data's names add is left out":  {"customers/schema_drift_breaking/type_changed:a/b,x+dq_failures_major", []string{"schema_drift_breaking", "dq_failures_major"}},
		"each once":                          {"customers/a/x+a/y", []string{"a"}},
		"another pipeline's name is no name": {"late", []string{"late"}},
		"nothing":                            {"customers/", nil},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, tc.want, Incident{Pipeline: "customers", Cause: tc.cause}.Conditions())
		})
	}
}

// life is an incident opened so many days after t0, with its answers so many
// minutes later. An empty resolution leaves it open.
func life(t *testing.T, s *Store, cause string, days int, acknowledged time.Duration, resolution string, resolved time.Duration) Incident {
	t.Helper()
	i := incident(fmt.Sprintf("run-%s-%d-%v", cause, days, resolved), cause, true)
	i.OpenedAt = t0.AddDate(0, 0, days)
	opened, _, err := s.OpenIncident(t.Context(), i)
	require.NoError(t, err)
	if acknowledged > 0 {
		require.NoError(t, s.Acknowledge(t.Context(), i.ID, "ana", "", i.OpenedAt.Add(acknowledged)))
	}
	if resolution != "" {
		require.NoError(t, s.Resolve(t.Context(), i.ID, resolution, "ana", "", i.OpenedAt.Add(resolved)))
	}
	return opened
}

func TestTrendsCountByCauseAndWeek(t *testing.T) {
	s := fresh(t)
	life(t, s, "customers/source_gap", 0, 2*time.Minute, pipeline.Close, 10*time.Minute)
	life(t, s, "customers/schema_drift_breaking/type_changed:age+source_gap", 21, 0, pipeline.Replay, 30*time.Minute)
	life(t, s, "customers/source_gap", 22, 4*time.Minute, "", 0)
	life(t, s, "customers/source_gap", 23, 0, pipeline.Expired, 72*time.Hour)
	got, err := s.Trends(t.Context(), TrendQuery{Pipeline: "customers", Until: t0.AddDate(0, 0, 28)})
	require.NoError(t, err)
	require.Len(t, got.Weeks, 5)
	require.Equal(t, week(t0), got.Weeks[0])
	require.Equal(t, []CauseTrend{
		{Condition: "source_gap", Incidents: 4, Runs: 4, ByWeek: []int{1, 0, 0, 3, 0}},
		{Condition: "schema_drift_breaking", Incidents: 1, Runs: 1, ByWeek: []int{0, 0, 0, 1, 0}},
	}, got.Causes)
	require.Equal(t, Took{Incidents: 3, MedianS: 240, P90S: 1800}, got.Acknowledge, "an answer is a sign of life, a time limit is none")
	require.Equal(t, Took{Incidents: 2, MedianS: 600, P90S: 1800}, got.Resolve)
	require.Equal(t, map[string]int{pipeline.Close: 1, pipeline.Replay: 1, pipeline.Expired: 1}, got.Resolutions)
	require.Equal(t, []int{4, 1}, []int{got.Incidents, got.Unresolved})
	require.Equal(t, []PipelineTrend{{Pipeline: "customers", Incidents: 4, Unresolved: 1, Acknowledge: got.Acknowledge, Resolve: got.Resolve}}, got.Pipelines)

	later, err := s.Trends(t.Context(), TrendQuery{Since: t0.AddDate(0, 0, 22)})
	require.NoError(t, err)
	require.Equal(t, 2, later.Incidents)
	none, err := s.Trends(t.Context(), TrendQuery{Pipeline: "' OR 1=1 --"})
	require.NoError(t, err)
	require.Zero(t, none.Incidents)
	require.Empty(t, none.Weeks)
}

func TestWeeksHaveNoHolesAndAnEnd(t *testing.T) {
	at := func(s string) time.Time {
		v, err := time.Parse(time.DateOnly, s)
		require.NoError(t, err)
		return v
	}
	tests := map[string]struct {
		opened      []string
		until       string
		first, last string
		weeks       int
	}{
		"one week":                                {[]string{"2026-11-23"}, "2026-11-23", "2026-W48", "2026-W48", 1},
		"a Sunday and the Monday after it":        {[]string{"2026-11-22", "2026-11-23"}, "2026-11-23", "2026-W47", "2026-W48", 2},
		"over new year by the ISO calendar":       {[]string{"2026-12-31", "2027-01-04"}, "2027-01-04", "2026-W53", "2027-W01", 2},
		"quiet weeks since count":                 {[]string{"2026-11-02"}, "2026-11-23", "2026-W45", "2026-W48", 4},
		"a time before the newest changes none":   {[]string{"2026-11-23"}, "2026-01-01", "2026-W48", "2026-W48", 1},
		"a clock that was wrong has no centuries": {[]string{"1970-01-01", "2026-11-23"}, "2026-11-23", "2025-W48", "2026-W48", maxWeeks},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			var found []Incident
			for _, o := range tc.opened {
				found = append(found, Incident{Pipeline: "p", Cause: "p/c", OpenedAt: at(o)})
			}
			got := weeksOf(found, TrendQuery{Until: at(tc.until)})
			require.Len(t, got, tc.weeks)
			require.Equal(t, []string{tc.first, tc.last}, []string{got[0], got[len(got)-1]})
			require.Len(t, slices.Compact(slices.Clone(got)), tc.weeks, "each once")
		})
	}
}

// The nearest rank against its definition.
func TestAShareOfAllIsAtMostItsPercentile(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		all := make([]time.Duration, 1+r.IntN(40))
		for i := range all {
			all[i] = time.Duration(r.IntN(1000)) * time.Second
		}
		got := took(slices.Clone(all))
		for share, value := range map[float64]int64{0.5: got.MedianS, 0.9: got.P90S} {
			atMost, below := 0, 0
			for _, d := range all {
				if int64(d.Seconds()) <= value {
					atMost++
				}
				if int64(d.Seconds()) < value {
					below++
				}
			}
			require.GreaterOrEqual(t, float64(atMost), share*float64(len(all)))
			require.Less(t, float64(below), share*float64(len(all)), "and no smaller one does")
		}
	}
}

func TestIncidentsArePickedBySeverityAndCause(t *testing.T) {
	s := fresh(t)
	put := func(run, cause, severity, title string) string {
		i := incident(run, cause, true)
		i.Severity, i.Title = severity, title
		_, _, err := s.OpenIncident(t.Context(), i)
		require.NoError(t, err)
		return i.ID
	}
	gap := put("r1", "customers/source_gap", "critical", `,"severity":"warning",`)
	both := put("r2", "customers/schema_drift_breaking/type_changed:source_gap+dq_failures_major", "warning", `100% x_y!`)
	tests := map[string]struct {
		query IncidentQuery
		want  []string
	}{
		"severity":                         {IncidentQuery{Severity: "warning"}, []string{both}},
		"a title is no severity":           {IncidentQuery{Severity: "critical"}, []string{gap}},
		"one condition":                    {IncidentQuery{Cause: "source_gap"}, []string{gap}},
		"the first of several":             {IncidentQuery{Cause: "schema_drift_breaking"}, []string{both}},
		"the last of several":              {IncidentQuery{Cause: "dq_failures_major"}, []string{both}},
		"a part of a name is none":         {IncidentQuery{Cause: "source"}, nil},
		"a wildcard is a character":        {IncidentQuery{Cause: "source%"}, nil},
		"an underscore is one too":         {IncidentQuery{Severity: "w_rning"}, nil},
		"both":                             {IncidentQuery{Severity: "warning", Cause: "source_gap"}, nil},
		"statements are text":              {IncidentQuery{Severity: "' OR 1=1 --", Cause: "' OR 1=1 --"}, nil},
		"what data's names add is no name": {IncidentQuery{Cause: "type_changed:source_gap"}, []string{}},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			found, err := s.Incidents(t.Context(), tc.query)
			require.NoError(t, err)
			got := []string{}
			for _, f := range found {
				got = append(got, f.ID)
			}
			require.ElementsMatch(t, tc.want, got)
		})
	}
}

func TestPagesOfIncidentsMissNone(t *testing.T) {
	s := fresh(t)
	want := map[string]bool{}
	for n := range 25 { // several at the same time
		i := incident(fmt.Sprintf("r%d", n), "customers/late", true)
		i.OpenedAt = t0.Add(time.Duration(n/4) * time.Minute)
		_, _, err := s.OpenIncident(t.Context(), i)
		require.NoError(t, err)
		want[i.ID] = true
	}
	before := ""
	for range 9 {
		page, err := s.Incidents(t.Context(), IncidentQuery{Before: before, Limit: 3})
		require.NoError(t, err)
		for _, i := range page {
			require.True(t, want[i.ID], "each once")
			delete(want, i.ID)
			before = i.ID
		}
	}
	require.Empty(t, want)
	_, err := s.Incidents(t.Context(), IncidentQuery{Before: "inc-none"})
	require.ErrorIs(t, err, ErrNotFound)
}
