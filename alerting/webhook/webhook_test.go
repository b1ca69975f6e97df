package webhook_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/autonomous-data-pipeline/adp/alerting"
	"github.com/autonomous-data-pipeline/adp/alerting/alerttest"
	"github.com/autonomous-data-pipeline/adp/alerting/webhook"
	"github.com/autonomous-data-pipeline/adp/pipeline"
)

const secret = "s3cret"

// start opens a receiver and a channel to it whose address holds a token.
func start(t *testing.T, c webhook.Config) (*webhook.Notifier, *alerttest.Receiver) {
	t.Helper()
	far := &alerttest.Receiver{}
	srv := httptest.NewServer(far)
	t.Cleanup(srv.Close)
	c.URL = srv.URL + "/pathtoken?token=hidden"
	n, err := webhook.New(c)
	require.NoError(t, err)
	return n, far
}

func TestConformance(t *testing.T) {
	alerttest.Run(t, func(t *testing.T) alerttest.Harness {
		n, far := start(t, webhook.Config{Secret: secret, Timeout: time.Second})
		return alerttest.Harness{
			Notifier: n, Received: far.Bodies, Break: far.Break,
			Secrets: []string{secret, "hidden", "pathtoken"},
		}
	})
}

func TestADeliveryIsTheAlertSignedAndNamed(t *testing.T) {
	n, far := start(t, webhook.Config{Secret: secret})
	require.NoError(t, n.Notify(t.Context(), alerttest.Alert()))
	got := far.Deliveries()
	require.Len(t, got, 1)
	var a alerting.Alert
	require.NoError(t, json.Unmarshal([]byte(got[0].Body), &a))
	require.Equal(t, alerttest.Alert(), a)
	h := got[0].Header
	require.Equal(t, "application/json", h.Get("Content-Type"))
	require.Equal(t, "inc-1/opened", h.Get(webhook.HeaderID))
	require.Equal(t, webhook.Sign(secret, h.Get(webhook.HeaderTimestamp), []byte(got[0].Body)), h.Get(webhook.HeaderSignature))
	stamp, err := strconv.ParseInt(h.Get(webhook.HeaderTimestamp), 10, 64)
	require.NoError(t, err)
	require.WithinDuration(t, time.Now(), time.Unix(stamp, 0), time.Minute)
}

func TestWithoutASecretNothingIsSigned(t *testing.T) {
	n, far := start(t, webhook.Config{})
	require.NoError(t, n.Notify(t.Context(), alerttest.Alert()))
	require.NotContains(t, far.Deliveries()[0].Header, webhook.HeaderSignature)
}

// The expected value was made by OpenSSL:
// printf '1795399200.{"id":"a"}' | openssl dgst -sha256 -hmac s3cret
func TestTheSignatureIsWhatOtherProgramsCompute(t *testing.T) {
	require.Equal(t, "v1=55b71dfa8f608a6697b3bc9388f3ef17b4d1dc68abbccd9ebd1aafbfd287ed14", webhook.Sign(secret, "1795399200", []byte(`{"id":"a"}`)))
}

func TestTheSignatureCoversTimeAndBody(t *testing.T) {
	base := webhook.Sign(secret, "1", []byte("body"))
	require.NotEqual(t, base, webhook.Sign(secret, "2", []byte("body")))
	require.NotEqual(t, base, webhook.Sign(secret, "1", []byte("bodY")))
	require.NotEqual(t, base, webhook.Sign("other", "1", []byte("body")))
}

func TestAnIDThatAHeaderCannotCarryIsEncoded(t *testing.T) {
	for id, want := range map[string]string{
		"inc-1/opened": "inc-1/opened",
		"a b":          "a b",
		"a\r\nX: y":    "a%0D%0AX%3A+y",
		" a":           "+a",
		"größe":        "gr%C3%B6%C3%9Fe",
	} {
		n, far := start(t, webhook.Config{})
		require.NoError(t, n.Notify(t.Context(), alerting.Alert{ID: id}))
		require.Equal(t, want, far.Deliveries()[0].Header.Get(webhook.HeaderID))
		require.NotContains(t, far.Deliveries()[0].Header, "X")
	}
}

