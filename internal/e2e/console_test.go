//go:build integration

package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/autonomous-data-pipeline/adp/agent"
	"github.com/autonomous-data-pipeline/adp/internal/browser"
	"github.com/autonomous-data-pipeline/adp/ops"
	"github.com/autonomous-data-pipeline/adp/pipeline"
)

// startConsole is a stack whose worker serves the console, and its address.
func startConsole(t *testing.T, env ...string) (*stack, string) {
	t.Helper()
	at := fmt.Sprintf("127.0.0.1:%d", freePort(t))
	return startWith(t, append(env, "CONSOLE_ADDR="+at)...), "http://" + at
}

// enter opens a browser that has logged in by a link of the command line.
func (s *stack) enter(t *testing.T, base string) *browser.Browser {
	t.Helper()
	var made struct {
		Link string `json:"link"`
	}
	s.ask(&made, "console", "link")
	b := browser.Start(t, base)
	b.Look(1280, 900, "light")
	b.Open(made.Link)
	b.Wait("Log out")
	return b
}

// demoed plays the demo's scenarios of one pipeline, in short, and gives their
// runs by scenario.
func (s *stack) demoed(t *testing.T) map[string]pipeline.RunReport {
	t.Helper()
	runs := map[string]pipeline.RunReport{}
	for _, preset := range []string{"healthy", "additive-drift", "type-drift", "late-minor", "late-major", "bad-minor", "bad-localized", "bad-major", "malformed"} {
		s.produce(t, preset, 5_000)
		runs[preset] = s.run()
		s.quiet()
	}
	return runs
}

// Every page, in both themes and at a phone's width: nothing red in the
// browser's console, nothing asked of anybody else, nothing wider than the
// window, no serious fault of accessibility. With CONSOLE_IMAGES=folder the
// pictures are kept.
func TestTheConsolesPages(t *testing.T) {
	s, base := startConsole(t)
	runs := s.demoed(t)
	var decisions []agent.Entry
	s.ask(&decisions, "audit", "show", "customers", "--kind", "decision", "--id", runs["bad-major"].RunID)
	require.NotEmpty(t, decisions)
	var incidents []ops.Incident
	s.ask(&incidents, "incidents")
	require.NotEmpty(t, incidents)
	pages := map[string]string{
		"overview":   "/",
		"pipeline":   "/pipelines/customers",
		"runs":       "/runs",
		"run":        "/runs/" + runs["bad-localized"].RunID,
		"quality":    "/runs/" + runs["bad-major"].RunID + "/quality",
		"schemas":    "/schemas/customers",
		"decisions":  "/decisions",
		"decision":   "/decisions/" + decisions[0].ID,
		"policy":     "/policy/customers",
		"incidents":  "/incidents",
		"incident":   "/incidents/" + runs["bad-major"].Incident,
		"quarantine": "/quarantine",
		"batch":      "/quarantine/customers/" + runs["type-drift"].BatchID,
	}
	b := s.enter(t, base)
	require.Empty(t, b.Faults())
	for name, path := range pages {
		t.Run(name, func(t *testing.T) {
			for _, look := range []struct {
				width int64
				theme string
				as    string
			}{{1280, "light", ""}, {1280, "dark", "-dark"}, {390, "light", "-phone"}} {
				b.Look(look.width, 900, look.theme)
				b.Open(base + path)
				b.Wait("Log out")
				require.NotContains(t, b.Text(), "Not found")
				require.Empty(t, b.Faults(), look)
				require.Zero(t, b.Overflow(), "%s at %d pixels is wider than the window", path, look.width)
				var said []string
				for _, v := range b.Serious() {
					said = append(said, v.String())
				}
				require.Empty(t, said, "%s at %d pixels, %s:\n%s", path, look.width, look.theme, strings.Join(said, "\n"))
				if dir := os.Getenv("CONSOLE_IMAGES"); dir != "" {
					b.Shoot(filepath.Join(dir, name+look.as+".png"), 1800)
				}
			}
		})
	}
}
