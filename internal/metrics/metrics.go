// Package metrics shows what a worker does in Prometheus' format: Temporal's own
// metrics, the Go runtime's, and those that activities report.
package metrics

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/uber-go/tally/v4"
	tallyprom "github.com/uber-go/tally/v4/prometheus"
	"go.temporal.io/sdk/client"
	sdktally "go.temporal.io/sdk/contrib/tally"

	"github.com/autonomous-data-pipeline/adp/pipeline"
)

// Endpoint serves metrics over HTTP at /metrics until it is closed.
type Endpoint struct {
	Handler client.MetricsHandler // for Temporal's client
	Address string                // host:port that it listens on

	server *http.Server
	scope  io.Closer
}

// limit bounds reading a request and ending the server.
const limit = 5 * time.Second

// Serve listens on address, host:port; port 0 is any that is free. An address
// that can't be had is a Misconfigured fault.
func Serve(address string) (*Endpoint, error) {
	l, err := net.Listen("tcp", address)
	if err != nil {
		return nil, pipeline.Misconfiguredf("METRICS_ADDR", "listen on %s for metrics: %w", address, err)
	}
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	reporter := tallyprom.NewReporter(tallyprom.Options{Registerer: registry, OnRegisterError: func(error) {}}) // a name with other labels is left out
	scope, closer := tally.NewRootScope(tally.ScopeOptions{
		CachedReporter: reporter, Separator: tallyprom.DefaultSeparator, SanitizeOptions: &sdktally.PrometheusSanitizeOptions,
	}, time.Second)
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	e := &Endpoint{
		Handler: sdktally.NewMetricsHandler(sdktally.NewPrometheusNamingScope(scope)), Address: l.Addr().String(),
		server: &http.Server{Handler: mux, ReadHeaderTimeout: limit}, scope: closer,
	}
	go func() { _ = e.server.Serve(l) }() // ends when it is closed
	return e, nil
}

// Close ends the server once requests that go on are answered.
func (e *Endpoint) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	return errors.Join(e.scope.Close(), e.server.Shutdown(ctx))
}
