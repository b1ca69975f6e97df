package workflows

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/autonomous-data-pipeline/adp/alerting"
	"github.com/autonomous-data-pipeline/adp/pipeline"
)

// The names under which an escalation hears people.
const (
	SignalDecide      = "decide"      // payload: pipeline.Answer
	UpdateDecide      = "decide"      // the same, but the caller hears at once why it is refused
	SignalAcknowledge = "acknowledge" // payload: pipeline.Answer, of which By and Comment count
)

// AlreadyAnswered is the error type of an answer that comes after another.
const AlreadyAnswered = "AlreadyAnswered"

// EscalationID is the workflow ID of an incident's escalation.
func EscalationID(name, incident string) string { return "escalation/" + name + "/" + incident }

// EscalationStatus is what the query "status" answers.
type EscalationStatus struct {
	Incident     pipeline.Incident    `json:"incident"`
	Acknowledged string               `json:"acknowledged,omitempty"` // by whom
	Reminders    int                  `json:"reminders"`
	Deadline     time.Time            `json:"deadline"`
	Problem      string               `json:"problem,omitempty"` // why the last answer couldn't be carried out
	Resolution   *pipeline.Resolution `json:"resolution,omitempty"`
}

// Escalation waits for a person's answer, reminds, carries the answer out, and
// after its time limit leaves everything where it is.
func Escalation(ctx workflow.Context, inc pipeline.Incident) (pipeline.Resolution, error) {
	e := &escalation{EscalationStatus: EscalationStatus{
		Incident: inc, Deadline: workflow.Now(ctx).Add(time.Duration(inc.TimeLimitS) * time.Second),
	}}
	if err := e.setup(ctx); err != nil {
		return pipeline.Resolution{}, err
	}
	e.tell(ctx, alerting.EventOpened, "opened", pipeline.Notice{Title: inc.Title, Text: inc.Summary})
	for {
		answer, err := e.wait(ctx)
		if err != nil {
			return pipeline.Resolution{}, err
		}
		done, err := e.carryOut(ctx, answer)
		if err != nil || done {
			return e.end(ctx, err)
		}
	}
}

type escalation struct {
	EscalationStatus
	answers  []pipeline.Answer // accepted, not yet carried out
	acks     []pipeline.Answer
	carrying bool
	tries    int
}

func (e *escalation) setup(ctx workflow.Context) error {
	err := workflow.SetQueryHandlerWithOptions(ctx, "status", func() (EscalationStatus, error) {
		return e.EscalationStatus, nil
	}, workflow.QueryHandlerOptions{Description: "The incident, its deadline, and how it ended"})
	if err != nil {
		return err
	}
	err = workflow.SetUpdateHandlerWithOptions(ctx, UpdateDecide, func(ctx workflow.Context, a pipeline.Answer) (pipeline.Resolution, error) {
		e.answers = append(e.answers, a)
		before := e.tries
		if err := workflow.Await(ctx, func() bool { return e.Resolution != nil || (e.tries > before && !e.carrying && e.Problem != "") }); err != nil {
			return pipeline.Resolution{}, err
		}
		if e.Resolution == nil {
			return pipeline.Resolution{}, temporal.NewApplicationError(e.Problem, string(pipeline.BadData))
		}
		return *e.Resolution, nil
	}, workflow.UpdateHandlerOptions{
		Validator:   func(a pipeline.Answer) error { return e.check(a) },
		Description: "Answer the incident: resolution release, replay, discard or close; by; comment",
	})
	if err != nil {
		return err
	}
	workflow.Go(ctx, e.listen)
	e.show(ctx)
	return workflow.UpsertTypedSearchAttributes(ctx, attrPipeline.ValueSet(e.Incident.Pipeline), attrAwaiting.ValueSet(true))
}

// listen takes signals for as long as the workflow runs.
func (e *escalation) listen(ctx workflow.Context) {
	decide, ack := workflow.GetSignalChannel(ctx, SignalDecide), workflow.GetSignalChannel(ctx, SignalAcknowledge)
	s := workflow.NewSelector(ctx)
	s.AddReceive(decide, func(c workflow.ReceiveChannel, _ bool) {
		var a pipeline.Answer
		c.Receive(ctx, &a)
		if err := e.check(a); err != nil {
			e.Problem = "a signal was ignored: " + err.Error()
			e.show(ctx)
			return
		}
		e.answers = append(e.answers, a)
	})
	s.AddReceive(ack, func(c workflow.ReceiveChannel, _ bool) {
		var a pipeline.Answer
		c.Receive(ctx, &a)
		e.acks = append(e.acks, a)
	})
	for ctx.Err() == nil {
		s.Select(ctx)
	}
}

