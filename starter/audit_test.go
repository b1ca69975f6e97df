package main

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/autonomous-data-pipeline/adp/agent"
	"github.com/autonomous-data-pipeline/adp/pipeline"
)

// history is a data folder with a decision log of the pipeline customers.
type history struct {
	t    *testing.T
	dir  string
	path string
	log  *agent.AuditLog
	ids  []string
}

// suggests is a model that asks for a person, or breaks off.
type suggests struct{ err error }

func (suggests) Name() string { return "ollama" }

func (s suggests) Propose(_ context.Context, _ agent.Facts, b agent.Bounds) (agent.Proposal, error) {
	return agent.Proposal{
		Actions: []agent.Planned{{Action: agent.Escalate, Args: agent.Args{Hold: true}}},
		Use:     &agent.ModelUse{Model: "small", PromptTokens: 200, AnswerTokens: 40, LatencyMs: 900},
	}, s.err
}

func newHistory(t *testing.T) *history {
	t.Helper()
	t.Chdir("..")
	h := &history{t: t, dir: t.TempDir()}
	h.path = filepath.Join(h.dir, "ops", "customers", auditLog)
	h.log = agent.OpenAudit(h.path)
	now := time.Now()
	h.decide("run-1", 0, agent.Rules{}, now.Add(-72*time.Hour))
	h.decide("run-2", 100, agent.Rules{}, now.Add(-time.Hour))
	h.decide("run-3", 200, suggests{}, now.Add(-time.Minute))
	require.NoError(t, h.log.Shadow(agent.Shadow{Decision: h.ids[1], Proposal: agent.Proposal{By: "openai"}, Agrees: true}, now))
	require.NoError(t, h.log.Executed(agent.Executed{
		Pipeline: "customers", RunID: "run-2", Decision: h.ids[1], Done: []agent.Attempt{{Action: agent.Retrigger, Outcome: "succeeded"}},
	}, now))
	require.NoError(t, h.log.Answer(pipeline.Resolution{Incident: "inc-1", Decision: h.ids[2], Resolution: "release", By: "=ada", Comment: "fine"}, now))
	return h
}

// decide records a decision on 1000 records, of which so many are late.
func (h *history) decide(run string, late int64, prop agent.Proposer, at time.Time) {
	h.t.Helper()
	f := agent.Facts{Report: pipeline.RunReport{Pipeline: "customers", RunID: run, Records: pipeline.Records{Read: 1000, Clean: 1000},
		Late: pipeline.Late{Count: late, Share: float64(late) / 1000}}}
	p := agent.DefaultPolicy()
	d, err := agent.Decide(h.t.Context(), f, p, prop, at, run)
	require.NoError(h.t, err)
	require.NoError(h.t, h.log.Decision(d, f, p))
	h.ids = append(h.ids, d.ID)
}

func (h *history) starter(args ...string) (out, errOut string, code int) {
	h.t.Helper()
	return starter(h.t, map[string]string{"DATA_DIR": h.dir, "TEMPORAL_ADDRESS": "127.0.0.1:1"}, args...)
}

func TestShowAndExportPickEntries(t *testing.T) {
	h := newHistory(t)
	tests := map[string]struct {
		args  []string
		lines int
		says  string
	}{
		"all of them":               {nil, 6, "inc-1  release by =ada"},
		"of one kind":               {[]string{"--kind", "decision"}, 3, h.ids[0]},
		"about one decision":        {[]string{"--id", h.ids[1]}, 3, "openai would do the same"},
		"about one incident":        {[]string{"--id", "inc-1"}, 1, "release"},
		"about one run":             {[]string{"--id", "run-2"}, 2, "1 actions, run run-2"},
		"the last two":              {[]string{"--limit", "2"}, 2, "release by =ada"},
		"of the last day":           {[]string{"--since", "24h"}, 5, h.ids[2]},
		"the last decision but old": {[]string{"--kind", "decision", "-n", "1"}, 1, h.ids[2]},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			out, errOut, code := h.starter(append([]string{"audit", "show", "customers"}, tc.args...)...)
			require.Zero(t, code, errOut)
			require.Equal(t, tc.lines, strings.Count(out, "\n"), out)
			require.Contains(t, out, tc.says)
			out, errOut, code = h.starter(append([]string{"audit", "export", "customers"}, tc.args...)...)
			require.Zero(t, code, errOut)
			require.Equal(t, tc.lines, strings.Count(out, "\n"), out)
			var shown []agent.Entry
			out, _, _ = h.starter(append([]string{"audit", "show", "customers", "--json"}, tc.args...)...)
			require.NoError(t, json.Unmarshal([]byte(out), &shown))
			require.Len(t, shown, tc.lines)
		})
	}
	for name, args := range map[string][]string{
		"a kind that there isn't":   {"audit", "show", "customers", "--kind", "dream"},
		"a format that there isn't": {"audit", "export", "customers", "--format", "xml"},
		"a limit below nothing":     {"audit", "show", "customers", "-n", "-1"},
		"a log that there isn't":    {"audit", "export", "orders"},
	} {
		_, _, code := h.starter(args...)
		require.Equal(t, exitUsage, code, name)
	}
}

