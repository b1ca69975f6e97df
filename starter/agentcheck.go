package main

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/autonomous-data-pipeline/adp/agent"
	"github.com/autonomous-data-pipeline/adp/pipeline"
)

// checked is what trying a model showed.
type checked struct {
	Provider string          `json:"provider"`
	Decision *agent.Decision `json:"decision,omitempty"`
}

func (a *app) checkAgentCommand() *cobra.Command {
	return &cobra.Command{
		Use: "check [pipeline]", Short: "Ask the pipeline's model about a made-up run, to see whether it can be reached and what it answers; touches nothing",
		Args: cobra.MaximumNArgs(1), ValidArgsFunction: a.completePipelines,
		RunE: func(cmd *cobra.Command, args []string) error { return a.checkAgent(cmd.Context(), args) },
	}
}

// checkAgent fails if the model's answer can't be used: its pipeline's runs
// would be decided by rules.
func (a *app) checkAgent(ctx context.Context, args []string) error {
	name, err := a.pipelineArg(args)
	if err != nil {
		return err
	}
	c, err := a.config()
	if err != nil {
		return err
	}
	p, err := c.Load(name, a.env)
	if err != nil {
		return err
	}
	m, err := p.Model()
	if err != nil {
		return err
	}
	if m == nil {
		return a.print(checked{Provider: agent.ByRules}, func() { a.say("%s: rules decide, no model is asked (agent.provider / LLM_PROVIDER)", name) })
	}
	m.Now = time.Now
	d, err := agent.Decide(ctx, madeUp(name), p.Policy, *m, time.Now(), "check")
	if err != nil {
		return err
	}
	if err := a.print(checked{Provider: m.Name(), Decision: &d}, func() { a.sayChecked(name, d) }); err != nil {
		return err
	}
	if d.Fallback != "" {
		return errProblems
	}
	return nil
}

// madeUp are facts that leave a model a choice.
func madeUp(name string) agent.Facts {
	return agent.Facts{Report: pipeline.RunReport{
		Pipeline: name, RunID: "check", Records: pipeline.Records{Read: 10_000, Clean: 10_000},
		Late: pipeline.Late{Count: 800, Share: 0.08, AllowedLatenessS: 600, MaxLatenessS: 4000},
	}}
}

func (a *app) sayChecked(name string, d agent.Decision) {
	if use := d.Proposal.Use; use != nil {
		a.say("%s: %s %s answered in %d ms, %d + %d tokens", name, d.Proposal.By, use.Model, use.LatencyMs, use.PromptTokens, use.AnswerTokens)
	}
	if d.Fallback != "" {
		a.say("its answer can't be used, so rules would decide: %s", d.Fallback)
	}
	a.say("%s", d.Summary)
}
