package workflows

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/autonomous-data-pipeline/adp/agent"
	"github.com/autonomous-data-pipeline/adp/pipeline"
)

// RunFailed is the error type of a run that failed; its details are the report.
const RunFailed = "RunFailed"

// Status is what the query "status" answers.
type Status struct {
	Step     string             `json:"step"`
	Report   pipeline.RunReport `json:"report"` // so far
	Decision *agent.Decision    `json:"decision,omitempty"`
}

// PipelineRun moves one batch: plan, process, evaluate, decide, remediate,
// load, validate, report. A failed run ends with an error of type RunFailed
// whose details are the report, so that the Web UI shows it as failed.
func PipelineRun(ctx workflow.Context, req pipeline.RunRequest) (pipeline.RunReport, error) {
	r, err := setup(ctx, req)
	if err != nil {
		return pipeline.RunReport{}, err
	}
	if req.DelayS > 0 {
		r.at(ctx, "waiting")
		if err := workflow.Sleep(ctx, time.Duration(req.DelayS)*time.Second); err != nil {
			return r.report, err
		}
	}
	return r.finish(ctx, r.run(ctx, pipeline.PlanRequest{Run: r.id}))
}

// Backfill loads ranges that the table lacks, by the same steps as a run.
func Backfill(ctx workflow.Context, req pipeline.BackfillRequest) (pipeline.RunReport, error) {
	r, err := setup(ctx, pipeline.RunRequest{Pipeline: req.Pipeline, Trigger: "backfill"})
	if err != nil {
		return pipeline.RunReport{}, err
	}
	return r.finish(ctx, r.run(ctx, pipeline.PlanRequest{Run: r.id, Backfill: true, Ranges: req.Ranges}))
}

// runner is one run's state.
type runner struct {
	id     pipeline.Run
	step   string
	report pipeline.RunReport
	plan   pipeline.Plan
	staged pipeline.Staged

	// What happened to the batch, for the report and for the next decision.
	evaluated  bool
	decision   *agent.Decision
	tried      []agent.Attempt
	committed  *pipeline.Loaded
	incident   *pipeline.Incident
	remapped   []pipeline.Drift // new fields that the schema has taken up
	seen       []pipeline.Drift // of the last look at the batch
	asked      agent.Request    // what the decision was asked with
	acts       []string         // actions before the decision
	shadows    []workflow.Future
	superseded bool
	killed     bool   // a person has stopped the agent during this run
	refusal    string // why a retrigger that was decided is not carried out

	ownDone   []agent.Attempt // what came of own actions
	ownChecks []agent.Check
}

func setup(ctx workflow.Context, req pipeline.RunRequest) (*runner, error) {
	if req.Pipeline == "" {
		return nil, temporal.NewNonRetryableApplicationError(
			`start a run: the input names no pipeline; pass {"pipeline":"<name>"}`, string(pipeline.Misconfigured), nil)
	}
	info := workflow.GetInfo(ctx)
	r := &runner{id: pipeline.Run{
		Pipeline:   req.Pipeline,
		RunID:      info.WorkflowExecution.RunID,
		WorkflowID: info.WorkflowExecution.ID,
		Trigger:    trigger(req, info),
		Chain:      req.Chain,
		ParentID:   req.ParentID,
		StartedAt:  workflow.Now(ctx),
	}}
	r.report = pipeline.RunReport{
		Pipeline: req.Pipeline, RunID: r.id.RunID, WorkflowID: r.id.WorkflowID,
		Trigger: r.id.Trigger, StartedAt: r.id.StartedAt, Drift: []pipeline.Drift{}, Stages: []pipeline.Stage{},
	}
	r.at(ctx, "starting")
	if err := workflow.SetQueryHandlerWithOptions(ctx, "status", func() (Status, error) {
		return Status{Step: r.step, Report: r.report, Decision: r.decision}, nil
	}, workflow.QueryHandlerOptions{Description: "The run's step, its report so far and its decision"}); err != nil {
		return nil, err
	}
	r.obeySwitch(ctx)
	return r, workflow.UpsertTypedSearchAttributes(ctx, attrPipeline.ValueSet(req.Pipeline))
}

// trigger says what started the run. A schedule's input doesn't say so, but
// its workflow ID does.
func trigger(req pipeline.RunRequest, info *workflow.Info) string {
	switch {
	case req.Trigger != "":
		return req.Trigger
	case strings.HasPrefix(info.WorkflowExecution.ID, ScheduleWorkflowID(req.Pipeline)):
		return "schedule"
	}
	return "manual"
}

// ScheduleWorkflowID is the workflow ID that a pipeline's schedule starts runs
// under; the server appends the time.
func ScheduleWorkflowID(name string) string { return "run/" + name + "/schedule" }

