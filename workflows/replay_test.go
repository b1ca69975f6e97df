package workflows

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/worker"
)

// Runs that were in flight when a worker is replaced go on under the new code:
// every saved history, one for each path, must replay. They are never edited;
// `make golden` writes them anew. Before a change of the workflows the old ones
// of the paths that it touches go into a folder named after it, and stay.
func TestEverySavedHistoryReplays(t *testing.T) {
	saved, err := filepath.Glob("testdata/*.json")
	require.NoError(t, err)
	require.Len(t, saved, len(paths()), "every path has a saved history")
	before, err := filepath.Glob("testdata/*/*.json")
	require.NoError(t, err)
	require.NotEmpty(t, before)
	for _, file := range append(saved, before...) {
		t.Run(file, func(t *testing.T) {
			r := worker.NewWorkflowReplayer()
			r.RegisterWorkflow(PipelineRun)
			r.RegisterWorkflow(Backfill)
			r.RegisterWorkflow(Escalation)
			r.RegisterWorkflow(Alerts)
			r.RegisterWorkflow(ReplayQuarantine)
			r.RegisterWorkflow(Maintenance)
			require.NoError(t, r.ReplayWorkflowHistoryFromJSONFile(nil, file))
		})
	}
}

// The replay notices a change: a history with another activity in it is refused.
func TestAChangedHistoryDoesNotReplay(t *testing.T) {
	b, err := os.ReadFile("testdata/run-healthy.json")
	require.NoError(t, err)
	changed := filepath.Join(t.TempDir(), "changed.json")
	bent := []byte(replaceOnce(string(b), `"name": "Evaluate"`, `"name": "Estimate"`))
	require.NotEqual(t, b, bent)
	require.NoError(t, os.WriteFile(changed, bent, 0o600))
	r := worker.NewWorkflowReplayer()
	r.RegisterWorkflow(PipelineRun)
	require.Error(t, r.ReplayWorkflowHistoryFromJSONFile(nil, changed))
}
