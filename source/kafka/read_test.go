package kafka_test

import (
	"context"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/autonomous-data-pipeline/adp/internal/fakekafka"
	"github.com/autonomous-data-pipeline/adp/pipeline"
	"github.com/autonomous-data-pipeline/adp/source"
	"github.com/autonomous-data-pipeline/adp/source/kafka"
	"github.com/autonomous-data-pipeline/adp/source/sourcetest"
)

// once is a callback that does something the first time.
func once(do func()) func([]source.Record) error {
	var first sync.Once
	return func([]source.Record) error {
		first.Do(do)
		return nil
	}
}

func wantOffsets(t *testing.T, got []int64, err error, want []int64) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(got, want) {
		t.Fatalf("offsets %v, want %v", got, want)
	}
}

func TestCodecs(t *testing.T) {
	t.Parallel()
	c := &cluster{address: fakekafka.ForTest(t).Address()}
	codecs := map[string]kgo.CompressionCodec{
		"none": kgo.NoCompression(), "gzip": kgo.GzipCompression(), "snappy": kgo.SnappyCompression(), "lz4": kgo.Lz4Compression(), "zstd": kgo.ZstdCompression(),
	}
	all := c.newTopic(t, 1)
	for name, codec := range codecs {
		t.Run(name, func(t *testing.T) {
			topic := c.newTopic(t, 1)
			for range 4 { // batches of their own, so that buffers are used again
				c.write(t, topic, 0, events(250), kgo.ProducerBatchCompression(codec))
				c.write(t, all, 0, events(250), kgo.ProducerBatchCompression(codec))
			}
			wantValues(t, c.source(t), topic, 1000)
		})
	}
	t.Run("mixed", func(t *testing.T) { wantValues(t, c.source(t), all, 5000) })
}

// wantValues reads n records, of which each 250 are the same events.
func wantValues(t *testing.T, s *kafka.Source, topic string, n int64) {
	t.Helper()
	want := events(250)
	i := 0
	err := s.Read(t.Context(), topic, pipeline.Range{Start: 0, End: n}, func(records []source.Record) error {
		for _, r := range records {
			if w := want[i%250]; string(r.Value) != string(w.Value) || string(r.Key) != string(w.Key) || r.TimestampMs != w.TimestampMs {
				t.Fatalf("record %d is %+v, want %+v", i, r, w)
			}
			i++
		}
		return nil
	})
	if err != nil || int64(i) != n {
		t.Fatalf("%d records of %d, error %v", i, n, err)
	}
}

func TestIsolation(t *testing.T) {
	t.Parallel()
	c := &cluster{address: fakekafka.ForTest(t).Address()}
	topic := c.newTopic(t, 1)
	c.write(t, topic, 0, events(10))
	c.transact(t, topic, 0, events(10), kgo.TryAbort) // 10 to 19, marker 20
	c.transact(t, topic, 0, events(5), kgo.TryCommit) // 21 to 25, marker 26
	end := c.begin(t, topic, 0, events(10))           // 27 to 36, open
	defer end(kgo.TryAbort)

	committed := c.source(t, impatient)
	dirty := c.source(t, func(c *kafka.Config) { c.Isolation = kafka.ReadUncommitted })
	t.Run("committed reads end before an open transaction", func(t *testing.T) {
		b, err := committed.Bounds(t.Context(), topic)
		if err != nil || b[0].End != 27 {
			t.Fatalf("bounds %v, error %v, want the end 27", b, err)
		}
		got, err := read(t, committed, topic, pipeline.Range{End: 27})
		wantOffsets(t, got, err, append(span(0, 10), span(21, 26)...))
	})
	t.Run("uncommitted reads have aborted and open records, and no markers", func(t *testing.T) {
		b, err := dirty.Bounds(t.Context(), topic)
		if err != nil || b[0].End != 37 {
			t.Fatalf("bounds %v, error %v, want the end 37", b, err)
		}
		got, err := read(t, dirty, topic, pipeline.Range{End: 37})
		wantOffsets(t, got, err, slices.Concat(span(0, 20), span(21, 26), span(27, 37)))
	})
	t.Run("a range into the open transaction stalls, and says so", func(t *testing.T) {
		got, err := read(t, committed, topic, pipeline.Range{Start: 21, End: 30})
		wantFault(t, err, pipeline.Transient, "source.stall_timeout", "up to 27", "transaction")
		wantOffsets(t, got, nil, span(21, 26))
	})
}

