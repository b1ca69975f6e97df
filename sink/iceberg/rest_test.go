//go:build integration

package iceberg

import (
	"path/filepath"
	"strconv"
	"sync/atomic"
	"testing"

	"github.com/autonomous-data-pipeline/adp/internal/realiceberg"
	"github.com/autonomous-data-pipeline/adp/sink"
	"github.com/autonomous-data-pipeline/adp/sink/sinktest"
)

var tables_ atomic.Int64

// restConfig is a table that the catalog doesn't have yet.
func restConfig(t *testing.T, url string) Config {
	cfg := testConfig(t)
	cfg.URI, cfg.Table = url, "customers"+strconv.FormatInt(tables_.Add(1), 10)
	return cfg
}

func TestRESTCatalog(t *testing.T) {
	server := realiceberg.Start(t)
	t.Run("conformance", func(t *testing.T) { restConformance(t, server) })
}

func restConformance(t *testing.T, server *realiceberg.Server) {
	sinktest.Run(t, func(t *testing.T) sinktest.Harness {
		t.Parallel()
		cfg := restConfig(t, server.URL)
		return sinktest.Harness{
			Open: func() (sink.Sink, error) { return New(cfg) },
			DataFiles: func() ([]string, error) {
				return filepath.Glob(filepath.Join(cfg.Warehouse, "default", cfg.Table, "data", "*=*", "*.parquet"))
			},
			CrashPoints: crashPoints,
			Crash: func(point string, step sinktest.Step) (bool, error) {
				return crash(victim{Config: cfg, Point: point, Step: step})
			},
		}
	})
}
