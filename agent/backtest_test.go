package agent_test

import (
	"bytes"
	"context"
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

// logOf is a log of decisions on these facts, each in a run of its own but
// those that follow a remap.
func logOf(t *testing.T, p agent.Policy, prop agent.Proposer, facts ...agent.Facts) []byte {
	t.Helper()
	path := filepath.Join(t.TempDir(), "log.jsonl")
	run := 0
	for i, f := range facts {
		if len(f.Tried) == 0 {
			run++
		}
		id := fmt.Sprint("run-", run)
		for j := range f.Tried {
			f.Tried[j].RunID = id
		}
		d, err := agent.Decide(t.Context(), f, p, prop, time.Unix(int64(i)*3600, 0), id)
		require.NoError(t, err)
		require.NoError(t, agent.OpenAudit(path).Decision(d, f, p))
	}
	log, err := os.ReadFile(path)
	require.NoError(t, err)
	return log
}

func changesOf(t *testing.T, b agent.Backtest, log []byte) ([]agent.Change, agent.Tally) {
	t.Helper()
	var all []agent.Change
	tally, err := b.Run(t.Context(), bytes.NewReader(log), func(c agent.Change) error { all = append(all, c); return nil })
	require.NoError(t, err)
	return all, tally
}

func metNames(met []agent.Met) (names []agent.Condition) {
	for _, m := range met {
		names = append(names, m.Name)
	}
	return names
}

func planned(actions []agent.Planned) (names []agent.Action) {
	for _, a := range actions {
		names = append(names, a.Action)
	}
	return names
}

func TestABacktestShowsWhatWouldDifferAndWhy(t *testing.T) {
	segment := seen(1000, failing(60), in("country", "BR", 100, 60))
	tests := map[string]struct {
		facts        agent.Facts
		policy       func(*agent.Policy)
		lost, gained []agent.Condition
		gone, new    []agent.Action
		changed      []string
		threshold    string
		was, is      agent.Fate
	}{
		"a lower line escalates": {
			facts: seen(1000, late(100)), policy: func(p *agent.Policy) { p.LateMajor = 0.05 },
			lost: []agent.Condition{agent.LateArrivalsMinor}, gained: []agent.Condition{agent.LateArrivalsMajor},
			gone: []agent.Action{agent.Retrigger}, new: []agent.Action{agent.Escalate}, threshold: "late_major: 0.15 → 0.05",
			was: agent.Fate{Loaded: 1000}, is: agent.Fate{Loaded: 1000},
		},
		"a line that nothing crosses changes nothing": {
			facts: seen(1000, late(100)), policy: func(p *agent.Policy) { p.LateMajor = 0.11 },
			was: agent.Fate{Loaded: 1000}, is: agent.Fate{Loaded: 1000},
		},
		"a hold that goes": {
			facts: seen(1000, failing(60), malformed(10)), policy: func(p *agent.Policy) { p.DQMajor = 0.2 },
			lost: []agent.Condition{agent.DQFailuresMajor}, gained: []agent.Condition{agent.DQFailuresMinor},
			gone: []agent.Action{agent.Escalate}, new: []agent.Action{agent.Log}, threshold: "dq_major: 0.05 → 0.2",
			was: agent.Fate{Held: 1000}, is: agent.Fate{Loaded: 990, Quarantined: 10},
		},
		"a segment that isn't taken out any more": {
			facts: segment, policy: func(p *agent.Policy) { p.Localized.MaxValues = 0 },
			lost: []agent.Condition{agent.DQFailuresLocalized}, gained: []agent.Condition{agent.DQFailuresMajor},
			gone: []agent.Action{agent.Quarantine, agent.Notify}, new: []agent.Action{agent.Escalate}, threshold: "localized.max_values: 3 → 0",
			was: agent.Fate{Loaded: 940, Quarantined: 60}, is: agent.Fate{Held: 1000},
		},
		"a quarantine that needs a person": {
			facts: segment, policy: func(p *agent.Policy) { p.QuarantineMaxShare = 0.01 },
			new: []agent.Action{agent.Escalate}, threshold: "quarantine_max_share: 0.5 → 0.01",
			was: agent.Fate{Loaded: 940, Quarantined: 60}, is: agent.Fate{Held: 1000},
		},
		"another wait": {
			facts: seen(0, broke(pipeline.Transient, 1)), policy: func(p *agent.Policy) { p.Retrigger.Backoff = time.Minute },
			changed: []string{"retrigger.backoff_s: 30 → 60"}, threshold: "retrigger.backoff: 30s → 1m0s",
		},
		"a kill switch": {
			facts: seen(100, added("tier", 10)), policy: func(p *agent.Policy) { p.KillSwitch = true },
			gone: []agent.Action{agent.Remap}, new: []agent.Action{agent.Escalate}, threshold: "kill_switch: false → true",
			was: agent.Fate{Again: 100}, is: agent.Fate{Held: 100},
		},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			log := logOf(t, agent.DefaultPolicy(), agent.Rules{}, tc.facts)
			policy := agent.DefaultPolicy()
			tc.policy(&policy)
			changes, tally := changesOf(t, agent.Backtest{Policy: &policy}, log)
			require.Equal(t, 1, tally.Decided)
			require.Equal(t, tc.was, tally.Was)
			require.Equal(t, tc.is, tally.Is)
			require.Equal(t, tally.Differ, len(changes))
			if tc.threshold == "" {
				require.Empty(t, changes)
				return
			}
			require.Len(t, changes, 1)
			c := changes[0]
			require.Equal(t, tc.lost, metNames(c.ConditionsLost))
			require.Equal(t, tc.gained, metNames(c.ConditionsGained))
			require.Equal(t, tc.gone, planned(c.ActionsLost))
			require.Equal(t, tc.new, planned(c.ActionsGained))
			var changed []string
			for _, d := range c.ActionsChanged {
				changed = append(changed, d.String())
			}
			require.Equal(t, tc.changed, changed)
			require.Len(t, c.Thresholds, 1)
			require.Equal(t, tc.threshold, c.Thresholds[0].String())
			require.Equal(t, tc.was.Held > 0, c.HoldWas)
			require.Equal(t, tc.is.Held > 0, c.HoldIs)
		})
	}
}

