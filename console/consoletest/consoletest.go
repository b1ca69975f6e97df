// Package consoletest is a desk for tests: a real operations store, real
// pipeline files and tables in a folder that the test owns, and a Temporal
// service that remembers what it was asked.
package consoletest

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/autonomous-data-pipeline/adp/agent"
	"github.com/autonomous-data-pipeline/adp/config"
	"github.com/autonomous-data-pipeline/adp/console"
	"github.com/autonomous-data-pipeline/adp/ops"
	"github.com/autonomous-data-pipeline/adp/pipeline"
)

// At is when everything happens.
var At = time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)

// Desk is a desk over the pipelines customers and orders, and what it stands
// on.
type Desk struct {
	*console.Desk
	Temporal *Temporal
}

// New makes a desk in the test's own folder. Nothing has run yet.
func New(t testing.TB) Desk {
	t.Helper()
	dir := t.TempDir()
	env := func(key string) string {
		return map[string]string{"DATA_DIR": filepath.Join(dir, "data"), "PIPELINES_DIR": filepath.Join(dir, "pipelines")}[key]
	}
	declare(t, env("PIPELINES_DIR"))
	c, err := config.FromEnv(env)
	require.NoError(t, err)
	store, err := ops.Open(t.Context(), c.OpsDB)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, store.Close()) })
	fake := &Temporal{Ops: store, started: map[string]console.Started{}, paused: map[string]string{}}
	return Desk{Desk: &console.Desk{Config: c, Env: env, Ops: store, Temporal: fake, Now: func() time.Time { return At }}, Temporal: fake}
}

// declare copies the tree's own pipeline files, whose schemas and rules it
// names by where they are.
func declare(t testing.TB, dir string) {
	t.Helper()
	require.NoError(t, os.MkdirAll(dir, 0o755))
	root := Root()
	for _, name := range []string{"customers.yml", "orders.yml"} {
		b, err := os.ReadFile(filepath.Join(root, "pipelines", name))
		require.NoError(t, err)
		b = regexp.MustCompile(`(file|rules): (schemas|dq)/`).ReplaceAll(b, []byte("$1: "+root+"/$2/"))
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), b, 0o644))
	}
}

// Root is the tree's top folder.
func Root() string {
	_, file, _, _ := runtime.Caller(0)
	return filepath.Dir(filepath.Dir(filepath.Dir(file)))
}

// Ran saves a run's report, so many minutes after At, and gives it. change may
// be nil.
func (d Desk) Ran(t testing.TB, id string, minute int, outcome pipeline.Outcome, change func(*pipeline.RunReport)) pipeline.RunReport {
	t.Helper()
	r := pipeline.RunReport{
		Pipeline: "customers", RunID: id, BatchID: "batch-" + id, WorkflowID: "run/customers/" + id, Outcome: outcome, Trigger: "schedule", SchemaVersion: 1,
		StartedAt: At.Add(time.Duration(minute) * time.Minute), FinishedAt: At.Add(time.Duration(minute)*time.Minute + 900*time.Millisecond),
		Source:  pipeline.SourceReport{Topic: "customers", Ranges: []pipeline.Range{{Partition: 0, Start: 0, End: 1000}}, Lag: 12},
		Records: pipeline.Records{Read: 1000, Clean: 960, Suspect: 30, Malformed: 10, Loaded: 990, Quarantined: 10},
		Late:    pipeline.Late{Count: 5, Share: 0.005, AllowedLatenessS: 600, MaxLatenessS: 4000},
		Quality: pipeline.Quality{Failed: 30, Share: 0.03, Segments: []pipeline.Segment{{Column: "country", Value: "BR", Records: 100, Failed: 28, Share: 0.28}}},
		Drift:   []pipeline.Drift{{Kind: pipeline.FieldAdded, Field: "loyalty_tier", Observed: "string", Count: 20, Share: 0.02}},
		Stages: []pipeline.Stage{
			{Name: "plan", StartedAt: At.Add(time.Duration(minute) * time.Minute), Ms: 40},
			{Name: "process", StartedAt: At.Add(time.Duration(minute)*time.Minute + 40*time.Millisecond), Ms: 500, Records: 1000, Bytes: 270_000},
			{Name: "load", StartedAt: At.Add(time.Duration(minute)*time.Minute + 540*time.Millisecond), Ms: 300, Records: 990, Bytes: 30_000},
		},
	}
	switch outcome {
	case pipeline.Failed:
		r.Failure, r.ConsecutiveFailures = &pipeline.Failure{Stage: "process", Kind: pipeline.Transient, Error: "read topic customers: no broker answers"}, 1
		r.Records, r.Quality, r.Drift, r.Late = pipeline.Records{}, pipeline.Quality{}, []pipeline.Drift{}, pipeline.Late{}
	case pipeline.Held:
		r.Records.Loaded, r.Records.Quarantined, r.Records.Held = 0, 0, 1000
		r.Records.Clean, r.Records.Suspect = 900, 90
		r.Quality.Failed, r.Quality.Share = 90, 0.09
	case pipeline.Idle, pipeline.SupersededRun:
		r.BatchID, r.Records, r.Quality, r.Drift, r.Late = "", pipeline.Records{}, pipeline.Quality{}, []pipeline.Drift{}, pipeline.Late{}
	}
	if change != nil {
		change(&r)
	}
	require.NoError(t, d.Ops.SaveRun(t.Context(), r))
	return r
}

