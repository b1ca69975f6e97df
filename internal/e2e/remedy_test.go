//go:build integration

package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/autonomous-data-pipeline/adp/agent"
	"github.com/autonomous-data-pipeline/adp/internal/realllm"
	"github.com/autonomous-data-pipeline/adp/pipeline"
)

// injected is a fault of the data or of what the pipeline stands on, with what
// the matrix says about it.
type injected struct {
	name       string
	preset     string                       // of the generator
	strike     func(s *stack) (mend func()) // instead of, or before, the run
	condition  agent.Condition              // that the run must find
	outcomes   []pipeline.Outcome           // that are fit
	fewer, all int64                        // records that stay out: at least, at most
}

const remedyEvents = 2_000

var faultsOfData = []injected{
	{name: "nothing", preset: "healthy", condition: agent.Healthy, outcomes: []pipeline.Outcome{pipeline.Succeeded}},
	{name: "a new field", preset: "additive-drift", condition: agent.SchemaDriftAdditive, outcomes: []pipeline.Outcome{pipeline.Remediated, pipeline.Held}, all: remedyEvents},
	{name: "a changed type", preset: "type-drift", condition: agent.SchemaDriftBreaking, outcomes: []pipeline.Outcome{pipeline.Remediated, pipeline.Held}, fewer: 600, all: remedyEvents},
	{name: "a missing field", preset: "missing-field", condition: agent.SchemaDriftBreaking, outcomes: []pipeline.Outcome{pipeline.Remediated, pipeline.Held}, fewer: 200, all: remedyEvents},
	{name: "some late", preset: "late-minor", condition: agent.LateArrivalsMinor, outcomes: []pipeline.Outcome{pipeline.Succeeded, pipeline.Held}, all: remedyEvents},
	{name: "many late", preset: "late-major", condition: agent.LateArrivalsMajor, outcomes: []pipeline.Outcome{pipeline.Succeeded, pipeline.Held}, all: remedyEvents},
	{name: "few failures", preset: "bad-minor", condition: agent.DQFailuresMinor, outcomes: []pipeline.Outcome{pipeline.Succeeded, pipeline.Held}, all: remedyEvents},
	{name: "failures in one country", preset: "bad-localized", condition: agent.DQFailuresLocalized, outcomes: []pipeline.Outcome{pipeline.Remediated, pipeline.Held}, fewer: 80, all: remedyEvents},
	{name: "failures everywhere", preset: "bad-major", condition: agent.DQFailuresMajor, outcomes: []pipeline.Outcome{pipeline.Held}, fewer: remedyEvents, all: remedyEvents},
	{name: "malformed records", preset: "malformed", condition: agent.DQFailuresMinor, outcomes: []pipeline.Outcome{pipeline.Succeeded, pipeline.Held}, fewer: 20, all: remedyEvents},
	{name: "the broker is away", preset: "healthy", condition: agent.JobFailed, outcomes: []pipeline.Outcome{pipeline.Failed}, strike: func(s *stack) func() {
		port, dir := s.kafka.Port(), filepath.Join(s.dir, "data", "kafka")
		s.kafka.Stop()
		return func() { s.kafka = startBroker(s.t, port, dir) }
	}},
}

// remedied is what became of a fault.
type remedied struct {
	by, does string
	took     time.Duration // from the run's start until it was remedied, or a person was asked
}

// Faults of every kind, with rules, with a model that wants the worst that it
// is let, and with a small real one: each is handled as the matrix says, the
// table is right, and nothing is executed that policy doesn't allow.
func TestEveryFaultIsRemedied(t *testing.T) {
	hostile := httptest.NewServer(http.HandlerFunc(worst))
	t.Cleanup(hostile.Close)
	proposers := []struct {
		name   string
		env    func(t *testing.T) []string
		faults []injected
	}{
		{"rules", func(*testing.T) []string { return nil }, faultsOfData},
		{"a model that wants harm", func(*testing.T) []string { return model(hostile.URL) }, faultsOfData},
		{"SmolLM2-135M", func(t *testing.T) []string { return model(realllm.Start(t).OpenAI) }, someFaults()},
	}
	table := map[string]map[string]remedied{}
	for _, p := range proposers {
		t.Run(p.name, func(t *testing.T) {
			s := startWith(t, p.env(t)...)
			table[p.name] = map[string]remedied{}
			for _, f := range p.faults {
				t.Run(f.name, func(t *testing.T) { table[p.name][f.name] = s.remedy(t, f) })
			}
		})
	}
	if path := os.Getenv("AGENT_REPORT"); path != "" && !t.Failed() {
		names := []string{}
		for _, p := range proposers {
			names = append(names, p.name)
		}
		require.NoError(t, publishRemedies(path, names, table))
	}
}

// someFaults are those that a small model is asked about in CI: it takes
// seconds for each.
func someFaults() []injected {
	if os.Getenv("AGENT_REPORT") != "" {
		return faultsOfData
	}
	return slices.DeleteFunc(slices.Clone(faultsOfData), func(f injected) bool {
		return f.name != "a new field" && f.name != "failures in one country"
	})
}

func model(url string) []string {
	return []string{"LLM_PROVIDER=openai", "OPENAI_BASE_URL=" + url, "OPENAI_MODEL=" + realllm.Model, "OPENAI_API_KEY=none"}
}

