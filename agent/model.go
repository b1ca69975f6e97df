package agent

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/autonomous-data-pipeline/adp/pipeline"
)

// Model proposes what a language model chooses among what the matrix leaves
// open. It never retries: whoever asks again is the caller's business.
type Model struct {
	Chat       Chat
	Lookups    []Lookup
	MaxLookups int           // questions before the plan; 0 asks at once
	Timeout    time.Duration // of a whole proposal; 0 is the context's own
	Now        func() time.Time

	token func() string // tests replace it; nil draws one
}

// Lookup is something that a model may ask about a run before it proposes. It
// only reads, and gives a text of numbers and names, never records as they are.
type Lookup struct {
	Name  string // a word of ours: recent_runs
	About string // in a few words, for the model
	Look  func(ctx context.Context, f Facts) (string, error)
}

// maxLooked bounds what a lookup may put into a prompt, in runes.
const maxLooked = 1500

// Name is the provider's.
func (m Model) Name() string { return m.Chat.Name() }

// Propose asks the model once, after the lookups that it wants. A healthy run
// leaves nothing to choose, so the model isn't asked. Errors are the Chat's, or
// BadData for an answer that isn't one.
func (m Model) Propose(ctx context.Context, f Facts, b Bounds) (Proposal, error) {
	if !Open(b) {
		p, err := Rules{}.Propose(ctx, f, b)
		p.By = m.Name()
		return p, err
	}
	if m.Timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, m.Timeout)
		defer cancel()
	}
	draw := m.token
	if draw == nil {
		draw = newToken
	}
	c := conversation{model: m, q: newQuestion(f, b, draw()), use: ModelUse{Model: m.Chat.Model()}}
	c.messages = c.q.messages()
	start := m.Now()
	p, err := c.propose(ctx, f)
	c.use.LatencyMs = m.Now().Sub(start).Milliseconds()
	p.By, p.Use = m.Name(), &c.use
	return p, err
}

// Open reports whether the bounds leave anything that is worth a model's time:
// a run on which nothing is wrong does not.
func Open(b Bounds) bool {
	return slices.ContainsFunc(b.Conditions, func(m Met) bool { return m.Name != Healthy })
}

// conversation is one proposal's exchange with a model.
type conversation struct {
	model    Model
	q        question
	messages []Message
	use      ModelUse
}

func (c *conversation) propose(ctx context.Context, f Facts) (Proposal, error) {
	if err := c.look(ctx, f); err != nil {
		return Proposal{}, err
	}
	raw, err := c.ask(ctx, c.q.schema(), answerTokens)
	p := Proposal{Raw: json.RawMessage(raw)}
	if err != nil {
		return p, err
	}
	a, err := c.q.read(raw)
	if err != nil {
		return p, pipeline.Faultf(pipeline.BadData, "read the answer of model %s: %w", c.model.Chat.Model(), err)
	}
	p.Actions = c.q.plan(a)
	p.RootCause, p.Evidence = clip(plain(a.RootCause), maxRootCause), c.q.cited(a)
	p.Summary = clip(plain(a.Summary), maxSummary)
	if err := Guard(c.q.bounds, p); err != nil {
		return p, pipeline.Faultf(pipeline.BadData, "take the plan of model %s: %w", c.model.Chat.Model(), err)
	}
	return p, nil
}

// ask sends the conversation as it is.
func (c *conversation) ask(ctx context.Context, schema json.RawMessage, tokens int) (string, error) {
	c.use.PromptSHA256 = c.digest()
	got, err := c.model.Chat.Complete(ctx, ChatRequest{Messages: c.messages, Schema: schema, MaxTokens: tokens})
	c.use.PromptTokens += got.PromptTokens
	c.use.AnswerTokens += got.AnswerTokens
	return got.Text, err
}

// digest identifies what was asked, whatever the fences' token.
func (c *conversation) digest() string {
	h := sha256.New()
	for _, m := range c.messages {
		fmt.Fprintf(h, "%s\n%s\n", m.Role, strings.ReplaceAll(m.Text, c.q.fence.token, "TOKEN"))
	}
	return hex.EncodeToString(h.Sum(nil))
}

// done is the word for no more lookups.
const done = "done"

// look lets the model ask, each thing once, until it has enough.
func (c *conversation) look(ctx context.Context, f Facts) error {
	left := slices.Clone(c.model.Lookups)
	for n := 0; n < c.model.MaxLookups && len(left) > 0; n++ {
		i, err := c.wanted(ctx, left)
		if err != nil || i < 0 {
			return err
		}
		l := left[i]
		left = slices.Delete(left, i, i+1)
		text, err := l.Look(ctx, f)
		if err != nil {
			text = "can't be looked up now"
		}
		c.use.Lookups = append(c.use.Lookups, l.Name)
		c.messages = append(c.messages,
			Message{RoleAssistant, fmt.Sprintf(`{"look":%q}`, l.Name)},
			Message{RoleUser, l.Name + ": " + c.q.fence.text(text, maxLooked)})
	}
	return nil
}

// wanted asks which lookup comes next; -1 is none.
func (c *conversation) wanted(ctx context.Context, left []Lookup) (int, error) {
	names := []string{done}
	menu := "Before you choose you may look up one of these, or answer done:"
	for _, l := range left {
		names = append(names, l.Name)
		menu += "\n" + l.Name + ": " + l.About
	}
	kept := c.messages
	c.messages = append(slices.Clone(kept), Message{RoleUser, menu})
	raw, err := c.ask(ctx, object([]property{{"look", enum(names)}}), lookupAnswers)
	c.messages = kept
	if err != nil {
		return -1, err
	}
	var choice struct {
		Look string `json:"look"`
	}
	if err := decode([]byte(raw), &choice); err != nil {
		return -1, pipeline.Faultf(pipeline.BadData, "read which lookup model %s wants: %w", c.model.Chat.Model(), err)
	}
	if !slices.Contains(names, choice.Look) {
		return -1, pipeline.Faultf(pipeline.BadData, "model %s wants to look up %s, which is none of %s", c.model.Chat.Model(), quote(choice.Look), list(names))
	}
	return slices.Index(names, choice.Look) - 1, nil
}
