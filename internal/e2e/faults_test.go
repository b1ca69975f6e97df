//go:build integration

package e2e

import (
	"bufio"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/autonomous-data-pipeline/adp/pipeline"
)

// quick makes failing quick: one attempt, no retriggers to wait for.
func quick(text string) string {
	return strings.Replace(strings.Replace(text, "attempts: 8", "attempts: 1", 1), "backoff: 2s", "backoff: 300s", 1)
}

// Bad input gets an error that names the setting and what to do, and nothing
// is lost: once it is mended, every record is in exactly one place.
func TestEveryFaultNamesItsSetting(t *testing.T) {
	tests := map[string]struct {
		spoil func(t *testing.T, s *stack) (mend func())
		kind  pipeline.Kind
		want  []string
	}{
		"a topic that doesn't exist": {
			func(t *testing.T, s *stack) func() {
				s.declare(func(text string) string { return quick(strings.Replace(text, "topic: customers", "topic: nowhere", 1)) })
				return func() { s.declare(quick) }
			}, pipeline.Misconfigured, []string{"nowhere", "KAFKA_TOPIC"},
		},
		"no broker": {
			func(t *testing.T, s *stack) func() {
				port, dir := s.kafka.Port(), filepath.Join(s.dir, "data", "kafka")
				s.kafka.Stop()
				return func() { s.kafka = startBroker(t, port, dir) }
			}, pipeline.Transient, []string{"KAFKA_BROKER"},
		},
		"a sink folder that can't be written": {
			func(t *testing.T, s *stack) func() {
				out := filepath.Join(s.dir, "data", "out")
				require.NoError(t, os.WriteFile(out, []byte("in the way"), 0o600))
				return func() { require.NoError(t, os.Remove(out)) }
			}, pipeline.Misconfigured, []string{"PARQUET_OUT"},
		},
		"an unknown key in the pipeline file": {
			func(t *testing.T, s *stack) func() {
				s.declare(func(text string) string { return quick(text) + "\nshedule: {}\n" })
				return func() { s.declare(quick) }
			}, pipeline.Misconfigured, []string{"shedule", "customers.yml"},
		},
		"a rule with a bad regex": {
			func(t *testing.T, s *stack) func() {
				rules := filepath.Join(s.dir, "dq", "dq_rules.yml")
				b, err := os.ReadFile(rules)
				require.NoError(t, err)
				bad := strings.Replace(string(b), `regex: '^[a-zA`, `regex: '(?<!x)^[a-zA`, 1)
				require.NotEqual(t, string(b), bad)
				require.NoError(t, os.WriteFile(rules, []byte(bad), 0o600))
				return func() { require.NoError(t, os.WriteFile(rules, b, 0o600)) }
			}, pipeline.Misconfigured, []string{"quality.rules", "dq_rules.yml", "lookaround", "line "},
		},
		"a full disk": {
			fullDisk, pipeline.Transient, []string{"space"},
		},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			s := start(t, "")
			s.declare(quick)
			s.produce(t, "healthy", 20_000)
			mend := tc.spoil(t, s)
			report := s.run()
			mend()
			require.Equal(t, pipeline.Failed, report.Outcome)
			require.NotNil(t, report.Failure)
			t.Log(report.Failure.Error)
			require.Equal(t, tc.kind, report.Failure.Kind)
			for _, w := range tc.want {
				require.Contains(t, report.Failure.Error, w)
			}
			require.Equal(t, pipeline.Succeeded, s.run().Outcome)
			require.Equal(t, int64(20_000), s.verify().Table)
		})
	}
}

// fullDisk puts the table onto a file system that is too small.
func fullDisk(t *testing.T, s *stack) func() {
	out := filepath.Join(s.dir, "data", "out")
	require.NoError(t, os.MkdirAll(out, 0o755))
	if b, err := exec.Command("mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", out).CombinedOutput(); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("mount a small file system: %s", b)
		}
		t.Skipf("a small file system can't be mounted here (it takes root): %s", b)
	}
	return func() {
		require.NoError(t, exec.Command("umount", out).Run())
	}
}

func TestLintReportsEveryProblemAtOnce(t *testing.T) {
	s := &stack{t: t, dir: t.TempDir(), bin: bin}
	s.declare(func(text string) string {
		text = strings.Replace(text, "late_major: 0.15", "late_major: 15", 1)
		text = strings.Replace(text, "segments: [country, plan]", "segments: [county]", 1)
		return strings.Replace(text, "event_time: event_time", "event_time: id", 1)
	})
	out, code := s.starter("lint", "customers")
	require.Equal(t, 3, code)
	for _, want := range []string{"policy.late_major", "quality.segments", "schema.event_time", "customers.yml:"} {
		require.Contains(t, out, want)
	}
}

func TestARunWithoutAWorkerSaysWhyNothingHappens(t *testing.T) {
	s := start(t, "")
	s.produce(t, "healthy", 1_000)
	s.env = append(s.env, "TEMPORAL_TASK_QUEUE=nobody")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	cmd := exec.CommandContext(ctx, filepath.Join(s.bin, "starter"), "run", "customers")
	cmd.Dir, cmd.Env = s.dir, append(os.Environ(), s.env...)
	out, err := cmd.StderrPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	line, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err)
	require.Contains(t, line, "no worker polls task queue nobody")
	cancel()
	require.Error(t, cmd.Wait())
}
