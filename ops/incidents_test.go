package ops

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/autonomous-data-pipeline/adp/pipeline"
)

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

// A retried activity must find what its first attempt did, even if a person
// was faster than the retry.
func TestARepeatFindsTheIncidentThatTookItsRunIn(t *testing.T) {
	s := fresh(t)
	first, _, err := s.OpenIncident(t.Context(), incident("r1", "c", false))
	require.NoError(t, err)
	_, joined, err := s.OpenIncident(t.Context(), incident("r2", "c", false))
	require.NoError(t, err)
	require.True(t, joined)
	require.NoError(t, s.Resolve(t.Context(), first.ID, pipeline.Close, "ana", "", t0))

	again, joined, err := s.OpenIncident(t.Context(), incident("r2", "c", false))
	require.NoError(t, err)
	require.True(t, joined)
	require.Equal(t, first.ID, again.ID)
	require.Equal(t, Resolved, again.Status)
	require.Equal(t, 2, again.Count)
	third, joined, err := s.OpenIncident(t.Context(), incident("r3", "c", false))
	require.NoError(t, err)
	require.False(t, joined, "the next run opens its own")
	require.NotEqual(t, first.ID, third.ID)
}

func TestAHeldBatchDoesNotHideTheIncidentThatTakesRunsIn(t *testing.T) {
	s := fresh(t)
	_, _, err := s.OpenIncident(t.Context(), incident("r1", "c", true))
	require.NoError(t, err)
	plain, joined, err := s.OpenIncident(t.Context(), incident("r2", "c", false))
	require.NoError(t, err)
	require.False(t, joined, "an incident that holds a batch takes nothing in")
	third, joined, err := s.OpenIncident(t.Context(), incident("r3", "c", false))
	require.NoError(t, err)
	require.True(t, joined)
	require.Equal(t, plain.ID, third.ID)
}

func TestAnIncidentIsAsSevereAsItsWorstRun(t *testing.T) {
	s := fresh(t)
	var got Incident
	for i, severity := range []string{"warning", "critical", "info"} {
		in := incident(fmt.Sprint("r", i), "c", false)
		in.Severity = severity
		var err error
		got, _, err = s.OpenIncident(t.Context(), in)
		require.NoError(t, err)
	}
	require.Equal(t, "critical", got.Severity)
}

func TestACauseThatRepeatsForWeeksKeepsABoundedTimeline(t *testing.T) {
	i := incident("r0", "c", false).fresh()
	require.NoError(t, i.acknowledge("ana", "", t0))
	for n := range 3 * maxTimeline {
		i.takeIn(incident(fmt.Sprint("again", n), "c", false))
	}
	require.Equal(t, 3*maxTimeline+1, i.Count)
	require.Len(t, i.Timeline, maxTimeline)
	require.Equal(t, "r0", i.Timeline[0].RunID, "the first stays")
	require.Equal(t, "ana", i.Timeline[1].By, "what people did stays")
	require.Equal(t, fmt.Sprint("again", 3*maxTimeline-1), i.Timeline[maxTimeline-1].RunID, "the newest stays")
}

func TestAnIncidentOpensAtTheStartOfItsLife(t *testing.T) {
	s := fresh(t)
	in := incident("r1", "c", true)
	in.Status, in.Count, in.Resolution, in.By, in.ResolvedAt = Resolved, 9, pipeline.Release, "ana", t0
	got, _, err := s.OpenIncident(t.Context(), in)
	require.NoError(t, err)
	want := incident("r1", "c", true)
	want.Status, want.Count = Opened, 1
	want.Timeline = []Event{{At: t0, What: "opened: 22% late", RunID: "r1"}}
	require.Equal(t, want, got)
	stored, err := s.Incident(t.Context(), in.ID)
	require.NoError(t, err)
	require.Equal(t, want, stored)
}

