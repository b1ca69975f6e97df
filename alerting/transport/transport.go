// Package transport is the HTTP below the channels' drivers: one request, its
// answer as a fault of the right kind. It follows no redirect, tries nothing
// again, and shows neither addresses nor what the far end wrote.
package transport

import (
	"context"
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

// TimeLimit bounds one delivery unless a channel says otherwise.
const TimeLimit = 10 * time.Second

// maxWait bounds what a far end may ask for.
const maxWait = time.Hour

// maxAnswer bounds what is read of an answer, in bytes.
const maxAnswer = 1 << 16

// Client makes requests of one channel.
type Client struct {
	what    string // "the webhook", as errors say it
	setting string // what errors name
	http    *http.Client
}

// New makes a client. limit 0 is TimeLimit.
func New(what, setting string, limit time.Duration) *Client {
	if limit == 0 {
		limit = TimeLimit
	}
	return &Client{what: what, setting: setting, http: &http.Client{
		Timeout: limit,
		// A redirect would take the alert, and its signature, to somebody else.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// Address reports whether text is an http or https URL, without showing it.
func Address(what, setting, text string) error {
	u, err := url.Parse(text)
	if err != nil || u.Hostname() == "" || (u.Scheme != "http" && u.Scheme != "https") {
		return pipeline.Misconfiguredf(setting, "%s's address is no http or https URL", what) // err would show it
	}
	return nil
}

// Do sends the request and gives the answer's body, up to 64 KiB. A far end
// that is down, busy or too slow is a Transient fault, one that refuses or
// redirects a Misconfigured one.
func (c *Client) Do(req *http.Request) ([]byte, error) {
	res, err := c.http.Do(req)
	if err != nil {
		return nil, c.unreachable(req.Context(), err)
	}
	defer func() { _ = res.Body.Close() }() // it was read, or the request failed
	body, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	if bad := c.verdict(res); bad != nil {
		return nil, bad
	}
	if err != nil {
		return nil, c.unreachable(req.Context(), err)
	}
	return body, nil
}

// unreachable drops the URL that net/http puts into its errors.
func (c *Client) unreachable(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return c.Faultf(pipeline.Transient, "post to %s: %w", c.what, ctx.Err())
	}
	var u *url.Error
	if errors.As(err, &u) {
		err = u.Err
	}
	return c.Faultf(pipeline.Transient, "post to %s: %w; is it up, and reachable from here?", c.what, err)
}

// verdict takes nothing but numbers from the answer: its texts are somebody
// else's.
func (c *Client) verdict(res *http.Response) error {
	code := res.StatusCode
	status := strings.TrimSpace(fmt.Sprintf("%d %s", code, http.StatusText(code)))
	switch {
	case code/100 == 2:
		return nil
	case code >= 500 || code == http.StatusTooManyRequests || code == http.StatusRequestTimeout || code == http.StatusTooEarly:
		return c.busy(status, res.Header.Get("Retry-After"))
	case code/100 == 3:
		return c.Faultf(pipeline.Misconfigured, "post to %s: it answered %s, and alerts follow no redirect: set the final address", c.what, status)
	}
	return c.Faultf(pipeline.Misconfigured, "post to %s: it refused with %s; check its address, its secret and what it expects", c.what, status)
}

// busy carries when the far end wants to hear again: seconds, or a date.
func (c *Client) busy(status, header string) error {
	if s, err := strconv.ParseUint(header, 10, 31); err == nil {
		return c.wait(time.Duration(s)*time.Second, "post to %s: it answered %s, and asks to be left alone for %d s", c.what, status, s)
	}
	if t, err := http.ParseTime(header); err == nil {
		return c.wait(time.Until(t), "post to %s: it answered %s, and asks to be left alone until %s", c.what, status, t.Format(time.RFC3339))
	}
	return c.Faultf(pipeline.Transient, "post to %s: it answered %s", c.what, status)
}

func (c *Client) wait(d time.Duration, format string, args ...any) error {
	d = min(max(0, d), maxWait)
	return c.Faultf(pipeline.Transient, "%w", &alerting.RetryAfter{Wait: d, Err: fmt.Errorf(format, args...)})
}

// Faultf formats a fault that names the channel's setting.
func (c *Client) Faultf(kind pipeline.Kind, format string, args ...any) error {
	return &pipeline.Fault{Kind: kind, Setting: c.setting, Err: fmt.Errorf(format, args...)}
}
