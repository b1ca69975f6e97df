//go:build !crashpoints

package main

import (
	sdkworker "go.temporal.io/sdk/worker"

	"github.com/autonomous-data-pipeline/adp/activities"
)

// strikable does nothing: only a worker that is built with the tag crashpoints
// can be told to die.
func strikable(*sdkworker.Options, *activities.Set) {}
