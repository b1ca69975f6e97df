package sinktest

import (
	"path/filepath"
	"reflect"
	"slices"

	"github.com/autonomous-data-pipeline/adp/pipeline"
	"github.com/autonomous-data-pipeline/adp/sink"
)

var quarantineTests = map[string]func(*suite){
	"rejects come back byte for byte":                           rejectsRoundTrip,
	"an error of the callback ends the stream":                  rejectsStopped,
	"a held batch stays out of the table":                       heldBatch,
	"a released batch goes into the table":                      release,
	"a release of some files leaves the others held":            partialRelease,
	"a discarded batch stays out for good":                      discard,
	"replayed rejects replace the entry's files":                replay,
	"what a replay can't mend stays in quarantine":              replayInPart,
	"a settlement is made once":                                 settleOnce,
	"a settlement of an entry that changed is a conflict":       settleStale,
	"of rival settlements exactly one wins":                     settleRivals,
	"a settlement that loses or doubles records is refused":     settleUnconserved,
	"a batch held under an older schema is released later":      releaseOlderSchema,
	"a rollback takes settled records out with the batch":       rollbackSettled,
	"the entries of several batches come in the loads' order":   entriesInOrder,
	"reading an entry that changed meanwhile is a conflict":     staleEntry,
	"a load is known again after its batch was settled":         loadAfterSettlement,
	"a settlement of a batch that is nowhere is a conflict":     settleUnknown,
	"statuses that contradict the files that stay are refused":  settleContradiction,
	"the receipt of a settlement validates what it put in":      settleValidates,
	"a settlement's quarantine files are the entry's new files": settleEntryFiles,
}

// settlement keeps every file of an entry where it is.
func settlement(e sink.Entry, id string, status sink.Status) sink.Settlement {
	return sink.Settlement{
		ID: id, BatchID: e.BatchID, Revision: e.Revision, Resolution: pipeline.Discard, By: "test", Status: status,
		Schema: Schema(), SchemaVersion: len(Schema().Fields),
		Quarantine: slices.Clone(e.Rejects), Held: slices.Clone(e.Held),
		Records: pipeline.Records{Read: e.Records, Quarantined: e.Records},
	}
}

func settleAll(s *suite, e sink.Entry, id string, status sink.Status) sink.Receipt {
	s.Helper()
	return s.settle(settlement(e, id, status))
}

// releasing puts an entry's held files into the table and keeps the rejects.
func releasing(e sink.Entry, id string) sink.Settlement {
	st := settlement(e, id, sink.Quarantined)
	st.Resolution, st.Table, st.Held = pipeline.Release, st.Held, nil
	rows := pipeline.SumRows(st.Table)
	st.Records.Loaded, st.Records.Quarantined = rows, e.Records-rows
	return st
}

// mending stages clean rows for all of an entry's rejects.
func (s *suite) mending(e sink.Entry, id string) sink.Settlement {
	s.Helper()
	var places []Place
	for _, r := range s.rejects(e) {
		places = append(places, Place{r.Partition, r.Offset})
	}
	st := settlement(e, id, sink.Settled)
	st.Resolution, st.Quarantine = pipeline.Replay, nil
	st.Table = []pipeline.File{WriteClean(s, filepath.Join(s.dir, id, "mended.parquet"), Schema(), Days[0], places)}
	st.Records = pipeline.Records{Read: e.Records, Loaded: e.Records}
	return st
}

func (s *suite) rejects(e sink.Entry) []pipeline.Reject {
	s.Helper()
	var out []pipeline.Reject
	err := s.sink.Rejects(s.Context(), e, func(r pipeline.Reject) error {
		out = append(out, r)
		return nil
	})
	if err != nil {
		s.Fatal(err)
	}
	return out
}

