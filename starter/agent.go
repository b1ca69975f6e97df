package main

import (
	"context"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/autonomous-data-pipeline/adp/agent"
	"github.com/autonomous-data-pipeline/adp/pipeline"
)

func (a *app) agentCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "agent", Short: "Stop a pipeline's decision agent, let it go on, see how it stands and how it does, or try its model"}
	var reason string
	turn := func(use, short string, on bool) *cobra.Command {
		c := &cobra.Command{
			Use: use + " [pipeline]", Short: short, Args: cobra.MaximumNArgs(1), ValidArgsFunction: a.completePipelines,
			RunE: func(cmd *cobra.Command, args []string) error {
				return a.turnSwitch(cmd.Context(), args, agent.Switch{On: on, By: a.who(), Reason: reason, At: time.Now().UTC()})
			},
		}
		c.Flags().StringVar(&reason, "reason", "", "why, for the decision log")
		return c
	}
	show := &cobra.Command{
		Use: "status [pipeline]", Short: "Show whether the agent may act, and who stopped it", Args: cobra.MaximumNArgs(1), ValidArgsFunction: a.completePipelines,
		RunE: func(cmd *cobra.Command, args []string) error { return a.showSwitch(cmd.Context(), args) },
	}
	cmd.AddCommand(
		turn("stop", "The agent changes nothing by itself any more, not in runs that go on either: batches that need a remedy are held for a person", true),
		turn("start", "The agent may act again, as far as policy allows", false),
		show, a.checkAgentCommand(), a.statsCommand())
	return cmd
}

func (a *app) turnSwitch(ctx context.Context, args []string, turned agent.Switch) error {
	name, err := a.declaredArg(args)
	if err != nil {
		return err
	}
	turned.Pipeline = name
	store, err := a.ops(ctx)
	if err != nil {
		return err
	}
	if err := store.TurnSwitch(ctx, turned); err != nil {
		return err
	}
	c, err := a.config()
	if err != nil {
		return err
	}
	if err := agent.OpenAudit(filepath.Join(c.Reports(name), auditLog)).Switch(turned); err != nil {
		return err
	}
	return a.print(turned, func() { a.say("%s", switchLine(turned)) })
}

// declaredArg is the name of a pipeline that somebody has declared: a switch
// for a misspelt one would stop nothing. Its file may be broken.
func (a *app) declaredArg(args []string) (string, error) {
	name, err := a.pipelineArg(args)
	if err != nil {
		return "", err
	}
	c, err := a.config()
	if err != nil {
		return "", err
	}
	names, err := c.Names()
	if err == nil && !slices.Contains(names, name) {
		err = pipeline.Misconfiguredf("PIPELINES_DIR", "pipeline %q is not declared (known: %s)", name, strings.Join(names, ", "))
	}
	return name, err
}

func (a *app) showSwitch(ctx context.Context, args []string) error {
	name, err := a.declaredArg(args)
	if err != nil {
		return err
	}
	store, err := a.ops(ctx)
	if err != nil {
		return err
	}
	s, err := store.Switch(ctx, name)
	if err != nil {
		return err
	}
	return a.print(s, func() { a.say("%s", switchLine(s)) })
}

func switchLine(s agent.Switch) string {
	line := "the agent of " + s.Pipeline + " may act, as far as policy allows"
	if s.On {
		line = "the agent of " + s.Pipeline + " changes nothing by itself"
	}
	if s.By == "" {
		return line
	}
	line += ": so said " + s.By + ", " + s.At.Local().Format(time.DateTime)
	if s.Reason != "" {
		line += " (" + s.Reason + ")"
	}
	return line
}
