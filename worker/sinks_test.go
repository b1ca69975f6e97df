package main

import (
	"encoding/json"
	"errors"
	"io/fs"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/apache/arrow-go/v18/parquet/file"
	"github.com/stretchr/testify/require"

	"github.com/autonomous-data-pipeline/adp/agent"
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

// Where the agent may not take new fields up, the batch waits as it came: the
// rows that a person lets in have the fields' values.
func TestABatchHeldOverNewFieldsKeepsTheirValuesOnEverySink(t *testing.T) {
	onEverySink(t, func(t *testing.T, w *world) {
		require.NoError(t, w.set.Ops.TurnSwitch(t.Context(), agent.Switch{Pipeline: w.name, On: true, By: "eve"}))
		w.produce("additive-drift", 1_000)
		held := w.batch()
		require.Equal(t, pipeline.Held, held.Outcome)
		inc, err := w.set.Ops.Incident(t.Context(), held.Incident)
		require.NoError(t, err)
		require.Equal(t, pipeline.Replay, inc.Advice)
		require.Equal(t, &pipeline.Mapping{Add: []string{"loyalty_tier"}}, inc.Mapping)
		raw := w.rejects()
		require.Len(t, raw, 1_000)
		tiers := 0
		for _, r := range raw {
			if strings.Contains(r, "loyalty_tier") {
				tiers++
			}
		}
		require.Equal(t, 20, tiers)

		_, err = w.answer("typo", held.BatchID, pipeline.Answer{Resolution: pipeline.Replay, Mapping: &pipeline.Mapping{Add: []string{"loyalty"}}})
		require.ErrorContains(t, err, "has seen no such new field")
		s, err := w.answer("yes", held.BatchID, pipeline.Answer{Resolution: pipeline.Replay, Mapping: inc.Mapping})
		require.NoError(t, err)
		require.Equal(t, []int64{1_000, 0}, []int64{s.Moved, s.Kept})
		require.Empty(t, s.Problems)
		latest, _, err := w.set.Ops.LatestSchema(t.Context(), w.name)
		require.NoError(t, err)
		require.GreaterOrEqual(t, latest.Schema.Index("loyalty_tier"), 0)
		account := w.verify()
		require.Equal(t, []int64{1_000, 0, 0}, []int64{account.Table, account.Quarantine, account.Held})
		w.produce("additive-drift", 1_000)
		require.Equal(t, []string{"healthy"}, w.batch().Conditions, "the table has the column now")
	})
}

func TestFieldsThatAPersonAddsHaveTheirValues(t *testing.T) {
	w := newWorld(t)
	require.NoError(t, w.set.Ops.TurnSwitch(t.Context(), agent.Switch{Pipeline: w.name, On: true, By: "eve"}))
	w.produce("additive-drift", 1_000)
	held := w.batch()
	values := int64(0)
	for _, r := range w.rejects() {
		if strings.Contains(r, `"loyalty_tier":"`) {
			values++
		}
	}
	require.Positive(t, values)
	_, err := w.answer("yes", held.BatchID, pipeline.Answer{Resolution: pipeline.Replay, Mapping: &pipeline.Mapping{Add: []string{"loyalty_tier"}}})
	require.NoError(t, err)
	require.Equal(t, values, w.values("loyalty_tier"))
}

// values counts a column's values in the table's files, by their own statistics.
func (w *world) values(column string) int64 {
	w.t.Helper()
	var n int64
	root := filepath.Join(w.dir, "data", "out", "parquet", w.name)
	require.NoError(w.t, filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || filepath.Ext(path) != ".parquet" {
			return err
		}
		f, err := file.OpenParquetFile(path, false)
		require.NoError(w.t, err)
		defer func() { require.NoError(w.t, f.Close()) }()
		for g := range f.NumRowGroups() {
			meta := f.MetaData().RowGroup(g)
			at := f.MetaData().Schema.ColumnIndexByName(column)
			if at < 0 {
				continue
			}
			chunk, err := meta.ColumnChunk(at)
			require.NoError(w.t, err)
			stats, err := chunk.Statistics()
			require.NoError(w.t, err)
			n += meta.NumRows() - stats.NullCount()
		}
		return nil
	}))
	return n
}