// Under the same policy nothing differs, whoever proposed.
func TestTheSamePolicyChangesNothing(t *testing.T) {
	facts := []agent.Facts{seen(1000), seen(1000, late(10)), seen(1000, failing(80)), seen(100, added("a", 9))}
	p := agent.DefaultPolicy()
	for _, prop := range []agent.Proposer{agent.Rules{}, answers{agent.Proposal{Actions: []agent.Planned{{Action: agent.Escalate, Args: agent.Args{Hold: true}}}}}} {
		changes, tally := changesOf(t, agent.Backtest{Policy: &p}, logOf(t, p, prop, facts...))
		require.Empty(t, changes)
		require.Equal(t, tally.Was, tally.Is)
		changes, _ = changesOf(t, agent.Backtest{}, logOf(t, p, prop, facts...))
		require.Empty(t, changes, "without a policy the recorded one counts")
	}
}

// A second decision of a run that wouldn't remap any more isn't reached: its
// records were held by the first.
func TestADecisionAfterARemapThatIsGoneIsNotReached(t *testing.T) {
	log := logOf(t, agent.DefaultPolicy(), agent.Rules{}, seen(100, added("tier", 10)), seen(100, tried(agent.Remap)), seen(50))
	policy := agent.DefaultPolicy()
	policy.Autonomy = map[agent.Action]string{agent.Remap: agent.Approve}
	changes, tally := changesOf(t, agent.Backtest{Policy: &policy}, log)
	require.Len(t, changes, 1)
	require.Equal(t, agent.Tally{
		Decided: 2, Differ: 1, Unreached: 1, MoreHolds: 1,
		Was: agent.Fate{Again: 100, Loaded: 150}, Is: agent.Fate{Held: 100, Loaded: 50},
	}, tally)
}

// What a model proposed is judged by the new bounds, and falls back if it lies
// outside; another proposer is asked anew.
func TestABacktestJudgesProposalsAgain(t *testing.T) {
	remap := agent.Proposal{Actions: []agent.Planned{{Action: agent.Remap, Args: agent.Args{Fields: []string{"tier"}}}}}
	log := logOf(t, agent.DefaultPolicy(), answers{remap}, seen(100, added("tier", 10)))
	policy := agent.DefaultPolicy()
	policy.KillSwitch = true
	changes, tally := changesOf(t, agent.Backtest{Policy: &policy}, log)
	require.Len(t, changes, 1)
	require.Contains(t, changes[0].Fallback, "ollama: remap is not allowed here")
	require.Equal(t, 1, tally.Fallbacks)

	hold := answers{agent.Proposal{Actions: []agent.Planned{{Action: agent.Escalate, Args: agent.Args{Hold: true}}}}}
	changes, tally = changesOf(t, agent.Backtest{Proposer: hold}, log)
	require.Len(t, changes, 1)
	require.Equal(t, []agent.Action{agent.Remap}, planned(changes[0].ActionsLost))
	require.Empty(t, changes[0].Thresholds)
	require.Equal(t, 1, tally.MoreHolds)
	changes, _ = changesOf(t, agent.Backtest{Proposer: agent.Rules{}}, log)
	require.Empty(t, changes, "rules do the same, in other words")
}

func TestABacktestEndsWhereItCannotGoOn(t *testing.T) {
	p := agent.DefaultPolicy()
	log := logOf(t, p, agent.Rules{}, seen(1000), seen(1000, late(100)), seen(1000))
	p.LateMajor = 0.01
	nothing := func(agent.Change) error { return nil }

	tally, err := agent.Backtest{Policy: &p, Since: time.Unix(2*3600, 0)}.Run(t.Context(), bytes.NewReader(log), nothing)
	require.NoError(t, err)
	require.Equal(t, 1, tally.Decided, "only what is new enough")

	full := errors.New("the disk is full")
	_, err = agent.Backtest{Policy: &p}.Run(t.Context(), bytes.NewReader(log), func(agent.Change) error { return full })
	require.ErrorIs(t, err, full)

	stopped, stop := context.WithCancel(t.Context())
	stop()
	_, err = agent.Backtest{}.Run(stopped, bytes.NewReader(log), nothing)
	require.ErrorIs(t, err, context.Canceled)

	tally, err = agent.Backtest{Policy: &p}.Run(t.Context(), bytes.NewReader(log[:len(log)-10]), nothing)
	require.ErrorContains(t, err, "entry 3 is torn")
	require.Equal(t, 2, tally.Decided)

	p.LateMajor = 7
	_, err = agent.Backtest{Policy: &p}.Run(t.Context(), bytes.NewReader(log), nothing)
	require.ErrorContains(t, err, "policy.late_major")
}
