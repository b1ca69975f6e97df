// Package slack shows alerts in Slack: through an incoming webhook, or with a
// bot's token as messages that people answer by a button and that change once
// they did. It carries out no answer: Interactions hands it on.
package slack

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	api "github.com/slack-go/slack"

	"github.com/autonomous-data-pipeline/adp/alerting"
	"github.com/autonomous-data-pipeline/adp/alerting/transport"
	"github.com/autonomous-data-pipeline/adp/pipeline"
)

// The settings that errors name.
const (
	settingWebhook = "ALERT_SLACK_WEBHOOK_URL"
	settingToken   = "SLACK_BOT_TOKEN"
	settingChannel = "SLACK_CHANNEL"
	settingSecret  = "SLACK_SIGNING_SECRET"
)

// Config says how to reach Slack: by Webhook, or by Token and Channel. Webhook,
// token and secret are credentials: no error shows them.
type Config struct {
	Webhook   string        // ALERT_SLACK_WEBHOOK_URL: an incoming webhook; no buttons
	Token     string        // SLACK_BOT_TOKEN: xoxb-…, scope chat:write; goes before Webhook
	Channel   string        // SLACK_CHANNEL: ID or name of where alerts go
	Secret    string        // SLACK_SIGNING_SECRET: proves that clicks come from Slack; empty shows no buttons
	Approvers []string      // SLACK_APPROVERS: Slack user IDs that may answer; none: nobody may
	Timeout   time.Duration // one request; 0 is 10s
	API       string        // address of Slack's Web API; empty is Slack's own
}

// Enabled reports whether anything is set.
func (c Config) Enabled() bool { return c.Webhook != "" || c.Token != "" || c.Channel != "" }

// Validate reports everything that is wrong at once.
func (c Config) Validate() error {
	var errs []error
	if c.Webhook != "" {
		errs = append(errs, transport.Address("Slack's webhook", settingWebhook, c.Webhook))
	}
	if c.Token != "" && c.Channel == "" {
		errs = append(errs, pipeline.Misconfiguredf(settingChannel, "post to Slack: there is a bot's token, and no channel to post to"))
	}
	if c.Channel != "" && c.Token == "" {
		errs = append(errs, pipeline.Misconfiguredf(settingToken, "post to Slack: there is a channel, and no bot's token to post with"))
	}
	if strings.ContainsFunc(c.Token, func(r rune) bool { return r <= ' ' || r > '~' }) {
		errs = append(errs, pipeline.Misconfiguredf(settingToken, "post to Slack: the bot's token holds characters that no token has"))
	}
	if c.Token != "" && len(c.Approvers) > 0 && c.Secret == "" {
		errs = append(errs, pipeline.Misconfiguredf(settingSecret, "take answers from Slack: there are approvers, and no signing secret to know Slack by"))
	}
	return errors.Join(errs...)
}

// Notifier posts to one channel of Slack.
type Notifier struct {
	config Config
	client *transport.Client
}

// New makes the channel. Nothing is sent.
func New(c Config) (*Notifier, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	if !c.Enabled() {
		return nil, pipeline.Misconfiguredf(settingWebhook, "post to Slack: neither a webhook nor a bot's token is set")
	}
	c.API = strings.TrimSuffix(c.API, "/")
	if c.API == "" {
		c.API = "https://slack.com/api"
	}
	setting := settingToken
	if c.Token == "" {
		setting = settingWebhook
	}
	return &Notifier{config: c, client: transport.New("Slack", setting, c.Timeout)}, nil
}

// Name is "slack".
func (n *Notifier) Name() string { return "slack" }

// Notify posts one message. Slack being down or busy is a Transient fault, a
// token, channel or webhook that it refuses a Misconfigured one.
func (n *Notifier) Notify(ctx context.Context, a alerting.Alert) error {
	_, err := n.NotifyIn(ctx, a, "")
	return err
}

// NotifyIn posts below the group's first message, and changes that message
// where the alert says how the incident stands: acknowledged, resolved. An
// incoming webhook knows no threads, and gives back none.
func (n *Notifier) NotifyIn(ctx context.Context, a alerting.Alert, thread string) (string, error) {
	if n.config.Token == "" {
		return "", n.hook(ctx, a)
	}
	channel, first, known := strings.Cut(thread, "/")
	m := message{Channel: n.config.Channel, Text: summary(a, maxSection), Blocks: blocks(a, n.config.Secret != "")}
	switch {
	case !known:
	case a.Event == alerting.EventResolved || a.Event == alerting.EventAcknowledged:
		m.Channel, m.TS = channel, first
		err := n.call(ctx, "chat.update", m, nil)
		var gone *refused
		if !errors.As(err, &gone) || gone.code != "message_not_found" {
			return thread, err
		}
		m.Channel, m.TS = n.config.Channel, "" // somebody deleted it: say it anew
	default:
		m.Channel, m.ThreadTS = channel, first
	}
	var posted struct{ Channel, TS string }
	if err := n.call(ctx, "chat.postMessage", m, &posted); err != nil {
		return thread, err
	}
	if m.ThreadTS != "" {
		return thread, nil
	}
	return posted.Channel + "/" + posted.TS, nil
}

// message is what chat.postMessage and chat.update take.
type message struct {
	Channel  string      `json:"channel"`
	TS       string      `json:"ts,omitempty"`        // of the message to change
	ThreadTS string      `json:"thread_ts,omitempty"` // of the message to answer below
	Text     string      `json:"text"`                // where blocks aren't shown: notifications
	Blocks   []api.Block `json:"blocks"`
	Unfurl   bool        `json:"unfurl_links"`
}

func (n *Notifier) hook(ctx context.Context, a alerting.Alert) error {
	m := api.WebhookMessage{Text: summary(a, maxSection), Blocks: &api.Blocks{BlockSet: blocks(a, false)}}
	_, err := n.post(ctx, n.config.Webhook, "", m)
	return err
}

// post sends v as JSON, with the token if there is one.
func (n *Notifier) post(ctx context.Context, address, token string, v any) ([]byte, error) {
	body, err := json.Marshal(v)
	if err != nil {
		return nil, pipeline.Faultf(pipeline.Bug, "encode a message for Slack: %w", err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, address, bytes.NewReader(body))
	if err != nil {
		return nil, n.client.Faultf(pipeline.Misconfigured, "post to Slack: its address can't be used") // err would show it
	}
	req.Header.Set("Content-Type", "application/json; charset=utf-8")
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	return n.client.Do(req)
}

// call asks a method of Slack's Web API, which refuses with status 200.
func (n *Notifier) call(ctx context.Context, method string, in, out any) error {
	body, err := n.post(ctx, n.config.API+"/"+url.PathEscape(method), n.config.Token, in)
	if err != nil {
		return err
	}
	var verdict api.SlackResponse
	if err := json.Unmarshal(body, &verdict); err != nil {
		return n.client.Faultf(pipeline.Transient, "ask Slack for %s: it answered with something else than JSON; is a proxy between?", method)
	}
	if !verdict.Ok {
		return refusal(method, verdict.Error)
	}
	if out == nil {
		return nil
	}
	if err := json.Unmarshal(body, out); err != nil {
		return n.client.Faultf(pipeline.Transient, "ask Slack for %s: its answer lacks what it posted", method)
	}
	return nil
}
