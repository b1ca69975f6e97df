package transport

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/autonomous-data-pipeline/adp/agent"
	"github.com/autonomous-data-pipeline/adp/pipeline"
)

// Settings are what faults name, and what they must not tell.
type Settings struct {
	Address         *url.URL // where the model is asked
	AddressKey      string   // the setting that says so
	Model, ModelKey string
	SecretKey       string // "" if there is no secret
	Secret          string
	Missing         string // what to do about an unknown model
}

// Fault names what is wrong with a call, by its setting.
func (s Settings) Fault(err error) error {
	var known *pipeline.Fault
	if err == nil || errors.As(err, &known) {
		return err
	}
	var refused *statusError
	var mistyped *json.UnmarshalTypeError
	what := fmt.Sprintf("ask model %s at %s", s.Model, s.Address.Redacted())
	switch {
	case errors.As(err, &refused):
		return s.refusal(what, refused)
	case errors.Is(err, errTooLarge):
		return pipeline.Faultf(pipeline.BadData, "%s: %w", what, errTooLarge)
	case errors.Is(err, errNoJSON):
		return pipeline.Misconfiguredf(s.AddressKey, "%s: %w", what, errNoJSON)
	case errors.As(err, &mistyped):
		return pipeline.Misconfiguredf(s.AddressKey, "%s: the answer isn't of this API: %w", what, mistyped)
	case errors.Is(err, errCut):
		return pipeline.Faultf(pipeline.Transient, "%s: %w", what, errCut)
	case errors.Is(err, context.DeadlineExceeded):
		return pipeline.Faultf(pipeline.Transient, "%s: no answer in time (setting: agent.timeout): %w", what, context.DeadlineExceeded)
	case errors.Is(err, context.Canceled):
		return fmt.Errorf("%s: %w", what, context.Canceled)
	}
	return &pipeline.Fault{Kind: pipeline.Transient, Setting: s.AddressKey, Err: fmt.Errorf("%s: %s; is it up, and is this its address?", what, s.excerpt(err.Error()))}
}

func (s Settings) refusal(what string, e *statusError) error {
	said := s.excerpt(e.Error())
	switch {
	case e.status == http.StatusTooManyRequests || e.status == http.StatusServiceUnavailable && e.retryAfter > 0:
		return pipeline.Faultf(pipeline.Transient, "%s: %s: %w", what, said, &agent.RateLimited{After: e.retryAfter})
	case e.status == http.StatusUnauthorized || e.status == http.StatusForbidden:
		key := s.SecretKey
		if key == "" {
			key = s.AddressKey
		}
		return pipeline.Misconfiguredf(key, "%s: %s; is the key right, and may it use this model?", what, said)
	case e.status == http.StatusNotFound && strings.HasPrefix(strings.TrimSpace(e.body), "{"):
		return pipeline.Misconfiguredf(s.ModelKey, "%s: %s; %s", what, said, s.Missing)
	case e.status >= http.StatusInternalServerError || e.status == http.StatusRequestTimeout:
		return pipeline.Faultf(pipeline.Transient, "%s: %s", what, said)
	case e.status < http.StatusBadRequest || e.status == http.StatusNotFound || e.status == http.StatusMethodNotAllowed:
		return pipeline.Misconfiguredf(s.AddressKey, "%s: %s; is this the address of the API?", what, said)
	}
	return pipeline.Misconfiguredf(s.ModelKey, "%s: %s; does this model take a JSON schema?", what, said)
}

// maxExcerpt is how much is told of what a server says, in bytes.
const maxExcerpt = 300

// excerpt is what others say without the secrets. They go first: a cut could
// leave half of one.
func (s Settings) excerpt(text string) string {
	password, _ := s.Address.User.Password()
	for _, secret := range []string{s.Secret, password} {
		if secret != "" {
			text = strings.ReplaceAll(text, secret, "***")
		}
	}
	return strings.ToValidUTF8(text[:min(len(text), maxExcerpt)], "?")
}
