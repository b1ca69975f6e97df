package main

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/autonomous-data-pipeline/adp/agent"
	"github.com/autonomous-data-pipeline/adp/ops"
	"github.com/autonomous-data-pipeline/adp/pipeline"
	"github.com/autonomous-data-pipeline/adp/sink"
	"github.com/autonomous-data-pipeline/adp/workflows"
)

const day = 24 * time.Hour

// after moves the clock of the activities on.
func (w *world) after(d time.Duration) {
	w.set.Now = func() time.Time { return time.Now().Add(d) }
}

func (w *world) maintain() map[string]pipeline.Cleaned {
	w.t.Helper()
	var r pipeline.MaintenanceReport
	require.NoError(w.t, w.run(workflows.Maintenance, pipeline.MaintenanceRequest{Pipeline: w.name}, &r))
	steps := map[string]pipeline.Cleaned{}
	for _, s := range r.Steps {
		steps[s.Step] = s
	}
	return steps
}

func (w *world) path(parts ...string) string {
	return filepath.Join(append([]string{w.dir, "data"}, parts...)...)
}

// stage makes a folder of staging, as a run or a settlement leaves it.
func (w *world) stage(name string) string {
	w.t.Helper()
	dir := w.path("staging", w.name, name)
	require.NoError(w.t, os.MkdirAll(filepath.Join(dir, "v1", "shard-0000"), 0o750))
	require.NoError(w.t, os.WriteFile(filepath.Join(dir, "v1", "shard-0000", "clean.parquet"), make([]byte, 1000), 0o600))
	return dir
}

// incident opens one that nobody has answered.
func (w *world) incident(runID, batchID string) ops.Incident {
	w.t.Helper()
	i, _, err := w.set.Ops.OpenIncident(w.t.Context(), ops.Incident{
		ID: ops.IncidentID(runID, w.name+"/late"), Pipeline: w.name, Cause: w.name + "/late", RunID: runID, BatchID: batchID, OpenedAt: time.Now(),
	})
	require.NoError(w.t, err)
	return i
}

func TestMaintenanceRemovesStagingOfDeadRunsAlone(t *testing.T) {
	w := newWorld(t)
	dead, live := w.stage("dead"), w.stage("live")
	inc := w.incident("escalated", "b1")
	needed := []string{live, w.stage("escalated"), w.stage("settle-" + inc.ID), w.stage("settle-" + inc.ID + "-b2"), w.stage("settle-live")}
	settled, other := w.stage("settle-done"), w.of("orders").stage("dead")
	w.set.Executions = executions{"live"}

	w.after(day)
	require.Zero(t, w.maintain()["staging"].Removed, "a day isn't longer than a run may be silent, and the retention")

	w.after(100 * day)
	require.Equal(t, pipeline.Cleaned{Step: "staging", Unit: "folders", Removed: 2, Bytes: 2000, Kept: 5}, w.maintain()["staging"])
	require.NoDirExists(t, dead)
	require.NoDirExists(t, settled)
	for _, dir := range append(needed, other) {
		require.FileExists(t, filepath.Join(dir, "v1", "shard-0000", "clean.parquet"))
	}
	require.Zero(t, w.maintain()["staging"].Removed, "a repeat finds nothing more")

	w.set.Executions = executions{}
	require.NoError(t, w.set.Ops.Resolve(t.Context(), inc.ID, "close", "ana", "", time.Now()))
	require.Equal(t, int64(5), w.maintain()["staging"].Removed, "what isn't needed any more goes")
}

// maintained is a sink that is maintained just before a load commits.
type maintained struct {
	sink.Sink
	maintain func()
}

func (m maintained) Load(ctx context.Context, l sink.Load) (sink.Receipt, error) {
	m.maintain()
	return m.Sink.Load(ctx, l)
}

