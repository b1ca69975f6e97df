//go:build integration

package kafka_test

import (
	"context"
	"crypto/sha256"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/autonomous-data-pipeline/adp/generator"
	"github.com/autonomous-data-pipeline/adp/internal/realkafka"
	"github.com/autonomous-data-pipeline/adp/pipeline"
	"github.com/autonomous-data-pipeline/adp/source"
	"github.com/autonomous-data-pipeline/adp/source/kafka"
	"github.com/autonomous-data-pipeline/adp/source/sourcetest"
)

// All of it shares one broker: it takes seconds to start.
func TestApacheKafka(t *testing.T) {
	b := realkafka.Start(t)
	c := &cluster{address: b.Address}
	secured := &cluster{address: b.LoginAddress}
	t.Run("conformance", func(t *testing.T) { sourcetest.Run(t, c.harness(t)) })
	t.Run("transactions", func(t *testing.T) { transactions(t, c) })
	t.Run("aborted records before an open transaction", func(t *testing.T) { abortedBeforeOpen(t, c) })
	t.Run("deleted records are a gap", func(t *testing.T) { deletedRecords(t, c) })
	t.Run("partitions that are added appear, empty", func(t *testing.T) { addedPartitions(t, c) })
	t.Run("compacted records are holes", func(t *testing.T) { compacted(t, c) })
	t.Run("a tombstone that compaction took from the end is a hole", func(t *testing.T) { compactedEnd(t, c) })
	t.Run("the broker's clock counts where the topic says so", func(t *testing.T) { brokersClock(t, c) })
	t.Run("login", func(t *testing.T) { loginAt(t, c, secured) })
	t.Run("a topic that was made anew is a misconfiguration", func(t *testing.T) { madeAnew(t, c) })
	t.Run("generated events come back", func(t *testing.T) { generated(t, c) })
	// These stop the broker.
	t.Run("a restart in the middle of a read is ridden out", func(t *testing.T) { restarted(t, c, func() { b.Restart(t) }) })
	t.Run("so is a kill", func(t *testing.T) { restarted(t, c, func() { b.Kill(t); b.Restart(t) }) })
	t.Run("a stopped broker is a transient fault within the limit", func(t *testing.T) {
		b.Stop(t)
		_, err := c.source(t, hasty).Bounds(t.Context(), "topic")
		wantFault(t, err, pipeline.Transient, "KAFKA_BROKER", b.Address)
	})
}

func end(t *testing.T, s source.Source, topic string) int64 {
	t.Helper()
	b, err := s.Bounds(t.Context(), topic)
	if err != nil {
		t.Fatal(err)
	}
	return b[0].End
}

// transactions of several producers, committed and aborted, aborted ones also
// at the very end: every range of the log reads what is committed in it.
func transactions(t *testing.T, c *cluster) {
	topic := c.newTopic(t, 1)
	s := c.source(t)
	var want []int64
	for i, try := range []kgo.TransactionEndTry{kgo.TryCommit, kgo.TryAbort, kgo.TryAbort, kgo.TryCommit, kgo.TryAbort, kgo.TryCommit, kgo.TryAbort, kgo.TryAbort} {
		from := end(t, s, topic)
		c.transact(t, topic, 0, events(5+i), try)
		if try == kgo.TryCommit {
			want = append(want, span(from, from+5+int64(i))...)
		}
	}
	last := end(t, s, topic)
	if last <= want[len(want)-1]+16 {
		t.Fatalf("the log ends at %d, right behind the last committed offset", last)
	}
	for from := int64(0); from < last; from += 3 {
		for to := from + 1; to <= last; to += 5 {
			got, err := read(t, s, topic, pipeline.Range{Start: from, End: to})
			wantOffsets(t, got, err, slices.DeleteFunc(slices.Clone(want), func(o int64) bool { return o < from || o >= to }))
		}
	}
	got, err := read(t, s, topic, pipeline.Range{End: last})
	wantOffsets(t, got, err, want)
}

func abortedBeforeOpen(t *testing.T, c *cluster) {
	topic := c.newTopic(t, 1)
	abort := c.begin(t, topic, 0, events(10))
	commit := c.begin(t, topic, 0, events(10))
	open := c.begin(t, topic, 0, events(10))
	abort(kgo.TryAbort)
	commit(kgo.TryCommit)
	s := c.source(t)
	waitFor(t, func() bool { return end(t, s, topic) == 20 }) // the markers are written
	got, err := read(t, s, topic, pipeline.Range{End: 10})
	wantOffsets(t, got, err, nil)
	got, err = read(t, s, topic, pipeline.Range{Start: 4, End: 20})
	wantOffsets(t, got, err, span(10, 20))
	open(kgo.TryAbort)
	waitFor(t, func() bool { return end(t, s, topic) == 33 })
	got, err = read(t, s, topic, pipeline.Range{End: 33})
	wantOffsets(t, got, err, span(10, 20))
}

