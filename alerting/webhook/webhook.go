// Package webhook posts alerts as JSON to a URL, signed if a secret is set. It
// doesn't follow redirects, and it doesn't try again: that is the caller's.
package webhook

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/autonomous-data-pipeline/adp/alerting"
	"github.com/autonomous-data-pipeline/adp/pipeline"
)

// The headers of a delivery. The body is the JSON of alerting.Alert.
const (
	// HeaderID carries the alert's ID, the same for every repeat. An ID that a
	// header can't carry as it is, is percent-encoded.
	HeaderID = "Idempotency-Key"
	// HeaderTimestamp carries the time of sending, in seconds since the epoch.
	// A receiver that refuses old ones can't be played a recording.
	HeaderTimestamp = "X-Pipeline-Timestamp"
	// HeaderSignature carries "v1=" and the hexadecimal HMAC-SHA256, keyed
	// with the secret, of "<timestamp>.<body>". It is absent without a secret.
	HeaderSignature = "X-Pipeline-Signature"
)

// setting is what errors name.
const setting = "ALERT_WEBHOOK_URL"

// timeLimit bounds one delivery unless Config says otherwise.
const timeLimit = 10 * time.Second

// Config says where to post. URL and secret may hold credentials: no error
// shows them.
type Config struct {
	URL     string        `yaml:"url"`     // ALERT_WEBHOOK_URL: http or https
	Secret  string        `yaml:"secret"`  // ALERT_WEBHOOK_SECRET; empty sends unsigned
	Timeout time.Duration `yaml:"timeout"` // one delivery; 0 is 10s
}

// Validate reports whether the URL can be posted to.
func (c Config) Validate() error {
	u, err := url.Parse(c.URL)
	if err != nil || u.Hostname() == "" || (u.Scheme != "http" && u.Scheme != "https") {
		return pipeline.Misconfiguredf(setting, "the webhook's address is no http or https URL") // err would show it
	}
	if c.Timeout < 0 {
		return pipeline.Misconfiguredf(setting, "the webhook's time limit %v is negative", c.Timeout)
	}
	return nil
}

// Notifier posts to one URL.
type Notifier struct {
	config Config
	client *http.Client
}

// New makes the channel. Nothing is sent.
func New(c Config) (*Notifier, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	if c.Timeout == 0 {
		c.Timeout = timeLimit
	}
	return &Notifier{config: c, client: &http.Client{
		Timeout: c.Timeout,
		// A redirect would take the alert, and its signature, to somebody else.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}, nil
}

// Name is "webhook".
func (n *Notifier) Name() string { return "webhook" }

// Notify posts the alert. A receiver that is down, busy or too slow is a
// Transient fault, one that refuses or redirects a Misconfigured one.
func (n *Notifier) Notify(ctx context.Context, a alerting.Alert) error {
	req, err := n.request(ctx, a)
	if err != nil {
		return err
	}
	res, err := n.client.Do(req)
	if err != nil {
		return unreachable(ctx, err)
	}
	defer func() { _ = res.Body.Close() }()                     // the answer's status is all that counts
	_, _ = io.Copy(io.Discard, io.LimitReader(res.Body, 1<<16)) // lets the connection be used again
	return verdict(res)
}

func (n *Notifier) request(ctx context.Context, a alerting.Alert) (*http.Request, error) {
	body, err := json.Marshal(a)
	if err != nil {
		return nil, pipeline.Faultf(pipeline.Bug, "encode alert %s: %w", a.ID, err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, n.config.URL, bytes.NewReader(body))
	if err != nil {
		return nil, pipeline.Misconfiguredf(setting, "post to the webhook: its address can't be used") // err would show it
	}
	stamp := strconv.FormatInt(time.Now().Unix(), 10)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set(HeaderID, headerValue(a.ID))
	req.Header.Set(HeaderTimestamp, stamp)
	if n.config.Secret != "" {
		req.Header.Set(HeaderSignature, Sign(n.config.Secret, stamp, body))
	}
	return req, nil
}

// headerValue is the text itself, or its percent-encoding where a header would
// change or refuse it.
func headerValue(text string) string {
	odd := func(r rune) bool { return r < ' ' || r > '~' }
	if strings.ContainsFunc(text, odd) || strings.TrimSpace(text) != text {
		return url.QueryEscape(text)
	}
	return text
}

// unreachable drops the URL that net/http puts into its errors.
func unreachable(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return fmt.Errorf("post to the webhook: %w", ctx.Err())
	}
	var u *url.Error
	if errors.As(err, &u) {
		err = u.Err
	}
	return fault(pipeline.Transient, "post to the webhook: %w; is it up, and reachable from here?", err)
}

// verdict takes nothing but numbers from the answer: its texts are somebody
// else's.
func verdict(res *http.Response) error {
	code := res.StatusCode
	status := strings.TrimSpace(fmt.Sprintf("%d %s", code, http.StatusText(code)))
	switch {
	case code/100 == 2:
		return nil
	case code >= 500 || code == http.StatusTooManyRequests || code == http.StatusRequestTimeout || code == http.StatusTooEarly:
		return fault(pipeline.Transient, "post to the webhook: it answered %s%s", status, retryAfter(res.Header.Get("Retry-After")))
	case code/100 == 3:
		return fault(pipeline.Misconfigured, "post to the webhook: it answered %s, and alerts follow no redirect: set the final address", status)
	}
	return fault(pipeline.Misconfigured, "post to the webhook: it refused with %s; check its address, its secret and what it expects", status)
}

func fault(kind pipeline.Kind, format string, args ...any) error {
	return &pipeline.Fault{Kind: kind, Setting: setting, Err: fmt.Errorf(format, args...)}
}

// retryAfter says when the receiver wants to hear again: seconds, or a date.
func retryAfter(header string) string {
	if s, err := strconv.ParseUint(header, 10, 31); err == nil {
		return fmt.Sprintf(", and asks to be left alone for %d s", s)
	}
	if t, err := http.ParseTime(header); err == nil {
		return ", and asks to be left alone until " + t.Format(time.RFC3339)
	}
	return ""
}

// Sign is the signature header's value, for receivers to compare with.
func Sign(secret, timestamp string, body []byte) string {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(timestamp + "."))
	mac.Write(body)
	return "v1=" + hex.EncodeToString(mac.Sum(nil))
}
