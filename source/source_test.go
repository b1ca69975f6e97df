package source_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/autonomous-data-pipeline/adp/pipeline"
	"github.com/autonomous-data-pipeline/adp/source"
)

// bounded knows bounds alone.
type bounded struct {
	source.Source
	bounds map[int32]source.Bounds
	err    error
}

func (b bounded) Bounds(context.Context, string) (map[int32]source.Bounds, error) {
	return b.bounds, b.err
}

// lister lists its log itself.
type lister struct {
	source.Source
	asked pipeline.Checkpoint
}

func (l *lister) List(_ context.Context, _ string, cp pipeline.Checkpoint) ([]pipeline.Range, error) {
	l.asked = cp
	return []pipeline.Range{{Start: 1, End: 2}, {Start: 5, End: 9}}, nil
}

func TestALogIsTheBoundsInOrderOrTheSourcesOwnList(t *testing.T) {
	log, err := source.Log(t.Context(), bounded{bounds: map[int32]source.Bounds{2: {Start: 1, End: 5}, 0: {End: 3}, 1: {}}}, "t")
	require.NoError(t, err)
	require.Equal(t, []pipeline.Range{{Partition: 0, End: 3}, {Partition: 1}, {Partition: 2, Start: 1, End: 5}}, log)
	mine := errors.New("mine")
	_, err = source.Log(t.Context(), bounded{err: mine}, "t")
	require.ErrorIs(t, err, mine)
	l := &lister{}
	log, err = source.LogFrom(t.Context(), l, "t", pipeline.Checkpoint{0: 7})
	require.NoError(t, err)
	require.Len(t, log, 2)
	require.Equal(t, pipeline.Checkpoint{0: 7}, l.asked)
}

func TestADeliveryGathersRecordsWithinBounds(t *testing.T) {
	for name, size := range map[string]int{"small values": 3, "large values": 700_000, "values without bytes": 0} {
		t.Run(name, func(t *testing.T) {
			const n = 1300
			var got []string
			calls, value := 0, []byte(strings.Repeat("x", size))
			d := source.NewDelivery(func(records []source.Record) error {
				calls++
				bytes := 0
				for _, r := range records {
					bytes += len(r.Value)
					require.NotNil(t, r.Value)
					got = append(got, fmt.Sprint(r.Offset, " ", r.TimestampMs, " ", len(r.Value)))
				}
				require.LessOrEqual(t, len(records), 512)
				require.Less(t, bytes, 1<<20+size+1)
				return nil
			})
			count := n
			if size > 1000 {
				count = 5
			}
			for i := range count {
				require.NoError(t, d.Add(t.Context(), int64(i), int64(-i), value))
			}
			require.NoError(t, d.Flush(t.Context()))
			require.NoError(t, d.Flush(t.Context()), "nothing is left to give")
			require.Len(t, got, count)
			for i, g := range got {
				require.Equal(t, fmt.Sprint(i, " ", -i, " ", size), g)
			}
			require.Equal(t, 3, calls, "as few calls as the bounds allow")
		})
	}
}

func TestADeliveryEndsWithItsCallbackOrItsCaller(t *testing.T) {
	mine := errors.New("mine")
	d := source.NewDelivery(func([]source.Record) error { return mine })
	require.NoError(t, d.Add(t.Context(), 1, 2, nil))
	require.ErrorIs(t, d.Flush(t.Context()), mine)
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(mine)
	require.ErrorIs(t, source.NewDelivery(nil).Flush(ctx), mine)
}
