package email

import (
	"errors"
	"net"
	"net/mail"
	"strconv"
	"time"

	"github.com/autonomous-data-pipeline/adp/pipeline"
)

// The settings that errors name.
const (
	settingTo   = "ALERT_EMAIL"
	settingHost = "SMTP_HOST"
	settingPort = "SMTP_PORT"
	settingUser = "SMTP_USER / SMTP_PASSWORD"
	settingFrom = "SMTP_FROM"
	settingTLS  = "SMTP_TLS"
)

// How the connection to the mail server is protected.
const (
	StartTLS = "starttls" // begins plain and must change over; port 587
	TLS      = "tls"      // from the first byte; port 465
	None     = "none"     // not at all: only to this machine; port 25
)

// Config says whom to write to, and through which server. User and password
// are credentials: no error shows them.
type Config struct {
	To       string        // ALERT_EMAIL: recipients, comma-separated
	Host     string        // SMTP_HOST
	Port     string        // SMTP_PORT; empty is 587, with tls 465, with none 25
	User     string        // SMTP_USER; empty logs in nowhere
	Password string        // SMTP_PASSWORD
	From     string        // SMTP_FROM: the sender's address
	TLS      string        // SMTP_TLS: starttls (default), tls or none
	Timeout  time.Duration // one mail; 0 is 30s
}

// Validate reports everything that is wrong at once.
func (c Config) Validate() error {
	var errs []error
	wrong := func(setting, format string, args ...any) {
		errs = append(errs, pipeline.Misconfiguredf(setting, format, args...))
	}
	if _, err := mail.ParseAddressList(c.To); err != nil {
		wrong(settingTo, "send mail: the recipients are no list of addresses, comma-separated")
	}
	if _, err := mail.ParseAddress(c.From); err != nil {
		wrong(settingFrom, "send mail: the sender is no address")
	}
	if c.Host == "" {
		wrong(settingHost, "send mail: there is no mail server")
	}
	if p, err := strconv.ParseUint(c.Port, 10, 16); c.Port != "" && (err != nil || p == 0) {
		wrong(settingPort, "send mail: port %q is no number from 1 to 65535", c.Port)
	}
	if (c.User == "") != (c.Password == "") {
		wrong(settingUser, "send mail: of user and password, one is missing")
	}
	switch c.TLS {
	case "", StartTLS, TLS:
	case None:
		if !loopback(c.Host) {
			wrong(settingTLS, "send mail: without TLS everybody between here and the server can read it: use starttls or tls")
		}
	default:
		wrong(settingTLS, "send mail: %q is none of starttls, tls, none", c.TLS)
	}
	return errors.Join(errs...)
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || (ip != nil && ip.IsLoopback())
}

// port is what the protection implies unless it is set.
func (c Config) port() int {
	if p, err := strconv.Atoi(c.Port); err == nil {
		return p
	}
	return map[string]int{TLS: 465, None: 25}[c.TLS] // 0 is 587
}
