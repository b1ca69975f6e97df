package agent

import (
	"errors"
	"slices"
	"time"

	"github.com/autonomous-data-pipeline/adp/pipeline"
)

// The providers of proposals.
const (
	ByRules  = "rules"
	ByOllama = "ollama"
	ByOpenAI = "openai"
)

// Settings say who proposes, and what it may see.
type Settings struct {
	Provider string        `yaml:"provider"` // rules (default), ollama or openai; LLM_PROVIDER
	Timeout  time.Duration `yaml:"timeout"`  // of a proposal with its lookups and retries; then rules decide; default 30s
	Lookups  int           `yaml:"lookups"`  // what a model may look up before it chooses; default 3, 0 is nothing
	Samples  string        `yaml:"samples"`  // none (default), or redacted: the shapes of records that were set aside
	Shadow   string        `yaml:"shadow"`   // ollama or openai: is asked beside, recorded, and never obeyed
}

// The samples that a model may see.
const (
	NoSamples       = "none"
	RedactedSamples = "redacted"
)

// DefaultSettings let rules decide.
func DefaultSettings() Settings {
	return Settings{Provider: ByRules, Timeout: 30 * time.Second, Lookups: 3, Samples: NoSamples}
}

// Validate reports every value that can't be used, with its key.
func (s Settings) Validate() error {
	var errs []error
	oneOf := func(key, v string, words ...string) {
		if !slices.Contains(words, v) {
			errs = append(errs, pipeline.Misconfiguredf("agent."+key, "%q is none of %s", v, list(words)))
		}
	}
	oneOf("provider / LLM_PROVIDER", s.Provider, ByRules, ByOllama, ByOpenAI)
	oneOf("samples", s.Samples, NoSamples, RedactedSamples)
	oneOf("shadow", s.Shadow, "", ByOllama, ByOpenAI)
	if s.Timeout < time.Second || s.Timeout > 10*time.Minute {
		errs = append(errs, pipeline.Misconfiguredf("agent.timeout", "%v is not between 1s and 10m; write a unit, like 30s", s.Timeout))
	}
	if s.Lookups < 0 || s.Lookups > 10 {
		errs = append(errs, pipeline.Misconfiguredf("agent.lookups", "%d is not between 0 and 10", s.Lookups))
	}
	return errors.Join(errs...)
}
