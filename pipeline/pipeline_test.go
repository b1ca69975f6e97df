package pipeline_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/autonomous-data-pipeline/adp/pipeline"
)

func TestTheSameRangesGiveTheSameBatch(t *testing.T) {
	a := pipeline.NewBatch("p", "t", []pipeline.Range{{Partition: 1, Start: 5, End: 9}, {Partition: 0, Start: 0, End: 3}})
	b := pipeline.NewBatch("p", "t", []pipeline.Range{{Partition: 0, Start: 0, End: 3}, {Partition: 2, Start: 4, End: 4}, {Partition: 1, Start: 5, End: 9}})
	require.Equal(t, a, b)
	for name, other := range map[string]pipeline.Batch{
		"another pipeline": pipeline.NewBatch("q", "t", a.Ranges), "another topic": pipeline.NewBatch("p", "u", a.Ranges),
		"another range": pipeline.NewBatch("p", "t", a.Ranges[:1]),
	} {
		require.NotEqual(t, a.ID, other.ID, name)
	}
}

func TestShardsTileTheBatch(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		var ranges []pipeline.Range
		for p := range int32(1 + r.IntN(4)) {
			start := r.Int64N(100)
			ranges = append(ranges, pipeline.Range{Partition: p, Start: start, End: start + r.Int64N(50)})
		}
		b := pipeline.NewBatch("p", "t", ranges)
		limit := r.Int64N(12)
		var back []pipeline.Range
		var offsets int64
		for i, s := range b.Shards(limit) {
			require.Equal(t, i, s.Index)
			require.Len(t, s.Ranges, 1)
			if limit > 0 {
				require.LessOrEqual(t, s.Ranges[0].Len(), limit)
			}
			offsets += s.Ranges[0].Len()
			back = append(back, s.Ranges[0])
		}
		require.Equal(t, b.Offsets(), offsets)
		require.Empty(t, pipeline.Subtract(b.Ranges, back))
		require.Empty(t, pipeline.Subtract(back, b.Ranges))
	}
}

