package main

import (
	"context"
	"log/slog"
	"time"

	"github.com/spf13/cobra"

	"github.com/autonomous-data-pipeline/adp/config"
	"github.com/autonomous-data-pipeline/adp/console"
	"github.com/autonomous-data-pipeline/adp/console/access"
	"github.com/autonomous-data-pipeline/adp/internal/webserver"
	"github.com/autonomous-data-pipeline/adp/ops"
)

// consoleAddr is where the console is served if nobody says otherwise: for this
// machine alone.
const consoleAddr = "127.0.0.1:8088"

func (a *app) consoleCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "console", Short: "Serve the console's pages and the API on CONSOLE_ADDR, without a worker, until Ctrl-C", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.serveConsole(cmd.Context()) },
	}
	role := string(console.Admin)
	link := &cobra.Command{
		Use: "link", Short: "Print a link that logs in once, within ten minutes", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.printLoginLink(cmd.Context(), console.Role(role)) },
	}
	link.Flags().StringVar(&role, "role", role, "viewer, operator, approver or admin")
	cmd.AddCommand(link)
	return cmd
}

func (a *app) serveConsole(ctx context.Context) error {
	store, err := a.ops(ctx)
	if err != nil {
		return err
	}
	cl, c, err := a.temporal(ctx)
	if err != nil {
		return err
	}
	if c.Console.Addr == "" {
		c.Console.Addr = consoleAddr
	}
	server, err := webserver.Start(ctx, webserver.Options{
		Config: c, Env: a.env, Ops: store, Client: cl, Version: version,
		Log: slog.New(slog.NewTextHandler(a.err, &slog.HandlerOptions{Level: slog.LevelWarn})),
	})
	if err != nil {
		return err
	}
	link, err := loginLink(ctx, store, "http://"+server.Address, a.who(), console.Admin)
	if err != nil {
		return err
	}
	a.say("the console is at http://%s; log in once by %s", server.Address, link)
	<-ctx.Done()
	return server.Close()
}

func (a *app) printLoginLink(ctx context.Context, role console.Role) error {
	store, err := a.ops(ctx)
	if err != nil {
		return err
	}
	c, err := a.config()
	if err != nil {
		return err
	}
	if err := a.recordToken("login link", a.who(), map[string]string{"role": string(role)}, time.Now().UTC()); err != nil {
		return err
	}
	link, err := loginLink(ctx, store, baseOf(c), a.who(), role)
	if err != nil {
		return err
	}
	return a.print(map[string]string{"link": link}, func() { a.say("%s", link) })
}

func baseOf(c config.Config) string {
	if c.Console.URL == "" {
		return "http://" + consoleAddr
	}
	return c.Console.URL
}

// loginLink logs a person in once: who can make one can read the store anyway.
func loginLink(ctx context.Context, store *ops.Store, base, name string, role console.Role) (string, error) {
	path, err := access.LoginCode(ctx, store, console.Person{Name: name, Role: role}, time.Now())
	return base + path, err
}
