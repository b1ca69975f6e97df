package sinktest

import (
	"os"
	"path/filepath"
	"reflect"

	"github.com/autonomous-data-pipeline/adp/pipeline"
	"github.com/autonomous-data-pipeline/adp/schemas"
	"github.com/autonomous-data-pipeline/adp/sink"
)

var loadTests = map[string]func(*suite){
	"a fresh table is the zero state":                             freshTable,
	"a load moves checkpoint, rows and quarantine together":       loadOnce,
	"every handle sees what one has loaded":                       otherHandle,
	"a repeated load gives its receipt and changes nothing":       repeatedLoad,
	"a load leaves staging alone, and outlives it":                stagingUntouched,
	"a stale base is a conflict":                                  staleBase,
	"a load planned on an older commit is a conflict":             staleSequence,
	"a backfill fills ranges that the table lacks":                backfill,
	"a backfill over ranges that the table has is a conflict":     overlap,
	"of concurrent loads of a batch one commits, all succeed":     concurrentTwins,
	"of rival batches exactly one wins":                           rivals,
	"a new nullable column is taken up":                           evolution,
	"a schema that doesn't fit is refused":                        incompatible,
	"a batch of another pipeline or topic is refused":             otherOwner,
	"records that don't add up are refused":                       unconserved,
	"a file named twice is refused":                               namedTwice,
	"a staged file that changed since is refused":                 changedStaging,
	"a batch without quarantine opens no entry":                   noEntry,
	"gaps are listed once, merged, until they are rolled back":    gaps,
	"a rollback takes the batch out and sets the checkpoint back": rollback,
	"a rolled back batch loads again":                             rollbackAndAgain,
	"a load that isn't the last one isn't rolled back":            rollbackRefused,
	"every offset is in one place after many loads":               manyLoads,
	"a clean-up leaves everything committed":                      cleanUpCommitted,
}

func freshTable(s *suite) {
	if st := s.state(); !reflect.DeepEqual(st, sink.State{}) {
		s.Errorf("the state is %+v, want zero", st)
	}
	s.wantEach(0, 0, 0)
	if e := s.entries(); len(e) != 0 {
		s.Errorf("entries are %v, want none", e)
	}
	covered, err := s.sink.Covered(s.Context())
	if err != nil || len(covered) != 0 {
		s.Errorf("covered are %v, %v, want none", covered, err)
	}
	gaps, err := s.sink.Gaps(s.Context())
	if err != nil || len(gaps) != 0 {
		s.Errorf("gaps are %v, %v, want none", gaps, err)
	}
	_, err = s.sink.Rollback(s.Context(), "none", "test")
	s.wantConflict(err)
}

func loadOnce(s *suite) {
	l, r := s.loadNext(50)
	st := s.state()
	if want := l.Base.After(l.Batch); !st.Checkpoint.Equal(want) || !r.Checkpoint.Equal(want) {
		s.Errorf("checkpoints are %v and %v, want %v", st.Checkpoint, r.Checkpoint, want)
	}
	if st.Sequence != r.Sequence || st.Sequence == 0 || st.SchemaVersion != l.SchemaVersion || !reflect.DeepEqual(st.Schema, l.Schema) {
		s.Errorf("the state is %+v, want the load's commit and schema", st)
	}
	if r.Repeated || r.RunID != l.RunID || r.BatchID != l.Batch.ID || r.Records != l.Records {
		s.Errorf("the receipt is %+v, want the load's", r)
	}
	covered, err := s.sink.Covered(s.Context())
	if err != nil || !reflect.DeepEqual(covered, l.Batch.Ranges) {
		s.Errorf("covered are %v, %v, want %v", covered, err, l.Batch.Ranges)
	}
	s.wantEach(80, 20, 0)
	s.wantValid(r, 80, 20)
}

func otherHandle(s *suite) {
	other := s.open()
	if _, err := other.State(s.Context()); err != nil {
		s.Fatal(err)
	}
	_, r := s.loadNext(10)
	st, err := other.State(s.Context())
	if err != nil || st.Sequence != r.Sequence {
		s.Errorf("another handle is at commit %d, %v, want %d", st.Sequence, err, r.Sequence)
	}
}

func repeatedLoad(s *suite) {
	l, first := s.loadNext(20)
	_, _ = s.loadNext(20)
	if err := os.RemoveAll(s.dir); err != nil {
		s.Fatal(err)
	}
	s.unchanged(func() {
		l.RunID = "another run"
		again := s.load(l)
		if !again.Repeated {
			s.Error("the repeat isn't marked")
		}
		again.Repeated = false
		if !reflect.DeepEqual(again, first) {
			s.Errorf("the repeat's receipt is of commit %d of run %s, and differs from that of commit %d of run %s", again.Sequence, again.RunID, first.Sequence, first.RunID)
		}
	})
}

