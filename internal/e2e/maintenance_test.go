//go:build integration

package e2e

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"

	"github.com/autonomous-data-pipeline/adp/internal/temporal"
	"github.com/autonomous-data-pipeline/adp/pipeline"
	"github.com/autonomous-data-pipeline/adp/workflows"
)

// oldStaging makes a run's staging that nobody has touched for a long time.
func (s *stack) oldStaging(runID string) string {
	s.t.Helper()
	dir := filepath.Join(s.dir, "data", "staging", "customers", runID)
	require.NoError(s.t, os.MkdirAll(filepath.Join(dir, "v1"), 0o755))
	file := filepath.Join(dir, "v1", "clean.parquet")
	require.NoError(s.t, os.WriteFile(file, make([]byte, 100), 0o644))
	long := time.Now().Add(-100 * 24 * time.Hour)
	for _, path := range []string{file, filepath.Dir(file), dir} {
		require.NoError(s.t, os.Chtimes(path, long, long))
	}
	return dir
}

// The schedule of maintenance runs beside that of the runs. What a run that
// Temporal knows to be going on has staged stays, however old it is.
func TestMaintenanceRunsByScheduleAndAsksTemporalWhichRunsGoOn(t *testing.T) {
	s := start(t, "")
	s.declare(func(text string) string { return text + "\nmaintenance: {every: 1s}\n" })
	waiting, err := s.client.ExecuteWorkflow(t.Context(), client.StartWorkflowOptions{
		ID: "run/customers/waiting", TaskQueue: taskQueue,
	}, workflows.PipelineRun, pipeline.RunRequest{Pipeline: "customers", DelayS: 3600})
	require.NoError(t, err)
	running := func() []string {
		ids, err := temporal.Executions{Client: s.client, Namespace: "default"}.Running(t.Context(), "customers")
		require.NoError(t, err)
		return ids
	}
	require.Eventually(t, func() bool { return slices.Contains(running(), waiting.GetRunID()) }, limit, 50*time.Millisecond)
	dead, live := s.oldStaging("dead"), s.oldStaging(waiting.GetRunID())

	_, code := s.starter("schedule", "apply", "customers")
	require.Zero(t, code)
	gone := func(dir string) func() bool {
		return func() bool {
			_, err := os.Stat(dir)
			return os.IsNotExist(err)
		}
	}
	require.Eventually(t, gone(dead), limit, 50*time.Millisecond)
	require.DirExists(t, live)

	require.NoError(t, s.client.TerminateWorkflow(t.Context(), waiting.GetID(), "", "the test is over"))
	require.Eventually(t, gone(live), limit, 50*time.Millisecond, "what it staged isn't needed any more")

	_, code = s.starter("schedule", "remove", "customers")
	require.Zero(t, code)
	var report pipeline.MaintenanceReport
	s.ask(&report, "maintain", "--pipeline", "customers")
	require.Len(t, report.Steps, 6)
	for _, step := range report.Steps {
		require.Zero(t, step.Removed, step.Step)
		require.Empty(t, step.Error, step.Step)
	}
	out, code := s.starter("maintain", "parcels")
	require.Equal(t, 2, code)
	require.Contains(t, out, "parcels.yml")
}
