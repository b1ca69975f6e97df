package sourcetest

import (
	"slices"

	"github.com/autonomous-data-pipeline/adp/pipeline"
	"github.com/autonomous-data-pipeline/adp/source"
)

var logTests = map[string]func(*suite){
	"bounds follow what is written and what retention takes":     bounds,
	"partitions have bounds of their own":                        boundsApart,
	"the log agrees with the bounds":                             logAgrees,
	"what is gone from the log's middle is a hole, and bad data": holes,
	"a log that lost its head goes on growing":                   growsOn,
}

// wantBounds are of the one partition that a test looks at.
func (s *suite) wantBounds(topic string, p int32, b source.Bounds) {
	s.Helper()
	if got := s.bounds(topic); got[p] != b {
		s.Fatalf("bounds are %v, want %v for partition %d", got, b, p)
	}
}

func bounds(s *suite) {
	topic := s.NewTopic(s.T, 1)
	s.wantBounds(topic, 0, source.Bounds{})
	s.Append(s.T, topic, 0, events(30))
	s.wantBounds(topic, 0, source.Bounds{End: 30})
	s.DeleteBefore(s.T, topic, 0, 12)
	s.wantBounds(topic, 0, source.Bounds{Start: 12, End: 30})
	if got := s.bounds(topic); len(got) != 1 {
		s.Fatalf("bounds are %v, want one partition's", got)
	}
}

func boundsApart(s *suite) {
	if s.OnePartition {
		s.Skip("this source has one partition")
	}
	topic := s.NewTopic(s.T, 2)
	s.Append(s.T, topic, 1, events(30))
	s.wantBounds(topic, 0, source.Bounds{})
	s.wantBounds(topic, 1, source.Bounds{End: 30})
	if got := s.bounds(topic); len(got) != 2 {
		s.Fatalf("bounds are %v, want two partitions'", got)
	}
}

func (s *suite) log(topic string, cp pipeline.Checkpoint) []pipeline.Range {
	s.Helper()
	log, err := source.LogFrom(s.Context(), s.Source, topic, cp)
	if err != nil {
		s.Fatal(err)
	}
	return log
}

func logAgrees(s *suite) {
	topic := s.topic(events(30))
	s.DeleteBefore(s.T, topic, 0, 12)
	for _, cp := range []pipeline.Checkpoint{nil, {0: 12}, {0: 30}} {
		if got := s.log(topic, cp); !slices.Equal(got, []pipeline.Range{{Start: 12, End: 30}}) {
			s.Fatalf("from %v the log is %v, want 12 to 30", cp, got)
		}
	}
}

func holes(s *suite) {
	if s.DeleteMiddle == nil {
		s.Skip("nothing goes from this source's middle, or it leaves no trace")
	}
	in := events(30)
	topic := s.topic(in)
	s.DeleteMiddle(s.T, topic, 10, 14)
	if got, want := s.log(topic, nil), []pipeline.Range{{Start: 0, End: 10}, {Start: 14, End: 30}}; !slices.Equal(got, want) {
		s.Fatalf("the log is %v, want %v", got, want)
	}
	got, err := s.read(s.Context(), topic, pipeline.Range{Start: 5, End: 20})
	s.wantKind(err, pipeline.BadData)
	if len(got) > 0 {
		s.Errorf("%d records came before it failed", len(got))
	}
	s.want(s.mustRead(topic, pipeline.Range{Start: 0, End: 10}), 0, in[:10])
	s.want(s.mustRead(topic, pipeline.Range{Start: 14, End: 30}), 14, in[14:])
	s.DeleteMiddle(s.T, topic, 14, 30)
	if got, want := s.log(topic, pipeline.Checkpoint{0: 20}), []pipeline.Range{{Start: 0, End: 10}, {Start: 30, End: 30}}; !slices.Equal(got, want) {
		s.Fatalf("without its end the log is %v, want %v", got, want)
	}
}

func growsOn(s *suite) {
	in := events(30)
	topic := s.topic(in[:20])
	s.DeleteBefore(s.T, topic, 0, 12)
	s.Append(s.T, topic, 0, in[20:])
	if got := s.log(topic, pipeline.Checkpoint{0: 12}); !slices.Equal(got, []pipeline.Range{{Start: 12, End: 30}}) {
		s.Fatalf("the log is %v, want 12 to 30", got)
	}
	s.want(s.mustRead(topic, pipeline.Range{Start: 12, End: 30}), 12, in[12:])
}