func TestAnIncidentThatCannotBeToldApartIsRefused(t *testing.T) {
	tests := map[string]func(*Incident){
		"no ID":                               func(i *Incident) { i.ID = "" },
		"no pipeline":                         func(i *Incident) { i.Pipeline = "" },
		"no cause":                            func(i *Incident) { i.Cause = "" },
		"no run":                              func(i *Incident) { i.RunID = "" },
		"no time":                             func(i *Incident) { i.OpenedAt = time.Time{} },
		"an ID that belongs to another run":   func(i *Incident) { i.RunID = "r9" },
		"an ID that belongs to another cause": func(i *Incident) { i.Cause = "other" },
	}
	for name, spoil := range tests {
		t.Run(name, func(t *testing.T) {
			s := fresh(t)
			_, _, err := s.OpenIncident(t.Context(), incident("r1", "c", true))
			require.NoError(t, err)
			in := incident("r1", "c", true)
			spoil(&in)
			_, _, err = s.OpenIncident(t.Context(), in)
			require.Equal(t, pipeline.Bug, pipeline.KindOf(err))
			all, err := s.Incidents(t.Context(), IncidentQuery{})
			require.NoError(t, err)
			require.Len(t, all, 1)
		})
	}
}

func TestIncidentID(t *testing.T) {
	require.Equal(t, IncidentID("r1", "c"), IncidentID("r1", "c"))
	require.NotEqual(t, IncidentID("r1", "c"), IncidentID("r1", "d"))
	require.NotEqual(t, IncidentID("r1", "c"), IncidentID("r2", "c"))
}

// Each row is a life so far, then one more step.
func TestTheLifeOfAnIncident(t *testing.T) {
	type step func(*Store, string) error
	ack := func(by string) step {
		return func(s *Store, id string) error { return s.Acknowledge(t.Context(), id, by, "on it", t0) }
	}
	resolve := func(how, by string) step {
		return func(s *Store, id string) error { return s.Resolve(t.Context(), id, how, by, "why", t0.Add(time.Hour)) }
	}
	tests := map[string]struct {
		life   []step
		last   step
		refuse string // what the error says; empty: no error
		status IncidentStatus
		by     string
		events int
	}{
		"open can be acknowledged":              {nil, ack("ben"), "", Acknowledged, "ben", 2},
		"open can be resolved":                  {nil, resolve("release", "ana"), "", Resolved, "ana", 2},
		"acknowledged can be resolved":          {[]step{ack("ben")}, resolve("discard", "ana"), "", Resolved, "ana", 3},
		"nobody in time is a resolution":        {nil, resolve("expired", "time limit"), "", Resolved, "time limit", 2},
		"acknowledging twice changes nothing":   {[]step{ack("ben")}, ack("ben"), "", Acknowledged, "ben", 2},
		"the first to acknowledge stays":        {[]step{ack("ben")}, ack("ana"), "", Acknowledged, "ben", 2},
		"the same answer again changes nothing": {[]step{resolve("release", "ana")}, resolve("release", "ana"), "", Resolved, "ana", 2},
		"another answer says who was first":     {[]step{resolve("release", "ana")}, resolve("discard", "ben"), "release by ana at 2026-11-23T03:00:00Z", Resolved, "ana", 2},
		"another person hears who was first":    {[]step{resolve("release", "ana")}, resolve("release", "ben"), "release by ana at", Resolved, "ana", 2},
		"resolved can't be acknowledged":        {[]step{resolve("release", "ana")}, ack("ben"), "release by ana at", Resolved, "ana", 2},
		"an unknown resolution changes nothing": {nil, resolve("drop_table", "ana"), "none of release, replay", Opened, "", 1},
		"an answer that nobody gave is none":    {nil, resolve("release", ""), "by whom", Opened, "", 1},
		"nobody can't acknowledge":              {nil, ack(""), "by whom", Opened, "", 1},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			s := fresh(t)
			i, _, err := s.OpenIncident(t.Context(), incident("r1", "c", true))
			require.NoError(t, err)
			for _, do := range tc.life {
				require.NoError(t, do(s, i.ID))
			}
			err = tc.last(s, i.ID)
			if tc.refuse == "" {
				require.NoError(t, err)
			} else {
				require.ErrorContains(t, err, tc.refuse)
				require.Equal(t, pipeline.BadData, pipeline.KindOf(err))
			}
			got, err := s.Incident(t.Context(), i.ID)
			require.NoError(t, err)
			require.Equal(t, tc.status, got.Status)
			require.Equal(t, tc.by, got.By)
			require.Len(t, got.Timeline, tc.events)
		})
	}
	s := fresh(t)
	for _, do := range []step{ack("ana"), resolve("release", "ana")} {
		require.ErrorContains(t, do(s, "inc-0"), "there is no incident")
	}
}

