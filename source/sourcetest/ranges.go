package sourcetest

import (
	"sync"

	"github.com/autonomous-data-pipeline/adp/pipeline"
	"github.com/autonomous-data-pipeline/adp/source"
)

var rangeTests = map[string]func(*suite){
	"a read gives exactly its range, whose end is not in it":     exactRange,
	"ranges that tile the log give every record once":            tiles,
	"a range of one offset gives one record":                     singleOffsets,
	"an empty or inverted range gives nothing":                   emptyRange,
	"reading again gives the same":                               repeatable,
	"concurrent reads don't disturb each other":                  concurrent,
	"partitions are read apart":                                  partitions,
	"aborted records are a hole":                                 aborted,
	"a range of nothing but aborted records is empty, and ends":  allAborted,
	"a range that ends inside of aborted records ends":           abortedEnd,
	"records that are written while a read waits for them count": waits,
}

func exactRange(s *suite) {
	in := events(200)
	topic := s.topic(in)
	s.want(s.mustRead(topic, pipeline.Range{Start: 0, End: 200}), 0, in)
	s.want(s.mustRead(topic, pipeline.Range{Start: 37, End: 161}), 37, in[37:161])
}

func tiles(s *suite) {
	in := events(200)
	topic := s.topic(in)
	var all []source.Record
	for start := int64(0); start < 200; start += 17 {
		all = append(all, s.mustRead(topic, pipeline.Range{Start: start, End: min(start+17, 200)})...)
	}
	s.want(all, 0, in)
}

func singleOffsets(s *suite) {
	in := events(5)
	topic := s.topic(in)
	for i := range in {
		s.want(s.mustRead(topic, pipeline.Range{Start: int64(i), End: int64(i) + 1}), int64(i), in[i:i+1])
	}
}

func emptyRange(s *suite) {
	topic := s.topic(events(10))
	for _, r := range []pipeline.Range{{Start: 4, End: 4}, {Start: 5, End: 3}, {Start: 10, End: 10}} {
		s.want(s.mustRead(topic, r), 0, nil)
	}
}

func repeatable(s *suite) {
	in := events(100)
	topic := s.topic(in)
	for range 2 {
		s.want(s.mustRead(topic, pipeline.Range{Start: 20, End: 90}), 20, in[20:90])
	}
}

func concurrent(s *suite) {
	in := events(200)
	topic := s.topic(in)
	got := make([][]source.Record, 8)
	errs := make([]error, len(got))
	var wg sync.WaitGroup
	for i := range got {
		wg.Go(func() {
			start := int64(i) * 25
			got[i], errs[i] = s.read(s.Context(), topic, pipeline.Range{Start: start, End: start + 25})
		})
	}
	wg.Wait()
	for i, err := range errs {
		if err != nil {
			s.Fatal(err)
		}
		s.want(got[i], int64(i)*25, in[i*25:(i+1)*25])
	}
}

func partitions(s *suite) {
	if s.OnePartition {
		s.Skip("this source has one partition")
	}
	topic := s.NewTopic(s.T, 3)
	in := events(60)
	for p := range int32(3) {
		s.Append(s.T, topic, p, in[p*20:(p+1)*20])
	}
	for p := range int32(3) {
		s.want(s.mustRead(topic, pipeline.Range{Partition: p, Start: 0, End: 20}), 0, in[p*20:(p+1)*20])
	}
}

func (s *suite) needsTransactions() {
	s.Helper()
	if s.Abort == nil {
		s.Skip("this source has no transactions")
	}
}

func aborted(s *suite) {
	s.needsTransactions()
	in := events(30)
	topic := s.topic(in[:10])
	s.Abort(s.T, topic, 0, in[10:20])
	hole := s.bounds(topic)[0].End
	s.Append(s.T, topic, 0, in[20:])
	got := s.mustRead(topic, pipeline.Range{Start: 0, End: s.bounds(topic)[0].End})
	if len(got) != 20 {
		s.Fatalf("%d records at offsets %v, want 20", len(got), offsets(got))
	}
	s.want(got[:10], 0, in[:10])
	s.want(got[10:], hole, in[20:])
}

func allAborted(s *suite) {
	s.needsTransactions()
	topic := s.NewTopic(s.T, 1)
	s.Abort(s.T, topic, 0, events(10))
	s.Abort(s.T, topic, 0, events(10))
	end := s.bounds(topic)[0].End
	if end < 20 {
		s.Fatalf("the log ends at %d, want at least 20", end)
	}
	s.want(s.mustRead(topic, pipeline.Range{Start: 0, End: end}), 0, nil)
}

func abortedEnd(s *suite) {
	s.needsTransactions()
	in := events(20)
	topic := s.topic(in[:10])
	s.Abort(s.T, topic, 0, in[10:])
	for end := int64(11); end <= s.bounds(topic)[0].End; end++ {
		s.want(s.mustRead(topic, pipeline.Range{Start: 5, End: end}), 5, in[5:10])
	}
}

func waits(s *suite) {
	if s.NoWaiting {
		s.Skip("this source doesn't wait")
	}
	in := events(20)
	topic := s.topic(in[:10])
	seen := make(chan struct{})
	var got []source.Record
	var err error
	var wg sync.WaitGroup
	wg.Go(func() {
		var first sync.Once
		err = s.Source.Read(s.Context(), topic, pipeline.Range{Start: 0, End: 20}, func(r []source.Record) error {
			first.Do(func() { close(seen) })
			for _, rec := range r {
				got = append(got, source.Record{Offset: rec.Offset})
			}
			return nil
		})
	})
	<-seen
	s.Append(s.T, topic, 0, in[10:])
	wg.Wait()
	if err != nil || len(got) != 20 {
		s.Fatalf("%d records, error %v, want 20", len(got), err)
	}
}
