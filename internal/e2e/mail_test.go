//go:build integration

package e2e

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
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

func startMailbox(t *testing.T, args ...string) mailbox {
	t.Helper()
	m := mailbox{t: t, smtp: freePort(t)}
	web := fmt.Sprintf("127.0.0.1:%d", freePort(t))
	m.web = "http://" + web
	dir := t.TempDir()
	p, err := devstack.StartProcess(devstack.Spec{
		Name: "mailpit", Path: tool(t, "mailpit"), Log: filepath.Join(dir, "mailpit.log"),
		Args: append([]string{"--smtp", fmt.Sprintf("127.0.0.1:%d", m.smtp), "--listen", web, "--database", filepath.Join(dir, "mail.db"), "--disable-version-check"}, args...),
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

// certificate makes one for 127.0.0.1, which is its own authority, and gives
// the files of it and of its key.
func certificate(t *testing.T) (cert, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "mail for tests"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, &template, &template, private.Public(), private)
	require.NoError(t, err)
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	require.NoError(t, err)
	cert, key = filepath.Join(t.TempDir(), "cert.pem"), filepath.Join(t.TempDir(), "key.pem")
	require.NoError(t, os.WriteFile(cert, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600))
	require.NoError(t, os.WriteFile(key, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret}), 0o600))
	return cert, key
}

// Mail goes out encrypted and logged in, both ways, and not at all to a server
// that isn't who it should be.
func TestMailGoesOutEncryptedAndLoggedIn(t *testing.T) {
	cert, key := certificate(t)
	logins := filepath.Join(t.TempDir(), "logins")
	require.NoError(t, os.WriteFile(logins, []byte("robot:mail-password\n"), 0o600))
	for mode, demand := range map[string]string{"starttls": "--smtp-require-starttls", "tls": "--smtp-require-tls"} {
		t.Run(mode, func(t *testing.T) {
			box := startMailbox(t, "--smtp-tls-cert", cert, "--smtp-tls-key", key, demand, "--smtp-auth-file", logins)
			send := func(password, authority string) (string, int) {
				s := &stack{t: t, dir: t.TempDir(), bin: bin, env: []string{
					"ALERT_EMAIL=data@example.com", "SMTP_HOST=127.0.0.1", fmt.Sprintf("SMTP_PORT=%d", box.smtp), "SMTP_TLS=" + mode, "SMTP_FROM=pipeline@example.com",
					"SMTP_USER=robot", "SMTP_PASSWORD=" + password, "SSL_CERT_FILE=" + authority,
				}}
				return s.starter("alert", "test", "--channel", "email")
			}
			out, code := send("mail-password", cert)
			require.Zero(t, code, out)
			box.find("test alert")
			out, code = send("another-password", cert)
			require.Equal(t, 1, code)
			require.Contains(t, out, "SMTP_PASSWORD")
			require.NotContains(t, out, "another-password")
			out, code = send("mail-password", logins)
			require.Equal(t, 1, code, "nobody vouches for the server")
			require.Contains(t, out, "certificate")
		})
	}
}
