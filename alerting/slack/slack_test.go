package slack_test

import (
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	api "github.com/slack-go/slack"
	"github.com/stretchr/testify/require"

	"github.com/autonomous-data-pipeline/adp/alerting"
	"github.com/autonomous-data-pipeline/adp/alerting/alerttest"
	"github.com/autonomous-data-pipeline/adp/alerting/slack"
	"github.com/autonomous-data-pipeline/adp/pipeline"
)

const token = "xoxb-hidden"

// posted is a message as Slack's own types read it.
type posted struct {
	Channel  string     `json:"channel"`
	TS       string     `json:"ts"`
	ThreadTS string     `json:"thread_ts"`
	Text     string     `json:"text"`
	Blocks   api.Blocks `json:"blocks"`
}

// check refuses what Slack would: unknown shapes, and what is above its limits.
func check(t *testing.T, body string) posted {
	t.Helper()
	var m posted
	require.NoError(t, json.Unmarshal([]byte(body), &m))
	require.NotEmpty(t, m.Text)
	require.NotEmpty(t, m.Blocks.BlockSet)
	require.LessOrEqual(t, len(m.Blocks.BlockSet), 50)
	for _, b := range m.Blocks.BlockSet {
		switch b := b.(type) {
		case *api.HeaderBlock:
			size(t, b.Text, api.PlainTextType, 150)
		case *api.SectionBlock:
			require.True(t, b.Text != nil || len(b.Fields) > 0, "a section has text or fields")
			require.LessOrEqual(t, len(b.Fields), 10)
			if b.Text != nil {
				size(t, b.Text, api.MarkdownType, 3000)
			}
			for _, f := range b.Fields {
				size(t, f, api.MarkdownType, 2000)
			}
		case *api.ActionBlock:
			require.LessOrEqual(t, len(b.Elements.ElementSet), 25)
			for _, e := range b.Elements.ElementSet {
				button, ok := e.(*api.ButtonBlockElement)
				require.True(t, ok)
				size(t, button.Text, api.PlainTextType, 75)
				require.LessOrEqual(t, len(button.ActionID), 255)
				require.LessOrEqual(t, len(button.Value), 2000)
				if button.Confirm != nil {
					size(t, button.Confirm.Title, api.PlainTextType, 100)
					size(t, button.Confirm.Text, api.PlainTextType, 300)
					size(t, button.Confirm.Confirm, api.PlainTextType, 30)
					size(t, button.Confirm.Deny, api.PlainTextType, 30)
				}
			}
		case *api.ContextBlock:
			require.LessOrEqual(t, len(b.ContextElements.Elements), 10)
		default:
			t.Errorf("block %T is not one of ours", b)
		}
	}
	return m
}

func size(t *testing.T, text *api.TextBlockObject, kind string, limit int) {
	t.Helper()
	require.NotNil(t, text)
	require.Equal(t, kind, text.Type)
	require.NotEmpty(t, text.Text)
	require.LessOrEqual(t, len([]rune(text.Text)), limit)
	require.NotContains(t, text.Text, "<!")
	require.NotContains(t, text.Text, "<@")
}

// bot opens a Slack that takes every message, and a channel to it.
func bot(t *testing.T, change func(*slack.Config)) (*slack.Notifier, *alerttest.Receiver) {
	t.Helper()
	far := &alerttest.Receiver{Reply: func(alerttest.Delivery) (int, string) {
		return 200, `{"ok":true,"channel":"C1","ts":"17.5"}`
	}}
	srv := httptest.NewServer(far)
	t.Cleanup(srv.Close)
	c := slack.Config{Token: token, Channel: "#alerts", Secret: "signing-hidden", Timeout: time.Second, API: srv.URL + "/api"}
	if change != nil {
		change(&c)
	}
	if c.Webhook != "" {
		c.Webhook = srv.URL + "/services/hidden"
	}
	n, err := slack.New(c)
	require.NoError(t, err)
	return n, far
}

func webhook(c *slack.Config) { *c = slack.Config{Webhook: "set", Timeout: time.Second} }

func TestConformance(t *testing.T) {
	for name, change := range map[string]func(*slack.Config){"bot": nil, "webhook": webhook} {
		t.Run(name, func(t *testing.T) {
			alerttest.Run(t, func(t *testing.T) alerttest.Harness {
				n, far := bot(t, change)
				return alerttest.Harness{
					Notifier: n, Break: far.Break, Secrets: []string{token, "hidden"},
					Received: func() []string {
						for _, b := range far.Bodies() {
							check(t, b)
						}
						return far.Bodies()
					},
				}
			})
		})
	}
}