func rejectsRoundTrip(s *suite) {
	l, _ := s.loadNext(5000) // more rejects than one row group has
	var want []pipeline.Reject
	for _, r := range l.Batch.Ranges {
		_, some := split(r, false)
		want = append(want, some...)
	}
	e := s.onlyEntry()
	if got := s.rejects(e); !reflect.DeepEqual(got, want) {
		s.Errorf("%d rejects came back, not the %d that went in", len(got), len(want))
	}
	if e.Status != sink.Quarantined || e.Records != int64(len(want)) || e.RunID != l.RunID || !reflect.DeepEqual(e.Batch, l.Batch) {
		s.Errorf("the entry is %+v", e)
	}
	if e.Revision != s.state().Sequence || e.At.IsZero() {
		s.Errorf("the entry has revision %d of %v", e.Revision, e.At)
	}
}

func rejectsStopped(s *suite) {
	s.loadNext(100)
	calls := 0
	err := s.sink.Rejects(s.Context(), s.onlyEntry(), func(pipeline.Reject) error {
		calls++
		return sink.ErrConflict
	})
	s.wantConflict(err)
	if calls != 1 {
		s.Errorf("the callback was called %d times after its error", calls-1)
	}
}

func heldBatch(s *suite) {
	_, r := s.loadNext(10, held)
	e := s.onlyEntry()
	if e.Status != sink.HeldBatch || e.Records != 20 || pipeline.SumRows(e.Held) != 16 || pipeline.SumRows(e.Rejects) != 4 {
		s.Errorf("the entry is %+v", e)
	}
	s.wantEach(0, 4, 16)
	s.wantValid(r, 0, 20)
}

func release(s *suite) {
	s.loadNext(10, held)
	r := s.settle(releasing(s.onlyEntry(), "release"))
	s.wantEach(16, 4, 0)
	s.wantValid(r, 16, 4)
	if e := s.onlyEntry(); e.Status != sink.Quarantined || e.Records != 4 || len(e.Held) != 0 || e.Revision != r.Sequence {
		s.Errorf("the entry is %+v", e)
	}
}

func partialRelease(s *suite) {
	s.loadNext(10, held)
	e := s.onlyEntry()
	st := settlement(e, "part", sink.HeldBatch)
	st.Table, st.Held = e.Held[:1], e.Held[1:]
	st.Records = pipeline.Records{Read: e.Records, Loaded: e.Held[0].Rows, Held: e.Records - e.Held[0].Rows}
	r := s.settle(st)
	s.wantEach(e.Held[0].Rows, 4, 16-e.Held[0].Rows)
	s.wantValid(r, e.Held[0].Rows, 20-e.Held[0].Rows)
	r = s.settle(releasing(s.onlyEntry(), "rest"))
	s.wantEach(16, 4, 0)
	s.wantValid(r, 16-e.Held[0].Rows, 4)
}

func discard(s *suite) {
	s.loadNext(10, held)
	r := settleAll(s, s.onlyEntry(), "discard", sink.Discarded)
	s.wantEach(0, 20, 0)
	e := s.onlyEntry()
	if e.Status != sink.Discarded || e.Records != 20 || pipeline.SumRows(e.Held) != 16 {
		s.Errorf("the entry is %+v", e)
	}
	if len(s.rejects(e)) != 4 {
		s.Error("the discarded rejects can't be read any more")
	}
	s.wantValid(r, 0, 20)
}

func replay(s *suite) {
	s.loadNext(50)
	s.settle(s.mending(s.onlyEntry(), "replay"))
	if e := s.entries(); len(e) != 0 {
		s.Errorf("entries are %+v, want none", e)
	}
	s.wantEach(100, 0, 0)
}

