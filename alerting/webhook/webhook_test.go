package webhook_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/autonomous-data-pipeline/adp/alerting/alerttest"
	"github.com/autonomous-data-pipeline/adp/alerting/webhook"
	"github.com/autonomous-data-pipeline/adp/pipeline"
)

const secret = "s3cret"

func TestConformance(t *testing.T) {
	alerttest.Run(t, func(t *testing.T) alerttest.Harness {
		var got []string
		srv := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			b, err := io.ReadAll(r.Body)
			if err != nil {
				t.Error(err)
			}
			if want := webhook.Sign(secret, r.Header.Get(webhook.HeaderTimestamp), b); r.Header.Get(webhook.HeaderSignature) != want {
				t.Error("the signature doesn't fit the body")
			}
			if r.Header.Get(webhook.HeaderID) == "" {
				t.Error("the delivery has no ID")
			}
			got = append(got, string(b))
		}))
		t.Cleanup(srv.Close)
		n, err := webhook.New(webhook.Config{URL: srv.URL, Secret: secret})
		require.NoError(t, err)
		return alerttest.Harness{Notifier: n, Received: func() []string { return got }}
	})
}

func TestAnAnswerPicksTheFaultKind(t *testing.T) {
	tests := map[string]struct {
		status int
		want   pipeline.Kind
	}{
		"a server error may be tried again":  {500, pipeline.Transient},
		"a busy receiver may be tried again": {429, pipeline.Transient},
		"a refusal is a matter of settings":  {400, pipeline.Misconfigured},
		"an unknown address likewise":        {404, pipeline.Misconfigured},
		"a redirect is not followed":         {302, pipeline.Misconfigured},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Retry-After", "7")
				w.Header().Set("Location", "/elsewhere")
				w.WriteHeader(tc.status)
			}))
			defer srv.Close()
			n, err := webhook.New(webhook.Config{URL: srv.URL + "/?token=hidden"})
			require.NoError(t, err)
			err = n.Notify(t.Context(), alerttest.Alert())
			require.Equal(t, tc.want, pipeline.KindOf(err))
			require.ErrorContains(t, err, "ALERT_WEBHOOK_URL")
			require.NotContains(t, err.Error(), "hidden")
		})
	}
}

func TestARefusedConnectionIsTransientAndKeepsTheSecret(t *testing.T) {
	srv := httptest.NewServer(http.NotFoundHandler())
	srv.Close()
	n, err := webhook.New(webhook.Config{URL: srv.URL + "/?token=hidden"})
	require.NoError(t, err)
	err = n.Notify(t.Context(), alerttest.Alert())
	require.Equal(t, pipeline.Transient, pipeline.KindOf(err))
	require.NotContains(t, err.Error(), "hidden")
}

func TestABadAddressIsRefused(t *testing.T) {
	for _, u := range []string{"", "ftp://x", "http://", "://", "example.org/hook"} {
		_, err := webhook.New(webhook.Config{URL: u})
		require.Equal(t, pipeline.Misconfigured, pipeline.KindOf(err), u)
	}
}
