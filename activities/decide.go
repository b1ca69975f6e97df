package activities

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"

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
	facts := agent.Facts{Report: req.Report, Retriggers: req.Retriggers, Tried: req.Tried}
	if req.Staged != nil {
		if facts.Failed, err = failedExpectations(d, req); err != nil {
			return agent.Decided{}, err
		}
	}
	if req.Report.Failure != nil {
		failed, err := s.Ops.FailuresInARow(ctx, d.Name, req.Run.RunID)
		if err != nil {
			return agent.Decided{}, err
		}
		facts.Report.ConsecutiveFailures = failed.Count + 1
		for _, f := range failed.Runs {
			facts.LastErrors = append(facts.LastErrors, f.Failure)
		}
	}
	decision, err := agent.Decide(ctx, facts, d.Policy, d.Proposer, s.Now(), req.Run.RunID)
	if err != nil {
		return agent.Decided{}, err
	}
	if err := s.recordDecision(ctx, d, decision, facts); err != nil {
		return agent.Decided{}, err
	}
	return agent.Decided{Decision: decision, ConsecutiveFailures: facts.Report.ConsecutiveFailures}, nil
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

func (s *Set) recordDecision(ctx context.Context, d *Dataset, decision agent.Decision, facts agent.Facts) error {
	if err := d.audit().Decision(decision, facts, d.Policy); err != nil {
		return err
	}
	b, err := json.Marshal(facts)
	if err != nil {
		return pipeline.Faultf(pipeline.Bug, "encode the facts of run %s: %w", decision.RunID, err)
	}
	return s.Ops.SaveDecision(ctx, decision, b)
}

// audit is the pipeline's decision log.
func (d *Dataset) audit() *agent.AuditLog {
	return agent.OpenAudit(filepath.Join(d.Reports, "decision_log.jsonl"))
}

// Audit records what came of a decision.
func (s *Set) Audit(ctx context.Context, e agent.Executed) error {
	d, err := s.Catalog.Declared(ctx, e.Pipeline)
	if err != nil {
		return toTemporal(err)
	}
	return toTemporal(d.audit().Executed(e, s.Now()))
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