// check says why an answer can't be taken. It only reads.
func (e *escalation) check(a pipeline.Answer) error {
	known := []string{pipeline.Release, pipeline.Replay, pipeline.Discard, pipeline.Close}
	switch {
	case e.Resolution != nil:
		return second("incident %s was answered already: %s by %s", e.Incident.ID, e.Resolution.Resolution, e.Resolution.By)
	case e.carrying || len(e.answers) > 0:
		return second("incident %s is being answered right now; ask its status again in a moment", e.Incident.ID)
	case !slices.Contains(known, a.Resolution):
		return fmt.Errorf("resolution %q is unknown: it must be one of %s", a.Resolution, strings.Join(known, ", "))
	case strings.TrimSpace(a.By) == "":
		return fmt.Errorf("by is empty: say who answers")
	case a.Mapping != nil && a.Resolution != pipeline.Replay:
		return fmt.Errorf("a mapping goes with resolution replay, not %s", a.Resolution)
	case a.Resolution == pipeline.Close && e.Incident.Hold:
		return fmt.Errorf("incident %s holds a batch: answer release, replay or discard", e.Incident.ID)
	}
	return nil
}

// second is an error that tells its caller that somebody was first.
func second(format string, args ...any) error {
	return temporal.NewNonRetryableApplicationError(fmt.Sprintf(format, args...), AlreadyAnswered, nil)
}

// wait blocks until an answer is there or the time limit has passed, reminding
// and noting acknowledgements on the way.
func (e *escalation) wait(ctx workflow.Context) (pipeline.Answer, error) {
	for {
		left := e.Deadline.Sub(workflow.Now(ctx))
		if left <= 0 {
			return pipeline.Answer{
				Resolution: pipeline.Expired, By: "time limit",
				Comment: "nobody answered; what was held or quarantined stays where it is",
			}, nil
		}
		pause := left
		if r := time.Duration(e.Incident.RemindS) * time.Second; r > 0 {
			pause = min(r, left)
		}
		ok, err := workflow.AwaitWithTimeout(ctx, pause, func() bool { return len(e.answers) > 0 || len(e.acks) > 0 })
		if err != nil {
			return pipeline.Answer{}, err
		}
		switch {
		case len(e.answers) > 0:
			a := e.answers[0]
			e.answers = e.answers[1:]
			return a, nil
		case len(e.acks) > 0:
			e.acknowledge(ctx, e.acks[0])
			e.acks = e.acks[1:]
		case !ok && e.Deadline.After(workflow.Now(ctx)):
			e.remind(ctx)
		}
	}
}

func (e *escalation) acknowledge(ctx workflow.Context, a pipeline.Answer) {
	e.Acknowledged = a.By
	if _, err := updateIncident.call(short(ctx), "acknowledged", pipeline.IncidentUpdate{
		Pipeline: e.Incident.Pipeline, Incident: e.Incident.ID, By: a.By, Comment: a.Comment,
	}); err != nil {
		e.Problem = messageOf(err)
	}
	// Escalations from before told nobody.
	if workflow.GetVersion(ctx, "tell of acknowledgements", workflow.DefaultVersion, 1) == 1 {
		e.tell(ctx, alerting.EventAcknowledged, "acknowledged", pipeline.Notice{
			Title: "Acknowledged: " + e.Incident.Title, Text: a.By + " is on it. " + a.Comment, By: a.By, Comment: a.Comment,
		})
	}
	e.show(ctx)
}

func (e *escalation) remind(ctx workflow.Context) {
	e.Reminders++
	e.tell(ctx, alerting.EventReminder, fmt.Sprintf("reminder-%d", e.Reminders), pipeline.Notice{
		Title: "Still open: " + e.Incident.Title,
		Text:  fmt.Sprintf("%s\nWithout an answer by %s it stays as it is.", e.Incident.Summary, e.Deadline.UTC().Format(time.RFC3339)),
	})
	e.show(ctx)
}