func row(m posted) (out []*api.ButtonBlockElement) {
	for _, b := range m.Blocks.BlockSet {
		if a, ok := b.(*api.ActionBlock); ok {
			for _, e := range a.Elements.ElementSet {
				out = append(out, e.(*api.ButtonBlockElement))
			}
		}
	}
	return out
}

func TestOnlyAnswersThatMayBeGivenHaveButtons(t *testing.T) {
	tests := map[string]struct {
		config  func(*slack.Config)
		change  func(*alerting.Alert)
		want    []string
		primary string
	}{
		"those of the alert, the advised one stands out": {nil, nil, []string{"Release", "Replay", "Discard"}, "Replay"},
		"somebody may be on it":                          {nil, func(a *alerting.Alert) { a.Answers = []string{"acknowledge"}; a.Advice = "" }, []string{"Acknowledge"}, ""},
		"an answer that doesn't exist has none":          {nil, func(a *alerting.Alert) { a.Answers = []string{"drop table"} }, nil, ""},
		"a notice has none":                              {nil, func(a *alerting.Alert) { a.Incident = "" }, nil, ""},
		"a name that is too long has none":               {nil, func(a *alerting.Alert) { a.Incident = strings.Repeat("x", 2001) }, nil, ""},
		"without a signing secret nobody could be known": {func(c *slack.Config) { c.Secret = "" }, nil, nil, ""},
		"a webhook has none":                             {webhook, nil, nil, ""},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			n, far := bot(t, tc.config)
			a := alerttest.Alert()
			if tc.change != nil {
				tc.change(&a)
			}
			require.NoError(t, n.Notify(t.Context(), a))
			var labels []string
			primary := ""
			for _, b := range row(check(t, far.Bodies()[0])) {
				labels = append(labels, b.Text.Text)
				require.Equal(t, a.Incident, b.Value)
				if b.Style == api.StylePrimary {
					primary += b.Text.Text
				}
			}
			require.Equal(t, tc.want, labels)
			require.Equal(t, tc.primary, primary)
		})
	}
}

func TestAnIncidentIsOneThreadWhoseFirstMessageSaysHowItEnded(t *testing.T) {
	n, far := bot(t, nil)
	thread, err := n.NotifyIn(t.Context(), alerttest.Alert(), "")
	require.NoError(t, err)
	require.Equal(t, "C1/17.5", thread)
	reminder := alerttest.Alert()
	reminder.Event = alerting.EventReminder
	again, err := n.NotifyIn(t.Context(), reminder, thread)
	require.NoError(t, err)
	require.Equal(t, thread, again)
	_, err = n.NotifyIn(t.Context(), alerttest.Resolved(), thread)
	require.NoError(t, err)

	got := far.Deliveries()
	require.Len(t, got, 3)
	require.Equal(t, []string{"/api/chat.postMessage", "/api/chat.postMessage", "/api/chat.update"}, []string{got[0].Path, got[1].Path, got[2].Path})
	require.Equal(t, "Bearer "+token, got[0].Header.Get("Authorization"))
	below, end := check(t, got[1].Body), check(t, got[2].Body)
	require.Equal(t, []string{"C1", "17.5"}, []string{below.Channel, below.ThreadTS})
	require.Equal(t, []string{"C1", "17.5"}, []string{end.Channel, end.TS})
	require.Empty(t, row(end), "nothing is left to answer")
	for _, want := range []string{"replay", "vera", "the mapping is fixed", "resolved"} {
		require.Contains(t, got[2].Body, want)
	}
}

func TestAMessageThatSomebodyDeletedIsSaidAnew(t *testing.T) {
	n, far := bot(t, nil)
	far.Reply = func(d alerttest.Delivery) (int, string) {
		if strings.HasSuffix(d.Path, "chat.update") {
			return 200, `{"ok":false,"error":"message_not_found"}`
		}
		return 200, `{"ok":true,"channel":"C1","ts":"18.5"}`
	}
	thread, err := n.NotifyIn(t.Context(), alerttest.Resolved(), "C1/17.5")
	require.NoError(t, err)
	require.Equal(t, "C1/18.5", thread)
}

