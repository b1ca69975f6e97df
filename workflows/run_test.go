package workflows

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"

	"github.com/autonomous-data-pipeline/adp/agent"
	"github.com/autonomous-data-pipeline/adp/pipeline"
)

var customers = pipeline.RunRequest{Pipeline: "customers"}

func runOnce(t *testing.T, f *fake) (pipeline.RunReport, error) {
	t.Helper()
	env := environment(t, f)
	env.ExecuteWorkflow(PipelineRun, customers)
	return result(t, env)
}

func result(t *testing.T, env *testsuite.TestWorkflowEnvironment) (pipeline.RunReport, error) {
	t.Helper()
	require.True(t, env.IsWorkflowCompleted())
	var r pipeline.RunReport
	err := env.GetWorkflowError()
	var app *temporal.ApplicationError
	if errors.As(err, &app) && app.HasDetails() {
		require.NoError(t, app.Details(&r))
		return r, err
	}
	if err == nil {
		require.NoError(t, env.GetWorkflowResult(&r))
	}
	return r, err
}

func TestAHealthyBatchGoesThroughEveryStepOnce(t *testing.T) {
	f := &fake{}
	r, err := runOnce(t, f)
	require.NoError(t, err)
	require.Equal(t, pipeline.Succeeded, r.Outcome)
	require.Equal(t, []string{"Plan", "ProcessShard", "ProcessShard", "Evaluate", "Decide", "Load", "Validate", "Report", "Audit"}, f.calls)
	require.True(t, r.Records.Conserved())
	require.Equal(t, []string{"healthy"}, r.Conditions)
	var names []string
	for _, s := range r.Stages {
		names = append(names, s.Name)
	}
	require.Equal(t, []string{"plan", "process", "evaluate", "decide", "load", "validate"}, names)
}

func TestNothingNewIsIdleAndTouchesNothing(t *testing.T) {
	f := &fake{plan: func(pipeline.PlanRequest) (pipeline.Plan, error) { return pipeline.Plan{}, nil }}
	r, err := runOnce(t, f)
	require.NoError(t, err)
	require.Equal(t, pipeline.Idle, r.Outcome)
	require.Equal(t, []string{"Plan", "Report"}, f.calls)
}

func TestAGapWithoutNewRecordsIsStillDecidedOn(t *testing.T) {
	f := &fake{
		plan: func(pipeline.PlanRequest) (pipeline.Plan, error) {
			return pipeline.Plan{Gaps: []pipeline.Range{{Partition: 0, Start: 5, End: 9}}}, nil
		},
		decided: func(r agent.Request) agent.Decision {
			require.Len(t, r.Report.Source.Gaps, 1)
			return met(decision(agent.Planned{Action: agent.Escalate}), agent.SourceGap)
		},
	}
	r, err := runOnce(t, f)
	require.NoError(t, err)
	require.Equal(t, pipeline.Idle, r.Outcome)
	require.Equal(t, 1, f.count("OpenIncident"))
	require.Zero(t, f.count("Load"))
}

func TestARemapProcessesTheSameRangesAgainUnderTheNextVersion(t *testing.T) {
	drift := pipeline.Drift{Kind: pipeline.FieldAdded, Field: "tier", Observed: "string", Count: 20, Share: 0.02}
	var versions []int
	f := &fake{
		evaluated: func(r pipeline.EvaluateRequest) (pipeline.Evaluated, error) {
			versions = append(versions, r.Staged.SchemaVersion)
			e := pipeline.Evaluated{Records: pipeline.Records{Read: 1000, Clean: 1000}}
			if r.Staged.SchemaVersion == 1 {
				e.Drift = []pipeline.Drift{drift}
			}
			return e, nil
		},
		decided: func(r agent.Request) agent.Decision {
			if len(r.Report.Drift) > 0 {
				return met(decision(agent.Planned{Action: agent.Remap, Args: agent.Args{Fields: []string{"tier"}}}), agent.SchemaDriftAdditive)
			}
			require.Len(t, r.Tried, 1, "the second decision knows what was tried")
			return decision()
		},
	}
	r, err := runOnce(t, f)
	require.NoError(t, err)
	require.Equal(t, []int{1, 2}, versions)
	require.Equal(t, pipeline.Remediated, r.Outcome)
	require.Equal(t, []string{"schema_drift_additive"}, r.Conditions)
	require.Equal(t, []string{"remap"}, r.Actions)
	require.Equal(t, []pipeline.Drift{drift}, r.Drift, "the report keeps the drift that was healed")
	require.Equal(t, 1, f.count("Load"))
}

