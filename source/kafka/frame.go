package kafka

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
)

// The layout of a record batch, format 2, the only one since Kafka 0.11. All
// numbers are big-endian.
const (
	atLength     = 8  // int32: bytes after this field
	atMagic      = 16 // int8: the format
	atCRC        = 17 // uint32: Castagnoli, of everything after this field
	atAttributes = 21 // int16
	atLastDelta  = 23 // int32: last offset - base offset
	atBaseTime   = 27 // int64: milliseconds
	atMaxTime    = 35 // int64: milliseconds
	atProducer   = 43 // int64
	atCount      = 57 // int32: records
	atRecords    = 61
)

// The bits of a batch's attributes.
const (
	codecBits      = 0x07
	logAppendTime  = 0x08 // the broker's clock counts, not the producer's
	transactional  = 0x10
	control        = 0x20 // a transaction's marker, not data
	formatOfFrames = 2
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// errOldFormat says that a batch was written for Kafka before 0.11.
var errOldFormat = errors.New("message format 0 or 1 (before Kafka 0.11) is not supported; let a current broker rewrite the topic, or copy it to a new one")

// errChecksum says that a batch was damaged on the broker's disk or on the way.
var errChecksum = errors.New("the batch's checksum is wrong")

// frame is one record batch as the broker has it: a view into an answer.
type frame []byte

// cut takes the first batch off. It returns a nil frame at the end, also where
// the broker cut the last batch off.
func cut(b []byte) (f frame, rest []byte, err error) {
	if len(b) <= atMagic {
		return nil, nil, nil
	}
	if b[atMagic] != formatOfFrames {
		if b[atMagic] < formatOfFrames {
			return nil, nil, errOldFormat
		}
		return nil, nil, fmt.Errorf("message format %d is unknown", b[atMagic])
	}
	n := int64(int32(binary.BigEndian.Uint32(b[atLength:]))) + atLength + 4
	if n < atRecords {
		return nil, nil, fmt.Errorf("a batch of %d bytes is shorter than its header", n)
	}
	if n > int64(len(b)) {
		return nil, nil, nil
	}
	f = frame(b[:n])
	if f.first() < 0 || f.last() < f.first() {
		return nil, nil, fmt.Errorf("a batch covers offsets %d to %d", f.first(), f.last())
	}
	return f, b[n:], nil
}

func (f frame) i64(at int) int64 { return int64(binary.BigEndian.Uint64(f[at:])) }
func (f frame) i32(at int) int32 { return int32(binary.BigEndian.Uint32(f[at:])) }

// first is the offset of the first record that the batch ever had; compaction
// may have removed it.
func (f frame) first() int64 { return f.i64(0) }

// last is the offset of the last record that the batch ever had.
func (f frame) last() int64      { return f.first() + int64(f.i32(atLastDelta)) }
func (f frame) has(bit int) bool { return int(binary.BigEndian.Uint16(f[atAttributes:]))&bit != 0 }
func (f frame) codec() int       { return int(binary.BigEndian.Uint16(f[atAttributes:])) & codecBits }
func (f frame) producer() int64  { return f.i64(atProducer) }

// check compares the batch with its checksum.
func (f frame) check() error {
	if want, got := binary.BigEndian.Uint32(f[atCRC:]), crc32.Checksum(f[atAttributes:], castagnoli); want != got {
		return fmt.Errorf("%w: it says %08x, its bytes give %08x", errChecksum, want, got)
	}
	return nil
}
