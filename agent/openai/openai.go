// Package openai asks models behind OpenAI's API, or any server that speaks it.
// It keeps no conversation, and judges no answer.
package openai

import (
	"context"
	"net/url"

	openai "github.com/sashabaranov/go-openai"

	"github.com/autonomous-data-pipeline/adp/agent"
	"github.com/autonomous-data-pipeline/adp/agent/transport"
	"github.com/autonomous-data-pipeline/adp/pipeline"
)

// Config says which model, where, and with which key.
type Config struct {
	BaseURL string `yaml:"base_url"` // default https://api.openai.com/v1; OPENAI_BASE_URL
	Model   string `yaml:"model"`    // default gpt-4o-mini; OPENAI_MODEL
	Key     string `yaml:"-"`        // OPENAI_API_KEY; empty for servers that want none
}

// The settings that errors name.
const (
	settingURL   = "agent.openai.base_url / OPENAI_BASE_URL"
	settingModel = "agent.openai.model / OPENAI_MODEL"
	settingKey   = "OPENAI_API_KEY"
)

// ownAddress is OpenAI's.
const ownAddress = "https://api.openai.com/v1"

// DefaultConfig is a small model of OpenAI's own.
func DefaultConfig() Config { return Config{BaseURL: ownAddress, Model: "gpt-4o-mini"} }

// FromEnv lets the environment win. The key is only there.
func (c Config) FromEnv(env func(string) string) Config {
	if v := env("OPENAI_BASE_URL"); v != "" {
		c.BaseURL = v
	}
	if v := env("OPENAI_MODEL"); v != "" {
		c.Model = v
	}
	c.Key = env("OPENAI_API_KEY")
	return c
}

// Chat is one model. It is safe for concurrent use.
type Chat struct {
	config Config
	base   *url.URL
	client *openai.Client
}

// New checks the settings. The server is reached when it is asked.
func New(c Config) (*Chat, error) {
	base, err := transport.Address(settingURL, c.BaseURL, ownAddress)
	if err != nil {
		return nil, err
	}
	if c.Model == "" {
		return nil, pipeline.Misconfiguredf(settingModel, "no model is named")
	}
	if c.Key == "" && c.BaseURL == ownAddress {
		return nil, pipeline.Misconfiguredf(settingKey, "the key of %s is missing", c.BaseURL)
	}
	conf := openai.DefaultConfig(c.Key)
	conf.BaseURL, conf.HTTPClient = c.BaseURL, transport.Client()
	chat := &Chat{config: c, base: base, client: openai.NewClientWithConfig(conf)}
	if err := openai.NewReasoningValidator().Validate(chat.request(agent.ChatRequest{})); err != nil {
		return nil, pipeline.Misconfiguredf(settingModel, "use model %s: %w; name one that answers without reasoning first", c.Model, err)
	}
	return chat, nil
}

// Name is "openai".
func (*Chat) Name() string { return agent.ByOpenAI }

// Model is the model's name.
func (c *Chat) Model() string { return c.config.Model }

// Complete asks for the next message, not streamed.
func (c *Chat) Complete(ctx context.Context, r agent.ChatRequest) (agent.ChatAnswer, error) {
	got, err := c.client.CreateChatCompletion(ctx, c.request(r))
	if err != nil {
		return agent.ChatAnswer{}, c.fault(err)
	}
	answer := agent.ChatAnswer{PromptTokens: got.Usage.PromptTokens, AnswerTokens: got.Usage.CompletionTokens}
	if len(got.Choices) == 0 {
		return answer, pipeline.Faultf(pipeline.BadData, "ask model %s: it answers nothing", c.config.Model)
	}
	answer.Text = got.Choices[0].Message.Content
	switch why := got.Choices[0].FinishReason; {
	case why == openai.FinishReasonLength:
		return answer, pipeline.Faultf(pipeline.BadData, "ask model %s: its answer was cut off after %d tokens", c.config.Model, r.MaxTokens)
	case why == openai.FinishReasonContentFilter:
		return answer, pipeline.Faultf(pipeline.BadData, "ask model %s: the provider's filter withheld the answer", c.config.Model)
	case answer.Text == "":
		return answer, pipeline.Faultf(pipeline.BadData, "ask model %s: it answers nothing", c.config.Model)
	}
	return answer, nil
}

// coldest is as good as 0, which the client takes for unset. Far smaller ones
// make servers draw at random: they divide by it, beyond what numbers hold.
const coldest = 0.001

func (c *Chat) request(r agent.ChatRequest) openai.ChatCompletionRequest {
	seed := 1
	req := openai.ChatCompletionRequest{
		Model: c.config.Model, Seed: &seed,
		Temperature: coldest,
		ResponseFormat: &openai.ChatCompletionResponseFormat{
			Type:       openai.ChatCompletionResponseFormatTypeJSONSchema,
			JSONSchema: &openai.ChatCompletionResponseFormatJSONSchema{Name: "choice", Schema: r.Schema, Strict: true},
		},
	}
	if c.config.BaseURL == ownAddress {
		req.MaxCompletionTokens = r.MaxTokens
	} else {
		req.MaxTokens = r.MaxTokens //nolint:staticcheck // deprecated by OpenAI, and the one name that other servers all know
	}
	for _, m := range r.Messages {
		req.Messages = append(req.Messages, openai.ChatCompletionMessage{Role: m.Role, Content: m.Text})
	}
	return req
}

func (c *Chat) fault(err error) error {
	return transport.Settings{
		Address: c.base, AddressKey: settingURL, Model: c.config.Model, ModelKey: settingModel,
		Secret: c.config.Key, SecretKey: settingKey,
		Missing: "name one that the provider has, or, if it has it, the address up to its version, like " + ownAddress,
	}.Fault(err)
}
