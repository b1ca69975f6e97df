package pages_test

import (
	"bufio"
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/autonomous-data-pipeline/adp/console/access"
	"github.com/autonomous-data-pipeline/adp/console/consoletest"
	"github.com/autonomous-data-pipeline/adp/pipeline"
)

// listen opens a live page's connection, and gives its lines.
func listen(ctx context.Context, t *testing.T, server *httptest.Server) <-chan string {
	t.Helper()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, server.URL+"/events", nil)
	require.NoError(t, err)
	res, err := server.Client().Do(req) //nolint:bodyclose // closed by the reader below
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, res.StatusCode)
	require.Equal(t, "text/event-stream", res.Header.Get("Content-Type"))
	lines := make(chan string, 100)
	go func() {
		defer func() { _ = res.Body.Close() }()
		defer close(lines)
		for s := bufio.NewScanner(res.Body); s.Scan(); {
			if s.Text() != "" {
				lines <- s.Text()
			}
		}
	}()
	return lines
}

func next(t *testing.T, lines <-chan string, want string) {
	t.Helper()
	limit := time.After(time.Minute)
	for {
		select {
		case l, ok := <-lines:
			require.True(t, ok, "the connection has ended")
			if strings.HasPrefix(l, want) {
				return
			}
		case <-limit:
			t.Fatalf("no line %q", want)
		}
	}
}

func TestALivePageHearsOfWhatHappens(t *testing.T) {
	b := newBrowse(t, consoletest.Viewer)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b.site.ServeHTTP(w, r.WithContext(access.With(r.Context(), access.Session{Person: b.as})))
	}))
	t.Cleanup(server.Close)
	ctx, cancel := context.WithCancel(t.Context())
	one, two := listen(ctx, t, server), listen(ctx, t, server)
	next(t, one, ": hello")
	next(t, two, ": hello")
	b.desk.Ran(t, "r1", 0, pipeline.Held, nil)
	next(t, one, "event: changed")
	next(t, two, "event: changed")
	cancel()
	require.Eventually(t, func() bool {
		select {
		case _, open := <-one:
			return !open
		default:
			return false
		}
	}, time.Minute, time.Millisecond, "a connection ends with its browser")
	again := listen(t.Context(), t, server)
	next(t, again, ": hello")
	b.desk.Ran(t, "r2", 1, pipeline.Failed, nil)
	next(t, again, "event: changed")
	server.CloseClientConnections()
}
