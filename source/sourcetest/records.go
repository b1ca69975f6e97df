package sourcetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"time"

	"github.com/autonomous-data-pipeline/adp/pipeline"
	"github.com/autonomous-data-pipeline/adp/source"
)

// prompt is how long a read may take to notice that it should end.
const prompt = 10 * time.Second

var recordTests = map[string]func(*suite){
	"tombstones and empty values differ":               tombstones,
	"any bytes come through unchanged":                 anyBytes,
	"times come through, also old, equal and unsorted": times,
	"a record of nearly a megabyte comes through":      largeRecord,
}

func tombstones(s *suite) {
	in := []Event{
		{Key: []byte("a"), Value: nil, TimestampMs: 1},
		{Key: []byte("b"), Value: []byte{}, TimestampMs: 2},
		{Key: nil, Value: []byte("c"), TimestampMs: 3},
		{Key: []byte{}, Value: []byte("d"), TimestampMs: 4},
		{Key: nil, Value: nil, TimestampMs: 5},
	}
	in = s.fitting(in)
	s.want(s.mustRead(s.topic(in), pipeline.Range{End: int64(len(in))}), 0, in)
}

func anyBytes(s *suite) {
	every := make([]byte, 256)
	for i := range every {
		every[i] = byte(i)
	}
	in := []Event{{Key: every, Value: every, TimestampMs: 1}, {Key: []byte("\xff\xfe"), Value: []byte("\x00"), TimestampMs: 1}}
	for _, text := range []string{`{"v":"\u0041"}`, "\xff\xfe", `a,"b"`, " x ", "\t", "null", "ünï\u2028code"} {
		in = append(in, Event{Value: []byte(text), TimestampMs: 1})
	}
	in = s.fitting(in)
	s.want(s.mustRead(s.topic(in), pipeline.Range{End: int64(len(in))}), 0, in)
}

func times(s *suite) {
	in := events(4)
	for i, ms := range []int64{1_750_000_000_500, 0, 1_750_000_000_500, 1_100_000_000_001} {
		in[i].TimestampMs = ms
	}
	s.want(s.mustRead(s.topic(in), pipeline.Range{End: 4}), 0, in)
}

func largeRecord(s *suite) {
	in := events(3)
	in[1].Value = bytes.Repeat([]byte("0123456789abcdef"), 60_000)
	topic := s.NewTopic(s.T, 1)
	for i := range in { // a batch each
		s.Append(s.T, topic, 0, in[i:i+1])
	}
	s.want(s.mustRead(topic, pipeline.Range{End: 3}), 0, in)
}

var faultTests = map[string]func(*suite){
	"an error of the callback ends the read, and comes out":  callbackError,
	"a read that waits ends when its context does":           cancelWaiting,
	"a read in the middle of data ends when told to":         cancelWorking,
	"a read beyond the log's end isn't cut short in silence": beyondEnd,
	"offsets that retention took are bad data":               belowStart,
	"an unknown topic is a misconfiguration":                 unknownTopic,
	"an unknown partition is a misconfiguration":             unknownPartition,
}

func callbackError(s *suite) {
	topic := s.topic(events(100))
	mine := errors.New("enough")
	calls := 0
	err := s.Source.Read(s.Context(), topic, pipeline.Range{End: 100}, func([]source.Record) error {
		calls++
		return fmt.Errorf("stop: %w", mine)
	})
	if !errors.Is(err, mine) || calls != 1 {
		s.Fatalf("error %v after %d calls, want the callback's after 1", err, calls)
	}
}

// ends runs a read whose context is cancelled in its first callback, or when
// start returns; it must end in time with the context's error.
func (s *suite) ends(ctx context.Context, topic string, r pipeline.Range, fn func([]source.Record) error) {
	s.Helper()
	done := make(chan error, 1)
	go func() { done <- s.Source.Read(ctx, topic, r, fn) }()
	select {
	case err := <-done:
		if !errors.Is(err, context.Canceled) {
			s.Fatalf("error %v, want the context's", err)
		}
	case <-time.After(prompt):
		s.Fatalf("the read goes on %s after its context ended", prompt)
	}
}

