package workflows

import (
	"errors"
	"fmt"
	"slices"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/autonomous-data-pipeline/adp/agent"
	"github.com/autonomous-data-pipeline/adp/pipeline"
)

// finish carries out what is left of the decision, and publishes the report.
// cause is what stopped the run, or nil.
func (r *runner) finish(ctx workflow.Context, cause error) (pipeline.RunReport, error) {
	if ctx.Err() != nil || temporal.IsCanceledError(cause) {
		// A person ended the run. Nothing was committed that isn't whole, and
		// the next run plans from the checkpoint: there is nothing to decide.
		return r.report, cause
	}
	if cause != nil {
		r.fail(ctx, cause)
	}
	r.settleOutcome(cause)
	var errs []error
	if !r.superseded {
		r.act(ctx)
		errs = append(errs, r.escalate(ctx), r.pause(ctx))
	}
	errs = append(errs, r.publish(ctx))
	if !r.superseded {
		r.tell(ctx)
		errs = append(errs, r.retrigger(ctx), r.record(ctx))
	}
	r.at(ctx, string(r.report.Outcome))
	after := errors.Join(errs...)
	switch {
	case cause != nil:
		return r.report, temporal.NewNonRetryableApplicationError(r.report.Failure.Error, RunFailed, errors.Join(cause, after), r.report)
	case after != nil:
		return r.report, fmt.Errorf("the batch is accounted for, but finishing the run: %w", after)
	}
	return r.report, nil
}

// after are the options of what follows the load.
func (r *runner) after(ctx workflow.Context) workflow.Context {
	if r.committed != nil {
		return patient(ctx)
	}
	return short(ctx)
}

// fail asks what to do about the failure. If even that can't be answered, the
// run still reports.
func (r *runner) fail(ctx workflow.Context, cause error) {
	f := pipeline.Failure{Stage: r.step, Kind: kindOf(cause), Error: messageOf(cause)}
	var at *stageError
	if errors.As(cause, &at) {
		f.Stage = at.stage
	}
	r.report.Failure = &f
	if r.committed == nil {
		r.report.Records = pipeline.Records{}
	}
	// The failure alone is decided on: what the data showed is found again by
	// the run that gets through.
	r.evaluated, r.decision, r.seen = false, nil, nil
	facts := r.report
	facts.Drift, facts.Late, facts.Quality, facts.Source.Gaps = nil, pipeline.Late{}, pipeline.Quality{}, nil
	if err := r.decide(ctx, facts); err != nil {
		workflow.GetLogger(ctx).Error("decide on a failed run", "error", err)
	}
}

// settleOutcome names the way the run ended, and makes it searchable.
func (r *runner) settleOutcome(cause error) {
	switch {
	case cause != nil:
		r.report.Outcome = pipeline.Failed
	case r.superseded:
		r.report.Outcome = pipeline.SupersededRun
		r.report.Records = pipeline.Records{}
	case r.plan.Batch.Empty():
		r.report.Outcome = pipeline.Idle
	case r.committed != nil && r.committed.Records.Held > 0:
		r.report.Outcome = pipeline.Held
	case len(r.remapped) > 0 || r.acted(agent.Quarantine):
		r.report.Outcome = pipeline.Remediated
	default:
		r.report.Outcome = pipeline.Succeeded
	}
}

// planned is an action of the run's decision, if it has one.
func (r *runner) planned(a agent.Action) (agent.Planned, bool) {
	if r.decision == nil {
		return agent.Planned{}, false
	}
	return r.decision.Find(a)
}

func (r *runner) acted(a agent.Action) bool {
	_, ok := r.planned(a)
	return ok
}

// escalate opens the incident and hands it to a workflow of its own, so that a
// person's slowness never blocks the next batch.
func (r *runner) escalate(ctx workflow.Context) error {
	if !r.acted(agent.Escalate) {
		return nil
	}
	r.at(ctx, "escalate")
	inc, err := openIncident.call(r.after(ctx), r.decision.Summary,
		agent.IncidentRequest{Run: r.id, Report: r.report, Decision: *r.decision})
	if err != nil {
		return fmt.Errorf("open the incident: %w", err)
	}
	r.incident, r.report.Incident = &inc, inc.ID
	if inc.Joined {
		return nil
	}
	child := workflow.ExecuteChildWorkflow(abandoned(ctx, EscalationID(inc.Pipeline, inc.ID)), Escalation, inc)
	if err := child.GetChildWorkflowExecution().Get(ctx, nil); err != nil && !temporal.IsWorkflowExecutionAlreadyStartedError(err) {
		return fmt.Errorf("start the escalation: %w", err)
	}
	return nil
}

