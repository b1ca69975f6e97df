package openai_test

import (
	"encoding/json"
	"fmt"
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
		Request: `{"model":"small","stream":false,"seed":1,"max_completion_tokens":40,"temperature":1e-45,
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
