//go:build integration

package e2e

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"

	"github.com/autonomous-data-pipeline/adp/generator"
	"github.com/autonomous-data-pipeline/adp/internal/crashpoint"
	"github.com/autonomous-data-pipeline/adp/pipeline"
	"github.com/autonomous-data-pipeline/adp/workflows"
)

// eventsEach is how many events a scenario adds to the topic.
const eventsEach = 2_000

// scenario is work that is struck.
type scenario struct {
	name string
	// begin makes everything ready, then arms the strike and starts the work.
	begin func(l *lane, arm func()) client.WorkflowRun
	// escalates: an incident may open, or an open one take the batch in, so the
	// first message about it comes or doesn't.
	escalates bool
	run       bool // it is a run of the pipeline, not an answer to one
}

// running is a scenario of one run over events with these anomalies.
func running(name string, escalates bool, change func(*generator.Config)) scenario {
	return scenario{name: name, escalates: escalates, run: true, begin: func(l *lane, arm func()) client.WorkflowRun {
		l.emit(eventsEach, change)
		arm()
		return l.stack.begin()
	}}
}

// scenarios take every way through the pipeline that is part of the promise.
var scenarios = []scenario{
	running("malformed records", false, func(c *generator.Config) { c.MalformedShare = 0.01 }),
	running("localized failures", false, func(c *generator.Config) { c.BadCountry, c.BadCountryShare = "BR", 0.40 }),
	running("late arrivals", false, func(c *generator.Config) { c.LateShare = 0.08 }),
	running("type drift", true, func(c *generator.Config) { c.TypeShare = 0.30 }),
	running("a held batch", true, func(c *generator.Config) { c.BadShare = 0.09 }),
	newField,
	{name: "an answer", escalates: false, begin: answer},
	{name: "a replay", escalates: true, begin: replay},
	{name: "maintenance beside a run", begin: maintenance},
}

// newField is a run that has to remap: each time another field is new.
var newField = scenario{name: "a new field", run: true, begin: func(l *lane, arm func()) client.WorkflowRun {
	l.fields++
	l.emit(eventsEach, func(c *generator.Config) { c.AdditiveShare, c.AdditiveField = 0.02, l.field() })
	arm()
	return l.stack.begin()
}}

// field is the field that newField has added last.
func (l *lane) field() string { return fmt.Sprintf("extra_%d", l.fields) }

// undisturbed runs once, with nothing struck.
func (l *lane) undisturbed(change func(*generator.Config)) pipeline.RunReport {
	l.t.Helper()
	l.emit(eventsEach, change)
	var r pipeline.RunReport
	l.await(l.stack.begin(), &r)
	return r
}

// answer releases a held batch by the incident's workflow.
func answer(l *lane, arm func()) client.WorkflowRun {
	held := l.undisturbed(func(c *generator.Config) { c.BadShare = 0.09 })
	require.Equal(l.t, pipeline.Held, held.Outcome)
	id := workflows.EscalationID("customers", held.Incident)
	arm()
	require.NoError(l.t, l.client.SignalWorkflow(l.t.Context(), id, "", workflows.SignalDecide, pipeline.Answer{Resolution: pipeline.Release, By: "ana"}))
	return l.client.GetWorkflow(l.t.Context(), id, "")
}

// replay mends quarantined records with a mapping.
func replay(l *lane, arm func()) client.WorkflowRun {
	drifted := l.undisturbed(func(c *generator.Config) { c.TypeShare = 0.30 })
	require.Equal(l.t, pipeline.Remediated, drifted.Outcome)
	arm()
	run, err := l.client.ExecuteWorkflow(l.t.Context(), client.StartWorkflowOptions{
		ID: "replay/customers/" + uuid.NewString(), TaskQueue: taskQueue,
	}, workflows.ReplayQuarantine, pipeline.SettleRequest{
		Pipeline: "customers", BatchID: drifted.BatchID,
		Answer: pipeline.Answer{Resolution: pipeline.Replay, By: "ana", Mapping: &pipeline.Mapping{Cast: map[string]string{"age": "long"}}},
	})
	require.NoError(l.t, err)
	return run
}

// maintenance has the table's upkeep meet a load.
func maintenance(l *lane, arm func()) client.WorkflowRun {
	l.emit(eventsEach, func(c *generator.Config) { c.MalformedShare = 0.01 })
	arm()
	l.stack.begin()
	run, err := l.client.ExecuteWorkflow(l.t.Context(), client.StartWorkflowOptions{
		ID: "maintenance/customers/" + uuid.NewString(), TaskQueue: taskQueue,
	}, workflows.Maintenance, pipeline.MaintenanceRequest{Pipeline: "customers"})
	require.NoError(l.t, err)
	return run
}

// passes are the points that each scenario passes, with how often.
type passes map[string]map[string]int

// discover plays every scenario undisturbed, to learn which points there are
// and how long it takes.
func (l *lane) discover() passes {
	l.t.Helper()
	all := passes{}
	for _, sc := range scenarios {
		var began time.Time
		job := sc.begin(l, func() {
			l.settled()
			began = time.Now()
		})
		l.await(job, nil)
		l.took[sc.name] = time.Since(began)
		l.quiet()
		counts := map[string]int{}
		for _, point := range l.settled() {
			if !sc.escalates || !strings.HasSuffix(point, "Notify") {
				counts[point]++
			}
		}
		require.NotEmpty(l.t, counts, "the worker isn't built to be struck")
		all[sc.name] = counts
	}
	l.drain()
	l.count()
	return all
}

// settled lists the points that were passed, once no more come.
func (l *lane) settled() []string {
	l.t.Helper()
	var points []string
	still := time.Now()
	require.Eventually(l.t, func() bool {
		more, err := crashpoint.Passed(l.orders)
		require.NoError(l.t, err)
		if len(more) > 0 {
			points, still = append(points, more...), time.Now()
		}
		return time.Since(still) > time.Second/2
	}, limit, 20*time.Millisecond)
	return points
}

// of lists the scenarios that pass a point.
func (p passes) of(point string) []scenario {
	var out []scenario
	for _, sc := range scenarios {
		if p[sc.name][point] > 0 {
			out = append(out, sc)
		}
	}
	return out
}

// points lists all of them, in order.
func (p passes) points() []string {
	var out []string
	for _, counts := range p {
		for point := range counts {
			if !slices.Contains(out, point) {
				out = append(out, point)
			}
		}
	}
	slices.Sort(out)
	return out
}
