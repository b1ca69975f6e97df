package activities

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"time"

	"go.temporal.io/sdk/activity"

	"github.com/autonomous-data-pipeline/adp/agent"
	"github.com/autonomous-data-pipeline/adp/batch"
	"github.com/autonomous-data-pipeline/adp/dq"
	"github.com/autonomous-data-pipeline/adp/ops"
	"github.com/autonomous-data-pipeline/adp/pipeline"
)

// Decide completes the facts from the staged results and the run history, and
// records the decision. A repeat finds the same facts, makes the same
// decision, and is recorded once.
func (s *Set) Decide(ctx context.Context, req agent.Request) (agent.Decided, error) {
	d, err := s.decide(ctx, req)
	return d, toTemporal(err)
}

func (s *Set) decide(ctx context.Context, req agent.Request) (agent.Decided, error) {
	d, err := s.Catalog.Declared(ctx, req.Run.Pipeline)
	if err != nil {
		return agent.Decided{}, err
	}
	facts, err := s.facts(ctx, d, req)
	if err != nil {
		return agent.Decided{}, err
	}
	policy, err := s.policy(ctx, d, req)
	if err != nil {
		return agent.Decided{}, err
	}
	open := agent.Open(policy.Bounds(facts))
	if d.Model != nil && req.Proposed == nil && open {
		return agent.Decided{Ask: d.ask(d.Model)}, nil
	}
	var by agent.Proposer = agent.Rules{}
	if req.Proposed != nil {
		by = agent.Given{Proposed: *req.Proposed}
	}
	decision, err := agent.Decide(ctx, facts, policy, by, s.Now(), req.Run.RunID)
	if err != nil {
		return agent.Decided{}, err
	}
	if err := s.recordDecision(ctx, d, decision, facts, policy); err != nil {
		return agent.Decided{}, err
	}
	made := agent.Decided{Decision: decision, ConsecutiveFailures: facts.Report.ConsecutiveFailures, Head: d.auditHead(ctx)}
	if open {
		made.Shadow = d.ask(d.Shadow)
	}
	return made, nil
}

// ask is the question to a model, if there is one.
func (d *Dataset) ask(m *agent.Model) *agent.Ask {
	if m == nil {
		return nil
	}
	return &agent.Ask{Provider: m.Name(), TimeoutS: int64(d.Agent.Timeout.Seconds())}
}

// facts completes what the run knows by what was staged and what happened
// before. The same request gives the same facts, until another run has ended.
func (s *Set) facts(ctx context.Context, d *Dataset, req agent.Request) (agent.Facts, error) {
	facts := agent.Facts{Report: req.Report, Retriggers: req.Retriggers, Tried: append(s.triedBefore(ctx, req.Run), req.Tried...)}
	var err error
	if req.Staged != nil {
		if facts.Failed, err = failedExpectations(d, req); err != nil {
			return agent.Facts{}, err
		}
	}
	if len(req.Report.Drift) > 0 {
		if facts.Remaps, err = s.remaps(ctx, d.Name, req.Run); err != nil {
			return agent.Facts{}, err
		}
	}
	for _, own := range d.Policy.Own {
		used, err := s.Ops.Used(ctx, d.Name, own.Name, req.Run.StartedAt, req.Run.RunID)
		if err != nil {
			return agent.Facts{}, err
		}
		if used.Day > 0 {
			facts.Used = append(facts.Used, used)
		}
	}
	if req.Report.Failure == nil {
		return facts, nil
	}
	failed, err := s.Ops.FailuresInARow(ctx, d.Name, req.Run.RunID)
	if err != nil {
		return agent.Facts{}, err
	}
	facts.Report.ConsecutiveFailures = failed.Count + 1
	for _, f := range failed.Runs {
		facts.LastErrors = append(facts.LastErrors, f.Failure)
	}
	return facts, nil
}

// remaps counts the schema versions that earlier runs have added in the 24 hours
// before this one.
func (s *Set) remaps(ctx context.Context, name string, run pipeline.Run) (int, error) {
	versions, err := s.Ops.Schemas(ctx, name)
	n := 0
	for _, v := range versions {
		if v.RunID != "" && v.RunID != run.RunID && v.At.After(run.StartedAt.Add(-24*time.Hour)) {
			n++
		}
	}
	return n, err
}

