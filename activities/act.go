package activities

import (
	"context"

	"github.com/autonomous-data-pipeline/adp/agent"
	"github.com/autonomous-data-pipeline/adp/pipeline"
)

// Act carries out an own action of a decision, within its budget, and looks
// whether it worked. A repeat has the same ID, and counts once. What the policy
// of now, the action's check or its budget refuses is an answer, no error.
func (s *Set) Act(ctx context.Context, req agent.ActRequest) (agent.Acted, error) {
	done, err := s.act(ctx, req)
	return done, toTemporal(err)
}

func (s *Set) act(ctx context.Context, req agent.ActRequest) (agent.Acted, error) {
	name := req.Planned.Action
	own, ok := s.Own.Find(name)
	if !ok {
		return agent.Acted{}, pipeline.Faultf(pipeline.Misconfigured, "carry out %s of decision %s: this worker has registered no such action; use the one that linted the rules", name, req.Decision)
	}
	call, err := s.call(ctx, req)
	if err != nil {
		return agent.Acted{}, err
	}
	refused, err := s.begin(ctx, req, own, call)
	if err != nil || refused != "" {
		return agent.Acted{Refused: refused}, err
	}
	var done agent.Acted
	if done.Outcome, err = own.Execute(ctx, call); err != nil {
		return agent.Acted{}, pipeline.Faultf(pipeline.KindOf(err), "carry out %s of run %s: %w", name, req.Run.RunID, err)
	}
	if done.Worked, done.Shows, err = own.Verify(ctx, call); err != nil {
		return agent.Acted{}, pipeline.Faultf(pipeline.KindOf(err), "look whether %s of run %s worked: %w", name, req.Run.RunID, err)
	}
	return done, nil
}

// call has the facts that were recorded: what was staged may be gone by now.
func (s *Set) call(ctx context.Context, req agent.ActRequest) (agent.Call, error) {
	call := agent.Call{
		ID: req.Decision + "/" + string(req.Planned.Action), Pipeline: req.Run.Pipeline, RunID: req.Run.RunID,
		Args: req.Planned.Args.Own, Reason: req.Planned.Reason,
	}
	var err error
	call.Facts, err = s.recordedFacts(ctx, req.Decision)
	return call, err
}

// begin asks everybody who may say no: policy, schema, the action itself, and
// last the budget, which counts it.
func (s *Set) begin(ctx context.Context, req agent.ActRequest, own agent.OwnAction, call agent.Call) (string, error) {
	d, err := s.Catalog.Declared(ctx, req.Run.Pipeline)
	if err != nil {
		return "", err
	}
	policy, err := s.policy(ctx, d, agent.Request{KillSwitch: req.KillSwitch})
	if err != nil {
		return "", err
	}
	if why := policy.Forbids(req.Planned.Action); why != "" {
		return why, nil
	}
	spec := own.Spec()
	if err := spec.Fits(call.Args); err != nil {
		return err.Error(), nil //nolint:nilerr // that it is refused is the answer
	}
	if err := own.Check(call.Facts, call.Args); err != nil {
		return err.Error(), nil //nolint:nilerr // as above
	}
	return s.Ops.BeginAct(ctx, call, req.Planned.Action, spec, s.Now())
}