func stagingUntouched(s *suite) {
	l := s.next(20)
	before := snapshot(s, s.dir)
	r := s.load(l)
	if after := snapshot(s, s.dir); !reflect.DeepEqual(before, after) {
		s.Error("the load changed staging")
	}
	// A twin of the engine may write its staged files anew at any time.
	for _, f := range append(l.Table, l.Quarantine...) {
		if err := os.WriteFile(f.Path, []byte("overwritten"), 0o644); err != nil {
			s.Fatal(err)
		}
	}
	s.wantEach(32, 8, 0)
	s.wantValid(r, 32, 8)
}

// snapshot reads all files below dir.
func snapshot(s *suite, dir string) map[string]string {
	s.Helper()
	out := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		out[path] = string(data)
		return err
	})
	if err != nil {
		s.Fatal(err)
	}
	return out
}

func staleBase(s *suite) {
	stale := s.next(30)
	s.loadNext(10)
	s.unchanged(func() {
		_, err := s.sink.Load(s.Context(), stale)
		s.wantConflict(err)
	})
}

func staleSequence(s *suite) {
	s.loadNext(10)
	l := s.next(10)
	l.Sequence = s.state().Sequence
	settleAll(s, s.onlyEntry(), "settle-1", sink.Discarded)
	s.unchanged(func() {
		_, err := s.sink.Load(s.Context(), l)
		s.wantConflict(err)
	})
	l.Sequence = s.state().Sequence
	s.load(l)
}

func evolution(s *suite) {
	s.loadNext(10)
	l, r := s.loadNext(10, func(spec *Spec) { spec.Schema = Evolved() })
	if st := s.state(); !reflect.DeepEqual(st.Schema, l.Schema) || st.SchemaVersion != l.SchemaVersion {
		s.Errorf("the state has schema version %d, want the evolved one", st.SchemaVersion)
	}
	s.wantEach(32, 8, 0)
	s.wantValid(r, 16, 4)
}

func incompatible(s *suite) {
	s.loadNext(10)
	changed := Schema()
	changed.Fields[2].Type = schemas.String
	dropped := Schema()
	dropped.Fields = dropped.Fields[:len(dropped.Fields)-1]
	for _, sch := range []*schemas.Schema{changed, dropped} {
		l := s.next(10, func(spec *Spec) { spec.Schema = sch })
		s.unchanged(func() {
			_, err := s.sink.Load(s.Context(), l)
			s.wantKind(err, pipeline.Misconfigured)
		})
	}
}

func otherOwner(s *suite) {
	s.loadNext(10)
	for _, change := range []func(*pipeline.Batch){
		func(b *pipeline.Batch) { *b = pipeline.NewBatch("orders", b.Topic, b.Ranges) },
		func(b *pipeline.Batch) { *b = pipeline.NewBatch(b.Pipeline, "orders", b.Ranges) },
	} {
		l := s.next(10)
		change(&l.Batch)
		s.unchanged(func() {
			_, err := s.sink.Load(s.Context(), l)
			s.wantKind(err, pipeline.Misconfigured)
		})
	}
	if st := s.state(); st.Pipeline != "customers" || st.Topic != "customers" {
		s.Errorf("the table is pipeline %q's, with topic %q", st.Pipeline, st.Topic)
	}
}

func unconserved(s *suite) {
	for _, change := range []func(*sink.Load){
		func(l *sink.Load) { l.Records.Read++ },
		func(l *sink.Load) { l.Records.Read--; l.Records.Loaded-- },
		func(l *sink.Load) { l.Table = l.Table[1:] },
		func(l *sink.Load) { l.Quarantine = nil },
		func(l *sink.Load) { l.Batch.Ranges = nil },
		func(l *sink.Load) { l.Schema = nil },
	} {
		l := s.next(20)
		change(&l)
		s.unchanged(func() {
			_, err := s.sink.Load(s.Context(), l)
			s.wantKind(err, pipeline.Bug)
		})
	}
}

func namedTwice(s *suite) {
	l := s.next(20)
	l.Table = append(l.Table, l.Table[0])
	l.Records.Read += l.Table[0].Rows
	l.Records.Loaded += l.Table[0].Rows
	s.unchanged(func() {
		_, err := s.sink.Load(s.Context(), l)
		s.wantKind(err, pipeline.Bug)
	})
}

