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
		n := tables.Add(1)
		env["SNOWFLAKE_TABLE_CUSTOMERS"], env["SNOWFLAKE_TABLE_ORDERS"] = fmt.Sprintf("RAW_CUSTOMERS_%d", n), fmt.Sprintf("RAW_ORDERS_%d", n)
		return env
	}
}
