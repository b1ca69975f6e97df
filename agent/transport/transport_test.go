package transport

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/autonomous-data-pipeline/adp/agent"
)

func TestRetryAfterIsSecondsOrADateUpToAnHour(t *testing.T) {
	now := time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)
	tests := map[string]struct {
		header string
		want   time.Duration
	}{
		"seconds":                  {"90", 90 * time.Second},
		"a date ahead":             {"Mon, 23 Nov 2026 10:02:00 GMT", 2 * time.Minute},
		"a date that has passed":   {"Mon, 23 Nov 2026 09:00:00 GMT", 0},
		"a date far off":           {"Wed, 23 Nov 2033 10:00:00 GMT", time.Hour},
		"seconds that overflow":    {"10000000000", time.Hour},
		"more than a number holds": {"99999999999999999999", 0},
		"nothing":                  {"", 0},
		"negative":                 {"-1", 0},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) { require.Equal(t, tc.want, retryAfter(tc.header, now)) })
	}
}

type answers func(*http.Request) *http.Response

func (a answers) RoundTrip(r *http.Request) (*http.Response, error) { return a(r), nil }

// Whatever a server sends, drivers see one JSON object on one line, or an error.
func FuzzWhateverComesIsOneObjectOrAnError(f *testing.F) {
	f.Add(200, "application/json", []byte("{\n}"))
	f.Add(200, "application/json", []byte(`[1]`))
	f.Add(200, "text/html", []byte("<html>"))
	f.Add(429, "", []byte("\xff"))
	f.Add(200, "application/x-ndjson", []byte("{}\n{}"))
	f.Fuzz(func(t *testing.T, status int, contentType string, body []byte) {
		next := answers(func(*http.Request) *http.Response {
			return &http.Response{StatusCode: status, Header: http.Header{"Content-Type": {contentType}}, Body: io.NopCloser(bytes.NewReader(body))}
		})
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://127.0.0.1", nil)
		require.NoError(t, err)
		resp, err := bounded{next}.RoundTrip(req)
		if err != nil {
			return
		}
		defer func() { _ = resp.Body.Close() }() // it is in memory
		got, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		require.LessOrEqual(t, len(got), agent.MaxAnswerBytes)
		require.NotContains(t, string(got), "\n")
		require.NoError(t, json.Unmarshal(got, &map[string]json.RawMessage{}))
	})
}
