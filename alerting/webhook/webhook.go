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
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/autonomous-data-pipeline/adp/alerting"
	"github.com/autonomous-data-pipeline/adp/alerting/transport"
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

// Config says where to post. URL and secret may hold credentials: no error
// shows them.
type Config struct {
	URL     string        `yaml:"url"`     // ALERT_WEBHOOK_URL: http or https
	Secret  string        `yaml:"secret"`  // ALERT_WEBHOOK_SECRET; empty sends unsigned
	Timeout time.Duration `yaml:"timeout"` // one delivery; 0 is 10s
}

// Validate reports whether the URL can be posted to.
func (c Config) Validate() error {
	if err := transport.Address("the webhook", setting, c.URL); err != nil {
		return err
	}
	if c.Timeout < 0 {
		return pipeline.Misconfiguredf(setting, "the webhook's time limit %v is negative", c.Timeout)
	}
	return nil
}

// Notifier posts to one URL.
type Notifier struct {
	config Config
	client *transport.Client
}

// New makes the channel. Nothing is sent.
func New(c Config) (*Notifier, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	return &Notifier{config: c, client: transport.New("the webhook", setting, c.Timeout)}, nil
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
	_, err = n.client.Do(req)
	return err
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

// Sign is the signature header's value, for receivers to compare with.
func Sign(secret, timestamp string, body []byte) string {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(timestamp + "."))
	mac.Write(body)
	return "v1=" + hex.EncodeToString(mac.Sum(nil))
}
