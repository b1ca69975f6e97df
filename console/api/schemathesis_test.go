//go:build integration

package api

import (
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/autonomous-data-pipeline/adp/console"
	"github.com/autonomous-data-pipeline/adp/console/access"
	"github.com/autonomous-data-pipeline/adp/console/consoletest"
	"github.com/autonomous-data-pipeline/adp/internal/pyenv"
)

// Every check that schemathesis knows, on what was seeded and on what wasn't:
// also that a request which the description forbids is refused, that other
// methods are, and that no operation works without its token.
func TestSchemathesisFindsNothing(t *testing.T) {
	interpreter := pyenv.Interpreter(t, "schemathesis", "schemathesis==4.32.5")
	s := newSeeded(t)
	handler := New(s.Desk.Desk, slog.New(slog.NewTextHandler(io.Discard, nil)))
	guarded := func() http.Handler {
		return access.NewGuard(s.Ops, access.Options{Now: func() time.Time { return consoletest.At }}).Wrap(handler)
	}
	// A guard forgets with its end who has asked too often: what is tested here
	// is the API, thousands of times.
	var guard atomic.Value
	var asked atomic.Int64
	guard.Store(guarded())
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if asked.Add(1)%9 == 0 {
			guard.Store(guarded())
		}
		guard.Load().(http.Handler).ServeHTTP(w, r)
	}))
	defer server.Close()

	settings := filepath.Join(t.TempDir(), "schemathesis.toml")
	require.NoError(t, os.WriteFile(settings, fmt.Appendf(nil, `
[parameters]
pipeline = "customers"
run = %q
decision = %q
incident = %q
batch = %q

[checks.positive_data_acceptance]
expected-statuses = ["2xx", 401, 403, 404, 409, 422, 429]
`, s.held.RunID, s.decision, s.incident.ID, s.batch), 0o600))
	run := func(config, more []string) {
		args := append(append(config, "run", server.URL+"/api/openapi.json", "--header", "Authorization: Bearer "+s.tokens[console.Admin],
			"--checks", "all", "--seed", "1", "--workers", "1", "--continue-on-failure", "--suppress-health-check", "all", "--no-color", "--max-examples", "30"), more...)
		cmd := exec.CommandContext(t.Context(), interpreter, append([]string{"-m", "schemathesis.cli"}, args...)...)
		cmd.Dir = t.TempDir()
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, string(out))
	}
	run([]string{"--config-file", settings}, nil)
	run(nil, []string{"--phases", "coverage,fuzzing", "--exclude-checks", "positive_data_acceptance"}) // on what nobody has seeded
	require.Greater(t, asked.Load(), int64(1000))
}
