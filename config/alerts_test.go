package config

import (
	"log/slog"
	"testing"

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
