// Package ollama asks models that an Ollama server runs. It keeps no
// conversation, pulls no model, and judges no answer.
package ollama

import (
	"context"
	"net/url"

	"github.com/ollama/ollama/api"

	"github.com/autonomous-data-pipeline/adp/agent"
	"github.com/autonomous-data-pipeline/adp/agent/transport"
	"github.com/autonomous-data-pipeline/adp/pipeline"
)

// Config says which model, and where.
type Config struct {
	Host  string `yaml:"host"`  // default http://127.0.0.1:11434; OLLAMA_HOST
	Model string `yaml:"model"` // default llama3.1; OLLAMA_MODEL
}

// The settings that errors name.
const (
	settingHost  = "agent.ollama.host / OLLAMA_HOST"
	settingModel = "agent.ollama.model / OLLAMA_MODEL"
)

// DefaultConfig is the model of the documentation on this machine.
func DefaultConfig() Config { return Config{Host: "http://127.0.0.1:11434", Model: "llama3.1"} }

// FromEnv lets the environment win.
func (c Config) FromEnv(env func(string) string) Config {
	if v := env("OLLAMA_HOST"); v != "" {
		c.Host = v
	}
	if v := env("OLLAMA_MODEL"); v != "" {
		c.Model = v
	}
	return c
}

// Chat is one model of a server. It is safe for concurrent use.
type Chat struct {
	config Config
	base   *url.URL
	client *api.Client
}

// New checks the settings. The server is reached when it is asked.
func New(c Config) (*Chat, error) {
	base, err := transport.Address(settingHost, c.Host, DefaultConfig().Host)
	if err != nil {
		return nil, err
	}
	if c.Model == "" {
		return nil, pipeline.Misconfiguredf(settingModel, "no model is named; ollama list shows those that are there")
	}
	return &Chat{config: c, base: base, client: api.NewClient(base, transport.Client())}, nil
}

// Name is "ollama".
func (*Chat) Name() string { return agent.ByOllama }

// Model is the model's name.
func (c *Chat) Model() string { return c.config.Model }

// Complete asks for the next message, not streamed.
func (c *Chat) Complete(ctx context.Context, r agent.ChatRequest) (agent.ChatAnswer, error) {
	whole := false
	req := &api.ChatRequest{
		Model: c.config.Model, Stream: &whole, Format: r.Schema,
		Options: map[string]any{"temperature": 0, "seed": 1, "num_predict": r.MaxTokens},
	}
	for _, m := range r.Messages {
		req.Messages = append(req.Messages, api.Message{Role: m.Role, Content: m.Text})
	}
	var got api.ChatResponse
	err := c.client.Chat(ctx, req, func(part api.ChatResponse) error { got = part; return nil })
	answer := agent.ChatAnswer{Text: got.Message.Content, PromptTokens: got.PromptEvalCount, AnswerTokens: got.EvalCount}
	switch {
	case err != nil:
		return answer, c.settings().Fault(err)
	case got.DoneReason == "length":
		return answer, pipeline.Faultf(pipeline.BadData, "ask model %s: its answer was cut off after %d tokens", c.config.Model, r.MaxTokens)
	case !got.Done || answer.Text == "":
		return answer, pipeline.Faultf(pipeline.BadData, "ask model %s: it answers nothing", c.config.Model)
	}
	return answer, nil
}

func (c *Chat) settings() transport.Settings {
	return transport.Settings{
		Address: c.base, AddressKey: settingHost, Model: c.config.Model, ModelKey: settingModel,
		Missing: "ollama pull " + c.config.Model + ", or name another one",
	}
}
