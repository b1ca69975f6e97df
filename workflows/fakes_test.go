package workflows

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"

	"github.com/autonomous-data-pipeline/adp/agent"
	"github.com/autonomous-data-pipeline/adp/alerting"
	"github.com/autonomous-data-pipeline/adp/pipeline"
)

// fake stands for every activity. A test overrides what it is about.
type fake struct {
	mu      sync.Mutex
	calls   []string
	notices []pipeline.Notice
	reports []pipeline.RunReport
	updates []pipeline.IncidentUpdate
	paused  []bool
	settles []pipeline.SettleRequest

	plan      func(pipeline.PlanRequest) (pipeline.Plan, error)
	process   func(pipeline.ShardRequest) (pipeline.ShardDone, error)
	evaluated func(pipeline.EvaluateRequest) (pipeline.Evaluated, error)
	decided   func(agent.Request) agent.Decision
	loaded    func(pipeline.LoadRequest) (pipeline.Loaded, error)
	validated pipeline.Validated
	settled   func(pipeline.SettleRequest) (pipeline.Settled, error)
	cleaned   func(step string) (pipeline.Cleaned, error)
	joined    bool
	ask       *agent.Ask // a model that wants to be asked, until it was
	shadow    *agent.Ask
	proposed  func(agent.Request) (agent.Proposed, error)
	refuses   func(agent.PermitRequest) string
	act       func(agent.ActRequest) (agent.Acted, error)
	switches  []agent.Switch
	requests  []agent.Request
	executed  []agent.Executed
	opening   func() error // why no incident can be opened; nil opens it
	head      agent.Head   // of the decision log, before the next append
	headless  bool         // activities of a version that gave no heads
	alerting  alerting.Plan
	deliver   func(alerting.Message) error
	delivered []alerting.Message
}

// append stands for an append to the decision log.
func (f *fake) append() agent.Head {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.headless {
		return agent.Head{}
	}
	f.head.Pipeline, f.head.Seq = "customers", f.head.Seq+1
	f.head.Hash = fmt.Sprintf("hash-of-%d", f.head.Seq)
	return f.head
}

func (f *fake) saw(call string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls = append(f.calls, call)
}

func (f *fake) count(call string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := 0
	for _, c := range f.calls {
		if c == call {
			n++
		}
	}
	return n
}

func twoShards() pipeline.Plan {
	b := pipeline.NewBatch("customers", "customers", []pipeline.Range{{Partition: 0, Start: 0, End: 500}, {Partition: 1, Start: 0, End: 500}})
	return pipeline.Plan{
		Batch: b, Shards: b.Shards(1000), SchemaVersion: 1,
		Limits: pipeline.Limits{Parallelism: 1, Attempts: 2, BackoffMs: 10, ShardTimeoutS: 60, HeartbeatS: 5, MaxSchemaChange: 1},
	}
}

func decision(planned ...agent.Planned) agent.Decision {
	return agent.Decision{ID: "d1", Summary: "what and why", Severity: "info", Actions: planned, Conditions: []agent.Met{{Name: agent.Healthy}}}
}

func met(d agent.Decision, names ...agent.Condition) agent.Decision {
	d.Conditions = nil
	for _, n := range names {
		d.Conditions = append(d.Conditions, agent.Met{Name: n})
	}
	return d
}

func fault(k pipeline.Kind, msg string) error {
	return temporal.NewNonRetryableApplicationError(msg, string(k), nil)
}

// environment registers the workflows, and the fake under the stubs' names.
func environment(t *testing.T, f *fake) *testsuite.TestWorkflowEnvironment {
	t.Helper()
	var suite testsuite.WorkflowTestSuite
	env := suite.NewTestWorkflowEnvironment()
	env.RegisterWorkflow(PipelineRun)
	env.RegisterWorkflow(Backfill)
	env.RegisterWorkflow(Escalation)
	env.RegisterWorkflow(Alerts)
	env.RegisterWorkflow(ReplayQuarantine)
	env.RegisterWorkflow(Maintenance)
	for name, fn := range f.activities() {
		env.RegisterActivityWithOptions(fn, activity.RegisterOptions{Name: name})
	}
	require.Len(t, f.activities(), len(Stubs()), "every stub needs a fake")
	return env
}

func (f *fake) activities() map[string]any {
	all := f.ofRuns()
	for _, s := range []stub[pipeline.MaintenanceRequest, pipeline.Cleaned]{cleanStaging, cleanReports, cleanHistory, expireQuarantine, maintainSink, cleanSink} {
		all[string(s)] = func(context.Context, pipeline.MaintenanceRequest) (pipeline.Cleaned, error) {
			f.saw(string(s))
			if f.cleaned != nil {
				return f.cleaned(string(s))
			}
			return pipeline.Cleaned{Step: string(s), Removed: 3, Unit: "folders", Bytes: 4096}, nil
		}
	}
	return all
}