func cancelWaiting(s *suite) {
	if s.NoWaiting {
		s.Skip("this source doesn't wait")
	}
	topic := s.topic(events(10))
	ctx, cancel := context.WithCancel(s.Context())
	s.ends(ctx, topic, pipeline.Range{End: 20}, func([]source.Record) error {
		cancel() // ten more will never come
		return nil
	})
}

func cancelWorking(s *suite) {
	topic := s.NewTopic(s.T, 1)
	for range 20 {
		in := events(3)
		for i := range in { // more than any driver reads ahead, compressed or not
			in[i].Value = noise(300_000, i)
		}
		s.Append(s.T, topic, 0, in)
	}
	ctx, cancel := context.WithCancel(s.Context())
	s.ends(ctx, topic, pipeline.Range{End: 60}, func([]source.Record) error {
		cancel()
		return nil
	})
}

// noise are letters that hardly compress, the same each time.
func noise(n, seed int) []byte {
	out := make([]byte, n)
	x := uint64(seed)*0x9E3779B97F4A7C15 + 1
	for i := range out {
		x ^= x << 13
		x ^= x >> 7
		x ^= x << 17
		out[i] = 'A' + byte(x>>32)&31 // any source can hold them
	}
	return out
}

func beyondEnd(s *suite) {
	if !s.NoWaiting || s.Holes {
		s.Skip("this source waits, or can't tell")
	}
	topic := s.topic(events(10))
	_, err := s.read(s.Context(), topic, pipeline.Range{Start: 5, End: 20})
	s.wantKind(err, pipeline.Transient)
	_, err = s.read(s.Context(), s.NewTopic(s.T, 1), pipeline.Range{End: 1})
	s.wantKind(err, pipeline.Transient)
}

func belowStart(s *suite) {
	in := events(30)
	topic := s.topic(in)
	s.DeleteBefore(s.T, topic, 0, 12)
	for _, r := range []pipeline.Range{{Start: 0, End: 30}, {Start: 11, End: 30}, {Start: 0, End: 5}} {
		got, err := s.read(s.Context(), topic, r)
		s.wantKind(err, pipeline.BadData)
		if len(got) > 0 {
			s.Errorf("%v gave %d records before it failed", r, len(got))
		}
	}
	s.want(s.mustRead(topic, pipeline.Range{Start: 12, End: 30}), 12, in[12:])
}

func unknownTopic(s *suite) {
	_, err := s.Source.Bounds(s.Context(), "no-such-topic")
	s.wantKind(err, pipeline.Misconfigured)
	_, err = s.read(s.Context(), "no-such-topic", pipeline.Range{End: 1})
	s.wantKind(err, pipeline.Misconfigured)
}

func unknownPartition(s *suite) {
	topic := s.topic(events(1))
	_, err := s.read(s.Context(), topic, pipeline.Range{Partition: 7, End: 1})
	s.wantKind(err, pipeline.Misconfigured)
}

var groupTests = map[string]func(*suite){
	"what is published can be seen, and replaced": publish,
	"publishing nothing does nothing":             publishNothing,
}

func publish(s *suite) {
	if s.Committed == nil {
		s.Skip("this source has no groups")
	}
	topic := s.NewTopic(s.T, 2)
	for _, cp := range []pipeline.Checkpoint{{0: 5}, {0: 9, 1: 3}, {0: 2, 1: 4}} {
		if err := s.Source.Publish(s.Context(), "group-"+topic, topic, cp); err != nil {
			s.Fatal(err)
		}
		if got := s.Committed(s.T, "group-"+topic, topic); !maps.Equal(got, cp) {
			s.Fatalf("the group's offsets are %v, want %v", got, cp)
		}
	}
}

func publishNothing(s *suite) {
	if err := s.Source.Publish(s.Context(), "group-of-nothing", "no-such-topic", nil); err != nil {
		s.Fatal(err)
	}
}
