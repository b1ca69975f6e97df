//go:build integration

package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"
	"golang.org/x/sync/errgroup"

	"github.com/autonomous-data-pipeline/adp/agent"
	"github.com/autonomous-data-pipeline/adp/alerting"
	"github.com/autonomous-data-pipeline/adp/internal/browser"
	"github.com/autonomous-data-pipeline/adp/ops"
	"github.com/autonomous-data-pipeline/adp/pipeline"
	"github.com/autonomous-data-pipeline/adp/workflows"
)

// startConsole is a stack whose worker serves the console, and its address.
func startConsole(t *testing.T, env ...string) (*stack, string) {
	t.Helper()
	at := fmt.Sprintf("127.0.0.1:%d", freePort(t))
	s, base := startWith(t, append(env, "CONSOLE_ADDR="+at)...), "http://"+at
	require.Eventually(t, func() bool {
		res, err := http.Get(base + "/api/v1/health")
		return err == nil && res.Body.Close() == nil && res.StatusCode == http.StatusOK
	}, limit, 20*time.Millisecond, "the console doesn't answer")
	return s, base
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

// catcher receives alerts by webhook.
type catcher struct {
	mu     sync.Mutex
	alerts []alerting.Alert
}

func (c *catcher) ServeHTTP(_ http.ResponseWriter, r *http.Request) {
	var a alerting.Alert
	if json.NewDecoder(r.Body).Decode(&a) != nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.alerts = append(c.alerts, a)
}

func (c *catcher) all() []alerting.Alert {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.alerts)
}

// wait gives the first alert of an event.
func (c *catcher) wait(t *testing.T, e alerting.Event) alerting.Alert {
	t.Helper()
	var found alerting.Alert
	require.Eventually(t, func() bool {
		i := slices.IndexFunc(c.all(), func(a alerting.Alert) bool { return a.Event == e })
		if i >= 0 {
			found = c.all()[i]
		}
		return i >= 0
	}, limit, 20*time.Millisecond, "nobody is told: %s", e)
	return found
}

// From an alert's link to the answered incident and the loaded batch: a person
// with nothing but the alert and a token.
func TestFromAnAlertsLinkToTheLoadedBatch(t *testing.T) {
	people := &catcher{}
	far := httptest.NewServer(people)
	t.Cleanup(far.Close)
	s, base := startConsole(t, "ALERT_WEBHOOK_URL="+far.URL)
	s.produce(t, "bad-major", 2_000)
	held := s.run()
	require.Equal(t, pipeline.Held, held.Outcome)
	told := people.wait(t, alerting.EventOpened)
	require.Equal(t, base+"/incidents/"+held.Incident, told.Links["console"])
	require.Equal(t, []string{"release", "replay", "discard", "acknowledge"}, told.Answers)
	require.Equal(t, "2000", told.Facts["held"])

	var token struct {
		Token string `json:"token"`
	}
	s.ask(&token, "token", "create", "anna", "--role", "approver")
	b := browser.Start(t, base)
	b.Look(390, 800, "light") // from where she is
	b.Open(told.Links["console"])
	b.Wait("Log in")
	b.Type("#token", token.Token)
	b.Click("button.primary")
	b.Wait("Nobody is on it yet, and a batch is held.")
	b.Click(`input[value="release"]`)
	b.Wait("What release would do")
	b.Type("#comment", "checked with the shop")
	b.Click(`input[name="confirm"]`)
	b.Click("button.primary")
	b.Wait("Resolved: release by anna")
	require.Empty(t, b.Faults())

	account := s.verify()
	require.Equal(t, []int64{2_000, 0, 0}, []int64{account.Table, account.Quarantine, account.Held})
	ended := people.wait(t, alerting.EventResolved)
	require.Equal(t, &alerting.Answer{Resolution: "release", By: "anna", Comment: "checked with the shop"}, ended.Answer)
	require.Equal(t, told.Group, ended.Group)
	var asked []agent.Entry
	s.ask(&asked, "audit", "show", "customers", "--kind", "request")
	require.Len(t, asked, 1)
	var request agent.PersonRequest
	require.NoError(t, json.Unmarshal(asked[0].Body, &request))
	require.Equal(t, []string{"anna", "approver", "console", "release", held.Incident},
		[]string{request.By, request.Role, request.Via, request.What, request.Target})
	b.Open(base + "/pipelines/customers")
	b.Wait("well")
}

// A storm: a thousand failing runs in a minute are one incident, and a bounded
// number of messages, whose senders' number stands in them.
func TestAStormOfFailingRunsIsOneIncident(t *testing.T) {
	const runs = 1000
	people := &catcher{}
	far := httptest.NewServer(people)
	t.Cleanup(far.Close)
	s := startWith(t, "ALERT_WEBHOOK_URL="+far.URL)
	// A setting is wrong, and every run's plan fails at once.
	s.declare(func(text string) string { return strings.Replace(text, "quality:", "qualty:", 1) })
	began := time.Now()
	var group errgroup.Group
	group.SetLimit(50)
	for n := range runs {
		group.Go(func() error {
			run, err := s.client.ExecuteWorkflow(t.Context(), client.StartWorkflowOptions{
				ID: fmt.Sprintf("run/customers/storm/%d", n), TaskQueue: taskQueue,
			}, workflows.PipelineRun, pipeline.RunRequest{Pipeline: "customers"})
			if err != nil {
				return err
			}
			_ = run.Get(t.Context(), nil) // that it fails is the point
			return nil
		})
	}
	require.NoError(t, group.Wait())
	s.quiet()
	var incidents []ops.Incident
	s.ask(&incidents, "incidents", "--all")
	got := people.all()
	t.Logf("%d failing runs in %v: %d incidents, %d messages", runs, time.Since(began).Round(time.Second), len(incidents), len(got))
	causes := map[string]int{}
	for _, i := range incidents {
		causes[i.Cause] += i.Count
	}
	require.Len(t, incidents, 1, "%v", causes)
	require.Greater(t, incidents[0].Count, runs/2, "the runs have joined it")
	require.NotEmpty(t, got)
	require.LessOrEqual(t, len(got), 20, "an hour's throttle")
}
