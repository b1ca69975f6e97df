package workflows

import (
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/autonomous-data-pipeline/adp/agent"
	"github.com/autonomous-data-pipeline/adp/pipeline"
)

// KillSwitch is the signal that stops the agent of a run's pipeline, or lets it
// go on: its payload is an agent.Switch, of which On, By and Reason are read.
const KillSwitch = "kill_switch"

// obeySwitch listens for the kill switch as long as the run goes on. What is
// decided from then on obeys it, and so do the pipeline's later runs.
func (r *runner) obeySwitch(ctx workflow.Context) {
	signals := workflow.GetSignalChannelWithOptions(ctx, KillSwitch, workflow.SignalChannelOptions{
		Description: `Stops the agent of this pipeline ({"on":true,"by":"…","reason":"…"}), or lets it go on ({"on":false,…})`,
	})
	workflow.Go(ctx, func(ctx workflow.Context) {
		for {
			var turned agent.Switch
			if !signals.Receive(ctx, &turned) {
				return
			}
			turned.Pipeline, r.killed = r.id.Pipeline, turned.On
			if _, err := turnSwitch.call(patient(ctx), turned.Reason, turned); err != nil {
				workflow.GetLogger(ctx).Error("keep the kill switch", "error", err)
			}
		}
	})
}

// ask asks the model, for no longer than the pipeline allows. Whatever comes of
// it, the decision is made.
func ask(ctx workflow.Context, a agent.Ask, req agent.Request) *agent.Proposed {
	p, err := propose.call(asking(ctx, a), a.Provider, req)
	if err != nil {
		return &agent.Proposed{Proposal: agent.Proposal{By: a.Provider}, Error: messageOf(err)}
	}
	return &p
}

// asking are the options of a question to a model: retries share its time.
func asking(ctx workflow.Context, a agent.Ask) workflow.Context {
	limit := time.Duration(max(1, a.TimeoutS)) * time.Second
	return workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		StartToCloseTimeout:    limit,
		ScheduleToCloseTimeout: limit,
		RetryPolicy: &temporal.RetryPolicy{
			InitialInterval: time.Second, BackoffCoefficient: 2, MaximumInterval: 10 * time.Second, MaximumAttempts: 3,
		},
	})
}

// askShadow starts another model's question beside the run: it is awaited at
// the run's end only.
func (r *runner) askShadow(ctx workflow.Context, d agent.Decided) {
	if d.Shadow == nil {
		return
	}
	req := r.asked
	req.Proposed = nil
	r.shadows = append(r.shadows, shadow.start(asking(ctx, *d.Shadow), d.Shadow.Provider, agent.ShadowRequest{Request: req, Decision: d.Decision}))
}

// waitForShadows lets shadows finish. One that can't harms nobody.
func (r *runner) waitForShadows(ctx workflow.Context) {
	for _, s := range r.shadows {
		if err := s.Get(ctx, nil); err != nil {
			workflow.GetLogger(ctx).Warn("ask the shadow", "error", err)
		}
	}
}

// maxDecisions bounds how often a batch is decided anew because the decision
// was overtaken.
const maxDecisions = 3

// permit makes sure, right before something is changed, that the decision still
// stands. One that doesn't is made anew.
func (r *runner) permit(ctx workflow.Context) error {
	for range maxDecisions {
		refused, err := r.refused(ctx)
		if err != nil {
			return &stageError{"decide", err}
		}
		if refused == "" {
			return nil
		}
		r.report.Actions = r.acts // without those of a decision that isn't carried out
		if err := r.decide(ctx, r.report); err != nil {
			return err
		}
	}
	return &stageError{"decide", temporal.NewNonRetryableApplicationError(
		"the decision was overtaken again and again: policy, kill switch or facts change faster than it can be carried out", string(pipeline.Bug), nil)}
}

// refused asks whether the decision may still be carried out. One that changes
// nothing needs no leave, and runs that were in flight when this came go on
// without.
func (r *runner) refused(ctx workflow.Context) (string, error) {
	if r.decision == nil || !r.decision.Changes() || workflow.GetVersion(ctx, "permit", workflow.DefaultVersion, 1) == workflow.DefaultVersion {
		return "", nil
	}
	req := r.asked
	req.KillSwitch, req.Proposed = r.killed, nil
	p, err := permit.call(short(ctx), r.decision.ID, agent.PermitRequest{Request: req, Decision: *r.decision})
	return p.Refused, err
}

// attempt is what came of an action.
func (r *runner) attempt(a agent.Action) agent.Attempt {
	for _, done := range r.ownDone {
		if done.Action == a {
			return done
		}
	}
	outcome := string(r.report.Outcome)
	if a == agent.Retrigger && r.refusal != "" {
		outcome = "not carried out: " + r.refusal
	}
	return agent.Attempt{Action: a, RunID: r.id.RunID, Outcome: outcome}
}

// lastLook is the report with the drift that the batch had when it was looked
// at last, without what a remap has healed.
func (r *runner) lastLook() pipeline.RunReport {
	rep := r.report
	rep.Drift = r.seen
	return rep
}
