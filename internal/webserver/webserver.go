// Package webserver wires the console: pages, API and what others call, at one
// address, whichever program serves it.
package webserver

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"go.temporal.io/sdk/client"

	"github.com/autonomous-data-pipeline/adp/alerting"
	"github.com/autonomous-data-pipeline/adp/alerting/slack"
	"github.com/autonomous-data-pipeline/adp/config"
	"github.com/autonomous-data-pipeline/adp/console"
	"github.com/autonomous-data-pipeline/adp/console/access"
	"github.com/autonomous-data-pipeline/adp/console/api"
	"github.com/autonomous-data-pipeline/adp/console/pages"
	"github.com/autonomous-data-pipeline/adp/console/problem"
	"github.com/autonomous-data-pipeline/adp/console/site"
	"github.com/autonomous-data-pipeline/adp/console/trigger"
	"github.com/autonomous-data-pipeline/adp/internal/temporal"
	"github.com/autonomous-data-pipeline/adp/ops"
	"github.com/autonomous-data-pipeline/adp/pipeline"
)

// Options are what the console stands on.
type Options struct {
	Config  config.Config
	Env     func(string) string // of the pipelines' files
	Ops     *ops.Store
	Client  client.Client
	Log     *slog.Logger
	Version string
}

// Start listens on CONSOLE_ADDR and serves until the server is closed. An
// address that can't be had is a Misconfigured fault.
func Start(ctx context.Context, o Options) (*site.Server, error) {
	l, err := site.Listen(ctx, o.Config.Console.Addr)
	if err != nil {
		return nil, err
	}
	return serve(l, o), nil
}

func serve(l net.Listener, o Options) *site.Server {
	return site.Serve(l, Handler(Desk(o), o), o.Log)
}

// Desk is what people ask and tell.
func Desk(o Options) *console.Desk {
	return &console.Desk{
		Config: o.Config, Env: o.Env, Ops: o.Ops, Now: time.Now,
		Temporal: temporal.People{Client: o.Client, Namespace: o.Config.Temporal.Namespace, TaskQueue: o.Config.Temporal.TaskQueue},
	}
}

// Handler serves a desk, behind the guard.
func Handler(desk *console.Desk, o Options) http.Handler {
	shown := pages.New(desk, pages.Options{Version: o.Version, Log: o.Log})
	guard := access.NewGuard(desk.Ops, access.Options{Now: desk.Now, TrustProxy: o.Config.Console.TrustProxy, Login: shown.Login})
	mux := http.NewServeMux()
	mux.Handle("/api/", api.New(desk, o.Log))
	if o.Config.Alerts.Slack.Secret != "" {
		mux.Handle("/slack/interactions", slack.Interactions(o.Config.Alerts.Slack, slack.Clicks{Answer: clicked(desk), Now: desk.Now, Log: o.Log}))
	}
	mux.Handle("/hooks/", trigger.New(desk, trigger.Config{Secret: o.Config.Trigger.Secret, Log: o.Log}))
	mux.Handle("/", shown)
	return guard.Wrap(mux)
}

// clicked carries out what a person answers by a button in Slack. That this
// person may answer is checked already: SLACK_APPROVERS names them.
func clicked(desk *console.Desk) func(context.Context, slack.Click) (string, error) {
	return func(ctx context.Context, c slack.Click) (string, error) {
		by := console.Person{Name: fmt.Sprintf("%s (Slack %s)", c.UserName, c.UserID), Role: console.Approver, Via: "slack"}
		said := by.Name + " is on it"
		var err error
		if c.Resolution == alerting.Acknowledge {
			err = desk.Acknowledge(ctx, by, c.Incident, "")
		} else {
			var r pipeline.Resolution
			r, err = desk.Answer(ctx, by, c.Incident, pipeline.Answer{Resolution: c.Resolution})
			said = fmt.Sprintf("%s: %d records loaded, %d still in quarantine", r.Resolution, r.Records.Loaded, r.Records.Quarantined)
		}
		if err != nil {
			_, detail := problem.Of(err) // which of it a person may read
			return "", errors.New(detail)
		}
		return said, nil
	}
}