// A run that has stood still for years between staging and load finds what it
// staged.
func TestMaintenanceInTheMiddleOfARunChangesNothingForIt(t *testing.T) {
	w := newWorld(t)
	w.produce("additive-drift", 1_000)
	d := w.dataset()
	d.Sink = maintained{d.Sink, func() {
		entries, err := os.ReadDir(d.Staging)
		require.NoError(t, err)
		require.Len(t, entries, 1)
		w.set.Executions = executions{entries[0].Name()}
		w.after(1_000 * day)
		require.Equal(t, int64(1), w.maintain()["staging"].Kept)
	}}
	require.Equal(t, pipeline.Remediated, w.batch().Outcome)
	require.Equal(t, int64(1_000), w.verify().Table)
}

func TestRetentionLetsGoOfWhatIsOldAndKeepsWhatIsNeeded(t *testing.T) {
	w := newWorld(t)
	w.declare("retention: {quarantine: 10d, reports: 30d, history: 60d}")
	w.produce("healthy", 1_000)
	old := w.batch()
	w.produce("late-major", 1_000)
	escalated := w.batch()
	w.produce("bad-major", 1_000)
	held := w.batch()
	w.produce("malformed", 1_000)
	malformed := w.batch()
	w.produce("missing-field", 1_000)
	undecided := w.batch()
	w.produce("healthy", 1_000)
	last := w.batch()
	w.incident(escalated.RunID, escalated.BatchID)
	_, err := w.answer("discard", malformed.BatchID, pipeline.Answer{Resolution: pipeline.Discard})
	require.NoError(t, err)
	log, err := os.ReadFile(w.path("ops", w.name, "decision_log.jsonl"))
	require.NoError(t, err)
	reports := func() []string {
		var have []string
		for _, r := range []pipeline.RunReport{old, escalated, held, malformed, undecided, last} {
			if _, err := os.Stat(w.path("ops", w.name, "runs", r.RunID)); err == nil {
				have = append(have, r.RunID)
			}
		}
		return have
	}

	w.after(9 * day)
	for name, s := range w.maintain() {
		require.Zero(t, s.Removed, name)
	}
	w.after(11 * day)
	require.Equal(t, int64(10), w.maintain()["quarantine"].Removed)
	require.Len(t, reports(), 6)
	account := w.verify()
	require.Equal(t, []int64{4_890, 100, 1_000, 10}, []int64{account.Table, account.Quarantine - heldRejects(t, w), account.Held + heldRejects(t, w), account.Removed})

	w.after(31 * day)
	require.Equal(t, int64(4), w.maintain()["reports"].Removed)
	require.Equal(t, []string{escalated.RunID, held.RunID}, reports(), "an open incident and a held batch keep theirs")
	require.FileExists(t, w.path("ops", w.name, "run_report.json"))

	w.after(61 * day)
	require.Contains(t, w.maintain()["history"].Detail, "3 runs, 4 decisions")
	runs, err := w.set.Ops.Runs(t.Context(), ops.RunQuery{Pipeline: w.name})
	require.NoError(t, err)
	var left []string
	for _, r := range runs {
		left = append(left, r.RunID)
	}
	require.ElementsMatch(t, []string{escalated.RunID, held.RunID, last.RunID}, left, "and the last run tells how the pipeline stands")

	for name, s := range w.maintain() {
		require.Zero(t, s.Removed, name)
	}
	require.Equal(t, account, w.verify())
	after, err := os.ReadFile(w.path("ops", w.name, "decision_log.jsonl"))
	require.NoError(t, err)
	require.Equal(t, log, after, "the decision log is never shortened")
	f, err := os.Open(w.path("ops", w.name, "decision_log.jsonl"))
	require.NoError(t, err)
	defer func() { _ = f.Close() }() // only read
	_, _, err = agent.VerifyAudit(f)
	require.NoError(t, err)
	_, err = w.answer("release", held.BatchID, pipeline.Answer{Resolution: pipeline.Release})
	require.NoError(t, err, "a held batch can be answered however old it is")
	require.Equal(t, int64(5_890), w.verify().Table)
}