// carryOut does what the answer says. An answer that can't be carried out
// (a mapping that doesn't fit, say) leaves the incident open, with the reason.
func (e *escalation) carryOut(ctx workflow.Context, a pipeline.Answer) (bool, error) {
	e.carrying = true
	defer func() { e.carrying, e.tries = false, e.tries+1 }()
	e.Problem = ""
	res := pipeline.Resolution{Incident: e.Incident.ID, Decision: e.Incident.Decision, Resolution: a.Resolution, By: a.By, Comment: a.Comment}
	if e.Incident.BatchID != "" && a.Resolution != pipeline.Expired && a.Resolution != pipeline.Close {
		s, err := settle.call(long(ctx, settleLimits), a.Resolution+" by "+a.By, pipeline.SettleRequest{
			ID: e.Incident.ID, Pipeline: e.Incident.Pipeline, BatchID: e.Incident.BatchID, Incident: e.Incident.ID, Answer: a,
		})
		if temporal.IsCanceledError(err) {
			return true, err
		}
		if err != nil {
			e.Problem = messageOf(err)
			e.show(ctx)
			return false, nil
		}
		res.Records = s.Records
	}
	res.At = workflow.Now(ctx)
	if e.Incident.Paused && a.Resolution != pipeline.Expired {
		if _, err := schedule.call(short(ctx), "resume", pipeline.ScheduleRequest{
			Pipeline: e.Incident.Pipeline, Note: "resumed by " + a.By + " with incident " + e.Incident.ID,
		}); err != nil {
			e.Problem = messageOf(err)
			e.show(ctx)
			return false, nil
		}
	}
	head, err := updateIncident.call(short(ctx), res.Resolution, pipeline.IncidentUpdate{
		Pipeline: e.Incident.Pipeline, Incident: e.Incident.ID, By: a.By, Comment: a.Comment, Resolution: &res,
	})
	if err != nil {
		e.Problem = messageOf(err)
		e.show(ctx)
		return false, nil
	}
	e.Resolution = &res
	if err := anchor(ctx, head); err != nil {
		return true, err
	}
	e.tell(ctx, alerting.EventResolved, "resolved", pipeline.Notice{
		Title: "Resolved: " + e.Incident.Title, Text: fmt.Sprintf("%s by %s. %s", res.Resolution, res.By, res.Comment),
		By: res.By, Resolution: res.Resolution, Comment: res.Comment,
	})
	return true, nil
}

// settleLimits are the limits of carrying out an answer: the batch is staged
// already, so this is bounded by its size, not by the source.
var settleLimits = pipeline.Limits{Attempts: 5, BackoffMs: 1000, ShardTimeoutS: 3600, HeartbeatS: 30}

func (e *escalation) end(ctx workflow.Context, err error) (pipeline.Resolution, error) {
	if err != nil {
		return pipeline.Resolution{}, err
	}
	e.show(ctx)
	if err := workflow.UpsertTypedSearchAttributes(ctx, attrAwaiting.ValueSet(false)); err != nil {
		return *e.Resolution, err
	}
	// Callers of the update must hear their answer before the workflow is gone.
	return *e.Resolution, workflow.Await(ctx, func() bool { return workflow.AllHandlersFinished(ctx) })
}

// tell sends a message. A dead channel doesn't stop an incident.
func (e *escalation) tell(ctx workflow.Context, event alerting.Event, what string, n pipeline.Notice) {
	n.ID, n.Pipeline, n.RunID = e.Incident.ID+"/"+what, e.Incident.Pipeline, e.Incident.RunID
	n.Workflow, n.Incident = workflow.GetInfo(ctx).WorkflowExecution.ID, e.Incident.ID
	n.Severity, n.Event = e.Incident.Severity, string(event)
	if _, err := notify.call(short(ctx), n.Title, n); err != nil {
		workflow.GetLogger(ctx).Warn("notify", "error", err)
	}
}

// show puts the incident's state into the Web UI.
func (e *escalation) show(ctx workflow.Context) {
	var b strings.Builder
	fmt.Fprintf(&b, "**%s**\n\n%s\n", e.Incident.Title, e.Incident.Summary)
	switch {
	case e.Resolution != nil:
		fmt.Fprintf(&b, "\nresolved: **%s** by %s\n", e.Resolution.Resolution, e.Resolution.By)
	default:
		fmt.Fprintf(&b, "\nwaiting for a person until %s (%d reminders)\n", e.Deadline.UTC().Format(time.RFC3339), e.Reminders)
		fmt.Fprintf(&b, "\n    starter approve %s | starter reject %s\n", e.Incident.ID, e.Incident.ID)
	}
	if e.Acknowledged != "" {
		fmt.Fprintf(&b, "\nacknowledged by %s\n", e.Acknowledged)
	}
	if e.Problem != "" {
		fmt.Fprintf(&b, "\n> %s\n", e.Problem)
	}
	workflow.SetCurrentDetails(ctx, b.String())
}
