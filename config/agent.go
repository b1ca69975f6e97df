package config

import (
	"errors"
	"strings"

	"github.com/autonomous-data-pipeline/adp/agent"
	"github.com/autonomous-data-pipeline/adp/agent/ollama"
	"github.com/autonomous-data-pipeline/adp/agent/openai"
)

// Agent says who proposes, and how each provider is reached.
type Agent struct {
	agent.Settings `yaml:",inline"`
	Ollama         ollama.Config `yaml:"ollama"`
	OpenAI         openai.Config `yaml:"openai"`
}

func defaultAgent() Agent {
	return Agent{Settings: agent.DefaultSettings(), Ollama: ollama.DefaultConfig(), OpenAI: openai.DefaultConfig()}
}

func (a *Agent) override(env func(string) string) {
	if v := env("LLM_PROVIDER"); v != "" {
		a.Provider = strings.ToLower(v)
	}
	a.Ollama, a.OpenAI = a.Ollama.FromEnv(env), a.OpenAI.FromEnv(env)
}

// Model is the language model that a pipeline's settings name, or nil where
// rules decide alone.
func (p *Pipeline) Model() (*agent.Model, error) { return p.Agent.model(p.Agent.Provider) }

// validate also tries what wiring would refuse, so that lint finds it.
func (a Agent) validate() error {
	_, proposes := a.model(a.Provider)
	_, shadows := a.model(a.Shadow)
	return errors.Join(a.Settings.Validate(), proposes, shadows)
}

// Model is the language model of a provider as the environment says, without a
// pipeline's file.
func Model(provider string, env func(string) string) (*agent.Model, error) {
	a := defaultAgent()
	a.override(env)
	return a.model(provider)
}

func (a Agent) model(provider string) (*agent.Model, error) {
	var chat agent.Chat
	var err error
	switch provider {
	case agent.ByOllama:
		chat, err = ollama.New(a.Ollama)
	case agent.ByOpenAI:
		chat, err = openai.New(a.OpenAI)
	default:
		return nil, nil //nolint:nilnil // no model is a choice, and no error
	}
	if err != nil {
		return nil, err
	}
	return &agent.Model{Chat: chat, MaxLookups: a.Lookups, Timeout: a.Timeout}, nil
}
