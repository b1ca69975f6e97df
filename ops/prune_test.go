package ops

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/autonomous-data-pipeline/adp/agent"
	"github.com/autonomous-data-pipeline/adp/pipeline"
	"github.com/autonomous-data-pipeline/adp/schemas"
)

// story is a store with ten runs of customers, r0 to r9, a minute apart, each
// with its decision. r1 opened an incident that is resolved, r2 one that r4
// joined and that is open.
func story(t *testing.T) *Store {
	t.Helper()
	s := fresh(t)
	for i := range 10 {
		r := run(fmt.Sprintf("r%d", i), i, pipeline.Succeeded)
		require.NoError(t, s.SaveRun(t.Context(), r))
		require.NoError(t, s.SaveDecision(t.Context(), agent.Decision{
			ID: "d" + r.RunID, Pipeline: r.Pipeline, RunID: r.RunID, At: r.FinishedAt,
		}, []byte("{}")))
	}
	open := func(runID, cause string) Incident {
		i, _, err := s.OpenIncident(t.Context(), incident(runID, cause, false))
		require.NoError(t, err)
		return i
	}
	resolved := open("r1", "customers/gap")
	open("r3", "customers/gap")
	require.NoError(t, s.Resolve(t.Context(), resolved.ID, "close", "ana", "", t0.Add(3*time.Minute)))
	open("r2", "customers/late")
	open("r4", "customers/late")
	return s
}

func kept(t *testing.T, s *Store) (runs, decisions, incidents []string) {
	t.Helper()
	all, err := s.Runs(t.Context(), RunQuery{Pipeline: "customers"})
	require.NoError(t, err)
	runs = ids(all)
	ds, err := s.Decisions(t.Context(), "customers", 0)
	require.NoError(t, err)
	for _, d := range ds {
		decisions = append(decisions, d.RunID)
	}
	is, err := s.Incidents(t.Context(), IncidentQuery{Pipeline: "customers"})
	require.NoError(t, err)
	for _, i := range is {
		incidents = append(incidents, i.RunID)
	}
	slices.Sort(runs)
	slices.Sort(decisions)
	slices.Sort(incidents)
	return runs, decisions, incidents
}

func TestPruneRemovesWhatEndedBeforeAndNothingThatIsNeeded(t *testing.T) {
	ended := func(i int) time.Time { return run("", i, pipeline.Succeeded).FinishedAt }
	tests := map[string]struct {
		before                     time.Time
		keep                       []string
		runs, decisions, incidents []string
	}{
		"nothing is old enough": {
			ended(0), nil,
			[]string{"r0", "r1", "r2", "r3", "r4", "r5", "r6", "r7", "r8", "r9"},
			[]string{"r0", "r1", "r2", "r3", "r4", "r5", "r6", "r7", "r8", "r9"}, []string{"r1", "r2"},
		},
		"an open incident keeps its runs": {
			ended(6), nil, []string{"r2", "r4", "r6", "r7", "r8", "r9"}, []string{"r2", "r4", "r6", "r7", "r8", "r9"}, []string{"r2"},
		},
		"a held batch keeps its run and its incident": {
			ended(6), []string{"r1"}, []string{"r1", "r2", "r4", "r6", "r7", "r8", "r9"},
			[]string{"r1", "r2", "r4", "r6", "r7", "r8", "r9"}, []string{"r1", "r2"},
		},
		"the last run that got through stays": {
			ended(99), nil, []string{"r2", "r4", "r9"}, []string{"r2", "r4"}, []string{"r2"},
		},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			s := story(t)
			before, _, _ := kept(t, s)
			p, err := s.Prune(t.Context(), "customers", tc.before, tc.keep)
			require.NoError(t, err)
			runs, decisions, incidents := kept(t, s)
			require.Equal(t, [][]string{tc.runs, tc.decisions, tc.incidents}, [][]string{runs, decisions, incidents})
			require.Equal(t, int64(len(before)-len(runs)), p.Runs)
			again, err := s.Prune(t.Context(), "customers", tc.before, tc.keep)
			require.NoError(t, err)
			require.Equal(t, Pruned{Kept: again.Kept}, again, "a repeat finds nothing more")
		})
	}
}

func TestPruneLeavesOtherPipelinesAndSchemaVersionsAlone(t *testing.T) {
	s := story(t)
	_, err := s.RecordSchema(t.Context(), 0, SchemaVersion{Pipeline: "customers", Schema: &schemas.Schema{Name: "c", Fields: []schemas.Field{{Name: "id", Type: schemas.String}}}, Reason: "first", At: t0})
	require.NoError(t, err)
	other := run("o1", 0, pipeline.Failed)
	other.Pipeline = "orders"
	require.NoError(t, s.SaveRun(t.Context(), other))
	_, err = s.Prune(t.Context(), "customers", t0.Add(time.Hour), nil)
	require.NoError(t, err)
	_, err = s.Run(t.Context(), "o1")
	require.NoError(t, err)
	versions, err := s.Schemas(t.Context(), "customers")
	require.NoError(t, err)
	require.Len(t, versions, 1)
}

// Failures in a row are counted the same before and after.
func TestPruneLeavesTheRowOfFailuresAsItIs(t *testing.T) {
	s := fresh(t)
	for i, o := range []pipeline.Outcome{pipeline.Failed, pipeline.Succeeded, pipeline.Idle, pipeline.Failed, pipeline.Failed} {
		require.NoError(t, s.SaveRun(t.Context(), run(fmt.Sprintf("r%d", i), i, o)))
	}
	count := func() int {
		f, err := s.FailuresInARow(t.Context(), "customers", "r9")
		require.NoError(t, err)
		return f.Count
	}
	require.Equal(t, 2, count())
	p, err := s.Prune(t.Context(), "customers", run("", 3, pipeline.Failed).FinishedAt, nil)
	require.NoError(t, err)
	require.Equal(t, int64(2), p.Runs, "the failure before, and the idle run")
	require.Equal(t, 2, count())
}

// Whenever it is stopped, what is left can be pruned on.
func TestPruneCanBeStoppedAnywhere(t *testing.T) {
	s := fresh(t)
	for i := range 2*pruneStep + 10 {
		require.NoError(t, s.SaveRun(t.Context(), run(fmt.Sprintf("r%04d", i), i, pipeline.Failed)))
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := s.Prune(ctx, "customers", t0.Add(9999*time.Hour), nil)
	require.ErrorIs(t, err, context.Canceled)
	p, err := s.Prune(t.Context(), "customers", t0.Add(9999*time.Hour), nil)
	require.NoError(t, err)
	require.Equal(t, int64(2*pruneStep+10), p.Runs)
}