// interleaved transactions: one commits, the other aborts, the marker of the
// aborted one lies behind an open transaction's records.
func TestAbortedRecordsBeforeAnOpenTransaction(t *testing.T) {
	t.Parallel()
	c := &cluster{address: fakekafka.ForTest(t).Address()}
	topic := c.newTopic(t, 1)
	abort := c.begin(t, topic, 0, events(10))  // 0 to 9
	commit := c.begin(t, topic, 0, events(10)) // 10 to 19
	open := c.begin(t, topic, 0, events(10))   // 20 to 29
	abort(kgo.TryAbort)                        // marker 30
	commit(kgo.TryCommit)                      // marker 31
	defer open(kgo.TryAbort)
	b, err := c.source(t).Bounds(t.Context(), topic)
	if err != nil || b[0].End != 20 {
		t.Fatalf("bounds %v, error %v, want the end 20", b, err)
	}
	for _, tc := range []struct {
		r    pipeline.Range
		want []int64
	}{
		{pipeline.Range{End: 20}, span(10, 20)},
		{pipeline.Range{End: 10}, nil},
		{pipeline.Range{Start: 3, End: 12}, span(10, 12)},
		{pipeline.Range{Start: 9, End: 10}, nil},
	} {
		got, err := read(t, c.source(t), topic, tc.r)
		wantOffsets(t, got, err, tc.want)
	}
}

func TestCompactedRecordsAreHoles(t *testing.T) {
	t.Parallel()
	b := fakekafka.ForTest(t)
	c := &cluster{address: b.Address()}
	topic := c.topicWith(t, 1, map[string]*string{
		"cleanup.policy": kmsg.StringPtr("compact"), "delete.retention.ms": kmsg.StringPtr("0"), "min.cleanable.dirty.ratio": kmsg.StringPtr("0"),
		"segment.bytes": kmsg.StringPtr("1"), // compaction spares the newest segment
	})
	key := func(k string, value []byte) []sourcetest.Event {
		return []sourcetest.Event{{Key: []byte(k), Value: value, TimestampMs: 1}}
	}
	for _, k := range []string{"first", "b", "a", "c", "a", "b"} { // offsets 0 to 5
		c.write(t, topic, 0, key(k, []byte("v")))
	}
	c.write(t, topic, 0, key("c", nil))         // 6, and 3 with it
	c.write(t, topic, 0, key("d", []byte("v"))) // 7, which compaction spares
	b.Cluster.Compact()
	left := []int64{0, 4, 5, 7}
	for start := range int64(8) {
		for end := start + 1; end <= 8; end++ {
			got, err := read(t, c.source(t), topic, pipeline.Range{Start: start, End: end})
			wantOffsets(t, got, err, slices.DeleteFunc(slices.Clone(left), func(o int64) bool { return o < start || o >= end }))
		}
	}
}

// emptyFrom makes the broker answer fetches from an offset on as if there was
// nothing more, though its log goes on to end.
func emptyFrom(b *fakekafka.Broker, offset, end int64) {
	b.Cluster.ControlKey(int16(kmsg.Fetch), func(kreq kmsg.Request) (kmsg.Response, error, bool) {
		b.Cluster.KeepControl()
		req := kreq.(*kmsg.FetchRequest)
		asked := req.Topics[0].Partitions[0]
		if asked.FetchOffset < offset {
			return nil, nil, false
		}
		resp := req.ResponseKind().(*kmsg.FetchResponse)
		t := kmsg.NewFetchResponseTopic()
		t.Topic, t.TopicID = req.Topics[0].Topic, req.Topics[0].TopicID
		p := kmsg.NewFetchResponseTopicPartition()
		p.Partition, p.HighWatermark, p.LastStableOffset, p.RecordBatches = asked.Partition, end, end, []byte{}
		t.Partitions = append(t.Partitions, p)
		resp.Topics = append(resp.Topics, t)
		return resp, nil, true
	})
}

// localStart makes the broker say that its own part of the log begins at an
// offset: what is older lies in an object store.
func localStart(b *fakekafka.Broker, offset int64) {
	b.Cluster.ControlKey(int16(kmsg.ListOffsets), func(kreq kmsg.Request) (kmsg.Response, error, bool) {
		b.Cluster.KeepControl()
		req := kreq.(*kmsg.ListOffsetsRequest)
		if req.Topics[0].Partitions[0].Timestamp != -4 {
			return nil, nil, false
		}
		resp := req.ResponseKind().(*kmsg.ListOffsetsResponse)
		t := kmsg.NewListOffsetsResponseTopic()
		t.Topic = req.Topics[0].Topic
		p := kmsg.NewListOffsetsResponseTopicPartition()
		p.Offset = offset
		t.Partitions = append(t.Partitions, p)
		resp.Topics = append(resp.Topics, t)
		return resp, nil, true
	})
}