func TestIncidentsAreListedNewestFirst(t *testing.T) {
	s := fresh(t)
	for n, name := range []string{"customers", "customers", "orders", "customers"} {
		i := incident(fmt.Sprint("r", n), "c", true)
		i.ID, i.Pipeline, i.OpenedAt = fmt.Sprint("inc-", n), name, t0.Add(time.Duration(n)*time.Minute)
		_, _, err := s.OpenIncident(t.Context(), i)
		require.NoError(t, err)
	}
	require.NoError(t, s.Acknowledge(t.Context(), "inc-1", "ana", "", t0))
	require.NoError(t, s.Resolve(t.Context(), "inc-3", "close", "ana", "", t0))
	tests := map[string]struct {
		query IncidentQuery
		want  []string
	}{
		"no condition gives all":     {IncidentQuery{}, []string{"inc-3", "inc-2", "inc-1", "inc-0"}},
		"by pipeline, to the limit":  {IncidentQuery{Pipeline: "customers", Limit: 2}, []string{"inc-3", "inc-1"}},
		"by status":                  {IncidentQuery{Status: Acknowledged}, []string{"inc-1"}},
		"those that await an answer": {IncidentQuery{Unresolved: true, Limit: 2}, []string{"inc-2", "inc-1"}},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			found, err := s.Incidents(t.Context(), tc.query)
			require.NoError(t, err)
			var got []string
			for _, i := range found {
				got = append(got, i.ID)
			}
			require.Equal(t, tc.want, got)
		})
	}
}

// Whatever runs and people do, in any order, through either of two open
// stores: every run is counted in exactly one incident, once; an incident only
// moves forward, keeps its first answer, and is the only open one of its cause
// unless it holds a batch.
func TestIncidentsInAnyOrder(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 0))
	one := fresh(t)
	stores := []*Store{one, reopen(t, one.path)}
	home := map[string]string{} // would-be ID → incident
	answers := map[string]string{}
	before := map[string]Incident{}
	for range 150 {
		s := stores[rnd.IntN(2)]
		run, cause := fmt.Sprint("r", rnd.IntN(30)), fmt.Sprint("c", rnd.IntN(3))
		hold := len(run) == 2 // the same for every repeat
		switch rnd.IntN(3) {
		case 0:
			in := incident(run, cause, hold)
			got, joined, err := s.OpenIncident(t.Context(), in)
			require.NoError(t, err)
			require.Equal(t, joined, got.ID != in.ID)
			if was, ok := home[in.ID]; ok {
				require.Equal(t, was, got.ID, "a repeat finds the same incident")
			}
			require.False(t, hold && joined)
			home[in.ID] = got.ID
		default:
			all, err := s.Incidents(t.Context(), IncidentQuery{})
			require.NoError(t, err)
			if len(all) == 0 {
				continue
			}
			id := all[rnd.IntN(len(all))].ID
			if rnd.IntN(2) == 0 {
				err = s.Acknowledge(t.Context(), id, "ben", "", t0)
				require.Equal(t, answers[id] != "", err != nil)
				break
			}
			answer := []string{pipeline.Release, pipeline.Discard}[rnd.IntN(2)]
			err = s.Resolve(t.Context(), id, answer, "ana", "", t0)
			require.Equal(t, answers[id] != "" && answers[id] != answer, err != nil)
			if answers[id] == "" {
				answers[id] = answer
			}
		}
		before = checkIncidents(t, stores[rnd.IntN(2)], home, answers, before)
	}
}

func checkIncidents(t *testing.T, s *Store, home, answers map[string]string, before map[string]Incident) map[string]Incident {
	t.Helper()
	all, err := s.Incidents(t.Context(), IncidentQuery{Limit: 1000})
	require.NoError(t, err)
	order := map[IncidentStatus]int{Opened: 0, Acknowledged: 1, Resolved: 2}
	runs := map[string]int{}
	for _, id := range home {
		runs[id]++
	}
	now, open := map[string]Incident{}, map[string]string{}
	for _, i := range all {
		now[i.ID] = i
		require.Equal(t, runs[i.ID], i.Count, "each run counts once")
		require.Equal(t, answers[i.ID], i.Resolution, "the first answer stays")
		require.GreaterOrEqual(t, order[i.Status], order[before[i.ID].Status])
		require.GreaterOrEqual(t, len(i.Timeline), len(before[i.ID].Timeline))
		if i.Status != Resolved && !i.Hold {
			require.Empty(t, open[i.Cause], "a cause has one open incident")
			open[i.Cause] = i.ID
		}
	}
	require.Len(t, now, len(runs), "no incident vanishes")
	return now
}
