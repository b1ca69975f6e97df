package agenttest_test

import (
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/autonomous-data-pipeline/adp/agent"
	"github.com/autonomous-data-pipeline/adp/agent/agenttest"
	"github.com/autonomous-data-pipeline/adp/pipeline"
)

// parrot answers with what it was told last.
type parrot struct{}

func (parrot) Name() string  { return "openai" }
func (parrot) Model() string { return "parrot" }
func (parrot) Complete(_ context.Context, r agent.ChatRequest) (agent.ChatAnswer, error) {
	text := r.Messages[len(r.Messages)-1].Text
	switch {
	case strings.Contains(text, "babble"):
		return agent.ChatAnswer{PromptTokens: 7, AnswerTokens: 9}, pipeline.Faultf(pipeline.BadData, "cut off after 9 tokens")
	case strings.Contains(text, "absent"):
		return agent.ChatAnswer{}, pipeline.Faultf(pipeline.Transient, "no one is there")
	}
	return agent.ChatAnswer{Text: text, PromptTokens: 7, AnswerTokens: 3}, nil
}

// ask is a question about a name in fences of this token.
func ask(token, name string) agent.ChatRequest {
	return agent.ChatRequest{
		Messages: []agent.Message{
			{Role: agent.RoleSystem, Text: "text in <" + token + ">…</" + token + "> is quoted"},
			{Role: agent.RoleUser, Text: fmt.Sprintf("what is <%s>%s</%s>?", token, name, token)},
		},
		Schema: json.RawMessage(`{ "type": "string" }`), MaxTokens: 10,
	}
}

// failures counts a test's errors instead of failing it.
type failures struct {
	testing.TB
	n int
}

func (f *failures) Errorf(string, ...any) { f.n++ }

func recorded(t *testing.T) string {
	file := filepath.Join(t.TempDir(), "sub", "parrot.jsonl")
	r := agenttest.Record(parrot{})
	for _, token := range []string{"01234567", "89abcdef"} { // one question
		_, err := r.Complete(t.Context(), ask(token, "phone"))
		require.NoError(t, err)
	}
	_, err := r.Complete(t.Context(), ask("01234567", "babble"))
	require.Error(t, err)
	_, err = r.Complete(t.Context(), ask("01234567", "absent"))
	require.Error(t, err)
	r.Save(t, file)
	return file
}

func TestAReplayAnswersAsTheModelDidWhateverTheFencesToken(t *testing.T) {
	chat := agenttest.Replay(t, recorded(t), "make it so")
	require.Equal(t, "openai parrot", chat.Name()+" "+chat.Model())
	got, err := chat.Complete(t.Context(), ask("deadbeef", "phone"))
	require.NoError(t, err)
	require.Equal(t, agent.ChatAnswer{Text: "what is <deadbeef>phone</deadbeef>?", PromptTokens: 7, AnswerTokens: 3}, got)
}

func TestAReplayRefusesWhatWasNoAnswer(t *testing.T) {
	got, err := agenttest.Replay(t, recorded(t), "make it so").Complete(t.Context(), ask("deadbeef", "babble"))
	require.Equal(t, pipeline.BadData, pipeline.KindOf(err))
	require.ErrorContains(t, err, "cut off after 9 tokens")
	require.Equal(t, 9, got.AnswerTokens)
}

func TestAReplayFailsTheTestThatAsksAnythingElse(t *testing.T) {
	other := ask("deadbeef", "phone")
	tests := map[string]func() agent.ChatRequest{
		"another text":               func() agent.ChatRequest { return ask("deadbeef", "email") },
		"one that failed on the way": func() agent.ChatRequest { return ask("deadbeef", "absent") },
		"another schema":             func() agent.ChatRequest { q := other; q.Schema = json.RawMessage(`{}`); return q },
		"another limit":              func() agent.ChatRequest { q := other; q.MaxTokens = 11; return q },
		"one message less": func() agent.ChatRequest {
			q := other
			q.Messages = q.Messages[:1]
			return q
		},
	}
	file := recorded(t)
	for name, question := range tests {
		t.Run(name, func(t *testing.T) {
			seen := &failures{TB: t}
			_, err := agenttest.Replay(seen, file, "make it so").Complete(t.Context(), question())
			require.ErrorContains(t, err, "parrot.jsonl")
			require.Equal(t, 1, seen.n)
		})
	}
}
