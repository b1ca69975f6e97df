package slack_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/autonomous-data-pipeline/adp/alerting/slack"
)

var clickedAt = time.Date(2026, 11, 23, 2, 0, 0, 0, time.UTC)

// desk is what a handler hands clicks to, and the Slack that it replies to.
type desk struct {
	handler http.Handler
	clicks  chan slack.Click
	replies chan string
	reply   string // address
}

func newDesk(t *testing.T, c slack.Config, result error) *desk {
	t.Helper()
	d := &desk{clicks: make(chan slack.Click, 9), replies: make(chan string, 9)}
	far := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		d.replies <- string(b)
	}))
	t.Cleanup(far.Close)
	d.reply = far.URL + "/actions/x"
	d.handler = slack.Interactions(c, slack.Clicks{
		Answer: func(_ context.Context, c slack.Click) (string, error) {
			d.clicks <- c
			return "released <!channel>", result
		},
		Now: func() time.Time { return clickedAt }, Log: slog.New(slog.DiscardHandler), ReplyHost: far.URL,
	})
	return d
}

func (d *desk) body(action, value string) string {
	payload := `{"type":"block_actions","user":{"id":"U1","name":"vera"},"response_url":"` + d.reply + `","actions":[{"type":"button","block_id":"answers","action_id":"` + action + `","value":"` + value + `"}]}`
	return url.Values{"payload": {payload}}.Encode()
}

func (d *desk) post(body, secret string, at time.Time) int {
	stamp := strconv.FormatInt(at.Unix(), 10)
	r := httptest.NewRequest(http.MethodPost, "/slack/interactions", strings.NewReader(body))
	r.Header.Set("X-Slack-Request-Timestamp", stamp)
	r.Header.Set("X-Slack-Signature", slack.Sign(secret, stamp, []byte(body)))
	w := httptest.NewRecorder()
	d.handler.ServeHTTP(w, r)
	return w.Code
}

var approved = slack.Config{Secret: "s", Approvers: []string{"U1"}}

func TestAClickIsCarriedOutAndAnswered(t *testing.T) {
	d := newDesk(t, approved, nil)
	require.Equal(t, 200, d.post(d.body("answer:release", "inc-1"), "s", clickedAt))
	require.Equal(t, slack.Click{Incident: "inc-1", Resolution: "release", UserID: "U1", UserName: "vera"}, <-d.clicks)
	said := <-d.replies
	require.Contains(t, said, "ephemeral")
	require.Contains(t, said, `released \u0026lt;!channel\u0026gt;`)

	refused := newDesk(t, approved, errors.New("it was answered before"))
	require.Equal(t, 200, refused.post(refused.body("answer:release", "inc-1"), "s", clickedAt))
	require.Contains(t, <-refused.replies, "it was answered before")
}

func TestWhoIsNoApproverIsTold(t *testing.T) {
	for want, c := range map[string]slack.Config{
		"isn't in SLACK_APPROVERS": {Secret: "s", Approvers: []string{"U2"}},
		"SLACK_APPROVERS is empty": {Secret: "s"},
	} {
		d := newDesk(t, c, nil)
		require.Equal(t, 200, d.post(d.body("answer:release", "inc-1"), "s", clickedAt))
		require.Contains(t, <-d.replies, want)
		require.Empty(t, d.clicks)
	}
}

func TestOnlySlackIsHeardAndOnce(t *testing.T) {
	d := newDesk(t, approved, nil)
	body := d.body("answer:release", "inc-1")
	tests := map[string]struct {
		secret string
		at     time.Time
		want   int
	}{
		"a forged signature":      {"other", clickedAt, 401},
		"over 5 minutes old":      {"s", clickedAt.Add(-5*time.Minute - time.Second), 401},
		"from the future":         {"s", clickedAt.Add(2 * time.Minute), 401},
		"exactly 5 minutes old":   {"s", clickedAt.Add(-5 * time.Minute), 200},
		"a clock a bit before us": {"s", clickedAt.Add(30 * time.Second), 200},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) { require.Equal(t, tc.want, d.post(body, tc.secret, tc.at)) })
	}
	<-d.clicks
	<-d.clicks
	require.Equal(t, 401, d.post(body, "s", clickedAt.Add(-5*time.Minute)), "a recording is refused")
	unset := newDesk(t, slack.Config{Approvers: []string{"U1"}}, nil)
	require.Equal(t, 401, unset.post(body, "", clickedAt), "without a secret nobody is known")
	require.Empty(t, d.clicks)
}

func TestWhatIsNoClickOfOursDoesNothing(t *testing.T) {
	d := newDesk(t, approved, nil)
	tests := map[string]struct {
		body string
		want int
	}{
		"another app's button":    {d.body("other", "inc-1"), 200},
		"an answer that isn't":    {d.body("answer:drop", "inc-1"), 200},
		"no incident":             {d.body("answer:release", ""), 200},
		"no payload":              {"a=b", 400},
		"a payload that is none":  {"payload=%7B", 400},
		"a body above a megabyte": {strings.Repeat("x", 1<<20+1), 413},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) { require.Equal(t, tc.want, d.post(tc.body, "s", clickedAt)) })
	}
	require.Empty(t, d.clicks)
	w := httptest.NewRecorder()
	d.handler.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/slack/interactions", nil))
	require.Equal(t, http.StatusMethodNotAllowed, w.Code)
}

func FuzzInteractionsTakeNothingUnsigned(f *testing.F) {
	f.Add("payload=%7B%7D", "1795399200", "v0=00")
	h := slack.Interactions(approved, slack.Clicks{
		Answer: func(context.Context, slack.Click) (string, error) { panic("carried out") },
		Now:    func() time.Time { return clickedAt }, Log: slog.New(slog.DiscardHandler),
	})
	f.Fuzz(func(t *testing.T, body, stamp, signature string) {
		r := httptest.NewRequest(http.MethodPost, "/slack/interactions", strings.NewReader(body))
		r.Header.Set("X-Slack-Request-Timestamp", stamp)
		r.Header.Set("X-Slack-Signature", signature)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		require.Contains(t, []int{401, 413}, w.Code)
	})
}
