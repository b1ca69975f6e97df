package workflows

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/autonomous-data-pipeline/adp/agent"
	"github.com/autonomous-data-pipeline/adp/pipeline"
)

var tickets = met(decision(agent.Planned{Action: "open_ticket", Reason: "behind"}), "behind")

func TestAnOwnActionIsCarriedOutAfterTheLoad(t *testing.T) {
	f := &fake{decided: decides(tickets), act: func(r agent.ActRequest) (agent.Acted, error) {
		require.Equal(t, "d1", r.Decision)
		require.Equal(t, agent.Action("open_ticket"), r.Planned.Action)
		return agent.Acted{Outcome: "ticket 1", Worked: true, Shows: "it is there"}, nil
	}}
	r, err := runOnce(t, f)
	require.NoError(t, err)
	require.Equal(t, pipeline.Succeeded, r.Outcome)
	require.Equal(t, []string{"Plan", "ProcessShard", "ProcessShard", "Evaluate", "Decide", "Permit", "Load", "Validate", "Act", "Report", "Audit"}, f.calls)
	require.Equal(t, []agent.Attempt{{Action: "open_ticket", RunID: r.RunID, Outcome: "ticket 1"}}, f.executed[0].Done)
	require.Equal(t, []agent.Check{{Action: "open_ticket", RunID: r.RunID, Worked: true, Shows: "it is there"}}, f.executed[0].Checks)
}

func TestAnOwnActionThatGoesWrongEscalatesAndFailsNothing(t *testing.T) {
	tests := map[string]struct {
		done   agent.Acted
		err    error
		says   string
		checks int // beside the escalation's
	}{
		"it failed":      {agent.Acted{}, fault(pipeline.Misconfigured, "no such folder"), "not carried out: no such folder", 0},
		"it was refused": {agent.Acted{Refused: "its budget is spent"}, nil, "not carried out: its budget is spent", 0},
		"it didn't work": {agent.Acted{Outcome: "asked", Shows: "no ticket"}, nil, "it didn't work: no ticket", 1},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			f := &fake{decided: decides(tickets), act: func(agent.ActRequest) (agent.Acted, error) { return tc.done, tc.err }}
			r, err := runOnce(t, f)
			require.NoError(t, err)
			require.Equal(t, pipeline.Succeeded, r.Outcome)
			require.Equal(t, []string{"open_ticket", "escalate"}, r.Actions)
			require.Equal(t, "inc1", r.Incident)
			require.Equal(t, 1, f.count("OpenIncident"))
			require.Contains(t, f.executed[0].Done[0].Outcome, tc.says)
			require.Len(t, f.executed[0].Checks, 1+tc.checks)
		})
	}
}

func TestAFailedRunCarriesOutItsOwnActionsToo(t *testing.T) {
	d := met(decision(agent.Planned{Action: "open_ticket"}), agent.JobFailed, "broke")
	f := &fake{
		decided: decides(d),
		act:     func(agent.ActRequest) (agent.Acted, error) { return agent.Acted{Worked: true}, nil },
		process: func(pipeline.ShardRequest) (pipeline.ShardDone, error) {
			return pipeline.ShardDone{}, fault(pipeline.Bug, "no")
		},
	}
	_, err := runOnce(t, f)
	require.Error(t, err)
	require.Equal(t, pipeline.Failed, f.reports[0].Outcome)
	require.Equal(t, 1, f.count("Act"))
	require.Zero(t, f.count("OpenIncident"))
}
