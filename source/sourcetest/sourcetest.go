// Package sourcetest is the conformance suite of sources: what the pipeline
// relies on, whatever is behind. Who writes a driver passes it by giving a
// Harness that writes to the source with other code than the driver's; what a
// source can't have by its nature (transactions, keys, consumer groups) the
// harness leaves out or says, and the tests of it are skipped.
package sourcetest

import (
	"bytes"
	"context"
	"slices"
	"testing"

	"github.com/autonomous-data-pipeline/adp/pipeline"
	"github.com/autonomous-data-pipeline/adp/source"
)

// Event is what a test writes. A nil Value is a tombstone.
type Event struct {
	Key, Value  []byte
	TimestampMs int64
}

// Harness writes to what the source under test reads. Its functions fail the
// test themselves.
type Harness struct {
	Source source.Source
	// NewTopic makes an empty topic and returns its name.
	NewTopic func(t *testing.T, partitions int32) string
	// Append writes to the end of a partition, and returns once it can be read.
	// The first event of a topic has the offset 0, each next one the next.
	Append func(t *testing.T, topic string, partition int32, events []Event)
	// DeleteBefore does what retention does: the log starts at offset now.
	DeleteBefore func(t *testing.T, topic string, partition int32, offset int64)

	// OnePartition says that topics have the partition 0 alone.
	OnePartition bool
	// NoWaiting says that a read beyond the log's end doesn't wait for what may
	// come. It must then be a Transient fault, unless Holes is set.
	NoWaiting bool
	// Holes says that any offset may have no record, so that the source can't
	// tell one that is to come from one that never does.
	Holes bool
	// Shape is the record that an event comes back as. A source that has no keys
	// gives an event without one, and one that makes JSON of its rows the JSON.
	// False says that the source can't hold the event at all. Nil is for a source
	// that changes nothing.
	Shape func(Event) (Event, bool)
	// Abort writes to the end of a partition in a transaction that is aborted.
	// Nil if there are no transactions.
	Abort func(t *testing.T, topic string, partition int32, events []Event)
	// DeleteMiddle removes the records from offset on, up to end, and nothing else.
	// Nil if that can't happen, or leaves no trace.
	DeleteMiddle func(t *testing.T, topic string, offset, end int64)
	// Committed is what lag tools see of a consumer group. Nil if there are none.
	Committed func(t *testing.T, group, topic string) pipeline.Checkpoint
}

// Run runs every test of the suite.
func Run(t *testing.T, h Harness) {
	for _, group := range []map[string]func(*suite){rangeTests, logTests, recordTests, faultTests, groupTests} {
		for name, test := range group {
			t.Run(name, func(t *testing.T) { test(&suite{T: t, Harness: h}) })
		}
	}
}

type suite struct {
	*testing.T
	Harness
}

// events are n events that differ in key, value and time.
func events(n int) []Event {
	out := make([]Event, n)
	for i := range out {
		out[i] = Event{
			Key:         []byte{'k', byte(i), byte(i >> 8)},
			Value:       bytes.Repeat([]byte{'a' + byte(i%26)}, i%50+1),
			TimestampMs: 1_750_000_000_000 + int64(i)*7,
		}
	}
	return out
}

// topic makes a topic of one partition that holds the events.
func (s *suite) topic(in []Event) string {
	s.Helper()
	name := s.NewTopic(s.T, 1)
	s.Append(s.T, name, 0, in)
	return name
}

// read collects copies, and checks what every read promises: the partition's
// own records, inside the range, in order, none twice.
func (s *suite) read(ctx context.Context, topic string, r pipeline.Range) ([]source.Record, error) {
	s.Helper()
	var out []source.Record
	next := r.Start
	err := s.Source.Read(ctx, topic, r, func(records []source.Record) error {
		for _, rec := range records {
			if !r.Contains(rec.Partition, rec.Offset) || rec.Offset < next {
				s.Errorf("read %v gave partition %d offset %d, after offset %d", r, rec.Partition, rec.Offset, next-1)
			}
			next = rec.Offset + 1
			rec.Key, rec.Value = bytes.Clone(rec.Key), bytes.Clone(rec.Value)
			out = append(out, rec)
		}
		return nil
	})
	return out, err
}

func (s *suite) mustRead(topic string, r pipeline.Range) []source.Record {
	s.Helper()
	out, err := s.read(s.Context(), topic, r)
	if err != nil {
		s.Fatalf("read %v: %v", r, err)
	}
	return out
}

// shaped is how an event comes back.
func (s *suite) shaped(e Event) Event {
	if s.Shape == nil {
		return e
	}
	e, _ = s.Shape(e)
	return e
}

// fitting are the events that the source can hold.
func (s *suite) fitting(in []Event) []Event {
	if s.Shape == nil {
		return in
	}
	var out []Event
	for _, e := range in {
		if _, ok := s.Shape(e); ok {
			out = append(out, e)
		}
	}
	if len(out) == 0 {
		s.Skip("this source can't hold such events")
	}
	return out
}

// want compares records with events that were written from offset first on,
// without holes.
func (s *suite) want(got []source.Record, first int64, want []Event) {
	s.Helper()
	if len(got) != len(want) {
		s.Fatalf("%d records, want %d", len(got), len(want))
	}
	for i, g := range got {
		w := s.shaped(want[i])
		if g.Offset != first+int64(i) || g.TimestampMs != w.TimestampMs || !same(g.Key, w.Key) || !same(g.Value, w.Value) {
			s.Fatalf("record %d is %+v, want offset %d with %+v", i, g, first+int64(i), w)
		}
	}
}

// same tells nil from empty.
func same(a, b []byte) bool { return (a == nil) == (b == nil) && bytes.Equal(a, b) }

func (s *suite) bounds(topic string) map[int32]source.Bounds {
	s.Helper()
	b, err := s.Source.Bounds(s.Context(), topic)
	if err != nil {
		s.Fatal(err)
	}
	return b
}

func (s *suite) wantKind(err error, kind pipeline.Kind) {
	s.Helper()
	if err == nil || pipeline.KindOf(err) != kind {
		s.Fatalf("error %v of kind %s, want kind %s", err, pipeline.KindOf(err), kind)
	}
}

func offsets(records []source.Record) []int64 {
	out := make([]int64, 0, len(records))
	for _, r := range records {
		out = append(out, r.Offset)
	}
	return slices.Clip(out)
}
