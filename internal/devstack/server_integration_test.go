//go:build integration

package devstack

import (
	"net/http"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"
)

func realTemporal(t *testing.T) string {
	t.Helper()
	bin, err := DefaultBinDir()
	require.NoError(t, err)
	path, err := EnsureTemporal(t.Context(), bin, os.Stderr)
	require.NoError(t, err)
	return path
}

func TestARealServerKeepsWorkflowsOverAKillAndAStop(t *testing.T) {
	s, err := StartTemporal(t.Context(), Config{
		Binary: realTemporal(t), DataDir: t.TempDir(), Port: port(t, false), UIPort: port(t, false),
		Namespace: "shop", SearchAttributes: map[string]string{"Pipeline": "Keyword", "AwaitingApproval": "Bool"},
	})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Kill()) })
	require.FileExists(t, s.Database())

	res, err := http.Get(s.UI())
	require.NoError(t, err)
	require.NoError(t, res.Body.Close())
	require.Equal(t, http.StatusOK, res.StatusCode, "the Web UI answers")

	run := startWorkflow(t, s)
	require.NoError(t, s.Kill())
	require.NoError(t, s.Restart(t.Context()))
	require.Equal(t, run, runOf(t, s), "after SIGKILL")

	require.NoError(t, s.Stop())
	require.NoError(t, s.Restart(t.Context()))
	require.Equal(t, run, runOf(t, s), "after SIGTERM")

	require.NoError(t, s.Restart(t.Context()), "a running server is stopped first")
	require.NoError(t, s.Stop())
	require.NoError(t, CheckPort(s.Address(), "TEMPORAL_PORT"), "the port is free again")
}

func dial(t *testing.T, s *Server) client.Client {
	t.Helper()
	cl, err := client.DialContext(t.Context(), client.Options{HostPort: s.Address(), Namespace: "shop"})
	require.NoError(t, err)
	t.Cleanup(cl.Close)
	return cl
}

// startWorkflow starts one that no worker takes, with a search attribute.
func startWorkflow(t *testing.T, s *Server) string {
	t.Helper()
	run, err := dial(t, s).ExecuteWorkflow(t.Context(), client.StartWorkflowOptions{
		ID: "kept", TaskQueue: "nobody",
		TypedSearchAttributes: temporal.NewSearchAttributes(temporal.NewSearchAttributeKeyKeyword("Pipeline").ValueSet("customers")),
	}, "Kept")
	require.NoError(t, err)
	return run.GetRunID()
}

func runOf(t *testing.T, s *Server) string {
	t.Helper()
	d, err := dial(t, s).DescribeWorkflowExecution(t.Context(), "kept", "")
	require.NoError(t, err)
	return d.GetWorkflowExecutionInfo().GetExecution().GetRunId()
}