func TestNext(t *testing.T) {
	log := func(ranges ...[2]int64) (out []pipeline.Range) {
		for p, r := range ranges {
			out = append(out, pipeline.Range{Partition: int32(p), Start: r[0], End: r[1]})
		}
		return out
	}
	tests := map[string]struct {
		cp    pipeline.Checkpoint
		log   []pipeline.Range
		limit int64
		want  []pipeline.Range
		gaps  []pipeline.Range
		lag   int64
	}{
		"a new partition begins at its oldest offset": {nil, log([2]int64{3, 9}), 0, log([2]int64{3, 9}), nil, 0},
		"a batch goes on at the checkpoint":           {pipeline.Checkpoint{0: 5}, log([2]int64{0, 9}), 0, log([2]int64{5, 9}), nil, 0},
		"nothing new is an empty batch":               {pipeline.Checkpoint{0: 9}, log([2]int64{0, 9}), 0, nil, nil, 0},
		"what retention took is a gap":                {pipeline.Checkpoint{0: 2}, log([2]int64{6, 9}), 0, log([2]int64{6, 9}), []pipeline.Range{{Start: 2, End: 6}}, 0},
		"a gap may have nothing behind it":            {pipeline.Checkpoint{0: 2}, log([2]int64{9, 9}), 0, nil, []pipeline.Range{{Start: 2, End: 9}}, 0},
		"a limit is shared fairly":                    {nil, log([2]int64{0, 100}, [2]int64{0, 4}, [2]int64{0, 100}), 24, log([2]int64{0, 10}, [2]int64{0, 4}, [2]int64{0, 10}), nil, 180},
		"a limit below the partitions still moves":    {nil, log([2]int64{0, 100}, [2]int64{0, 100}), 1, []pipeline.Range{{Partition: 1, Start: 0, End: 1}}, nil, 199},
	}
	holes := []pipeline.Range{{Start: 0, End: 4}, {Start: 6, End: 9}, {Start: 12, End: 12}}
	for name, tc := range map[string]struct {
		cp   pipeline.Checkpoint
		want []pipeline.Range
		gaps []pipeline.Range
		lag  int64
	}{
		"a batch ends at a hole":                           {pipeline.Checkpoint{0: 1}, []pipeline.Range{{Start: 1, End: 4}}, nil, 3},
		"the first batch too":                              {nil, []pipeline.Range{{Start: 0, End: 4}}, nil, 3},
		"a hole at the checkpoint is a gap":                {pipeline.Checkpoint{0: 4}, []pipeline.Range{{Start: 6, End: 9}}, []pipeline.Range{{Start: 4, End: 6}}, 0},
		"a checkpoint inside of a hole has a shorter gap":  {pipeline.Checkpoint{0: 5}, []pipeline.Range{{Start: 6, End: 9}}, []pipeline.Range{{Start: 5, End: 6}}, 0},
		"a hole at the end is a gap with nothing behind":   {pipeline.Checkpoint{0: 9}, nil, []pipeline.Range{{Start: 9, End: 12}}, 0},
		"a hole below the checkpoint is nobody's business": {pipeline.Checkpoint{0: 12}, nil, nil, 0},
	} {
		t.Run(name, func(t *testing.T) {
			b, gaps, lag, err := pipeline.Next("p", "t", tc.cp, holes, 0)
			require.NoError(t, err)
			require.Equal(t, pipeline.NewBatch("p", "t", tc.want), b)
			require.Equal(t, tc.gaps, gaps)
			require.Equal(t, tc.lag, lag)
		})
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			b, gaps, lag, err := pipeline.Next("p", "t", tc.cp, tc.log, tc.limit)
			require.NoError(t, err)
			require.Equal(t, pipeline.NewBatch("p", "t", tc.want), b)
			require.Equal(t, tc.gaps, gaps)
			require.Equal(t, tc.lag, lag)
		})
	}
	for name, cp := range map[string]pipeline.Checkpoint{
		"a checkpoint beyond the log's end": {0: 10}, "a checkpoint of a partition that the topic lacks": {7: 1},
	} {
		_, _, _, err := pipeline.Next("p", "t", cp, log([2]int64{0, 9}), 0)
		require.Equal(t, pipeline.Misconfigured, pipeline.KindOf(err), name)
		require.ErrorContains(t, err, "KAFKA_TOPIC")
	}
}

// Batches that follow each other's checkpoints read every offset once.
func TestBatchesInARowCoverEveryOffsetOnce(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for range 100 {
		log := make([]pipeline.Range, 1+r.IntN(4))
		for p := range log {
			log[p] = pipeline.Range{Partition: int32(p), Start: r.Int64N(20)}
			log[p].End = log[p].Start
		}
		first := append([]pipeline.Range(nil), log...)
		var cp pipeline.Checkpoint
		seen := map[string]int{}
		for {
			grown := false
			for p := range log {
				if log[p].End < 60 && r.IntN(2) == 0 {
					log[p].End, grown = log[p].End+r.Int64N(20), true
				}
			}
			b, gaps, _, err := pipeline.Next("p", "t", cp, log, 1+r.Int64N(30))
			require.NoError(t, err)
			require.Empty(t, gaps)
			for _, g := range b.Ranges {
				for off := g.Start; off < g.End; off++ {
					seen[fmt.Sprint(g.Partition, ":", off)]++
				}
			}
			cp = cp.After(b)
			if b.Empty() && !grown {
				break
			}
		}
		var want int64
		for p := range log {
			want += log[p].End - first[p].Start
		}
		require.Equal(t, want, int64(len(seen)))
		for place, n := range seen {
			require.Equal(t, 1, n, place)
		}
	}
}

func TestKinds(t *testing.T) {
	cause := errors.New("connection refused")
	err := fmt.Errorf("plan: %w", pipeline.Misconfiguredf("KAFKA_BROKER", "dial: %w", cause))
	require.Equal(t, pipeline.Misconfigured, pipeline.KindOf(err))
	require.ErrorIs(t, err, cause)
	require.ErrorContains(t, err, "KAFKA_BROKER")
	require.Equal(t, pipeline.Transient, pipeline.KindOf(cause), "a retry is the one healing that can't harm")
}
