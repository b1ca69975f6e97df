package main

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/autonomous-data-pipeline/adp/ops"
)

func TestWhatChannelsWereSentIsATableOrADocument(t *testing.T) {
	dir := t.TempDir()
	env := func(key string) string { return map[string]string{"DATA_DIR": dir}[key] }
	run := func(args ...string) string {
		var out, errOut strings.Builder
		require.Equal(t, exitOK, execute(t.Context(), append([]string{"alert", "list"}, args...), env, &out, &errOut), errOut.String())
		return out.String()
	}
	require.Contains(t, run(), "nobody was told")

	store, err := ops.Open(t.Context(), filepath.Join(dir, "ops", "ops.db"))
	require.NoError(t, err)
	at := time.Now()
	for n, d := range []ops.Delivery{
		{Alert: "inc-1/opened", Group: "inc-1", Channel: "slack", Pipeline: "customers", Event: "opened", Title: "held\x1b[2J\tnow", Status: ops.Sent, Attempts: 1},
		{Alert: "inc-1/opened", Group: "inc-1", Channel: "email", Pipeline: "customers", Event: "opened", Title: "held", Status: ops.Failed, Error: "nobody answers", Attempts: 9},
		{Alert: "inc-2/opened", Group: "inc-2", Channel: "slack", Pipeline: "orders", Event: "opened", Title: "a gap", Status: ops.Sent, Attempts: 1},
	} {
		d.At = at.Add(time.Duration(n) * time.Second)
		require.NoError(t, store.SaveDelivery(t.Context(), d))
	}
	require.NoError(t, store.Close())

	text := run()
	for _, want := range []string{"a gap", "nobody answers", "failed", "sent"} {
		require.Contains(t, text, want)
	}
	require.NotContains(t, text, "\x1b", "a text from data steers no terminal")
	require.Less(t, strings.Index(text, "a gap"), strings.Index(text, "nobody answers"), "newest first")
	require.NotContains(t, run("customers"), "a gap")
	require.NotContains(t, run("--incident", "inc-2"), "nobody answers")
	var doc []ops.Delivery
	require.NoError(t, json.Unmarshal([]byte(run("--json", "--limit", "1")), &doc))
	require.Len(t, doc, 1)
	require.Equal(t, "inc-2/opened", doc[0].Alert)
}
