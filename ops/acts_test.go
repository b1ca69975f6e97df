package ops

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/autonomous-data-pipeline/adp/agent"
)

func TestAnOwnActionsBudgetIsCounted(t *testing.T) {
	s := fresh(t)
	spec := agent.Spec{Name: "open_ticket", PerDay: 2, Pause: time.Minute}
	start := time.Unix(1_000_000, 0)
	begin := func(id, pipelineName, run string, at time.Time) string {
		t.Helper()
		refused, err := s.BeginAct(t.Context(), agent.Call{ID: id, Pipeline: pipelineName, RunID: run}, "open_ticket", spec, at)
		require.NoError(t, err)
		return refused
	}
	require.Empty(t, begin("d1", "customers", "r1", start))
	require.Empty(t, begin("d1", "customers", "r1", start.Add(time.Second)), "another attempt is not another time")
	require.Contains(t, begin("d2", "customers", "r2", start.Add(59*time.Second)), "pauses")
	require.Empty(t, begin("d2", "orders", "r2", start.Add(59*time.Second)), "a pipeline has its own budget")
	require.Empty(t, begin("d3", "customers", "r3", start.Add(time.Hour)))
	require.Contains(t, begin("d4", "customers", "r4", start.Add(2*time.Hour)), "as often as it may")
	require.Empty(t, begin("d5", "customers", "r5", start.Add(24*time.Hour)), "the first one is a day ago")

	u, err := s.Used(t.Context(), "customers", "open_ticket", start.Add(2*time.Hour), "r9")
	require.NoError(t, err)
	require.Equal(t, agent.Used{Action: "open_ticket", Day: 2, AgoS: 3600}, u)
	u, err = s.Used(t.Context(), "customers", "open_ticket", start.Add(2*time.Hour), "r3")
	require.NoError(t, err)
	require.Equal(t, 1, u.Day, "a run doesn't count its own")
	_, err = s.BeginAct(t.Context(), agent.Call{}, "open_ticket", spec, start)
	require.Error(t, err)
}

func TestPruningNeverRefillsABudget(t *testing.T) {
	s := fresh(t)
	spec := agent.Spec{Name: "open_ticket", PerDay: 5}
	now := time.Unix(1_000_000, 0)
	for id, ago := range map[string]time.Duration{"old": 50 * time.Hour, "today": 20 * time.Hour} {
		_, err := s.BeginAct(t.Context(), agent.Call{ID: id, Pipeline: "customers", RunID: id}, "open_ticket", spec, now.Add(-ago))
		require.NoError(t, err)
	}
	_, err := s.Prune(t.Context(), "customers", now, nil)
	require.NoError(t, err)
	u, err := s.Used(t.Context(), "customers", "open_ticket", now, "")
	require.NoError(t, err)
	require.Equal(t, 1, u.Day)
	old, err := s.Used(t.Context(), "customers", "open_ticket", now.Add(-30*time.Hour), "")
	require.NoError(t, err)
	require.Zero(t, old.Day, "what no budget counts is gone")
}
