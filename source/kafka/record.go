package kafka

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/autonomous-data-pipeline/adp/source"
)

// decoder takes batches apart. It reuses its buffers: what decode returned is
// gone with the next call.
type decoder struct {
	partition int32
	codec     kgo.Decompressor
	buffer    *buffer
	records   []source.Record
}

func newDecoder(partition int32) *decoder {
	b := &buffer{}
	return &decoder{partition: partition, codec: kgo.DefaultDecompressor(b), buffer: b}
}

// buffer lets the decompressor write into the same memory again.
type buffer struct{ b []byte }

// GetDecompressBytes implements kgo.PoolDecompressBytes.
func (b *buffer) GetDecompressBytes([]byte, kgo.CompressionCodecType) []byte { return b.b[:0] }

// PutDecompressBytes implements kgo.PoolDecompressBytes.
func (b *buffer) PutDecompressBytes([]byte) {}

// decode gives a batch's records with from <= offset < end, in offset order.
// It accepts nothing by halves: a batch that isn't exactly what its header
// says is an error, so that no record is lost unseen.
func (d *decoder) decode(f frame, from, end int64) ([]source.Record, error) {
	if err := f.check(); err != nil {
		return nil, err
	}
	raw, err := d.inflate(f)
	if err != nil {
		return nil, err
	}
	count := f.i32(atCount)
	if count < 0 || int64(count) > int64(len(raw)) {
		return nil, fmt.Errorf("the batch claims %d records in %d bytes", count, len(raw))
	}
	d.records = d.records[:0]
	next := f.first()
	for i := range count {
		var r source.Record
		if r, raw, err = d.record(f, raw, next); err != nil {
			return nil, fmt.Errorf("record %d of %d: %w", i+1, count, err)
		}
		next = r.Offset + 1
		if r.Offset >= from && r.Offset < end {
			d.records = append(d.records, r)
		}
	}
	if len(raw) > 0 {
		return nil, fmt.Errorf("%d bytes follow the batch's last record", len(raw))
	}
	return d.records, nil
}

// inflate returns the batch's record bytes, uncompressed.
func (d *decoder) inflate(f frame) ([]byte, error) {
	raw, err := d.codec.Decompress(f[atRecords:], kgo.CompressionCodecType(f.codec()))
	if err != nil {
		return nil, fmt.Errorf("decompress the batch (codec %d): %w", f.codec(), err)
	}
	if f.codec() != 0 && cap(raw) > cap(d.buffer.b) {
		d.buffer.b = raw
	}
	return raw, nil
}

// record takes one record off. Its offset is at least next: offsets grow.
func (d *decoder) record(f frame, raw []byte, next int64) (r source.Record, rest []byte, err error) {
	c := cursor{b: raw}
	c.b, rest = c.body()
	c.bytes(1) // attributes: unused
	timeDelta, offsetDelta := c.varint(), c.varint()
	r = source.Record{Partition: d.partition, Offset: f.first() + offsetDelta, TimestampMs: f.i64(atBaseTime) + timeDelta}
	r.Key, r.Value = c.nullable(), c.nullable()
	for range c.varint() { // headers
		c.nullable()
		c.nullable()
		if c.err != nil {
			break
		}
	}
	switch {
	case c.err != nil:
		return r, nil, c.err
	case len(c.b) > 0:
		return r, nil, fmt.Errorf("%d bytes are left over", len(c.b))
	case offsetDelta < 0 || r.Offset < next || r.Offset > f.last():
		return r, nil, fmt.Errorf("its offset %d lies outside of [%d, %d]", r.Offset, next, f.last())
	}
	if f.has(logAppendTime) {
		r.TimestampMs = f.i64(atMaxTime)
	}
	return r, rest, nil
}

// aborts reports whether the batch is the marker of an aborted transaction.
func (d *decoder) aborts(f frame) (bool, error) {
	markers, err := d.decode(f, f.first(), f.last()+1)
	if err != nil {
		return false, err
	}
	// A marker's key is its version and its type, 16 bits each; type 0 aborts.
	return len(markers) > 0 && len(markers[0].Key) >= 4 && binary.BigEndian.Uint16(markers[0].Key[2:]) == 0, nil
}

var errShort = errors.New("it ends in the middle of a field")

// cursor reads fields; after the first error it reads nothing more.
type cursor struct {
	b   []byte
	err error
}

func (c *cursor) varint() int64 {
	if c.err != nil {
		return 0
	}
	v, n := binary.Varint(c.b)
	if n <= 0 {
		c.err = errShort
		return 0
	}
	c.b = c.b[n:]
	return v
}

func (c *cursor) bytes(n int64) []byte {
	if c.err == nil && (n < 0 || n > int64(len(c.b))) {
		c.err = errShort
	}
	if c.err != nil {
		return nil
	}
	v := c.b[:n:n]
	c.b = c.b[n:]
	return v
}

// body splits a record from what follows it.
func (c *cursor) body() (record, rest []byte) {
	record = c.bytes(c.varint())
	return record, c.b
}

// nullable reads a field of which a negative length means that there is none.
func (c *cursor) nullable() []byte {
	n := c.varint()
	if n < 0 {
		return nil
	}
	return c.bytes(n)
}
