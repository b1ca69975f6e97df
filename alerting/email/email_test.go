package email_test

import (
	"encoding/json"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net"
	"net/mail"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/autonomous-data-pipeline/adp/alerting"
	"github.com/autonomous-data-pipeline/adp/alerting/alerttest"
	"github.com/autonomous-data-pipeline/adp/alerting/email"
	"github.com/autonomous-data-pipeline/adp/pipeline"
)

const password = "hidden-password"

// letter is a mail as a mail program reads it.
type letter struct {
	Header     mail.Header
	Subject    string
	Text, HTML string
}

func read(t *testing.T, raw string) letter {
	t.Helper()
	m, err := mail.ReadMessage(strings.NewReader(raw))
	require.NoError(t, err)
	subject, err := new(mime.WordDecoder).DecodeHeader(m.Header.Get("Subject"))
	require.NoError(t, err)
	kind, params, err := mime.ParseMediaType(m.Header.Get("Content-Type"))
	require.NoError(t, err)
	require.Equal(t, "multipart/alternative", kind)
	parts := multipart.NewReader(m.Body, params["boundary"])
	part := func(want string) string {
		p, err := parts.NextRawPart()
		require.NoError(t, err)
		require.Contains(t, p.Header.Get("Content-Type"), want)
		require.Equal(t, "quoted-printable", p.Header.Get("Content-Transfer-Encoding"))
		b, err := io.ReadAll(quotedprintable.NewReader(p))
		require.NoError(t, err)
		return string(b)
	}
	l := letter{Header: m.Header, Subject: subject, Text: part("text/plain"), HTML: part("text/html")}
	_, err = parts.NextRawPart()
	require.ErrorIs(t, err, io.EOF)
	require.NotContains(t, m.Header, "Injected")
	return l
}

func open(t *testing.T) (*email.Notifier, *alerttest.MailServer) {
	t.Helper()
	s := alerttest.NewMailServer(t)
	n, err := email.New(email.Config{
		To: "Vera <vera@example.org>, otto@example.org", From: "Pipelines <pipelines@example.org>",
		Host: s.Host, Port: s.Port, User: "user", Password: password, TLS: email.None, Timeout: time.Second,
	})
	require.NoError(t, err)
	return n, s
}

func TestConformance(t *testing.T) {
	alerttest.Run(t, func(t *testing.T) alerttest.Harness {
		n, s := open(t)
		return alerttest.Harness{Notifier: n, Break: s.Break, CannotWait: true, Secrets: []string{password}, Received: func() (out []string) {
			for _, raw := range s.Mails() {
				l := read(t, raw)
				b, err := json.Marshal([]string{l.Subject, l.Text})
				require.NoError(t, err)
				out = append(out, string(b))
			}
			return out
		}}
	})
}

func TestBothPartsSayAllThatAPersonNeeds(t *testing.T) {
	n, s := open(t)
	require.NoError(t, n.Notify(t.Context(), alerttest.Alert()))
	l := read(t, s.Mails()[0])
	require.Equal(t, "[critical] customers: batch held", l.Subject)
	for _, part := range []string{l.Text, l.HTML} {
		for _, want := range []string{"9% of 50,000 records failed", "failing_share", "0.09", "http://127.0.0.1:8233/x", "replay", "run-1", "inc-1"} {
			require.Contains(t, part, want)
		}
	}
	require.Contains(t, l.HTML, "prefers-color-scheme: dark")
	for _, outside := range []string{"<img", "<script", "<link", "url(", "@import"} {
		require.NotContains(t, l.HTML, outside, "nothing is asked of others")
	}
	require.Equal(t, "auto-generated", l.Header.Get("Auto-Submitted"))
	to, err := l.Header.AddressList("To")
	require.NoError(t, err)
	require.Len(t, to, 2)
}

func TestAnIncidentIsOneThread(t *testing.T) {
	n, s := open(t)
	reminder := alerttest.Alert()
	reminder.ID, reminder.Event = "inc-1/reminder", alerting.EventReminder
	for _, a := range []alerting.Alert{alerttest.Alert(), reminder, alerttest.Resolved(), alerttest.Alert()} {
		require.NoError(t, n.Notify(t.Context(), a))
	}
	var ids []string
	for i, raw := range s.Mails() {
		h := read(t, raw).Header
		ids = append(ids, h.Get("Message-ID"))
		if i == 0 || i == 3 {
			require.Empty(t, h.Get("In-Reply-To"))
			continue
		}
		require.Equal(t, ids[0], h.Get("In-Reply-To"))
		require.Equal(t, ids[0], h.Get("References"))
	}
	require.Equal(t, ids[0], ids[3], "a repeat is known for one")
	require.NotEqual(t, ids[1], ids[2])
	require.True(t, strings.HasSuffix(ids[0], "@example.org>"), ids[0])
	end := read(t, s.Mails()[2])
	require.Contains(t, end.Subject, "[resolved]")
	require.Contains(t, end.Text, "replay by vera: the mapping is fixed")
}

