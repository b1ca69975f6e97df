package source

import (
	"context"
)

// What a callback gets at once at most.
const (
	deliverRecords = 512
	deliverBytes   = 1 << 20
)

// Delivery gathers the records of a source that gives them one by one, so that
// the callback of a read gets many. Its memory is bounded by the longest value.
type Delivery struct {
	fn      func([]Record) error
	records []Record
	ends    []int // of each value in bytes
	bytes   []byte
}

// NewDelivery gathers for fn.
func NewDelivery(fn func([]Record) error) *Delivery {
	return &Delivery{fn: fn, bytes: []byte{}} // never nil: an empty value is no tombstone
}

// Add takes a record of partition 0, whose value it copies. It calls fn when
// enough has been gathered; its error ends the read.
func (d *Delivery) Add(ctx context.Context, offset, timestampMs int64, value []byte) error {
	d.records = append(d.records, Record{Offset: offset, TimestampMs: timestampMs})
	d.bytes = append(d.bytes, value...)
	d.ends = append(d.ends, len(d.bytes))
	if len(d.records) < deliverRecords && len(d.bytes) < deliverBytes {
		return nil
	}
	return d.Flush(ctx)
}

// Flush gives fn what has been gathered, unless the caller has given up.
func (d *Delivery) Flush(ctx context.Context) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if len(d.records) == 0 {
		return nil
	}
	start := 0
	for i, end := range d.ends {
		d.records[i].Value, start = d.bytes[start:end:end], end
	}
	err := d.fn(d.records)
	d.records, d.ends, d.bytes = d.records[:0], d.ends[:0], d.bytes[:0]
	return err
}
