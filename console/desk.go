package console

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/autonomous-data-pipeline/adp/agent"
	"github.com/autonomous-data-pipeline/adp/config"
	"github.com/autonomous-data-pipeline/adp/ops"
	"github.com/autonomous-data-pipeline/adp/pipeline"
	"github.com/autonomous-data-pipeline/adp/sink"
	"github.com/autonomous-data-pipeline/adp/workflows"
)

// Desk is what people ask and tell. It is safe for concurrent use.
type Desk struct {
	Config   config.Config
	Env      func(string) string // os.Getenv, or a test's own
	Ops      *ops.Store
	Temporal Temporal
	Now      func() time.Time
}

// Temporal is what a desk asks of the Temporal service.
type Temporal interface {
	// Answer gives an incident's escalation a person's answer, and waits until
	// it is carried out. What is answered already is ErrConflict; what the
	// escalation refuses is a BadData fault with its reason.
	Answer(ctx context.Context, i ops.Incident, a pipeline.Answer) (pipeline.Resolution, error)
	// Acknowledge tells the escalation that somebody is on it.
	Acknowledge(ctx context.Context, i ops.Incident, by, comment string) error
	// Start starts a workflow. One of this ID that runs already, or has run, is
	// ErrConflict, with its own run ID.
	Start(ctx context.Context, id string, workflow, input any) (Started, error)
	// Running lists a pipeline's runs that haven't ended.
	Running(ctx context.Context, pipelineName string) ([]Running, error)
	// Schedule says how a pipeline's schedule stands. One that isn't there has
	// Exists unset.
	Schedule(ctx context.Context, pipelineName string) (Schedule, error)
	SetPaused(ctx context.Context, pipelineName string, paused bool, note string) error
}

// Started is a workflow that was started.
type Started struct {
	WorkflowID string `json:"workflow_id"`
	RunID      string `json:"run_id"`
}

// Running is a workflow that hasn't ended.
type Running struct {
	WorkflowID string    `json:"workflow_id"`
	RunID      string    `json:"run_id"`
	Type       string    `json:"type"`
	StartedAt  time.Time `json:"started_at"`
}

// Schedule is how a pipeline's schedule stands.
type Schedule struct {
	Exists bool      `json:"exists"`
	Paused bool      `json:"paused"`
	Note   string    `json:"note,omitempty"`
	Next   time.Time `json:"next,omitzero"`
}

// Health is a pipeline's standing in one word.
type Health string

// The healths, the worst first.
const (
	Failing   Health = "failing"   // its last run failed
	Attention Health = "attention" // an incident waits for a person, or a batch is held
	Broken    Health = "broken"    // its file can't be read
	Well      Health = "well"
	Unknown   Health = "unknown" // it has never run
)

// Standing is where one pipeline stands. What couldn't be asked is named in
// Problems, and the rest is there.
type Standing struct {
	Pipeline      string              `json:"pipeline"`
	Health        Health              `json:"health"`
	Checkpoint    pipeline.Checkpoint `json:"checkpoint"`
	SchemaVersion int                 `json:"schema_version"`
	LastRun       *pipeline.RunReport `json:"last_run,omitempty"`
	OpenIncidents int                 `json:"open_incidents"`
	Quarantined   int64               `json:"quarantined"` // records
	Held          int64               `json:"held"`        // records
	Lag           int64               `json:"lag"`         // records, as of the last run
	Schedule      Schedule            `json:"schedule"`
	Running       []Running           `json:"running"`
	KillSwitch    agent.Switch        `json:"kill_switch"`
	Problems      []string            `json:"problems,omitempty"`
}

// Standings are those of all declared pipelines, in the order of their names.
func (d *Desk) Standings(ctx context.Context) ([]Standing, error) {
	names, err := d.Config.Names()
	if err != nil {
		return nil, err
	}
	all := make([]Standing, 0, len(names))
	for _, name := range names {
		s, err := d.Standing(ctx, name)
		if err != nil {
			return nil, err
		}
		all = append(all, s)
	}
	return all, nil
}

