package generator

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/autonomous-data-pipeline/adp/pipeline"
)

// Target says where events go, and how.
type Target struct {
	Brokers []string
	Topic   string
	Paced   bool // at the configuration's rate by the clock; otherwise as fast as the broker takes them

	TransactionalID string // write in transactions; empty writes without
	TransactionSize int64  // events in each; default 1000
	AbortEvery      int64  // abort each k-th transaction; 0 aborts none

	Options []kgo.Opt // encryption, login
}

const (
	// answerLimit is how long some broker may take to answer at all.
	answerLimit = 10 * time.Second
	// deliveryTries bounds how often a batch is sent again, with pauses up to
	// 2.5 s. A time limit would count from the record's own timestamp.
	deliveryTries = 20
	progressEvery = 1000
)

// Produce writes the events in order, acknowledged by all replicas, each once:
// the producer is idempotent. Customers stay in their partition. progress may
// be nil; it hears how many events were handed to the client so far. The
// result is the number of events that a committed read will find.
func Produce(ctx context.Context, t Target, c Config, progress func(n int64)) (int64, error) {
	if err := c.Validate(); err != nil {
		return 0, err
	}
	p, err := t.connect(ctx)
	if err != nil {
		return 0, err
	}
	defer p.client.Close()
	if progress == nil {
		progress = func(int64) {}
	}
	n, err := p.all(ctx, c.withDefaults(), progress)
	if err != nil {
		return n, t.fault(err)
	}
	progress(c.Count)
	return n, nil
}

func (t Target) connect(ctx context.Context) (*producer, error) {
	opts := []kgo.Opt{
		kgo.SeedBrokers(t.Brokers...), kgo.ClientID("adp-generator"), kgo.DefaultProduceTopic(t.Topic),
		kgo.ProducerBatchCompression(kgo.Lz4Compression()), kgo.RequiredAcks(kgo.AllISRAcks()),
		kgo.RecordPartitioner(kgo.StickyKeyPartitioner(nil)), // murmur2, as the Java client
		kgo.RecordRetries(deliveryTries), kgo.RetryTimeout(answerLimit), kgo.UnknownTopicRetries(3),
	}
	if t.TransactionalID != "" {
		opts = append(opts, kgo.TransactionalID(t.TransactionalID))
	}
	cl, err := kgo.NewClient(append(opts, t.Options...)...)
	if err != nil {
		return nil, fmt.Errorf("make a Kafka producer for %s: %w", strings.Join(t.Brokers, ","), err)
	}
	limited, cancel := context.WithTimeout(ctx, answerLimit)
	defer cancel()
	if err := cl.Ping(limited); err != nil {
		cl.Close()
		return nil, t.fault(err)
	}
	if t.TransactionSize == 0 {
		t.TransactionSize = 1000
	}
	return &producer{Target: t, client: cl}, nil
}

func (t Target) fault(err error) error {
	what := fmt.Sprintf("write events to topic %q on %s", t.Topic, strings.Join(t.Brokers, ","))
	if errors.Is(err, kerr.UnknownTopicOrPartition) || errors.Is(err, kerr.InvalidTopicException) {
		return pipeline.Misconfiguredf("source.topic / KAFKA_TOPIC", "%s: %w; create the topic first", what, err)
	}
	return &pipeline.Fault{Kind: pipeline.Transient, Setting: "source.brokers / KAFKA_BROKER", Err: fmt.Errorf("%s: %w", what, err)}
}

// producer is one run of Produce.
type producer struct {
	Target
	client *kgo.Client

	mu    sync.Mutex
	first error // of those that the broker answered with
}

func (p *producer) acknowledged(_ *kgo.Record, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.first == nil { // what comes after the first is mostly the same
		p.first = err
	}
}

func (p *producer) failed() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.first
}

// all writes the events, and returns how many are there for good.
func (p *producer) all(ctx context.Context, c Config, progress func(int64)) (int64, error) {
	begun := time.Now()
	var sent, committed int64
	for e := range c.Events() {
		if err := p.before(ctx, sent); err != nil {
			return committed, err
		}
		if p.Paced {
			if err := until(ctx, begun.Add(e.Timestamp.Sub(c.Start))); err != nil {
				return committed, err
			}
		}
		// Produce blocks while the client holds as much as it may.
		p.client.Produce(ctx, &kgo.Record{Key: e.Key, Value: e.Value, Timestamp: e.Timestamp}, p.acknowledged)
		sent++
		if sent%progressEvery == 0 {
			progress(sent)
		}
		n, err := p.after(ctx, sent, c.Count)
		if committed += n; err != nil {
			return committed, err
		}
	}
	return committed, nil
}

// before begins a transaction where one is due, and stops after an error.
func (p *producer) before(ctx context.Context, sent int64) error {
	if err := errors.Join(ctx.Err(), p.failed()); err != nil {
		return err
	}
	if p.TransactionalID == "" || sent%p.TransactionSize != 0 {
		return nil
	}
	return p.client.BeginTransaction()
}

// after ends a transaction, or the run, where it is due. It returns how many
// events that has made permanent.
func (p *producer) after(ctx context.Context, sent, count int64) (int64, error) {
	size := count
	if p.TransactionalID != "" {
		size = p.TransactionSize
	}
	inside := sent % size
	if inside != 0 && sent != count {
		return 0, nil
	}
	if inside == 0 {
		inside = size
	}
	if err := errors.Join(p.client.Flush(ctx), p.failed()); err != nil {
		return 0, err
	}
	if p.TransactionalID == "" {
		return inside, nil
	}
	number := (sent + size - 1) / size
	if p.AbortEvery > 0 && number%p.AbortEvery == 0 {
		return 0, p.client.EndTransaction(ctx, kgo.TryAbort)
	}
	if err := p.client.EndTransaction(ctx, kgo.TryCommit); err != nil {
		return 0, err
	}
	return inside, nil
}

// until waits for a moment.
func until(ctx context.Context, at time.Time) error {
	wait := time.Until(at)
	if wait <= 0 {
		return nil
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
