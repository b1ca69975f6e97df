package workflows

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/autonomous-data-pipeline/adp/agent"
	"github.com/autonomous-data-pipeline/adp/pipeline"
)

var quarantines = met(decision(agent.Planned{Action: agent.Quarantine}), agent.DQFailuresLocalized)

func TestAModelIsAskedBeforeTheDecision(t *testing.T) {
	f := &fake{ask: &agent.Ask{Provider: "ollama", TimeoutS: 5}, proposed: func(r agent.Request) (agent.Proposed, error) {
		require.Nil(t, r.Proposed)
		return agent.Proposed{Facts: "digest", Proposal: agent.Proposal{By: "ollama"}}, nil
	}}
	_, err := runOnce(t, f)
	require.NoError(t, err)
	require.Equal(t, []string{"Plan", "ProcessShard", "ProcessShard", "Evaluate", "Decide", "Propose", "Decide", "Load", "Validate", "Report", "Audit"}, f.calls)
	require.Equal(t, "digest", f.requests[1].Proposed.Facts)
}

func TestAModelThatIsDownCostsNoDecision(t *testing.T) {
	f := &fake{ask: &agent.Ask{Provider: "ollama", TimeoutS: 5}, proposed: func(agent.Request) (agent.Proposed, error) {
		return agent.Proposed{}, fault(pipeline.Misconfigured, "no such model")
	}}
	r, err := runOnce(t, f)
	require.NoError(t, err)
	require.Equal(t, pipeline.Succeeded, r.Outcome)
	require.Equal(t, "no such model", f.requests[1].Proposed.Error)
	require.Equal(t, "ollama", f.requests[1].Proposed.Proposal.By)
}

func TestADecisionThatWasOvertakenIsMadeAnew(t *testing.T) {
	asked := 0
	f := &fake{
		refuses: func(agent.PermitRequest) string { return "policy.kill_switch is on" },
		decided: func(agent.Request) agent.Decision {
			if asked++; asked == 1 {
				return quarantines
			}
			return met(decision(agent.Planned{Action: agent.Escalate, Args: agent.Args{Hold: true}}), agent.DQFailuresLocalized)
		},
		loaded: func(r pipeline.LoadRequest) (pipeline.Loaded, error) {
			require.True(t, r.Choice.Hold)
			return pipeline.Loaded{Records: pipeline.Records{Read: 1000, Held: 1000}}, nil
		},
	}
	r, err := runOnce(t, f)
	require.NoError(t, err)
	require.Equal(t, pipeline.Held, r.Outcome)
	require.Equal(t, 1, f.count("Permit"), "asking a person needs no leave")
	require.Equal(t, []string{"escalate"}, r.Actions, "what wasn't carried out isn't reported")
}

func TestADecisionThatIsAlwaysOvertakenLoadsNothing(t *testing.T) {
	f := &fake{refuses: func(agent.PermitRequest) string { return "the facts have changed" }, decided: decides(quarantines)}
	r, err := runOnce(t, f)
	require.ErrorContains(t, err, "overtaken")
	require.Equal(t, pipeline.Failed, r.Outcome)
	require.Zero(t, f.count("Load"))
}

func TestARetriggerIsNotCarriedOutOnceTheAgentIsStopped(t *testing.T) {
	f := &fake{
		process: func(pipeline.ShardRequest) (pipeline.ShardDone, error) {
			return pipeline.ShardDone{}, fault(pipeline.Misconfigured, "staging can't be written")
		},
		decided: decides(met(decision(agent.Planned{Action: agent.Retrigger}), agent.JobFailed)),
		refuses: func(agent.PermitRequest) string { return "policy.kill_switch is on" },
	}
	_, err := runOnce(t, f)
	require.Error(t, err)
	require.Equal(t, 1, f.count("Plan"), "no run follows")
	require.Equal(t, "not carried out: policy.kill_switch is on", f.executed[0].Done[0].Outcome)
}

func TestTheKillSwitchIsASignal(t *testing.T) {
	f := &fake{}
	env := environment(t, f)
	env.RegisterDelayedCallback(func() { env.SignalWorkflow(KillSwitch, agent.Switch{On: true, By: "eve", Reason: "odd"}) }, time.Second)
	env.ExecuteWorkflow(PipelineRun, pipeline.RunRequest{Pipeline: "customers", DelayS: 5})
	_, err := result(t, env)
	require.NoError(t, err)
	require.Equal(t, []agent.Switch{{Pipeline: "customers", On: true, By: "eve", Reason: "odd"}}, f.switches)
	require.True(t, f.requests[0].KillSwitch)
}

func TestAShadowNeitherDelaysNorFailsARun(t *testing.T) {
	f := &fake{shadow: &agent.Ask{Provider: "openai", TimeoutS: 5}}
	r, err := runOnce(t, f)
	require.NoError(t, err)
	require.Equal(t, pipeline.Succeeded, r.Outcome)
	require.Equal(t, 1, f.count("Shadow"))
}

func TestTheAuditLogHearsWhetherItHelped(t *testing.T) {
	d := quarantines
	d.StaysOut = &pipeline.Between{Min: 1, Max: 5}
	f := &fake{decided: decides(d)}
	_, err := runOnce(t, f)
	require.NoError(t, err)
	require.Len(t, f.executed[0].Checks, 1)
	require.Equal(t, agent.Quarantine, f.executed[0].Checks[0].Action)
	require.True(t, f.executed[0].Checks[0].Worked)
}
