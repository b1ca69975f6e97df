package workflows

import (
	"testing"
	"time"

	"github.com/stretchr/testify/mock"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/testsuite"

	"github.com/autonomous-data-pipeline/adp/agent"
	"github.com/autonomous-data-pipeline/adp/pipeline"
)

// heads records what a workflow notes as its memo, in order.
func heads(env *testsuite.TestWorkflowEnvironment) *[]agent.Head {
	var noted []agent.Head
	env.OnUpsertMemo(mock.Anything).Return(nil).Run(func(args mock.Arguments) {
		noted = append(noted, args.Get(0).(map[string]any)[MemoAuditHead].(agent.Head))
	}).Maybe()
	return &noted
}

func TestARunNotesTheHeadAfterEveryAppend(t *testing.T) {
	f := &fake{head: agent.Head{Seq: 40}}
	env := environment(t, f)
	noted := heads(env)
	env.ExecuteWorkflow(PipelineRun, customers)
	_, err := result(t, env)
	require.NoError(t, err)
	require.Equal(t, []agent.Head{{Pipeline: "customers", Seq: 41, Hash: "hash-of-41"}, {Pipeline: "customers", Seq: 42, Hash: "hash-of-42"}}, *noted,
		"the decision, and what came of it")
}

func TestAnAnswerIsAnchoredAndNamesItsDecision(t *testing.T) {
	f := &fake{}
	var noted *[]agent.Head
	inc := incident
	inc.Decision = "dec-1"
	_, err := escalate(t, f, inc, func(env *testsuite.TestWorkflowEnvironment) {
		noted = heads(env)
		env.RegisterDelayedCallback(func() { env.SignalWorkflow(SignalAcknowledge, pipeline.Answer{By: "ana"}) }, time.Minute)
		env.RegisterDelayedCallback(func() {
			env.SignalWorkflow(SignalDecide, pipeline.Answer{Resolution: pipeline.Release, By: "ana"})
		}, 2*time.Minute)
	})
	require.NoError(t, err)
	require.Len(t, *noted, 1, "an acknowledgement is no entry")
	require.Equal(t, int64(1), (*noted)[0].Seq)
	require.Equal(t, "dec-1", f.updates[len(f.updates)-1].Resolution.Decision)
}

// Histories from before the heads have results without one.
func TestWithoutAHeadNothingIsNoted(t *testing.T) {
	f := &fake{headless: true}
	env := environment(t, f)
	noted := heads(env)
	env.ExecuteWorkflow(PipelineRun, customers)
	_, err := result(t, env)
	require.NoError(t, err)
	require.Empty(t, *noted)
}