// Standing is one pipeline's. A pipeline that nobody declared is
// ops.ErrNotFound.
func (d *Desk) Standing(ctx context.Context, name string) (Standing, error) {
	if err := d.Declared(name); err != nil {
		return Standing{}, err
	}
	s := Standing{Pipeline: name, Running: []Running{}}
	runs, err := d.Ops.Runs(ctx, ops.RunQuery{Pipeline: name, Limit: 1})
	if err != nil {
		return Standing{}, err
	}
	if len(runs) > 0 {
		s.LastRun, s.Lag = &runs[0], runs[0].Source.Lag
	}
	open, err := d.Ops.Unresolved(ctx, name)
	if err != nil {
		return Standing{}, err
	}
	s.OpenIncidents = len(open)
	if s.KillSwitch, err = d.Ops.Switch(ctx, name); err != nil {
		return Standing{}, err
	}
	broken := s.problem("look into the table", d.lookInto(ctx, name, &s))
	if s.Schedule, err = d.Temporal.Schedule(ctx, name); err != nil {
		s.problem("ask Temporal for the schedule", err)
	} else if s.Running, err = d.Temporal.Running(ctx, name); err != nil {
		s.problem("ask Temporal for the runs in flight", err)
	}
	s.Health = s.health(broken)
	return s, nil
}

func (s *Standing) problem(what string, err error) bool {
	if err != nil {
		s.Problems = append(s.Problems, what+": "+err.Error())
	}
	return err != nil
}

func (s *Standing) health(broken bool) Health {
	switch {
	case s.LastRun != nil && s.LastRun.Outcome == pipeline.Failed:
		return Failing
	case broken:
		return Broken
	case s.OpenIncidents > 0 || s.Held > 0:
		return Attention
	case s.LastRun == nil:
		return Unknown
	}
	return Well
}

func (d *Desk) lookInto(ctx context.Context, name string, s *Standing) error {
	snk, err := d.Sink(name)
	if err != nil {
		return err
	}
	defer func() { _ = snk.Close() }() // only read
	state, err := snk.State(ctx)
	if err != nil {
		return err
	}
	s.Checkpoint, s.SchemaVersion = state.Checkpoint, state.SchemaVersion
	entries, err := snk.Entries(ctx)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if e.Status == sink.HeldBatch {
			s.Held += e.Records
		} else {
			s.Quarantined += e.Records
		}
	}
	return nil
}

// Declared refuses a pipeline that nobody declared, with ops.ErrNotFound. Its
// file may be broken.
func (d *Desk) Declared(name string) error {
	names, err := d.Config.Names()
	if err == nil && !slices.Contains(names, name) {
		err = fmt.Errorf("%w: pipeline %q is not declared (known: %s)", ops.ErrNotFound, name, strings.Join(names, ", "))
	}
	return err
}

// Sink opens a pipeline's sink, for reading; the caller closes it.
func (d *Desk) Sink(name string) (sink.Sink, error) {
	if err := d.Declared(name); err != nil {
		return nil, err
	}
	p, err := d.Config.Load(name, d.Env)
	if err != nil {
		return nil, err
	}
	return d.Config.Sink(p)
}

// Answer gives an incident a person's answer and waits until it is carried
// out. It takes an approver.
func (d *Desk) Answer(ctx context.Context, by Person, id string, a pipeline.Answer) (pipeline.Resolution, error) {
	what := "answer incident " + id
	if err := by.needs(Approver, what); err != nil {
		return pipeline.Resolution{}, err
	}
	i, err := d.Ops.Incident(ctx, id)
	if err != nil {
		return pipeline.Resolution{}, err
	}
	a.By = by.Name
	if err := d.record(i.Pipeline, by, a.Resolution, i.ID, a); err != nil {
		return pipeline.Resolution{}, err
	}
	res, err := d.Temporal.Answer(ctx, i, a)
	if now, lookup := d.Ops.Incident(ctx, i.ID); errors.Is(err, ErrConflict) && lookup == nil && now.Status == ops.Resolved {
		err = fmt.Errorf("%w: %s by %s was first", err, now.Resolution, now.By)
	}
	return res, err
}

// Acknowledge says that a person is on an incident. It takes an operator.
func (d *Desk) Acknowledge(ctx context.Context, by Person, id, comment string) error {
	if err := by.needs(Operator, "acknowledge incident "+id); err != nil {
		return err
	}
	i, err := d.Ops.Incident(ctx, id)
	if err != nil {
		return err
	}
	if i.Status == ops.Resolved {
		return fmt.Errorf("acknowledge incident %s: %w: %s by %s already", i.ID, ErrConflict, i.Resolution, i.By)
	}
	if err := d.record(i.Pipeline, by, "acknowledge", i.ID, comment); err != nil {
		return err
	}
	return d.Temporal.Acknowledge(ctx, i, by.Name, comment)
}

