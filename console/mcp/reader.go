package mcp

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/autonomous-data-pipeline/adp/agent"
	"github.com/autonomous-data-pipeline/adp/console"
	"github.com/autonomous-data-pipeline/adp/ops"
	"github.com/autonomous-data-pipeline/adp/pipeline"
	"github.com/autonomous-data-pipeline/adp/sink"
)

// Reader is all that the tools can reach: it has no method that changes
// anything, so the compiler keeps an assistant from approving or executing.
type Reader interface {
	Standings(ctx context.Context) ([]console.Standing, error)
	Runs(ctx context.Context, q ops.RunQuery) ([]pipeline.RunReport, error)
	Run(ctx context.Context, id string) (pipeline.RunReport, error)
	Incidents(ctx context.Context, q ops.IncidentQuery) ([]ops.Incident, error)
	Incident(ctx context.Context, id string) (ops.Incident, error)
	DecisionsOf(ctx context.Context, runID string) ([]agent.Decision, error)
	Recorded(ctx context.Context, decisionID string) (agent.Recorded, error)
	LogAbout(name string, ids ...string) ([]agent.Entry, error)
	Quarantine(ctx context.Context, name string) ([]sink.Entry, error)
	Records(ctx context.Context, name, batchID string, q console.RecordQuery) (console.RecordPage, error)
	Policy(name string) (agent.Policy, error)
	QualityResults(ctx context.Context, runID string) ([]byte, error)
	// Prove holds a pipeline's decision log against its own chain.
	Prove(name string) (agent.Proof, error)
}

// Of reads from a desk.
func Of(desk *console.Desk) Reader { return reader{desk} }

// reader hides what a desk can change.
type reader struct{ desk *console.Desk }

func (r reader) Standings(ctx context.Context) ([]console.Standing, error) {
	return r.desk.Standings(ctx)
}

func (r reader) Runs(ctx context.Context, q ops.RunQuery) ([]pipeline.RunReport, error) {
	return r.desk.Ops.Runs(ctx, q)
}

func (r reader) Run(ctx context.Context, id string) (pipeline.RunReport, error) {
	return r.desk.Ops.Run(ctx, id)
}

func (r reader) Incidents(ctx context.Context, q ops.IncidentQuery) ([]ops.Incident, error) {
	return r.desk.Ops.Incidents(ctx, q)
}

func (r reader) Incident(ctx context.Context, id string) (ops.Incident, error) {
	return r.desk.Ops.Incident(ctx, id)
}

func (r reader) DecisionsOf(ctx context.Context, runID string) ([]agent.Decision, error) {
	return r.desk.Ops.DecisionsOf(ctx, runID)
}

func (r reader) Recorded(ctx context.Context, id string) (agent.Recorded, error) {
	return r.desk.Recorded(ctx, id)
}

func (r reader) LogAbout(name string, ids ...string) ([]agent.Entry, error) {
	return r.desk.LogAbout(name, ids...)
}

func (r reader) Quarantine(ctx context.Context, name string) ([]sink.Entry, error) {
	return r.desk.Quarantine(ctx, name)
}

func (r reader) Records(ctx context.Context, name, batchID string, q console.RecordQuery) (console.RecordPage, error) {
	return r.desk.Records(ctx, name, batchID, q)
}

func (r reader) QualityResults(ctx context.Context, runID string) ([]byte, error) {
	return r.desk.QualityResults(ctx, runID)
}

func (r reader) Policy(name string) (agent.Policy, error) {
	if err := r.desk.Declared(name); err != nil {
		return agent.Policy{}, err
	}
	p, err := r.desk.Config.Load(name, r.desk.Env)
	return p.Policy, err
}

func (r reader) Prove(name string) (agent.Proof, error) {
	if err := r.desk.Declared(name); err != nil {
		return agent.Proof{}, err
	}
	f, err := os.Open(filepath.Join(r.desk.Config.Reports(name), "decision_log.jsonl"))
	if errors.Is(err, fs.ErrNotExist) {
		return agent.Proof{}, nil // it has decided nothing yet
	}
	if err != nil {
		return agent.Proof{}, pipeline.Misconfiguredf("DATA_DIR", "open the decision log of %s: %w", name, err)
	}
	defer func() { _ = f.Close() }() // only read
	return agent.Prove(f, nil), nil
}
