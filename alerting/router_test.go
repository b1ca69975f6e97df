package alerting_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/autonomous-data-pipeline/adp/alerting"
	"github.com/autonomous-data-pipeline/adp/pipeline"
)

type channel struct {
	err  error
	sent int
}

func (c *channel) Name() string { return "channel" }

func (c *channel) Notify(context.Context, alerting.Alert) error { c.sent++; return c.err }

func TestADeadChannelDoesNotSilenceTheOthers(t *testing.T) {
	tests := map[string]struct {
		first error
		want  pipeline.Kind
	}{
		"one that may come back is tried again": {pipeline.Faultf(pipeline.Transient, "busy"), pipeline.Transient},
		"one that is set up wrong is not":       {pipeline.Misconfiguredf("X", "wrong"), pipeline.Misconfigured},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			bad, good := &channel{err: tc.first}, &channel{}
			err := alerting.NewRouter(bad, good).Notify(t.Context(), alerting.Alert{ID: "a"})
			require.Equal(t, 1, good.sent)
			require.Equal(t, tc.want, pipeline.KindOf(err))
		})
	}
	require.NoError(t, alerting.NewRouter(&channel{}).Notify(t.Context(), alerting.Alert{}))
}