// ScheduleID is the ID of a pipeline's schedule.
func ScheduleID(name string) string { return "schedule/" + name }

// at moves the run to a step, and shows it in the Web UI.
func (r *runner) at(ctx workflow.Context, step string) {
	r.step = step
	workflow.SetCurrentDetails(ctx, r.details())
}

func (r *runner) details() string {
	var b strings.Builder
	fmt.Fprintf(&b, "**%s** · %s\n", r.id.Pipeline, r.step)
	if r.plan.Batch.ID != "" {
		fmt.Fprintf(&b, "\n- batch `%s`: %d offsets in %d shards\n", r.plan.Batch.ID, r.plan.Batch.Offsets(), len(r.plan.Shards))
	}
	if rec := r.report.Records; rec.Read > 0 {
		fmt.Fprintf(&b, "- read %d = loaded %d + quarantined %d + held %d\n", rec.Read, rec.Loaded, rec.Quarantined, rec.Held)
	}
	if r.decision != nil {
		fmt.Fprintf(&b, "- %s\n", r.decision.Summary)
	}
	return b.String()
}

// run goes through the steps until the batch is in, or an error stops it.
func (r *runner) run(ctx workflow.Context, req pipeline.PlanRequest) error {
	if err := r.makePlan(ctx, req); err != nil {
		return err
	}
	if r.plan.Batch.Empty() && len(r.plan.Gaps) == 0 {
		return nil
	}
	if err := r.assess(ctx); err != nil {
		return err
	}
	if r.plan.Batch.Empty() {
		return nil // a gap and nothing else: decided on, nothing to load
	}
	if err := r.load(ctx); err != nil {
		return err
	}
	return r.validate(ctx)
}

func (r *runner) makePlan(ctx workflow.Context, req pipeline.PlanRequest) error {
	err := r.stage(ctx, "plan", func(*pipeline.Stage) (err error) {
		r.plan, err = planBatch.call(planning(ctx), r.id.Pipeline, req)
		return err
	})
	if err != nil {
		return &stageError{"plan", err}
	}
	r.report.BatchID = r.plan.Batch.ID
	r.report.SchemaVersion = r.plan.SchemaVersion
	r.report.Source = pipeline.SourceReport{
		Topic: r.plan.Batch.Topic, Ranges: r.plan.Batch.Ranges, Lag: r.plan.Lag, Gaps: r.plan.Gaps,
	}
	r.staged = pipeline.Staged{Batch: r.plan.Batch, SchemaVersion: r.plan.SchemaVersion, Shards: len(r.plan.Shards)}
	return nil
}

// assess stages and evaluates the batch and decides on it, again after every
// remap. The matrix bounds the remaps, and so does the plan.
func (r *runner) assess(ctx workflow.Context) error {
	for remaps := 0; ; remaps++ {
		if !r.plan.Batch.Empty() {
			if err := r.process(ctx); err != nil {
				return err
			}
		}
		if err := r.decide(ctx, r.report); err != nil {
			return err
		}
		if err := r.permit(ctx); err != nil {
			return err
		}
		again, err := r.remap(ctx, remaps)
		if err != nil || !again {
			return err
		}
	}
}

// process stages every shard, a few at a time, and evaluates the whole.
func (r *runner) process(ctx workflow.Context) error {
	err := r.stage(ctx, "process", func(s *pipeline.Stage) error {
		done, err := r.shards(long(ctx, r.plan.Limits))
		for _, d := range done {
			s.Records += d.Records
			s.Bytes += d.Bytes
		}
		return err
	})
	if err != nil {
		return &stageError{"process", err}
	}
	err = r.stage(ctx, "evaluate", func(s *pipeline.Stage) error {
		e, err := evaluate.call(long(ctx, r.plan.Limits), r.plan.Batch.ID,
			pipeline.EvaluateRequest{Run: r.id, Staged: r.staged})
		if err != nil {
			return err
		}
		r.evaluated = true
		r.report.Records, r.report.Late, r.report.Drift, r.report.Quality = e.Records, e.Late, e.Drift, e.Quality
		s.Records = e.Records.Read
		return nil
	})
	if err != nil {
		return &stageError{"evaluate", err}
	}
	return nil
}

