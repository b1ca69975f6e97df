// Package site serves what people see at one address: pages, API and what
// others call. It composes handlers, and knows none of their rules.
package site

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"runtime/debug"
	"time"

	"github.com/autonomous-data-pipeline/adp/pipeline"
)

// Server serves until it is closed.
type Server struct {
	Address string // host:port that it listens on

	server *http.Server
	stop   context.CancelFunc
}

// The time limits. There is none on writing: live pages listen for hours.
const (
	headerLimit = 5 * time.Second
	bodyLimit   = 30 * time.Second
	idleLimit   = 2 * time.Minute
	closeLimit  = 5 * time.Second
)

// maxHeader bounds a request's header, in bytes.
const maxHeader = 64 << 10

// Listen takes an address, host:port; port 0 is any that is free. One that
// can't be had is a Misconfigured fault. Nothing is answered before Serve.
func Listen(ctx context.Context, address string) (net.Listener, error) {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", address)
	if err != nil {
		return nil, pipeline.Misconfiguredf("CONSOLE_ADDR", "listen on %s for the console: %w; another program has it: set another, or leave it empty", address, err)
	}
	return l, nil
}

// Serve answers with handler, each answer with headers that keep browsers from
// doing more than was meant.
func Serve(l net.Listener, handler http.Handler, log *slog.Logger) *Server {
	ctx, stop := context.WithCancel(context.Background())
	s := &Server{Address: l.Addr().String(), stop: stop, server: &http.Server{
		Handler:           recovered(hardened(handler), log),
		ReadHeaderTimeout: headerLimit, ReadTimeout: bodyLimit, IdleTimeout: idleLimit, MaxHeaderBytes: maxHeader,
		BaseContext: func(net.Listener) context.Context { return ctx },
		ErrorLog:    slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}}
	go func() { _ = s.server.Serve(l) }() // ends when it is closed
	return s
}

// Close ends live pages, answers what was asked, and ends the server.
func (s *Server) Close() error {
	s.stop() // live pages go on for ever
	ctx, cancel := context.WithTimeout(context.Background(), closeLimit)
	defer cancel()
	return s.server.Shutdown(ctx)
}

// hardened sets what every answer has. A handler may set its own instead.
func hardened(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", "default-src 'self'; img-src 'self' data:; frame-ancestors 'none'; base-uri 'none'; form-action 'self'; object-src 'none'")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY")
		h.Set("Referrer-Policy", "same-origin")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=()")
		next.ServeHTTP(w, r)
	})
}

// recovered answers a panic with 500 and logs it: one request's bug must not
// end a process that runs pipelines.
func recovered(next http.Handler, log *slog.Logger) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			p := recover()
			if p == nil {
				return
			}
			if err, ok := p.(error); ok && errors.Is(err, http.ErrAbortHandler) {
				panic(p) // the handler's way to cut the connection
			}
			log.Error("answer a request of the console", "method", r.Method, "path", r.URL.Path, "panic", p, "stack", string(debug.Stack()))
			http.Error(w, "something is broken here; the log says what", http.StatusInternalServerError)
		}()
		next.ServeHTTP(w, r)
	})
}