// Run starts a run of a pipeline. The same key starts it once: the second time
// is ErrConflict, with the run that the first one started. An empty key is
// another run each time. It takes an operator.
func (d *Desk) Run(ctx context.Context, by Person, name, key string) (Started, error) {
	if err := by.needs(Operator, "start a run of "+name); err != nil {
		return Started{}, err
	}
	if err := d.Declared(name); err != nil {
		return Started{}, err
	}
	if _, err := d.Config.Load(name, d.Env); err != nil {
		return Started{}, err // told here, not by a workflow that fails
	}
	if key == "" {
		key = uuid.NewString()
	}
	if err := d.record(name, by, "run", key, nil); err != nil {
		return Started{}, err
	}
	return d.Temporal.Start(ctx, RunID(name, by.Via, key), workflows.PipelineRun, pipeline.RunRequest{Pipeline: name, Trigger: by.Via})
}

// Settle replays or discards a batch's quarantined records, apart from any
// incident: one that an open incident waits for is ErrConflict, since it is
// answered there. It takes an approver.
func (d *Desk) Settle(ctx context.Context, by Person, name, batchID string, a pipeline.Answer) (Started, error) {
	if err := by.needs(Approver, a.Resolution+" batch "+batchID); err != nil {
		return Started{}, err
	}
	if err := d.Declared(name); err != nil {
		return Started{}, err
	}
	if i, err := d.WaitsFor(ctx, name, batchID); err != nil || i != nil {
		if err == nil {
			err = fmt.Errorf("%s batch %s: %w: incident %s waits for an answer on it; answer that", a.Resolution, batchID, ErrConflict, i.ID)
		}
		return Started{}, err
	}
	a.By = by.Name
	if err := d.record(name, by, a.Resolution, batchID, a); err != nil {
		return Started{}, err
	}
	return d.Temporal.Start(ctx, fmt.Sprintf("%s/%s/%s/%s", a.Resolution, name, batchID, uuid.NewString()[:8]), workflows.ReplayQuarantine,
		pipeline.SettleRequest{Pipeline: name, BatchID: batchID, Answer: a})
}

// WaitsFor is the open incident whose answer settles a batch, or nil.
func (d *Desk) WaitsFor(ctx context.Context, name, batchID string) (*ops.Incident, error) {
	open, err := d.Ops.Unresolved(ctx, name)
	if err != nil {
		return nil, err
	}
	for _, i := range open {
		batches, err := d.Ops.BatchesOf(ctx, i.ID)
		if err != nil && !errors.Is(err, ops.ErrNotFound) {
			return nil, err
		}
		if slices.Contains(batches, batchID) {
			return &i, nil
		}
	}
	return nil, nil
}

// SetPaused pauses or resumes a pipeline's schedule. It takes an operator.
func (d *Desk) SetPaused(ctx context.Context, by Person, name string, paused bool, note string) error {
	if err := by.needs(Operator, "pause or resume the schedule of "+name); err != nil {
		return err
	}
	if err := d.Declared(name); err != nil {
		return err
	}
	what := map[bool]string{true: "pause", false: "resume"}[paused]
	if err := d.record(name, by, what, name, note); err != nil {
		return err
	}
	return d.Temporal.SetPaused(ctx, name, paused, strings.TrimSpace(what+"d by "+by.Name+" "+note))
}

// TurnSwitch turns a pipeline's kill switch. It takes an admin.
func (d *Desk) TurnSwitch(ctx context.Context, by Person, name string, on bool, reason string) (agent.Switch, error) {
	if err := by.needs(Admin, "turn the kill switch of "+name); err != nil {
		return agent.Switch{}, err
	}
	if err := d.Declared(name); err != nil {
		return agent.Switch{}, err
	}
	turned := agent.Switch{Pipeline: name, On: on, By: by.Name, Reason: reason, At: d.Now().UTC()}
	if err := d.Ops.TurnSwitch(ctx, turned); err != nil {
		return agent.Switch{}, err
	}
	return turned, d.audit(name).Switch(turned)
}

// RunID is the workflow ID of a run that was asked for with a key.
func RunID(name, via, key string) string { return "run/" + name + "/" + via + "/" + key }

// record writes down who asked for what, before it is done: nothing happens
// that isn't in the log, and what was refused afterwards stands there too.
func (d *Desk) record(name string, by Person, what, target string, detail any) error {
	return d.audit(name).Request(agent.PersonRequest{
		ID: uuid.NewString(), Pipeline: name, By: by.Name, Role: string(by.Role), Via: by.Via, What: what, Target: target, Detail: detail,
	}, d.Now())
}

func (d *Desk) audit(name string) *agent.AuditLog {
	return agent.OpenAudit(d.logFile(name))
}

func (d *Desk) logFile(name string) string {
	return filepath.Join(d.Config.Reports(name), "decision_log.jsonl")
}
