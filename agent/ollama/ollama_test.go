package ollama_test

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/autonomous-data-pipeline/adp/agent"
	"github.com/autonomous-data-pipeline/adp/agent/agenttest"
	"github.com/autonomous-data-pipeline/adp/agent/ollama"
)

func TestOllamaIsAChat(t *testing.T) {
	agenttest.RunChat(t, agenttest.Provider{
		Open: func(url, _ string) (agent.Chat, error) { return ollama.New(ollama.Config{Host: url, Model: "small"}) },
		Body: func(text string, cut bool) string {
			b, _ := json.Marshal(text) // strings always encode
			why := "stop"
			if cut {
				why = "length"
			}
			return fmt.Sprintf(`{"model":"small","message":{"role":"assistant","content":%s},"done":true,"done_reason":%q,"prompt_eval_count":12,"eval_count":5}`, b, why)
		},
		Request: `{"model":"small","stream":false,"messages":[{"role":"system","content":"be brief"},{"role":"user","content":"which?"}],
			"format":` + string(agenttest.Question.Schema) + `,"options":{"temperature":0,"seed":1,"num_predict":40}}`,
		Address: "OLLAMA_HOST", Model: "OLLAMA_MODEL", Key: "OLLAMA_HOST",
	})
}
