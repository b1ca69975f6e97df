package email

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/textproto"
	"syscall"

	mail "github.com/wneessen/go-mail"

	"github.com/autonomous-data-pipeline/adp/pipeline"
)

// stage is an error from before there was a mail to send.
type stage struct {
	name string
	err  error
}

func (s *stage) Error() string { return s.name + ": " + s.err.Error() }
func (s *stage) Unwrap() error { return s.err }

// verdict gives the server's answer its kind. It takes nothing but numbers from
// it: its texts are somebody else's.
func verdict(err error) error {
	var sent *mail.SendError
	var code *textproto.Error
	var early *stage
	switch {
	case errors.As(err, &sent) && sent.ErrorCode() != 0:
		return refused(sent)
	case errors.As(err, &code):
		return answered(code.Code)
	case errors.Is(err, context.DeadlineExceeded):
		return fault(pipeline.Transient, settingHost, "send mail: the server took too long: %w", context.DeadlineExceeded)
	case untrusted(err):
		return fault(pipeline.Misconfigured, settingTLS, "send mail: the server's certificate isn't one for SMTP_HOST that this machine trusts, or it doesn't speak TLS on this port")
	case network(err):
		return fault(pipeline.Transient, settingHost, "send mail: the connection failed: %w; is the server up, and reachable from here?", cause(err))
	case errors.As(err, &early):
		return fault(pipeline.Misconfigured, settingTLS, "send mail: this program and the server don't agree on STARTTLS or on a way to log in; check SMTP_TLS, SMTP_PORT, SMTP_USER and SMTP_PASSWORD")
	}
	return fault(pipeline.Transient, settingHost, "send mail: the server hung up in the midst of it")
}

// refused is what the server said to the mail itself.
func refused(err *mail.SendError) error {
	setting, what := settingHost, "the mail"
	switch err.Reason {
	case mail.ErrSMTPRcptTo:
		setting, what = settingTo, "a recipient"
	case mail.ErrSMTPMailFrom:
		setting, what = settingFrom, "the sender"
	}
	kind, hint := pipeline.Misconfigured, "; check what it accepts"
	if err.ErrorCode()/100 == 4 {
		kind, hint = pipeline.Transient, " for now"
	}
	return fault(kind, setting, "send mail: the server refused %s with %d%s", what, err.ErrorCode(), hint)
}

// answered is what the server said before there was a mail.
func answered(code int) error {
	switch {
	case code/100 == 4:
		return fault(pipeline.Transient, settingHost, "send mail: the server is busy (%d)", code)
	case code >= 530 && code <= 538:
		return fault(pipeline.Misconfigured, settingUser, "send mail: the server refused the login with %d", code)
	}
	return fault(pipeline.Misconfigured, settingHost, "send mail: the server refused to talk with %d", code)
}

func untrusted(err error) bool {
	var certificate *tls.CertificateVerificationError
	var record tls.RecordHeaderError
	return errors.As(err, &certificate) || errors.As(err, &record)
}

func network(err error) bool {
	var n net.Error
	return errors.As(err, &n) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, syscall.ECONNRESET)
}

// cause is the network's own error, without what the library wrote around it.
func cause(err error) error {
	var op *net.OpError
	if errors.As(err, &op) {
		return op
	}
	return errors.New("it was cut")
}

func fault(kind pipeline.Kind, setting, format string, args ...any) error {
	err := pipeline.Faultf(kind, format, args...)
	var f *pipeline.Fault
	if errors.As(err, &f) {
		f.Setting = setting
	}
	return err
}
