package agent_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/autonomous-data-pipeline/adp/agent"
	"github.com/autonomous-data-pipeline/adp/pipeline"
)

// diary writes a decision log, an hour an entry.
type diary struct {
	t    *testing.T
	path string
	log  *agent.AuditLog
	hour int
}

func newDiary(t *testing.T) *diary {
	path := filepath.Join(t.TempDir(), "log.jsonl")
	return &diary{t: t, path: path, log: agent.OpenAudit(path)}
}

func (d *diary) now() time.Time {
	d.hour++
	return time.Unix(int64(d.hour)*3600, 0)
}

// decided records a decision as it is given: what the matrix makes of its facts
// isn't these tests' matter.
func (d *diary) decided(x agent.Decision, f agent.Facts) {
	d.t.Helper()
	x.At = d.now()
	require.NoError(d.t, d.log.Decision(x, f, agent.DefaultPolicy()))
}

// escalated records a decision by a model that advises this.
func (d *diary) escalated(id, advice string) {
	d.t.Helper()
	d.decided(agent.Decision{ID: id, By: "ollama", Proposal: agent.Proposal{By: "ollama"}, Conditions: []agent.Met{{Name: agent.DQFailuresMajor}},
		Actions: []agent.Planned{{Action: agent.Escalate, Args: agent.Args{Hold: true, Advice: advice}}}}, seen(100))
}

func (d *diary) answered(id, answer string) {
	d.t.Helper()
	require.NoError(d.t, d.log.Answer(pipeline.Resolution{Incident: "inc-of-" + id, Decision: id, Resolution: answer}, d.now()))
}

func (d *diary) shadowed(s agent.Shadow) {
	d.t.Helper()
	require.NoError(d.t, d.log.Shadow(s, d.now()))
}

func (d *diary) bytes() []byte {
	d.t.Helper()
	b, err := os.ReadFile(d.path)
	require.NoError(d.t, err)
	return b
}

func (d *diary) stats(since int) agent.Stats {
	d.t.Helper()
	s, err := agent.StatsOf(bytes.NewReader(d.bytes()), time.Unix(int64(since)*3600, 0))
	require.NoError(d.t, err)
	return s
}

func TestStatsCountWhatWasDoneAboutEachCondition(t *testing.T) {
	d := newDiary(t)
	for i, f := range []agent.Facts{
		seen(100), seen(100), seen(1000, late(10)), seen(1000, failing(80)), seen(100, added("tier", 10)), seen(0, broke(pipeline.Transient, 1)),
	} {
		x, err := agent.Decide(t.Context(), f, agent.DefaultPolicy(), agent.Rules{}, d.now(), fmt.Sprint("run-", i))
		require.NoError(t, err)
		d.decided(x, f)
	}
	s := d.stats(0)
	require.Equal(t, 6, s.Decisions)
	require.Equal(t, map[agent.Condition]map[string]int{
		agent.Healthy:             {"load": 2},
		agent.LateArrivalsMinor:   {"load": 1, "retrigger": 1},
		agent.DQFailuresMajor:     {"hold": 1, "escalate": 1},
		agent.SchemaDriftAdditive: {"remap": 1},
		agent.JobFailed:           {"retrigger": 1},
	}, s.Conditions)
	require.Equal(t, map[string]*agent.ProposerStats{"rules": {Asked: 6, Decided: 6, Reasons: map[string]int{}}}, s.Proposers)
	require.Empty(t, s.Models)
}

func TestStatsCountFallbacksAndModelUse(t *testing.T) {
	d := newDiary(t)
	for i := range 100 {
		x := agent.Decision{ID: fmt.Sprint("dec-", i), By: "ollama",
			Proposal: agent.Proposal{By: "ollama", Use: &agent.ModelUse{Model: "small", PromptTokens: 200, AnswerTokens: 10, LatencyMs: int64(i + 1)}}}
		if i%4 == 0 {
			x.By, x.Fallback = "rules", fmt.Sprintf("ollama: reason %d", i%100)
		}
		d.decided(x, seen(10))
	}
	s := d.stats(0)
	p := s.Proposers["ollama"]
	require.Equal(t, []int{100, 75, 25}, []int{p.Asked, p.Decided, p.Fallbacks})
	require.Len(t, p.Reasons, 21, "the first 20 that differ, and the others")
	require.Equal(t, 5, p.Reasons["others"])
	m := s.Models["ollama/small"]
	require.Equal(t, []int64{100, 20_000, 1_000, 50, 95, 100}, []int64{int64(m.Calls), m.PromptTokens, m.AnswerTokens, m.MedianMs, m.P95Ms, m.MaxMs})
}

