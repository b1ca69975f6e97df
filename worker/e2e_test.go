package main

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/testsuite"
	sdkworker "go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/autonomous-data-pipeline/adp/activities"
	"github.com/autonomous-data-pipeline/adp/agent"
	"github.com/autonomous-data-pipeline/adp/alerting"
	"github.com/autonomous-data-pipeline/adp/config"
	"github.com/autonomous-data-pipeline/adp/generator"
	"github.com/autonomous-data-pipeline/adp/internal/fakekafka"
	"github.com/autonomous-data-pipeline/adp/ops"
	"github.com/autonomous-data-pipeline/adp/pipeline"
	"github.com/autonomous-data-pipeline/adp/sink"
	"github.com/autonomous-data-pipeline/adp/source"
	"github.com/autonomous-data-pipeline/adp/workflows"
)

// noSchedule stands for a pipeline that has none.
type noSchedule struct{ paused []bool }

func (n *noSchedule) SetPaused(_ context.Context, _ string, paused bool, _ string) error {
	n.paused = append(n.paused, paused)
	return nil
}

// mailbox keeps what people would be told.
type mailbox struct {
	mu     sync.Mutex
	alerts []alerting.Alert
}

func (m *mailbox) Post(_ context.Context, a alerting.Alert) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.alerts = append(m.alerts, a)
	return nil
}

// executions stand for a server on which these runs go on.
type executions []string

func (e executions) Running(context.Context, string) ([]string, error) { return e, nil }

// world is both pipelines with everything real but Temporal's server: its test
// environment runs the workflows. Its methods are about one of them.
type world struct {
	t       *testing.T
	name    string // of the pipeline
	dir     string
	set     *activities.Set
	catalog *config.Catalog
	broker  *fakekafka.Broker
	seed    uint64
	env     map[string]string // beside where everything is
	runs    *atomic.Int64     // so far, of both pipelines
}

func newWorld(t *testing.T) *world { return newWorldWith(t, nil) }

// newWorldWith has these variables in its environment too.
func newWorldWith(t *testing.T, env map[string]string) *world {
	t.Helper()
	w := &world{t: t, name: "customers", dir: t.TempDir(), broker: fakekafka.ForTest(t), runs: &atomic.Int64{}, env: env}
	for _, name := range []string{"customers", "orders"} {
		require.NoError(t, w.broker.CreateTopic(name, 4))
		w.of(name).declare("")
	}
	c, err := config.FromEnv(func(key string) string {
		return map[string]string{"DATA_DIR": filepath.Join(w.dir, "data"), "PIPELINES_DIR": w.dir}[key]
	})
	require.NoError(t, err)
	store, err := ops.Open(t.Context(), c.OpsDB)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, store.Close()) })
	w.catalog = config.NewCatalog(c, func(key string) string {
		if key == "KAFKA_BROKER" {
			return w.broker.Address()
		}
		return env[key]
	})
	quiet := slog.New(slog.NewTextHandler(io.Discard, nil))
	w.set = &activities.Set{
		Catalog: w.catalog, Ops: store, Mailbox: &mailbox{}, Scheduler: &noSchedule{}, Executions: executions{}, Now: time.Now, Log: quiet,
	}
	return w
}

// of is the same world, seen from another pipeline.
func (w *world) of(name string) *world {
	other := *w
	other.name = name
	return &other
}

// declare writes the pipeline's file, with more at its end.
func (w *world) declare(more string) {
	w.t.Helper()
	text, err := os.ReadFile("../pipelines/" + w.name + ".yml")
	require.NoError(w.t, err)
	// The files that it names are relative to the project.
	changed := strings.NewReplacer("file: schemas/", "file: ../schemas/", "rules: dq/", "rules: ../dq/").Replace(string(text))
	require.NoError(w.t, os.WriteFile(filepath.Join(w.dir, w.name+".yml"), []byte(changed+"\n"+more), 0o600))
}

func (w *world) dataset() *activities.Dataset {
	w.t.Helper()
	d, err := w.catalog.Dataset(w.t.Context(), w.name)
	require.NoError(w.t, err)
	return d
}

func (w *world) produce(preset string, n int64) {
	w.t.Helper()
	w.seed++
	c := generator.Config{Dataset: w.dataset().Declared.Name, Seed: w.seed, Count: n, Start: time.Now().Add(-time.Minute)}
	for _, p := range generator.Presets() {
		if p.Name == preset {
			p.Apply(&c)
		}
	}
	_, err := generator.Produce(w.t.Context(), generator.Target{Brokers: []string{w.broker.Address()}, Topic: w.name}, c, nil)
	require.NoError(w.t, err)
}