func changedStaging(s *suite) {
	l := s.next(20)
	flip(s, l.Table[0].Path)
	s.unchanged(func() {
		if _, err := s.sink.Load(s.Context(), l); err == nil {
			s.Error("a changed file was loaded")
		}
	})
	s.load(s.next(20))
	s.wantEach(32, 8, 0)
}

func noEntry(s *suite) {
	_, r := s.loadNext(10, clean)
	if e := s.entries(); len(e) != 0 {
		s.Errorf("entries are %+v, want none", e)
	}
	s.wantValid(r, 20, 0)
}

func gaps(s *suite) {
	withGaps := func(gaps ...pipeline.Range) sink.Load {
		l := s.next(10)
		l.Gaps = gaps
		s.load(l)
		return l
	}
	withGaps(pipeline.Range{Partition: 2, Start: 0, End: 5})
	withGaps(pipeline.Range{Partition: 2, Start: 0, End: 5}, pipeline.Range{Partition: 2, Start: 5, End: 9})
	last := withGaps(pipeline.Range{Partition: 3, Start: 1, End: 2}, pipeline.Range{Partition: 2, Start: 0, End: 5})
	want := []pipeline.Range{{Partition: 2, Start: 0, End: 9}, {Partition: 3, Start: 1, End: 2}}
	got, err := s.sink.Gaps(s.Context())
	if err != nil || !reflect.DeepEqual(got, want) {
		s.Errorf("gaps are %v, %v, want %v", got, err, want)
	}
	if _, err := s.sink.Rollback(s.Context(), last.Batch.ID, "test"); err != nil {
		s.Fatal(err)
	}
	if got, err = s.sink.Gaps(s.Context()); err != nil || !reflect.DeepEqual(got, want[:1]) {
		s.Errorf("gaps are %v, %v after the rollback, want %v", got, err, want[:1])
	}
}

func rollback(s *suite) {
	s.loadNext(10)
	before, found, entries := s.state(), s.locate(), s.entries()
	l, r := s.loadNext(20)
	st, err := s.sink.Rollback(s.Context(), l.Batch.ID, "validation failed")
	if err != nil {
		s.Fatal(err)
	}
	if !st.Checkpoint.Equal(before.Checkpoint) || st.Sequence <= r.Sequence {
		s.Errorf("the state is %+v, want checkpoint %v and a commit of its own", st, before.Checkpoint)
	}
	if !reflect.DeepEqual(s.locate(), found) || !reflect.DeepEqual(s.entries(), entries) {
		s.Error("the table isn't what it was before the load")
	}
	s.unchanged(func() {
		again, err := s.sink.Rollback(s.Context(), l.Batch.ID, "validation failed")
		if err != nil || again.Sequence != st.Sequence {
			s.Errorf("repeating the rollback gives commit %d, %v, want %d", again.Sequence, err, st.Sequence)
		}
		_, err = s.sink.Validate(s.Context(), r)
		s.wantConflict(err)
	})
}

func rollbackAndAgain(s *suite) {
	l, first := s.loadNext(20)
	if _, err := s.sink.Rollback(s.Context(), l.Batch.ID, "test"); err != nil {
		s.Fatal(err)
	}
	again := s.load(l)
	if again.Repeated || again.Sequence <= first.Sequence {
		s.Errorf("the receipt is %+v, want that of a new commit", again)
	}
	s.wantEach(32, 8, 0)
	s.wantValid(again, 32, 8)
}

func rollbackRefused(s *suite) {
	l, _ := s.loadNext(10)
	s.loadNext(10)
	s.unchanged(func() {
		_, err := s.sink.Rollback(s.Context(), l.Batch.ID, "test")
		s.wantConflict(err)
	})
}

func manyLoads(s *suite) {
	var first sink.Load
	for i := range 70 {
		l, _ := s.loadNext(10, func(spec *Spec) { spec.Held = i%10 == 0 })
		if i == 1 {
			first = l
		}
	}
	s.wantEach(63*16, 70*4, 7*16)
	s.sink = s.open()
	s.wantEach(63*16, 70*4, 7*16)
	if n := len(s.entries()); n != 70 {
		s.Errorf("there are %d entries, want 70", n)
	}
	if again := s.load(first); !again.Repeated {
		s.Error("an early load isn't known again")
	}
}

func cleanUpCommitted(s *suite) {
	s.loadNext(10)
	_, r := s.loadNext(10, held)
	s.unchanged(func() {
		if _, err := s.sink.Cleanup(s.Context(), 0); err != nil {
			s.Fatal(err)
		}
	})
	s.wantValid(r, 0, 20)
}
