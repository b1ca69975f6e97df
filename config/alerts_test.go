package config

import (
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestChannelsAreThoseThatAreSet(t *testing.T) {
	tests := map[string]struct {
		env  []string
		want []string
	}{
		"the log always": {nil, []string{"log"}},
		"a webhook":      {[]string{"ALERT_WEBHOOK_URL", "https://example.org"}, []string{"log", "webhook"}},
		"all": {[]string{
			"ALERT_WEBHOOK_URL", "https://example.org", "ALERT_SLACK_WEBHOOK_URL", "https://hooks.slack.com/services/x",
			"ALERT_EMAIL", "a@example.org, b@example.org", "SMTP_HOST", "mail.example.org", "SMTP_FROM", "p@example.org", "PAGERDUTY_ROUTING_KEY", "k",
		}, []string{"log", "webhook", "slack", "email", "pagerduty"}},
		"Slack by a bot": {[]string{"SLACK_BOT_TOKEN", "xoxb-1", "SLACK_CHANNEL", "C1"}, []string{"log", "slack"}},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			c, err := FromEnv(env(tc.env...))
			require.NoError(t, err)
			all, err := c.Channels(slog.New(slog.DiscardHandler))
			require.NoError(t, err)
			var names []string
			for _, n := range all {
				names = append(names, n.Name())
			}
			require.Equal(t, tc.want, names)
		})
	}
}

func TestAChannelThatIsHalfSetIsRefused(t *testing.T) {
	for want, set := range map[string][]string{
		"SMTP_HOST":            {"ALERT_EMAIL", "a@b.c"},
		"SMTP_TLS":             {"ALERT_EMAIL", "a@b.c", "SMTP_TLS", "Maybe"},
		"SLACK_CHANNEL":        {"SLACK_BOT_TOKEN", "xoxb-1"},
		"SLACK_SIGNING_SECRET": {"SLACK_BOT_TOKEN", "xoxb-1", "SLACK_CHANNEL", "C1", "SLACK_APPROVERS", "U1, U2"},
		"PAGERDUTY_URL":        {"PAGERDUTY_ROUTING_KEY", "k", "PAGERDUTY_URL", "events.example.org"},
	} {
		_, err := FromEnv(env(set...))
		require.ErrorContains(t, err, want)
	}
}

func TestTheExampleOfAlertingSettingsIsRight(t *testing.T) {
	c, err := FromEnv(env(
		"ALERTING_FILE", "../alerting.example.yml", "ALERT_SLACK_WEBHOOK_URL", "https://hooks.slack.com/services/x",
		"ALERT_EMAIL", "a@example.org", "SMTP_HOST", "mail.example.org", "SMTP_FROM", "p@example.org", "PAGERDUTY_ROUTING_KEY", "k",
	))
	require.NoError(t, err)
	all, err := c.Channels(slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	require.NoError(t, c.CheckAlerting(all))
	s, err := c.Alerting()
	require.NoError(t, err)
	require.Len(t, s.Routes, 4)
	require.Equal(t, 30*time.Minute, s.Routes[3].After)
	require.ErrorContains(t, c.CheckAlerting(all[:1]), "slack", "a channel that isn't set up is refused")
}

func TestAlertingSettingsAreReadStrictly(t *testing.T) {
	file := filepath.Join(t.TempDir(), "alerting.yml")
	c, err := FromEnv(env("ALERTING_FILE", file))
	require.NoError(t, err)
	_, err = c.Alerting()
	require.ErrorContains(t, err, "ALERTING_FILE", "a file that was named must be there")
	for text, want := range map[string]string{
		"":                         "",
		"# nothing yet\n":          "",
		"throttle: {messages: 5}":  "",
		"troutes: []":              "troutes",
		"repeat: soon":             "line 1",
		"routes: [{channel: log}]": "channel",
	} {
		require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
		s, err := c.Alerting()
		if want != "" {
			require.ErrorContains(t, err, want)
			continue
		}
		require.NoError(t, err, text)
		require.Equal(t, time.Hour, s.Throttle.Per, "what isn't said is the default")
	}
}
