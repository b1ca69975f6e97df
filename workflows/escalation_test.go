package workflows

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/testsuite"

	"github.com/autonomous-data-pipeline/adp/pipeline"
)

var incident = pipeline.Incident{
	ID: "inc1", Pipeline: "customers", RunID: "r1", BatchID: "b1", Title: "customers: dq failures major (batch held)",
	Summary: "9% failed", Hold: true, RemindS: 3600, TimeLimitS: 4 * 3600,
}

func escalate(t *testing.T, f *fake, inc pipeline.Incident, during func(*testsuite.TestWorkflowEnvironment)) (pipeline.Resolution, error) {
	t.Helper()
	env := environment(t, f)
	during(env)
	env.ExecuteWorkflow(Escalation, inc)
	require.True(t, env.IsWorkflowCompleted())
	var r pipeline.Resolution
	if err := env.GetWorkflowError(); err != nil {
		return r, err
	}
	err := env.GetWorkflowResult(&r)
	return r, err
}

func TestASignalReleasesTheBatch(t *testing.T) {
	f := &fake{}
	r, err := escalate(t, f, incident, func(env *testsuite.TestWorkflowEnvironment) {
		env.RegisterDelayedCallback(func() {
			env.SignalWorkflow(SignalDecide, pipeline.Answer{Resolution: pipeline.Release, By: "ana", Comment: "checked"})
		}, time.Minute)
	})
	require.NoError(t, err)
	require.Equal(t, pipeline.Release, r.Resolution)
	require.Equal(t, int64(1000), r.Records.Loaded)
	require.Len(t, f.settles, 1)
	require.Equal(t, "inc1", f.settles[0].ID, "the incident's ID makes the settlement idempotent")
	require.Len(t, f.updates, 1)
	require.Equal(t, "ana", f.updates[0].By)
}

func TestAnAnswerThatCannotBeTakenIsRefusedWithTheReason(t *testing.T) {
	tests := map[string]struct {
		answer pipeline.Answer
		want   string
	}{
		"an unknown resolution":         {pipeline.Answer{Resolution: "yolo", By: "ana"}, `resolution "yolo" is unknown`},
		"nobody's answer":               {pipeline.Answer{Resolution: pipeline.Release, By: " "}, "by is empty"},
		"a mapping without a replay":    {pipeline.Answer{Resolution: pipeline.Release, By: "ana", Mapping: &pipeline.Mapping{}}, "a mapping goes with resolution replay"},
		"closing while a batch is held": {pipeline.Answer{Resolution: pipeline.Close, By: "ana"}, "holds a batch"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			f := &fake{}
			var refused error
			r, err := escalate(t, f, incident, func(env *testsuite.TestWorkflowEnvironment) {
				env.RegisterDelayedCallback(func() {
					env.UpdateWorkflow(UpdateDecide, "", &testsuite.TestUpdateCallback{
						OnAccept:   func() { t.Error("the answer was accepted") },
						OnReject:   func(err error) { refused = err },
						OnComplete: func(any, error) {},
					}, tc.answer)
				}, time.Minute)
			})
			require.NoError(t, err)
			require.ErrorContains(t, refused, tc.want)
			require.Equal(t, pipeline.Expired, r.Resolution, "a refused answer leaves the incident open")
			require.Empty(t, f.settles)
		})
	}
}

func TestASignalThatCannotBeTakenIsShownAndIgnored(t *testing.T) {
	f := &fake{}
	var problem string
	_, err := escalate(t, f, incident, func(env *testsuite.TestWorkflowEnvironment) {
		env.RegisterDelayedCallback(func() {
			env.SignalWorkflow(SignalDecide, pipeline.Answer{Resolution: "nonsense", By: "ana"})
		}, time.Minute)
		env.RegisterDelayedCallback(func() {
			v, err := env.QueryWorkflow("status")
			require.NoError(t, err)
			var s EscalationStatus
			require.NoError(t, v.Get(&s))
			problem = s.Problem
		}, 2*time.Minute)
	})
	require.NoError(t, err)
	require.Contains(t, problem, `resolution "nonsense" is unknown`)
}