// pause stops the schedule if the decision says so: running again and again
// into the same wall helps nobody.
func (r *runner) pause(ctx workflow.Context) error {
	if e, ok := r.planned(agent.Escalate); !ok || !e.Args.PauseSchedule {
		return nil
	}
	_, err := schedule.call(short(ctx), "pause", pipeline.ScheduleRequest{
		Pipeline: r.id.Pipeline, Pause: true, Note: "paused by run " + r.id.RunID + ": " + r.decision.Summary,
	})
	return err
}

// publish writes the report. Staging goes once the sink holds everything.
func (r *runner) publish(ctx workflow.Context) error {
	r.report.FinishedAt = workflow.Now(ctx)
	r.seen = r.report.Drift
	r.report.Drift = append(slices.Clone(r.remapped), r.report.Drift...) // the second look at a remapped batch finds it no more
	err := workflow.UpsertTypedSearchAttributes(ctx,
		attrOutcome.ValueSet(string(r.report.Outcome)),
		attrConditions.ValueSet(r.report.Conditions),
		attrActions.ValueSet(r.report.Actions),
		attrAwaiting.ValueSet(r.incident != nil && r.incident.Hold),
	)
	if err != nil {
		return err
	}
	req := pipeline.ReportRequest{Report: r.report, Clear: r.committed != nil}
	if r.plan.Batch.ID != "" && !r.plan.Batch.Empty() {
		req.Staged = &r.staged
	}
	if r.committed != nil {
		req.Checkpoint = r.committed.Checkpoint
	}
	_, err = report.call(r.after(ctx), string(r.report.Outcome), req)
	return err
}

// tell notifies people, if that was decided. A dead channel never fails a run.
func (r *runner) tell(ctx workflow.Context) {
	p, ok := r.planned(agent.Notify)
	if !ok {
		return
	}
	n := pipeline.Notice{
		ID: r.decision.ID + "/notify", Pipeline: r.id.Pipeline, RunID: r.id.RunID, Workflow: r.id.WorkflowID,
		Severity: r.decision.Severity, Title: p.Reason, Text: r.decision.Summary,
	}
	if _, err := notify.call(short(ctx), n.Title, n); err != nil {
		workflow.GetLogger(ctx).Warn("notify", "error", err)
	}
}

// retrigger starts the next run at once instead of at the next tick.
func (r *runner) retrigger(ctx workflow.Context) error {
	p, ok := r.planned(agent.Retrigger)
	if !ok {
		return nil
	}
	if r.report.Failure != nil { // of a batch that is in, it was asked before the load
		refused, err := r.refused(ctx)
		if err != nil || refused != "" {
			r.refusal = refused
			return err
		}
	}
	next := pipeline.RunRequest{
		Pipeline: r.id.Pipeline, Trigger: "retrigger", Chain: r.id.Chain + 1, DelayS: p.Args.BackoffS, ParentID: r.id.RunID,
	}
	child := workflow.ExecuteChildWorkflow(abandoned(ctx, "run/"+r.id.Pipeline+"/after/"+r.id.RunID), PipelineRun, next)
	if err := child.GetChildWorkflowExecution().Get(ctx, nil); err != nil && !temporal.IsWorkflowExecutionAlreadyStartedError(err) {
		return fmt.Errorf("retrigger: %w", err)
	}
	return nil
}

// record tells the audit log what came of the decision.
func (r *runner) record(ctx workflow.Context) error {
	if r.decision == nil {
		return nil
	}
	e := agent.Executed{Pipeline: r.id.Pipeline, RunID: r.id.RunID, Decision: r.decision.ID, Done: r.tried}
	for _, a := range r.decision.Actions {
		e.Done = append(e.Done, r.attempt(a.Action))
	}
	e.Checks = agent.Checks(agent.Seen{
		Run: r.id, Report: r.lastLook(), Decision: r.decision, Remapped: r.remapped, Evaluated: r.evaluated, Loaded: r.committed != nil,
	})
	e.Checks = append(e.Checks, r.ownChecks...)
	r.waitForShadows(ctx)
	head, err := audit.call(short(ctx), r.decision.ID, e)
	if err != nil {
		return err
	}
	return anchor(ctx, head)
}