// heldRejects are a held batch's suspect records, which lie with the
// quarantined ones.
func heldRejects(t *testing.T, w *world) int64 {
	t.Helper()
	var n int64
	for _, e := range w.entries() {
		if e.Status == sink.HeldBatch {
			n += pipeline.SumRows(e.Rejects)
		}
	}
	return n
}

func TestNothingGoesWhereRetentionIsZero(t *testing.T) {
	w := newWorld(t)
	w.declare("retention: {staging: 0, quarantine: 0, reports: 0, history: 0}")
	w.produce("malformed", 1_000)
	r := w.batch()
	_, err := w.answer("discard", r.BatchID, pipeline.Answer{Resolution: pipeline.Discard})
	require.NoError(t, err)
	w.produce("healthy", 1_000)
	w.batch()
	w.stage("dead")
	w.after(10_000 * day)
	for name, s := range w.maintain() {
		require.Zero(t, s.Removed, name)
		if name != "table" {
			require.Contains(t, s.Detail, "for ever", name)
		}
	}
}

func TestWhatACrashedLoadLeftInTheSinkGoes(t *testing.T) {
	w := newWorld(t)
	w.produce("healthy", 100)
	w.batch()
	left := w.path("out", "parquet", w.name, "_pending", "crashed")
	require.NoError(t, os.MkdirAll(left, 0o750))
	long := time.Now().Add(-100 * day)
	require.NoError(t, os.Chtimes(left, long, long))
	require.Equal(t, int64(1), w.maintain()["sink"].Removed)
	require.NoDirExists(t, left)
	require.Equal(t, int64(100), w.verify().Table)
}

// snapshots is a sink with a table that wants upkeep.
type snapshots struct {
	sink.Sink
	asked sink.MaintainOptions
}

func (s *snapshots) Maintain(_ context.Context, o sink.MaintainOptions) (sink.MaintainReport, error) {
	s.asked = o
	return sink.MaintainReport{ExpiredSnapshots: 2, OrphanFiles: 3, OrphanBytes: 300, CompactedFiles: 9, CompactedInto: 1, LostRaces: 1}, nil
}

func TestATableThatWantsUpkeepGetsItBySettings(t *testing.T) {
	w := newWorld(t)
	w.declare("maintenance: {expire_after: 3d, keep_snapshots: 5}")
	d := w.dataset()
	require.Contains(t, w.maintain()["table"].Detail, "needs no upkeep")
	s := &snapshots{Sink: d.Sink}
	d.Sink = s
	require.Equal(t, "table: removed 3 files, 300 bytes (2 snapshots expired, 9 files compacted into 1, 1 steps left to the next time: a load came first)",
		w.maintain()["table"].String())
	require.Equal(t, []time.Duration{3 * day, d.Retention.Staging + 8*3*31*time.Minute}, []time.Duration{s.asked.ExpireAfter, s.asked.OrphanAge},
		"no orphan is younger than a load may take")
	require.Equal(t, 5, s.asked.KeepSnapshots)
}

// Whatever the table, discarded records expire, verify accounts for them, and
// what maintenance leaves can be loaded into.
func TestMaintenanceOnEverySink(t *testing.T) {
	onEverySink(t, func(t *testing.T, w *world) {
		w.declare("retention: {quarantine: 1d}")
		w.produce("malformed", 1_000)
		malformed := w.batch()
		w.produce("bad-major", 1_000)
		held := w.batch()
		w.produce("healthy", 1_000)
		w.batch()
		_, err := w.answer("discard", malformed.BatchID, pipeline.Answer{Resolution: pipeline.Discard})
		require.NoError(t, err)
		w.after(100 * day)
		require.Equal(t, int64(10), w.maintain()["quarantine"].Removed)
		require.Zero(t, w.maintain()["quarantine"].Removed)
		_, err = w.answer("release", held.BatchID, pipeline.Answer{Resolution: pipeline.Release})
		require.NoError(t, err)
		w.produce("healthy", 1_000)
		w.batch()
		account := w.verify()
		require.Equal(t, []int64{3_990, 0, 0, 10}, []int64{account.Table, account.Quarantine, account.Held, account.Removed})
	})
}