func TestAnAnswerThatFailsLeavesTheIncidentOpenForTheNext(t *testing.T) {
	f := &fake{}
	f.settled = func(r pipeline.SettleRequest) (pipeline.Settled, error) {
		if r.Answer.Resolution == pipeline.Replay {
			return pipeline.Settled{}, fault(pipeline.BadData, "the mapping names no field of the schema")
		}
		return pipeline.Settled{Records: pipeline.Records{Read: 10, Loaded: 10}}, nil
	}
	var first error
	var second any
	r, err := escalate(t, f, incident, func(env *testsuite.TestWorkflowEnvironment) {
		env.RegisterDelayedCallback(func() {
			env.UpdateWorkflow(UpdateDecide, "u1", &testsuite.TestUpdateCallback{
				OnAccept: func() {}, OnReject: func(err error) { t.Errorf("refused: %v", err) },
				OnComplete: func(_ any, err error) { first = err },
			}, pipeline.Answer{Resolution: pipeline.Replay, By: "ana"})
		}, time.Minute)
		env.RegisterDelayedCallback(func() {
			env.UpdateWorkflow(UpdateDecide, "u2", &testsuite.TestUpdateCallback{
				OnAccept: func() {}, OnReject: func(err error) { t.Errorf("refused: %v", err) },
				OnComplete: func(v any, err error) { second = v; require.NoError(t, err) },
			}, pipeline.Answer{Resolution: pipeline.Release, By: "ana"})
		}, 2*time.Minute)
	})
	require.NoError(t, err)
	require.ErrorContains(t, first, "the mapping names no field")
	require.NotNil(t, second)
	require.Equal(t, pipeline.Release, r.Resolution)
}

func TestPeopleAreRemindedAndThenEverythingStays(t *testing.T) {
	f := &fake{}
	r, err := escalate(t, f, incident, func(*testsuite.TestWorkflowEnvironment) {})
	require.NoError(t, err)
	require.Equal(t, pipeline.Expired, r.Resolution)
	require.Empty(t, f.settles, "the safe default moves nothing")
	require.Equal(t, 5, len(f.notices), "opened, three reminders, resolved")
}

func TestAnAcknowledgementIsRecorded(t *testing.T) {
	f := &fake{}
	_, err := escalate(t, f, incident, func(env *testsuite.TestWorkflowEnvironment) {
		env.RegisterDelayedCallback(func() { env.SignalWorkflow(SignalAcknowledge, pipeline.Answer{By: "ben"}) }, time.Minute)
	})
	require.NoError(t, err)
	require.Equal(t, "ben", f.updates[0].By)
	require.Nil(t, f.updates[0].Resolution)
}

func TestResolvingAPausedPipelineResumesItsSchedule(t *testing.T) {
	f := &fake{}
	inc := incident
	inc.Hold, inc.Paused, inc.BatchID = false, true, ""
	_, err := escalate(t, f, inc, func(env *testsuite.TestWorkflowEnvironment) {
		env.RegisterDelayedCallback(func() {
			env.SignalWorkflow(SignalDecide, pipeline.Answer{Resolution: pipeline.Close, By: "ana"})
		}, time.Minute)
	})
	require.NoError(t, err)
	require.Equal(t, []bool{false}, f.paused)
	require.Empty(t, f.settles)
}

func TestAReplayOutsideAnIncidentSettles(t *testing.T) {
	f := &fake{}
	env := environment(t, f)
	env.ExecuteWorkflow(ReplayQuarantine, pipeline.SettleRequest{Pipeline: "customers", BatchID: "b1", Answer: pipeline.Answer{Resolution: pipeline.Replay, By: "ana"}})
	require.NoError(t, env.GetWorkflowError())
	require.Len(t, f.settles, 1)
	require.NotEmpty(t, f.settles[0].ID)
}