// Decide makes the decision of a run by rules, records it as a run would, and
// gives it.
func (d Desk) Decide(t testing.TB, r pipeline.RunReport) agent.Decision {
	t.Helper()
	facts := agent.Facts{Report: r}
	policy := agent.DefaultPolicy()
	decision, err := agent.Decide(t.Context(), facts, policy, agent.Rules{}, r.FinishedAt, r.RunID)
	require.NoError(t, err)
	raw, err := json.Marshal(facts)
	require.NoError(t, err)
	require.NoError(t, d.Ops.SaveDecision(t.Context(), decision, raw))
	log := agent.OpenAudit(filepath.Join(d.Config.Reports(r.Pipeline), "decision_log.jsonl"))
	require.NoError(t, log.Decision(decision, facts, policy))
	return decision
}

// Open opens the incident of a run. hold says whether it holds the run's batch.
func (d Desk) Open(t testing.TB, r pipeline.RunReport, cause string, hold bool) ops.Incident {
	t.Helper()
	i, _, err := d.Ops.OpenIncident(t.Context(), ops.Incident{
		ID: ops.IncidentID(r.RunID, cause), Pipeline: r.Pipeline, Cause: cause, RunID: r.RunID, BatchID: r.BatchID, WorkflowID: r.WorkflowID,
		Severity: "critical", Title: r.Pipeline + ": " + cause, Summary: "9.00% of the records fail a rule.", Hold: hold, OpenedAt: r.FinishedAt, Advice: pipeline.Release,
	})
	require.NoError(t, err)
	return i
}

// People of each role.
var (
	Viewer   = console.Person{Name: "vera", Role: console.Viewer, Via: "console"}
	Operator = console.Person{Name: "olga", Role: console.Operator, Via: "console"}
	Approver = console.Person{Name: "anna", Role: console.Approver, Via: "console"}
	Admin    = console.Person{Name: "ada", Role: console.Admin, Via: "console"}
)

// Temporal is a service that does at once what it is asked, and remembers it.
type Temporal struct {
	Ops *ops.Store
	Err error // what every call answers, if it is set

	mu      sync.Mutex
	started map[string]console.Started
	inputs  []any
	paused  map[string]string
	live    []console.Running
}

var _ console.Temporal = (*Temporal)(nil)

// Answer resolves the incident.
func (f *Temporal) Answer(ctx context.Context, i ops.Incident, a pipeline.Answer) (pipeline.Resolution, error) {
	if f.Err != nil {
		return pipeline.Resolution{}, f.Err
	}
	known, err := f.Ops.Incident(ctx, i.ID)
	if err != nil {
		return pipeline.Resolution{}, err
	}
	if known.Status == ops.Resolved {
		return pipeline.Resolution{}, fmt.Errorf("answer incident %s: %w: %s by %s already", i.ID, console.ErrConflict, known.Resolution, known.By)
	}
	if err := f.Ops.Resolve(ctx, i.ID, a.Resolution, a.By, a.Comment, At); err != nil {
		return pipeline.Resolution{}, err
	}
	return pipeline.Resolution{Incident: i.ID, Resolution: a.Resolution, By: a.By, Comment: a.Comment, At: At, Records: pipeline.Records{Read: 1000, Loaded: 1000}}, nil
}

// Acknowledge acknowledges it.
func (f *Temporal) Acknowledge(ctx context.Context, i ops.Incident, by, comment string) error {
	if f.Err != nil {
		return f.Err
	}
	return f.Ops.Acknowledge(ctx, i.ID, by, comment, At)
}

// Start starts each ID once.
func (f *Temporal) Start(_ context.Context, id string, _, input any) (console.Started, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.Err != nil {
		return console.Started{}, f.Err
	}
	if s, ok := f.started[id]; ok {
		return s, fmt.Errorf("start %s: %w: it was started already", id, console.ErrConflict)
	}
	f.started[id] = console.Started{WorkflowID: id, RunID: fmt.Sprintf("run-%d", len(f.started)+1)}
	f.inputs = append(f.inputs, input)
	return f.started[id], nil
}

// Started are the workflows' IDs that were started, with their inputs in order.
func (f *Temporal) Started() (ids map[string]console.Started, inputs []any) {
	f.mu.Lock()
	defer f.mu.Unlock()
	ids = map[string]console.Started{}
	for id, s := range f.started {
		ids[id] = s
	}
	return ids, append([]any{}, f.inputs...)
}

// SetRunning says what Running answers.
func (f *Temporal) SetRunning(live ...console.Running) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.live = live
}

// Running answers what was set.
func (f *Temporal) Running(context.Context, string) ([]console.Running, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]console.Running{}, f.live...), f.Err
}

// Schedule exists, and is paused if somebody paused it.
func (f *Temporal) Schedule(_ context.Context, name string) (console.Schedule, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.Err != nil {
		return console.Schedule{}, f.Err
	}
	note, paused := f.paused[name]
	s := console.Schedule{Exists: true, Paused: paused, Note: note}
	if !paused {
		s.Next = At.Add(5 * time.Minute)
	}
	return s, nil
}

// SetPaused pauses or resumes.
func (f *Temporal) SetPaused(_ context.Context, name string, paused bool, note string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.Err != nil {
		return f.Err
	}
	delete(f.paused, name)
	if paused {
		f.paused[name] = note
	}
	return nil
}
