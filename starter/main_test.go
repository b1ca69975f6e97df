package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/autonomous-data-pipeline/adp/agent"
)

// starter runs a command line in the project's folder, with nothing set but
// what is given.
func starter(t *testing.T, vars map[string]string, args ...string) (out, errOut string, code int) {
	t.Helper()
	var o, e bytes.Buffer
	code = execute(t.Context(), args, func(key string) string { return vars[key] }, &o, &e)
	return o.String(), e.String(), code
}

func TestExitCodesMeanSomething(t *testing.T) {
	t.Chdir("..")
	dir := t.TempDir()
	report := filepath.Join(dir, "report.json")
	require.NoError(t, os.WriteFile(report, []byte(`{"pipeline":"p","records":{"read":1000},"late":{"count":150}}`), 0o600))
	broken := filepath.Join(dir, "broken.json")
	require.NoError(t, os.WriteFile(broken, []byte(`<html>`), 0o600))
	tests := map[string]struct {
		args []string
		code int
		says string
	}{
		"help":                                    {[]string{"--help"}, 0, "Exit codes"},
		"a command that there isn't":              {[]string{"nonsense"}, 2, "unknown command"},
		"an unknown flag":                         {[]string{"run", "--nonsense"}, 2, "unknown flag"},
		"too many arguments":                      {[]string{"approve", "a", "b"}, 2, "accepts 1 arg"},
		"nothing to decide on":                    {[]string{"decide"}, 2, "--run-report"},
		"a decision":                              {[]string{"decide", "--run-report", report}, 0, "late_arrivals_major"},
		"a report that is none":                   {[]string{"decide", "--run-report", broken}, 1, "read the run report"},
		"a report that isn't there":               {[]string{"decide", "--run-report", filepath.Join(dir, "no")}, 2, "no such file"},
		"a sound pipeline":                        {[]string{"lint"}, 0, "customers: ok"},
		"a pipeline that nobody declared":         {[]string{"lint", "parcels"}, 3, "known: customers, orders"},
		"a run of a pipeline that nobody serves":  {[]string{"run", "customers"}, 1, "TEMPORAL_ADDRESS"},
		"a kill switch of a misspelt pipeline":    {[]string{"agent", "stop", "costumers"}, 2, "known: customers, orders"},
		"shell completion":                        {[]string{"completion", "bash"}, 0, "__start_starter"},
		"events":                                  {[]string{"generate", "--stdout", "-n", "3"}, 0, `"customer_id"`},
		"events of another pipeline":              {[]string{"generate", "--stdout", "-n", "3", "-p", "orders"}, 0, `"tracking_code"`},
		"a mix that there isn't":                  {[]string{"generate", "--stdout", "--preset", "x"}, 2, "is none of healthy"},
		"the rules' evaluation":                   {[]string{"eval"}, 0, "unsafe plans executed"},
		"a sample of it as JSON":                  {[]string{"eval", "--sample", "3", "--json"}, 0, `"unsafe_executed": 0`},
		"the evaluation of nobody":                {[]string{"eval", "--proposer", "oracle"}, 2, `"oracle" is none of rules`},
		"a sample of less than nothing":           {[]string{"eval", "--sample=-1"}, 2, "--sample"},
		"a table into no document":                {[]string{"eval", "--markdown", filepath.Join(dir, "no")}, 2, "no such file"},
		"a table into a document without a place": {[]string{"eval", "--markdown", report}, 2, "has no place"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			out, errOut, code := starter(t, map[string]string{"TEMPORAL_ADDRESS": "127.0.0.1:1", "DATA_DIR": dir}, tc.args...)
			require.Equal(t, tc.code, code, out+errOut)
			require.Contains(t, out+errOut, tc.says)
		})
	}
}

func TestDecideTouchesNothingAndTakesThePipelinesPolicy(t *testing.T) {
	t.Chdir("..")
	dir := t.TempDir()
	report := filepath.Join(dir, "report.json")
	require.NoError(t, os.WriteFile(report, []byte(`{"pipeline":"p","records":{"read":1000},"late":{"count":150}}`), 0o600))
	policy := filepath.Join(dir, "p.yml")
	require.NoError(t, os.WriteFile(policy, []byte("name: p\npolicy: {late_major: 0.3}\n"), 0o600))
	data := filepath.Join(dir, "data")
	for file, want := range map[string]agent.Condition{"": agent.LateArrivalsMajor, policy: agent.LateArrivalsMinor} {
		out, errOut, code := starter(t, map[string]string{"DATA_DIR": data}, "decide", "--run-report", report, "--pipeline", file, "--json")
		require.Zero(t, code, errOut)
		var d agent.Decision
		require.NoError(t, json.Unmarshal([]byte(out), &d))
		require.Equal(t, want, d.Conditions[0].Name)
	}
	require.NoDirExists(t, data)
}

func TestEventsAreTheSameForTheSameSeed(t *testing.T) {
	t.Chdir("..")
	args := []string{"generate", "--stdout", "-n", "50", "--seed", "7", "--start", "2026-11-23T00:00:00Z", "--bad", "0.2"}
	first, _, code := starter(t, nil, args...)
	require.Zero(t, code)
	second, _, _ := starter(t, nil, args...)
	require.Equal(t, first, second)
	valid := 0
	for line := range strings.Lines(first) {
		if json.Valid([]byte(line)) {
			valid++
		}
	}
	require.Equal(t, 50, valid)
}

func TestTheKillSwitchIsKeptAndRecorded(t *testing.T) {
	t.Chdir("..")
	vars := map[string]string{"DATA_DIR": t.TempDir(), "USER": "eve"}
	for _, step := range []struct {
		args []string
		says string
	}{
		{[]string{"agent", "status", "customers"}, "may act"},
		{[]string{"agent", "stop", "customers", "--reason", "odd decisions"}, "changes nothing by itself"},
		{[]string{"agent", "status", "customers"}, "so said eve"},
		{[]string{"agent", "status", "orders"}, "may act"},
		{[]string{"agent", "start", "customers"}, "may act"},
		{[]string{"audit", "show", "customers"}, "kill switch on by eve odd decisions"},
		{[]string{"audit", "verify", "customers"}, "2 entries, unbroken"},
	} {
		out, errOut, code := starter(t, vars, step.args...)
		require.Zero(t, code, errOut)
		require.Contains(t, out, step.says)
	}
}

func TestTheModelCanBeTried(t *testing.T) {
	t.Chdir("..")
	out, errOut, code := starter(t, nil, "agent", "check", "customers")
	require.Zero(t, code, errOut)
	require.Contains(t, out, "rules decide")
	for name, tc := range map[string]struct {
		answer string
		code   int
		says   string
	}{
		"an answer":        {`{"evidence":[],"root_cause":"r","choice1":"log","actions":[],"hold":false,"advice":"none","summary":"fine"}`, 0, "openai small answered"},
		"no usable answer": {`certainly!`, 3, "rules would decide"},
	} {
		t.Run(name, func(t *testing.T) {
			text, err := json.Marshal(tc.answer)
			require.NoError(t, err)
			s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", "application/json")
				fmt.Fprintf(w, `{"choices":[{"message":{"role":"assistant","content":%s},"finish_reason":"stop"}]}`, text)
			}))
			defer s.Close()
			vars := map[string]string{"LLM_PROVIDER": "openai", "OPENAI_BASE_URL": s.URL, "OPENAI_MODEL": "small"}
			out, errOut, code := starter(t, vars, "agent", "check", "customers")
			require.Equal(t, tc.code, code, out+errOut)
			require.Contains(t, out, tc.says)
		})
	}
}