func (r *runner) shards(ctx workflow.Context) ([]pipeline.ShardDone, error) {
	// The first shard that fails for good cancels the others: their work would
	// be thrown away.
	ctx, cancel := workflow.WithCancel(ctx)
	defer cancel()
	done := make([]pipeline.ShardDone, len(r.plan.Shards))
	var first error
	free := workflow.NewSemaphore(ctx, int64(max(1, r.plan.Limits.Parallelism)))
	group := workflow.NewWaitGroup(ctx)
	for i, shard := range r.plan.Shards {
		if err := free.Acquire(ctx, 1); err != nil || first != nil {
			break
		}
		group.Add(1)
		workflow.Go(ctx, func(ctx workflow.Context) {
			defer group.Done()
			defer free.Release(1)
			d, err := processShard.call(ctx, shardSummary(shard),
				pipeline.ShardRequest{Run: r.id, Staged: r.staged, Shard: shard})
			if err != nil && first == nil {
				first = err
				cancel()
			}
			done[i] = d
		})
	}
	group.Wait(ctx)
	if first == nil {
		first = ctx.Err()
	}
	return done, first
}

func shardSummary(s pipeline.Shard) string {
	parts := make([]string, len(s.Ranges))
	for i, g := range s.Ranges {
		parts[i] = fmt.Sprintf("partition %d, offsets %d to %d", g.Partition, g.Start, g.End)
	}
	return fmt.Sprintf("shard %d: %s", s.Index, strings.Join(parts, "; "))
}

func (r *runner) decide(ctx workflow.Context, facts pipeline.RunReport) error {
	req := agent.Request{Run: r.id, Report: facts, Retriggers: r.id.Chain, Tried: r.tried, KillSwitch: r.killed}
	if r.evaluated {
		req.Staged = &r.staged
	}
	err := r.stage(ctx, "decide", func(*pipeline.Stage) error {
		d, err := decide.call(short(ctx), r.id.Pipeline, req)
		if err == nil && d.Ask != nil {
			req.Proposed = ask(ctx, *d.Ask, req)
			d, err = decide.call(short(ctx), r.id.Pipeline, req)
		}
		if err != nil {
			return err
		}
		r.asked, r.acts = req, slices.Clone(r.report.Actions)
		r.askShadow(ctx, d)
		r.decision = &d.Decision
		r.report.ConsecutiveFailures = d.ConsecutiveFailures
		r.note(d.Decision)
		return anchor(ctx, d.Head)
	})
	if err != nil {
		return &stageError{"decide", err}
	}
	return nil
}

// note keeps a decision's conditions and actions for reports and search. A run
// that remaps decides twice: both count, and what is healthy after a remap
// wasn't before.
func (r *runner) note(d agent.Decision) {
	for _, c := range d.Conditions {
		if name := string(c.Name); !slices.Contains(r.report.Conditions, name) {
			r.report.Conditions = append(r.report.Conditions, name)
		}
	}
	if len(r.report.Conditions) > 1 {
		r.report.Conditions = slices.DeleteFunc(r.report.Conditions, func(c string) bool { return c == string(agent.Healthy) })
	}
	for _, a := range d.Actions {
		if name := string(a.Action); !slices.Contains(r.report.Actions, name) {
			r.report.Actions = append(r.report.Actions, name)
		}
	}
}

// remap evolves the schema if the decision says so, and reports whether the
// batch must be processed again.
func (r *runner) remap(ctx workflow.Context, remaps int) (bool, error) {
	plan, ok := r.decision.Find(agent.Remap)
	if !ok || remaps >= max(1, r.plan.Limits.MaxSchemaChange) {
		return false, nil
	}
	err := r.stage(ctx, "remap", func(*pipeline.Stage) error {
		version, err := evolveSchema.call(short(ctx), fmt.Sprint(plan.Args.Fields), pipeline.EvolveRequest{
			Run: r.id, Base: r.staged.SchemaVersion, Drift: added(r.report.Drift, plan.Args.Fields),
		})
		if err != nil {
			return err
		}
		r.staged.SchemaVersion, r.report.SchemaVersion = version, version
		return nil
	})
	if err != nil {
		return false, &stageError{"remap", err}
	}
	r.remapped = append(r.remapped, added(r.report.Drift, plan.Args.Fields)...)
	r.tried = append(r.tried, agent.Attempt{
		Action: agent.Remap, RunID: r.id.RunID, Outcome: fmt.Sprintf("schema version %d", r.staged.SchemaVersion),
	})
	return true, nil
}

func added(drift []pipeline.Drift, fields []string) []pipeline.Drift {
	var out []pipeline.Drift
	for _, d := range drift {
		for _, f := range fields {
			if d.Kind == pipeline.FieldAdded && d.Field == f {
				out = append(out, d)
			}
		}
	}
	return out
}

// stage times a step and shows it.
func (r *runner) stage(ctx workflow.Context, name string, do func(*pipeline.Stage) error) error {
	r.at(ctx, name)
	s := pipeline.Stage{Name: name, StartedAt: workflow.Now(ctx)}
	err := do(&s)
	s.Ms = workflow.Now(ctx).Sub(s.StartedAt).Milliseconds()
	r.report.Stages = append(r.report.Stages, s)
	return err
}
