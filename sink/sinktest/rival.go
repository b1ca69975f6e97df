package sinktest

import (
	"errors"
	"sync"

	"github.com/autonomous-data-pipeline/adp/pipeline"
	"github.com/autonomous-data-pipeline/adp/sink"
)

// skipped loads offsets 20 to 40 alone, so that the table lacks 0 to 20.
func skipped(s *suite) {
	s.Helper()
	s.load(Stage(s, s.dir, Spec{RunID: "run-1", Ranges: []pipeline.Range{{Partition: 0, Start: 20, End: 40}}}))
}

func backfill(s *suite) {
	skipped(s)
	st := s.state()
	l := Stage(s, s.dir, Spec{RunID: "backfill", Base: st.Checkpoint, Ranges: []pipeline.Range{{Partition: 0, Start: 0, End: 20}}})
	l.Sequence = st.Sequence
	s.load(l)
	if got := s.state().Checkpoint; !got.Equal(st.Checkpoint) {
		s.Errorf("the backfill moved the checkpoint to %v", got)
	}
	s.wantEach(32, 8, 0)
	if again := s.load(l); !again.Repeated {
		s.Error("the repeated backfill isn't known again")
	}
}

func overlap(s *suite) {
	skipped(s)
	st := s.state()
	l := Stage(s, s.dir, Spec{RunID: "backfill", Base: st.Checkpoint, Ranges: []pipeline.Range{{Partition: 0, Start: 10, End: 21}}})
	s.unchanged(func() {
		_, err := s.sink.Load(s.Context(), l)
		s.wantConflict(err)
	})
}

// together loads all of these at once, a handle each.
func (s *suite) together(loads []sink.Load) ([]sink.Receipt, []error) {
	receipts, errs := make([]sink.Receipt, len(loads)), make([]error, len(loads))
	var start, done sync.WaitGroup
	start.Add(1)
	for i, l := range loads {
		handle := s.open()
		done.Go(func() {
			start.Wait()
			receipts[i], errs[i] = handle.Load(s.Context(), l)
		})
	}
	start.Done()
	done.Wait()
	return receipts, errs
}

func concurrentTwins(s *suite) {
	s.loadNext(10)
	l := s.next(20)
	receipts, errs := s.together([]sink.Load{l, l, l, l})
	if err := errors.Join(errs...); err != nil {
		s.Fatal(err)
	}
	firsts := 0
	for _, r := range receipts {
		if !r.Repeated {
			firsts++
		}
		if r.Sequence != receipts[0].Sequence {
			s.Errorf("receipts name commits %d and %d", r.Sequence, receipts[0].Sequence)
		}
	}
	if firsts != 1 {
		s.Errorf("%d of the twins committed, want 1", firsts)
	}
	s.wantEach(48, 12, 0)
}

func rivals(s *suite) {
	var loads []sink.Load
	for n := range int64(4) {
		loads = append(loads, s.next(10*(n+1)))
	}
	_, errs := s.together(loads)
	won := -1
	for i, err := range errs {
		switch {
		case err == nil && won >= 0:
			s.Fatalf("loads %d and %d both won", won, i)
		case err == nil:
			won = i
		default:
			s.wantConflict(err)
		}
	}
	if won < 0 {
		s.Fatal("no load won")
	}
	records := loads[won].Records
	s.wantEach(records.Loaded, records.Quarantined, 0)
}
