package slack

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
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	api "github.com/slack-go/slack"
)

// Bounds of what is taken from Slack.
const (
	maxBody   = 1 << 20         // of a request, in bytes
	tolerance = 5 * time.Minute // between a request's time and ours
	maxSeen   = 10_000          // requests remembered; more in 5 minutes are refused
	maxReply  = 2000            // of an answer to a click, in characters
	answering = time.Minute     // for carrying out a click
)

// Click is a person's answer by button.
type Click struct {
	Incident   string // its ID
	Resolution string // release, replay, discard, close or acknowledge
	UserID     string // Slack's, proven by the signature
	UserName   string // as Slack shows it; not proven to be unique
}

// Clicks are what Interactions needs beside Config.
type Clicks struct {
	// Answer carries a click out, and says what it did. Its error is shown to
	// the person.
	Answer func(context.Context, Click) (string, error)
	Now    func() time.Time
	Log    *slog.Logger
	// ReplyHost is where answers may go: scheme and host. Empty is
	// https://hooks.slack.com; tests name another one.
	ReplyHost string
}

// Interactions serves what Slack posts when a person clicks. It answers at once
// and carries the click out afterwards. Requests that aren't signed with the
// secret, are older than 5 minutes, from the future or seen before are refused
// with 401. Without a secret every request is.
func Interactions(c Config, clicks Clicks) http.Handler {
	if clicks.ReplyHost == "" {
		clicks.ReplyHost = "https://hooks.slack.com"
	}
	return &interactions{config: c, clicks: clicks, seen: map[string]time.Time{}, http: &http.Client{
		Timeout:       10 * time.Second,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

type interactions struct {
	config Config
	clicks Clicks
	http   *http.Client

	mu   sync.Mutex
	seen map[string]time.Time // signature → when it may be forgotten
}

func (i *interactions) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		http.Error(w, "only POST", http.StatusMethodNotAllowed)
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		http.Error(w, "the body is too large, or was cut", http.StatusRequestEntityTooLarge)
		return
	}
	if !i.genuine(r.Header.Get("X-Slack-Request-Timestamp"), r.Header.Get("X-Slack-Signature"), body) {
		http.Error(w, "the request isn't signed by Slack, is too old, or was seen before", http.StatusUnauthorized)
		return
	}
	form, err := url.ParseQuery(string(body))
	var call api.InteractionCallback
	if err != nil || json.Unmarshal([]byte(form.Get("payload")), &call) != nil {
		http.Error(w, "the body holds no interaction", http.StatusBadRequest)
		return
	}
	if click, ok := clicked(call); ok {
		// Slack waits for 3 seconds; the answer outlives its request.
		ctx := context.WithoutCancel(r.Context())
		go i.carryOut(ctx, click, call.ResponseURL)
	}
	w.WriteHeader(http.StatusOK)
}

// Sign is the signature header's value.
func Sign(secret, timestamp string, body []byte) string {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte("v0:" + timestamp + ":"))
	mac.Write(body)
	return "v0=" + hex.EncodeToString(mac.Sum(nil))
}

func (i *interactions) genuine(timestamp, signature string, body []byte) bool {
	seconds, err := strconv.ParseInt(timestamp, 10, 64)
	if err != nil || i.config.Secret == "" {
		return false
	}
	now := i.clicks.Now()
	if age := now.Sub(time.Unix(seconds, 0)); age > tolerance || age < -time.Minute {
		return false
	}
	if !hmac.Equal([]byte(Sign(i.config.Secret, timestamp, body)), []byte(signature)) {
		return false
	}
	return i.first(signature, now)
}

// first remembers a signature for as long as its request may be replayed.
func (i *interactions) first(signature string, now time.Time) bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	for s, until := range i.seen {
		if now.After(until) {
			delete(i.seen, s)
		}
	}
	if _, again := i.seen[signature]; again || len(i.seen) >= maxSeen {
		return false
	}
	i.seen[signature] = now.Add(2 * tolerance)
	return true
}

// clicked is the click on one of our buttons, if it is one.
func clicked(call api.InteractionCallback) (Click, bool) {
	if call.Type != api.InteractionTypeBlockActions {
		return Click{}, false
	}
	for _, a := range call.ActionCallback.BlockActions {
		if a == nil {
			continue
		}
		resolution, ours := strings.CutPrefix(a.ActionID, action)
		known := slices.ContainsFunc(buttons, func(b button) bool { return b.resolution == resolution })
		if ours && known && a.Value != "" && call.User.ID != "" {
			return Click{Incident: a.Value, Resolution: resolution, UserID: call.User.ID, UserName: call.User.Name}, true
		}
	}
	return Click{}, false
}

func (i *interactions) carryOut(ctx context.Context, c Click, replyTo string) {
	ctx, cancel := context.WithTimeout(ctx, answering)
	defer cancel()
	text := "You may not answer incidents from Slack: your user ID " + c.UserID + " isn't in SLACK_APPROVERS."
	if len(i.config.Approvers) == 0 {
		text = "Nobody may answer incidents from Slack: SLACK_APPROVERS is empty. Answer in the console."
	}
	if slices.Contains(i.config.Approvers, c.UserID) {
		done, err := i.clicks.Answer(ctx, c)
		if text = done; err != nil {
			text = "That didn't work: " + err.Error()
		}
	}
	if err := i.reply(ctx, replyTo, text); err != nil {
		i.clicks.Log.Warn("tell Slack what became of a click", "incident", c.Incident, "user", c.UserID, "error", err)
	}
}

// errElsewhere is a reply that would leave Slack.
var errElsewhere = errors.New("the address to reply to isn't Slack's")

// reply tells the person alone.
func (i *interactions) reply(ctx context.Context, to, text string) error {
	u, err := url.Parse(to)
	if err != nil || u.Scheme+"://"+u.Host != i.clicks.ReplyHost || u.User != nil {
		return errElsewhere
	}
	body, err := json.Marshal(api.WebhookMessage{ResponseType: api.ResponseTypeEphemeral, Text: escape(text, maxReply)})
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, u.String(), bytes.NewReader(body))
	if err != nil {
		return errElsewhere
	}
	req.Header.Set("Content-Type", "application/json")
	res, err := i.http.Do(req)
	if err != nil {
		return bare(err)
	}
	defer func() { _ = res.Body.Close() }() // its status is all that counts
	if res.StatusCode/100 != 2 {
		return fmt.Errorf("reply through Slack: it answered %d", res.StatusCode)
	}
	return nil
}

// bare drops the address, which lets anybody reply.
func bare(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}
