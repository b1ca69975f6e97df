//go:build cloud

package main

import (
	"maps"
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
}
