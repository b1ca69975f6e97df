// Package webhook posts alerts as JSON to a URL, signed if a secret is set.
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
	"time"

	"github.com/autonomous-data-pipeline/adp/alerting"
	"github.com/autonomous-data-pipeline/adp/pipeline"
)

// The headers of a delivery. The signature is "v1=" and the hexadecimal
// HMAC-SHA256, keyed with the secret, of "<timestamp>.<body>".
const (
	HeaderID        = "Idempotency-Key"
	HeaderTimestamp = "X-Pipeline-Timestamp" // seconds since the epoch
	HeaderSignature = "X-Pipeline-Signature"
)

// setting is what errors name.
const setting = "ALERT_WEBHOOK_URL"

// timeLimit bounds one delivery.
const timeLimit = 10 * time.Second

// Config says where to post. URL and secret may hold credentials: no error
// shows them.
type Config struct {
	URL    string // ALERT_WEBHOOK_URL: http or https
	Secret string // ALERT_WEBHOOK_SECRET; empty sends unsigned
}

// Validate reports whether the URL can be posted to.
func (c Config) Validate() error {
	u, err := url.Parse(c.URL)
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		return pipeline.Misconfiguredf(setting, "the webhook's address is no http or https URL")
	}
	return nil
}

// Notifier posts to one URL.
type Notifier struct {
	config Config
	client *http.Client
}

// New makes the channel.
func New(c Config) (*Notifier, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	return &Notifier{config: c, client: &http.Client{
		Timeout: timeLimit,
		// A redirect would take the alert, and its signature, to somebody else.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}, nil
}

// Name is "webhook".
func (n *Notifier) Name() string { return "webhook" }

// Notify posts the alert. A receiver that is down or busy is Transient, one
// that refuses Misconfigured.
func (n *Notifier) Notify(ctx context.Context, a alerting.Alert) error {
	body, err := json.Marshal(a)
	if err != nil {
		return pipeline.Faultf(pipeline.Bug, "encode alert %s: %w", a.ID, err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, n.config.URL, bytes.NewReader(body))
	if err != nil {
		return pipeline.Misconfiguredf(setting, "post to the webhook: its address can't be used")
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set(HeaderID, a.ID)
	stamp := strconv.FormatInt(time.Now().Unix(), 10)
	req.Header.Set(HeaderTimestamp, stamp)
	if n.config.Secret != "" {
		req.Header.Set(HeaderSignature, Sign(n.config.Secret, stamp, body))
	}
	res, err := n.client.Do(req)
	if err != nil {
		return n.unreachable(ctx, err)
	}
	defer func() { _ = res.Body.Close() }()                     // the answer's status is all that counts
	_, _ = io.Copy(io.Discard, io.LimitReader(res.Body, 1<<16)) // lets the connection be used again
	return verdict(res)
}

// unreachable drops the URL that net/http puts into its errors.
func (n *Notifier) unreachable(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	var u *url.Error
	if errors.As(err, &u) {
		err = u.Err
	}
	return &pipeline.Fault{Kind: pipeline.Transient, Setting: setting, Err: fmt.Errorf("post to the webhook: %w", err)}
}

func verdict(res *http.Response) error {
	switch {
	case res.StatusCode/100 == 2:
		return nil
	case res.StatusCode == http.StatusTooManyRequests || res.StatusCode >= 500:
		after := ""
		if v := res.Header.Get("Retry-After"); v != "" {
			after = ", to be tried again after " + v
		}
		return &pipeline.Fault{Kind: pipeline.Transient, Setting: setting, Err: fmt.Errorf("post to the webhook: it answered %s%s", res.Status, after)}
	}
	return pipeline.Misconfiguredf(setting, "post to the webhook: it refused with %s; check its address and what it expects", res.Status)
}

// Sign is the signature header's value, for receivers to compare with.
func Sign(secret, timestamp string, body []byte) string {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(timestamp + "."))
	mac.Write(body)
	return "v1=" + hex.EncodeToString(mac.Sum(nil))
}