func TestAProposerThatRemapsForeverIsStoppedByThePlan(t *testing.T) {
	f := &fake{decided: func(agent.Request) agent.Decision {
		return decision(agent.Planned{Action: agent.Remap, Args: agent.Args{Fields: []string{"tier"}}})
	}}
	_, err := runOnce(t, f)
	require.NoError(t, err)
	require.Equal(t, 1, f.count("EvolveSchema"))
}

func TestChoiceFollowsTheDecision(t *testing.T) {
	tests := map[string]struct {
		planned []agent.Planned
		want    pipeline.Choice
	}{
		"no action loads everything that conforms": {nil, pipeline.Choice{}},
		"an escalation that holds keeps everything out": {
			[]agent.Planned{{Action: agent.Escalate, Args: agent.Args{Hold: true}}}, pipeline.Choice{Hold: true}},
		"an escalation that doesn't hold loads": {
			[]agent.Planned{{Action: agent.Escalate}}, pipeline.Choice{}},
		"a localized quarantine names column and values": {
			[]agent.Planned{{Action: agent.Quarantine, Args: agent.Args{Column: "country", Values: []string{"BR"}}}},
			pipeline.Choice{Column: "country", Values: []string{"BR"}}},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, tc.want, choice(decision(tc.planned...)))
		})
	}
}

func TestAHeldBatchEndsTheRunAndLeavesTheAnswerToAnEscalation(t *testing.T) {
	f := &fake{
		decided: func(agent.Request) agent.Decision {
			return met(decision(agent.Planned{Action: agent.Escalate, Args: agent.Args{Hold: true}}), agent.DQFailuresMajor)
		},
		loaded: func(r pipeline.LoadRequest) (pipeline.Loaded, error) {
			require.True(t, r.Choice.Hold)
			return pipeline.Loaded{Records: pipeline.Records{Read: 1000, Held: 1000}}, nil
		},
	}
	r, err := runOnce(t, f)
	require.NoError(t, err)
	require.Equal(t, pipeline.Held, r.Outcome)
	require.Equal(t, "inc1", r.Incident)
	require.Equal(t, 1, f.count("OpenIncident"))
}

func TestAHeldBatchWaitsForItsIncidentHoweverLongItTakes(t *testing.T) {
	f := &fake{
		decided: func(agent.Request) agent.Decision {
			return met(decision(agent.Planned{Action: agent.Escalate, Args: agent.Args{Hold: true}}), agent.DQFailuresMajor)
		},
		loaded: func(pipeline.LoadRequest) (pipeline.Loaded, error) {
			return pipeline.Loaded{Records: pipeline.Records{Read: 1000, Held: 1000}}, nil
		},
	}
	f.opening = func() error {
		if f.count("OpenIncident") < 9 { // the test environment gives up after 10
			return errors.New("the operations store is locked")
		}
		return nil
	}
	r, err := runOnce(t, f)
	require.NoError(t, err)
	require.Equal(t, "inc1", r.Incident)
}

func TestAJoinedIncidentStartsNoSecondEscalation(t *testing.T) {
	f := &fake{joined: true, decided: func(agent.Request) agent.Decision {
		return decision(agent.Planned{Action: agent.Escalate})
	}}
	_, err := runOnce(t, f)
	require.NoError(t, err)
	require.Zero(t, f.count("Notify"), "the escalation that is open has told people")
}

func TestALostRaceIsSupersededAndCarriesNothingOut(t *testing.T) {
	f := &fake{
		decided: func(agent.Request) agent.Decision {
			return decision(agent.Planned{Action: agent.Escalate}, agent.Planned{Action: agent.Retrigger}, agent.Planned{Action: agent.Notify})
		},
		loaded: func(pipeline.LoadRequest) (pipeline.Loaded, error) {
			return pipeline.Loaded{}, fault(pipeline.Superseded, "the checkpoint has moved on")
		},
	}
	r, err := runOnce(t, f)
	require.NoError(t, err)
	require.Equal(t, pipeline.SupersededRun, r.Outcome)
	require.Equal(t, pipeline.Records{}, r.Records)
	for _, call := range []string{"Validate", "OpenIncident", "Notify", "Audit"} {
		require.Zero(t, f.count(call), call)
	}
}

