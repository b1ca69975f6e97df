// Package transport is the HTTP below the drivers of language models: it reads
// answers whole and within bounds, and turns what goes wrong into faults, the
// same for every provider. It knows no provider's format.
package transport

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/autonomous-data-pipeline/adp/agent"
	"github.com/autonomous-data-pipeline/adp/pipeline"
)

// Client is an HTTP client whose responses are JSON of at most
// agent.MaxAnswerBytes, read to their end. Everything else is an error for
// Fault. It follows no redirect: a key must not travel on.
func Client() *http.Client {
	t := http.DefaultTransport.(*http.Transport).Clone()
	return &http.Client{
		Transport:     bounded{t},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// The ways in which a response is no answer.
var (
	errTooLarge = fmt.Errorf("the answer is larger than %d bytes", agent.MaxAnswerBytes)
	errNoJSON   = errors.New("the answer is no JSON: is this the address of the API?")
	errCut      = errors.New("the connection ended in the middle of the answer")
)

// statusError is a response that refuses.
type statusError struct {
	status     int
	retryAfter time.Duration
	body       string
}

func (e *statusError) Error() string {
	return fmt.Sprintf("%d %s: %s", e.status, http.StatusText(e.status), e.body)
}

type bounded struct{ next http.RoundTripper }

// RoundTrip gives a response that is there as a whole.
func (b bounded) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := b.next.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, agent.MaxAnswerBytes+1))
	_ = resp.Body.Close() // all that is wanted was read
	switch {
	case resp.StatusCode >= http.StatusMultipleChoices:
		return nil, &statusError{resp.StatusCode, retryAfter(resp.Header.Get("Retry-After")), excerpt(body)}
	case len(body) > agent.MaxAnswerBytes:
		return nil, errTooLarge
	case err != nil && r.Context().Err() == nil:
		return nil, fmt.Errorf("%w: %w", errCut, err)
	case err != nil:
		return nil, r.Context().Err()
	case !isJSON(resp.Header.Get("Content-Type")) || !json.Valid(body):
		return nil, errNoJSON
	}
	resp.Body = io.NopCloser(bytes.NewReader(body))
	return resp, nil
}

func isJSON(contentType string) bool {
	t, _, err := mime.ParseMediaType(contentType)
	return err == nil && (t == "application/json" || t == "application/x-ndjson")
}

// maxExcerpt is how much of a refusal is told, in bytes.
const maxExcerpt = 300

func excerpt(body []byte) string {
	return strings.ToValidUTF8(string(body[:min(len(body), maxExcerpt)]), "?")
}

// maxRetryAfter bounds what a provider may ask for.
const maxRetryAfter = time.Hour

// retryAfter reads seconds or a date; 0 is none.
func retryAfter(header string) time.Duration {
	if s, err := strconv.Atoi(header); err == nil {
		return min(max(0, time.Duration(s)*time.Second), maxRetryAfter)
	}
	if at, err := http.ParseTime(header); err == nil {
		return min(max(0, time.Until(at)), maxRetryAfter)
	}
	return 0
}

// Settings are what faults name, and what they must not tell.
type Settings struct {
	Address, AddressKey string // where the model is asked, and the setting that says so
	Model, ModelKey     string
	SecretKey           string // "" if there is no secret
	Secret              string
	Missing             string // what to do about an unknown model
}

// Fault names what is wrong with a call, by its setting.
func (s Settings) Fault(err error) error {
	var known *pipeline.Fault
	if err == nil || errors.As(err, &known) {
		return err
	}
	var refused *statusError
	what := fmt.Sprintf("ask model %s at %s", s.Model, s.Address)
	switch {
	case errors.As(err, &refused):
		return s.refusal(what, refused)
	case errors.Is(err, errTooLarge):
		return pipeline.Faultf(pipeline.BadData, "%s: %w", what, errTooLarge)
	case errors.Is(err, errNoJSON):
		return pipeline.Misconfiguredf(s.AddressKey, "%s: %w", what, errNoJSON)
	case errors.Is(err, errCut):
		return pipeline.Faultf(pipeline.Transient, "%s: %w", what, errCut)
	case errors.Is(err, context.DeadlineExceeded):
		return pipeline.Faultf(pipeline.Transient, "%s: no answer in time (setting: agent.timeout): %w", what, context.DeadlineExceeded)
	case errors.Is(err, context.Canceled):
		return fmt.Errorf("%s: %w", what, context.Canceled)
	}
	return &pipeline.Fault{Kind: pipeline.Transient, Setting: s.AddressKey, Err: fmt.Errorf("%s: %s; is it up, and is this its address?", what, s.hide(err.Error()))}
}

func (s Settings) refusal(what string, e *statusError) error {
	said := s.hide(e.Error())
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

// hide takes the secret out of what others say.
func (s Settings) hide(text string) string {
	if s.Secret == "" {
		return text
	}
	return strings.ReplaceAll(text, s.Secret, "***")
}
