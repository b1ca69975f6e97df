package batch

import (
	"encoding/json"
	"path/filepath"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/autonomous-data-pipeline/adp/pipeline"
	"github.com/autonomous-data-pipeline/adp/source"
)

// malformedCode is the reason code of a record that can't be decoded.
const malformedCode = "malformed"

var rejectKinds = []pipeline.FileKind{pipeline.MalformedFile, pipeline.SuspectFile}

// The columns of a reject file, by position.
const (
	rejPartition = iota
	rejOffset
	rejTimestamp
	rejKey
	rejRaw
	rejKind
	rejReasons
	rejSegments
)

var rejectSpecs = []spec{
	rejPartition: {pipeline.ColPartition, physInt32, arrow.PrimitiveTypes.Int32},
	rejOffset:    {pipeline.ColOffset, physInt64, arrow.PrimitiveTypes.Int64},
	rejTimestamp: {pipeline.ColTimestamp, physInt64, millisUTC},
	rejKey:       {pipeline.ColKey, physBytes, arrow.BinaryTypes.Binary},
	rejRaw:       {pipeline.ColRaw, physBytes, arrow.BinaryTypes.Binary},
	rejKind:      {pipeline.ColKind, physBytes, arrow.BinaryTypes.String},
	rejReasons:   {pipeline.ColReasons, physBytes, arrow.BinaryTypes.String},
	rejSegments:  {pipeline.ColSegs, physBytes, arrow.BinaryTypes.String},
}

var rejectLayout = newLayout(rejectSpecs,
	func(name string) bool { return name == pipeline.ColPartition || name == pipeline.ColOffset },
	func(name string) bool { return name == pipeline.ColKey || name == pipeline.ColRaw },
)

// reject is one record on its way out. The slices are copied when it is added;
// nil ones become nulls, so that a tombstone comes back as one.
type reject struct {
	kind        pipeline.FileKind
	partition   int32
	offset      int64
	timestampMs int64
	key, raw    []byte
	reasons     []byte // JSON array of pipeline.Reason
	segments    []byte // JSON object; nil if unknown
}

// The bounds of what is gathered before it is written: a page of the file must
// not outgrow what readers accept.
const (
	rejectRows  = 1024
	rejectBytes = 8 << 20
)

// rejectFile gathers rejects of one kind.
type rejectFile struct {
	cols []column
	rows []int32
	file *parquetFile // nil until the first write
}

// reject appends a record, in (partition, offset) order within its kind.
func (s *stage) reject(r reject) error {
	f := s.rejects[r.kind]
	if f == nil {
		p, err := s.disk.newParquetFile(filepath.Join(s.dir, string(r.kind)+".parquet"), r.kind, "", rejectLayout, newColumns(rejectSpecs), nil)
		if err != nil {
			return err
		}
		f = &rejectFile{cols: newColumns(rejectSpecs), file: p}
		s.rejects[r.kind] = f
	}
	f.add(r)
	if len(f.rows) < rejectRows && len(f.cols[rejRaw].text) < rejectBytes {
		return nil
	}
	return f.write(s)
}

func (f *rejectFile) add(r reject) {
	f.rows = append(f.rows, int32(len(f.rows)))
	f.cols[rejPartition].addInt32(r.partition)
	f.cols[rejOffset].addInt64(r.offset)
	f.cols[rejTimestamp].addInt64(r.timestampMs)
	f.cols[rejKind].addBytes([]byte(r.kind))
	f.cols[rejReasons].addBytes(r.reasons)
	f.cols[rejKey].addMaybe(r.key)
	f.cols[rejRaw].addMaybe(r.raw)
	f.cols[rejSegments].addMaybe(r.segments)
}

func (c *column) addMaybe(b []byte) {
	if b == nil {
		c.addNull()
	} else {
		c.addBytes(b)
	}
}

func (f *rejectFile) write(s *stage) error {
	if len(f.rows) == 0 {
		return nil
	}
	if err := f.file.write(f.cols, f.rows); err != nil {
		return err
	}
	for i := range f.cols {
		f.cols[i].truncate(0)
	}
	f.rows = f.rows[:0]
	return s.relieve()
}

// newSuspect makes a reject of a record that could be decoded. It aliases the
// record.
func newSuspect(r source.Record, reasons []pipeline.Reason, segments map[string]string) (reject, error) {
	encoded, err := reasonsJSON(reasons)
	if err != nil {
		return reject{}, err
	}
	segs, err := json.Marshal(segments)
	if err != nil {
		return reject{}, pipeline.Faultf(pipeline.Bug, "encode the segments of a reject: %w", err)
	}
	return reject{
		kind: pipeline.SuspectFile, partition: r.Partition, offset: r.Offset, timestampMs: r.TimestampMs,
		key: r.Key, raw: r.Value, reasons: encoded, segments: segs,
	}, nil
}

// reasonsJSON encodes reasons, which are plain text.
func reasonsJSON(reasons []pipeline.Reason) ([]byte, error) {
	b, err := json.Marshal(reasons)
	if err != nil {
		return nil, pipeline.Faultf(pipeline.Bug, "encode the reasons of a reject: %w", err)
	}
	return b, nil
}
