package devstack

import (
	"net"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/autonomous-data-pipeline/adp/pipeline"
)

// fakeServer makes a program that knows its version and then does what the
// script says.
func fakeServer(t *testing.T, script string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "temporal")
	body := "#!/bin/sh\nif [ \"$1\" = --version ]; then " + goodTemporal + "; exit; fi\n" + script + "\n"
	require.NoError(t, os.WriteFile(path, []byte(body), 0o755))
	return path
}

// port is in use until the test ends, or just free.
func port(t *testing.T, keep bool) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	if keep {
		t.Cleanup(func() { _ = l.Close() })
	} else {
		require.NoError(t, l.Close())
	}
	return l.Addr().(*net.TCPAddr).Port
}

func TestPortsInUseAreAllToldBeforeAnythingStarts(t *testing.T) {
	dir := t.TempDir()
	started := filepath.Join(dir, "started")
	_, err := StartTemporal(t.Context(), Config{
		Binary: fakeServer(t, "touch "+started), DataDir: dir, Port: port(t, true), UIPort: port(t, true),
	})
	require.ErrorContains(t, err, "set TEMPORAL_PORT to a free port")
	require.ErrorContains(t, err, "set TEMPORAL_UI_PORT to a free port")
	require.Equal(t, pipeline.Misconfigured, pipeline.KindOf(err))
	require.NoFileExists(t, started)
}

func TestAServerThatEndsBeforeItAnswersQuotesItsLog(t *testing.T) {
	_, err := StartTemporal(t.Context(), Config{
		Binary: fakeServer(t, "echo the database is locked; exit 1"), DataDir: filepath.Join(t.TempDir(), "made"),
		Port: port(t, false), UIPort: port(t, false),
	})
	require.ErrorContains(t, err, "the database is locked")
}

func TestTheServerIsStartedWithWhatItsSettingsSay(t *testing.T) {
	dir := t.TempDir()
	_, err := StartTemporal(t.Context(), Config{
		Binary: fakeServer(t, `echo "$@"; exit 1`), DataDir: dir, Port: port(t, false), UIPort: port(t, false), Namespace: "shop",
		SearchAttributes: map[string]string{"Pipeline": "Keyword", "Actions": "KeywordList"},
	})
	for _, want := range []string{
		"server start-dev --headless=false", "--ip 127.0.0.1", "--namespace shop",
		"--db-filename " + filepath.Join(dir, "temporal-1.29.1.db"), // the server's version, whose schema it has
		"--sqlite-pragma journal_mode=wal", "--sqlite-pragma synchronous=normal",
		"history.transferProcessorMaxPollRPS=2000", "history.timerProcessorMaxPollRPS=2000",
		"history.visibilityProcessorMaxPollRPS=2000", "history.outboundProcessorMaxPollRPS=2000",
		"--search-attribute Actions=KeywordList --search-attribute Pipeline=Keyword",
	} {
		require.ErrorContains(t, err, want)
	}
}

func TestTheDefaultsAreTemporalsOwnPorts(t *testing.T) {
	c := Config{DataDir: "d"}.withDefaults()
	require.Equal(t, Config{DataDir: "d", Port: 7233, UIPort: 8233, Namespace: "default", Log: "d/temporal.log"}, c)
}
