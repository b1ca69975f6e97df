package main

import (
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/autonomous-data-pipeline/adp/alerting/alerttest"
)

func TestEveryChannelIsTriedAndSaysWhatItMadeOfIt(t *testing.T) {
	far := &alerttest.Receiver{}
	srv := httptest.NewServer(far)
	defer srv.Close()
	settings := map[string]string{"ALERT_WEBHOOK_URL": srv.URL + "/hidden", "USER": "ada", "DATA_DIR": t.TempDir()}
	run := func(args ...string) (int, string, string) {
		var out, errOut strings.Builder
		code := execute(t.Context(), args, func(key string) string { return settings[key] }, &out, &errOut)
		require.NotContains(t, out.String()+errOut.String(), "hidden")
		return code, out.String(), errOut.String()
	}
	code, out, _ := run("alert", "channels")
	require.Equal(t, exitOK, code)
	require.Equal(t, "log\nwebhook\n", out)

	code, out, said := run("alert", "test")
	require.Equal(t, exitOK, code, said)
	require.Equal(t, 2, strings.Count(out, "ms  ok"))
	require.Len(t, far.Bodies(), 2)
	require.Contains(t, far.Bodies()[0], `"event":"opened"`)
	require.Contains(t, far.Bodies()[1], `"event":"resolved"`)
	require.Contains(t, said, "test alert", "the log is a channel too")

	far.Break(alerttest.Rejected)
	code, out, said = run("alert", "test", "--severity", "critical")
	require.Equal(t, exitFailed, code)
	require.Contains(t, out, "ALERT_WEBHOOK_URL")
	require.Contains(t, said, "1 of 2 channels")

	code, _, _ = run("alert", "test", "--channel", "log")
	require.Equal(t, exitOK, code)
	for _, args := range [][]string{{"--channel", "pigeon"}, {"--severity", "loud"}} {
		code, _, _ = run(append([]string{"alert", "test"}, args...)...)
		require.Equal(t, exitUsage, code, args)
	}
}
