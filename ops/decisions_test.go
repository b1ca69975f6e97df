package ops

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/autonomous-data-pipeline/adp/agent"
	"github.com/autonomous-data-pipeline/adp/pipeline"
)

func TestTheFirstDecisionOfAnIDStays(t *testing.T) {
	s := fresh(t)
	d := agent.Decision{ID: "d1", Pipeline: "customers", RunID: "r1", At: t0, Summary: "first"}
	require.NoError(t, s.SaveDecision(t.Context(), d, []byte(`{"retriggers":1}`)))
	again := d
	again.Summary = "second"
	require.NoError(t, s.SaveDecision(t.Context(), again, []byte(`{}`)))
	got, err := s.Decisions(t.Context(), "customers", 0)
	require.NoError(t, err)
	require.Len(t, got, 1)
	require.Equal(t, "first", got[0].Summary)

	one, facts, err := s.Decision(t.Context(), "d1")
	require.NoError(t, err)
	require.Equal(t, got[0], one)
	require.JSONEq(t, `{"retriggers":1}`, string(facts))
	_, _, err = s.Decision(t.Context(), "d2")
	require.Equal(t, pipeline.BadData, pipeline.KindOf(err))
}

func TestDecisionsAreListedNewestFirst(t *testing.T) {
	s := fresh(t)
	for i, name := range []string{"customers", "orders", "customers"} {
		d := agent.Decision{ID: fmt.Sprint("d", i), Pipeline: name, RunID: "r", At: t0.Add(time.Duration(i) * time.Minute)}
		require.NoError(t, s.SaveDecision(t.Context(), d, []byte(`{}`)))
	}
	for name, want := range map[string][]string{"customers": {"d2", "d0"}, "orders": {"d1"}, "": {"d2", "d1", "d0"}} {
		got, err := s.Decisions(t.Context(), name, 0)
		require.NoError(t, err)
		var found []string
		for _, d := range got {
			found = append(found, d.ID)
		}
		require.Equal(t, want, found, "pipeline %q", name)
	}
}

func TestADecisionThatCannotBeFoundAgainIsRefused(t *testing.T) {
	s := fresh(t)
	d := agent.Decision{ID: "d1", Pipeline: "customers", RunID: "r1", At: t0}
	require.Equal(t, pipeline.Bug, pipeline.KindOf(s.SaveDecision(t.Context(), d, []byte(`{"half"`))), "facts that are no JSON")
	require.Equal(t, pipeline.Bug, pipeline.KindOf(s.SaveDecision(t.Context(), d, nil)), "no facts")
	d.ID = ""
	require.Equal(t, pipeline.Bug, pipeline.KindOf(s.SaveDecision(t.Context(), d, []byte(`{}`))), "no ID")
}
