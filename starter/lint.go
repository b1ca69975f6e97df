package main

import (
	"strings"

	"github.com/spf13/cobra"
)

// linted is what lint found in one pipeline.
type linted struct {
	Pipeline string   `json:"pipeline"`
	Problems []string `json:"problems"`
	Warnings []string `json:"warnings"`
}

func (a *app) lintCommand() *cobra.Command {
	return &cobra.Command{
		Use: "lint [pipeline...]", Short: "Check pipelines with their schemas and rules; every problem at once", ValidArgsFunction: a.completePipelines,
		RunE: func(_ *cobra.Command, args []string) error {
			c, err := a.config()
			if err != nil {
				return err
			}
			if args, err = a.pipelinesArg(args); err != nil {
				return err
			}
			all, bad := make([]linted, 0, len(args)), false
			for _, name := range args {
				l := linted{Pipeline: name, Problems: []string{}, Warnings: []string{}}
				d, err := c.Declare(name, a.env)
				if err != nil {
					l.Problems, bad = strings.Split(err.Error(), "\n"), true
				}
				if d != nil {
					l.Warnings = append(l.Warnings, d.Warnings...)
				}
				all = append(all, l)
			}
			if err := a.print(all, func() { a.printLint(all) }); err != nil {
				return err
			}
			if bad {
				return errProblems
			}
			return nil
		},
	}
}

func (a *app) printLint(all []linted) {
	for _, l := range all {
		if len(l.Problems) == 0 {
			a.say("%s: ok", l.Pipeline)
		}
		for _, p := range l.Problems {
			a.say("%s: error: %s", l.Pipeline, p)
		}
		for _, w := range l.Warnings {
			a.say("%s: warning: %s", l.Pipeline, w)
		}
	}
}