// triedBefore is the retrigger that this run is, with what came of the run
// before it. A history that was pruned has nothing to tell.
func (s *Set) triedBefore(ctx context.Context, run pipeline.Run) []agent.Attempt {
	if run.ParentID == "" {
		return nil
	}
	before, err := s.Ops.Run(ctx, run.ParentID)
	if err != nil {
		return nil
	}
	return []agent.Attempt{{Action: agent.Retrigger, RunID: run.ParentID, Outcome: string(before.Outcome)}}
}

func failedExpectations(d *Dataset, req agent.Request) ([]agent.FailedExpectation, error) {
	var e batch.Evaluation
	dir := d.stagedDir(req.Run.RunID, *req.Staged)
	if err := readJSON(filepath.Join(dir, "evaluation.json"), &e); err != nil {
		return nil, err
	}
	b, err := os.ReadFile(e.ResultsPath)
	if err != nil {
		return nil, pipeline.Faultf(pipeline.Bug, "read back the quality results: %w; workers must share DATA_DIR", err)
	}
	doc, err := dq.ReadDocument(b)
	if err != nil {
		return nil, err
	}
	return agent.FailedExpectations(doc), nil
}

func (s *Set) recordDecision(ctx context.Context, d *Dataset, decision agent.Decision, facts agent.Facts, policy agent.Policy) error {
	if err := d.audit().Decision(decision, facts, policy); err != nil {
		return err
	}
	b, err := json.Marshal(facts)
	if err != nil {
		return pipeline.Faultf(pipeline.Bug, "encode the facts of run %s: %w", decision.RunID, err)
	}
	return s.Ops.SaveDecision(ctx, decision, b)
}

// recordedFacts are what a decision was made from, as recordDecision kept them.
func (s *Set) recordedFacts(ctx context.Context, decision string) (agent.Facts, error) {
	var facts agent.Facts
	_, recorded, err := s.Ops.Decision(ctx, decision)
	if err != nil {
		return facts, err
	}
	if err := json.Unmarshal(recorded, &facts); err != nil {
		return facts, pipeline.Faultf(pipeline.Bug, "read back the facts of decision %s: %w", decision, err)
	}
	return facts, nil
}

// audit is the pipeline's decision log.
func (d *Dataset) audit() *agent.AuditLog {
	return agent.OpenAudit(filepath.Join(d.Reports, "decision_log.jsonl"))
}

// auditHead is the decision log's head after an append. The workflow notes it
// as a memo, and the metrics server as two gauges: a tail that is cut off
// afterwards shows in either. See docs/audit.md.
func (d *Dataset) auditHead(ctx context.Context) agent.Head {
	h := d.audit().Head()
	h.Pipeline = d.Name
	m := activity.GetMetricsHandler(ctx).WithTags(map[string]string{"pipeline": d.Name})
	m.Gauge("audit_log_entries").Update(float64(h.Seq))
	m.Gauge("audit_log_head").Update(h.Number())
	return h
}

// Audit records what came of a decision, and gives the log's head.
func (s *Set) Audit(ctx context.Context, e agent.Executed) (agent.Head, error) {
	d, err := s.Catalog.Declared(ctx, e.Pipeline)
	if err != nil {
		return agent.Head{}, toTemporal(err)
	}
	if err := d.audit().Executed(e, s.Now()); err != nil {
		return agent.Head{}, toTemporal(err)
	}
	return d.auditHead(ctx), nil
}

// EvolveSchema records the next schema version, with a nullable column for
// each new field. If another run was first, its version is taken as it is when
// it has the fields.
func (s *Set) EvolveSchema(ctx context.Context, req pipeline.EvolveRequest) (int, error) {
	v, err := s.evolveSchema(ctx, req)
	return v, toTemporal(err)
}

func (s *Set) evolveSchema(ctx context.Context, req pipeline.EvolveRequest) (int, error) {
	latest, ok, err := s.Ops.LatestSchema(ctx, req.Run.Pipeline)
	if err != nil {
		return 0, err
	}
	if !ok {
		return 0, pipeline.Faultf(pipeline.Bug, "evolve the schema of pipeline %s: the operations store has no version of it", req.Run.Pipeline)
	}
	next, err := latest.Schema.Add(req.Drift)
	if err != nil {
		return 0, err
	}
	if next == latest.Schema {
		return latest.Version, nil // another run, or an earlier attempt, added them
	}
	v, err := s.Ops.RecordSchema(ctx, latest.Version, ops.SchemaVersion{
		Pipeline: req.Run.Pipeline, Schema: next, Reason: "additive drift",
		RunID: req.Run.RunID, Declared: latest.Declared, At: s.Now(),
	})
	return v.Version, err
}
