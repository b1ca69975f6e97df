package webserver_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
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

	"github.com/autonomous-data-pipeline/adp/console/consoletest"
	"github.com/autonomous-data-pipeline/adp/internal/webserver"
	"github.com/autonomous-data-pipeline/adp/ops"
	"github.com/autonomous-data-pipeline/adp/pipeline"
)

// A button in Slack answers the incident, by who pressed it, through the guard
// and the desk.
func TestAButtonInSlackAnswersTheIncident(t *testing.T) {
	d := consoletest.New(t)
	i := d.Open(t, d.Ran(t, "run-1", 0, pipeline.Held, nil), "dq_failures_major", true)
	c := d.Config
	c.Alerts.Slack.Secret, c.Alerts.Slack.Approvers = "the signing secret", []string{"U1"}
	server := httptest.NewServer(webserver.Handler(d.Desk, webserver.Options{Config: c, Log: slog.New(slog.NewTextHandler(io.Discard, nil))}))
	t.Cleanup(server.Close)
	click := func(user, secret string) int {
		payload := `{"type":"block_actions","user":{"id":"` + user + `","name":"ana"},"response_url":"http://127.0.0.1:1/nowhere","actions":[{"action_id":"answer:release","block_id":"answers","value":"` + i.ID + `","type":"button"}]}`
		body := "payload=" + url.QueryEscape(payload)
		stamp := strconv.FormatInt(d.Now().Unix(), 10)
		mac := hmac.New(sha256.New, []byte(secret))
		mac.Write([]byte("v0:" + stamp + ":" + body))
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL+"/slack/interactions", strings.NewReader(body))
		require.NoError(t, err)
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		req.Header.Set("X-Slack-Request-Timestamp", stamp)
		req.Header.Set("X-Slack-Signature", "v0="+hex.EncodeToString(mac.Sum(nil)))
		res, err := http.DefaultClient.Do(req)
		require.NoError(t, err)
		require.NoError(t, res.Body.Close())
		return res.StatusCode
	}
	require.Equal(t, http.StatusUnauthorized, click("U1", "another secret"))
	require.Equal(t, http.StatusOK, click("U2", "the signing secret"), "who may not is told so by a message")
	now, err := d.Ops.Incident(t.Context(), i.ID)
	require.NoError(t, err)
	require.Equal(t, ops.Opened, now.Status)

	require.Equal(t, http.StatusOK, click("U1", "the signing secret"))
	require.Eventually(t, func() bool {
		now, err = d.Ops.Incident(t.Context(), i.ID)
		return err == nil && now.Status == ops.Resolved
	}, time.Minute, 10*time.Millisecond)
	require.Equal(t, []string{"release", "ana (Slack U1)"}, []string{now.Resolution, now.By})
}
