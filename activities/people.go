package activities

import (
	"context"
	"strings"

	"github.com/autonomous-data-pipeline/adp/agent"
	"github.com/autonomous-data-pipeline/adp/ops"
	"github.com/autonomous-data-pipeline/adp/pipeline"
)

// OpenIncident opens the incident of a decision's escalation, or joins the
// open one of the same cause. A repeat finds what it opened.
func (s *Set) OpenIncident(ctx context.Context, req agent.IncidentRequest) (pipeline.Incident, error) {
	inc, err := s.openIncident(ctx, req)
	return inc, toTemporal(err)
}

func (s *Set) openIncident(ctx context.Context, req agent.IncidentRequest) (pipeline.Incident, error) {
	d, err := s.Catalog.Declared(ctx, req.Run.Pipeline)
	if err != nil {
		return pipeline.Incident{}, err
	}
	plan, ok := req.Decision.Find(agent.Escalate)
	if !ok {
		return pipeline.Incident{}, pipeline.Faultf(pipeline.Bug, "open an incident for run %s: its decision %s escalates nothing", req.Run.RunID, req.Decision.ID)
	}
	batchID := req.Report.BatchID
	if req.Report.Failure != nil {
		batchID = "" // nothing of the batch was committed: there is nothing to settle
	}
	opened, joined, err := s.Ops.OpenIncident(ctx, ops.Incident{
		ID: ops.IncidentID(req.Run.RunID, plan.Args.Cause), Pipeline: d.Name, Cause: plan.Args.Cause,
		RunID: req.Run.RunID, BatchID: batchID, WorkflowID: req.Run.WorkflowID,
		Severity: req.Decision.Severity, Title: incidentTitle(d.Name, req.Decision, plan), Summary: req.Decision.Summary,
		Hold: plan.Args.Hold, OpenedAt: s.Now(), Facts: numbers(req.Report), Advice: plan.Args.Advice, Mapping: plan.Args.Mapping,
	})
	if err != nil {
		return pipeline.Incident{}, err
	}
	return pipeline.Incident{
		ID: opened.ID, Pipeline: d.Name, RunID: opened.RunID, Decision: req.Decision.ID, BatchID: opened.BatchID, Cause: opened.Cause,
		Severity: opened.Severity, Title: opened.Title, Summary: opened.Summary, Hold: opened.Hold,
		Paused: plan.Args.PauseSchedule, Joined: joined,
		RemindS:    int64(d.Policy.Escalation.RemindAfter.Seconds()),
		TimeLimitS: int64(d.Policy.Escalation.Timeout.Seconds()),
		Actions:    actionNames(req.Decision),
	}, nil
}

func incidentTitle(name string, d agent.Decision, plan agent.Planned) string {
	what := make([]string, 0, len(d.Conditions))
	for _, c := range d.Conditions {
		what = append(what, strings.ReplaceAll(string(c.Name), "_", " "))
	}
	title := name + ": " + strings.Join(what, ", ")
	if plan.Args.Hold {
		title += " (batch held)"
	}
	return title
}

func actionNames(d agent.Decision) []string {
	out := make([]string, 0, len(d.Actions))
	for _, a := range d.Actions {
		out = append(out, string(a.Action))
	}
	return out
}

// UpdateIncident acknowledges an incident, or resolves it: then it gives the
// decision log's head, with the answer in it.
func (s *Set) UpdateIncident(ctx context.Context, u pipeline.IncidentUpdate) (agent.Head, error) {
	h, err := s.updateIncident(ctx, u)
	return h, toTemporal(err)
}

func (s *Set) updateIncident(ctx context.Context, u pipeline.IncidentUpdate) (agent.Head, error) {
	if u.Resolution == nil {
		return agent.Head{}, s.Ops.Acknowledge(ctx, u.Incident, u.By, u.Comment, s.Now())
	}
	if err := s.Ops.Resolve(ctx, u.Incident, u.Resolution.Resolution, u.By, u.Comment, s.Now()); err != nil {
		return agent.Head{}, err
	}
	d, err := s.Catalog.Declared(ctx, u.Pipeline)
	if err != nil {
		return agent.Head{}, err
	}
	if err := d.audit().Answer(*u.Resolution, s.Now()); err != nil {
		return agent.Head{}, err
	}
	return d.auditHead(ctx), nil
}

// Schedule pauses or resumes a pipeline's schedule.
func (s *Set) Schedule(ctx context.Context, req pipeline.ScheduleRequest) error {
	return toTemporal(s.Scheduler.SetPaused(ctx, req.Pipeline, req.Pause, req.Note))
}