func replayInPart(s *suite) {
	s.loadNext(50)
	e := s.onlyEntry()
	all := s.rejects(e)
	st := settlement(e, "replay", sink.Quarantined)
	st.Table = []pipeline.File{WriteClean(s, filepath.Join(s.dir, "mended.parquet"), Schema(), "", []Place{{all[0].Partition, all[0].Offset}})}
	st.Quarantine = []pipeline.File{WriteRejects(s, filepath.Join(s.dir, "left.parquet"), all[1:])}
	st.Records = pipeline.Records{Read: e.Records, Loaded: 1, Quarantined: e.Records - 1}
	s.settle(st)
	if got := s.rejects(s.onlyEntry()); !reflect.DeepEqual(got, all[1:]) {
		s.Errorf("%d rejects are left, want %d", len(got), len(all)-1)
	}
	s.wantEach(81, 19, 0)
}

func settleOnce(s *suite) {
	s.loadNext(10, held)
	st := releasing(s.onlyEntry(), "release")
	first := s.settle(st)
	settleAll(s, s.onlyEntry(), "discard", sink.Discarded)
	s.loadNext(10)
	repeat := func(st sink.Settlement) {
		s.Helper()
		s.unchanged(func() {
			again := s.settle(st)
			if !again.Repeated || again.Sequence != first.Sequence || !reflect.DeepEqual(again.Table, first.Table) {
				s.Errorf("the repeat's receipt is of commit %d with %d files, want %d with %d", again.Sequence, len(again.Table), first.Sequence, len(first.Table))
			}
		})
	}
	repeat(st)
	// A repeat that looked again finds the entry at its new revision.
	now := releasing(s.entries()[0], "release")
	repeat(now)
	// It is known again when nothing of the entry is left, too.
	s.settle(s.mending(s.entries()[0], "mend"))
	repeat(st)
}

func settleStale(s *suite) {
	s.loadNext(10, held)
	e := s.onlyEntry()
	settleAll(s, e, "discard", sink.Discarded)
	s.unchanged(func() {
		_, err := s.sink.Settle(s.Context(), releasing(e, "release"))
		s.wantConflict(err)
	})
}

func settleRivals(s *suite) {
	s.loadNext(10, held)
	e := s.onlyEntry()
	errs := make(chan error, 2)
	for _, st := range []sink.Settlement{releasing(e, "release"), settlement(e, "discard", sink.Discarded)} {
		handle := s.open()
		go func() {
			_, err := handle.Settle(s.Context(), st)
			errs <- err
		}()
	}
	a, b := <-errs, <-errs
	if (a == nil) == (b == nil) {
		s.Fatalf("the rivals ended with %v and %v, want one to win", a, b)
	}
	if a == nil {
		a = b
	}
	s.wantConflict(a)
	found := s.locate()
	if in, out := found.count(sink.InTable), found.count(sink.InQuarantine); in+out != 20 || in != 0 && in != 16 {
		s.Errorf("%d records are in the table and %d in quarantine", in, out)
	}
}

func settleUnconserved(s *suite) {
	s.loadNext(10, held)
	e := s.onlyEntry()
	for name, change := range map[string]func(*sink.Settlement){
		"a file is dropped":             func(st *sink.Settlement) { st.Table = st.Table[1:] },
		"a file is named twice":         func(st *sink.Settlement) { st.Table = append(st.Table, st.Table[0]) },
		"a file is in and out":          func(st *sink.Settlement) { st.Held = st.Table[:1] },
		"the counts don't add up":       func(st *sink.Settlement) { st.Records.Loaded++ },
		"rejects would become rows":     func(st *sink.Settlement) { st.Table, st.Quarantine = append(st.Table, st.Quarantine...), nil },
		"it has no ID":                  func(st *sink.Settlement) { st.ID = "" },
		"there is no such status":       func(st *sink.Settlement) { st.Status = "gone" },
		"rows come without a schema":    func(st *sink.Settlement) { st.Schema = nil },
		"a held file becomes a reject":  func(st *sink.Settlement) { st.Table[0].Kind = pipeline.SuspectFile; st.Table[0].Path += "x" },
		"settled, and something stays":  func(st *sink.Settlement) { st.Status = sink.Settled },
		"rows are claimed, not brought": func(st *sink.Settlement) { st.Table[0].Rows++; st.Table = st.Table[:1] },
	} {
		st := releasing(e, "release")
		change(&st)
		s.unchanged(func() {
			if _, err := s.sink.Settle(s.Context(), st); err == nil || pipeline.KindOf(err) != pipeline.Bug {
				s.Errorf("%s: the error is %v, want a bug", name, err)
			}
		})
	}
}

