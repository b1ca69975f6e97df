package workflows

import (
	"strings"

	"github.com/autonomous-data-pipeline/adp/agent"
	"github.com/autonomous-data-pipeline/adp/alerting"
	"github.com/autonomous-data-pipeline/adp/pipeline"
)

// path is one way through a workflow, for the saved histories.
type path struct {
	workflow any
	input    any
	fake     *fake
	signals  []signal
	updates  []pipeline.Answer
}

type signal struct {
	name    string
	payload any
}

func replaceOnce(s, old, with string) string { return strings.Replace(s, old, with, 1) }

func decides(d agent.Decision) func(agent.Request) agent.Decision {
	return func(agent.Request) agent.Decision { return d }
}

func acts(done agent.Acted) func(agent.ActRequest) (agent.Acted, error) {
	return func(agent.ActRequest) (agent.Acted, error) { return done, nil }
}

// paths lists every way through the workflows, by the name of its history.
func paths() map[string]path {
	escalates := func(args agent.Args) agent.Planned { return agent.Planned{Action: agent.Escalate, Args: args} }
	idle := func(pipeline.PlanRequest) (pipeline.Plan, error) { return pipeline.Plan{}, nil }
	open := incident
	open.RemindS, open.TimeLimitS = 3600, 7200
	short := incident
	short.RemindS, short.TimeLimitS = 1, 3
	paused := open
	paused.Hold, paused.Paused, paused.BatchID = false, true, ""
	release := pipeline.Answer{Resolution: pipeline.Release, By: "ana"}

	return map[string]path{
		"maintenance":        {workflow: Maintenance, input: pipeline.MaintenanceRequest{Pipeline: "customers"}, fake: &fake{}},
		"maintenance-failed": {workflow: Maintenance, input: pipeline.MaintenanceRequest{Pipeline: "customers"}, fake: &fake{cleaned: failingReports}},
		"run-healthy":        {workflow: PipelineRun, input: customers, fake: &fake{}},
		"run-own-action":     {workflow: PipelineRun, input: customers, fake: &fake{decided: decides(tickets), act: acts(agent.Acted{Outcome: "ticket 1", Worked: true})}},
		"run-own-action-wrong": {workflow: PipelineRun, input: customers, fake: &fake{
			decided: decides(tickets), act: acts(agent.Acted{Refused: "its budget is spent"}), joined: true,
		}},
		"run-idle":    {workflow: PipelineRun, input: customers, fake: &fake{plan: idle}},
		"run-delayed": {workflow: PipelineRun, input: pipeline.RunRequest{Pipeline: "customers", Chain: 1, DelayS: 1}, fake: &fake{plan: idle}},
		"run-gap": {workflow: PipelineRun, input: customers, fake: &fake{
			plan: func(pipeline.PlanRequest) (pipeline.Plan, error) {
				return pipeline.Plan{Gaps: []pipeline.Range{{Start: 5, End: 9}}}, nil
			},
			decided: decides(met(decision(escalates(agent.Args{})), agent.SourceGap)),
		}},
		"run-remap": {workflow: PipelineRun, input: customers, fake: &fake{
			evaluated: func(r pipeline.EvaluateRequest) (pipeline.Evaluated, error) {
				e := pipeline.Evaluated{Records: pipeline.Records{Read: 1000, Clean: 1000}}
				if r.Staged.SchemaVersion == 1 {
					e.Drift = []pipeline.Drift{{Kind: pipeline.FieldAdded, Field: "tier", Observed: "string", Count: 20, Share: 0.02}}
				}
				return e, nil
			},
			decided: func(r agent.Request) agent.Decision {
				if len(r.Report.Drift) > 0 {
					return met(decision(agent.Planned{Action: agent.Remap, Args: agent.Args{Fields: []string{"tier"}}}), agent.SchemaDriftAdditive)
				}
				return decision()
			},
		}},
		"run-quarantine-escalate": {workflow: PipelineRun, input: customers, fake: &fake{
			decided: decides(met(decision(agent.Planned{Action: agent.Quarantine}, escalates(agent.Args{})), agent.SchemaDriftBreaking)),
		}},
		"run-held": {workflow: PipelineRun, input: customers, fake: &fake{
			decided: decides(met(decision(escalates(agent.Args{Hold: true})), agent.DQFailuresMajor)),
			loaded: func(pipeline.LoadRequest) (pipeline.Loaded, error) {
				return pipeline.Loaded{Records: pipeline.Records{Read: 1000, Held: 1000}}, nil
			},
		}},
		"run-joined": {workflow: PipelineRun, input: customers, fake: &fake{
			joined: true, decided: decides(met(decision(escalates(agent.Args{})), agent.LateArrivalsMajor)),
		}},
		"run-localized-notify": {workflow: PipelineRun, input: customers, fake: &fake{
			decided: decides(met(decision(
				agent.Planned{Action: agent.Quarantine, Args: agent.Args{Column: "country", Values: []string{"BR"}}},
				agent.Planned{Action: agent.Notify, Reason: "failures in one country"}), agent.DQFailuresLocalized)),
		}},
		"run-late-retrigger": {workflow: PipelineRun, input: customers, fake: &fake{
			plan: func(r pipeline.PlanRequest) (pipeline.Plan, error) {
				if r.Run.Chain > 0 {
					return pipeline.Plan{}, nil
				}
				return twoShards(), nil
			},
			decided: decides(met(decision(agent.Planned{Action: agent.Retrigger}), agent.LateArrivalsMinor)),
		}},
		"run-superseded": {workflow: PipelineRun, input: customers, fake: &fake{
			loaded: func(pipeline.LoadRequest) (pipeline.Loaded, error) {
				return pipeline.Loaded{}, fault(pipeline.Superseded, "the checkpoint has moved on")
			},
		}},
		"run-failed-retrigger": {workflow: PipelineRun, input: customers, fake: &fake{
			plan: func(r pipeline.PlanRequest) (pipeline.Plan, error) {
				if r.Run.Chain > 0 {
					return pipeline.Plan{}, nil
				}
				return twoShards(), nil
			},
			process: func(pipeline.ShardRequest) (pipeline.ShardDone, error) {
				return pipeline.ShardDone{}, fault(pipeline.Misconfigured, "staging can't be written")
			},
			decided: decides(met(decision(agent.Planned{Action: agent.Retrigger, Args: agent.Args{BackoffS: 1}}), agent.JobFailed)),
		}},
		"run-repeated-paused": {workflow: PipelineRun, input: customers, fake: &fake{
			plan: func(pipeline.PlanRequest) (pipeline.Plan, error) {
				return pipeline.Plan{}, fault(pipeline.Misconfigured, "no such topic")
			},
			decided: decides(met(decision(escalates(agent.Args{PauseSchedule: true})), agent.RepeatedFailures)),
		}},
		"run-rolled-back": {workflow: PipelineRun, input: customers, fake: &fake{
			validated: pipeline.Validated{Rows: 999, Problems: []string{"row count: want 1000, got 999"}},
			decided:   decides(decision()),
		}},
		"run-model": {workflow: PipelineRun, input: customers, fake: &fake{
			ask: &agent.Ask{Provider: "ollama", TimeoutS: 5}, shadow: &agent.Ask{Provider: "openai", TimeoutS: 5},
			proposed: func(agent.Request) (agent.Proposed, error) {
				return agent.Proposed{Facts: "digest", Proposal: agent.Proposal{By: "ollama"}}, nil
			},
			decided: decides(met(decision(agent.Planned{Action: agent.Quarantine}), agent.DQFailuresLocalized)),
		}},
		"run-model-down": {workflow: PipelineRun, input: customers, fake: &fake{
			ask: &agent.Ask{Provider: "ollama", TimeoutS: 5},
			proposed: func(agent.Request) (agent.Proposed, error) {
				return agent.Proposed{}, fault(pipeline.Misconfigured, "no such model")
			},
		}},
		"run-overtaken": {workflow: PipelineRun, input: customers, fake: &fake{
			refuses: func(agent.PermitRequest) string { return "the facts have changed" },
			decided: decides(quarantines),
		}},
		"run-kill-switch": {workflow: PipelineRun, input: pipeline.RunRequest{Pipeline: "customers", DelayS: 1}, fake: &fake{},
			signals: []signal{{KillSwitch, agent.Switch{On: true, By: "eve", Reason: "odd decisions"}}}},
		"backfill": {workflow: Backfill, input: pipeline.BackfillRequest{Pipeline: "customers"}, fake: &fake{}},
		"escalation-released": {workflow: Escalation, input: open, fake: &fake{},
			signals: []signal{{SignalAcknowledge, pipeline.Answer{By: "ben"}}, {SignalDecide, pipeline.Answer{Resolution: "nonsense", By: "ana"}}, {SignalDecide, release}}},
		"escalation-second-answer": {workflow: Escalation, input: open, fake: &fake{
			settled: func(r pipeline.SettleRequest) (pipeline.Settled, error) {
				if r.Answer.Resolution == pipeline.Replay {
					return pipeline.Settled{}, fault(pipeline.BadData, "the mapping doesn't fit")
				}
				return pipeline.Settled{Records: pipeline.Records{Read: 10, Loaded: 10}}, nil
			},
		}, updates: []pipeline.Answer{{Resolution: pipeline.Replay, By: "ana"}, release}},
		"escalation-expired": {workflow: Escalation, input: short, fake: &fake{}},
		"escalation-resumes": {workflow: Escalation, input: paused, fake: &fake{},
			signals: []signal{{SignalDecide, pipeline.Answer{Resolution: pipeline.Close, By: "ana"}}}},
		"alerts-told": {workflow: Alerts, input: AlertsState{Pipeline: "customers"}, fake: &fake{alerting: plan("email", "slack")},
			signals: []signal{{SignalAlert, alertOf(1, alerting.EventOpened)}, {SignalAlert, alertOf(1, alerting.EventAcknowledged)}, {SignalAlert, alertOf(1, alerting.EventResolved)}}},
		"alerts-dead-channel": {workflow: Alerts, input: AlertsState{Pipeline: "customers"}, fake: &fake{alerting: plan("email", "slack"), deliver: func(m alerting.Message) error {
			if m.Channel == "slack" {
				return fault(pipeline.Misconfigured, "no such channel")
			}
			return nil
		}}, signals: []signal{{SignalAlert, alerting.Alert{ID: "d1/notify", Group: "customers/one country", Event: alerting.EventNotice, Pipeline: "customers", Severity: "info"}}}},
		"replay-quarantine": {workflow: ReplayQuarantine, fake: &fake{},
			input: pipeline.SettleRequest{Pipeline: "customers", BatchID: "b1", Answer: pipeline.Answer{Resolution: pipeline.Replay, By: "ana"}}},
	}
}
