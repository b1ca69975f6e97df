package openai_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/autonomous-data-pipeline/adp/agent"
	"github.com/autonomous-data-pipeline/adp/agent/agenttest"
	"github.com/autonomous-data-pipeline/adp/agent/openai"
	"github.com/autonomous-data-pipeline/adp/pipeline"
)

func TestOpenAIIsAChat(t *testing.T) {
	agenttest.RunChat(t, agenttest.Provider{
		Open: func(url, secret string) (agent.Chat, error) {
			return openai.New(openai.Config{BaseURL: url, Model: "small", Key: secret})
		},
		Body: func(text string, cut bool) string {
			b, _ := json.Marshal(text) // strings always encode
			why := "stop"
			if cut {
				why = "length"
			}
			return fmt.Sprintf(`{"choices":[{"index":0,"message":{"role":"assistant","content":%s},"finish_reason":%q}],"usage":{"prompt_tokens":12,"completion_tokens":5}}`, b, why)
		},
		Request: `{"model":"small","stream":false,"seed":1,"max_tokens":40,"temperature":0.001,
			"messages":[{"role":"system","content":"be brief"},{"role":"user","content":"which?"}],
			"response_format":{"type":"json_schema","json_schema":{"name":"choice","strict":true,"schema":` + string(agenttest.Question.Schema) + `}}}`,
		Address: "OPENAI_BASE_URL", Model: "OPENAI_MODEL", Key: "OPENAI_API_KEY",
	})
}

func TestOpenAIItselfNeedsAKeyAndOthersMayNot(t *testing.T) {
	_, err := openai.New(openai.DefaultConfig())
	require.Equal(t, pipeline.Misconfigured, pipeline.KindOf(err))
	require.ErrorContains(t, err, "OPENAI_API_KEY")
	_, err = openai.New(openai.Config{BaseURL: "http://127.0.0.1:8000/v1", Model: "small"})
	require.NoError(t, err)
}

func TestAModelThatOpenAIWouldRefuseIsRefusedAtTheStart(t *testing.T) {
	for name, model := range map[string]string{"reasons first": "o3-mini", "reasons first, newer": "gpt-5-mini"} {
		t.Run(name, func(t *testing.T) {
			_, err := openai.New(openai.Config{BaseURL: "http://127.0.0.1:8000/v1", Model: model})
			require.Equal(t, pipeline.Misconfigured, pipeline.KindOf(err))
			require.ErrorContains(t, err, "OPENAI_MODEL")
		})
	}
}

func TestOnlyOpenAIItselfKnowsTheNewNameOfTheTokens(t *testing.T) {
	own := openai.DefaultConfig()
	own.Key = "k"
	chat, err := openai.New(own)
	require.NoError(t, err)
	sent, err := json.Marshal(openai.RequestOf(chat, agenttest.Question))
	require.NoError(t, err)
	require.Contains(t, string(sent), `"max_completion_tokens":40`)
	require.NotContains(t, string(sent), `"max_tokens"`)
}

func TestAnswersThatAreNone(t *testing.T) {
	tests := map[string]struct{ body, says string }{
		"no choices":                   {`{"choices":[]}`, "nothing"},
		"withheld by a filter":         {`{"choices":[{"message":{"content":"{}"},"finish_reason":"content_filter"}]}`, "filter"},
		"a refusal beside the content": {`{"choices":[{"message":{"refusal":"no"},"finish_reason":"stop"}]}`, "nothing"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", "application/json")
				_, _ = io.WriteString(w, tc.body) // the client reads it all
			}))
			defer s.Close()
			chat, err := openai.New(openai.Config{BaseURL: s.URL, Model: "small"})
			require.NoError(t, err)
			_, err = chat.Complete(t.Context(), agenttest.Question)
			require.Equal(t, pipeline.BadData, pipeline.KindOf(err))
			require.ErrorContains(t, err, tc.says)
		})
	}
}
