package kafka_test

import (
	"context"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/autonomous-data-pipeline/adp/pipeline"
	"github.com/autonomous-data-pipeline/adp/source"
	"github.com/autonomous-data-pipeline/adp/source/kafka"
	"github.com/autonomous-data-pipeline/adp/source/sourcetest"
)

// cluster writes to a broker and administers it, with clients of its own.
type cluster struct {
	address string
	names   atomic.Int64
}

func (c *cluster) config() kafka.Config {
	conf := kafka.DefaultConfig()
	conf.Brokers = []string{c.address}
	return conf
}

func (c *cluster) source(t testing.TB, change ...func(*kafka.Config)) *kafka.Source {
	t.Helper()
	conf := c.config()
	for _, f := range change {
		f(&conf)
	}
	s, err := kafka.New(conf)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func (c *cluster) harness(t *testing.T) sourcetest.Harness {
	return sourcetest.Harness{
		Source:   c.source(t),
		NewTopic: c.newTopic,
		Append: func(t *testing.T, topic string, partition int32, events []sourcetest.Event) {
			c.write(t, topic, partition, events)
		},
		Abort: func(t *testing.T, topic string, partition int32, events []sourcetest.Event) {
			c.transact(t, topic, partition, events, kgo.TryAbort)
		},
		DeleteBefore: func(t *testing.T, topic string, partition int32, offset int64) {
			c.deleteBefore(t, topic, partition, offset)
		},
		Committed: c.committed,
	}
}

func (c *cluster) client(t testing.TB, opts ...kgo.Opt) *kgo.Client {
	t.Helper()
	cl, err := kgo.NewClient(append([]kgo.Opt{
		kgo.SeedBrokers(c.address), kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.MetadataMinAge(10 * time.Millisecond),
	}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	return cl
}

func (c *cluster) admin(t testing.TB, do func(context.Context, *kadm.Client) error) {
	t.Helper()
	cl := c.client(t)
	defer cl.Close()
	if err := do(context.WithoutCancel(t.Context()), kadm.NewClient(cl)); err != nil {
		t.Fatal(err)
	}
}

func (c *cluster) newTopic(t *testing.T, partitions int32) string {
	t.Helper()
	return c.topicWith(t, partitions, nil)
}

func (c *cluster) topicWith(t *testing.T, partitions int32, configs map[string]*string) string {
	t.Helper()
	name := fmt.Sprintf("topic-%d", c.names.Add(1))
	c.admin(t, func(ctx context.Context, adm *kadm.Client) error {
		r, err := adm.CreateTopic(ctx, partitions, 1, configs, name)
		if err == nil {
			err = r.Err
		}
		return err
	})
	return name
}

func records(topic string, partition int32, events []sourcetest.Event) []*kgo.Record {
	out := make([]*kgo.Record, 0, len(events))
	for _, e := range events {
		out = append(out, &kgo.Record{Topic: topic, Partition: partition, Key: e.Key, Value: e.Value, Timestamp: time.UnixMilli(e.TimestampMs)})
	}
	return out
}

func (c *cluster) write(t testing.TB, topic string, partition int32, events []sourcetest.Event, opts ...kgo.Opt) {
	t.Helper()
	// A broker that is busy learns late of a topic that it has just made.
	cl := c.client(t, append(slices.Clone(opts), kgo.UnknownTopicRetries(-1))...)
	defer cl.Close()
	if err := cl.ProduceSync(t.Context(), records(topic, partition, events)...).FirstErr(); err != nil {
		t.Fatal(err)
	}
}

// transact writes the events in one transaction, which it ends. The broker
// writes the markers after its answer, so it waits until they are there.
func (c *cluster) transact(t testing.TB, topic string, partition int32, events []sourcetest.Event, end kgo.TransactionEndTry) {
	t.Helper()
	c.begin(t, topic, partition, events)(end)
	waitFor(t, func() (stable bool) {
		c.admin(t, func(ctx context.Context, adm *kadm.Client) error {
			committed, err := adm.ListCommittedOffsets(ctx, topic)
			if err != nil {
				return err
			}
			all, err := adm.ListEndOffsets(ctx, topic)
			stable = committed[topic][partition].Offset == all[topic][partition].Offset
			return err
		})
		return stable
	})
}

// waitFor asks until it is so, for half a minute at most.
func waitFor(t testing.TB, so func() bool) {
	t.Helper()
	limit := time.After(30 * time.Second)
	for tick := time.Tick(20 * time.Millisecond); !so(); {
		select {
		case <-tick:
		case <-limit:
			t.Fatal("it never came true")
		}
	}
}

// begin writes the events in a transaction, which the returned function ends.
func (c *cluster) begin(t testing.TB, topic string, partition int32, events []sourcetest.Event) func(kgo.TransactionEndTry) {
	t.Helper()
	cl := c.client(t, kgo.TransactionalID(fmt.Sprintf("tx-%d", c.names.Add(1))))
	t.Cleanup(cl.Close)
	if err := cl.BeginTransaction(); err != nil {
		t.Fatal(err)
	}
	if err := cl.ProduceSync(t.Context(), records(topic, partition, events)...).FirstErr(); err != nil {
		t.Fatal(err)
	}
	return func(end kgo.TransactionEndTry) {
		t.Helper()
		if err := cl.EndTransaction(t.Context(), end); err != nil {
			t.Fatal(err)
		}
	}
}

func (c *cluster) deleteBefore(t testing.TB, topic string, partition int32, offset int64) {
	t.Helper()
	c.admin(t, func(ctx context.Context, adm *kadm.Client) error {
		offsets := kadm.Offsets{}
		offsets.AddOffset(topic, partition, offset, -1)
		r, err := adm.DeleteRecords(ctx, offsets)
		if err == nil {
			err = r.Error()
		}
		return err
	})
}

func (c *cluster) committed(t *testing.T, group, topic string) pipeline.Checkpoint {
	t.Helper()
	cp := pipeline.Checkpoint{}
	c.admin(t, func(ctx context.Context, adm *kadm.Client) error {
		r, err := adm.FetchOffsets(ctx, group)
		for _, o := range r[topic] {
			cp[o.Partition] = o.At
		}
		return err
	})
	return cp
}

// events are n events of about 100 bytes.
func events(n int) []sourcetest.Event {
	out := make([]sourcetest.Event, n)
	for i := range out {
		out[i] = sourcetest.Event{
			Key: fmt.Appendf(nil, "key-%d", i%97), Value: fmt.Appendf(nil, "%090d", i), TimestampMs: 1_750_000_000_000 + int64(i),
		}
	}
	return out
}

// read collects the offsets of a range.
func read(t testing.TB, s source.Source, topic string, r pipeline.Range) ([]int64, error) {
	t.Helper()
	var out []int64
	err := s.Read(t.Context(), topic, r, func(records []source.Record) error {
		for _, rec := range records {
			out = append(out, rec.Offset)
		}
		return nil
	})
	return out, err
}

// span is start, start+1, … end-1.
func span(start, end int64) []int64 {
	var out []int64
	for ; start < end; start++ {
		out = append(out, start)
	}
	return out
}
