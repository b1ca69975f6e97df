package sinktest

import (
	"reflect"

	"github.com/autonomous-data-pipeline/adp/sink"
)

var crashTests = map[string]func(*suite){
	"a load that crashes happened whole or not at all":       crashedLoad,
	"a settlement that crashes happened whole or not at all": crashedSettlement,
	"a rollback that crashes happened whole or not at all":   crashedRollback,
	"an expiry that crashes happened whole or not at all":    crashedExpiry,
	"what a crash leaves behind is cleaned up":               crashLeftovers,
}

// crashed carries a step out at every crash point in turn: in a process that
// dies there, after which the table must be as before or as after the step;
// then again, after which it must be as after it, and repeating that must
// change nothing. undo makes the table ready for the next point.
func (s *suite) crashed(step func() Step, before, after, undo func()) {
	s.Helper()
	if s.h.Crash == nil {
		s.Skip("this sink can't be made to crash")
	}
	for _, point := range s.h.CrashPoints {
		do := step()
		sequence := s.state().Sequence
		died, err := s.h.Crash(point, do)
		if err != nil {
			s.Fatalf("crash at %q: %v", point, err)
		}
		s.Logf("crash point %q: died %v", point, died)
		s.sink = s.open()
		if s.state().Sequence == sequence {
			before()
		} else {
			after()
		}
		if err := do.Do(s.Context(), s.sink); err != nil {
			s.Fatalf("repeat after a crash at %q: %v", point, err)
		}
		after()
		if s.Failed() {
			s.Fatalf("crash point %q", point)
		}
		undo()
	}
}

func crashedLoad(s *suite) {
	s.loadNext(10)
	found := s.locate()
	var l sink.Load
	s.crashed(
		func() Step { l = s.next(20); return Step{Load: &l} },
		func() {
			if !reflect.DeepEqual(s.locate(), found) {
				s.Error("something of an uncommitted load can be seen")
			}
		},
		func() { s.wantEach(48, 12, 0) },
		func() {
			if _, err := s.sink.Rollback(s.Context(), l.Batch.ID, "test"); err != nil {
				s.Fatal(err)
			}
		},
	)
}

func crashedSettlement(s *suite) {
	var l sink.Load
	var st sink.Settlement
	s.crashed(
		func() Step {
			l, _ = s.loadNext(20, held)
			st = releasing(s.onlyEntry(), "release")
			return Step{Settle: &st}
		},
		func() { s.wantEach(0, 8, 32) },
		func() { s.wantEach(32, 8, 0) },
		func() {
			if _, err := s.sink.Rollback(s.Context(), l.Batch.ID, "test"); err != nil {
				s.Fatal(err)
			}
		},
	)
}

func crashedRollback(s *suite) {
	s.loadNext(10)
	s.crashed(
		func() Step {
			l, _ := s.loadNext(20)
			return Step{Rollback: l.Batch.ID}
		},
		func() { s.wantEach(48, 12, 0) },
		func() { s.wantEach(16, 4, 0) },
		func() {},
	)
}

func crashedExpiry(s *suite) {
	var e sink.Entry
	kept := int64(0)
	s.crashed(
		func() Step {
			kept++
			s.loadNext(10)
			s.loadNext(10, clean) // the last load doesn't expire
			e = s.onlyEntry()
			return Step{Expire: &e}
		},
		func() { s.wantCounts(36*kept, 4, 4*(kept-1)) },
		func() { s.wantCounts(36*kept, 0, 4*kept) },
		func() {},
	)
}

// wantCounts checks how many records are in the table, in quarantine and
// expired.
func (s *suite) wantCounts(table, quarantine, expired int64) {
	s.Helper()
	found := s.locate()
	got := [3]int64{found.count(sink.InTable), found.count(sink.InQuarantine), s.state().Expired.Records}
	if got != [3]int64{table, quarantine, expired} {
		s.Errorf("table, quarantine and expired have %v records, want %v", got, []int64{table, quarantine, expired})
	}
}

func crashLeftovers(s *suite) {
	if s.h.Crash == nil {
		s.Skip("this sink can't be made to crash")
	}
	s.loadNext(10)
	l := s.next(20)
	sequence := s.state().Sequence
	removed := 0
	for _, point := range s.h.CrashPoints {
		if _, err := s.h.Crash(point, Step{Load: &l}); err != nil {
			s.Fatalf("crash at %q: %v", point, err)
		}
		if s.state().Sequence != sequence {
			break // this point, and those behind it, lie after the commit
		}
		names, err := s.sink.Cleanup(s.Context(), 0)
		if err != nil {
			s.Fatal(err)
		}
		removed += len(names)
	}
	if removed == 0 {
		s.Error("nothing was cleaned up")
	}
	s.load(l)
	s.unchanged(func() {
		if names, err := s.sink.Cleanup(s.Context(), 0); err != nil {
			s.Errorf("the second clean-up removed %v, %v", names, err)
		}
	})
	s.wantEach(48, 12, 0)
}
