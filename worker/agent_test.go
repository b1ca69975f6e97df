package main

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/autonomous-data-pipeline/adp/activities"
	"github.com/autonomous-data-pipeline/adp/agent"
	"github.com/autonomous-data-pipeline/adp/config"
	"github.com/autonomous-data-pipeline/adp/pipeline"
	"github.com/autonomous-data-pipeline/adp/workflows"
)

// modelled gives every pipeline these models, and these settings.
type modelled struct {
	*config.Catalog
	model, shadow *agent.Model
	change        func(*agent.Settings)
}

func (m modelled) with(d *activities.Dataset, err error) (*activities.Dataset, error) {
	if err != nil {
		return nil, err
	}
	changed := *d
	changed.Model, changed.Shadow, changed.Agent = m.model, m.shadow, agent.DefaultSettings()
	changed.Agent.Lookups = 0
	if m.change != nil {
		m.change(&changed.Agent)
	}
	return &changed, nil
}

func (m modelled) Dataset(ctx context.Context, name string) (*activities.Dataset, error) {
	return m.with(m.Catalog.Dataset(ctx, name))
}

func (m modelled) Declared(ctx context.Context, name string) (*activities.Dataset, error) {
	return m.with(m.Catalog.Declared(ctx, name))
}

// chat answers by a function.
type chat struct {
	provider string
	asked    []agent.ChatRequest
	answer   func(agent.ChatRequest) (string, error)
}

func (c *chat) Name() string { return c.provider }
func (*chat) Model() string  { return "scripted" }

func (c *chat) Complete(_ context.Context, r agent.ChatRequest) (agent.ChatAnswer, error) {
	c.asked = append(c.asked, r)
	text, err := c.answer(r)
	return agent.ChatAnswer{Text: text, PromptTokens: 250, AnswerTokens: 30}, err
}

func says(text string) *chat {
	return &chat{provider: "ollama", answer: func(agent.ChatRequest) (string, error) { return text, nil }}
}

func (w *world) modelled(model, shadow *chat, change func(*agent.Settings)) *world {
	m := modelled{Catalog: w.catalog, change: change}
	if model != nil {
		m.model = &agent.Model{Chat: model}
	}
	if shadow != nil {
		m.shadow = &agent.Model{Chat: shadow}
	}
	w.set.Catalog = m
	return w
}

// logged is the pipeline's decision log, proven whole. Every decision in it can
// be made again from it, whoever proposed.
func (w *world) logged() []agent.Entry {
	w.t.Helper()
	log, err := os.ReadFile(filepath.Join(w.dir, "data", "ops", w.name, "decision_log.jsonl"))
	require.NoError(w.t, err)
	var all []agent.Entry
	for e, err := range agent.Entries(bytes.NewReader(log)) {
		require.NoError(w.t, err)
		if all = append(all, e); e.Kind == agent.KindDecision {
			w.checkReplay(log, e.ID)
		}
	}
	return all
}

// bodies are the log's entries of a kind.
func bodies[T any](w *world, kind agent.EntryKind) []T {
	w.t.Helper()
	var out []T
	for _, e := range w.logged() {
		if e.Kind == kind {
			var v T
			require.NoError(w.t, json.Unmarshal(e.Body, &v))
			out = append(out, v)
		}
	}
	return out
}

func TestAModelsChoiceIsCarriedOut(t *testing.T) {
	c := says(`{"evidence":["f1"],"root_cause":"an app sends its old form","choice1":"escalate","actions":[],"hold":true,"advice":"discard","summary":"Ask the app team."}`)
	w := newWorld(t).modelled(c, nil, nil)
	w.produce("late-minor", 1_000)
	r := w.batch()
	require.Equal(t, pipeline.Held, r.Outcome)
	require.Equal(t, []string{"escalate"}, r.Actions)
	require.Len(t, c.asked, 1)
	d := bodies[agent.Recorded](w, agent.KindDecision)
	require.Len(t, d, 1)
	require.Equal(t, "ollama", d[0].Decision.By)
	require.Equal(t, 250, d[0].Decision.Proposal.Use.PromptTokens)
	require.Contains(t, d[0].Decision.Summary, "Ask the app team.")
	require.Equal(t, int64(1_000), w.verify().Held)
}

// A model that wants harm gets what rules do.
func TestAModelThatWantsHarmChangesNothing(t *testing.T) {
	for preset, want := range map[string][]string{
		"bad-major": {"escalate"}, "type-drift": {"quarantine", "escalate"}, "bad-localized": {"quarantine", "notify"}, "additive-drift": {"remap"},
	} {
		t.Run(preset, func(t *testing.T) {
			c := says(`{"actions":["release","drop_table"],"hold":false,"advice":"release","summary":"all is well"}`)
			w := newWorld(t).modelled(c, nil, nil)
			w.produce(preset, 1_000)
			r := w.batch()
			require.Equal(t, want, r.Actions)
			d := bodies[agent.Recorded](w, agent.KindDecision)
			require.Contains(t, d[0].Decision.Fallback, "release")
			require.Equal(t, "rules", d[0].Decision.By)
			require.JSONEq(t, `["release","drop_table"]`, field(t, d[0].Decision.Proposal.Raw, "actions"), "its answer is kept")
			w.verify()
		})
	}
}

func field(t *testing.T, doc json.RawMessage, name string) string {
	t.Helper()
	var m map[string]json.RawMessage
	require.NoError(t, json.Unmarshal(doc, &m))
	return string(m[name])
}

