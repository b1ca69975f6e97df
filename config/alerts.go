package config

import (
	"errors"
	"log/slog"
	"strings"

	"github.com/autonomous-data-pipeline/adp/alerting"
	"github.com/autonomous-data-pipeline/adp/alerting/email"
	alertlog "github.com/autonomous-data-pipeline/adp/alerting/log"
	"github.com/autonomous-data-pipeline/adp/alerting/pagerduty"
	"github.com/autonomous-data-pipeline/adp/alerting/slack"
	"github.com/autonomous-data-pipeline/adp/alerting/webhook"
)

// Alerts are the settings of the channels. One whose address is empty isn't
// there; the log always is.
type Alerts struct {
	Webhook   webhook.Config
	Slack     slack.Config
	Email     email.Config
	PagerDuty pagerduty.Config
}

func alertsFromEnv(env func(string) string) Alerts {
	return Alerts{
		Webhook: webhook.Config{URL: env("ALERT_WEBHOOK_URL"), Secret: env("ALERT_WEBHOOK_SECRET")},
		Slack: slack.Config{
			Webhook: env("ALERT_SLACK_WEBHOOK_URL"), Token: env("SLACK_BOT_TOKEN"), Channel: env("SLACK_CHANNEL"),
			Secret: env("SLACK_SIGNING_SECRET"), Approvers: list(env("SLACK_APPROVERS")),
		},
		Email: email.Config{
			To: env("ALERT_EMAIL"), Host: env("SMTP_HOST"), Port: env("SMTP_PORT"), User: env("SMTP_USER"), Password: env("SMTP_PASSWORD"),
			From: env("SMTP_FROM"), TLS: strings.ToLower(env("SMTP_TLS")),
		},
		PagerDuty: pagerduty.Config{RoutingKey: env("PAGERDUTY_ROUTING_KEY"), URL: env("PAGERDUTY_URL")},
	}
}

// list splits what is comma-separated.
func list(text string) (out []string) {
	for part := range strings.SplitSeq(text, ",") {
		if part = strings.TrimSpace(part); part != "" {
			out = append(out, part)
		}
	}
	return out
}

// Validate reports everything that is wrong with the channels that are set.
func (a Alerts) Validate() error {
	var errs []error
	if a.Webhook.URL != "" {
		errs = append(errs, a.Webhook.Validate())
	}
	if a.Slack.Enabled() {
		errs = append(errs, a.Slack.Validate())
	}
	if a.Email.To != "" {
		errs = append(errs, a.Email.Validate())
	}
	if a.PagerDuty.RoutingKey != "" {
		errs = append(errs, a.PagerDuty.Validate())
	}
	return errors.Join(errs...)
}

// Channels makes every channel that is set, the log first. Nothing is sent.
func (c Config) Channels(logger *slog.Logger) ([]alerting.Notifier, error) {
	out := []alerting.Notifier{alertlog.New(logger)}
	var errs []error
	add := func(n alerting.Notifier, err error) {
		if err != nil {
			errs = append(errs, err)
			return
		}
		out = append(out, n)
	}
	if a := c.Alerts; a.Webhook.URL != "" {
		add(webhook.New(a.Webhook))
	}
	if a := c.Alerts; a.Slack.Enabled() {
		add(slack.New(a.Slack))
	}
	if a := c.Alerts; a.Email.To != "" {
		add(email.New(a.Email))
	}
	if a := c.Alerts; a.PagerDuty.RoutingKey != "" {
		add(pagerduty.New(a.PagerDuty))
	}
	return out, errors.Join(errs...)
}