func TestDataIsNeverMarkupNorHeader(t *testing.T) {
	n, s := open(t)
	const evil = "<script>alert(1)</script>\r\nBcc: eve@evil.example\r\n\r\n"
	a := alerttest.Alert()
	a.Title, a.Pipeline, a.Text, a.Severity, a.ID, a.Group = evil, evil, evil, evil, evil, evil
	a.Facts, a.Links = map[string]string{evil: evil}, map[string]string{"x": "javascript:alert(1)"}
	require.NoError(t, n.Notify(t.Context(), a))
	l := read(t, s.Mails()[0])
	require.NotContains(t, l.Header, "Bcc")
	require.NotContains(t, l.HTML, "<script>")
	require.NotContains(t, l.HTML, `href="javascript`)
	require.NotContains(t, l.Text, "\nBcc:")
}

func TestWhatTheServerRefusesNamesTheSetting(t *testing.T) {
	tests := map[string]struct {
		command, answer string
		want            pipeline.Kind
		says            string
	}{
		"a wrong password":              {"AUTH", "535 evil text", pipeline.Misconfigured, "SMTP_USER / SMTP_PASSWORD"},
		"a login that can't be checked": {"AUTH", "454 evil text", pipeline.Transient, "454"},
		"a recipient":                   {"RCPT", "550 evil text", pipeline.Misconfigured, "ALERT_EMAIL"},
		"a recipient for now":           {"RCPT", "451 evil text", pipeline.Transient, "ALERT_EMAIL"},
		"a sender":                      {"MAIL", "553 evil text", pipeline.Misconfigured, "SMTP_FROM"},
		"the mail":                      {"DATA", "554 evil text", pipeline.Misconfigured, "SMTP_HOST"},
		"a server that is full":         {"", "421 evil text", pipeline.Transient, "421"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			n, s := open(t)
			s.Refuse(tc.command, tc.answer)
			err := n.Notify(t.Context(), alerttest.Alert())
			require.Equal(t, tc.want, pipeline.KindOf(err), err)
			require.ErrorContains(t, err, tc.says)
			require.NotContains(t, err.Error(), "evil")
			require.NotContains(t, err.Error(), password)
		})
	}
}

func TestAServerWithoutTLSHearsNothing(t *testing.T) {
	for _, how := range []string{"", email.StartTLS} {
		s := alerttest.NewMailServer(t)
		n, err := email.New(email.Config{To: "a@example.org", From: "b@example.org", Host: s.Host, Port: s.Port, User: "u", Password: password, TLS: how, Timeout: time.Second})
		require.NoError(t, err)
		err = n.Notify(t.Context(), alerttest.Alert())
		require.Equal(t, pipeline.Misconfigured, pipeline.KindOf(err), err)
		require.ErrorContains(t, err, "SMTP_TLS")
		require.Empty(t, s.Mails())
	}
}

func TestAServerThatIsDownIsTriedAgain(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	_, port, err := net.SplitHostPort(l.Addr().String())
	require.NoError(t, err)
	require.NoError(t, l.Close())
	n, err := email.New(email.Config{To: "a@example.org", From: "b@example.org", Host: "127.0.0.1", Port: port, TLS: email.None})
	require.NoError(t, err)
	err = n.Notify(t.Context(), alerttest.Alert())
	require.Equal(t, pipeline.Transient, pipeline.KindOf(err))
	require.ErrorContains(t, err, "SMTP_HOST")
}

func TestSettingsThatDoNotFitAreRefused(t *testing.T) {
	tests := map[string]struct {
		change func(*email.Config)
		want   string
	}{
		"no recipient":                       {func(c *email.Config) { c.To = "" }, "ALERT_EMAIL"},
		"a recipient that would be a header": {func(c *email.Config) { c.To = "a@b.c\r\nBcc: d@e.f" }, "ALERT_EMAIL"},
		"no sender":                          {func(c *email.Config) { c.From = "" }, "SMTP_FROM"},
		"no server":                          {func(c *email.Config) { c.Host = "" }, "SMTP_HOST"},
		"a port that is none":                {func(c *email.Config) { c.Port = "70000" }, "SMTP_PORT"},
		"a user without a password":          {func(c *email.Config) { c.User = "u" }, "SMTP_PASSWORD"},
		"an unknown protection":              {func(c *email.Config) { c.TLS = "maybe" }, "SMTP_TLS"},
		"no protection over a network":       {func(c *email.Config) { c.TLS = email.None }, "SMTP_TLS"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			c := email.Config{To: "a@b.c", From: "d@e.f", Host: "mail.example.org"}
			require.NoError(t, c.Validate())
			tc.change(&c)
			_, err := email.New(c)
			require.Equal(t, pipeline.Misconfigured, pipeline.KindOf(err))
			require.ErrorContains(t, err, tc.want)
		})
	}
}
