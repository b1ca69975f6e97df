package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"

	"github.com/autonomous-data-pipeline/adp/console"
	"github.com/autonomous-data-pipeline/adp/internal/fakekafka"
	"github.com/autonomous-data-pipeline/adp/internal/temporal"
	"github.com/autonomous-data-pipeline/adp/ops"
	"github.com/autonomous-data-pipeline/adp/pipeline"
	"github.com/autonomous-data-pipeline/adp/workflows"
)

// scenario is one batch of the demo, with what the matrix makes of it.
type scenario struct {
	pipeline   string
	title      string
	preset     string // of package generator
	outage     bool   // the broker is down while it runs
	conditions []string
	actions    []string
	outcome    pipeline.Outcome
	kept       float64 // share that stays in quarantine
	held       bool
}

func scenarios() []scenario {
	all := []scenario{
		{title: "healthy", preset: "healthy", conditions: []string{"healthy"}, outcome: pipeline.Succeeded},
		{title: "a new nullable field in 2%", preset: "additive-drift", conditions: []string{"schema_drift_additive"}, actions: []string{"remap"}, outcome: pipeline.Remediated},
		{title: "age becomes a string in 30%", preset: "type-drift", conditions: []string{"schema_drift_breaking"}, actions: []string{"quarantine", "escalate"}, outcome: pipeline.Remediated, kept: 0.3},
		{title: "required email missing in 10%", preset: "missing-field", conditions: []string{"schema_drift_breaking"}, actions: []string{"quarantine", "escalate"}, outcome: pipeline.Remediated, kept: 0.1},
		{title: "8% late", preset: "late-minor", conditions: []string{"late_arrivals_minor"}, actions: []string{"retrigger"}, outcome: pipeline.Succeeded},
		{title: "22% late", preset: "late-major", conditions: []string{"late_arrivals_major"}, actions: []string{"escalate"}, outcome: pipeline.Succeeded},
		{title: "bad data in 2%", preset: "bad-minor", conditions: []string{"dq_failures_minor"}, actions: []string{"log"}, outcome: pipeline.Succeeded},
		{title: "bad data in one country", preset: "bad-localized", conditions: []string{"dq_failures_localized"}, actions: []string{"quarantine", "notify"}, outcome: pipeline.Remediated, kept: 0.04},
		{title: "bad data in 9% everywhere", preset: "bad-major", conditions: []string{"dq_failures_major"}, actions: []string{"escalate"}, outcome: pipeline.Held, held: true},
		{title: "a job that fails three times", preset: "healthy", outage: true, conditions: []string{"repeated_failures"}, actions: []string{"escalate"}, outcome: pipeline.Failed},
		{title: "malformed bytes in 1%", preset: "malformed", conditions: []string{"dq_failures_minor"}, actions: []string{"log"}, outcome: pipeline.Succeeded, kept: 0.01},
	}
	for i := range all {
		all[i].pipeline = demoPipeline
	}
	return all
}

// beside are the scenarios of the other pipeline. Each is played at the same
// time as one of the first's, on the same worker.
func beside() []scenario {
	return []scenario{
		{pipeline: besidePipeline, title: "healthy", preset: "healthy", conditions: []string{"healthy"}, outcome: pipeline.Succeeded},
		{pipeline: besidePipeline, title: "a new nullable field in 2%", preset: "additive-drift", conditions: []string{"schema_drift_additive"}, actions: []string{"remap"}, outcome: pipeline.Remediated},
		{pipeline: besidePipeline, title: "required currency missing in 10%", preset: "missing-field", conditions: []string{"schema_drift_breaking"}, actions: []string{"quarantine", "escalate"}, outcome: pipeline.Remediated, kept: 0.1},
		{pipeline: besidePipeline, title: "bad data in 9% everywhere", preset: "bad-major", conditions: []string{"dq_failures_major"}, actions: []string{"escalate"}, outcome: pipeline.Held, held: true},
	}
}

// played is a scenario's row in the table.
type played struct {
	scenario scenario
	events   int64
	report   pipeline.RunReport // of the run that decided
	loaded   pipeline.Records   // of the run that got the batch in
	took     time.Duration
	problems []string
}

