package agenttest

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/autonomous-data-pipeline/adp/agent"
	"github.com/autonomous-data-pipeline/adp/pipeline"
)

// Provider is what a driver's test says about the API that it speaks.
type Provider struct {
	// Open makes a chat with a server at url, that knows the secret.
	Open func(url, secret string) (agent.Chat, error)
	// Body is the provider's whole response with this text.
	Body func(text string, cut bool) string
	// Request is what the provider must be sent for Question, as JSON.
	Request string
	// What errors name. A provider without a key has its address there.
	Address, Model, Key string
}

// Question is what RunChat asks.
var Question = agent.ChatRequest{
	Messages:  []agent.Message{{Role: agent.RoleSystem, Text: "be brief"}, {Role: agent.RoleUser, Text: "which?"}},
	Schema:    json.RawMessage(`{"type":"object","properties":{"a":{"enum":["x","y"]}},"required":["a"]}`),
	MaxTokens: 40,
}

const (
	secret = "sk-very-secret-1234"
	reply  = `{"a":"x"}`
)

// RunChat checks a driver of agent.Chat against a server that misbehaves in
// every way that servers do.
func RunChat(t *testing.T, p Provider) {
	t.Run("asks as the provider expects, and gives the text", func(t *testing.T) { p.asks(t) })
	for name, tc := range p.misbehaviours() {
		t.Run(name, func(t *testing.T) {
			chat := p.serve(t, tc.serve)
			_, err := chat.Complete(t.Context(), Question)
			require.Error(t, err)
			require.Equal(t, tc.kind, pipeline.KindOf(err), err.Error())
			require.Contains(t, err.Error(), tc.says)
			require.True(t, utf8.ValidString(err.Error()))
			if p.Key != p.Address { // the provider was given one
				require.NotContains(t, err.Error(), secret[:8], "not even its start")
			}
			require.Less(t, len(err.Error()), 1000)
		})
	}
	t.Run("a busy server says when to come again", func(t *testing.T) { p.busy(t) })
	t.Run("silence ends with the context", func(t *testing.T) { p.silence(t, func(http.ResponseWriter) {}) })
	t.Run("silence after the headers too", func(t *testing.T) {
		p.silence(t, func(w http.ResponseWriter) { _ = http.NewResponseController(w).Flush() }) // of them alone
	})
	t.Run("an answer's form is free, and what isn't UTF-8 is replaced", func(t *testing.T) { p.form(t) })
	t.Run("a password in the address is told to no one", func(t *testing.T) { p.password(t) })
	t.Run("a server that is down", func(t *testing.T) {
		s := httptest.NewServer(http.NotFoundHandler())
		s.Close()
		_, err := p.open(t, s.URL).Complete(t.Context(), Question)
		require.Equal(t, pipeline.Transient, pipeline.KindOf(err))
		require.ErrorContains(t, err, p.Address)
	})
	t.Run("a redirect doesn't carry the key away", func(t *testing.T) { p.redirect(t) })
	t.Run("an address that is none", func(t *testing.T) {
		_, err := p.Open("localhost", secret)
		require.Equal(t, pipeline.Misconfigured, pipeline.KindOf(err))
		require.ErrorContains(t, err, p.Address)
	})
}

func (p Provider) open(t *testing.T, url string) agent.Chat {
	t.Helper()
	c, err := p.Open(url, secret)
	require.NoError(t, err)
	return c
}

func (p Provider) serve(t *testing.T, h http.HandlerFunc) agent.Chat {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return p.open(t, s.URL)
}

func (p Provider) asks(t *testing.T) {
	var sent []byte
	chat := p.serve(t, func(w http.ResponseWriter, r *http.Request) {
		sent, _ = io.ReadAll(r.Body)
		respond(w, http.StatusOK, "application/json", p.Body(reply, false))
	})
	got, err := chat.Complete(t.Context(), Question)
	require.NoError(t, err)
	require.Equal(t, reply, got.Text)
	require.Equal(t, 12, got.PromptTokens)
	require.Equal(t, 5, got.AnswerTokens)
	require.JSONEq(t, p.Request, string(sent))
	require.NotEmpty(t, chat.Name())
	require.NotEmpty(t, chat.Model())
}

func respond(w http.ResponseWriter, status int, contentType, body string) {
	w.Header().Set("Content-Type", contentType)
	w.WriteHeader(status)
	_, _ = io.WriteString(w, body) // the client may have gone: that is some tests' point
}

type misbehaviour struct {
	serve http.HandlerFunc
	kind  pipeline.Kind
	says  string
}