func TestAWholeExportIsTheLogToTheByte(t *testing.T) {
	h := newHistory(t)
	whole, err := os.ReadFile(h.path)
	require.NoError(t, err)
	out, _, code := h.starter("audit", "export", "customers")
	require.Zero(t, code)
	require.Equal(t, string(whole), out)
}

func TestACSVExportIsSafeForSpreadsheets(t *testing.T) {
	h := newHistory(t)
	out, _, code := h.starter("audit", "export", "customers", "--format", "csv")
	require.Zero(t, code)
	rows, err := csv.NewReader(strings.NewReader(out)).ReadAll()
	require.NoError(t, err)
	require.Len(t, rows, 7)
	require.Equal(t, agent.RowHeader, rows[0])
	require.Equal(t, []string{"1", "decision", h.ids[0], h.ids[0], "run-1", "healthy", "", "rules"},
		append([]string{rows[1][0]}, rows[1][2:9]...))
	require.Equal(t, "'=ada", rows[6][8], "who answered")
	for _, row := range rows {
		for _, cell := range row {
			require.NotZero(t, strings.IndexAny(cell, "=+-@"), cell)
		}
	}
}

func TestWhatComesBeforeABrokenLinkIsShown(t *testing.T) {
	h := newHistory(t)
	whole, err := os.ReadFile(h.path)
	require.NoError(t, err)
	lines := bytes.SplitAfter(whole, []byte("\n"))
	require.NoError(t, os.WriteFile(h.path, bytes.Join(append(lines[:2:2], lines[3:]...), nil), 0o600))
	for _, verb := range []string{"show", "export"} {
		out, errOut, code := h.starter("audit", verb, "customers")
		require.Equal(t, exitFailed, code)
		require.Equal(t, 2, strings.Count(out, "\n"))
		require.Contains(t, errOut, "doesn't follow entry 2")
	}
	out, _, code := h.starter("audit", "verify", "customers", "--offline")
	require.Equal(t, exitProblems, code)
	require.Contains(t, out, "the chain is broken after 2 entries")
}

func TestVerifyWithoutTemporalSaysWhatItDidNotProve(t *testing.T) {
	h := newHistory(t)
	tests := map[string]struct {
		args []string
		says string
	}{
		"asked not to":                {[]string{"customers", "--offline"}, "a cut wouldn't show: --offline"},
		"Temporal is down":            {[]string{"customers"}, "a cut wouldn't show: connect to Temporal at 127.0.0.1:1"},
		"all pipelines":               {nil, "a cut wouldn't show: connect to Temporal"},
		"a file of no pipeline":       {[]string{"--file", h.path}, "name one beside --file"},
		"a file and its own pipeline": {[]string{"customers", "--file", h.path}, "connect to Temporal"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			out, errOut, code := h.starter(append([]string{"audit", "verify"}, tc.args...)...)
			require.Zero(t, code, errOut)
			require.Contains(t, out, "6 entries, unbroken")
			require.Contains(t, out, tc.says)
		})
	}
}

func TestARecordedDecisionIsMadeAgain(t *testing.T) {
	h := newHistory(t)
	for _, args := range [][]string{{}, {"--pipeline", "customers"}, {"--file", h.path}} {
		for _, id := range h.ids {
			out, errOut, code := h.starter(append([]string{"decide", "--replay", id}, args...)...)
			require.Zero(t, code, out+errOut)
			require.Contains(t, out, id)
			require.Contains(t, out, "The same as recorded, to the byte")
		}
	}
	for name, tc := range map[string]struct {
		args []string
		code int
		says string
	}{
		"an ID that there isn't":  {[]string{"--replay", "dec-0"}, exitFailed, "dec-0 is in none of the logs of [customers]"},
		"another pipeline's log":  {[]string{"--replay", h.ids[0], "--pipeline", "orders"}, exitUsage, "open the decision log"},
		"facts from two places":   {[]string{"--replay", h.ids[0], "--run-report", "x"}, exitUsage, "takes its facts from the log"},
		"a log that is not there": {[]string{"--replay", h.ids[0], "--file", "nowhere"}, exitUsage, "no such file"},
	} {
		_, errOut, code := h.starter(append([]string{"decide"}, tc.args...)...)
		require.Equal(t, tc.code, code, name+errOut)
		require.Contains(t, errOut, tc.says)
	}
}

func TestADecisionThatDoesNotFollowFromItsEvidenceIsNamed(t *testing.T) {
	h := newHistory(t)
	f := agent.Facts{Report: pipeline.RunReport{Pipeline: "customers", Records: pipeline.Records{Read: 10}}}
	d, err := agent.Decide(t.Context(), f, agent.DefaultPolicy(), agent.Rules{}, time.Now(), "run-9")
	require.NoError(t, err)
	d.Severity = "critical"
	require.NoError(t, h.log.Decision(d, f, agent.DefaultPolicy()))
	out, errOut, code := h.starter("decide", "--replay", d.ID)
	require.Equal(t, exitFailed, code)
	require.Contains(t, out, `severity: "critical" → "info"`)
	require.Contains(t, errOut, "1 values differ from the record")
}