// play runs every scenario, prints the table, and counts those whose outcome
// isn't the matrix's.
func (s *stack) play(ctx context.Context, events int) (failed int, err error) {
	a := s.app
	for _, p := range s.pipelines {
		if err := s.catchUp(ctx, p.Name); err != nil {
			return 0, err
		}
	}
	watch, err := s.loginLink(ctx)
	if err != nil {
		return 0, err
	}
	a.say("playing %d scenarios of %s, a batch of %d events each, and %d of %s beside them; watch them: %s\n",
		len(scenarios()), demoPipeline, events, len(beside()), besidePipeline, watch)
	rows, err := s.playAll(ctx, events)
	if err != nil {
		return 0, err
	}
	s.printPlayed(rows)
	for _, r := range rows {
		if len(r.problems) > 0 {
			failed++
		}
	}
	if err := s.afterwards(ctx, rows); err != nil {
		return failed, err
	}
	for _, p := range s.pipelines {
		account, err := a.verify(ctx, p.Name)
		if err != nil {
			return failed, err
		}
		a.printAccount(p.Name, account)
		if !account.Balanced() {
			failed++
		}
	}
	return failed, nil
}

// besideShare is how much smaller the batches of the pipeline beside are, so
// that the demo takes no longer.
const besideShare = 5

// playAll plays the scenarios one after the other, those of the pipeline beside
// at the same time as the first ones.
func (s *stack) playAll(ctx context.Context, events int) ([]played, error) {
	var rows, others []played
	for i, sc := range scenarios() {
		s.app.say("  %2d/%d  %s", i+1, len(scenarios()), sc.title)
		both := []played{{scenario: sc, events: int64(events)}}
		if i < len(beside()) {
			s.app.say("         beside it, %s: %s", besidePipeline, beside()[i].title)
			both = append(both, played{scenario: beside()[i], events: int64(max(1, events/besideShare))})
		}
		if err := s.playBoth(ctx, both); err != nil {
			return nil, err
		}
		rows, others = append(rows, both[0]), append(others, both[1:]...)
	}
	return append(rows, others...), nil
}

// playBoth plays scenarios of different pipelines at the same time.
func (s *stack) playBoth(ctx context.Context, both []played) error {
	for _, row := range both {
		if err := s.produce(ctx, row.scenario.pipeline, row.scenario.preset, int(row.events)); err != nil {
			return fmt.Errorf("scenario %q of %s: %w", row.scenario.title, row.scenario.pipeline, err)
		}
	}
	var wait sync.WaitGroup
	errs := make([]error, len(both))
	for i := range both {
		wait.Go(func() {
			if err := s.playOne(ctx, &both[i]); err != nil {
				errs[i] = fmt.Errorf("scenario %q of %s: %w", both[i].scenario.title, both[i].scenario.pipeline, err)
			}
		})
	}
	wait.Wait()
	return errors.Join(errs...)
}

// catchUp loads what an earlier demo left in the topic, so that each scenario
// is a batch by itself.
func (s *stack) catchUp(ctx context.Context, name string) error {
	report, err := s.runOnce(ctx, name)
	if err != nil {
		return err
	}
	if report.Failure != nil {
		return fmt.Errorf("catch up with the topic: stage %s failed: %s", report.Failure.Stage, report.Failure.Error)
	}
	if n := report.Records.Read; n > 0 {
		s.app.say("%s caught up with %d events that an earlier demo had left: %s", name, n, report.Outcome)
	}
	return s.waitForChain(ctx, name, report.RunID)
}

func (s *stack) playOne(ctx context.Context, row *played) error {
	started := time.Now()
	if row.scenario.outage {
		return s.playOutage(ctx, row, started)
	}
	report, err := s.runOnce(ctx, row.scenario.pipeline)
	if err != nil {
		return err
	}
	row.report, row.loaded, row.took = report, report.Records, time.Since(started)
	row.check()
	return s.waitForChain(ctx, row.scenario.pipeline, report.RunID)
}