func deletedRecords(t *testing.T, c *cluster) {
	topic := c.newTopic(t, 1)
	c.write(t, topic, 0, events(100))
	c.deleteBefore(t, topic, 0, 40)
	s := c.source(t)
	b, err := s.Bounds(t.Context(), topic)
	if err != nil || b[0] != (source.Bounds{Start: 40, End: 100}) {
		t.Fatalf("bounds %v, %v", b, err)
	}
	_, gaps, _, err := pipeline.Next("p", topic, pipeline.Checkpoint{0: 10}, []pipeline.Range{{Start: b[0].Start, End: b[0].End}}, 0)
	if err != nil || len(gaps) != 1 || gaps[0] != (pipeline.Range{Start: 10, End: 40}) {
		t.Errorf("the plan's gaps are %v, %v", gaps, err)
	}
	_, err = read(t, s, topic, pipeline.Range{Start: 10, End: 100})
	wantFault(t, err, pipeline.BadData, "retention", "40")
	c.deleteBefore(t, topic, 0, 100)
	if b, err = s.Bounds(t.Context(), topic); err != nil || b[0] != (source.Bounds{Start: 100, End: 100}) {
		t.Errorf("bounds of an emptied log %v, %v", b, err)
	}
}

func addedPartitions(t *testing.T, c *cluster) {
	topic := c.newTopic(t, 1)
	c.write(t, topic, 0, events(5))
	c.admin(t, func(ctx context.Context, adm *kadm.Client) error {
		r, err := adm.CreatePartitions(ctx, 2, topic)
		if err == nil {
			err = r.Error()
		}
		return err
	})
	s := c.source(t)
	want := map[int32]source.Bounds{0: {End: 5}, 1: {}, 2: {}}
	waitFor(t, func() bool {
		b, err := s.Bounds(t.Context(), topic)
		return err == nil && maps.Equal(b, want)
	})
	c.write(t, topic, 2, events(7))
	got, err := read(t, s, topic, pipeline.Range{Partition: 2, End: 7})
	wantOffsets(t, got, err, span(0, 7))
}

func compactedTopic(t *testing.T, c *cluster) string {
	t.Helper()
	return c.topicWith(t, 1, map[string]*string{
		"cleanup.policy": kmsg.StringPtr("compact"), "min.cleanable.dirty.ratio": kmsg.StringPtr("0.001"),
		"delete.retention.ms": kmsg.StringPtr("0"), "segment.ms": kmsg.StringPtr("100"), "min.compaction.lag.ms": kmsg.StringPtr("0"),
	})
}

func keyed(key string, value []byte) []sourcetest.Event {
	return []sourcetest.Event{{Key: []byte(key), Value: value, TimestampMs: time.Now().UnixMilli()}}
}

// roll makes segments end: a batch of later time closes the one before it.
func roll(t *testing.T, c *cluster, topic, key string) {
	t.Helper()
	later := time.Now().Add(time.Second).UnixMilli()
	c.write(t, topic, 0, []sourcetest.Event{{Key: []byte(key), Value: []byte("v"), TimestampMs: later}})
}

func compacted(t *testing.T, c *cluster) {
	topic := compactedTopic(t, c)
	for _, k := range []string{"first", "b", "a", "c", "a", "b"} {
		c.write(t, topic, 0, keyed(k, []byte("v")))
	}
	roll(t, c, topic, "last") // offset 6, in a segment of its own
	s := c.source(t)
	want := []int64{0, 3, 4, 5, 6}
	waitFor(t, func() bool {
		got, err := read(t, s, topic, pipeline.Range{End: 7})
		return err == nil && slices.Equal(got, want)
	})
	for from := range int64(7) {
		for to := from + 1; to <= 7; to++ {
			got, err := read(t, s, topic, pipeline.Range{Start: from, End: to})
			wantOffsets(t, got, err, slices.DeleteFunc(slices.Clone(want), func(o int64) bool { return o < from || o >= to }))
		}
	}
}

// compactedEnd: the range's last records are gone, and the read still ends.
func compactedEnd(t *testing.T, c *cluster) {
	topic := compactedTopic(t, c)
	c.write(t, topic, 0, keyed("a", []byte("v")))
	c.write(t, topic, 0, keyed("b", []byte("v")))
	c.write(t, topic, 0, keyed("b", nil)) // offset 2
	s := c.source(t)
	waitFor(t, func() bool {
		// A tombstone goes with the second cleaning, and each needs new records.
		roll(t, c, topic, fmt.Sprint("key-", end(t, s, topic))) // from offset 3 on
		got, err := read(t, s, topic, pipeline.Range{End: 3})
		return err == nil && slices.Equal(got, span(0, 1))
	})
	got, err := read(t, s, topic, pipeline.Range{Start: 1, End: 3})
	wantOffsets(t, got, err, nil)
	got, err = read(t, s, topic, pipeline.Range{Start: 1, End: 4})
	wantOffsets(t, got, err, span(3, 4))
}

