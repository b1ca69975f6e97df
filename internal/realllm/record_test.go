//go:build integration

package realllm_test

import (
	"flag"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/autonomous-data-pipeline/adp/agent"
	"github.com/autonomous-data-pipeline/adp/agent/agenttest"
	"github.com/autonomous-data-pipeline/adp/agent/openai"
	"github.com/autonomous-data-pipeline/adp/internal/realllm"
)

var record = flag.Bool("record", false, "ask the model anew, and keep its answers")

// It is no golden file that make golden writes: a model's answers may differ
// from one processor to the next, and what counts is that they are real.
func TestRecordWhatTheModelAnswers(t *testing.T) {
	if !*record {
		t.Skip("the answers are kept: -record asks for them anew")
	}
	chat, err := openai.New(openai.Config{BaseURL: realllm.Start(t).OpenAI, Model: realllm.Model})
	require.NoError(t, err)
	r := agenttest.Record(chat)
	for name, facts := range agenttest.Scenarios() {
		d, err := agent.Decide(t.Context(), facts, agent.DefaultPolicy(), proposer(r), time.Now(), "run-1")
		require.NoError(t, err)
		t.Logf("%s: by %s %s", name, d.By, d.Fallback)
	}
	r.Save(t, transcript)
}