// playOutage stops the broker until three runs in a row have failed, then
// starts it again: the batch that nobody could read loads.
func (s *stack) playOutage(ctx context.Context, row *played, started time.Time) error {
	name := row.scenario.pipeline
	port, dir := s.kafka.Port(), s.config.DataDir+"/kafka"
	s.kafka.Stop()
	report, err := s.runOnce(ctx, name)
	for err == nil && slices.Contains(report.Actions, "retrigger") {
		report, err = s.reportOf(ctx, "run/"+name+"/after/"+report.RunID)
	}
	if err != nil {
		return err
	}
	row.report, row.took = report, time.Since(started)
	if s.kafka, err = fakekafka.Start(fakekafka.Config{Port: port, Dir: dir}); err != nil {
		return err
	}
	recovered, err := s.runOnce(ctx, name)
	if err != nil {
		return err
	}
	row.loaded = recovered.Records
	if recovered.Outcome != pipeline.Succeeded {
		row.problems = append(row.problems, fmt.Sprintf("the run after the outage ended as %s, want succeeded", recovered.Outcome))
	}
	if report.ConsecutiveFailures != 3 {
		row.problems = append(row.problems, fmt.Sprintf("%d failures in a row, want 3", report.ConsecutiveFailures))
	}
	row.check()
	return nil
}

func (s *stack) runOnce(ctx context.Context, name string) (pipeline.RunReport, error) {
	run, err := s.client.ExecuteWorkflow(ctx, client.StartWorkflowOptions{
		ID: "run/" + name + "/demo/" + uuid.NewString()[:8], TaskQueue: s.config.Temporal.TaskQueue,
	}, workflows.PipelineRun, pipeline.RunRequest{Pipeline: name})
	if err != nil {
		return pipeline.RunReport{}, err
	}
	return finished(waitForReport(ctx, run))
}

func (s *stack) reportOf(ctx context.Context, workflowID string) (pipeline.RunReport, error) {
	return finished(waitForReport(ctx, s.client.GetWorkflow(ctx, workflowID, "")))
}

// finished takes a failed run for an answer: it has a report too.
func finished(r pipeline.RunReport, err error) (pipeline.RunReport, error) {
	if err != nil && r.RunID != "" {
		return r, nil
	}
	return r, err
}

// waitForChain waits for the run that this one retriggered, if any, so that it
// takes nothing of the next scenario's batch.
func (s *stack) waitForChain(ctx context.Context, name, runID string) error {
	_, err := s.reportOf(ctx, "run/"+name+"/after/"+runID)
	var none *serviceerror.NotFound
	if errors.As(err, &none) {
		return nil
	}
	return err
}

// check holds the outcome against the matrix's.
func (r *played) check() {
	want := func(what string, got, want any) {
		if fmt.Sprint(got) != fmt.Sprint(want) {
			r.problems = append(r.problems, fmt.Sprintf("%s is %v, want %v", what, got, want))
		}
	}
	kept := int64(float64(r.events)*r.scenario.kept + 0.5)
	want("conditions", r.report.Conditions, r.scenario.conditions)
	want("actions", r.report.Actions, r.scenario.actions)
	want("outcome", r.report.Outcome, r.scenario.outcome)
	want("read", r.loaded.Read, r.events)
	want("quarantined", r.loaded.Quarantined, kept)
	if r.scenario.held {
		want("held", r.loaded.Held, r.events)
	} else {
		want("loaded", r.loaded.Loaded, r.events-kept)
	}
	if !r.loaded.Conserved() {
		r.problems = append(r.problems, fmt.Sprintf("records are not conserved: %+v", r.loaded))
	}
}

func (s *stack) printPlayed(rows []played) {
	a := s.app
	lines := make([]string, 0, len(rows))
	for _, r := range rows {
		rec := r.loaded
		verdict := "as the matrix says"
		if len(r.problems) > 0 {
			verdict = "WRONG"
		}
		lines = append(lines, fmt.Sprintf("%s\t%s\t%s\t%s\t%s\t%d = %d + %d + %d\t%s\t%s", r.scenario.pipeline, r.scenario.title, findings(r.report),
			orDash(strings.Join(r.report.Conditions, ", ")), orDash(strings.Join(r.report.Actions, ", ")),
			rec.Read, rec.Loaded, rec.Quarantined, rec.Held, r.took.Round(10*time.Millisecond), verdict))
	}
	a.say("")
	a.table("PIPELINE\tSCENARIO\tFINDINGS\tCONDITIONS\tACTIONS\tREAD = LOADED + QUARANTINED + HELD\tTIME\tOUTCOME", lines)
	a.say("\nruns in the Web UI:")
	for _, r := range rows {
		a.say("  %-9s  %-32s %s", r.scenario.pipeline, r.scenario.title, runLink(s.config.Temporal, r.report.WorkflowID, r.report.RunID))
		for _, p := range r.problems {
			a.say("    WRONG: %s", p)
		}
	}
	a.say("")
}