func TestSlacksRefusalNamesTheSetting(t *testing.T) {
	tests := map[string]struct {
		body    string
		want    pipeline.Kind
		setting string
	}{
		"a wrong token":           {`{"ok":false,"error":"invalid_auth"}`, pipeline.Misconfigured, "SLACK_BOT_TOKEN"},
		"a channel that isn't":    {`{"ok":false,"error":"channel_not_found"}`, pipeline.Misconfigured, "SLACK_CHANNEL"},
		"a channel not joined":    {`{"ok":false,"error":"not_in_channel"}`, pipeline.Misconfigured, "SLACK_CHANNEL"},
		"a scope that is missing": {`{"ok":false,"error":"missing_scope"}`, pipeline.Misconfigured, "chat:write"},
		"too many at once":        {`{"ok":false,"error":"ratelimited"}`, pipeline.Transient, "SLACK_BOT_TOKEN"},
		"something new":           {`{"ok":false,"error":"new_code"}`, pipeline.Misconfigured, "new_code"},
		"a made-up text":          {`{"ok":false,"error":"evil\ntext"}`, pipeline.Misconfigured, "unknown"},
		"no JSON":                 {`<html>evil text`, pipeline.Transient, "proxy"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			n, far := bot(t, nil)
			far.Reply = func(alerttest.Delivery) (int, string) { return 200, tc.body }
			err := n.Notify(t.Context(), alerttest.Alert())
			require.Equal(t, tc.want, pipeline.KindOf(err))
			require.ErrorContains(t, err, tc.setting)
			require.NotContains(t, err.Error(), "evil")
			require.NotContains(t, err.Error(), token)
		})
	}
}

func TestDataMentionsNobodyAndForgesNoLink(t *testing.T) {
	n, far := bot(t, nil)
	a := alerttest.Alert()
	a.Text = "<!channel> <@U1> <https://evil.example|your bank> & more"
	a.Facts = map[string]string{"<!here>*x*": "<https://evil.example|y>"}
	a.Links = map[string]string{"a|b>": "javascript:alert(1)", "<!channel>": "https://x.example/a|b>c?d=<e>&f"}
	require.NoError(t, n.Notify(t.Context(), a))
	m := check(t, far.Bodies()[0])
	var all strings.Builder
	for _, b := range m.Blocks.BlockSet {
		if s, ok := b.(*api.SectionBlock); ok {
			for _, o := range append(s.Fields, s.Text) {
				if o != nil {
					all.WriteString(o.Text + "\n")
					require.True(t, o.Verbatim)
				}
			}
		}
	}
	require.Equal(t, 1, strings.Count(all.String(), "<"), all.String())
	require.Contains(t, all.String(), "<https://x.example/a%7Cb%3Ec?d=%3Ce%3E&amp;f|&lt;!channel&gt;>")
}

func FuzzAMessageIsWithinSlacksLimits(f *testing.F) {
	f.Add("<!channel>", 40, 2000)
	f.Add("&\u202e\x00", 100, 4000)
	far := &alerttest.Receiver{Reply: func(alerttest.Delivery) (int, string) { return 200, `{"ok":true,"channel":"C","ts":"1"}` }}
	srv := httptest.NewServer(far)
	f.Cleanup(srv.Close)
	n, err := slack.New(slack.Config{Token: token, Channel: "C", Secret: "s", API: srv.URL})
	require.NoError(f, err)
	f.Fuzz(func(t *testing.T, text string, count, times int) {
		count, times = min(max(count, 0), 100), min(max(times, 0), 5000)
		long := strings.Repeat(text, times)
		a := alerting.Alert{ID: long, Incident: text, Title: long, Text: long, Severity: text, Pipeline: long, Advice: long, Answers: []string{"release", long}}
		a.Facts, a.Links = map[string]string{}, map[string]string{}
		for i := range count {
			a.Facts[fmt.Sprint(i, text)] = long
			a.Links[fmt.Sprint(i, text)] = "https://x.example/" + text
		}
		require.NoError(t, n.Notify(t.Context(), a))
		got := far.Bodies()
		check(t, got[len(got)-1])
	})
}

func TestSettingsThatDoNotFitAreRefused(t *testing.T) {
	tests := map[string]struct {
		config slack.Config
		want   string
	}{
		"nothing":                           {slack.Config{}, "ALERT_SLACK_WEBHOOK_URL"},
		"an address that is none":           {slack.Config{Webhook: "hidden"}, "ALERT_SLACK_WEBHOOK_URL"},
		"a token without a channel":         {slack.Config{Token: token}, "SLACK_CHANNEL"},
		"a channel without a token":         {slack.Config{Channel: "C"}, "SLACK_BOT_TOKEN"},
		"a token with a line's end":         {slack.Config{Token: token + "\n", Channel: "C"}, "SLACK_BOT_TOKEN"},
		"approvers whom nobody vouches for": {slack.Config{Token: token, Channel: "C", Approvers: []string{"U1"}}, "SLACK_SIGNING_SECRET"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := slack.New(tc.config)
			require.ErrorContains(t, err, tc.want)
			require.NotContains(t, err.Error(), "hidden")
		})
	}
}
