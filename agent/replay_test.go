package agent_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/autonomous-data-pipeline/adp/agent"
	"github.com/autonomous-data-pipeline/adp/pipeline"
)

// moody proposes the default, bent in any way that a model might.
type moody struct{ r *rand.Rand }

func (moody) Name() string { return "moody" }

func (m moody) Propose(_ context.Context, f agent.Facts, b agent.Bounds) (agent.Proposal, error) {
	p := agent.Proposal{By: "an impostor", Summary: "é <&> \xff \u2028", Raw: json.RawMessage(`{ "a" : "<b>" }`), Use: &agent.ModelUse{Model: "m"}}
	p.Actions = append(p.Actions, b.Default...)
	switch m.r.IntN(12) {
	case 8:
		p.Raw = json.RawMessage(`{"a":"` + strings.Repeat("<", 6000) + `"}`) // longer once it is encoded
	case 9:
		p.Raw = json.RawMessage(strings.Repeat(`"é\`, 9000)) // cut within a character
	case 10:
		p.Raw = json.RawMessage(`"` + strings.Repeat(`\"`, 9000) + `"`) // a text that is too long
	case 11:
		p.Raw = json.RawMessage("\"\xff" + strings.Repeat("é", 9000) + "\"")
	case 0:
		p.Actions = append(p.Actions, agent.Planned{Action: "drop_table", Reason: "\xff\x00"})
	case 1:
		p.Actions = nil
	case 2:
		p.Actions = []agent.Planned{{Action: agent.Escalate, Args: agent.Args{Hold: true}}}
	case 3:
		long := strings.Repeat("x", 9000)
		p.Actions = append(p.Actions, agent.Planned{Action: agent.Notify, Reason: long, Args: agent.Args{Message: long}})
	case 4:
		p.Raw = json.RawMessage("no JSON \xff")
		return p, errors.New("the answer is no JSON:\n" + strings.Repeat("y", 9000) + "\xff")
	case 5:
		return agent.Proposal{}, errors.New("the model is down")
	}
	return p, nil
}

// Whatever was decided, by rules or after a model's answer, is decided again to
// the byte from the log alone.
func TestEveryRecordedDecisionReplaysToTheByte(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 3)) //nolint:gosec // a test's dice need no secrecy
	dir := t.TempDir()
	fellBack := 0
	for i := range 100 {
		var prop agent.Proposer = moody{r}
		if i%4 == 0 {
			prop = agent.Rules{}
		}
		f, p := anyFacts(r), anyPolicy(r)
		if i%7 == 0 {
			f.Report.Drift = append(f.Report.Drift, pipeline.Drift{Kind: pipeline.FieldAdded, Field: "no\xfftext", Count: 300})
		}
		d, err := agent.Decide(t.Context(), f, p, prop, time.Now(), "run-1")
		require.NoError(t, err)
		if d.Fallback != "" {
			fellBack++
		}
		got, err := recorded(t, filepath.Join(dir, fmt.Sprint(i)), d, f, p).Replay(t.Context())
		require.NoError(t, err)
		require.Empty(t, got.Differences)
		require.Equal(t, d.ID, got.Decision.ID)
	}
	require.NotZero(t, fellBack)
}

// recorded is a decision as it is read from a log.
func recorded(t *testing.T, path string, d agent.Decision, f agent.Facts, p agent.Policy) agent.Recorded {
	t.Helper()
	require.NoError(t, agent.OpenAudit(path).Decision(d, f, p))
	log, err := os.ReadFile(path)
	require.NoError(t, err)
	rec, err := agent.FindDecision(bytes.NewReader(log), d.ID)
	require.NoError(t, err)
	return rec
}

// A log whose chain was written anew still gives away a decision that doesn't
// follow from its evidence.
func TestAReplayNamesWhatDoesNotFollowFromTheEvidence(t *testing.T) {
	f, p := seen(1000, failing(50)), agent.DefaultPolicy()
	d := decide(t, f, p, agent.Rules{})
	tests := map[string]struct {
		change func(*agent.Decision, *agent.Facts, *agent.Policy)
		want   string
	}{
		"a hold that was taken out":  {func(d *agent.Decision, _ *agent.Facts, _ *agent.Policy) { d.Actions = []agent.Planned{} }, `actions: [] → [{"action":"escalate"`},
		"a summary that was changed": {func(d *agent.Decision, _ *agent.Facts, _ *agent.Policy) { d.Summary = "all is well" }, `summary: "all is well" →`},
		"facts that were changed":    {func(_ *agent.Decision, f *agent.Facts, _ *agent.Policy) { f.Report.Records.Clean = 7 }, "facts_digest: "},
		"a line that was moved":      {func(_ *agent.Decision, _ *agent.Facts, p *agent.Policy) { p.DQMajor = 0.9 }, `conditions[0].name: "dq_failures_major" → "dq_failures_minor"`},
		"a fallback that was hidden": {func(d *agent.Decision, _ *agent.Facts, _ *agent.Policy) { d.By = "ollama" }, `by: "ollama" → "rules"`},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			d, f, p := d, f, p
			tc.change(&d, &f, &p)
			got, err := recorded(t, filepath.Join(t.TempDir(), "log.jsonl"), d, f, p).Replay(t.Context())
			require.NoError(t, err)
			var lines []string
			for _, x := range got.Differences {
				lines = append(lines, x.String())
			}
			require.Contains(t, strings.Join(lines, "\n"), tc.want)
		})
	}
}

// A policy that was recorded by a version with other rules can't be replayed,
// and the error says so.
func TestAReplayNeedsAUsablePolicy(t *testing.T) {
	rec := agent.Recorded{Decision: agent.Decision{ID: "dec-1", RunID: "run-1"}}
	_, err := rec.Replay(t.Context())
	require.ErrorContains(t, err, "decide again on dec-1")
	require.ErrorContains(t, err, "policy.repeated_failures")
}
