// Package sinktest is the conformance suite that every sink passes: what the
// pipeline's first promise, nothing lost and nothing doubled, means for a
// table. It also stages files the way the engine does.
package sinktest

import (
	"context"
	"errors"
	"maps"
	"reflect"
	"slices"
	"testing"

	"github.com/autonomous-data-pipeline/adp/pipeline"
	"github.com/autonomous-data-pipeline/adp/sink"
)

// Harness is a fresh, empty table.
type Harness struct {
	// Open gives another handle on the table, the way another process would
	// have one.
	Open func() (sink.Sink, error)
	// DataFiles lists the table's visible data files, as local paths: the tests
	// of validation damage the first. A sink without local files brings Damage
	// instead: by what is to be noticed ("a flipped byte", "a missing file", "a
	// row too many", "an emptied file"), what does it to the one batch that the
	// table has. What neither can do is skipped.
	DataFiles func() ([]string, error)
	Damage    map[string]func() error
	// CrashPoints name the places within a commit at which a process may die,
	// and Crash carries a step out in a process that dies there. It reports
	// whether the process died: not every step passes every point.
	CrashPoints []string
	Crash       func(point string, step Step) (died bool, err error)
}

// Step is one operation that changes a table. It can be sent as JSON.
type Step struct {
	Load     *sink.Load       `json:"load,omitempty"`
	Settle   *sink.Settlement `json:"settle,omitempty"`
	Rollback string           `json:"rollback,omitempty"` // batch ID
	Expire   *sink.Entry      `json:"expire,omitempty"`
}

// Do carries the step out.
func (s Step) Do(ctx context.Context, to sink.Sink) error {
	var err error
	switch {
	case s.Load != nil:
		_, err = to.Load(ctx, *s.Load)
	case s.Settle != nil:
		_, err = to.Settle(ctx, *s.Settle)
	case s.Expire != nil:
		err = to.Expire(ctx, s.Expire.BatchID, s.Expire.Revision, "crash test")
	default:
		_, err = to.Rollback(ctx, s.Rollback, "crash test")
	}
	return err
}

// Run runs the suite. fresh makes a new, empty table for each test.
func Run(t *testing.T, fresh func(t *testing.T) Harness) {
	for _, tests := range []map[string]func(*suite){loadTests, quarantineTests, expiryTests, validationTests, crashTests, historyTests} {
		for _, name := range slices.Sorted(maps.Keys(tests)) {
			t.Run(name, func(t *testing.T) {
				s := &suite{T: t, h: fresh(t), dir: t.TempDir()}
				s.sink = s.open()
				tests[name](s)
			})
		}
	}
}

// suite is one test on one table.
type suite struct {
	*testing.T
	h    Harness
	dir  string // staging
	sink sink.Sink
}

func (s *suite) open() sink.Sink {
	s.Helper()
	snk, err := s.h.Open()
	if err != nil {
		s.Fatal(err)
	}
	s.Cleanup(func() {
		if err := snk.Close(); err != nil {
			s.Error(err)
		}
	})
	return snk
}

// next stages records [0, n) or whatever follows the checkpoint, in partitions
// 0 and 1.
func (s *suite) next(n int64, change ...func(*Spec)) sink.Load {
	s.Helper()
	base := s.state().Checkpoint
	spec := Spec{RunID: "run-" + base.String(), Base: base, Ranges: []pipeline.Range{
		{Partition: 0, Start: base[0], End: base[0] + n}, {Partition: 1, Start: base[1], End: base[1] + n},
	}}
	for _, c := range change {
		c(&spec)
	}
	return Stage(s, s.dir, spec)
}

func held(spec *Spec)  { spec.Held = true }
func clean(spec *Spec) { spec.Clean = true }

func (s *suite) load(l sink.Load) sink.Receipt {
	s.Helper()
	r, err := s.sink.Load(s.Context(), l)
	if err != nil {
		s.Fatal(err)
	}
	return r
}

