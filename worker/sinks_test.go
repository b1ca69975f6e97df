package main

import (
	"encoding/json"
	"errors"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/autonomous-data-pipeline/adp/pipeline"
	"github.com/autonomous-data-pipeline/adp/sink"
	"github.com/autonomous-data-pipeline/adp/workflows"
)

// target is a kind of table: what has to be in the environment for it, and
// what must run beside. Files with build tags add those that need a server or
// an SDK.
type target func(t *testing.T) (env map[string]string)

var targets = map[string]target{
	"Parquet in a folder": func(t *testing.T) map[string]string {
		return map[string]string{"SINK_MODE": "PARQUET", "PARQUET_OUT": filepath.Join(t.TempDir(), "lake")}
	},
	"Iceberg in a folder": func(t *testing.T) map[string]string {
		return map[string]string{"SINK_MODE": "ICEBERG", "ICEBERG_WAREHOUSE": filepath.Join(t.TempDir(), "warehouse")}
	},
}

func onEverySink(t *testing.T, test func(*testing.T, *world)) {
	for name, start := range targets {
		t.Run(name, func(t *testing.T) { test(t, newWorldWith(t, start(t))) })
	}
}

func (w *world) entries() []sink.Entry {
	w.t.Helper()
	entries, err := w.dataset().Sink.Entries(w.t.Context())
	require.NoError(w.t, err)
	return entries
}

func (w *world) answer(id, batchID string, a pipeline.Answer) (pipeline.Settled, error) {
	a.By = "ana"
	var s pipeline.Settled
	err := w.run(workflows.ReplayQuarantine, pipeline.SettleRequest{ID: id, Pipeline: w.name, BatchID: batchID, Answer: a}, &s)
	return s, err
}

// A held batch that is released after the table's schema has evolved, by two
// people at once, lands exactly once.
func TestAReleaseByTwoPeopleAfterTheSchemaEvolvedLandsOnce(t *testing.T) {
	onEverySink(t, func(t *testing.T, w *world) {
		w.produce("bad-major", 1_000)
		held := w.batch()
		require.Equal(t, pipeline.Held, held.Outcome)
		w.produce("additive-drift", 1_000)
		evolved := w.batch()
		require.Equal(t, []string{"remap"}, evolved.Actions)
		require.Equal(t, 2, evolved.SchemaVersion)

		var wait sync.WaitGroup
		var settled [2]pipeline.Settled
		var errs [2]error
		for i, id := range []string{"ana-1", "ana-2"} {
			wait.Go(func() {
				settled[i], errs[i] = w.answer(id, held.BatchID, pipeline.Answer{Resolution: pipeline.Release})
			})
		}
		wait.Wait()
		require.True(t, errs[0] == nil || errs[1] == nil, "%v", errors.Join(errs[:]...))
		require.Equal(t, int64(1_000), settled[0].Moved+settled[1].Moved, "%v", errors.Join(errs[:]...))

		account := w.verify()
		require.Equal(t, []int64{2_000, 0, 0}, []int64{account.Table, account.Quarantine, account.Held})
		again, err := w.answer("ana-1", held.BatchID, pipeline.Answer{Resolution: pipeline.Release})
		require.NoError(t, err)
		require.Contains(t, []int64{0, 1_000}, again.Moved, "a repeat tells what it did, or did nothing")
		require.Equal(t, account, w.verify(), "and changes nothing")
	})
}

// What a person's mapping mends is loaded, by rename, cast and default; what it
// doesn't mend stays as it came.
func TestAMappingMendsQuarantinedRecordsOnEverySink(t *testing.T) {
	onEverySink(t, func(t *testing.T, w *world) {
		w.produce("type-drift", 1_000) // age is text in 300
		typed := w.batch()
		w.produce("missing-field", 1_000) // email is missing in 100
		missing := w.batch()
		w.produce("malformed", 1_000)
		malformed := w.batch()
		require.Equal(t, []int64{300, 100, 10}, []int64{typed.Records.Quarantined, missing.Records.Quarantined, malformed.Records.Quarantined})

		s, err := w.answer("cast", typed.BatchID, pipeline.Answer{Resolution: pipeline.Replay, Mapping: &pipeline.Mapping{Cast: map[string]string{"age": "long"}}})
		require.NoError(t, err)
		require.Equal(t, int64(300), s.Moved)
		s, err = w.answer("default", missing.BatchID, pipeline.Answer{Resolution: pipeline.Replay, Mapping: &pipeline.Mapping{
			Default: map[string]json.RawMessage{"email": json.RawMessage(`"unknown@example.com"`)},
		}})
		require.NoError(t, err)
		require.Equal(t, int64(100), s.Moved)
		before := w.rejects()
		require.Len(t, before, 10)
		s, err = w.answer("replay", malformed.BatchID, pipeline.Answer{Resolution: pipeline.Replay, Mapping: &pipeline.Mapping{Rename: map[string]string{"mail": "email"}}})
		require.NoError(t, err)
		require.Equal(t, []int64{0, 10}, []int64{s.Moved, s.Kept})
		require.Equal(t, before, w.rejects(), "what can't be mended stays, byte for byte")
		s, err = w.answer("discard", malformed.BatchID, pipeline.Answer{Resolution: pipeline.Discard})
		require.NoError(t, err)
		require.Equal(t, int64(10), s.Kept)
		require.Equal(t, sink.Discarded, w.entries()[0].Status)

		account := w.verify()
		require.Equal(t, []int64{2_990, 10, 0}, []int64{account.Table, account.Quarantine, account.Held})
	})
}

// A discarded batch stays out of the table for good, and none of it is lost.
func TestADiscardedBatchStaysOutOnEverySink(t *testing.T) {
	onEverySink(t, func(t *testing.T, w *world) {
		w.produce("bad-major", 1_000)
		held := w.batch()
		_, err := w.answer("discard", held.BatchID, pipeline.Answer{Resolution: pipeline.Discard})
		require.NoError(t, err)
		w.produce("healthy", 1_000)
		require.Equal(t, pipeline.Succeeded, w.batch().Outcome)
		account := w.verify()
		require.Equal(t, int64(1_000), account.Table)
		require.Equal(t, int64(1_000), account.Quarantine+account.Held)
		require.Len(t, w.entries(), 1)
	})
}
