package generator_test

import (
	"context"
	"fmt"
	"hash/fnv"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/autonomous-data-pipeline/adp/generator"
	"github.com/autonomous-data-pipeline/adp/internal/fakekafka"
	"github.com/autonomous-data-pipeline/adp/pipeline"
)

// consume reads n records, committed ones alone.
func consume(t *testing.T, broker, topic string, n int) []*kgo.Record {
	t.Helper()
	cl, err := kgo.NewClient(kgo.SeedBrokers(broker), kgo.ConsumeTopics(topic), kgo.FetchIsolationLevel(kgo.ReadCommitted()))
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	var out []*kgo.Record
	for len(out) < n {
		fetches := cl.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			t.Fatalf("after %d of %d records: %v", len(out), n, err)
		}
		out = append(out, fetches.Records()...)
	}
	return out
}

func topic(t *testing.T, partitions int32) (*fakekafka.Broker, generator.Target) {
	t.Helper()
	b := fakekafka.ForTest(t)
	if err := b.CreateTopic("customers", partitions); err != nil {
		t.Fatal(err)
	}
	return b, generator.Target{Brokers: []string{b.Address()}, Topic: "customers"}
}

func line(key, value []byte, at time.Time) string {
	return fmt.Sprintf("%d %s %s", at.UnixMilli(), key, value)
}

func TestProduceWritesWhatTheIteratorGives(t *testing.T) {
	b, target := topic(t, 3)
	c := base(2500)
	c.MalformedShare = 0.1
	var last int64
	n, err := generator.Produce(t.Context(), target, c, func(done int64) { last = done })
	if err != nil || n != 2500 || last != 2500 {
		t.Fatalf("Produce = %d, %v, progress to %d", n, err, last)
	}
	want := map[string]int{}
	for e := range c.Events() {
		want[line(e.Key, e.Value, e.Timestamp)]++
	}
	homes := map[string]int32{}
	partitions := map[int32]int{}
	for _, r := range consume(t, b.Address(), "customers", 2500) {
		want[line(r.Key, r.Value, r.Timestamp)]--
		partitions[r.Partition]++
		if home, ok := homes[string(r.Key)]; ok && home != r.Partition {
			t.Errorf("customer %s is in partitions %d and %d", r.Key, home, r.Partition)
		}
		homes[string(r.Key)] = r.Partition
	}
	for l, left := range want {
		if left != 0 {
			t.Errorf("%s: %+d", l, -left)
		}
	}
	if len(partitions) != 3 {
		t.Errorf("records a partition: %v, want some in each of 3", partitions)
	}
}

func TestProduceIsReproducible(t *testing.T) {
	sum := func() string {
		b, target := topic(t, 2)
		if _, err := generator.Produce(t.Context(), target, base(1500), nil); err != nil {
			t.Fatal(err)
		}
		h := [2]uint64{}
		for _, r := range consume(t, b.Address(), "customers", 1500) {
			f := fnv.New64a()
			_, _ = fmt.Fprintf(f, "%d %d %d %s", h[r.Partition], r.Offset, r.Timestamp.UnixMilli(), r.Value)
			h[r.Partition] = f.Sum64()
		}
		return fmt.Sprint(h)
	}
	if a, b := sum(), sum(); a != b {
		t.Errorf("the same seed gave other partitions or offsets: %s, %s", a, b)
	}
}

func TestAbortedTransactionsAreNotThere(t *testing.T) {
	b, target := topic(t, 1)
	target.TransactionalID, target.TransactionSize, target.AbortEvery = "tx", 100, 3
	n, err := generator.Produce(t.Context(), target, base(1050), nil) // transactions 3, 6 and 9 of 11 are aborted
	if err != nil || n != 750 {
		t.Fatalf("Produce = %d, %v, want 750 of 1050", n, err)
	}
	var want []string
	i := 0
	for e := range base(1050).Events() {
		if i/100%3 != 2 {
			want = append(want, string(e.Value))
		}
		i++
	}
	got := consume(t, b.Address(), "customers", 750)
	if len(got) != len(want) {
		t.Fatalf("%d records, want %d", len(got), len(want))
	}
	for i, r := range got {
		if string(r.Value) != want[i] {
			t.Fatalf("record %d is %s, want %s", i, r.Value, want[i])
		}
	}
}

func TestPacedProducingFollowsTheRate(t *testing.T) {
	_, target := topic(t, 1)
	target.Paced = true
	c := base(50)
	c.Rate = 200
	begun := time.Now()
	if _, err := generator.Produce(t.Context(), target, c, nil); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(begun); took < 245*time.Millisecond {
		t.Errorf("50 events at 200 a second took %s, want at least 245ms", took)
	}
}

func TestProduceStopsWithItsContext(t *testing.T) {
	_, target := topic(t, 1)
	target.Paced = true
	c := base(1_000_000)
	c.Rate = 10_000
	ctx, cancel := context.WithCancel(t.Context())
	_, err := generator.Produce(ctx, target, c, func(int64) { cancel() })
	if err == nil || ctx.Err() == nil {
		t.Errorf("error %v, want the context's", err)
	}
}

func TestProduceFaults(t *testing.T) {
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = closed.Close()
	_, known := topic(t, 1)
	unknown := known
	unknown.Topic = "no-such-topic"
	tests := map[string]struct {
		target generator.Target
		config generator.Config
		kind   pipeline.Kind
		want   string
	}{
		"nothing listens":     {generator.Target{Brokers: []string{closed.Addr().String()}, Topic: "t"}, base(1), pipeline.Transient, "KAFKA_BROKER"},
		"there is no topic":   {unknown, base(1), pipeline.Misconfigured, "KAFKA_TOPIC"},
		"wrong configuration": {known, generator.Config{}, pipeline.Misconfigured, "generator.start"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := generator.Produce(t.Context(), tc.target, tc.config, nil)
			if err == nil || pipeline.KindOf(err) != tc.kind || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("error %v of kind %s, want kind %s and %q", err, pipeline.KindOf(err), tc.kind, tc.want)
			}
		})
	}
}