// findings are a report's, in a few words.
func findings(r pipeline.RunReport) string {
	var out []string
	for _, d := range r.Drift {
		out = append(out, fmt.Sprintf("%s %s %.3g%%", d.Kind, d.Field, 100*d.Share))
	}
	if r.Late.Count > 0 {
		out = append(out, fmt.Sprintf("late %.3g%%", 100*r.Late.Share))
	}
	if r.Quality.Failed > 0 {
		out = append(out, fmt.Sprintf("failing %.3g%%", 100*r.Quality.Share))
	}
	if r.Failure != nil {
		out = append(out, fmt.Sprintf("%d failed runs in a row", r.ConsecutiveFailures))
	}
	if len(out) == 0 {
		return "none"
	}
	return strings.Join(out, ", ")
}

// afterwards answers the held batches' escalations, and leaves the others to the
// person, with the schedule that the failed runs paused. The other pipeline's
// goes on.
func (s *stack) afterwards(ctx context.Context, rows []played) error {
	for _, r := range rows {
		if r.scenario.held && r.report.Incident != "" {
			s.app.say("answering incident %s (%s, %s) by itself: release", r.report.Incident, r.scenario.pipeline, r.scenario.title)
			if err := s.app.answer(ctx, r.report.Incident, pipeline.Answer{
				Resolution: pipeline.Release, By: "demo", Comment: "answered by the demo",
			}); err != nil {
				return err
			}
		}
	}
	schedules := temporal.Schedules{Client: s.client, TaskQueue: s.config.Temporal.TaskQueue}
	return schedules.SetPaused(ctx, besidePipeline, false, "the demo has played its scenarios")
}

// pausing finds the open incident that paused the schedule.
func (s *stack) pausing(ctx context.Context) (string, error) {
	store, err := s.app.ops(ctx)
	if err != nil {
		return "", err
	}
	open, err := store.Incidents(ctx, ops.IncidentQuery{Pipeline: demoPipeline, Unresolved: true})
	if err != nil {
		return "", err
	}
	for _, i := range open {
		if strings.Contains(i.Cause, "repeated_failures") {
			return i.ID, nil
		}
	}
	return "INCIDENT", nil
}

// sayNext tells what to try.
func (s *stack) sayNext(ctx context.Context) error {
	a := s.app
	incident, err := s.pausing(ctx)
	if err != nil {
		return err
	}
	link, err := s.loginLink(ctx)
	if err != nil {
		return err
	}
	a.say(`
everything is up; open the console (this link logs in once; bin/starter console link makes another):
  %s
and try, in another terminal:
  %s                        Temporal's Web UI: runs, escalations, the schedule
  bin/starter status
  bin/starter incidents
  bin/starter approve %s    it also resumes the schedule, which three failed runs have paused
  bin/starter quarantine list
  bin/starter verify
  bin/starter run %s
  bin/starter maintain %s
  temporal workflow start --task-queue %s --type PipelineRun --workflow-id run/%s/by-hand --input '{"pipeline":"%s"}'
  temporal workflow signal --workflow-id escalation/%s/%s --name decide --input '{"resolution":"release","by":"me"}'
Ctrl-C stops it; the data stays in %s (make reset-data clears it)`,
		link, s.config.Temporal.WebUI, incident, demoPipeline, demoPipeline, s.config.Temporal.TaskQueue, demoPipeline, demoPipeline, demoPipeline, incident, s.config.DataDir)
	return nil
}

// loginLink logs the demo's person in, who is its admin.
func (s *stack) loginLink(ctx context.Context) (string, error) {
	store, err := s.app.ops(ctx)
	if err != nil {
		return "", err
	}
	return loginLink(ctx, store, s.config.Console.URL, s.app.who(), console.Admin)
}
