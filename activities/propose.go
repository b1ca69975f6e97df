package activities

import (
	"context"
	"errors"

	"go.temporal.io/sdk/temporal"

	"github.com/autonomous-data-pipeline/adp/agent"
	"github.com/autonomous-data-pipeline/adp/pipeline"
)

// Propose asks the pipeline's model. What a second attempt may heal (a model
// that is down, slow or busy) is an error; whatever else comes back is for the
// decision, which falls back to rules and records why.
func (s *Set) Propose(ctx context.Context, req agent.Request) (agent.Proposed, error) {
	p, err := s.propose(ctx, req)
	return p, waitAsAsked(err)
}

func (s *Set) propose(ctx context.Context, req agent.Request) (agent.Proposed, error) {
	d, err := s.Catalog.Declared(ctx, req.Run.Pipeline)
	if err != nil {
		return agent.Proposed{}, err
	}
	if d.Model == nil {
		return agent.Proposed{}, pipeline.Misconfiguredf("agent.provider / LLM_PROVIDER", "ask a model about run %s: the pipeline has none any more", req.Run.RunID)
	}
	facts, err := s.facts(ctx, d, req)
	if err != nil {
		return agent.Proposed{}, err
	}
	return s.ask(ctx, d, *d.Model, req, facts)
}

func (s *Set) ask(ctx context.Context, d *Dataset, m agent.Model, req agent.Request, facts agent.Facts) (agent.Proposed, error) {
	digest, err := agent.Digest(facts)
	if err != nil {
		return agent.Proposed{}, err
	}
	policy, err := s.policy(ctx, d, req)
	if err != nil {
		return agent.Proposed{}, err
	}
	m.Lookups, m.MaxLookups, m.Timeout, m.Now = s.lookups(d, req), d.Agent.Lookups, d.Agent.Timeout, s.Now
	proposal, err := m.Propose(ctx, facts, policy.Bounds(facts))
	if err != nil && pipeline.KindOf(err) == pipeline.Transient {
		return agent.Proposed{}, err
	}
	p := agent.Proposed{Facts: digest, Proposal: proposal}
	if err != nil {
		p.Error = err.Error()
	}
	return p, nil
}

// waitAsAsked lets a provider that is busy say when to come again.
func waitAsAsked(err error) error {
	var busy *agent.RateLimited
	if !errors.As(err, &busy) {
		return toTemporal(err)
	}
	return temporal.NewApplicationErrorWithOptions(err.Error(), string(pipeline.Transient),
		temporal.ApplicationErrorOptions{Cause: err, NextRetryDelay: busy.After})
}

// Shadow asks the pipeline's shadow what it would have decided, and records it
// beside the decision. Nothing follows from it. The facts are those that were
// recorded: the batch's staging may be gone by now.
func (s *Set) Shadow(ctx context.Context, req agent.ShadowRequest) error {
	return waitAsAsked(s.shadow(ctx, req))
}

func (s *Set) shadow(ctx context.Context, req agent.ShadowRequest) error {
	d, err := s.Catalog.Declared(ctx, req.Request.Run.Pipeline)
	if err != nil || d.Shadow == nil {
		return err
	}
	facts, err := s.recordedFacts(ctx, req.Decision.ID)
	if err != nil {
		return err
	}
	p, err := s.ask(ctx, d, *d.Shadow, req.Request, facts)
	if err != nil {
		return err
	}
	return d.audit().Shadow(agent.Shadow{
		Decision: req.Decision.ID, Proposal: p.Proposal, Refused: p.Error, Agrees: p.Error == "" && req.Decision.Agrees(p.Proposal),
	}, s.Now())
}

// Permit re-checks, right before something is changed, that a decision still
// stands: the facts, the policy and the kill switch as they are now.
func (s *Set) Permit(ctx context.Context, req agent.PermitRequest) (agent.Permitted, error) {
	refused, err := s.permit(ctx, req)
	return agent.Permitted{Refused: refused}, toTemporal(err)
}

func (s *Set) permit(ctx context.Context, req agent.PermitRequest) (string, error) {
	d, err := s.Catalog.Declared(ctx, req.Request.Run.Pipeline)
	if err != nil {
		return "", err
	}
	facts, err := s.facts(ctx, d, req.Request)
	if err != nil {
		return "", err
	}
	policy, err := s.policy(ctx, d, req.Request)
	if err != nil {
		return "", err
	}
	return req.Decision.Permit(facts, policy)
}

// TurnSwitch turns a pipeline's kill switch, for this run and all later ones,
// and records who did.
func (s *Set) TurnSwitch(ctx context.Context, turned agent.Switch) error {
	turned.At = s.Now()
	d, err := s.Catalog.Declared(ctx, turned.Pipeline)
	if err == nil {
		err = s.Ops.TurnSwitch(ctx, turned)
	}
	if err == nil {
		err = d.audit().Switch(turned)
	}
	return toTemporal(err)
}

// policy is the pipeline's, with the kill switch as it stands.
func (s *Set) policy(ctx context.Context, d *Dataset, req agent.Request) (agent.Policy, error) {
	p := d.Policy
	turned, err := s.Ops.Switch(ctx, d.Name)
	p.KillSwitch = p.KillSwitch || turned.On || req.KillSwitch
	return p, err
}
