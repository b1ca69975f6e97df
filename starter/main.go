// Command starter is the pipeline's command line: it triggers runs, answers
// escalations, looks into quarantine and checks that nothing is lost.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/autonomous-data-pipeline/adp/pipeline"
)

// version is set by the linker.
var version = "dev"

// The exit codes.
const (
	exitOK       = 0
	exitFailed   = 1 // what was asked for didn't work
	exitUsage    = 2 // the command line or a setting is wrong
	exitProblems = 3 // a check ran and found problems: lint, verify, audit verify, eval
)

// errProblems says that a check found problems, which are printed already.
var errProblems = errors.New("problems were found")

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := execute(ctx, os.Args[1:], os.Getenv, os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// execute runs one command line and gives its exit code.
func execute(ctx context.Context, args []string, env func(string) string, out, errOut io.Writer) int {
	a := &app{env: env, out: out, err: errOut}
	root := a.root()
	root.SetArgs(args)
	root.SetOut(out)
	root.SetErr(errOut)
	err := root.ExecuteContext(ctx)
	a.close()
	switch {
	case err == nil:
		return exitOK
	case errors.Is(err, errProblems):
		return exitProblems
	case errors.Is(err, context.Canceled):
		return exitFailed
	}
	fmt.Fprintln(errOut, "starter:", err)
	var usage *usageError
	if errors.As(err, &usage) || pipeline.KindOf(err) == pipeline.Misconfigured {
		return exitUsage
	}
	return exitFailed
}

// usageError is a command line that can't be understood.
type usageError struct{ error }

func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "starter",
		Short: "Trigger, watch, answer and check self-healing data pipelines",
		Long: `starter is the command line of the pipelines that bin/worker runs.

Exit codes: 0 done, 1 it didn't work, 2 the command line or a setting is wrong,
3 a check (lint, verify, audit verify, eval) found problems.`,
		Version:       version,
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return &usageError{err} })
	root.PersistentFlags().BoolVar(&a.json, "json", false, "print JSON, for scripts")
	root.Args, root.RunE = cobra.NoArgs, func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
	root.AddCommand(
		a.runCommand(), a.backfillCommand(), a.maintainCommand(), a.statusCommand(), a.historyCommand(), a.scheduleCommand(),
		a.approveCommand(), a.rejectCommand(), a.resolveCommand(), a.incidentsCommand(), a.quarantineCommand(),
		a.decideCommand(), a.evalCommand(), a.backtestCommand(), a.verifyCommand(), a.generateCommand(), a.lintCommand(), a.checkCommand(), a.suggestCommand(), a.auditCommand(), a.agentCommand(), a.tokenCommand(), a.consoleCommand(), a.mcpCommand(), a.alertCommand(), a.demoCommand(),
	)
	usageErrors(root)
	return root
}

// usageErrors makes a wrong number of arguments, or an unknown command, a
// matter of the command line, for the exit code.
func usageErrors(cmd *cobra.Command) {
	if check := cmd.Args; check != nil {
		cmd.Args = func(c *cobra.Command, args []string) error {
			if err := check(c, args); err != nil {
				return &usageError{fmt.Errorf("%w (see %s --help)", err, c.CommandPath())}
			}
			return nil
		}
	}
	for _, sub := range cmd.Commands() {
		usageErrors(sub)
	}
}
