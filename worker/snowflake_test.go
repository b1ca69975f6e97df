//go:build integration

package main

import (
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/autonomous-data-pipeline/adp/internal/fakesnow"
)

func init() {
	var tables atomic.Int64
	targets["Snowflake"] = func(t *testing.T) map[string]string {
		env := fakesnow.Start(t).Env()
		env["SINK_MODE"] = "SNOWFLAKE"
		env["SNOWFLAKE_TABLE"] = fmt.Sprintf("RAW_CUSTOMERS_%d", tables.Add(1))
		return env
	}
}
