package realllm_test

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/autonomous-data-pipeline/adp/agent"
	"github.com/autonomous-data-pipeline/adp/agent/agenttest"
)

const recordAgain = "go test -count=1 -tags integration -run Record ./internal/realllm -record"

var transcript = filepath.Join("testdata", "smollm2-135m.jsonl")

// proposer asks as a pipeline does, for one lookup.
func proposer(chat agent.Chat) agent.Model {
	return agent.Model{
		Chat: chat, Now: time.Now, Timeout: 2 * time.Minute, MaxLookups: 1,
		Lookups: []agent.Lookup{{
			Name: "recent_runs", About: "outcomes of the last runs",
			Look: func(context.Context, agent.Facts) (string, error) { return "3 runs: 2 loaded, 1 held", nil },
		}},
	}
}

// What a real model said to every condition, without the model: the plan is
// inside the bounds, and it is the model's or rules decide and say why.
func TestARealModelsAnswersAreTakenInsideTheBounds(t *testing.T) {
	chat := agenttest.Replay(t, transcript, recordAgain)
	taken := 0
	for name, facts := range agenttest.Scenarios() {
		t.Run(name, func(t *testing.T) {
			bounds := agent.DefaultPolicy().Bounds(facts)
			d, err := agent.Decide(t.Context(), facts, agent.DefaultPolicy(), proposer(chat), time.Unix(0, 0), "run-1")
			require.NoError(t, err)
			require.NoError(t, agent.Guard(bounds, agent.Proposal{Actions: d.Actions}))
			if d.Fallback == "" {
				taken++
				require.Equal(t, chat.Name(), d.By)
			}
		})
	}
	require.Greater(t, taken, len(agenttest.Scenarios())/2, "most answers hold, or this test shows little")
}
