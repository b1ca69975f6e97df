package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/user"
	"text/tabwriter"

	"github.com/mattn/go-isatty"
	"github.com/schollz/progressbar/v3"
	"github.com/spf13/cobra"
	"go.temporal.io/sdk/client"

	"github.com/autonomous-data-pipeline/adp/config"
	"github.com/autonomous-data-pipeline/adp/internal/own"
	"github.com/autonomous-data-pipeline/adp/internal/temporal"
	"github.com/autonomous-data-pipeline/adp/ops"
)

// app is what the commands share. Connections are opened when first needed, so
// that commands without Temporal or a broker work without them.
type app struct {
	env      func(string) string
	out, err io.Writer
	json     bool

	client client.Client
	store  *ops.Store
}

func (a *app) close() {
	if a.client != nil {
		a.client.Close()
	}
	if a.store != nil {
		_ = a.store.Close() // nothing is written after a command's own commit
	}
}

func (a *app) config() (config.Config, error) {
	c, err := config.FromEnv(a.env)
	if err == nil {
		c.Actions, err = own.Actions()
	}
	return c, err
}

func (a *app) temporal(ctx context.Context) (client.Client, config.Config, error) {
	c, err := a.config()
	if err != nil || a.client != nil {
		return a.client, c, err
	}
	quiet := slog.New(slog.NewTextHandler(a.err, &slog.HandlerOptions{Level: slog.LevelError}))
	a.client, err = temporal.Dial(ctx, c.Temporal, quiet, nil)
	return a.client, c, err
}

func (a *app) ops(ctx context.Context) (*ops.Store, error) {
	c, err := a.config()
	if err != nil || a.store != nil {
		return a.store, err
	}
	a.store, err = ops.Open(ctx, c.OpsDB)
	return a.store, err
}

// print writes v as JSON with --json, else calls text.
func (a *app) print(v any, text func()) error {
	if !a.json {
		text()
		return nil
	}
	enc := json.NewEncoder(a.out)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}

func (a *app) say(format string, args ...any) { fmt.Fprintf(a.out, format+"\n", args...) }

// table aligns rows of tab-separated cells.
func (a *app) table(header string, rows []string) {
	w := tabwriter.NewWriter(a.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, header)
	for _, r := range rows {
		fmt.Fprintln(w, r)
	}
	_ = w.Flush() // the terminal is gone if this fails
}

// progress shows a bar when a person looks, and nothing otherwise.
func (a *app) progress(total int64, what string) func(done int64) {
	f, ok := a.err.(*os.File)
	if a.json || !ok || !isatty.IsTerminal(f.Fd()) {
		return func(int64) {}
	}
	bar := progressbar.NewOptions64(total, progressbar.OptionSetWriter(f), progressbar.OptionSetDescription(what),
		progressbar.OptionShowCount(), progressbar.OptionClearOnFinish(), progressbar.OptionThrottle(100_000_000))
	return func(done int64) { _ = bar.Set64(done) } // a bar that can't be drawn isn't worth an error
}

// who is the person at the keyboard, for records of who decided.
func (a *app) who() string {
	if v := a.env("USER"); v != "" {
		return v
	}
	if u, err := user.Current(); err == nil {
		return u.Username
	}
	return "unknown"
}

// pipelineArg takes the pipeline's name from the arguments; with one pipeline
// declared it may be left out.
func (a *app) pipelineArg(args []string) (string, error) {
	if len(args) > 0 {
		return args[0], nil
	}
	c, err := a.config()
	if err != nil {
		return "", err
	}
	names, err := c.Names()
	if err != nil {
		return "", err
	}
	if len(names) == 1 {
		return names[0], nil
	}
	return "", &usageError{fmt.Errorf("say which pipeline: %v are declared in %s", names, c.PipelinesDir)}
}

// pipelinesArg takes pipelines' names from the arguments; none means every
// declared one.
func (a *app) pipelinesArg(args []string) ([]string, error) {
	if len(args) > 0 {
		return args, nil
	}
	c, err := a.config()
	if err != nil {
		return nil, err
	}
	return c.Names()
}

func (a *app) completePipelines(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	c, err := a.config()
	if err != nil {
		return nil, cobra.ShellCompDirectiveError
	}
	names, err := c.Names()
	if err != nil {
		return nil, cobra.ShellCompDirectiveError
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}
