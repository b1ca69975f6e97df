package metrics_test

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/autonomous-data-pipeline/adp/internal/metrics"
	"github.com/autonomous-data-pipeline/adp/pipeline"
)

func TestWhatActivitiesReportCanBeScraped(t *testing.T) {
	e, err := metrics.Serve("127.0.0.1:0")
	require.NoError(t, err)
	tagged := e.Handler.WithTags(map[string]string{"pipeline": "customers"})
	tagged.Gauge("audit_log_entries").Update(7)
	tagged.Gauge("audit_log_head").Update(4503599627370495)
	require.Eventually(t, func() bool {
		resp, err := http.Get("http://" + e.Address + "/metrics")
		require.NoError(t, err)
		body, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		text := string(body)
		return strings.Contains(text, `audit_log_entries{pipeline="customers"} 7`) &&
			strings.Contains(text, `audit_log_head{pipeline="customers"} 4.503599627370495e+15`) && strings.Contains(text, "go_goroutines")
	}, 30*time.Second, 50*time.Millisecond)
	_, err = metrics.Serve(e.Address)
	require.Equal(t, pipeline.Misconfigured, pipeline.KindOf(err))
	require.ErrorContains(t, err, "METRICS_ADDR")
	require.NoError(t, e.Close())
}
