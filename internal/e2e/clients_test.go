//go:build integration

package e2e

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/autonomous-data-pipeline/adp/internal/devstack"
	"github.com/autonomous-data-pipeline/adp/ops"
	"github.com/autonomous-data-pipeline/adp/pipeline"
	"github.com/autonomous-data-pipeline/adp/sink"
	"github.com/autonomous-data-pipeline/adp/workflows"
)

// tool finds a program on PATH or among the tools built once.
func tool(t *testing.T, name string) string {
	t.Helper()
	if path, err := exec.LookPath(name); err == nil {
		return path
	}
	dir, err := devstack.DefaultBinDir()
	require.NoError(t, err)
	path := filepath.Join(dir, name)
	if _, err := os.Stat(path); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("%s is missing: make temporal tctl mailpit builds it", name)
		}
		t.Skipf("%s is missing: make temporal tctl mailpit builds it", name)
	}
	return path
}

func (s *stack) command(name string, args ...string) string {
	s.t.Helper()
	cmd := exec.CommandContext(s.t.Context(), tool(s.t, name), args...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	require.NoError(s.t, cmd.Run(), "%s %s\n%s", name, strings.Join(args, " "), out.String())
	return out.String()
}

// workflow waits for a run that somebody else started.
func (s *stack) workflow(id string) pipeline.RunReport {
	s.t.Helper()
	return s.end(s.client.GetWorkflow(s.t.Context(), id, ""))
}

// incident waits for the incident's workflow to end, and gives the incident.
func (s *stack) incident(id string) ops.Incident {
	s.t.Helper()
	var res pipeline.Resolution
	require.NoError(s.t, s.client.GetWorkflow(s.t.Context(), workflows.EscalationID("customers", id), "").Get(s.t.Context(), &res))
	var i ops.Incident
	s.ask(&i, "incidents", "show", id)
	return i
}

// The same trigger and the same approval by each of the three clients, with the
// commands that the README gives.
func TestThreeClientsTriggerAndApprove(t *testing.T) {
	s := start(t, "")
	address := s.temporal.Address()
	input := `{"pipeline":"customers"}`
	answer := `{"resolution":"release","by":"ana","comment":"checked with the shop"}`
	clients := map[string]struct {
		trigger func(id string)
		approve func(incident string)
	}{
		"temporal": {
			func(id string) {
				s.command("temporal", "--address", address, "workflow", "start", "--task-queue", taskQueue, "--type", "PipelineRun", "--workflow-id", id, "--input", input)
			},
			func(incident string) {
				s.command("temporal", "--address", address, "workflow", "signal", "--workflow-id", workflows.EscalationID("customers", incident), "--name", "decide", "--input", answer)
			},
		},
		"tctl": {
			func(id string) {
				s.command("tctl", "--address", address, "workflow", "start", "--taskqueue", taskQueue, "--workflow_type", "PipelineRun", "--workflow_id", id, "--execution_timeout", "3600", "--input", input)
			},
			func(incident string) {
				s.command("tctl", "--address", address, "workflow", "signal", "--workflow_id", workflows.EscalationID("customers", incident), "--name", "decide", "--input", answer)
			},
		},
	}
	for name, c := range clients {
		t.Run(name, func(t *testing.T) {
			s.produce(t, "bad-major", 10_000)
			id := "run/customers/by-" + name
			c.trigger(id)
			report := s.workflow(id)
			require.Equal(t, pipeline.Held, report.Outcome)
			c.approve(report.Incident)
			i := s.incident(report.Incident)
			require.Equal(t, ops.Resolved, i.Status)
			require.Equal(t, "ana", i.By)
			account := s.verify()
			require.Zero(t, account.Held)
		})
	}
	t.Run("starter", func(t *testing.T) {
		s.produce(t, "bad-major", 10_000)
		var report pipeline.RunReport
		s.ask(&report, "run", "customers")
		require.Equal(t, pipeline.Held, report.Outcome)
		var res pipeline.Resolution
		s.ask(&res, "approve", report.Incident, "--by", "ana")
		require.Equal(t, int64(10_000), res.Records.Loaded)
		out, code := s.starter("approve", report.Incident)
		require.Equal(t, 1, code)
		require.Contains(t, out, "already")
	})
	account := s.verify()
	require.Equal(t, int64(30_000), account.Table)
}

func TestARefusedAnswerIsHeardAtOnce(t *testing.T) {
	s := start(t, "")
	s.produce(t, "bad-major", 5_000)
	report := s.run()
	id := workflows.EscalationID("customers", report.Incident)
	cmd := exec.CommandContext(t.Context(), tool(t, "temporal"), "--address", s.temporal.Address(), "workflow", "update", "execute",
		"--workflow-id", id, "--name", "decide", "--input", `{"resolution":"yolo","by":"ana"}`)
	out, err := cmd.CombinedOutput()
	require.Error(t, err)
	require.Contains(t, string(out), `yolo`)
	require.Contains(t, string(out), "it must be one of release, replay, discard, close")
	s.starter("reject", report.Incident, "--by", "ben")
	i := s.incident(report.Incident)
	require.Equal(t, pipeline.Discard, i.Resolution)
	require.Equal(t, int64(5_000), s.verify().Quarantine)
}

func TestQuarantinedRecordsAreMendedAndReplayed(t *testing.T) {
	s := start(t, "")
	s.produce(t, "type-drift", 10_000)
	report := s.run()
	require.Equal(t, pipeline.Remediated, report.Outcome)
	require.Equal(t, int64(3_000), report.Records.Quarantined)

	var entries []sink.Entry
	s.ask(&entries, "quarantine", "list")
	require.Len(t, entries, 1)
	var rejects []pipeline.Reject
	s.ask(&rejects, "quarantine", "show", entries[0].BatchID, "--limit", "5")
	require.Len(t, rejects, 5)
	require.Equal(t, "type_changed", rejects[0].Reasons[0].Code)
	require.Equal(t, "age", rejects[0].Reasons[0].Field)
	require.True(t, json.Valid(rejects[0].Raw))

	var done pipeline.Settled
	s.ask(&done, "quarantine", "replay", entries[0].BatchID, "--mapping", `{"cast":{"age":"long"}}`)
	require.Equal(t, int64(3_000), done.Moved)
	require.Zero(t, done.Kept)
	account := s.verify()
	require.Equal(t, int64(10_000), account.Table)
	require.Zero(t, account.Quarantine)

	out, code := s.starter("audit", "verify", "customers")
	require.Zero(t, code, out)
}

func TestSchedulesAreCreatedPausedResumedAndRemoved(t *testing.T) {
	s := start(t, "")
	s.declare(func(text string) string { return strings.Replace(text, "every: 5m", "every: 1s", 1) })
	s.produce(t, "healthy", 5_000)
	_, code := s.starter("schedule", "apply", "customers")
	require.Zero(t, code)
	require.Eventually(t, func() bool {
		var runs []pipeline.RunReport
		s.ask(&runs, "history", "customers", "--limit", "100")
		for _, r := range runs {
			if r.Outcome == pipeline.Succeeded && r.Trigger == "schedule" {
				return true
			}
		}
		return false
	}, limit, 200*time.Millisecond)
	for _, step := range []struct{ verb, want string }{{"pause", "paused"}, {"resume", "next at"}, {"remove", "none"}} {
		_, code := s.starter("schedule", step.verb, "customers")
		require.Zero(t, code)
		out, _ := s.starter("schedule", "show", "customers")
		require.Contains(t, out, step.want, step.verb)
	}
	require.Equal(t, int64(5_000), s.verify().Table)
}

func TestABackfillLoadsWhatTheTableLacks(t *testing.T) {
	s := start(t, "")
	s.declare(func(text string) string {
		return strings.Replace(text, "topic: customers", "start: latest\n  topic: customers", 1)
	})
	s.produce(t, "healthy", 10_000)
	require.Equal(t, pipeline.Idle, s.run().Outcome, "it starts at the topic's end")
	s.produce(t, "healthy", 5_000)
	require.Equal(t, int64(5_000), s.run().Records.Loaded)
	var report pipeline.RunReport
	s.ask(&report, "backfill", "customers")
	require.Equal(t, int64(10_000), report.Records.Loaded)
	s.ask(&report, "backfill", "customers")
	require.Equal(t, pipeline.Idle, report.Outcome, "nothing is loaded twice")
	require.Equal(t, int64(15_000), s.verify().Table)
}

// The same drift in two batches is one incident, and one answer mends both;
// another field's drift is another incident.
func TestOneAnswerSettlesEveryBatchOfAnIncident(t *testing.T) {
	s := start(t, "")
	var incidents []string
	for _, preset := range []string{"type-drift", "type-drift", "missing-field"} {
		s.produce(t, preset, 5_000)
		incidents = append(incidents, s.run().Incident)
	}
	require.Equal(t, incidents[0], incidents[1])
	require.NotEqual(t, incidents[0], incidents[2])
	require.Equal(t, int64(3_500), s.verify().Quarantine)
	var res pipeline.Resolution
	s.ask(&res, "resolve", incidents[0], "--resolution", "replay", "--mapping", `{"cast":{"age":"long"}}`, "--by", "ana")
	require.Equal(t, int64(3_000), res.Records.Loaded)
	account := s.verify()
	require.Equal(t, int64(500), account.Quarantine)
	require.Equal(t, int64(14_500), account.Table)
}
