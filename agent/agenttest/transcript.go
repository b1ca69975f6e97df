package agenttest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/autonomous-data-pipeline/adp/agent"
	"github.com/autonomous-data-pipeline/adp/pipeline"
)

// Exchange is one question to a model and its answer; a transcript is a file of
// them, one a line, that tests replay without the model. The fences' token,
// which is drawn anew for every proposal, is TOKEN in both.
type Exchange struct {
	Provider string            `json:"provider"`
	Model    string            `json:"model"`
	Request  agent.ChatRequest `json:"request"`
	Answer   agent.ChatAnswer  `json:"answer"`
	Refused  string            `json:"refused,omitempty"` // why the driver took the answer for none
}

// Recorder is a Chat that keeps what was asked and answered. It is safe for
// concurrent use.
type Recorder struct {
	agent.Chat
	mu   sync.Mutex
	kept map[string]Exchange
}

// Record keeps the answers of chat, each question's first one.
func Record(chat agent.Chat) *Recorder { return &Recorder{Chat: chat, kept: map[string]Exchange{}} }

// Complete asks the chat behind. An answer that is none is kept too, but no
// other error: those aren't the model's.
func (r *Recorder) Complete(ctx context.Context, q agent.ChatRequest) (agent.ChatAnswer, error) {
	got, err := r.Chat.Complete(ctx, q)
	if err != nil && pipeline.KindOf(err) != pipeline.BadData {
		return got, err
	}
	token := tokenOf(q)
	e := Exchange{Provider: r.Name(), Model: r.Model(), Request: without(q, token), Answer: got}
	e.Answer.Text = hide(got.Text, token)
	if err != nil {
		e.Refused = err.Error()
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if k := string(line(e.Request)); r.kept[k].Model == "" {
		r.kept[k] = e
	}
	return got, err
}

// Save writes the transcript for Replay, in the questions' order by letters.
func (r *Recorder) Save(t testing.TB, file string) {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	var out []byte
	for _, k := range slices.Sorted(maps.Keys(r.kept)) {
		out = append(out, line(r.kept[k])...)
	}
	require.NoError(t, os.MkdirAll(filepath.Dir(file), 0o755))
	require.NoError(t, os.WriteFile(file, out, 0o600))
}

// Replay is a Chat that answers from the transcript in file. A question that
// isn't in it fails the test: an error alone would make rules decide, and the
// test pass. again is the command that records it anew.
func Replay(t testing.TB, file, again string) agent.Chat {
	t.Helper()
	b, err := os.ReadFile(file)
	require.NoError(t, err, "record it: %s", again)
	r := &replay{t: t, file: file, again: again, kept: map[string]Exchange{}}
	for text := range bytes.Lines(b) {
		var e Exchange
		require.NoError(t, json.Unmarshal(text, &e), file)
		r.kept[string(line(e.Request))], r.last = e, e
	}
	return r
}

type replay struct {
	t           testing.TB
	file, again string
	kept        map[string]Exchange // by request
	last        Exchange            // names the model, which is the same for all
}

func (r *replay) Name() string  { return r.last.Provider }
func (r *replay) Model() string { return r.last.Model }

func (r *replay) Complete(ctx context.Context, q agent.ChatRequest) (agent.ChatAnswer, error) {
	r.t.Helper()
	if err := ctx.Err(); err != nil {
		return agent.ChatAnswer{}, err
	}
	token := tokenOf(q)
	asked := line(without(q, token))
	e, ok := r.kept[string(asked)]
	if !ok {
		r.t.Errorf("%s has no such question. If it changed on purpose, record it anew: %s\nasked: %s", r.file, r.again, asked)
		return e.Answer, fmt.Errorf("the transcript %s has no such question", r.file)
	}
	if e.Refused != "" {
		return e.Answer, pipeline.Faultf(pipeline.BadData, "%s", e.Refused)
	}
	e.Answer.Text = show(e.Answer.Text, token)
	return e.Answer, nil
}

const placeholder = "TOKEN"

var opensFence = regexp.MustCompile(`<([0-9a-f]{8,})>`)

// tokenOf finds the fences' token; "" is none.
func tokenOf(q agent.ChatRequest) string {
	for _, m := range q.Messages {
		if found := opensFence.FindStringSubmatch(m.Text); found != nil {
			return found[1]
		}
	}
	return ""
}

func without(q agent.ChatRequest, token string) agent.ChatRequest {
	out := q
	out.Messages = nil
	for _, m := range q.Messages {
		out.Messages = append(out.Messages, agent.Message{Role: m.Role, Text: hide(m.Text, token)})
	}
	return out
}

func hide(text, token string) string {
	if token == "" {
		return text
	}
	return strings.ReplaceAll(text, token, placeholder)
}

func show(text, token string) string {
	if token == "" {
		return text
	}
	return strings.ReplaceAll(text, placeholder, token)
}

// line is one line of JSON, the same for the same content however a schema in
// it is indented, and with the fences as people read them.
func line(v any) []byte {
	var out bytes.Buffer
	lines := json.NewEncoder(&out)
	lines.SetEscapeHTML(false)
	_ = lines.Encode(v) // messages are text, and the schema is the proposer's own
	return out.Bytes()
}