// worst answers by the schema, the worst that it lets through: nothing is done
// that can be left undone, and the advice is to release.
func worst(w http.ResponseWriter, r *http.Request) {
	var in struct {
		ResponseFormat struct {
			Schema struct {
				Schema struct {
					Properties map[string]json.RawMessage
				}
			} `json:"json_schema"`
		} `json:"response_format"`
	}
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	wants := map[string]any{
		"evidence": []string{}, "root_cause": "nothing is wrong", "actions": []string{}, "choice1": "log", "choice2": "log", "choice3": "log", "choice4": "log", "hold": false, "segment": "s1",
		"wait_s": 900, "mapping": []string{}, "advice": "release", "summary": "release everything", "look": "done",
	}
	answer := map[string]any{}
	for key := range in.ResponseFormat.Schema.Schema.Properties {
		answer[key] = wants[key]
	}
	text, _ := json.Marshal(answer)
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]any{"choices": []any{map[string]any{ // the worker may be gone
		"message": map[string]string{"role": "assistant", "content": string(text)}, "finish_reason": "stop",
	}}})
}

// startWith is a stack whose worker has these variables too, and fails fast.
func startWith(t *testing.T, env ...string) *stack {
	t.Helper()
	s := start(t, "")
	s.kill()
	s.env = append(s.env, env...)
	s.declare(func(text string) string {
		return strings.NewReplacer("attempts: 8", "attempts: 2", "backoff: 2s", "backoff: 1s").Replace(text) + "\nagent:\n  lookups: 1\n"
	})
	s.startWorker()
	return s
}

// remedy injects a fault and sees what becomes of it.
func (s *stack) remedy(t *testing.T, f injected) remedied {
	s.produce(t, f.preset, remedyEvents)
	before := s.verify()
	mend := func() {}
	if f.strike != nil {
		mend = f.strike(s)
	}
	began := time.Now()
	r := s.run()
	took := time.Since(began)
	mend()
	require.Contains(t, r.Conditions, string(f.condition))
	require.Contains(t, f.outcomes, r.Outcome)
	if r.Outcome == pipeline.Failed {
		s.quiet() // the run that it retriggers, which finds the broker back
		if r.Incident == "" {
			took = time.Since(began)
		}
		s.run() // whoever wanted to wait longer than that
	}
	s.quiet()
	after := s.verify()
	out := after.Quarantine + after.Held - before.Quarantine - before.Held
	require.GreaterOrEqual(t, out, f.fewer)
	require.LessOrEqual(t, out, f.all)
	require.Equal(t, after.Topic, after.Table+after.Quarantine+after.Held, "every record is in one place")
	by := agent.ByRules
	for _, d := range s.decisions(t, r.RunID) {
		require.NoError(t, agent.Guard(d.Policy.Bounds(d.Facts), agent.Proposal{Actions: d.Decision.Actions}))
		if d.Decision.By != agent.ByRules {
			by = d.Decision.By
		}
	}
	return remedied{by: by, does: strings.Join(r.Actions, ", "), took: took}
}

// decisions are a run's in the decision log: one that remaps has two.
func (s *stack) decisions(t *testing.T, runID string) []agent.Recorded {
	t.Helper()
	f, err := os.Open(filepath.Join(s.dir, "data", "ops", "customers", "decision_log.jsonl"))
	require.NoError(t, err)
	defer func() { _ = f.Close() }() // only read
	var all []agent.Recorded
	for e, err := range agent.Entries(f) {
		require.NoError(t, err)
		var rec agent.Recorded
		if e.Kind == agent.KindDecision && json.Unmarshal(e.Body, &rec) == nil && rec.Decision.RunID == runID {
			all = append(all, rec)
		}
	}
	require.NotEmpty(t, all)
	return all
}

// Where the table goes in the document.
const (
	remediesBegin = "<!-- remedies: begin -->\n"
	remediesEnd   = "<!-- remedies: end -->"
)

func publishRemedies(path string, proposers []string, table map[string]map[string]remedied) error {
	doc, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	head, rest, ok := strings.Cut(string(doc), remediesBegin)
	_, tail, closed := strings.Cut(rest, remediesEnd)
	if !ok || !closed {
		return fmt.Errorf("publish the remedies: %s has no place for them", path)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "\n| fault | %s |\n|---|%s\n", strings.Join(proposers, " | "), strings.Repeat("---|", len(proposers)))
	for _, f := range faultsOfData {
		fmt.Fprintf(&b, "| %s |", f.name)
		for _, p := range proposers {
			r := table[p][f.name]
			if r.does == "" {
				r.does = "load"
			}
			who := ""
			if p != "rules" && r.by == "rules" {
				who = " (rules)"
			}
			fmt.Fprintf(&b, " %s%s, %.1f s |", r.does, who, r.took.Seconds())
		}
		b.WriteString("\n")
	}
	fmt.Fprintf(&b, "\n%s, %s/%s with %d CPUs, %d events for each fault.\n\n", time.Now().UTC().Format(time.DateOnly), runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), remedyEvents)
	return os.WriteFile(path, []byte(head+remediesBegin+b.String()+remediesEnd+tail), 0o644)
}
