package main

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/autonomous-data-pipeline/adp/agent"
	"github.com/autonomous-data-pipeline/adp/config"
	"github.com/autonomous-data-pipeline/adp/pipeline"
)

const extending = "../docs/extending.md"

// documented is the rule of the documentation.
func documented(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(extending)
	require.NoError(t, err)
	_, rest, ok := strings.Cut(string(text), "```yaml\npolicy:\n")
	require.True(t, ok)
	rule, _, ok := strings.Cut(rest, "```")
	require.True(t, ok)
	return "policy:\n" + rule
}

// withTickets has the documentation's rule and action. Its folder may be
// missing.
func withTickets(t *testing.T, dir string) *world {
	t.Helper()
	w := newWorld(t)
	registry, err := agent.NewRegistry(openTicket{dir})
	require.NoError(t, err)
	file := filepath.Join(w.dir, "customers.yml")
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(file, []byte(strings.Replace(string(text), "policy:\n", documented(t), 1)), 0o600))
	c := config.Config{DataDir: filepath.Join(w.dir, "data"), PipelinesDir: w.dir, Actions: registry}
	w.catalog = config.NewCatalog(c, func(key string) string {
		if key == "KAFKA_BROKER" {
			return w.broker.Address()
		}
		return ""
	})
	w.set.Catalog, w.set.Own = w.catalog, registry
	return w
}

func TestTheDocumentedActionIsTheOneThatIsTested(t *testing.T) {
	doc, err := os.ReadFile(extending)
	require.NoError(t, err)
	code, err := os.ReadFile("ticket_test.go")
	require.NoError(t, err)
	_, body, ok := strings.Cut(string(code), ")\n\n") // without the imports
	require.True(t, ok)
	require.Contains(t, string(doc), "```go\n"+body+"```")
}

func TestARuleWithAnOwnActionIsCarriedOut(t *testing.T) {
	dir := t.TempDir()
	w := withTickets(t, dir)
	w.produce("late-major", 1_000)
	r := w.batch()
	require.Equal(t, pipeline.Succeeded, r.Outcome)
	require.Equal(t, []string{"late_arrivals_major", "many_late"}, r.Conditions)
	require.Equal(t, []string{"open_ticket", "escalate"}, r.Actions)

	d := bodies[agent.Recorded](w, agent.KindDecision)[0]
	files, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, files, 1)
	text, err := os.ReadFile(filepath.Join(dir, files[0].Name()))
	require.NoError(t, err)
	require.Contains(t, string(text), "Events come late")

	done := bodies[agent.Executed](w, agent.KindExecuted)[0]
	require.Equal(t, agent.Action("open_ticket"), done.Done[0].Action)
	require.Contains(t, done.Done[0].Outcome, d.Decision.ID)
	require.Contains(t, done.Checks, agent.Check{Action: "open_ticket", RunID: r.RunID, Worked: true, Shows: "the ticket is there"})

	again, err := agent.Decide(t.Context(), d.Facts, d.Policy, agent.Rules{}, time.Unix(0, 0), d.Decision.RunID)
	require.NoError(t, err)
	require.Equal(t, d.Decision.ID, again.ID, "the log alone gives the same decision")
	require.Equal(t, int64(1_000), w.verify().Table)

	w.produce("late-major", 1_000)
	r = w.batch()
	require.Equal(t, []string{"log", "escalate"}, r.Actions, "it pauses")
}

func TestAnOwnActionThatFailsAsksAPerson(t *testing.T) {
	w := withTickets(t, t.TempDir())
	w.set.Own = nil // a worker that was built without it
	w.produce("late-major", 1_000)
	r := w.batch()
	require.Equal(t, pipeline.Succeeded, r.Outcome)
	require.NotEmpty(t, r.Incident)
	done := bodies[agent.Executed](w, agent.KindExecuted)[0]
	require.Contains(t, done.Done[0].Outcome, "registered no such action")
	require.Equal(t, int64(1_000), w.verify().Table)
}

// flaky fails the first time, after it has done its work.
type flaky struct {
	openTicket
	ids *[]string
}

func (f flaky) Execute(ctx context.Context, call agent.Call) (string, error) {
	*f.ids = append(*f.ids, call.ID)
	did, err := f.openTicket.Execute(ctx, call)
	if len(*f.ids) == 1 {
		return "", pipeline.Faultf(pipeline.Transient, "the answer was lost")
	}
	return did, err
}

func TestAnotherAttemptIsTheSameCallAndCountsOnce(t *testing.T) {
	dir, ids := t.TempDir(), []string{}
	w := withTickets(t, dir)
	registry, err := agent.NewRegistry(flaky{openTicket{dir}, &ids})
	require.NoError(t, err)
	w.set.Own = registry
	w.produce("late-major", 1_000)
	w.batch()
	require.Len(t, ids, 2)
	require.Equal(t, ids[0], ids[1])
	files, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, files, 1)
	used, err := w.set.Ops.Used(t.Context(), "customers", "open_ticket", time.Now().Add(time.Minute), "")
	require.NoError(t, err)
	require.Equal(t, 1, used.Day)
}

func TestTheKillSwitchStopsOwnActions(t *testing.T) {
	dir := t.TempDir()
	w := withTickets(t, dir)
	require.NoError(t, w.set.Ops.TurnSwitch(t.Context(), agent.Switch{Pipeline: "customers", On: true, By: "eve"}))
	w.produce("late-major", 1_000)
	r := w.batch()
	require.Equal(t, pipeline.Held, r.Outcome)
	files, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Empty(t, files)
}
