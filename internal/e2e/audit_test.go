//go:build integration

package e2e

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/workflowservice/v1"

	"github.com/autonomous-data-pipeline/adp/agent"
	"github.com/autonomous-data-pipeline/adp/pipeline"
)

// auditVerify proves the log with the command line, and gives its answer.
func (s *stack) auditVerify(args ...string) (agent.Proof, int) {
	s.t.Helper()
	out, code := s.starter(append([]string{"audit", "verify", "customers", "--json"}, args...)...)
	var p agent.Proof
	require.NoError(s.t, json.Unmarshal([]byte(out), &p), out)
	return p, code
}

// found counts the pipeline's workflows of which this holds.
func (s *stack) found(what string) int {
	s.t.Helper()
	n, err := s.client.CountWorkflow(s.t.Context(), &workflowservice.CountWorkflowExecutionsRequest{
		Namespace: "default", Query: "Pipeline = 'customers' AND (" + what + ")",
	})
	require.NoError(s.t, err)
	return int(n.Count)
}

// rehash writes entries anew from a changed body on, with a chain that fits.
func rehash(t *testing.T, lines [][]byte, seq int, from, to string) []byte {
	t.Helper()
	var out []byte
	var prev string
	for i, line := range lines {
		if i == seq-1 {
			require.Contains(t, string(line), from)
			line = bytes.ReplaceAll(line, []byte(from), []byte(to))
		}
		var e agent.Entry
		require.NoError(t, json.Unmarshal(line, &e))
		e.Prev, e.Hash = prev, ""
		b, err := json.Marshal(e)
		require.NoError(t, err)
		sum := sha256.Sum256(b)
		prev = hex.EncodeToString(sum[:])
		e.Hash = prev
		b, err = json.Marshal(e)
		require.NoError(t, err)
		out = append(out, append(b, '\n')...)
	}
	return out
}

// A log that was cut or written anew while nobody looked is found out by what
// the runs noted in Temporal, though its chain is whole.
func TestALogThatWasCutOrWrittenAnewIsFoundByItsAnchors(t *testing.T) {
	s := start(t, "")
	for range 2 {
		s.produce(t, "healthy", 200)
		s.run()
	}
	require.Equal(t, pipeline.Idle, s.run().Outcome)
	s.kill()
	require.Eventually(t, func() bool { // the service's index lags behind
		p, code := s.auditVerify()
		return code == 0 && p.Anchors == 2 && s.found("Outcome IS NOT NULL") == 3
	}, limit, time.Second)
	require.Equal(t, 2, s.found("Outcome IS NULL OR Conditions IS NOT NULL"), "idle runs don't use up what verify looks at")

	path := filepath.Join(s.dir, "data", "ops", "customers", "decision_log.jsonl")
	whole, err := os.ReadFile(path)
	require.NoError(t, err)
	lines := bytes.SplitAfter(bytes.TrimSuffix(whole, []byte("\n")), []byte("\n"))
	require.Len(t, lines, 4)
	tests := map[string]struct {
		log     []byte
		problem string
	}{
		"its last entry is gone":     {bytes.Join(lines[:3], nil), "the log ends at entry 3, but run"},
		"a whole run is gone":        {bytes.Join(lines[:2], nil), "the log ends at entry 2, but run"},
		"it is empty":                {nil, "the log ends at entry 0, but run"},
		"an entry says other things": {rehash(t, lines, 3, "200 records read", "200 records lost"), "entry 4 was replaced, or one before it: run"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			require.NoError(t, os.WriteFile(path, tc.log, 0o600))
			p, code := s.auditVerify()
			require.Equal(t, 3, code)
			require.Len(t, p.Problems, 1)
			require.Contains(t, p.Problems[0], tc.problem)
			p, code = s.auditVerify("--offline")
			require.Zero(t, code, "its chain is whole")
			require.Empty(t, p.Problems)
		})
	}
	require.NoError(t, s.temporal.Stop())
	out, code := s.starter("audit", "verify", "customers")
	require.Zero(t, code)
	require.Contains(t, out, "its tail is unproven, a cut wouldn't show: connect to Temporal")
}
