// Package transport is the HTTP below the drivers of language models: it reads
// answers whole and within bounds, and turns what goes wrong into faults, the
// same for every provider. It knows no provider's format.
package transport

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/autonomous-data-pipeline/adp/agent"
	"github.com/autonomous-data-pipeline/adp/pipeline"
)

// maxHeaderBytes is far more than a provider says in its headers.
const maxHeaderBytes = 64 << 10

// Client is an HTTP client whose responses are JSON objects of at most
// agent.MaxAnswerBytes, read to their end and on one line. Everything else is
// an error for Fault. It follows no redirect: a key must not travel on.
func Client() *http.Client {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.MaxResponseHeaderBytes = maxHeaderBytes
	return &http.Client{
		Transport:     bounded{t},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// The ways in which a response is no answer.
var (
	errTooLarge = fmt.Errorf("the answer is larger than %d bytes", agent.MaxAnswerBytes)
	errNoJSON   = errors.New("the answer is no JSON object: is this the address of the API?")
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
		return nil, &statusError{resp.StatusCode, retryAfter(resp.Header.Get("Retry-After"), time.Now()), string(body)}
	case len(body) > agent.MaxAnswerBytes:
		return nil, errTooLarge
	case err != nil && r.Context().Err() == nil:
		return nil, fmt.Errorf("%w: %w", errCut, err)
	case err != nil:
		return nil, r.Context().Err()
	}
	var line bytes.Buffer // Ollama's client takes each line for an answer of its own
	if !isJSON(resp.Header.Get("Content-Type")) || json.Compact(&line, body) != nil || line.Bytes()[0] != '{' {
		return nil, errNoJSON
	}
	resp.Body, resp.ContentLength = io.NopCloser(&line), int64(line.Len())
	return resp, nil
}

func isJSON(contentType string) bool {
	t, _, err := mime.ParseMediaType(contentType)
	return err == nil && (t == "application/json" || t == "application/x-ndjson")
}

// maxRetryAfter bounds what a provider may ask for.
const maxRetryAfter = time.Hour

// retryAfter reads seconds or a date; 0 is none.
func retryAfter(header string, now time.Time) time.Duration {
	if s, err := strconv.ParseUint(header, 10, 64); err == nil {
		return time.Duration(min(s, uint64(maxRetryAfter/time.Second))) * time.Second
	}
	if at, err := http.ParseTime(header); err == nil {
		return min(max(0, at.Sub(now)), maxRetryAfter)
	}
	return 0
}

// Address reads a server's address. setting says where it is set, and example
// how it looks. An address may carry a password, so errors don't quote it.
func Address(setting, raw, example string) (*url.URL, error) {
	at, err := url.Parse(raw)
	if err != nil || at.Scheme != "http" && at.Scheme != "https" || at.Host == "" {
		return nil, pipeline.Misconfiguredf(setting, "read the model's address: it is no http or https address; it must be like %s", example)
	}
	return at, nil
}
