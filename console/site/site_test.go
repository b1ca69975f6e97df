package site

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/autonomous-data-pipeline/adp/pipeline"
)

// buffer is a log that may be read while it is written.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

func serve(t *testing.T, h http.Handler) (*Server, *buffer) {
	t.Helper()
	l, err := Listen(t.Context(), "127.0.0.1:0")
	require.NoError(t, err)
	var log buffer
	s := Serve(l, h, slog.New(slog.NewTextHandler(&log, nil)))
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s, &log
}

func get(t *testing.T, url string) (status int, header http.Header, text string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	require.NoError(t, err)
	res, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	body, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	require.NoError(t, res.Body.Close())
	return res.StatusCode, res.Header, string(body)
}

func TestEveryAnswerKeepsBrowsersFromDoingMore(t *testing.T) {
	s, _ := serve(t, http.NotFoundHandler())
	status, header, _ := get(t, "http://"+s.Address+"/nowhere")
	require.Equal(t, http.StatusNotFound, status)
	for name, want := range map[string]string{
		"Content-Security-Policy": "default-src 'self'", "X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY", "Referrer-Policy": "same-origin",
	} {
		require.Contains(t, header.Get(name), want)
	}
}

func TestAPanicEndsOneRequest(t *testing.T) {
	s, log := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/bug" {
			panic("the secret of a bug")
		}
		_, _ = io.WriteString(w, "well")
	}))
	status, _, body := get(t, "http://"+s.Address+"/bug")
	require.Equal(t, http.StatusInternalServerError, status)
	require.NotContains(t, body, "secret")
	require.Contains(t, log.String(), "the secret of a bug")
	_, _, body = get(t, "http://"+s.Address+"/")
	require.Equal(t, "well", body)
}

func TestClosingEndsLivePages(t *testing.T) {
	listening := make(chan struct{})
	s, _ := serve(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		close(listening)
		<-r.Context().Done()
	}))
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		req, err := http.NewRequestWithContext(context.Background(), http.MethodGet, "http://"+s.Address+"/events", nil)
		if err != nil {
			return
		}
		if res, err := http.DefaultClient.Do(req); err == nil {
			_ = res.Body.Close()
		}
	}()
	<-listening
	require.NoError(t, s.Close())
	select {
	case <-ended:
	case <-time.After(time.Minute):
		t.Fatal("the live page goes on")
	}
}

func TestAnAddressThatIsTakenNamesTheSetting(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { require.NoError(t, l.Close()) }()
	_, err = Listen(t.Context(), l.Addr().String())
	require.Equal(t, pipeline.Misconfigured, pipeline.KindOf(err))
	require.ErrorContains(t, err, "CONSOLE_ADDR")
}
