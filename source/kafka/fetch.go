package kafka

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/autonomous-data-pipeline/adp/pipeline"
)

const (
	// waitMs is how long a broker may wait for data to come.
	waitMs = 500
	// emptyAnswers in a row, each after waitMs, are taken for a hole that goes
	// on to the end of the log. Brokers that keep old segments in an object
	// store answer nothing while they are slow.
	emptyAnswers = 3
	// unknownAnswers in a row are believed about a topic: a broker that has
	// just started may not have heard of it yet.
	unknownAnswers = 3
)

// fetcher asks a partition's leader for the range, one answer ahead of its
// reader.
type fetcher struct {
	source    *Source
	client    *kgo.Client
	topic     string
	partition int32
	next, end int64 // the next fetch begins at next

	id      [16]byte // of the topic, as the read began; zero with old brokers
	leader  int32    // -1 is unknown
	reached bool     // some broker has answered
	unknown int      // answers in a row that there is no such topic
	err     error    // how run ended, once its answers are closed
}

func newFetcher(s *Source, cl *kgo.Client, topic string, r pipeline.Range) *fetcher {
	return &fetcher{source: s, client: cl, topic: topic, partition: r.Partition, next: r.Start, end: r.End, leader: -1}
}

// run sends answers until they cover the range.
func (f *fetcher) run(ctx context.Context, answers chan<- answer) error {
	for f.next < f.end {
		a, err := f.progress(ctx)
		if err != nil {
			return err
		}
		if len(a.batches) == 0 {
			return nil // a hole up to the end
		}
		select {
		case answers <- a:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// progress asks until something comes: batches, or an empty answer for a hole
// that goes on to the end of the range. What may pass is tried again until the
// stall limit.
func (f *fetcher) progress(ctx context.Context) (answer, error) {
	limit := time.NewTimer(f.source.config.StallTimeout)
	defer limit.Stop()
	empty := 0
	for attempt := 0; ; attempt++ {
		p, err := f.ask(ctx)
		switch {
		case err == nil && len(p.RecordBatches) > 0:
			return f.advance(p)
		case err == nil:
			if empty++; empty >= emptyAnswers && f.readable(p) >= f.end && f.local(ctx) {
				return answer{}, nil
			}
			err = fmt.Errorf("offsets from %d on are not there: the log can be read up to %d (%s); was it truncated, is a transaction open, or is older data slow to come?",
				f.next, f.readable(p), f.source.config.Isolation)
		default:
			empty = 0
			if !f.passing(err) {
				return answer{}, f.vanished(err)
			}
			f.leader = -1 // it may have moved
		}
		select {
		case <-time.After(backoff(attempt)):
		case <-limit.C:
			return answer{}, f.stalled(err)
		case <-ctx.Done():
			return answer{}, ctx.Err()
		}
	}
}

// passing reports whether asking again may help. A cluster that was never
// reached has had its time already: the client tried for the dial limit.
func (f *fetcher) passing(err error) bool {
	if unknownTopic(err) {
		f.unknown++
		return f.unknown < unknownAnswers
	}
	f.unknown = 0
	var known *pipeline.Fault
	switch {
	case errors.As(err, &known):
		return false
	case is(err, kerr.TopicAuthorizationFailed, kerr.ClusterAuthorizationFailed, kerr.SaslAuthenticationFailed, kerr.InvalidTopicException):
		return false
	}
	return f.reached
}

// vanished is the fault of a topic that was there and isn't any more. Whether it
// comes back under its name is no matter: its offsets are other records then.
// Other errors pass through.
func (f *fetcher) vanished(err error) error {
	if !f.reached || !unknownTopic(err) {
		return err
	}
	return pipeline.Misconfiguredf(settingTopic, "read topic %q on from offset %d: %w; was it deleted, or made anew, while it was read?", f.topic, f.next, err)
}

// stalled is the fault of a read that got no further. An offset beyond the end
// for that long is no lagging replica.
func (f *fetcher) stalled(err error) error {
	if is(err, kerr.OffsetOutOfRange) {
		return pipeline.Misconfiguredf(settingTopic,
			"read topic %q partition %d from offset %d: the log ends before it; was the topic made anew or truncated, or is this another cluster?", f.topic, f.partition, f.next)
	}
	return &pipeline.Fault{Kind: pipeline.Transient, Setting: settingStall, Err: fmt.Errorf(
		"read topic %q partition %d on from offset %d to %d: no progress for %s: %w", f.topic, f.partition, f.next, f.end, f.source.config.StallTimeout, err)}
}

// ask sends one fetch.
func (f *fetcher) ask(ctx context.Context) (*kmsg.FetchResponseTopicPartition, error) {
	if f.leader < 0 {
		if err := f.findLeader(ctx); err != nil {
			return nil, err
		}
	}
	resp, err := f.request().RequestWith(ctx, f.client.Broker(int(f.leader)))
	if err != nil {
		return nil, err
	}
	if err := kerr.ErrorForCode(resp.ErrorCode); err != nil {
		return nil, err
	}
	if len(resp.Topics) != 1 || len(resp.Topics[0].Partitions) != 1 || resp.Topics[0].Partitions[0].Partition != f.partition {
		return nil, fmt.Errorf("broker %d answered a fetch of one partition with another", f.leader)
	}
	p := &resp.Topics[0].Partitions[0]
	if err := kerr.ErrorForCode(p.ErrorCode); err != nil {
		return nil, f.outOfRange(ctx, err)
	}
	return p, nil
}

func (f *fetcher) request() *kmsg.FetchRequest {
	p := kmsg.NewFetchRequestTopicPartition()
	p.Partition, p.FetchOffset, p.PartitionMaxBytes = f.partition, f.next, f.source.config.FetchBytes
	t := kmsg.NewFetchRequestTopic()
	t.Topic, t.TopicID = f.topic, f.id
	t.Partitions = append(t.Partitions, p)
	req := kmsg.NewPtrFetchRequest()
	req.MaxWaitMillis, req.MinBytes, req.MaxBytes = waitMs, 1, f.source.config.FetchBytes
	if f.source.config.Isolation == ReadCommitted {
		req.IsolationLevel = 1
	}
	req.Topics = append(req.Topics, t)
	return req
}

// advance moves next behind the answer's whole batches. A first batch that is
// larger than the fetch comes whole nevertheless.
func (f *fetcher) advance(p *kmsg.FetchResponseTopicPartition) (answer, error) {
	next, whole := f.next, p.RecordBatches
	for rest := whole; ; {
		b, left, err := cut(rest)
		if err != nil {
			return answer{}, pipeline.Faultf(pipeline.BadData, "take apart what topic %q partition %d holds at offset %d: %w", f.topic, f.partition, next, err)
		}
		if b == nil {
			whole = whole[:len(whole)-len(rest)]
			break
		}
		next, rest = max(next, b.last()+1), left
	}
	if next == f.next {
		return answer{}, pipeline.Faultf(pipeline.BadData,
			"take apart what topic %q partition %d holds at offset %d: the broker sent %d bytes without the offset", f.topic, f.partition, next, len(p.RecordBatches))
	}
	f.next = next
	return answer{batches: whole, aborted: p.AbortedTransactions}, nil
}

// readable is where the log ends for us.
func (f *fetcher) readable(p *kmsg.FetchResponseTopicPartition) int64 {
	if f.source.config.Isolation == ReadCommitted {
		return p.LastStableOffset
	}
	return p.HighWatermark
}

// findLeader asks who leads the partition, and pins the topic: one that was
// deleted and made anew under its name has other records at these offsets.
func (f *fetcher) findLeader(ctx context.Context) error {
	t := kmsg.NewMetadataRequestTopic()
	t.Topic = kmsg.StringPtr(f.topic)
	req := kmsg.NewPtrMetadataRequest()
	req.Topics = append(req.Topics, t)
	limited, cancel := context.WithTimeout(ctx, f.source.config.DialTimeout)
	defer cancel()
	resp, err := req.RequestWith(limited, f.client)
	if err != nil {
		return err
	}
	if len(resp.Topics) != 1 {
		return fmt.Errorf("a broker answered a question for one topic with %d", len(resp.Topics))
	}
	topic := resp.Topics[0]
	if err := kerr.ErrorForCode(topic.ErrorCode); err != nil {
		return err
	}
	if f.reached && topic.TopicID != f.id {
		return pipeline.Misconfiguredf(settingTopic, "read topic %q on from offset %d: it was deleted and made anew meanwhile", f.topic, f.next)
	}
	f.reached, f.id = true, topic.TopicID
	for _, p := range topic.Partitions {
		if p.Partition == f.partition {
			f.leader = p.Leader
			if p.Leader >= 0 { // what is wrong with a replica is no matter
				return nil
			}
			return cmp.Or(kerr.ErrorForCode(p.ErrorCode), error(kerr.LeaderNotAvailable))
		}
	}
	return pipeline.Misconfiguredf(settingTopic, "read topic %q: it has %d partitions and no partition %d; was it made anew?", f.topic, len(topic.Partitions), f.partition)
}

// outOfRange tells an offset that retention took from one that isn't there
// yet. Other errors pass through.
func (f *fetcher) outOfRange(ctx context.Context, err error) error {
	if !is(err, kerr.OffsetOutOfRange) {
		return err
	}
	starts, listErr := kadm.NewClient(f.client).ListStartOffsets(ctx, f.topic)
	if listErr != nil {
		return listErr
	}
	if start, ok := starts.Lookup(f.topic, f.partition); ok && start.Err == nil && f.next < start.Offset {
		return pipeline.Faultf(pipeline.BadData,
			"read topic %q partition %d from offset %d: the log starts at %d, retention took what was before; plan again, and keep records longer (retention.ms, retention.bytes)",
			f.topic, f.partition, f.next, start.Offset)
	}
	return err
}

// local reports whether the next offset lies in the leader's own part of the
// log, where an empty answer means that there is nothing.
func (f *fetcher) local(ctx context.Context) bool {
	starts, err := kadm.NewClient(f.client).ListLocalLogStartOffsets(ctx, f.topic)
	if err == nil {
		if start, ok := starts.Lookup(f.topic, f.partition); ok {
			err = start.Err
			if err == nil {
				return f.next >= start.Offset
			}
		}
	}
	// Brokers that don't know the question have no other part.
	return is(err, kerr.UnsupportedVersion)
}