func (p Provider) misbehaviours() map[string]misbehaviour {
	always := func(status int, contentType, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { respond(w, status, contentType, body) }
	}
	const asJSON = "application/json"
	echo := fmt.Sprintf(`{"error":{"message":"bad key %s"}}`, secret)
	late := fmt.Sprintf(`{"error":{"message":"%s %s"}}`, strings.Repeat("x", 250), secret)
	return map[string]misbehaviour{
		"a page instead of an answer":      {always(200, "text/html", "<html>hello</html>"), pipeline.Misconfigured, p.Address},
		"a page that calls itself JSON":    {always(200, asJSON, "<html>hello</html>"), pipeline.Misconfigured, p.Address},
		"a page that isn't there":          {always(404, "text/html", "<html>404</html>"), pipeline.Misconfigured, p.Address},
		"a model that isn't there":         {always(404, asJSON, `{"error":{"message":"model not found"}}`), pipeline.Misconfigured, p.Model},
		"a request that it doesn't take":   {always(400, asJSON, `{"error":{"message":"no schema"}}`), pipeline.Misconfigured, p.Model},
		"a key that is wrong, echoed":      {always(401, asJSON, echo), pipeline.Misconfigured, p.Key},
		"a key echoed where it is cut":     {always(401, asJSON, late), pipeline.Misconfigured, p.Key},
		"a list instead of an answer":      {always(200, asJSON, `[1,2]`), pipeline.Misconfigured, p.Address},
		"a string without end":             {always(200, asJSON, `"`+strings.Repeat("x", 1<<19)+`"`), pipeline.Misconfigured, p.Address},
		"an answer of another API":         {always(200, asJSON, `{"message":[7],"choices":"none"}`), pipeline.Misconfigured, p.Address},
		"half an answer, whole by length":  {always(200, asJSON, p.Body(reply, false)[:20]), pipeline.Misconfigured, p.Address},
		"a refusal that isn't UTF-8":       {always(400, asJSON, "{\"error\":\"\xff\xfe\"}"), pipeline.Misconfigured, p.Model},
		"a key that may not":               {always(403, asJSON, echo), pipeline.Misconfigured, p.Key},
		"a server that fails":              {always(500, "text/plain", "oops"), pipeline.Transient, "oops"},
		"a gateway that gives up":          {always(502, "text/html", "<html>bad gateway"), pipeline.Transient, "502"},
		"an answer that was cut by tokens": {always(200, asJSON, p.Body(`{"a":`, true)), pipeline.BadData, "cut off"},
		"an answer of nothing":             {always(200, asJSON, p.Body("", false)), pipeline.BadData, "nothing"},
		"an empty document":                {always(200, asJSON, "{}"), pipeline.BadData, "nothing"},
		"an answer without end":            {always(200, asJSON, p.Body(strings.Repeat("x", 10<<20), false)), pipeline.BadData, "larger"},
		"an answer without end, packed": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", asJSON)
			w.Header().Set("Content-Encoding", "gzip")
			z := gzip.NewWriter(w)
			_, _ = io.WriteString(z, p.Body(strings.Repeat("x", 10<<20), false)) // the client goes in the middle
			_ = z.Close()
		}, pipeline.BadData, "larger"},
		"a header without end": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("X-Long", strings.Repeat("x", 1<<19))
			respond(w, 200, asJSON, p.Body(reply, false))
		}, pipeline.Transient, p.Address},
		"an answer that ends in the middle": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", asJSON)
			w.Header().Set("Content-Length", "5000")
			_, _ = io.WriteString(w, p.Body(reply, false)[:20])
		}, pipeline.Transient, "middle"},
		"a connection that is closed at once": {func(w http.ResponseWriter, _ *http.Request) {
			c, _, err := w.(http.Hijacker).Hijack()
			if err == nil {
				_ = c.Close()
			}
		}, pipeline.Transient, p.Address},
	}
}

func (p Provider) busy(t *testing.T) {
	for header, want := range map[string]time.Duration{"7": 7 * time.Second, "": 0, "soon": 0, "-5": 0, "999999": time.Hour, "10000000000": time.Hour} {
		chat := p.serve(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", header)
			respond(w, http.StatusTooManyRequests, "application/json", `{"error":{"message":"slow down"}}`)
		})
		_, err := chat.Complete(t.Context(), Question)
		require.Equal(t, pipeline.Transient, pipeline.KindOf(err))
		var busy *agent.RateLimited
		require.ErrorAs(t, err, &busy)
		require.Equal(t, want, busy.After, "Retry-After: %s", header)
	}
}

func (p Provider) silence(t *testing.T, first func(http.ResponseWriter)) {
	release := make(chan struct{})
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		first(w)
		<-release
	}))
	defer s.Close()
	defer close(release)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err := p.open(t, s.URL).Complete(ctx, Question)
	require.Equal(t, pipeline.Transient, pipeline.KindOf(err))
	require.ErrorContains(t, err, "agent.timeout")
}

func (p Provider) form(t *testing.T) {
	var spread bytes.Buffer
	require.NoError(t, json.Indent(&spread, []byte(p.Body("TEXT", false)), "", "\t"))
	body := strings.Replace(spread.String(), "TEXT", "caf\xe9", 1)
	chat := p.serve(t, func(w http.ResponseWriter, _ *http.Request) {
		respond(w, http.StatusOK, "application/json; charset=utf-8", body)
	})
	got, err := chat.Complete(t.Context(), Question)
	require.NoError(t, err)
	require.Equal(t, "caf\uFFFD", got.Text)
}

func (p Provider) password(t *testing.T) {
	const password = "pass-word-9876"
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		respond(w, http.StatusForbidden, "application/json", `{"error":"who is `+password+`?"}`)
	}))
	address := strings.Replace(s.URL, "http://", "http://me:"+password+"@", 1)
	chat := p.open(t, address)
	_, refused := chat.Complete(t.Context(), Question)
	s.Close()
	_, down := chat.Complete(t.Context(), Question)
	_, mistyped := p.Open("ftp://me:"+password+"@localhost", secret)
	for _, err := range []error{refused, down, mistyped} {
		require.Error(t, err)
		require.NotContains(t, err.Error(), password)
	}
}

func (p Provider) redirect(t *testing.T) {
	reached := false
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached = true }))
	defer other.Close()
	chat := p.serve(t, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, other.URL, http.StatusTemporaryRedirect)
	})
	_, err := chat.Complete(t.Context(), Question)
	require.Equal(t, pipeline.Misconfigured, pipeline.KindOf(err))
	require.ErrorContains(t, err, p.Address)
	require.False(t, reached)
}
