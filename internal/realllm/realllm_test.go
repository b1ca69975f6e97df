//go:build integration

package realllm_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/autonomous-data-pipeline/adp/agent"
	"github.com/autonomous-data-pipeline/adp/agent/agenttest"
	"github.com/autonomous-data-pipeline/adp/agent/ollama"
	"github.com/autonomous-data-pipeline/adp/agent/openai"
	"github.com/autonomous-data-pipeline/adp/internal/realllm"
)

// A real model, through both clients: what it chooses doesn't matter, what is
// executed is inside the bounds, and its answer is one or rules decide.
func TestARealModelProposesInsideTheBounds(t *testing.T) {
	s := realllm.Start(t)
	viaOpenAI, err := openai.New(openai.Config{BaseURL: s.OpenAI, Model: realllm.Model})
	require.NoError(t, err)
	viaOllama, err := ollama.New(ollama.Config{Host: s.Ollama, Model: realllm.Model})
	require.NoError(t, err)
	for name, chat := range map[string]agent.Chat{"openai": viaOpenAI, "ollama": viaOllama} {
		t.Run(name, func(t *testing.T) {
			got, err := chat.Complete(t.Context(), agenttest.Question)
			require.NoError(t, err)
			var answer struct{ A string }
			require.NoError(t, json.Unmarshal([]byte(got.Text), &answer), got.Text)
			require.Contains(t, []string{"x", "y"}, answer.A, "the schema's enum holds")
			require.Positive(t, got.PromptTokens)
			proposes(t, chat)
		})
	}
}

// Neither client lets the model draw: a temperature of 0 would do, and one that
// is too small for the server makes it draw at random.
func TestARealModelSaysTheSameThroughBothClients(t *testing.T) {
	s := realllm.Start(t)
	viaOpenAI, err := openai.New(openai.Config{BaseURL: s.OpenAI, Model: realllm.Model})
	require.NoError(t, err)
	viaOllama, err := ollama.New(ollama.Config{Host: s.Ollama, Model: realllm.Model})
	require.NoError(t, err)
	question := agent.ChatRequest{
		Messages:  []agent.Message{{Role: agent.RoleUser, Text: "Why do records of a table arrive late?"}},
		Schema:    json.RawMessage(`{"type":"object","properties":{"why":{"type":"string","maxLength":80}},"required":["why"]}`),
		MaxTokens: 60,
	}
	want, err := viaOllama.Complete(t.Context(), question)
	require.NoError(t, err)
	got, err := viaOpenAI.Complete(t.Context(), question)
	require.NoError(t, err)
	require.Equal(t, want.Text, got.Text)
}

func proposes(t *testing.T, chat agent.Chat) {
	t.Helper()
	for _, scenario := range []string{"bad in one country", "late"} {
		facts := agenttest.Scenarios()[scenario]
		m := agent.Model{Chat: chat, Now: time.Now, Timeout: time.Minute}
		d, err := agent.Decide(t.Context(), facts, agent.DefaultPolicy(), m, time.Now(), "run-1")
		require.NoError(t, err)
		require.NoError(t, agent.Guard(agent.DefaultPolicy().Bounds(facts), agent.Proposal{Actions: d.Actions}))
		require.NotNil(t, d.Proposal.Use)
		require.Positive(t, d.Proposal.Use.AnswerTokens, d.Fallback)
		require.Less(t, d.Proposal.Use.PromptTokens, 450, "a small model gets a small prompt")
		t.Logf("%s: by %s in %d ms, %d+%d tokens: %s %s", scenario, d.By, d.Proposal.Use.LatencyMs,
			d.Proposal.Use.PromptTokens, d.Proposal.Use.AnswerTokens, d.Proposal.Raw, d.Fallback)
	}
}
