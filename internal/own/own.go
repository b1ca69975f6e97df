// Package own registers this installation's own actions, for the worker, which
// carries them out, and for the command line, which checks the rules that plan
// them. docs/extending.md shows how to write one.
package own

import "github.com/autonomous-data-pipeline/adp/agent"

// Actions are all of them; as delivered there are none.
func Actions() (*agent.Registry, error) { return agent.NewRegistry() }
