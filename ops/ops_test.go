package ops

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/autonomous-data-pipeline/adp/agent"
	"github.com/autonomous-data-pipeline/adp/pipeline"
	"github.com/autonomous-data-pipeline/adp/schemas"
)

var t0 = time.Date(2026, 11, 23, 2, 0, 0, 0, time.UTC)

func open(t *testing.T, path string) *Store {
	t.Helper()
	s, err := Open(t.Context(), path)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

func fresh(t *testing.T) *Store { return open(t, filepath.Join(t.TempDir(), "ops", "ops.db")) }

func run(id string, minute int, outcome pipeline.Outcome) pipeline.RunReport {
	r := pipeline.RunReport{
		Pipeline: "customers", RunID: id, Outcome: outcome, StartedAt: t0.Add(time.Duration(minute) * time.Minute),
		Drift: []pipeline.Drift{}, Stages: []pipeline.Stage{},
	}
	r.FinishedAt = r.StartedAt.Add(time.Second)
	if outcome == pipeline.Failed {
		r.Failure = &pipeline.Failure{Stage: "process", Kind: pipeline.Transient, Error: "no broker " + id}
	}
	return r
}

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

func TestTheFirstDecisionOfAnIDStays(t *testing.T) {
	s := fresh(t)
	d := agent.Decision{ID: "d1", Pipeline: "customers", RunID: "r1", At: t0, Summary: "first"}
	require.NoError(t, s.SaveDecision(t.Context(), d, []byte(`{}`)))
	again := d
	again.Summary = "second"
	require.NoError(t, s.SaveDecision(t.Context(), again, []byte(`{}`)))
	got, err := s.Decisions(t.Context(), "customers", 0)
	require.NoError(t, err)
	require.Len(t, got, 1)
	require.Equal(t, "first", got[0].Summary)
}

func incident(runID, cause string, hold bool) Incident {
	return Incident{
		ID: IncidentID(runID, cause), Pipeline: "customers", Cause: cause, RunID: runID,
		Title: "late", Summary: "22% late", Severity: "warning", Hold: hold, OpenedAt: t0,
	}
}

func TestARepeatedCauseJoinsTheOpenIncident(t *testing.T) {
	tests := map[string]struct {
		hold, resolved, otherCause bool
		joined                     bool
	}{
		"the same cause joins":                 {joined: true},
		"another cause opens its own":          {otherCause: true},
		"a held batch needs its own answer":    {hold: true},
		"a resolved incident takes nothing in": {resolved: true},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			s := fresh(t)
			first, joined, err := s.OpenIncident(t.Context(), incident("r1", "customers/late", tc.hold))
			require.NoError(t, err)
			require.False(t, joined)
			if tc.resolved {
				require.NoError(t, s.Resolve(t.Context(), first.ID, "close", "ana", "", t0))
			}
			cause := "customers/late"
			if tc.otherCause {
				cause = "customers/gap"
			}
			second, joined, err := s.OpenIncident(t.Context(), incident("r2", cause, tc.hold))
			require.NoError(t, err)
			require.Equal(t, tc.joined, joined)
			require.Equal(t, tc.joined, second.ID == first.ID)
			if tc.joined {
				require.Equal(t, 2, second.Count)
				require.Len(t, second.Timeline, 2)
				third, joined, err := s.OpenIncident(t.Context(), incident("r2", cause, tc.hold))
				require.NoError(t, err)
				require.True(t, joined)
				require.Equal(t, 2, third.Count, "a run joins once")
			}
		})
	}
}

func TestOpeningAnIncidentAgainChangesNothing(t *testing.T) {
	s := fresh(t)
	first, _, err := s.OpenIncident(t.Context(), incident("r1", "c", true))
	require.NoError(t, err)
	require.NoError(t, s.Acknowledge(t.Context(), first.ID, "ben", "", t0))
	again, joined, err := s.OpenIncident(t.Context(), incident("r1", "c", true))
	require.NoError(t, err)
	require.False(t, joined)
	require.Equal(t, Acknowledged, again.Status)
}

// Whatever people do, in any order, an incident only moves forward, and its
// first resolution stays.
func TestAnIncidentOnlyMovesForward(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 0))
	s := fresh(t)
	for n := range 20 {
		i, _, err := s.OpenIncident(t.Context(), incident(fmt.Sprint("r", n), fmt.Sprint("c", n), true))
		require.NoError(t, err)
		rank := map[IncidentStatus]int{Opened: 0, Acknowledged: 1, Resolved: 2}
		var resolution string
		for range 8 {
			before, err := s.Incident(t.Context(), i.ID)
			require.NoError(t, err)
			if rnd.IntN(2) == 0 {
				err = s.Acknowledge(t.Context(), i.ID, "ben", "", t0)
				require.Equal(t, before.Status == Resolved, err != nil)
			} else {
				answer := []string{"release", "discard"}[rnd.IntN(2)]
				err = s.Resolve(t.Context(), i.ID, answer, "ana", "", t0)
				require.Equal(t, before.Status == Resolved && before.Resolution != answer, err != nil)
				if resolution == "" {
					resolution = answer
				}
			}
			after, err := s.Incident(t.Context(), i.ID)
			require.NoError(t, err)
			require.GreaterOrEqual(t, rank[after.Status], rank[before.Status])
			require.Equal(t, resolution, after.Resolution)
		}
	}
}

