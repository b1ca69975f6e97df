// Package notify starts runs for the notifications of a Kafka topic. It takes
// each one at least once, and a key starts one run, so none is lost and none
// counts twice. What can't be read is logged and passed over: it must not keep
// back what comes after it.
package notify

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/autonomous-data-pipeline/adp/console"
	"github.com/autonomous-data-pipeline/adp/console/trigger"
	"github.com/autonomous-data-pipeline/adp/ops"
	"github.com/autonomous-data-pipeline/adp/pipeline"
)

// The bounds of what is taken at once, and of a message.
const (
	maxPoll    = 100
	maxMessage = 256 << 10 // bytes
	maxName    = 256       // bytes of a pipeline's name
	maxWait    = time.Minute
)

// Config says which topic is followed.
type Config struct {
	Brokers []string      // KAFKA_BROKER, host:port
	Topic   string        // TRIGGER_TOPIC
	Group   string        // TRIGGER_GROUP: its offsets say how far it is; a new one begins at the topic's start
	Retry   time.Duration // before a start that didn't work is tried again, doubling to a minute; 0 is 1s
	Log     *slog.Logger
}

// Follower starts runs for what a topic says.
type Follower struct {
	desk   *console.Desk
	config Config
	by     console.Person
}

// New makes a follower. It doesn't connect.
func New(desk *console.Desk, c Config) *Follower {
	if c.Retry == 0 {
		c.Retry = time.Second
	}
	return &Follower{desk: desk, config: c, by: console.Person{Name: "topic " + c.Topic, Role: console.Operator, Via: trigger.ViaTopic}}
}

// Run follows the topic until the context ends, which is no error. Brokers or a
// Temporal service that don't answer are waited for; brokers that are no
// addresses are a Misconfigured fault.
func (f *Follower) Run(ctx context.Context) error {
	cl, err := kgo.NewClient(
		kgo.SeedBrokers(f.config.Brokers...), kgo.ClientID("adp"),
		kgo.ConsumerGroup(f.config.Group), kgo.ConsumeTopics(f.config.Topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.AutoCommitMarks(), // never beyond what was accepted
		kgo.FetchMaxPartitionBytes(4*maxMessage),
	)
	if err != nil {
		return pipeline.Misconfiguredf("KAFKA_BROKER", "follow topic %s for notifications: %w", f.config.Topic, err)
	}
	defer cl.Close() // leaves the group, with what was marked committed
	for ctx.Err() == nil {
		f.poll(ctx, cl)
	}
	return nil
}

// poll takes the next messages, in order. What wasn't accepted when the context
// ended is taken again by the next follower of the group.
func (f *Follower) poll(ctx context.Context, cl *kgo.Client) {
	fetched := cl.PollRecords(ctx, maxPoll)
	for it := fetched.RecordIter(); !it.Done(); {
		r := it.Next()
		if !f.accept(ctx, r) {
			return
		}
		cl.MarkCommitRecords(r)
	}
	if ctx.Err() != nil {
		return
	}
	if err := cl.CommitMarkedOffsets(ctx); err != nil {
		f.config.Log.Warn("commit how far the notifications were followed; it is tried again", "topic", f.config.Topic, "error", err)
	}
	fetched.EachError(func(_ string, partition int32, err error) {
		f.config.Log.Warn("read notifications; it is tried again", "topic", f.config.Topic, "partition", partition, "error", err)
	})
	if fetched.Err() != nil {
		wait(ctx, f.config.Retry)
	}
}

// accept starts the run of one message, trying until it is started or can never
// be. It gives false if the context ended before.
func (f *Follower) accept(ctx context.Context, r *kgo.Record) bool {
	log := f.config.Log.With("topic", r.Topic, "partition", r.Partition, "offset", r.Offset)
	e, err := read(r)
	if err != nil {
		log.Error("pass over a notification", "error", err)
		return true
	}
	for pause := f.config.Retry; ; pause = min(2*pause, maxWait) {
		started, err := f.desk.Run(ctx, f.by, e.Pipeline, e.Key)
		switch {
		case err == nil:
			log.Info("started a run for a notification", "pipeline", e.Pipeline, "workflow", started.WorkflowID)
			return true
		case errors.Is(err, console.ErrConflict): // an earlier one with this key, or this one before a crash
			return true
		case ctx.Err() != nil:
			return false
		case pipeline.KindOf(err) != pipeline.Transient || errors.Is(err, ops.ErrNotFound):
			log.Error("pass over a notification", "error", err)
			return true
		}
		log.Warn("start a run for a notification; it is tried again", "pipeline", e.Pipeline, "error", err)
		wait(ctx, pause)
	}
}

// read says which run a message asks for. Without an ID its place is the key.
func read(r *kgo.Record) (trigger.Event, error) {
	if len(r.Value) > maxMessage {
		return trigger.Event{}, fmt.Errorf("it has %d bytes; at most %d are read", len(r.Value), maxMessage)
	}
	e, err := trigger.Read(func(name string) string { return header(r, "ce_"+name) }, r.Value)
	switch {
	case err != nil:
		return e, err
	case e.Pipeline == "":
		return e, errors.New(`it names no pipeline: send {"pipeline":"…","id":"…"}, or a CloudEvent whose subject is the pipeline`)
	case len(e.Pipeline) > maxName:
		return e, fmt.Errorf("its pipeline's name has %d bytes; at most %d are read", len(e.Pipeline), maxName)
	case e.Key == "":
		e.Key = trigger.Key(strings.Join([]string{r.Topic, strconv.Itoa(int(r.Partition)), strconv.FormatInt(r.Offset, 10)}, "/"))
	}
	return e, nil
}

func header(r *kgo.Record, key string) string {
	for _, h := range r.Headers {
		if strings.EqualFold(h.Key, key) {
			return string(h.Value)
		}
	}
	return ""
}

func wait(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}
