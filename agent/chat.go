package agent

import (
	"context"
	"encoding/json"
	"fmt"
	"time"
)

// Chat is a language model behind some provider's API. Its drivers are in
// agent/ollama and agent/openai. They neither retry nor judge an answer:
// retries are the workflow's, and judging is the guard's.
//
// Errors are faults. An unknown model, a refused key or an endpoint that is
// none is Misconfigured, naming the setting; a model that is down, slow or busy
// is Transient (see RateLimited); an answer that is no answer, was cut off
// (finish reason "length") or is larger than MaxAnswerBytes is BadData.
type Chat interface {
	// Name is the provider: ollama or openai.
	Name() string
	// Model is the model's name, as the provider knows it.
	Model() string
	// Complete asks for the conversation's next message.
	Complete(ctx context.Context, r ChatRequest) (ChatAnswer, error)
}

// MaxAnswerBytes is how much of a provider's response is read; a plan is a
// thousandth of it.
const MaxAnswerBytes = 1 << 20

// ChatRequest is one question.
type ChatRequest struct {
	Messages []Message `json:"messages"`
	// Schema is the JSON schema that the answer must follow. The provider is
	// told to enforce it, and isn't trusted to.
	Schema    json.RawMessage `json:"schema"`
	MaxTokens int             `json:"max_tokens"` // of the answer
}

// The roles of messages.
const (
	RoleSystem    = "system"
	RoleUser      = "user"
	RoleAssistant = "assistant"
)

// Message is one turn of a conversation.
type Message struct {
	Role string `json:"role"`
	Text string `json:"text"`
}

// ChatAnswer is the model's message, as it came.
type ChatAnswer struct {
	Text         string `json:"text"`
	PromptTokens int    `json:"prompt_tokens"` // 0: the provider didn't say
	AnswerTokens int    `json:"answer_tokens"`
}

// RateLimited is inside the Transient fault of a provider that asked to wait.
type RateLimited struct{ After time.Duration }

func (r *RateLimited) Error() string {
	return fmt.Sprintf("the provider asks to wait for %v", r.After)
}