func TestAnIncidentIsFoundByTheBeginningOfItsID(t *testing.T) {
	s := fresh(t)
	for _, id := range []string{"inc-aa1", "inc-aa2", "inc-b"} {
		i := incident("r"+id, id, true)
		i.ID = id
		_, _, err := s.OpenIncident(t.Context(), i)
		require.NoError(t, err)
	}
	got, err := s.Incident(t.Context(), "inc-b")
	require.NoError(t, err)
	require.Equal(t, "inc-b", got.ID)
	_, err = s.Incident(t.Context(), "inc-a")
	require.ErrorContains(t, err, "more than one")
	_, err = s.Incident(t.Context(), "inc-%")
	require.ErrorContains(t, err, "no incident", "a pattern is no beginning")
}

func schema(t *testing.T, fields string) *schemas.Schema {
	t.Helper()
	s, err := schemas.Parse([]byte(`{"type":"record","name":"c","fields":[` + fields + `]}`))
	require.NoError(t, err)
	return s
}

func TestSchemaVersions(t *testing.T) {
	s := fresh(t)
	one := SchemaVersion{Pipeline: "customers", Schema: schema(t, `{"name":"id","type":"string"}`), Declared: "d1", At: t0}
	two := one
	two.Schema = schema(t, `{"name":"id","type":"string"},{"name":"tier","type":["null","string"]}`)

	_, ok, err := s.LatestSchema(t.Context(), "customers")
	require.NoError(t, err)
	require.False(t, ok)
	v, err := s.RecordSchema(t.Context(), 0, one)
	require.NoError(t, err)
	require.Equal(t, 1, v.Version)
	v, err = s.RecordSchema(t.Context(), 1, two)
	require.NoError(t, err)
	require.Equal(t, 2, v.Version)
	v, err = s.RecordSchema(t.Context(), 1, two)
	require.NoError(t, err, "a repeat finds what it recorded")
	require.Equal(t, 2, v.Version)
	_, err = s.RecordSchema(t.Context(), 1, one)
	require.Equal(t, pipeline.Transient, pipeline.KindOf(err), "a base that is the newest no more must plan again")
	all, err := s.Schemas(t.Context(), "customers")
	require.NoError(t, err)
	require.Len(t, all, 2)
	require.Equal(t, two.Schema.Fields, all[1].Schema.Fields)
}

func TestManyProcessesShareOneStore(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ops.db")
	var group sync.WaitGroup
	errs := make(chan error, 64)
	for p := range 4 {
		group.Go(func() {
			s, err := Open(context.Background(), path)
			if err != nil {
				errs <- err
				return
			}
			defer func() { errs <- s.Close() }()
			for n := range 10 {
				errs <- s.SaveRun(context.Background(), run(fmt.Sprintf("p%d-%d", p, n), n, pipeline.Succeeded))
				_, _, err := s.OpenIncident(context.Background(), incident(fmt.Sprintf("p%d-%d", p, n), "same", false))
				errs <- err
			}
		})
	}
	go func() { group.Wait(); close(errs) }()
	for err := range errs {
		require.NoError(t, err)
	}
	s := open(t, path)
	runs, err := s.Runs(t.Context(), RunQuery{Pipeline: "customers"})
	require.NoError(t, err)
	require.Len(t, runs, 40)
	all, err := s.Incidents(t.Context(), IncidentQuery{Pipeline: "customers"})
	require.NoError(t, err)
	require.Len(t, all, 1)
	require.Equal(t, 40, all[0].Count)
}

func TestAStoreThatCannotBeOpenedNamesItsSetting(t *testing.T) {
	dir := t.TempDir()
	junk := filepath.Join(dir, "junk.db")
	require.NoError(t, os.WriteFile(junk, []byte("this is no database, and it is longer than a header would be, by a good deal more than a hundred bytes"), 0o600))
	tests := map[string]string{
		"a file that is no database":  junk,
		"a folder that can't be made": filepath.Join(junk, "ops.db"),
		"a path that is a folder":     dir,
	}
	for name, path := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := Open(t.Context(), path)
			require.ErrorContains(t, err, "OPS_DB")
			require.Equal(t, pipeline.Misconfigured, pipeline.KindOf(err))
		})
	}
}
