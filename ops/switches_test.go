package ops

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/autonomous-data-pipeline/adp/agent"
	"github.com/autonomous-data-pipeline/adp/pipeline"
)

func TestKillSwitchIsAsItWasLastTurned(t *testing.T) {
	s := fresh(t)
	off, err := s.Switch(t.Context(), "customers")
	require.NoError(t, err)
	require.False(t, off.On, "nobody has turned it")
	on := agent.Switch{Pipeline: "customers", On: true, By: "eve", Reason: "odd decisions", At: time.Unix(100, 0).UTC()}
	require.NoError(t, s.TurnSwitch(t.Context(), on))
	got, err := s.Switch(t.Context(), "customers")
	require.NoError(t, err)
	require.Equal(t, on, got)
	other, err := s.Switch(t.Context(), "orders")
	require.NoError(t, err)
	require.False(t, other.On, "it is the pipeline's own")
	on.On = false
	require.NoError(t, s.TurnSwitch(t.Context(), on))
	got, err = s.Switch(t.Context(), "customers")
	require.NoError(t, err)
	require.False(t, got.On)
	require.Equal(t, pipeline.Bug, pipeline.KindOf(s.TurnSwitch(t.Context(), agent.Switch{})), "whose switch it is must be said")
}