func brokersClock(t *testing.T, c *cluster) {
	topic := c.topicWith(t, 1, map[string]*string{"message.timestamp.type": kmsg.StringPtr("LogAppendTime")})
	before := time.Now().UnixMilli()
	c.write(t, topic, 0, events(10)) // whose own times are older
	after := time.Now().UnixMilli()
	err := c.source(t).Read(t.Context(), topic, pipeline.Range{End: 10}, func(records []source.Record) error {
		for _, r := range records {
			if r.TimestampMs < before || r.TimestampMs > after {
				t.Errorf("offset %d has time %d, want one of %d to %d", r.Offset, r.TimestampMs, before, after)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func loginAt(t *testing.T, open, c *cluster) {
	topic := open.newTopic(t, 1)
	open.write(t, topic, 0, events(10))
	got, err := read(t, c.source(t, login(t, "plain", realkafka.User, realkafka.Password)), topic, pipeline.Range{End: 10})
	wantOffsets(t, got, err, span(0, 10))
	t.Run("a wrong password is a misconfiguration", func(t *testing.T) {
		each(t, c.source(t, latest, login(t, "plain", realkafka.User, "wrong")), topic, func(t *testing.T, err error) {
			wantFault(t, err, pipeline.Misconfigured, "source.sasl", realkafka.User)
		})
	})
	t.Run("so is a mechanism that the broker lacks", func(t *testing.T) {
		each(t, c.source(t, latest, login(t, "scram-sha-512", realkafka.User, realkafka.Password)), topic, func(t *testing.T, err error) {
			wantFault(t, err, pipeline.Misconfigured, "source.sasl")
		})
	})
	t.Run("no login where one is asked for names the setting", func(t *testing.T) {
		_, err := c.source(t, hasty).Bounds(t.Context(), topic)
		wantFault(t, err, pipeline.Transient, "source.sasl")
	})
}

func madeAnew(t *testing.T, c *cluster) {
	topic := c.newTopic(t, 1)
	c.write(t, topic, 0, events(10))
	anew := func() {
		c.admin(t, func(ctx context.Context, adm *kadm.Client) error {
			if _, err := adm.DeleteTopic(ctx, topic); err != nil {
				return err
			}
			r, err := adm.CreateTopic(ctx, 1, 1, nil, topic)
			if err == nil {
				err = r.Err
			}
			return err
		})
		c.write(t, topic, 0, events(30))
	}
	err := c.source(t).Read(t.Context(), topic, pipeline.Range{End: 20}, once(anew))
	wantFault(t, err, pipeline.Misconfigured, "KAFKA_TOPIC", "made anew")
}

func generated(t *testing.T, c *cluster) {
	topic := c.newTopic(t, 3)
	conf := generator.Config{Seed: 9, Count: 20_000, Start: time.Now().Add(-time.Hour).Truncate(time.Second), MalformedShare: 0.01, DuplicateShare: 0.02}
	n, err := generator.Produce(t.Context(), generator.Target{Brokers: []string{c.address}, Topic: topic}, conf, nil)
	if err != nil || n != conf.Count {
		t.Fatalf("Produce = %d, %v", n, err)
	}
	print := func(key, value []byte, ms int64) [32]byte {
		return sha256.Sum256(fmt.Appendf(nil, "%d %s %s", ms, key, value))
	}
	want := map[[32]byte]int{}
	for e := range conf.Events() {
		want[print(e.Key, e.Value, e.Timestamp.UnixMilli())]++
	}
	s := c.source(t)
	b, err := s.Bounds(t.Context(), topic)
	if err != nil {
		t.Fatal(err)
	}
	total := 0
	for p, bounds := range b {
		err := s.Read(t.Context(), topic, pipeline.Range{Partition: p, Start: bounds.Start, End: bounds.End}, func(records []source.Record) error {
			for _, r := range records {
				want[print(r.Key, r.Value, r.TimestampMs)]--
			}
			total += len(records)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, left := range want {
		if left != 0 {
			t.Fatal("what came back is not what was written")
		}
	}
	if total != 20_000 {
		t.Errorf("%d records came back", total)
	}
}

func restarted(t *testing.T, c *cluster, restart func()) {
	topic := c.newTopic(t, 1)
	for range 20 {
		c.write(t, topic, 0, events(500), kgo.ProducerBatchCompression(kgo.NoCompression()))
	}
	var got []int64
	interrupt := once(restart)
	s := c.source(t, func(c *kafka.Config) { c.FetchBytes, c.StallTimeout = 1024, 2*time.Minute })
	err := s.Read(t.Context(), topic, pipeline.Range{End: 10_000}, func(records []source.Record) error {
		for _, r := range records {
			got = append(got, r.Offset)
		}
		return interrupt(records)
	})
	wantOffsets(t, got, err, span(0, 10_000))
}
