package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/autonomous-data-pipeline/adp/config"
	"github.com/autonomous-data-pipeline/adp/internal/temporal"
)

func (a *app) scheduleCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "schedule", Short: "Create, pause, resume or remove a pipeline's Temporal Schedules"}
	var note string
	verb := func(use, short, done string, do func(ctx context.Context, s temporal.Schedules, c config.Config, name string) error) *cobra.Command {
		return &cobra.Command{
			Use: use + " [pipeline]", Short: short, Args: cobra.MaximumNArgs(1), ValidArgsFunction: a.completePipelines,
			RunE: func(cmd *cobra.Command, args []string) error {
				name, err := a.pipelineArg(args)
				if err != nil {
					return err
				}
				cl, c, err := a.temporal(cmd.Context())
				if err != nil {
					return err
				}
				if err := do(cmd.Context(), temporal.Schedules{Client: cl, TaskQueue: c.Temporal.TaskQueue}, c, name); err != nil {
					return err
				}
				return a.print(map[string]string{"pipeline": name, "schedule": done}, func() { a.say("schedule of %s: %s", name, done) })
			},
		}
	}
	apply := verb("apply", "Create the schedules of runs and of maintenance, or change them to what the pipeline's file says", "applied",
		func(ctx context.Context, s temporal.Schedules, c config.Config, name string) error {
			p, err := c.Load(name, a.env)
			if err != nil {
				return err
			}
			return s.Apply(ctx, p)
		})
	pause := verb("pause", "Start no run by schedule until it is resumed", "paused",
		func(ctx context.Context, s temporal.Schedules, _ config.Config, name string) error {
			return s.SetPaused(ctx, name, true, noteOr(note, "paused by "+a.who()))
		})
	resume := verb("resume", "Start runs by schedule again", "resumed",
		func(ctx context.Context, s temporal.Schedules, _ config.Config, name string) error {
			return s.SetPaused(ctx, name, false, noteOr(note, "resumed by "+a.who()))
		})
	remove := verb("remove", "Remove the schedules; runs in flight go on", "removed",
		func(ctx context.Context, s temporal.Schedules, _ config.Config, name string) error {
			return s.Remove(ctx, name)
		})
	for _, c := range []*cobra.Command{pause, resume} {
		c.Flags().StringVar(&note, "note", "", "why, shown in the Web UI")
	}
	show := &cobra.Command{
		Use: "show [pipeline]", Short: "Show how the schedule stands", Args: cobra.MaximumNArgs(1), ValidArgsFunction: a.completePipelines,
		RunE: func(cmd *cobra.Command, args []string) error {
			name, err := a.pipelineArg(args)
			if err != nil {
				return err
			}
			line := a.scheduleLine(cmd.Context(), name)
			return a.print(map[string]string{"pipeline": name, "schedule": line}, func() { a.say("schedule of %s: %s", name, line) })
		},
	}
	cmd.AddCommand(apply, pause, resume, remove, show)
	return cmd
}

func noteOr(note, fallback string) string {
	if note != "" {
		return note
	}
	return fallback
}
