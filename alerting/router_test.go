package alerting_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/autonomous-data-pipeline/adp/alerting"
	"github.com/autonomous-data-pipeline/adp/pipeline"
)

type channel struct {
	name string
	err  error
	got  []alerting.Alert
}

func (c *channel) Name() string { return c.name }

func (c *channel) Notify(_ context.Context, a alerting.Alert) error {
	c.got = append(c.got, a)
	return c.err
}

func TestADeadChannelDoesNotSilenceTheOthers(t *testing.T) {
	busy := pipeline.Faultf(pipeline.Transient, "is busy")
	wrong := pipeline.Misconfiguredf("X", "is wrong")
	broken := pipeline.Faultf(pipeline.Bug, "is broken")
	tests := map[string]struct {
		first, second error
		want          pipeline.Kind
		says          []string
	}{
		"one that may come back is tried again":     {busy, nil, pipeline.Transient, []string{"one: is busy"}},
		"one that is set up wrong is not":           {wrong, nil, pipeline.Misconfigured, []string{"one: is wrong (setting: X)"}},
		"a kind is kept":                            {broken, nil, pipeline.Bug, []string{"one: is broken"}},
		"of two, the one that may come back counts": {wrong, busy, pipeline.Transient, []string{"one: is wrong", "two: is busy"}},
		"an error of no kind may be tried again":    {wrong, context.Canceled, pipeline.Transient, []string{"two: context canceled"}},
		"else the first":                            {wrong, broken, pipeline.Misconfigured, []string{"one: is wrong", "two: is broken"}},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			one, two, good := &channel{name: "one", err: tc.first}, &channel{name: "two", err: tc.second}, &channel{name: "good"}
			err := alerting.NewRouter(one, two, good).Notify(t.Context(), alerting.Alert{ID: "a"})
			for _, c := range []*channel{one, two, good} {
				require.Equal(t, []alerting.Alert{{ID: "a"}}, c.got)
			}
			require.Equal(t, tc.want, pipeline.KindOf(err))
			require.ErrorIs(t, err, tc.first)
			for _, s := range tc.says {
				require.ErrorContains(t, err, s)
			}
			require.NotContains(t, err.Error(), "good:")
		})
	}
}

func TestAllChannelsWellIsNoError(t *testing.T) {
	require.NoError(t, alerting.NewRouter(&channel{}, &channel{}).Notify(t.Context(), alerting.Alert{ID: "a"}))
}

func TestARouterWithoutChannelsSaysThatNobodyHears(t *testing.T) {
	err := alerting.NewRouter().Notify(t.Context(), alerting.Alert{ID: "a"})
	require.Equal(t, pipeline.Bug, pipeline.KindOf(err))
}

// meeting returns once another one of it was called.
type meeting chan struct{}

func (m meeting) Name() string { return "meeting" }

func (m meeting) Notify(ctx context.Context, _ alerting.Alert) error {
	select {
	case m <- struct{}{}:
	case <-m:
	case <-ctx.Done():
		return ctx.Err()
	}
	return nil
}

func TestASlowChannelDoesNotDelayTheOthers(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	m := make(meeting)
	require.NoError(t, alerting.NewRouter(m, m).Notify(ctx, alerting.Alert{ID: "a"}), "each waits for the other")
}
