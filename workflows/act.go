package workflows

import (
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/autonomous-data-pipeline/adp/agent"
)

// act carries out the decision's own actions. The batch is settled by then:
// what goes wrong is a person's to look at, and fails nothing.
func (r *runner) act(ctx workflow.Context) {
	if r.decision == nil {
		return
	}
	var wrong []agent.Attempt
	for _, p := range r.decision.Own() {
		r.at(ctx, string(p.Action))
		done, err := act.call(acting(ctx), p.Reason, agent.ActRequest{
			Run: r.id, Decision: r.decision.ID, Planned: p, KillSwitch: r.killed,
		})
		if err != nil {
			done = agent.Acted{Refused: messageOf(err)}
		}
		attempt := agent.Attempt{Action: p.Action, RunID: r.id.RunID, Outcome: done.Outcome}
		if why := done.Wrong(); why != "" {
			attempt.Outcome = why
			wrong = append(wrong, attempt)
		}
		r.ownDone = append(r.ownDone, attempt)
		if done.Refused == "" {
			r.ownChecks = append(r.ownChecks, agent.Check{Action: p.Action, RunID: r.id.RunID, Worked: done.Worked, Shows: done.Shows})
		}
	}
	if len(wrong) > 0 {
		d := r.decision.Escalated(wrong)
		r.decision = &d
		r.note(d)
	}
}

// acting are the options of an own action, which talks to something that is
// nobody's here: its retries end within minutes.
func acting(ctx workflow.Context) workflow.Context {
	return workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		StartToCloseTimeout:    time.Minute,
		ScheduleToCloseTimeout: 5 * time.Minute,
		RetryPolicy: &temporal.RetryPolicy{
			InitialInterval: time.Second, BackoffCoefficient: 2, MaximumInterval: 30 * time.Second, MaximumAttempts: 5,
		},
	})
}
