package kafka

import (
	"cmp"
	"context"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/autonomous-data-pipeline/adp/pipeline"
)

// Anchor is the checkpoint to plan from. It is cp itself, unless the pipeline
// has loaded nothing and starts at latest: then it is the topic's end as it
// was at the first call, which the consumer group remembers. Without that,
// every run would begin at the end anew, and load nothing ever. Partitions
// that are added later begin at their oldest offset, as they do in any plan.
func (s *Source) Anchor(ctx context.Context, group, topic string, cp pipeline.Checkpoint) (pipeline.Checkpoint, error) {
	if s.config.Start != Latest || len(cp) > 0 {
		return cp, nil
	}
	var anchor pipeline.Checkpoint
	err := s.call(ctx, func(ctx context.Context, adm *kadm.Client) (err error) {
		anchor, err = s.anchor(ctx, adm, group, topic)
		return err
	})
	return anchor, s.fault(ctx, err, "find where to start in topic %q for group %q", topic, group)
}

func (s *Source) anchor(ctx context.Context, adm *kadm.Client, group, topic string) (pipeline.Checkpoint, error) {
	committed, err := adm.FetchOffsetsForTopics(ctx, group, topic)
	if err := cmp.Or(err, committed.Error()); err != nil && !is(err, kerr.GroupIDNotFound) {
		return nil, err
	}
	cp := pipeline.Checkpoint{}
	for _, o := range committed[topic] {
		if o.At >= 0 { // -1: the group has no offset there
			cp[o.Partition] = o.At
		}
	}
	if len(cp) > 0 {
		return cp, nil
	}
	bounds, err := s.bounds(ctx, adm, topic)
	if err != nil {
		return nil, err
	}
	for p, b := range bounds {
		cp[p] = b.End
	}
	return cp, commit(ctx, adm, group, topic, cp)
}