// loadNext loads n more records of each partition.
func (s *suite) loadNext(n int64, change ...func(*Spec)) (sink.Load, sink.Receipt) {
	s.Helper()
	l := s.next(n, change...)
	return l, s.load(l)
}

func (s *suite) state() sink.State {
	s.Helper()
	st, err := s.sink.State(s.Context())
	if err != nil {
		s.Fatal(err)
	}
	return st
}

func (s *suite) entries() []sink.Entry {
	s.Helper()
	entries, err := s.sink.Entries(s.Context())
	if err != nil {
		s.Fatal(err)
	}
	return entries
}

func (s *suite) onlyEntry() sink.Entry {
	s.Helper()
	entries := s.entries()
	if len(entries) != 1 {
		s.Fatalf("there are %d quarantine entries, want 1: %+v", len(entries), entries)
	}
	return entries[0]
}

func (s *suite) settle(st sink.Settlement) sink.Receipt {
	s.Helper()
	r, err := s.sink.Settle(s.Context(), st)
	if err != nil {
		s.Fatal(err)
	}
	return r
}

// census is where every record was found.
type census map[Place][]sink.Place

func (s *suite) locate() census {
	s.Helper()
	found := census{}
	err := s.sink.Locate(s.Context(), func(at sink.Place, partition int32, offset int64) error {
		p := Place{partition, offset}
		found[p] = append(found[p], at)
		return nil
	})
	if err != nil {
		s.Fatal(err)
	}
	return found
}

func (c census) count(at sink.Place) int64 {
	var n int64
	for _, places := range c {
		for _, p := range places {
			if p == at {
				n++
			}
		}
	}
	return n
}

// wantEach checks that every record up to the checkpoint is in one place, and
// that the table holds so many of them.
func (s *suite) wantEach(inTable, inQuarantine, inHeld int64) {
	s.Helper()
	found := s.locate()
	var want int64
	for p, end := range s.state().Checkpoint {
		for off := range end {
			want++
			if places := found[Place{p, off}]; len(places) != 1 {
				s.Errorf("partition %d offset %d is in %v, want it in one place", p, off, places)
			}
		}
	}
	if int64(len(found)) != want {
		s.Errorf("%d offsets are in the sink, want %d", len(found), want)
	}
	got := [3]int64{found.count(sink.InTable), found.count(sink.InQuarantine), found.count(sink.InHeld)}
	if got != [3]int64{inTable, inQuarantine, inHeld} {
		s.Errorf("table, quarantine and held have %v records, want %v", got, []int64{inTable, inQuarantine, inHeld})
	}
}

// unchanged checks that what fn does leaves the table as it was.
func (s *suite) unchanged(fn func()) {
	s.Helper()
	state, found, entries := s.state(), s.locate(), s.entries()
	fn()
	if got := s.state(); !reflect.DeepEqual(got, state) {
		s.Errorf("the state became %+v, was %+v", got, state)
	}
	if got := s.locate(); !reflect.DeepEqual(got, found) {
		s.Errorf("the records changed their places")
	}
	if got := s.entries(); !reflect.DeepEqual(got, entries) {
		s.Errorf("the entries became %+v, were %+v", got, entries)
	}
}

func (s *suite) wantConflict(err error) {
	s.Helper()
	if !errors.Is(err, sink.ErrConflict) {
		s.Errorf("error is %v, want ErrConflict", err)
	}
}

func (s *suite) wantKind(err error, kind pipeline.Kind) {
	s.Helper()
	if err == nil || pipeline.KindOf(err) != kind {
		s.Errorf("error is %v, want a fault of kind %s", err, kind)
	}
}

// wantValid checks what a commit's validation says.
func (s *suite) wantValid(r sink.Receipt, rows, rejects int64) {
	s.Helper()
	v, err := s.sink.Validate(s.Context(), r)
	if err != nil {
		s.Fatal(err)
	}
	want := sink.Verdict{BatchID: r.BatchID, Rows: rows, Rejects: rejects}
	if !reflect.DeepEqual(v, want) {
		s.Errorf("the verdict is %+v, want %+v", v, want)
	}
}