func TestStatsHoldAdviceAgainstWhatPeopleAnswered(t *testing.T) {
	d := newDiary(t)
	d.escalated("a", pipeline.Release)
	d.shadowed(agent.Shadow{Decision: "a", Proposal: agent.Proposal{By: "openai", Actions: []agent.Planned{{Action: agent.Escalate, Args: agent.Args{Advice: pipeline.Discard}}}}, Agrees: true})
	d.escalated("b", pipeline.Release)
	d.shadowed(agent.Shadow{Decision: "b", Proposal: agent.Proposal{By: "openai", Actions: []agent.Planned{{Action: agent.Escalate, Args: agent.Args{Advice: pipeline.Discard}}}}})
	d.answered("a", pipeline.Release)
	d.answered("b", pipeline.Discard)
	d.escalated("c", "")
	d.answered("c", pipeline.Replay)
	d.escalated("d", pipeline.Release)
	d.shadowed(agent.Shadow{Decision: "d", Proposal: agent.Proposal{By: "openai"}, Refused: "escalate is mandatory"})
	d.answered("d", pipeline.Expired)
	d.escalated("e", pipeline.Release) // still open
	d.answered("z", pipeline.Release)  // decided before this log
	s := d.stats(0)
	require.Equal(t, agent.Agreement{Escalations: 5, Answered: 3, Expired: 1, Advised: 2, Agreed: 1, Pairs: map[string]int{
		"advised release, answered release": 1, "advised release, answered discard": 1,
	}}, s.Advice)
	require.Equal(t, map[string]*agent.ShadowStats{"openai": {
		Asked: 3, Agrees: 1, Refused: 1, Reasons: map[string]int{"escalate is mandatory": 1},
		Advice: agent.Agreement{Escalations: 2, Answered: 2, Advised: 2, Agreed: 1, Pairs: map[string]int{
			"advised discard, answered release": 1, "advised discard, answered discard": 1,
		}},
	}}, s.Shadows)

	require.Equal(t, 1, d.stats(5).Advice.Answered, "answers to what was decided before that time don't count")
}

func TestStatsJudgeRemediesByTheirChecks(t *testing.T) {
	d := newDiary(t)
	for _, x := range []agent.Executed{
		{Decision: "1", Done: []agent.Attempt{{Action: agent.Remap, Outcome: "schema version 2"}, {Action: agent.Quarantine, Outcome: "remediated"}},
			Checks: []agent.Check{{Action: agent.Remap, Worked: true}, {Action: agent.Quarantine, Worked: true}}},
		{Decision: "2", Done: []agent.Attempt{{Action: agent.Quarantine, Outcome: "remediated"}, {Action: agent.Retrigger, Outcome: "remediated"}},
			Checks: []agent.Check{{Action: agent.Quarantine}}},
		{Decision: "3", Done: []agent.Attempt{{Action: agent.Log, Outcome: "succeeded"}},
			Checks: []agent.Check{{Action: agent.Retrigger, RunID: "of-2", Worked: true}}}, // the run that was retriggered
	} {
		require.NoError(t, d.log.Executed(x, d.now()))
	}
	require.Equal(t, map[agent.Action]*agent.Remedy{
		agent.Remap:      {Done: 1, Checked: 1, Worked: 1, Outcomes: map[string]int{"schema version 2": 1}},
		agent.Quarantine: {Done: 2, Checked: 2, Worked: 1, Outcomes: map[string]int{"remediated": 2}},
		agent.Retrigger:  {Done: 1, Checked: 1, Worked: 1, Outcomes: map[string]int{"remediated": 1}},
		agent.Log:        {Done: 1, Outcomes: map[string]int{"succeeded": 1}},
	}, d.stats(0).Remedies)
}

func TestStatsOfABrokenLogAreAPartAndSaySo(t *testing.T) {
	d := newDiary(t)
	d.escalated("a", "")
	d.escalated("b", "")
	log := d.bytes()
	s, err := agent.StatsOf(bytes.NewReader(log[:len(log)-5]), time.Time{})
	require.ErrorContains(t, err, "entry 2 is torn")
	require.Equal(t, 1, s.Decisions)
	_, err = agent.StatsOf(unreadable{}, time.Time{})
	require.ErrorContains(t, err, "the disk is gone")
}

type unreadable struct{}

func (unreadable) Read([]byte) (int, error) { return 0, errors.New("the disk is gone") }