func (f *fake) ofRuns() map[string]any {
	return map[string]any{
		string(planBatch): func(_ context.Context, r pipeline.PlanRequest) (pipeline.Plan, error) {
			f.saw("Plan")
			if f.plan != nil {
				return f.plan(r)
			}
			return twoShards(), nil
		},
		string(processShard): func(_ context.Context, r pipeline.ShardRequest) (pipeline.ShardDone, error) {
			f.saw("ProcessShard")
			if f.process != nil {
				return f.process(r)
			}
			return pipeline.ShardDone{Shard: r.Shard.Index, Records: 500, Bytes: 5000}, nil
		},
		string(evaluate): func(_ context.Context, r pipeline.EvaluateRequest) (pipeline.Evaluated, error) {
			f.saw("Evaluate")
			if f.evaluated != nil {
				return f.evaluated(r)
			}
			return pipeline.Evaluated{Records: pipeline.Records{Read: 1000, Clean: 1000}}, nil
		},
		string(decide): func(_ context.Context, r agent.Request) (agent.Decided, error) {
			f.saw("Decide")
			f.mu.Lock()
			f.requests = append(f.requests, r)
			f.mu.Unlock()
			if f.ask != nil && r.Proposed == nil {
				return agent.Decided{Ask: f.ask}, nil
			}
			d := decision()
			if f.decided != nil {
				d = f.decided(r)
			}
			return agent.Decided{Decision: d, Shadow: f.shadow, Head: f.append()}, nil
		},
		string(propose): func(_ context.Context, r agent.Request) (agent.Proposed, error) {
			f.saw("Propose")
			return f.proposed(r)
		},
		string(permit): func(_ context.Context, r agent.PermitRequest) (agent.Permitted, error) {
			f.saw("Permit")
			if f.refuses != nil {
				return agent.Permitted{Refused: f.refuses(r)}, nil
			}
			return agent.Permitted{}, nil
		},
		string(shadow): func(context.Context, agent.ShadowRequest) error {
			f.saw("Shadow")
			return fault(pipeline.Misconfigured, "no such model")
		},
		string(act): func(_ context.Context, r agent.ActRequest) (agent.Acted, error) {
			f.saw("Act")
			return f.act(r)
		},
		string(turnSwitch): func(_ context.Context, s agent.Switch) error {
			f.saw("TurnSwitch")
			f.mu.Lock()
			defer f.mu.Unlock()
			f.switches = append(f.switches, s)
			return nil
		},
		string(evolveSchema): func(_ context.Context, r pipeline.EvolveRequest) (int, error) {
			f.saw("EvolveSchema")
			return r.Base + 1, nil
		},
		string(load): func(_ context.Context, r pipeline.LoadRequest) (pipeline.Loaded, error) {
			f.saw("Load")
			if f.loaded != nil {
				return f.loaded(r)
			}
			return pipeline.Loaded{Records: pipeline.Records{Read: 1000, Clean: 1000, Loaded: 1000}, Checkpoint: r.Plan.Base.After(r.Plan.Batch)}, nil
		},
		string(validate): func(context.Context, pipeline.ValidateRequest) (pipeline.Validated, error) {
			f.saw("Validate")
			return f.validated, nil
		},
		string(rollback): func(context.Context, pipeline.RollbackRequest) (pipeline.Checkpoint, error) {
			f.saw("Rollback")
			return pipeline.Checkpoint{}, nil
		},
		string(openIncident): func(_ context.Context, r agent.IncidentRequest) (pipeline.Incident, error) {
			f.saw("OpenIncident")
			if f.opening != nil {
				if err := f.opening(); err != nil {
					return pipeline.Incident{}, err
				}
			}
			e, _ := r.Decision.Find(agent.Escalate)
			return pipeline.Incident{ID: "inc1", Pipeline: r.Run.Pipeline, BatchID: r.Report.BatchID, Hold: e.Args.Hold,
				Paused: e.Args.PauseSchedule, Joined: f.joined, RemindS: 3600, TimeLimitS: 86400}, nil
		},
		string(updateIncident): func(_ context.Context, u pipeline.IncidentUpdate) (agent.Head, error) {
			f.saw("UpdateIncident")
			f.mu.Lock()
			f.updates = append(f.updates, u)
			f.mu.Unlock()
			if u.Resolution == nil {
				return agent.Head{}, nil
			}
			return f.append(), nil
		},
		string(schedule): func(_ context.Context, r pipeline.ScheduleRequest) error {
			f.saw("Schedule")
			f.mu.Lock()
			defer f.mu.Unlock()
			f.paused = append(f.paused, r.Pause)
			return nil
		},
		string(report): func(_ context.Context, r pipeline.ReportRequest) error {
			f.saw("Report")
			f.mu.Lock()
			defer f.mu.Unlock()
			f.reports = append(f.reports, r.Report)
			return nil
		},
		string(notify): func(_ context.Context, n pipeline.Notice) error {
			f.saw("Notify")
			f.mu.Lock()
			defer f.mu.Unlock()
			f.notices = append(f.notices, n)
			return nil
		},
		string(alertPlan): func(context.Context, string) (alerting.Plan, error) { return f.alerting, nil },
		string(deliver): func(_ context.Context, m alerting.Message) error {
			if f.deliver != nil {
				if err := f.deliver(m); err != nil {
					return err
				}
			}
			f.mu.Lock()
			defer f.mu.Unlock()
			f.delivered = append(f.delivered, m)
			return nil
		},
		string(audit): func(_ context.Context, e agent.Executed) (agent.Head, error) {
			f.saw("Audit")
			f.mu.Lock()
			f.executed = append(f.executed, e)
			f.mu.Unlock()
			return f.append(), nil
		},
		string(settle): func(_ context.Context, r pipeline.SettleRequest) (pipeline.Settled, error) {
			f.saw("Settle")
			f.mu.Lock()
			f.settles = append(f.settles, r)
			f.mu.Unlock()
			if f.settled != nil {
				return f.settled(r)
			}
			return pipeline.Settled{Records: pipeline.Records{Read: 1000, Loaded: 1000}, Moved: 1000}, nil
		},
	}
}
