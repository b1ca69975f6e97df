package batchtest

import (
	"context"
	"maps"
	"slices"
	"sync"

	"github.com/autonomous-data-pipeline/adp/pipeline"
	"github.com/autonomous-data-pipeline/adp/source"
)

// Topic is a topic in memory, by partition in offset order. As a reader it
// hands out slices of changing size, and overwrites their bytes as soon as the
// callback returns: who keeps a slice is found out.
type Topic map[int32][]source.Record

// Add appends a record with the next offset of its partition.
func (t Topic) Add(partition int32, timestampMs int64, value []byte) {
	next := int64(0)
	if n := len(t[partition]); n > 0 {
		next = t[partition][n-1].Offset + 1
	}
	t[partition] = append(t[partition], source.Record{Partition: partition, Offset: next, TimestampMs: timestampMs, Value: value})
}

// Records lists all records in (partition, offset) order.
func (t Topic) Records() []source.Record {
	var out []source.Record
	for _, p := range slices.Sorted(maps.Keys(t)) {
		out = append(out, t[p]...)
	}
	return out
}

// Batch is the batch of everything in the topic.
func (t Topic) Batch() pipeline.Batch {
	var ranges []pipeline.Range
	for p, records := range t {
		if n := len(records); n > 0 {
			ranges = append(ranges, pipeline.Range{Partition: p, Start: records[0].Offset, End: records[n-1].Offset + 1})
		}
	}
	return pipeline.NewBatch("customers", "customers", ranges)
}

// Read implements source.Reader.
func (t Topic) Read(ctx context.Context, _ string, r pipeline.Range, fn func([]source.Record) error) error {
	records := slices.DeleteFunc(slices.Clone(t[r.Partition]), func(rec source.Record) bool { return !r.Contains(rec.Partition, rec.Offset) })
	for size := 1; len(records) > 0; size = size*3%1000 + 1 {
		n := min(size, len(records))
		lent := make([]source.Record, n)
		for i, rec := range records[:n] {
			rec.Key, rec.Value = slices.Clone(rec.Key), slices.Clone(rec.Value)
			lent[i] = rec
		}
		err := fn(lent)
		for _, rec := range lent {
			scribble(rec.Key)
			scribble(rec.Value)
		}
		if err != nil {
			return err
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		records = records[n:]
	}
	return nil
}

func scribble(b []byte) {
	for i := range b {
		b[i] = '#'
	}
}

// Broken is a reader that fails with Err once it has given After records.
type Broken struct {
	source.Reader
	After int
	Err   error

	mu    sync.Mutex
	given int
}

// Read implements source.Reader.
func (b *Broken) Read(ctx context.Context, topic string, r pipeline.Range, fn func([]source.Record) error) error {
	return b.Reader.Read(ctx, topic, r, func(records []source.Record) error {
		b.mu.Lock()
		b.given += len(records)
		stop := b.given > b.After
		b.mu.Unlock()
		if stop {
			return b.Err
		}
		return fn(records)
	})
}
