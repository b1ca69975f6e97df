// Package email sends alerts as mail, in HTML and plain text. What belongs to
// one matter is one thread. Text from data can't add a header, a recipient or
// markup.
package email

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	netmail "net/mail"
	"strings"
	"time"

	mail "github.com/wneessen/go-mail"

	"github.com/autonomous-data-pipeline/adp/alerting"
	"github.com/autonomous-data-pipeline/adp/pipeline"
)

// timeLimit bounds one mail unless Config says otherwise.
const timeLimit = 30 * time.Second

// Notifier sends mail through one server.
type Notifier struct {
	config Config
	from   *netmail.Address
	to     []*netmail.Address
}

// New makes the channel. Nothing is sent.
func New(c Config) (*Notifier, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	if c.Timeout == 0 {
		c.Timeout = timeLimit
	}
	from, err := netmail.ParseAddress(c.From)
	if err != nil {
		return nil, pipeline.Misconfiguredf(settingFrom, "send mail: the sender is no address")
	}
	to, err := netmail.ParseAddressList(c.To)
	if err != nil {
		return nil, pipeline.Misconfiguredf(settingTo, "send mail: the recipients are no list of addresses")
	}
	return &Notifier{config: c, from: from, to: to}, nil
}

// Name is "email".
func (n *Notifier) Name() string { return "email" }

// Notify sends one mail. A server that is down, busy or too slow is a Transient
// fault; one that refuses the login, the sender or a recipient a Misconfigured
// one. It ends with ctx; the server may then have taken the mail.
func (n *Notifier) Notify(ctx context.Context, a alerting.Alert) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	m, err := n.message(a)
	if err != nil {
		return err
	}
	within, cancel := context.WithTimeout(ctx, n.config.Timeout)
	defer cancel()
	sent := make(chan error, 1) // the library looks at its own limits only: whoever is late isn't waited for
	go func() { sent <- n.send(within, m) }()
	select {
	case err = <-sent:
	case <-within.Done():
		err = within.Err()
	}
	if err != nil && ctx.Err() != nil {
		return fmt.Errorf("send mail: %w", ctx.Err())
	}
	if err != nil {
		return verdict(err)
	}
	return nil
}

func (n *Notifier) send(ctx context.Context, m *mail.Msg) error {
	c, err := n.client()
	if err != nil {
		return &stage{"connect", err}
	}
	conn, err := c.DialToSMTPClientWithContext(ctx)
	if err != nil {
		return &stage{"connect", err}
	}
	defer func() { _ = c.CloseWithSMTPClient(conn) }() // the server has taken or refused the mail by now
	return c.SendWithSMTPClient(conn, m)
}

func (n *Notifier) client() (*mail.Client, error) {
	c := n.config
	options := []mail.Option{mail.WithTimeout(c.Timeout), mail.WithTLSPolicy(mail.TLSMandatory), mail.WithPort(587)}
	switch c.TLS {
	case TLS:
		options = append(options, mail.WithSSL())
	case None:
		options = append(options, mail.WithTLSPolicy(mail.NoTLS))
	}
	if p := c.port(); p != 0 {
		options = append(options, mail.WithPort(p))
	}
	if c.User != "" {
		auth := mail.SMTPAuthAutoDiscover
		if c.TLS == None {
			auth = mail.SMTPAuthPlainNoEnc // to this machine, Validate has seen to that
		}
		options = append(options, mail.WithSMTPAuth(auth), mail.WithUsername(c.User), mail.WithPassword(c.Password))
	}
	return mail.NewClient(c.Host, options...)
}

func (n *Notifier) message(a alerting.Alert) (*mail.Msg, error) {
	var html, text bytes.Buffer
	v := show(a)
	if err := pageHTML.Execute(&html, v); err != nil {
		return nil, pipeline.Faultf(pipeline.Bug, "write alert %s as HTML: %w", a.ID, err)
	}
	if err := pageText.Execute(&text, v); err != nil {
		return nil, pipeline.Faultf(pipeline.Bug, "write alert %s as text: %w", a.ID, err)
	}
	m := mail.NewMsg()
	m.FromMailAddress(n.from)
	m.ToMailAddress(n.to...)
	m.Subject(v.Subject)
	m.SetDate()
	own, first := n.ids(a)
	m.SetMessageIDWithValue(own)
	if first != own {
		m.SetGenHeader(mail.HeaderInReplyTo, "<"+first+">")
		m.SetGenHeader(mail.HeaderReferences, "<"+first+">")
	}
	m.SetGenHeader("Auto-Submitted", "auto-generated") // keeps absence notes from answering
	m.SetGenHeader("X-Auto-Response-Suppress", "All")
	if a.Severity == "critical" && a.Event != alerting.EventResolved {
		m.SetImportance(mail.ImportanceHigh)
	}
	m.SetBodyString(mail.TypeTextPlain, text.String())
	m.AddAlternativeString(mail.TypeTextHTML, html.String())
	return m, nil
}

// ids are the mail's own Message-ID and that of its thread's first mail. They
// follow from the alert, so that a repeat is known for one.
func (n *Notifier) ids(a alerting.Alert) (own, first string) {
	id := func(kind, text string) string {
		sum := sha256.Sum256([]byte(text))
		return kind + "." + hex.EncodeToString(sum[:16]) + n.from.Address[strings.LastIndex(n.from.Address, "@"):]
	}
	own = id("alert", a.ID)
	if a.Group == "" {
		return own, own
	}
	first = id("group", a.Group)
	if a.Event == alerting.EventOpened {
		return first, first
	}
	return own, first
}
