package main

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/autonomous-data-pipeline/adp/agent"
)

func TestABacktestTellsWhatWouldDifferAndWhy(t *testing.T) {
	h := newHistory(t)
	policy := filepath.Join(t.TempDir(), "new.yml")
	require.NoError(t, os.WriteFile(policy, []byte("late_major: 0.05\n"), 0o600))

	out, errOut, code := h.starter("backtest", "customers", "--policy", policy)
	require.Zero(t, code, errOut)
	for _, want := range []string{
		"policy, recorded → now: late_major: 0.15 → 0.05", "run run-2  " + h.ids[1], "- condition  late_arrivals_minor", "+ condition  late_arrivals_major",
		"- action     retrigger", "+ action     escalate", "~ severity   info → warning",
		"3 decisions made again, 1 differ; 0 batches more would be held, 0 fewer.", "held             1000",
	} {
		require.Contains(t, out, want)
	}
	require.NotContains(t, out, h.ids[2], "a person was asked anyway")

	var got struct {
		Changes []agent.Change
		Summary agent.Tally
	}
	out, errOut, code = h.starter("backtest", "--file", h.path, "--policy", policy, "--json")
	require.Zero(t, code, errOut)
	require.NoError(t, json.Unmarshal([]byte(out), &got), out)
	require.Len(t, got.Changes, 1)
	require.Equal(t, h.ids[1], got.Changes[0].ID)
	require.Equal(t, 3, got.Summary.Decided)

	out, errOut, code = h.starter("backtest", "customers", "--proposer", "rules", "--since", "30m", "--json")
	require.Zero(t, code, errOut)
	require.NoError(t, json.Unmarshal([]byte(out), &got), out)
	require.Equal(t, 1, got.Summary.Decided, "only what is new enough")
	require.Equal(t, 1, got.Summary.LessHolds, "the model asked for a person, rules wouldn't")
}

func TestABacktestThatCannotBeIsRefused(t *testing.T) {
	h := newHistory(t)
	wrong := filepath.Join(t.TempDir(), "wrong.yml")
	require.NoError(t, os.WriteFile(wrong, []byte("late_mayor: 0.05\n"), 0o600))
	for name, tc := range map[string]struct {
		args []string
		says string
	}{
		"nothing else than was":       {nil, "needs --policy"},
		"a proposer that there isn't": {[]string{"--proposer", "oracle"}, "is none of model, recorded, rules"},
		"a model that there isn't":    {[]string{"--proposer", "model"}, "LLM_PROVIDER"},
		"a policy that there isn't":   {[]string{"--policy", "nowhere.yml"}, "nowhere.yml"},
		"a policy with a slip":        {[]string{"--policy", wrong}, "late_mayor"},
	} {
		t.Run(name, func(t *testing.T) {
			_, errOut, code := h.starter(append([]string{"backtest", "customers"}, tc.args...)...)
			require.Equal(t, exitUsage, code, errOut)
			require.Contains(t, errOut, tc.says)
		})
	}
}

// A model that is down leaves every decision to rules, and the backtest says so.
func TestABacktestAsksThePipelinesModel(t *testing.T) {
	h := newHistory(t)
	asked := 0
	down := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked++
		w.WriteHeader(http.StatusInternalServerError)
	}))
	defer down.Close()
	out, errOut, code := starter(t, map[string]string{
		"DATA_DIR": h.dir, "LLM_PROVIDER": "openai", "OPENAI_API_KEY": "key", "OPENAI_MODEL": "small", "OPENAI_BASE_URL": down.URL,
	}, "backtest", "customers", "--proposer", "model", "--json")
	require.Zero(t, code, errOut)
	var got struct{ Summary agent.Tally }
	require.NoError(t, json.Unmarshal([]byte(out), &got), out)
	require.Equal(t, 2, asked, "nobody is asked about a healthy batch")
	require.Equal(t, 2, got.Summary.Fallbacks)
}

func TestStatsAreTableOrJSON(t *testing.T) {
	h := newHistory(t)
	out, errOut, code := h.starter("agent", "stats", "customers")
	require.Zero(t, code, errOut)
	for _, want := range []string{"3 decisions", "late_arrivals_minor", "ollama/small", "900 ms", "openai", "1 (100%)"} {
		require.Contains(t, out, want)
	}
	var s agent.Stats
	out, errOut, code = h.starter("agent", "stats", "customers", "--json", "--since", "2h")
	require.Zero(t, code, errOut)
	require.NoError(t, json.Unmarshal([]byte(out), &s))
	require.Equal(t, 2, s.Decisions)
	require.Equal(t, 1, s.Advice.Answered)
	require.Equal(t, 40, int(s.Models["ollama/small"].AnswerTokens))

	whole, err := os.ReadFile(h.path)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(h.path, []byte(strings.Replace(string(whole), "run-2", "run-3", 1)), 0o600))
	out, errOut, code = h.starter("agent", "stats", "customers")
	require.Equal(t, exitFailed, code)
	require.Contains(t, out, "1 decisions")
	require.Contains(t, errOut, "the figures are only a part")
}