// run executes one workflow with the real activities.
func (w *world) run(workflow, input any, result any) error {
	w.t.Helper()
	var suite testsuite.WorkflowTestSuite
	suite.SetLogger(log.NewStructuredLogger(slog.New(slog.NewTextHandler(io.Discard, nil))))
	env := suite.NewTestWorkflowEnvironment()
	env.SetTestTimeout(time.Minute)
	// On a busy machine, with the race detector, a second passes in no time.
	env.SetWorkerOptions(sdkworker.Options{DeadlockDetectionTimeout: time.Minute})
	register(env, w.set)
	env.RegisterWorkflow(numbered)
	env.ExecuteWorkflow(workflow, input)
	require.True(w.t, env.IsWorkflowCompleted())
	if err := env.GetWorkflowError(); err != nil {
		return err
	}
	return env.GetWorkflowResult(result)
}

func (w *world) batch() pipeline.RunReport {
	w.t.Helper()
	var r pipeline.RunReport
	require.NoError(w.t, w.run(numbered, numberedRun{w.runs.Add(1), pipeline.RunRequest{Pipeline: w.name}}, &r))
	return r
}

type numberedRun struct {
	Number  int64
	Request pipeline.RunRequest
}

// numbered gives a run an ID of its own: the test environment calls every
// workflow's run the same, and numbers children after what came before them.
func numbered(ctx workflow.Context, in numberedRun) (r pipeline.RunReport, err error) {
	for range in.Number {
		if err := workflow.Sleep(ctx, time.Millisecond); err != nil {
			return r, err
		}
	}
	err = workflow.ExecuteChildWorkflow(ctx, workflows.PipelineRun, in.Request).Get(ctx, &r)
	return r, err
}

func (w *world) verify() sink.Account {
	w.t.Helper()
	d := w.dataset()
	ranges, err := source.Log(w.t.Context(), d.Source, w.name)
	require.NoError(w.t, err)
	account, err := sink.Verify(w.t.Context(), d.Sink, ranges, func(ctx context.Context, r pipeline.Range, fn func(int64) error) error {
		return source.Offsets(ctx, d.Source, w.name, r, fn)
	})
	require.NoError(w.t, err)
	require.True(w.t, account.Balanced(), "%+v", account)
	return account
}

// Every scenario of the demo, through real activities, Kafka's protocol, real
// files and the real store.
func TestEveryScenarioEndsAsTheMatrixSays(t *testing.T) {
	const n = 2_000
	tests := []struct {
		preset            string
		conditions        []string
		actions           []string
		outcome           pipeline.Outcome
		quarantined, held int64
	}{
		{"healthy", []string{"healthy"}, nil, pipeline.Succeeded, 0, 0},
		{"additive-drift", []string{"schema_drift_additive"}, []string{"remap"}, pipeline.Remediated, 0, 0},
		{"type-drift", []string{"schema_drift_breaking"}, []string{"quarantine", "escalate"}, pipeline.Remediated, 600, 0},
		{"missing-field", []string{"schema_drift_breaking"}, []string{"quarantine", "escalate"}, pipeline.Remediated, 200, 0},
		{"late-minor", []string{"late_arrivals_minor"}, []string{"retrigger"}, pipeline.Succeeded, 0, 0},
		{"late-major", []string{"late_arrivals_major"}, []string{"escalate"}, pipeline.Succeeded, 0, 0},
		{"bad-minor", []string{"dq_failures_minor"}, []string{"log"}, pipeline.Succeeded, 0, 0},
		{"bad-localized", []string{"dq_failures_localized"}, []string{"quarantine", "notify"}, pipeline.Remediated, 80, 0},
		{"bad-major", []string{"dq_failures_major"}, []string{"escalate"}, pipeline.Held, 0, n},
		{"malformed", []string{"dq_failures_minor"}, []string{"log"}, pipeline.Succeeded, 20, 0},
	}
	for _, tc := range tests {
		t.Run(tc.preset, func(t *testing.T) {
			w := newWorld(t)
			w.produce(tc.preset, n)
			r := w.batch()
			require.Equal(t, tc.conditions, r.Conditions)
			require.Equal(t, tc.actions, r.Actions)
			require.Equal(t, tc.outcome, r.Outcome)
			require.Equal(t, int64(n), r.Records.Read)
			require.Equal(t, tc.quarantined, r.Records.Quarantined)
			require.Equal(t, tc.held, r.Records.Held)
			require.True(t, r.Records.Conserved())
			account := w.verify()
			require.Equal(t, r.Records.Loaded, account.Table)
			// A held batch's failing records lie with the quarantined ones.
			require.Equal(t, tc.quarantined+tc.held, account.Quarantine+account.Held)
			w.checkFiles(r)
		})
	}
}

