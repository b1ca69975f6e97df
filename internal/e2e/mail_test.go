//go:build integration

package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/autonomous-data-pipeline/adp/internal/browser"
	"github.com/autonomous-data-pipeline/adp/internal/devstack"
	"github.com/autonomous-data-pipeline/adp/pipeline"
)

// mailbox is a Mailpit: a real mail server that keeps what it gets, and shows
// it.
type mailbox struct {
	t    *testing.T
	web  string
	smtp int
}

func startMailbox(t *testing.T) mailbox {
	t.Helper()
	m := mailbox{t: t, smtp: freePort(t)}
	web := fmt.Sprintf("127.0.0.1:%d", freePort(t))
	m.web = "http://" + web
	dir := t.TempDir()
	p, err := devstack.StartProcess(devstack.Spec{
		Name: "mailpit", Path: tool(t, "mailpit"), Log: filepath.Join(dir, "mailpit.log"),
		Args: []string{"--smtp", fmt.Sprintf("127.0.0.1:%d", m.smtp), "--listen", web, "--database", filepath.Join(dir, "mail.db"), "--disable-version-check"},
	})
	require.NoError(t, err)
	t.Cleanup(func() { _ = p.Kill() })
	require.Eventually(t, func() bool {
		res, err := http.Get(m.web + "/readyz")
		if err != nil {
			return false
		}
		return res.Body.Close() == nil && res.StatusCode == http.StatusOK
	}, limit, 50*time.Millisecond, "Mailpit doesn't answer")
	return m
}

func (m mailbox) get(path string, into any) {
	m.t.Helper()
	res, err := http.Get(m.web + path)
	require.NoError(m.t, err)
	defer func() { require.NoError(m.t, res.Body.Close()) }()
	require.Equal(m.t, http.StatusOK, res.StatusCode, path)
	require.NoError(m.t, json.NewDecoder(res.Body).Decode(into))
}

// mail is one message as Mailpit has parsed it.
type mail struct {
	ID      string
	Subject string
	Text    string
	HTML    string
	To      []struct{ Address string }
	headers map[string][]string
}

// find waits for the mail whose subject has a text.
func (m mailbox) find(text string) mail {
	m.t.Helper()
	var found mail
	require.Eventually(m.t, func() bool {
		var list struct {
			Messages []struct{ ID, Subject string }
		}
		m.get("/api/v1/messages", &list)
		for _, one := range list.Messages {
			if strings.Contains(one.Subject, text) {
				m.get("/api/v1/message/"+one.ID, &found)
				m.get("/api/v1/message/"+one.ID+"/headers", &found.headers)
				return true
			}
		}
		return false
	}, limit, 50*time.Millisecond, "no mail about %q", text)
	return found
}

// An incident's mails arrive at a real mail server, in one thread, with the
// run's numbers and links, and look right in both themes.
func TestMailIsReceivedAndShown(t *testing.T) {
	box := startMailbox(t)
	s, base := startConsole(t, "ALERT_EMAIL=data@example.com, oncall@example.com", "SMTP_HOST=127.0.0.1", fmt.Sprintf("SMTP_PORT=%d", box.smtp), "SMTP_TLS=none", "SMTP_FROM=pipeline@example.com")
	s.produce(t, "bad-major", 2_000)
	held := s.run()
	require.Equal(t, pipeline.Held, held.Outcome)
	opened := box.find("batch held")
	require.Contains(t, opened.Subject, "critical")
	require.Len(t, opened.To, 2)
	link := base + "/incidents/" + held.Incident
	for _, part := range []string{opened.Text, opened.HTML} {
		for _, says := range []string{link, "2000", "9.00%", "dq_failures_major"} {
			require.Contains(t, part, says)
		}
	}
	require.NotContains(t, strings.ToLower(opened.HTML), "<script")
	require.Equal(t, []string{"auto-generated"}, opened.headers["Auto-Submitted"])

	out, code := s.starter("approve", held.Incident, "-m", "checked")
	require.Zero(t, code, out)
	resolved := box.find("Resolved")
	require.Contains(t, resolved.Text, "release")
	require.Equal(t, opened.headers["Message-Id"], resolved.headers["In-Reply-To"], "one thread")

	b := browser.Start(t, box.web)
	for _, theme := range []string{"light", "dark"} {
		b.Look(640, 900, theme)
		b.Open(box.web + "/view/" + opened.ID + ".html")
		b.Wait("2000")
		require.Empty(t, b.Faults(), "it asks nobody for anything")
		require.Zero(t, b.Overflow())
		if dir := os.Getenv("CONSOLE_IMAGES"); dir != "" {
			b.Shoot(filepath.Join(dir, "mail"+map[string]string{"light": "", "dark": "-dark"}[theme]+".png"), 900)
		}
	}
}
