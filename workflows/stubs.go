// Package workflows puts the steps of runs and escalations in order. It
// branches on recorded results only, and knows activities by name: what they
// do, and what they cost, is not its business.
package workflows

import (
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/autonomous-data-pipeline/adp/agent"
	"github.com/autonomous-data-pipeline/adp/alerting"
	"github.com/autonomous-data-pipeline/adp/pipeline"
)

// stub is an activity's name with the types of its argument and result.
type stub[In, Out any] string

// none is the result of an activity that has none.
type none struct{}

// call runs the activity and waits for its result. summary is shown beside it
// in the Web UI.
func (s stub[In, Out]) call(ctx workflow.Context, summary string, in In) (Out, error) {
	var out Out
	err := s.start(ctx, summary, in).Get(ctx, &out)
	return out, err
}

func (s stub[In, Out]) start(ctx workflow.Context, summary string, in In) workflow.Future {
	opt := workflow.GetActivityOptions(ctx)
	opt.Summary = summary
	return workflow.ExecuteActivity(workflow.WithActivityOptions(ctx, opt), string(s), in)
}

// Stubs lists every activity that the workflows call, by name; a test matches
// it with what the worker registers.
func Stubs() []string {
	return []string{
		string(planBatch), string(processShard), string(evaluate), string(decide), string(evolveSchema),
		string(load), string(validate), string(rollback), string(openIncident), string(updateIncident),
		string(propose), string(permit), string(shadow), string(turnSwitch), string(act),
		string(schedule), string(report), string(notify), string(audit), string(settle),
		string(alertPlan), string(deliver),
		string(cleanStaging), string(cleanReports), string(cleanHistory), string(expireQuarantine), string(maintainSink), string(cleanSink),
	}
}

const (
	planBatch      stub[pipeline.PlanRequest, pipeline.Plan]           = "Plan"
	processShard   stub[pipeline.ShardRequest, pipeline.ShardDone]     = "ProcessShard"
	evaluate       stub[pipeline.EvaluateRequest, pipeline.Evaluated]  = "Evaluate"
	decide         stub[agent.Request, agent.Decided]                  = "Decide"
	propose        stub[agent.Request, agent.Proposed]                 = "Propose"
	permit         stub[agent.PermitRequest, agent.Permitted]          = "Permit"
	shadow         stub[agent.ShadowRequest, none]                     = "Shadow"
	turnSwitch     stub[agent.Switch, none]                            = "TurnSwitch"
	act            stub[agent.ActRequest, agent.Acted]                 = "Act"
	evolveSchema   stub[pipeline.EvolveRequest, int]                   = "EvolveSchema"
	load           stub[pipeline.LoadRequest, pipeline.Loaded]         = "Load"
	validate       stub[pipeline.ValidateRequest, pipeline.Validated]  = "Validate"
	rollback       stub[pipeline.RollbackRequest, pipeline.Checkpoint] = "Rollback"
	openIncident   stub[agent.IncidentRequest, pipeline.Incident]      = "OpenIncident"
	updateIncident stub[pipeline.IncidentUpdate, agent.Head]           = "UpdateIncident"
	schedule       stub[pipeline.ScheduleRequest, none]                = "Schedule"
	report         stub[pipeline.ReportRequest, none]                  = "Report"
	alertPlan      stub[string, alerting.Plan]                         = "AlertPlan"
	deliver        stub[alerting.Message, none]                        = "Deliver"
	notify         stub[pipeline.Notice, none]                         = "Notify"
	audit          stub[agent.Executed, agent.Head]                    = "Audit"
	settle         stub[pipeline.SettleRequest, pipeline.Settled]      = "Settle"

	cleanStaging     stub[pipeline.MaintenanceRequest, pipeline.Cleaned] = "CleanStaging"
	cleanReports     stub[pipeline.MaintenanceRequest, pipeline.Cleaned] = "CleanReports"
	cleanHistory     stub[pipeline.MaintenanceRequest, pipeline.Cleaned] = "CleanHistory"
	expireQuarantine stub[pipeline.MaintenanceRequest, pipeline.Cleaned] = "ExpireQuarantine"
	maintainSink     stub[pipeline.MaintenanceRequest, pipeline.Cleaned] = "MaintainSink"
	cleanSink        stub[pipeline.MaintenanceRequest, pipeline.Cleaned] = "CleanSink"
)

// The search attributes that runs and escalations set. The worker makes sure
// that the namespace has them.
var (
	attrPipeline   = temporal.NewSearchAttributeKeyKeyword("Pipeline")
	attrOutcome    = temporal.NewSearchAttributeKeyKeyword("Outcome")
	attrConditions = temporal.NewSearchAttributeKeyKeywordList("Conditions")
	attrActions    = temporal.NewSearchAttributeKeyKeywordList("Actions")
	attrAwaiting   = temporal.NewSearchAttributeKeyBool("AwaitingApproval")
)
