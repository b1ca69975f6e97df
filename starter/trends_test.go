package main

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/autonomous-data-pipeline/adp/ops"
	"github.com/autonomous-data-pipeline/adp/pipeline"
)

func TestTrendsAreATableOrADocument(t *testing.T) {
	dir := t.TempDir()
	env := func(key string) string { return map[string]string{"DATA_DIR": dir}[key] }
	run := func(args ...string) string {
		var out, errOut strings.Builder
		require.Equal(t, exitOK, execute(t.Context(), append([]string{"incidents", "trends"}, args...), env, &out, &errOut), errOut.String())
		return out.String()
	}
	require.Contains(t, run(), "0 incidents")

	store, err := ops.Open(t.Context(), filepath.Join(dir, "ops", "ops.db"))
	require.NoError(t, err)
	opened := time.Now().Add(-time.Hour)
	for _, name := range []string{"customers", "orders"} {
		i, _, err := store.OpenIncident(t.Context(), ops.Incident{
			ID: ops.IncidentID("r-"+name, name+"/source_gap"), Pipeline: name, Cause: name + "/source_gap", RunID: "r-" + name, OpenedAt: opened,
		})
		require.NoError(t, err)
		if name == "customers" {
			require.NoError(t, store.Resolve(t.Context(), i.ID, pipeline.Close, "ana", "", opened.Add(90*time.Second)))
		}
	}
	require.NoError(t, store.Close())

	text := run()
	for _, want := range []string{"2 incidents, 1 unresolved", "source_gap", "1m30s", "answers: close 1", "orders", "all"} {
		require.Contains(t, text, want)
	}
	require.NotContains(t, run("--pipeline", "customers"), "orders")
	require.Contains(t, run("--since", "1m"), "0 incidents")
	var doc ops.Trends
	require.NoError(t, json.Unmarshal([]byte(run("--json")), &doc))
	require.Equal(t, 2, doc.Causes[0].Incidents)
}
