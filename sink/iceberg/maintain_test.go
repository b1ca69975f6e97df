package iceberg

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/autonomous-data-pipeline/adp/pipeline"
	"github.com/autonomous-data-pipeline/adp/sink"
	"github.com/autonomous-data-pipeline/adp/sink/sinktest"
)

func open(t *testing.T, cfg Config) *Sink {
	t.Helper()
	s, err := New(cfg)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

func loadNext(t *testing.T, s *Sink) sink.Receipt {
	t.Helper()
	st, err := s.State(t.Context())
	require.NoError(t, err)
	l := sinktest.Stage(t, t.TempDir(), sinktest.Spec{
		RunID: "run", Base: st.Checkpoint, Ranges: []pipeline.Range{{Start: st.Checkpoint[0], End: st.Checkpoint[0] + 10}},
	})
	r, err := s.Load(t.Context(), l)
	require.NoError(t, err)
	return r
}

// wantEach checks that each record is in one place, and returns the number of
// data files.
func wantEach(t *testing.T, s *Sink, records int) int {
	t.Helper()
	found := map[int64]int{}
	require.NoError(t, s.Locate(t.Context(), func(_ sink.Place, _ int32, offset int64) error { found[offset]++; return nil }))
	require.Len(t, found, records)
	for offset, n := range found {
		require.Equal(t, 1, n, "offset %d", offset)
	}
	files := 0
	require.NoError(t, s.tables.Files(t.Context(), func(string) error { files++; return nil }))
	return files
}

var everything = sink.MaintainOptions{CompactBelowBytes: 1 << 20, TargetBytes: 8 << 20}

func TestACompactionChangesFilesAndNoRecord(t *testing.T) { compactionChangesFiles(t, testConfig(t)) }

func compactionChangesFiles(t *testing.T, cfg Config) {
	t.Helper()
	s := open(t, cfg)
	for range 5 {
		loadNext(t, s)
	}
	last := loadNext(t, s)
	require.Equal(t, 12, wantEach(t, s, 60), "a load brings two files")
	recent, err := s.Recent(t.Context(), time.Now())
	require.NoError(t, err)
	require.Len(t, recent, 2)
	var report sink.MaintainReport
	require.NoError(t, s.compactBefore(t.Context(), time.Now(), everything, &report))
	require.Equal(t, sink.MaintainReport{CompactedFiles: 10, CompactedInto: 1}, report)
	require.Equal(t, 3, wantEach(t, s, 60))
	v, err := s.Validate(t.Context(), last)
	require.NoError(t, err)
	require.Empty(t, v.Problems, "the last load is as it was")
	st, err := s.Rollback(t.Context(), last.BatchID, "test")
	require.NoError(t, err, "and can be taken back")
	require.Equal(t, int64(50), st.Checkpoint[0])
	wantEach(t, s, 50)
	loadNext(t, s)
	wantEach(t, s, 60)
}

func TestRecentFilesAreLeftAlone(t *testing.T) {
	s := open(t, testConfig(t))
	for range 4 {
		loadNext(t, s)
	}
	report, err := s.Maintain(t.Context(), everything)
	require.NoError(t, err)
	require.Zero(t, report)
}

func TestExpiryKeepsTheCheckpointAndTheRecords(t *testing.T) { expiryKeepsRecords(t, testConfig(t)) }

func expiryKeepsRecords(t *testing.T, cfg Config) {
	t.Helper()
	s := open(t, cfg)
	for range 5 {
		loadNext(t, s)
	}
	before, err := s.State(t.Context())
	require.NoError(t, err)
	report, err := s.Maintain(t.Context(), sink.MaintainOptions{ExpireAfter: time.Nanosecond, KeepSnapshots: 2})
	require.NoError(t, err)
	require.Equal(t, 3, report.ExpiredSnapshots)
	wantEach(t, s, 50)
	// A compaction lies on top of the pipeline's own snapshots, which then expire.
	var compacted sink.MaintainReport
	require.NoError(t, s.compactBefore(t.Context(), time.Now(), everything, &compacted))
	require.Positive(t, compacted.CompactedFiles)
	report, err = s.Maintain(t.Context(), sink.MaintainOptions{ExpireAfter: time.Nanosecond, KeepSnapshots: 1})
	require.NoError(t, err)
	require.Equal(t, 2, report.ExpiredSnapshots)
	again := open(t, cfg)
	after, err := again.State(t.Context())
	require.NoError(t, err)
	require.Equal(t, before, after)
	loadNext(t, again)
	wantEach(t, again, 60)
}

func TestOrphansGoAndNothingElse(t *testing.T) { orphansGo(t, testConfig(t)) }

func orphansGo(t *testing.T, cfg Config) {
	t.Helper()
	s := open(t, cfg)
	loadNext(t, s)
	orphan := sinktest.WriteClean(t, s.tables.data.Location("data/event_date=2026-11-22/orphan.parquet"), sinktest.Schema(), "", []sinktest.Place{{Offset: 99}})
	report, err := s.Maintain(t.Context(), sink.MaintainOptions{OrphanAge: time.Hour})
	require.NoError(t, err)
	require.Zero(t, report.OrphanFiles, "it is young")
	report, err = s.Maintain(t.Context(), sink.MaintainOptions{OrphanAge: time.Nanosecond})
	require.NoError(t, err)
	require.Equal(t, 1, report.OrphanFiles)
	require.NoFileExists(t, orphan.Path)
	wantEach(t, s, 10)
}

// TestMaintenanceBesideLoads has both race, from two handles.
func TestMaintenanceBesideLoads(t *testing.T) { maintenanceBesideLoads(t, testConfig(t)) }

func maintenanceBesideLoads(t *testing.T, cfg Config) {
	t.Helper()
	s, other := open(t, cfg), open(t, cfg)
	loadNext(t, s)
	ctx, stop := context.WithCancel(t.Context())
	var wait sync.WaitGroup
	var failed error
	wait.Go(func() {
		for ctx.Err() == nil {
			var report sink.MaintainReport
			err := other.compactBefore(ctx, time.Now().Add(-time.Millisecond), everything, &report)
			if err == nil {
				err = other.expire(ctx, sink.MaintainOptions{ExpireAfter: time.Minute, KeepSnapshots: 1}, &report)
			}
			if err != nil && ctx.Err() == nil {
				failed = errors.Join(failed, err)
				return
			}
		}
	})
	for range 12 {
		r := loadNext(t, s)
		v, err := s.Validate(t.Context(), r)
		require.NoError(t, err)
		require.Empty(t, v.Problems)
	}
	stop()
	wait.Wait()
	require.NoError(t, failed)
	wantEach(t, s, 130)
}

func TestATableThatSomebodyRolledBackIsRefused(t *testing.T) {
	s := open(t, testConfig(t))
	loadNext(t, s)
	tbl, err := s.tables.load(t.Context())
	require.NoError(t, err)
	first := tbl.CurrentSnapshot().SnapshotID
	loadNext(t, s)
	tbl, err = s.tables.load(t.Context())
	require.NoError(t, err)
	txn := tbl.NewTransaction()
	require.NoError(t, txn.RollbackToSnapshot(first))
	_, err = txn.Commit(t.Context())
	require.NoError(t, err)
	_, err = s.State(t.Context())
	require.ErrorContains(t, err, "somebody has rolled the table back")
	require.Equal(t, pipeline.Misconfigured, pipeline.KindOf(err))
}