func TestAFailedStageIsDecidedOnAndRetriggered(t *testing.T) {
	f := &fake{}
	var chain []int
	f.plan = func(r pipeline.PlanRequest) (pipeline.Plan, error) {
		chain = append(chain, r.Run.Chain)
		if r.Run.Chain > 0 {
			return pipeline.Plan{}, nil // the retriggered run is idle
		}
		return twoShards(), nil
	}
	f.process = func(pipeline.ShardRequest) (pipeline.ShardDone, error) {
		return pipeline.ShardDone{}, fault(pipeline.Misconfigured, "staging can't be written (setting: DATA_DIR)")
	}
	f.decided = func(r agent.Request) agent.Decision {
		require.NotNil(t, r.Report.Failure)
		require.Equal(t, pipeline.Failure{Stage: "process", Kind: pipeline.Misconfigured, Error: "staging can't be written (setting: DATA_DIR)"}, *r.Report.Failure)
		return met(decision(agent.Planned{Action: agent.Retrigger, Args: agent.Args{BackoffS: 30}}), agent.JobFailed)
	}
	r, err := runOnce(t, f)
	require.Error(t, err)
	require.Equal(t, pipeline.Failed, r.Outcome)
	require.Equal(t, []string{"job_failed"}, r.Conditions)
	require.Zero(t, f.count("Load"))
	require.Equal(t, []int{0, 1}, chain, "the next run knows that it is in a chain")
}

func TestTheThirdFailurePausesTheSchedule(t *testing.T) {
	f := &fake{
		plan: func(pipeline.PlanRequest) (pipeline.Plan, error) {
			return pipeline.Plan{}, fault(pipeline.Misconfigured, "no such topic")
		},
		decided: func(agent.Request) agent.Decision {
			return met(decision(agent.Planned{Action: agent.Escalate, Args: agent.Args{PauseSchedule: true}}), agent.RepeatedFailures)
		},
	}
	r, err := runOnce(t, f)
	require.Error(t, err)
	require.Equal(t, "plan", r.Failure.Stage)
	require.Equal(t, []bool{true}, f.paused)
	require.Equal(t, "inc1", r.Incident)
}

func TestWhatDoesNotReadBackIsTakenOutAgain(t *testing.T) {
	f := &fake{validated: pipeline.Validated{Rows: 999, Problems: []string{"row count: want 1000, got 999"}}}
	r, err := runOnce(t, f)
	require.ErrorContains(t, err, "row count")
	require.Equal(t, pipeline.Failed, r.Outcome)
	require.Equal(t, pipeline.Bug, r.Failure.Kind)
	require.Equal(t, "validate", r.Failure.Stage)
	require.Equal(t, 1, f.count("Rollback"))
	require.Zero(t, r.Records.Loaded)
}

func TestABackfillPlansItsOwnRanges(t *testing.T) {
	want := []pipeline.Range{{Partition: 1, Start: 3, End: 9}}
	f := &fake{}
	f.plan = func(r pipeline.PlanRequest) (pipeline.Plan, error) {
		require.True(t, r.Backfill)
		require.Equal(t, want, r.Ranges)
		require.Equal(t, "backfill", r.Run.Trigger)
		return twoShards(), nil
	}
	env := environment(t, f)
	env.ExecuteWorkflow(Backfill, pipeline.BackfillRequest{Pipeline: "customers", Ranges: want})
	r, err := result(t, env)
	require.NoError(t, err)
	require.Equal(t, pipeline.Succeeded, r.Outcome)
}

func TestTheStatusQueryShowsTheStep(t *testing.T) {
	f := &fake{}
	env := environment(t, f)
	f.process = func(r pipeline.ShardRequest) (pipeline.ShardDone, error) {
		v, err := env.QueryWorkflow("status")
		if err != nil {
			return pipeline.ShardDone{}, err
		}
		var s Status
		if err := v.Get(&s); err != nil {
			return pipeline.ShardDone{}, err
		}
		if s.Step != "process" || s.Report.BatchID == "" {
			return pipeline.ShardDone{}, fault(pipeline.Bug, "status says "+s.Step)
		}
		return pipeline.ShardDone{Shard: r.Shard.Index, Records: 500}, nil
	}
	env.ExecuteWorkflow(PipelineRun, customers)
	_, err := result(t, env)
	require.NoError(t, err)
}

func TestARunWithoutAPipelineSaysSo(t *testing.T) {
	env := environment(t, &fake{})
	env.ExecuteWorkflow(PipelineRun, pipeline.RunRequest{})
	require.ErrorContains(t, env.GetWorkflowError(), `pass {"pipeline":"<name>"}`)
}

func TestARetriggerWaitsForItsBackoff(t *testing.T) {
	f := &fake{plan: func(pipeline.PlanRequest) (pipeline.Plan, error) { return pipeline.Plan{}, nil }}
	env := environment(t, f)
	start := env.Now()
	env.ExecuteWorkflow(PipelineRun, pipeline.RunRequest{Pipeline: "customers", Chain: 1, DelayS: 90})
	require.NoError(t, env.GetWorkflowError())
	require.GreaterOrEqual(t, env.Now().Sub(start), 90*time.Second)
}