// checkFiles holds the files that people see against the run.
func (w *world) checkFiles(r pipeline.RunReport) {
	w.t.Helper()
	reports := filepath.Join(w.dir, "data", "ops", w.name)
	for _, f := range []string{"run_report.json", "ge_results.json", "quality.html", filepath.Join("runs", r.RunID, "run_report.json")} {
		require.FileExists(w.t, filepath.Join(reports, f))
	}
	log, err := os.ReadFile(filepath.Join(reports, "decision_log.jsonl"))
	require.NoError(w.t, err)
	entries := 0
	for e, err := range agent.Entries(bytes.NewReader(log)) {
		require.NoError(w.t, err)
		if entries++; e.Kind == agent.KindDecision {
			w.checkReplay(log, e.ID)
		}
	}
	require.GreaterOrEqual(w.t, entries, 2, "a decision, and what came of it")
	staged, err := os.ReadDir(filepath.Join(w.dir, "data", "staging", w.name))
	require.NoError(w.t, err)
	require.Empty(w.t, staged, "staging goes when the sink holds everything")
}

// checkReplay makes a decision again from the log alone.
func (w *world) checkReplay(log []byte, id string) {
	w.t.Helper()
	rec, err := agent.FindDecision(bytes.NewReader(log), id)
	require.NoError(w.t, err)
	again, err := rec.Replay(w.t.Context())
	require.NoError(w.t, err)
	require.Empty(w.t, again.Differences)
}

func TestARemappedColumnIsKnownToLaterBatches(t *testing.T) {
	w := newWorld(t)
	w.produce("additive-drift", 1_000)
	require.Equal(t, 2, w.batch().SchemaVersion)
	w.produce("additive-drift", 1_000)
	r := w.batch()
	require.Equal(t, []string{"healthy"}, r.Conditions)
	require.Equal(t, 2, r.SchemaVersion)
	require.Equal(t, int64(2_000), w.verify().Table)
}

func TestAReplayWithAMappingMendsWhatItCanAndKeepsTheRestAsItCame(t *testing.T) {
	w := newWorld(t)
	w.produce("type-drift", 1_000)
	w.produce("malformed", 1_000)
	r := w.batch()
	require.Equal(t, int64(310), r.Records.Quarantined)
	before := w.rejects()
	var s pipeline.Settled
	require.NoError(t, w.run(workflows.ReplayQuarantine, pipeline.SettleRequest{
		ID: "first", Pipeline: "customers", BatchID: r.BatchID,
		Answer: pipeline.Answer{Resolution: pipeline.Replay, By: "ana", Mapping: &pipeline.Mapping{Cast: map[string]string{"age": "long", "name": "long"}}},
	}, &s))
	require.Zero(t, s.Moved, "a mapping that doesn't fit mends nothing")
	require.Equal(t, before, w.rejects(), "and changes nothing")
	require.NoError(t, w.run(workflows.ReplayQuarantine, pipeline.SettleRequest{
		ID: "second", Pipeline: "customers", BatchID: r.BatchID,
		Answer: pipeline.Answer{Resolution: pipeline.Replay, By: "ana", Mapping: &pipeline.Mapping{Cast: map[string]string{"age": "long"}}},
	}, &s))
	require.Equal(t, int64(300), s.Moved)
	require.Equal(t, int64(10), s.Kept)
	account := w.verify()
	require.Equal(t, int64(1_990), account.Table)
	require.Equal(t, int64(10), account.Quarantine)
}

// rejects are the raw bytes in quarantine, by their place.
func (w *world) rejects() map[[2]int64]string {
	w.t.Helper()
	d := w.dataset()
	entries, err := d.Sink.Entries(w.t.Context())
	require.NoError(w.t, err)
	out := map[[2]int64]string{}
	for _, e := range entries {
		require.NoError(w.t, d.Sink.Rejects(w.t.Context(), e, func(r pipeline.Reject) error {
			out[[2]int64{int64(r.Partition), r.Offset}] = string(r.Raw)
			return nil
		}))
	}
	return out
}