func releaseOlderSchema(s *suite) {
	s.loadNext(10, held)
	s.loadNext(10, func(spec *Spec) { spec.Schema = Evolved() })
	before := s.state()
	r := s.settle(releasing(s.entries()[0], "release"))
	if st := s.state(); !reflect.DeepEqual(st.Schema, before.Schema) || st.SchemaVersion != before.SchemaVersion {
		s.Errorf("the table's schema went back to version %d", st.SchemaVersion)
	}
	s.wantEach(32, 8, 0)
	s.wantValid(r, 16, 4)
}

func rollbackSettled(s *suite) {
	s.loadNext(10)
	before := s.locate()
	l, _ := s.loadNext(10, held)
	s.settle(releasing(s.entries()[1], "release"))
	if _, err := s.sink.Rollback(s.Context(), l.Batch.ID, "test"); err != nil {
		s.Fatal(err)
	}
	if !reflect.DeepEqual(s.locate(), before) {
		s.Error("the table isn't what it was before the batch")
	}
	if n := len(s.entries()); n != 1 {
		s.Errorf("there are %d entries, want 1", n)
	}
}

func entriesInOrder(s *suite) {
	var want []string
	for range 3 {
		l, _ := s.loadNext(10)
		want = append(want, l.Batch.ID)
	}
	settleAll(s, s.entries()[0], "discard", sink.Discarded)
	var got []string
	for _, e := range s.entries() {
		got = append(got, e.BatchID)
	}
	if !slices.Equal(got, want) {
		s.Errorf("entries are %v, want %v", got, want)
	}
}

func staleEntry(s *suite) {
	s.loadNext(10)
	e := s.onlyEntry()
	s.settle(s.mending(e, "mend"))
	err := s.sink.Rejects(s.Context(), e, func(pipeline.Reject) error { return nil })
	s.wantConflict(err)
}

func loadAfterSettlement(s *suite) {
	l, _ := s.loadNext(10, held)
	s.settle(releasing(s.onlyEntry(), "release"))
	s.loadNext(10)
	s.unchanged(func() {
		if again := s.load(l); !again.Repeated {
			s.Error("the load isn't known again")
		}
	})
}

func settleUnknown(s *suite) {
	s.loadNext(10, clean)
	st := settlement(sink.Entry{BatchID: "none", Revision: 1}, "id", sink.Settled)
	_, err := s.sink.Settle(s.Context(), st)
	s.wantConflict(err)
}

func settleContradiction(s *suite) {
	s.loadNext(10)
	e := s.onlyEntry()
	st := s.mending(e, "mend")
	st.Status = sink.Quarantined
	s.unchanged(func() {
		_, err := s.sink.Settle(s.Context(), st)
		s.wantKind(err, pipeline.Bug)
	})
}

func settleValidates(s *suite) {
	s.loadNext(10)
	r := s.settle(s.mending(s.onlyEntry(), "mend"))
	s.wantValid(r, 4, 0)
	if r.BatchID == "" || r.Records.Loaded != 4 || !r.Checkpoint.Equal(s.state().Checkpoint) {
		s.Errorf("the receipt is %+v", r)
	}
}

func settleEntryFiles(s *suite) {
	s.loadNext(10)
	e := s.onlyEntry()
	r := settleAll(s, e, "discard", sink.Discarded)
	if now := s.onlyEntry(); !reflect.DeepEqual(now.Rejects, e.Rejects) || !reflect.DeepEqual(now.Rejects, r.Quarantine) {
		s.Errorf("the entry's files are %+v, the receipt's %+v, want %+v", now.Rejects, r.Quarantine, e.Rejects)
	}
}
