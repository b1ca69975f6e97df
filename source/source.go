// Package source says where events come from: a topic of Kafka's, a folder of
// files, a table. A driver (source/kafka, source/files, source/postgres) reads
// exact offset ranges; nothing here decodes a value. docs/sources.md says how to
// write another one, and sourcetest whether it is right.
package source

import (
	"context"
	"maps"
	"slices"

	"github.com/autonomous-data-pipeline/adp/pipeline"
)

// Record is one event as the source has it. Its byte slices are valid only
// until the callback that received it returns.
type Record struct {
	Partition   int32
	Offset      int64
	TimestampMs int64 // the source's record time, milliseconds since the epoch
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
	// won, and the caller must plan again. An error of fn ends the read. A range
	// that goes beyond the log's end is never cut short in silence: a driver waits
	// for the rest as long as it sees fit, then it is a Transient fault.
	Read(ctx context.Context, topic string, r pipeline.Range, fn func([]Record) error) error
}

// Lister is a Source that lists its log itself, because bounds can't say it all:
// files go from the log's middle, and what a table's owner deletes at its end
// is told from a table made anew only by one who knows the checkpoint.
type Lister interface {
	// List gives the readable offsets, ordered by partition and start. What lies
	// between two ranges of a partition is gone; an empty range says where the
	// log ends. cp is the sink's checkpoint, or nil.
	List(ctx context.Context, topic string, cp pipeline.Checkpoint) ([]pipeline.Range, error)
}

// Log lists the readable offsets of every partition, ordered by partition: what
// recounts are made on.
func Log(ctx context.Context, s Source, topic string) ([]pipeline.Range, error) {
	return LogFrom(ctx, s, topic, nil)
}

// LogFrom is the log as a plan needs it, which goes on at a checkpoint.
func LogFrom(ctx context.Context, s Source, topic string, cp pipeline.Checkpoint) ([]pipeline.Range, error) {
	if l, ok := s.(Lister); ok {
		return l.List(ctx, topic, cp)
	}
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

// Source is a topic seen by the pipeline.
type Source interface {
	Reader
	// Bounds lists every partition of the topic. An unknown topic is a
	// Misconfigured fault, an unreachable server a Transient one.
	Bounds(ctx context.Context, topic string) (map[int32]Bounds, error)
	// Publish commits the checkpoint to a consumer group, for lag tools to
	// see. The sink's checkpoint stays the truth. A source without groups does
	// nothing.
	Publish(ctx context.Context, group, topic string, cp pipeline.Checkpoint) error
	Close() error
}
