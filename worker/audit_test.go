package main

import (
	"bytes"
	"maps"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/testsuite"

	"github.com/autonomous-data-pipeline/adp/agent"
	"github.com/autonomous-data-pipeline/adp/pipeline"
)

// gauges keeps the last value of every gauge, by name and pipeline.
type gauges struct {
	client.MetricsHandler // whatever else the SDK measures
	mu                    *sync.Mutex
	tags                  map[string]string
	last                  map[string]float64
}

func newGauges() gauges {
	return gauges{MetricsHandler: client.MetricsNopHandler, mu: &sync.Mutex{}, tags: map[string]string{}, last: map[string]float64{}}
}

func (g gauges) WithTags(tags map[string]string) client.MetricsHandler {
	all := maps.Clone(g.tags)
	maps.Copy(all, tags)
	g.tags = all
	return g
}

func (g gauges) Gauge(name string) client.MetricsGauge {
	return gauge(func(v float64) {
		g.mu.Lock()
		defer g.mu.Unlock()
		g.last[name+"/"+g.tags["pipeline"]] = v
	})
}

type gauge func(float64)

func (g gauge) Update(v float64) { g(v) }

// Every append shows in the metrics, and in the result that the workflow
// anchors.
func TestAnAppendGivesTheLogsHeadAndMeasuresIt(t *testing.T) {
	w := newWorld(t)
	measured := newGauges()
	var suite testsuite.WorkflowTestSuite
	suite.SetMetricsHandler(measured)
	env := suite.NewTestActivityEnvironment()
	env.RegisterActivity(w.set)

	run := pipeline.Run{Pipeline: w.name, RunID: "run-1"}
	result, err := env.ExecuteActivity("Decide", agent.Request{Run: run, Report: pipeline.RunReport{Pipeline: w.name, RunID: "run-1"}})
	require.NoError(t, err)
	var decided agent.Decided
	require.NoError(t, result.Get(&decided))
	w.checkHead(decided.Head, 1, measured)

	result, err = env.ExecuteActivity("Audit", agent.Executed{Pipeline: w.name, RunID: "run-1", Decision: decided.Decision.ID})
	require.NoError(t, err)
	var head agent.Head
	require.NoError(t, result.Get(&head))
	w.checkHead(head, 2, measured)

	_, err = env.ExecuteActivity("Audit", agent.Executed{Pipeline: w.name, RunID: "run-1", Decision: decided.Decision.ID})
	require.NoError(t, err)
	w.checkHead(head, 2, measured) // a repeat changes nothing
}

func (w *world) checkHead(h agent.Head, entries int64, measured gauges) {
	w.t.Helper()
	log, err := os.ReadFile(filepath.Join(w.dir, "data", "ops", w.name, "decision_log.jsonl"))
	require.NoError(w.t, err)
	n, hash, err := agent.VerifyAudit(bytes.NewReader(log))
	require.NoError(w.t, err)
	require.Equal(w.t, entries, n)
	require.Equal(w.t, agent.Head{Pipeline: w.name, Seq: n, Hash: hash}, h)
	require.Equal(w.t, map[string]float64{
		"audit_log_entries/" + w.name: float64(n), "audit_log_head/" + w.name: h.Number(),
	}, measured.last)
	require.NotZero(w.t, h.Number())
}
