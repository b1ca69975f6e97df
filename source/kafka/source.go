// Package kafka reads exact ranges of a Kafka topic. It joins no consumer
// group and keeps no position of its own: the sink's checkpoint says what to
// read, and the group's offsets are only published for lag tools to see. No
// connection outlives a call. It decodes no value.
package kafka

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/autonomous-data-pipeline/adp/pipeline"
	"github.com/autonomous-data-pipeline/adp/source"
)

// Source is a Kafka cluster. It is safe for concurrent use.
type Source struct{ config Config }

var _ source.Source = (*Source)(nil)

// New checks the configuration. It doesn't connect.
func New(c Config) (*Source, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	trimmed := make([]string, 0, len(c.Brokers))
	for _, b := range c.Brokers {
		trimmed = append(trimmed, strings.TrimSpace(b))
	}
	c.Brokers = trimmed
	return &Source{config: c}, nil
}

// Close has nothing to close: connections end with the call that made them.
func (s *Source) Close() error { return nil }

// connect makes a client, which the caller closes. The first request dials.
func (s *Source) connect() (*kgo.Client, error) {
	opts := []kgo.Opt{
		kgo.SeedBrokers(s.config.Brokers...),
		kgo.ClientID(s.config.ClientID),
		kgo.DialTimeout(s.config.DialTimeout),
		kgo.RetryTimeout(s.config.DialTimeout),
		kgo.RequestTimeoutOverhead(s.config.RequestTimeout),
		kgo.MetadataMinAge(10 * time.Millisecond), // an answer is kept no longer: it may be that there is no topic
	}
	secure, err := s.config.TLS.options()
	if err != nil {
		return nil, err
	}
	login, err := s.config.SASL.options()
	if err != nil {
		return nil, err
	}
	cl, err := kgo.NewClient(append(append(opts, secure...), login...)...)
	if err != nil {
		return nil, &pipeline.Fault{Kind: pipeline.Misconfigured, Setting: "source", Err: fmt.Errorf("make a Kafka client: %w", err)}
	}
	return cl, nil
}

// call asks a client that lives as long as the call, bounded in time. A topic
// that a broker doesn't know is asked for again: it may have just started.
func (s *Source) call(ctx context.Context, ask func(context.Context, *kadm.Client) error) error {
	cl, err := s.connect()
	if err != nil {
		return err
	}
	defer cl.Close()
	ctx, cancel := context.WithTimeout(ctx, s.config.DialTimeout+s.config.RequestTimeout)
	defer cancel()
	for attempt := 0; ; attempt++ {
		err := ask(ctx, kadm.NewClient(cl))
		if !unknownTopic(err) || attempt+1 == unknownAnswers {
			return err
		}
		select {
		case <-time.After(backoff(attempt)):
		case <-ctx.Done():
			return err
		}
	}
}

// Bounds lists every partition of the topic.
func (s *Source) Bounds(ctx context.Context, topic string) (map[int32]source.Bounds, error) {
	var bounds map[int32]source.Bounds
	err := s.call(ctx, func(ctx context.Context, adm *kadm.Client) (err error) {
		bounds, err = s.bounds(ctx, adm, topic)
		return err
	})
	return bounds, s.fault(ctx, err, "list the offsets of topic %q", topic)
}

func (s *Source) bounds(ctx context.Context, adm *kadm.Client, topic string) (map[int32]source.Bounds, error) {
	// The start comes first: between the questions, retention may move it up
	// beyond an end that was asked for before.
	starts, err := adm.ListStartOffsets(ctx, topic)
	if err := cmp.Or(starts.Error(), err); err != nil {
		return nil, err
	}
	list := adm.ListCommittedOffsets
	if s.config.Isolation == ReadUncommitted {
		list = adm.ListEndOffsets
	}
	ends, err := list(ctx, topic)
	if err := cmp.Or(ends.Error(), err); err != nil {
		return nil, err
	}
	if len(starts[topic]) == 0 {
		return nil, kerr.UnknownTopicOrPartition
	}
	bounds := make(map[int32]source.Bounds, len(ends[topic]))
	for p, start := range starts[topic] {
		end, ok := ends.Lookup(topic, p)
		if !ok {
			return nil, fmt.Errorf("partition %d has a start, but no end", p)
		}
		bounds[p] = source.Bounds{Start: start.Offset, End: max(start.Offset, end.Offset)}
	}
	return bounds, nil
}

// Publish commits the checkpoint to the group, without joining it.
func (s *Source) Publish(ctx context.Context, group, topic string, cp pipeline.Checkpoint) error {
	if len(cp) == 0 {
		return nil
	}
	err := s.call(ctx, func(ctx context.Context, adm *kadm.Client) error { return commit(ctx, adm, group, topic, cp) })
	return s.fault(ctx, err, "commit offsets %s of topic %q to group %q", cp, topic, group)
}

func commit(ctx context.Context, adm *kadm.Client, group, topic string, cp pipeline.Checkpoint) error {
	// CommitOffsets takes any trouble in finding the topic for its absence.
	topics, err := adm.ListTopics(ctx, topic)
	if err := cmp.Or(err, topics.Error()); err != nil {
		return err
	}
	offsets := kadm.Offsets{}
	for p, next := range cp {
		offsets.AddOffset(topic, p, next, -1)
	}
	answers, err := adm.CommitOffsets(ctx, group, offsets)
	return cmp.Or(err, answers.Error())
}

// brokers names the cluster in errors.
func (s *Source) brokers() string { return strings.Join(s.config.Brokers, ",") }

// errNoAnswer replaces "context deadline exceeded" where our own limit ended a
// call.
var errNoAnswer = errors.New("no broker answered in time")

// backoff is the pause before asking again: 50 ms, doubling to a second.
func backoff(attempt int) time.Duration {
	return min(time.Second, 50*time.Millisecond<<min(attempt, 5))
}
