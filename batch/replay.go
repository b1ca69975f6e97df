package batch

import (
	"cmp"
	"context"
	"slices"

	"github.com/autonomous-data-pipeline/adp/pipeline"
	"github.com/autonomous-data-pipeline/adp/source"
)

// replayBytes is how much of a quarantine is in memory at a time.
const replayBytes = 32 << 20

// RejectReader lets quarantined records be processed again: read streams them,
// in any order, and a range's records come out in offset order like a
// broker's. When a range holds more than fits in memory, read is called again
// for each part, so it must give the same records every time.
func RejectReader(read func(ctx context.Context, fn func(pipeline.Reject) error) error) source.Reader {
	return rejectReader{read: read, limit: replayBytes}
}

type rejectReader struct {
	read  func(ctx context.Context, fn func(pipeline.Reject) error) error
	limit int // bytes
}

// Read ignores the topic: the records were read from it once.
func (r rejectReader) Read(ctx context.Context, _ string, want pipeline.Range, fn func([]source.Record) error) error {
	for want.Len() > 0 {
		w := window{end: want.End, limit: r.limit}
		err := r.read(ctx, func(rej pipeline.Reject) error {
			if want.Contains(rej.Partition, rej.Offset) {
				w.add(rej)
			}
			return ctx.Err()
		})
		if err != nil {
			return err
		}
		w.sort()
		if len(w.records) > 0 {
			if err := fn(w.records); err != nil {
				return err
			}
		}
		want.Start = w.end
	}
	return nil
}

// window gathers the records of lowest offset, as many as fit.
type window struct {
	records []source.Record
	bytes   int
	limit   int
	end     int64 // records from here on are for the next window
}

func (w *window) add(r pipeline.Reject) {
	if r.Offset >= w.end {
		return
	}
	w.records = append(w.records, source.Record{
		Partition: r.Partition, Offset: r.Offset, TimestampMs: r.TimestampMs,
		Key: slices.Clone(r.Key), Value: slices.Clone(r.Raw),
	})
	w.bytes += recordBytes(w.records[len(w.records)-1])
	if w.bytes > 2*w.limit {
		w.cut()
	}
}

func recordBytes(r source.Record) int { return len(r.Key) + len(r.Value) + 64 }

func (w *window) sort() {
	slices.SortFunc(w.records, func(a, b source.Record) int { return cmp.Compare(a.Offset, b.Offset) })
}

// cut drops the records of highest offset until the rest fits; the first one
// always stays.
func (w *window) cut() {
	w.sort()
	w.bytes = 0
	for i, r := range w.records {
		w.bytes += recordBytes(r)
		if i > 0 && w.bytes > w.limit {
			w.bytes -= recordBytes(r)
			w.end = r.Offset
			clear(w.records[i:])
			w.records = w.records[:i]
			return
		}
	}
}
