// Package source says where events come from. A driver (source/kafka) reads
// exact offset ranges; nothing here decodes a value.
package source

import (
	"context"
	"maps"
	"slices"

	"github.com/autonomous-data-pipeline/adp/pipeline"
)

// Record is one event as the broker has it. Its byte slices are valid only
// until the callback that received it returns.
type Record struct {
	Partition   int32
	Offset      int64
	TimestampMs int64 // the broker's record time, milliseconds since the epoch
	Key         []byte
	Value       []byte // nil for a tombstone
}

// Bounds are a partition's readable offsets, half-open. With read_committed,
// End is the last stable offset, so an open transaction hides what follows.
type Bounds struct {
	Start int64 // the oldest offset that retention has left
	End   int64
}

// Reader reads ranges. Implementations are safe for concurrent use.
type Reader interface {
	// Read calls fn with every record of the range in offset order, in slices
	// of no fixed size, and returns once everything below r.End was delivered.
	// Holes (control records, aborted or compacted records) are skipped in
	// silence. Offsets below the log's start are a BadData fault: retention
	// won, and the caller must plan again. An error of fn ends the read.
	Read(ctx context.Context, topic string, r pipeline.Range, fn func([]Record) error) error
}

// Log lists the readable offsets of every partition, ordered by partition: what
// plans and recounts are made on.
func Log(ctx context.Context, s Source, topic string) ([]pipeline.Range, error) {
	bounds, err := s.Bounds(ctx, topic)
	if err != nil {
		return nil, err
	}
	log := make([]pipeline.Range, 0, len(bounds))
	for _, p := range slices.Sorted(maps.Keys(bounds)) {
		log = append(log, pipeline.Range{Partition: p, Start: bounds[p].Start, End: bounds[p].End})
	}
	return log, nil
}

// Offsets reads a range's offsets alone, one by one.
func Offsets(ctx context.Context, r Reader, topic string, g pipeline.Range, fn func(offset int64) error) error {
	return r.Read(ctx, topic, g, func(records []Record) error {
		for _, rec := range records {
			if err := fn(rec.Offset); err != nil {
				return err
			}
		}
		return nil
	})
}

// Source is a broker's topic seen by the pipeline.
type Source interface {
	Reader
	// Bounds lists every partition of the topic. An unknown topic is a
	// Misconfigured fault, an unreachable broker a Transient one.
	Bounds(ctx context.Context, topic string) (map[int32]Bounds, error)
	// Publish commits the checkpoint to a consumer group, for lag tools to
	// see. The sink's checkpoint stays the truth.
	Publish(ctx context.Context, group, topic string, cp pipeline.Checkpoint) error
	Close() error
}
