package sinktest

import (
	"reflect"

	"github.com/autonomous-data-pipeline/adp/sink"
)

var expiryTests = map[string]func(*suite){
	"what expires is gone for good, and counted":                   expiry,
	"a held batch, the last load and a changed entry don't expire": noExpiry,
}

func expiry(s *suite) {
	s.loadNext(10)
	e := s.onlyEntry()
	_, last := s.loadNext(20)
	if err := s.sink.Expire(s.Context(), e.BatchID, e.Revision, "retention"); err != nil {
		s.Fatal(err)
	}
	st := s.state()
	if want := (sink.Expired{Ranges: e.Batch.Ranges, Records: 4}); !reflect.DeepEqual(st.Expired, want) {
		s.Errorf("the state counts %+v, want %+v", st.Expired, want)
	}
	if got := s.locate(); got.count(sink.InTable) != 48 || got.count(sink.InQuarantine) != 8 {
		s.Errorf("table and quarantine have %d and %d records, want 48 and 8", got.count(sink.InTable), got.count(sink.InQuarantine))
	}
	if left := s.entries(); len(left) != 1 || left[0].BatchID == e.BatchID {
		s.Errorf("the entries are %+v, want the other batch's", left)
	}
	s.unchanged(func() {
		if err := s.sink.Expire(s.Context(), e.BatchID, e.Revision, "retention"); err != nil {
			s.Error(err)
		}
		_, err := s.sink.Settle(s.Context(), releasing(e, "late"))
		s.wantConflict(err)
	})
	s.wantValid(last, 32, 8)
	s.sink = s.open()
	if again := s.state(); !reflect.DeepEqual(again, st) {
		s.Errorf("another handle sees %+v, want %+v", again, st)
	}
	s.loadNext(10)
}

func noExpiry(s *suite) {
	s.loadNext(10, held)
	heldBatch := s.onlyEntry()
	s.loadNext(10)
	entries := s.entries()
	last := entries[len(entries)-1]
	s.unchanged(func() {
		s.wantConflict(s.sink.Expire(s.Context(), heldBatch.BatchID, heldBatch.Revision, "retention"))
		s.wantConflict(s.sink.Expire(s.Context(), last.BatchID, last.Revision, "retention"))
	})
	s.loadNext(10)
	s.unchanged(func() {
		s.wantConflict(s.sink.Expire(s.Context(), last.BatchID, last.Revision+100, "retention"))
	})
}