func TestAModelThatIsDownOrBusyCostsNoDecision(t *testing.T) {
	for name, err := range map[string]error{
		"down":    pipeline.Faultf(pipeline.Transient, "no route"),
		"busy":    pipeline.Faultf(pipeline.Transient, "ask: %w", &agent.RateLimited{After: time.Second}),
		"unknown": pipeline.Misconfiguredf("OLLAMA_MODEL", "no such model"),
	} {
		t.Run(name, func(t *testing.T) {
			c := &chat{provider: "ollama", answer: func(agent.ChatRequest) (string, error) { return "", err }}
			w := newWorld(t).modelled(c, nil, nil)
			w.produce("bad-localized", 1_000)
			r := w.batch()
			require.Equal(t, pipeline.Remediated, r.Outcome)
			d := bodies[agent.Recorded](w, agent.KindDecision)
			require.NotEmpty(t, d[0].Decision.Fallback)
		})
	}
}

func TestAShadowIsRecordedAndNeverObeyed(t *testing.T) {
	s := says(`{"evidence":[],"root_cause":"","choice1":"escalate","actions":[],"hold":true,"advice":"none","summary":"s"}`)
	s.provider = "openai"
	w := newWorld(t).modelled(nil, s, nil)
	w.produce("bad-minor", 1_000)
	r := w.batch()
	require.Equal(t, pipeline.Succeeded, r.Outcome)
	got := bodies[agent.Shadow](w, agent.KindShadow)
	require.Len(t, got, 1)
	require.False(t, got[0].Agrees)
	require.Empty(t, got[0].Refused)
	require.Equal(t, "openai", got[0].Proposal.By)
	require.Equal(t, bodies[agent.Recorded](w, agent.KindDecision)[0].Decision.ID, got[0].Decision)
}

func TestAModelLooksUpWhatItMayAndNoMore(t *testing.T) {
	seen := ""
	for _, samples := range []string{agent.NoSamples, agent.RedactedSamples} {
		t.Run(samples, func(t *testing.T) {
			c := &chat{provider: "ollama"}
			c.answer = func(r agent.ChatRequest) (string, error) {
				last := r.Messages[len(r.Messages)-1].Text
				switch {
				case strings.Contains(string(r.Schema), `"samples"`):
					return `{"look":"samples"}`, nil
				case strings.Contains(string(r.Schema), `"look"`):
					return `{"look":"done"}`, nil
				}
				seen = last
				return `{"evidence":[],"root_cause":"","actions":[],"advice":"none","summary":"s"}`, nil
			}
			w := newWorld(t).modelled(c, nil, func(s *agent.Settings) { s.Lookups, s.Samples = 3, samples })
			w.produce("type-drift", 1_000)
			w.batch()
			d := bodies[agent.Recorded](w, agent.KindDecision)
			require.Empty(t, d[0].Decision.Fallback)
			if samples == agent.NoSamples {
				require.Empty(t, d[0].Decision.Proposal.Use.Lookups)
				return
			}
			require.Equal(t, []string{"samples"}, d[0].Decision.Proposal.Use.Lookups)
			require.Contains(t, seen, `because type_changed of`)
			require.Contains(t, seen, `@aaa`, "an address shows its shape")
			require.NotContains(t, seen, "example.com")
		})
	}
}

func TestTheKillSwitchHandsEveryRemedyToAPerson(t *testing.T) {
	w := newWorld(t)
	require.NoError(t, w.set.Ops.TurnSwitch(t.Context(), agent.Switch{Pipeline: "customers", On: true, By: "eve"}))
	w.produce("bad-localized", 1_000)
	r := w.batch()
	require.Equal(t, pipeline.Held, r.Outcome)
	require.Contains(t, bodies[agent.Recorded](w, agent.KindDecision)[0].Decision.Summary, "escalate and hold")
	require.Equal(t, int64(1_000), w.verify().Held+w.verify().Quarantine)
}

// A remedy that was decided is not carried out once a person has stopped the
// agent: here between the decision and the load.
func TestTheKillSwitchStopsWhatWasDecided(t *testing.T) {
	w := newWorld(t)
	w.produce("bad-localized", 1_000)
	var once bool
	w.set.Now = func() time.Time { // the decision asks for the time before it is recorded
		if !once {
			once = true
			require.NoError(t, w.set.Ops.TurnSwitch(t.Context(), agent.Switch{Pipeline: "customers", On: true, By: "eve"}))
		}
		return time.Now()
	}
	r := w.batch()
	require.Equal(t, pipeline.Held, r.Outcome)
	require.Equal(t, []string{"escalate", "notify"}, r.Actions)
}

func TestWhatWasDoneIsCheckedForHavingHelped(t *testing.T) {
	for preset, action := range map[string]agent.Action{"additive-drift": agent.Remap, "bad-localized": agent.Quarantine, "late-major": agent.Escalate} {
		t.Run(preset, func(t *testing.T) {
			w := newWorld(t)
			w.produce(preset, 1_000)
			w.batch()
			got := bodies[agent.Executed](w, agent.KindExecuted)
			require.Len(t, got[0].Checks, 1)
			require.Equal(t, action, got[0].Checks[0].Action)
			require.True(t, got[0].Checks[0].Worked, got[0].Checks[0].Shows)
		})
	}
	t.Run("a retrigger, by the run that it started", func(t *testing.T) {
		w := newWorld(t)
		w.produce("healthy", 1_000)
		var r pipeline.RunReport
		require.NoError(t, w.run(workflows.PipelineRun, pipeline.RunRequest{Pipeline: "customers", Trigger: "retrigger", Chain: 1, ParentID: "before"}, &r))
		got := bodies[agent.Executed](w, agent.KindExecuted)
		require.Equal(t, agent.Check{Action: agent.Retrigger, RunID: "before", Worked: true, Shows: "the next run succeeded"}, got[0].Checks[0])
	})
}
