//go:build cloud

package main

import (
	"maps"
	"path/filepath"
	"testing"

	"github.com/autonomous-data-pipeline/adp/internal/fakes3"
)

func init() {
	targets["Parquet on S3"] = func(t *testing.T) map[string]string {
		server := fakes3.Start(t)
		in := server.Bucket(t, "lake")
		env := map[string]string{"SINK_MODE": "PARQUET", "PARQUET_OUT": in("out")}
		maps.Copy(env, fakes3.Env())
		return env
	}
	targets["Iceberg on S3"] = func(t *testing.T) map[string]string {
		server := fakes3.Start(t)
		in := server.Bucket(t, "lake")
		env := map[string]string{"SINK_MODE": "ICEBERG", "ICEBERG_WAREHOUSE": in("warehouse"), "ICEBERG_CATALOG": filepath.Join(t.TempDir(), "catalog.db")}
		maps.Copy(env, fakes3.Env())
		return env
	}
}