func TestEmptyAnswers(t *testing.T) {
	t.Parallel()
	start := func(t *testing.T) (*fakekafka.Broker, *cluster, string) {
		b := fakekafka.ForTest(t)
		c := &cluster{address: b.Address()}
		topic := c.newTopic(t, 1)
		c.write(t, topic, 0, events(10))
		return b, c, topic
	}
	t.Run("a hole up to the end of the log ends the read", func(t *testing.T) {
		b, c, topic := start(t)
		emptyFrom(b, 10, 15)
		got, err := read(t, c.source(t), topic, pipeline.Range{Start: 4, End: 15})
		wantOffsets(t, got, err, span(4, 10))
	})
	t.Run("a slow object store is no hole", func(t *testing.T) {
		b, c, topic := start(t)
		emptyFrom(b, 5, 10)
		localStart(b, 9)
		_, err := read(t, c.source(t, impatient), topic, pipeline.Range{Start: 5, End: 10})
		wantFault(t, err, pipeline.Transient, "source.stall_timeout", "from offset 5")
	})
	t.Run("a log that ends too early is no hole", func(t *testing.T) {
		b, c, topic := start(t)
		emptyFrom(b, 10, 10)
		got, err := read(t, c.source(t, impatient), topic, pipeline.Range{Start: 5, End: 15})
		wantFault(t, err, pipeline.Transient, "source.stall_timeout", "up to 10")
		wantOffsets(t, got, nil, span(5, 10))
	})
}

func TestPassingTroublesAreRiddenOut(t *testing.T) {
	t.Parallel()
	c, k := private(t, kfake.NumBrokers(3))
	const n = 2000
	write := func(t *testing.T) string {
		topic := c.newTopic(t, 1)
		for range 4 {
			c.write(t, topic, 0, events(n/4))
		}
		return topic
	}
	small := func(c *kafka.Config) { c.FetchBytes = 1024 } // a batch a fetch
	for _, trouble := range []*kerr.Error{
		kerr.NotLeaderForPartition, kerr.FencedLeaderEpoch, kerr.UnknownLeaderEpoch, kerr.LeaderNotAvailable, kerr.OffsetNotAvailable,
		kerr.KafkaStorageError, kerr.UnknownServerError, kerr.UnknownTopicOrPartition, kerr.OffsetOutOfRange, kerr.ReplicaNotAvailable,
	} {
		t.Run("fetches answered "+trouble.Message, func(t *testing.T) {
			topic := write(t)
			k.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Fetch}, Topic: topic, Err: trouble, Count: 2})
			got, err := read(t, c.source(t, small), topic, pipeline.Range{End: n})
			wantOffsets(t, got, err, span(0, n))
		})
	}
	t.Run("the leader moves in the middle of the read", func(t *testing.T) {
		topic := write(t)
		move := func() {
			if err := k.MoveTopicPartition(topic, 0, (k.LeaderFor(topic, 0)+1)%3); err != nil {
				t.Error(err)
			}
		}
		var got []int64
		err := c.source(t, small).Read(t.Context(), topic, pipeline.Range{End: n}, func(records []source.Record) error {
			for _, r := range records {
				got = append(got, r.Offset)
			}
			move()
			return nil
		})
		wantOffsets(t, got, err, span(0, n))
	})
	late := func(topic string) {
		k.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Metadata}, Topic: topic, Err: kerr.UnknownTopicOrPartition, Count: 2})
	}
	t.Run("a topic that the broker learns of late", func(t *testing.T) {
		topic := write(t)
		late(topic)
		got, err := read(t, c.source(t), topic, pipeline.Range{End: n})
		wantOffsets(t, got, err, span(0, n))
	})
	t.Run("the same when its bounds are asked for", func(t *testing.T) {
		topic := write(t)
		late(topic)
		b, err := c.source(t).Bounds(t.Context(), topic)
		if err != nil || b[0].End != n {
			t.Errorf("bounds %v, %v", b, err)
		}
	})
	t.Run("a broker that restarts, then learns of the topic late", func(t *testing.T) {
		topic := write(t)
		k.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Fetch}, Topic: topic, Err: kerr.NotLeaderForPartition, Count: 3})
		late(topic)
		got, err := read(t, c.source(t), topic, pipeline.Range{End: n})
		wantOffsets(t, got, err, span(0, n))
	})
}