func TestAnAnswerPicksTheFaultKind(t *testing.T) {
	tests := map[string]struct {
		status int
		after  string // Retry-After
		want   pipeline.Kind
		says   string
	}{
		"a server error may be tried again":       {500, "", pipeline.Transient, "500 Internal Server Error"},
		"a gateway without a server likewise":     {503, "120", pipeline.Transient, "left alone for 120 s"},
		"a busy receiver may be tried again":      {429, "7", pipeline.Transient, "left alone for 7 s"},
		"a date says when":                        {429, "Mon, 23 Nov 2026 03:00:00 GMT", pipeline.Transient, "until 2026-11-23T03:00:00Z"},
		"a made-up wait is not repeated":          {429, "evil text", pipeline.Transient, "429 Too Many Requests (setting"},
		"a receiver that waited too long":         {408, "", pipeline.Transient, "408"},
		"a refusal is a matter of settings":       {400, "", pipeline.Misconfigured, "400"},
		"a wrong token likewise":                  {401, "", pipeline.Misconfigured, "401"},
		"an unknown address likewise":             {404, "", pipeline.Misconfigured, "404"},
		"an alert that is too large likewise":     {413, "", pipeline.Misconfigured, "413"},
		"a redirect is not followed":              {302, "", pipeline.Misconfigured, "final address"},
		"a redirect that keeps the body likewise": {307, "", pipeline.Misconfigured, "final address"},
		"a status that doesn't exist":             {299 + 400, "", pipeline.Transient, "699"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			other := &alerttest.Receiver{}
			elsewhere := httptest.NewServer(other)
			defer elsewhere.Close()
			srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Retry-After", tc.after)
				w.Header().Set("Location", elsewhere.URL+"/elsewhere")
				w.WriteHeader(tc.status)
			}))
			defer srv.Close()
			n, err := webhook.New(webhook.Config{URL: srv.URL + "/?token=hidden", Secret: secret})
			require.NoError(t, err)
			err = n.Notify(t.Context(), alerttest.Alert())
			require.Equal(t, tc.want, pipeline.KindOf(err))
			require.ErrorContains(t, err, tc.says)
			require.ErrorContains(t, err, "ALERT_WEBHOOK_URL")
			for _, hidden := range []string{"hidden", secret, "evil text", "elsewhere"} {
				require.NotContains(t, err.Error(), hidden)
			}
			require.Empty(t, other.Deliveries())
		})
	}
}

func TestEverySuccessIsADelivery(t *testing.T) {
	for _, status := range []int{200, 201, 202, 204} {
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) }))
		n, err := webhook.New(webhook.Config{URL: srv.URL})
		require.NoError(t, err)
		require.NoError(t, n.Notify(t.Context(), alerttest.Alert()), status)
		srv.Close()
	}
}

func TestARefusedConnectionIsTransientAndKeepsTheSecret(t *testing.T) {
	srv := httptest.NewServer(http.NotFoundHandler())
	srv.Close()
	n, err := webhook.New(webhook.Config{URL: "http://user:password@" + srv.Listener.Addr().String() + "/?token=hidden"})
	require.NoError(t, err)
	err = n.Notify(t.Context(), alerttest.Alert())
	require.Equal(t, pipeline.Transient, pipeline.KindOf(err))
	require.ErrorContains(t, err, "ALERT_WEBHOOK_URL")
	require.NotContains(t, err.Error(), "hidden")
	require.NotContains(t, err.Error(), "password")
}

func TestTheTimeLimitIsTheChannelsOwn(t *testing.T) {
	n, far := start(t, webhook.Config{Timeout: 20 * time.Millisecond})
	far.Break(alerttest.Slow)
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	err := n.Notify(ctx, alerttest.Alert())
	require.Equal(t, pipeline.Transient, pipeline.KindOf(err))
	require.ErrorContains(t, err, "ALERT_WEBHOOK_URL")
	require.NoError(t, ctx.Err(), "the caller's limit is not the one that ended it")
}

func TestABadAddressIsRefused(t *testing.T) {
	for _, u := range []string{"", "ftp://x", "http://", "http://:80", "://", "example.org/hook", "http://a\nhidden", "http://x/%zz?token=hidden"} {
		_, err := webhook.New(webhook.Config{URL: u})
		require.Equal(t, pipeline.Misconfigured, pipeline.KindOf(err), u)
		require.ErrorContains(t, err, "ALERT_WEBHOOK_URL")
		require.NotContains(t, err.Error(), "hidden")
	}
	_, err := webhook.New(webhook.Config{URL: "https://example.org", Timeout: -1})
	require.Equal(t, pipeline.Misconfigured, pipeline.KindOf(err))
}

func TestConfigIsReadFromYAML(t *testing.T) {
	var c webhook.Config
	require.NoError(t, yaml.Unmarshal([]byte("url: https://example.org/hook\nsecret: s\ntimeout: 3s\n"), &c))
	require.Equal(t, webhook.Config{URL: "https://example.org/hook", Secret: "s", Timeout: 3 * time.Second}, c)
}
