// Package pipeline holds the words that every other package shares: batches,
// checkpoints, staged files, run reports and fault kinds. It does no I/O and
// imports the standard library only.
package pipeline

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Range is the half-open interval [Start, End) of offsets in one partition.
type Range struct {
	Partition int32 `json:"partition"`
	Start     int64 `json:"start"`
	End       int64 `json:"end"`
}

// Len is the number of offsets in the range. It is an upper bound on the
// number of records: transactional and compacted topics have holes.
func (r Range) Len() int64 { return max(0, r.End-r.Start) }

// Contains reports whether the offset lies in the range.
func (r Range) Contains(partition int32, offset int64) bool {
	return r.Partition == partition && offset >= r.Start && offset < r.End
}

// Batch is an immutable set of offset ranges, ordered by partition.
type Batch struct {
	ID       string  `json:"id"`
	Pipeline string  `json:"pipeline"`
	Topic    string  `json:"topic"`
	Ranges   []Range `json:"ranges"`
}

// NewBatch drops empty ranges, orders the rest by partition and start, and
// derives the ID, so that the same ranges always give the same batch.
func NewBatch(pipeline, topic string, ranges []Range) Batch {
	kept := make([]Range, 0, len(ranges))
	for _, r := range ranges {
		if r.Len() > 0 {
			kept = append(kept, r)
		}
	}
	slices.SortFunc(kept, func(a, b Range) int {
		if a.Partition != b.Partition {
			return int(a.Partition) - int(b.Partition)
		}
		return int(min(1, max(-1, a.Start-b.Start)))
	})
	b := Batch{Pipeline: pipeline, Topic: topic, Ranges: kept}
	h := sha256.New()
	fmt.Fprintf(h, "%s\x00%s", pipeline, topic)
	for _, r := range kept {
		fmt.Fprintf(h, "\x00%d:%d:%d", r.Partition, r.Start, r.End)
	}
	b.ID = hex.EncodeToString(h.Sum(nil)[:8])
	return b
}

// Empty reports whether the batch has no offsets.
func (b Batch) Empty() bool { return len(b.Ranges) == 0 }

// Offsets is the number of offsets in all ranges.
func (b Batch) Offsets() int64 {
	var n int64
	for _, r := range b.Ranges {
		n += r.Len()
	}
	return n
}

// Shard is a slice of a batch: the unit that spreads over workers.
type Shard struct {
	Index  int     `json:"index"`
	Ranges []Range `json:"ranges"`
}

// Shards cuts the batch into pieces of at most maxOffsets offsets each, in
// (partition, offset) order. A shard never spans partitions, so that a slow
// partition delays only itself. maxOffsets below 1 means one shard a range.
func (b Batch) Shards(maxOffsets int64) []Shard {
	var out []Shard
	for _, r := range b.Ranges {
		step := maxOffsets
		if step < 1 {
			step = r.Len()
		}
		for s := r.Start; s < r.End; s += step {
			cut := Range{Partition: r.Partition, Start: s, End: min(s+step, r.End)}
			out = append(out, Shard{Index: len(out), Ranges: []Range{cut}})
		}
	}
	return out
}

// Checkpoint maps a partition to the next offset to read: every record below
// it is accounted for by the sink.
type Checkpoint map[int32]int64

// Equal treats a nil and an empty checkpoint alike.
func (c Checkpoint) Equal(o Checkpoint) bool { return maps.Equal(c, o) }

// After is the checkpoint once the batch has been accounted for.
func (c Checkpoint) After(b Batch) Checkpoint {
	next := maps.Clone(c)
	if next == nil {
		next = Checkpoint{}
	}
	for _, r := range b.Ranges {
		next[r.Partition] = max(next[r.Partition], r.End)
	}
	return next
}

// String renders "0:100 1:250", ordered by partition.
func (c Checkpoint) String() string {
	var parts []string
	for _, p := range slices.Sorted(maps.Keys(c)) {
		parts = append(parts, fmt.Sprintf("%d:%d", p, c[p]))
	}
	return strings.Join(parts, " ")
}