func TestBrokerRestartInTheMiddleOfARead(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	b, err := fakekafka.Start(fakekafka.Config{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { b.Stop() }()
	c := &cluster{address: b.Address()}
	topic := c.newTopic(t, 1)
	for range 20 {
		c.write(t, topic, 0, events(100))
	}
	var got []int64
	restart := once(func() {
		b.Stop()
		if b, err = fakekafka.Start(fakekafka.Config{Dir: dir, Port: b.Port()}); err != nil {
			t.Fatal(err)
		}
	})
	err = c.source(t, func(c *kafka.Config) { c.FetchBytes = 1024 }).Read(t.Context(), topic, pipeline.Range{End: 2000}, func(records []source.Record) error {
		for _, r := range records {
			got = append(got, r.Offset)
		}
		return restart(records)
	})
	wantOffsets(t, got, err, span(0, 2000))
}

func TestRetentionOvertakesARead(t *testing.T) {
	t.Parallel()
	c := &cluster{address: fakekafka.ForTest(t).Address()}
	topic := c.newTopic(t, 1)
	for range 10 {
		c.write(t, topic, 0, events(10))
	}
	err := c.source(t, func(c *kafka.Config) { c.FetchBytes = 1024 }).Read(t.Context(), topic, pipeline.Range{End: 100}, once(func() {
		c.deleteBefore(t, topic, 0, 95)
	}))
	wantFault(t, err, pipeline.BadData, "retention", "95")
}

func TestAnchor(t *testing.T) {
	t.Parallel()
	c := &cluster{address: fakekafka.ForTest(t).Address()}
	topic := c.newTopic(t, 2)
	c.write(t, topic, 1, events(10))
	latest := c.source(t, func(c *kafka.Config) { c.Start = kafka.Latest })
	anchor := func(t *testing.T, s *kafka.Source, cp, want pipeline.Checkpoint) {
		t.Helper()
		if got, err := s.Anchor(t.Context(), "anchored", topic, cp); err != nil || !got.Equal(want) {
			t.Fatalf("Anchor = %v, %v, want %v", got, err, want)
		}
	}
	anchor(t, c.source(t), nil, nil)                                        // earliest: the plan's own default
	anchor(t, latest, pipeline.Checkpoint{0: 1}, pipeline.Checkpoint{0: 1}) // something was loaded
	anchor(t, latest, nil, pipeline.Checkpoint{0: 0, 1: 10})
	c.write(t, topic, 1, events(5))
	anchor(t, latest, nil, pipeline.Checkpoint{0: 0, 1: 10}) // the first call's end stays
}

func TestNothingIsLeftRunning(t *testing.T) {
	c := &cluster{address: fakekafka.ForTest(t).Address()}
	topic := c.newTopic(t, 1)
	c.write(t, topic, 0, events(100))
	s := c.source(t, hasty)
	stop, cancel := context.WithCancel(t.Context())
	cancel()
	for range 2 {
		_, _ = s.Bounds(t.Context(), topic)
		_, _ = read(t, s, topic, pipeline.Range{End: 100})
		_, _ = read(t, s, topic, pipeline.Range{End: 200}) // stalls
		_, _ = read(t, s, "no-such-topic", pipeline.Range{End: 1})
		_ = s.Read(stop, topic, pipeline.Range{End: 100}, func([]source.Record) error { return nil })
		_ = s.Read(t.Context(), topic, pipeline.Range{End: 100}, func([]source.Record) error { return context.Canceled })
		_ = s.Publish(t.Context(), "g", topic, pipeline.Checkpoint{0: 1})
	}
	// Clients end their goroutines just after Close returns.
	limit := time.After(10 * time.Second)
	for tick := time.Tick(5 * time.Millisecond); ; {
		stacks := make([]byte, 1<<20)
		left := string(stacks[:runtime.Stack(stacks, true)])
		if !strings.Contains(left, "franz-go/pkg/kgo.") && !strings.Contains(left, "kafka.(*fetcher)") {
			return
		}
		select {
		case <-tick:
		case <-limit:
			t.Fatalf("still running:\n%s", left)
		}
	}
}
