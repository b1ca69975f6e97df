package agent_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/autonomous-data-pipeline/adp/agent"
	"github.com/autonomous-data-pipeline/adp/agent/agenttest"
)

// fixed is a Chat that always says the same.
type fixed string

func (fixed) Name() string  { return "openai" }
func (fixed) Model() string { return "fixed" }
func (f fixed) Complete(ctx context.Context, _ agent.ChatRequest) (agent.ChatAnswer, error) {
	if ctx.Err() != nil {
		return agent.ChatAnswer{}, errors.New("the context has ended")
	}
	return agent.ChatAnswer{Text: string(f)}, nil
}

func TestModelIsAProposer(t *testing.T) {
	for name, says := range map[string]string{
		"that escalates": `{"evidence":["f1"],"root_cause":"r","actions":["escalate"],"advice":"none","summary":"s"}`,
		"that only adds": `{"evidence":[],"root_cause":"r","actions":["log"],"advice":"replay","summary":"s"}`,
		"that babbles":   `Sure! Here is the plan:`,
	} {
		t.Run(name, func(t *testing.T) {
			agenttest.Run(t, func() agent.Proposer { return agent.Model{Chat: fixed(says), Now: time.Now} })
		})
	}
}
