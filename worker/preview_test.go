package main

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/autonomous-data-pipeline/adp/agent"
	"github.com/autonomous-data-pipeline/adp/config"
	"github.com/autonomous-data-pipeline/adp/console"
	"github.com/autonomous-data-pipeline/adp/ops"
	"github.com/autonomous-data-pipeline/adp/pipeline"
)

// desk is where people would ask about this world.
func (w *world) desk(env map[string]string) *console.Desk {
	w.t.Helper()
	all := map[string]string{"DATA_DIR": w.dir + "/data", "PIPELINES_DIR": w.dir, "KAFKA_BROKER": w.broker.Address()}
	for k, v := range env {
		all[k] = v
	}
	get := func(key string) string { return all[key] }
	c, err := config.FromEnv(get)
	require.NoError(w.t, err)
	return &console.Desk{Config: c, Env: get, Ops: w.set.Ops, Now: time.Now}
}

// What a preview says is what the answer then does, to the record.
func TestAPreviewSaysWhatTheAnswerDoes(t *testing.T) {
	raw := func(s string) json.RawMessage { return json.RawMessage(s) }
	tests := map[string]struct {
		preset string
		killed bool // the agent may change nothing, so the batch is held
		answer pipeline.Answer
		load   int64 // of 1,000
		added  []string
	}{
		"release of a held batch":             {"bad-major", false, pipeline.Answer{Resolution: pipeline.Release}, 1_000, []string{}},
		"replay of a held batch":              {"bad-major", false, pipeline.Answer{Resolution: pipeline.Replay}, 910, []string{}},
		"discard of a held batch":             {"bad-major", false, pipeline.Answer{Resolution: pipeline.Discard}, 0, []string{}},
		"replay without a mapping":            {"type-drift", false, pipeline.Answer{Resolution: pipeline.Replay}, 0, []string{}},
		"a cast":                              {"type-drift", false, pipeline.Answer{Resolution: pipeline.Replay, Mapping: &pipeline.Mapping{Cast: map[string]string{"age": "long"}}}, 300, []string{}},
		"a default":                           {"missing-field", false, pipeline.Answer{Resolution: pipeline.Replay, Mapping: &pipeline.Mapping{Default: map[string]json.RawMessage{"email": raw(`"a@b.example"`)}}}, 100, []string{}},
		"a mapping that mends nothing":        {"malformed", false, pipeline.Answer{Resolution: pipeline.Replay, Mapping: &pipeline.Mapping{Rename: map[string]string{"mail": "email"}}}, 0, []string{}},
		"a new column":                        {"additive-drift", true, pipeline.Answer{Resolution: pipeline.Replay, Mapping: &pipeline.Mapping{Add: []string{"loyalty_tier"}}}, 1_000, []string{"loyalty_tier"}},
		"a new column without being asked to": {"additive-drift", true, pipeline.Answer{Resolution: pipeline.Release}, 1_000, []string{}},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			onEverySink(t, func(t *testing.T, w *world) {
				if tc.killed {
					require.NoError(t, w.set.Ops.TurnSwitch(t.Context(), agent.Switch{Pipeline: w.name, On: true, By: "eve"}))
				}
				w.produce(tc.preset, 1_000)
				batch := w.batch()
				desk := w.desk(w.env)
				before := w.verify()
				p, err := desk.Preview(t.Context(), w.name, batch.BatchID, "", tc.answer)
				require.NoError(t, err)
				require.Equal(t, before, w.verify(), "it changes nothing")
				require.Equal(t, tc.load, p.Load)
				require.Equal(t, p.Records, p.Load+p.Stay)
				require.Equal(t, tc.added, p.Added)
				require.False(t, p.Estimated)
				for _, s := range p.Sample {
					require.NotEmpty(t, s.Raw)
					if !s.Loads && tc.answer.Resolution != pipeline.Discard {
						require.NotEmpty(t, s.Why, "it says why a record would stay")
					}
				}
				if p.Stay > 0 && tc.answer.Resolution != pipeline.Discard {
					require.NotEmpty(t, p.Reasons)
				}
				versions, err := w.set.Ops.Schemas(t.Context(), w.name)
				require.NoError(t, err)
				require.Len(t, versions, 1, "the schema neither")

				done, err := w.answer("for-real", batch.BatchID, tc.answer)
				require.NoError(t, err)
				want := []int64{p.Load, p.Stay}
				if tc.answer.Resolution == pipeline.Discard {
					require.Equal(t, p.Stay, w.verify().Quarantine+w.verify().Held)
					return
				}
				require.Equal(t, want, []int64{done.Moved, done.Kept})
			})
		})
	}
}

// What an answer to an incident settles is previewed together.
func TestAPreviewOfAnIncidentCoversTheRunsThatJoinedIt(t *testing.T) {
	w := newWorld(t)
	w.produce("type-drift", 1_000)
	first := w.batch()
	w.produce("type-drift", 1_000)
	second := w.batch()
	// The test environment lets an escalation's time limit pass at once, so the
	// runs' own incidents are over.
	for _, r := range []pipeline.RunReport{first, second} {
		_, _, err := w.set.Ops.OpenIncident(t.Context(), ops.Incident{
			ID: ops.IncidentID(r.RunID, "test"), Pipeline: w.name, Cause: "test", RunID: r.RunID, BatchID: r.BatchID, OpenedAt: r.FinishedAt,
		})
		require.NoError(t, err)
	}
	p, err := w.desk(nil).Preview(t.Context(), w.name, first.BatchID, ops.IncidentID(first.RunID, "test"),
		pipeline.Answer{Resolution: pipeline.Replay, Mapping: &pipeline.Mapping{Cast: map[string]string{"age": "long"}}})
	require.NoError(t, err)
	require.Equal(t, []string{first.BatchID, second.BatchID}, p.Batches)
	require.Equal(t, []int64{600, 600, 0}, []int64{p.Records, p.Load, p.Stay})
	require.Len(t, p.Sample, 20)
	require.Contains(t, p.Sample[0].Raw, `"age":"`)
	require.NotContains(t, p.Sample[0].After, `"age":"`, "it shows what the mapping makes of it")
}

func TestWhatCannotBePreviewedSaysWhy(t *testing.T) {
	w := newWorld(t)
	w.produce("type-drift", 1_000)
	b := w.batch()
	desk := w.desk(nil)
	for name, tc := range map[string]struct {
		pipeline, batch string
		answer          pipeline.Answer
		says            string
	}{
		"an unknown resolution":    {"customers", b.BatchID, pipeline.Answer{Resolution: "drop_table"}, "must be one of"},
		"a mapping with a release": {"customers", b.BatchID, pipeline.Answer{Resolution: pipeline.Release, Mapping: &pipeline.Mapping{Add: []string{"x"}}}, "goes with replay"},
		"a mapping of nothing":     {"customers", b.BatchID, pipeline.Answer{Resolution: pipeline.Replay, Mapping: &pipeline.Mapping{}}, "names no field"},
		"a field nobody has seen":  {"customers", b.BatchID, pipeline.Answer{Resolution: pipeline.Replay, Mapping: &pipeline.Mapping{Add: []string{"x"}}}, "has seen no such new field"},
		"an unknown batch":         {"customers", "b-none", pipeline.Answer{Resolution: pipeline.Release}, "nothing in quarantine"},
		"an unknown pipeline":      {"../customers", b.BatchID, pipeline.Answer{Resolution: pipeline.Release}, "not declared"},
	} {
		_, err := desk.Preview(t.Context(), tc.pipeline, tc.batch, "", tc.answer)
		require.ErrorContains(t, err, tc.says, name)
	}
}

// Records are browsed page by page, and filtered.
func TestQuarantineIsBrowsedPageByPage(t *testing.T) {
	w := newWorld(t)
	w.produce("type-drift", 1_000)
	b := w.batch()
	desk := w.desk(nil)
	var seen []string
	q := console.RecordQuery{Limit: 70}
	for {
		page, err := desk.Records(t.Context(), w.name, b.BatchID, q)
		require.NoError(t, err)
		require.True(t, page.Complete)
		require.Equal(t, int64(300), page.Scanned)
		require.Equal(t, []console.ReasonCount{{Code: "type_changed", Field: "age", Records: 300}}, page.Reasons)
		for _, r := range page.Records {
			seen = append(seen, r.Place())
		}
		if q.After = page.Next; q.After == "" {
			break
		}
		require.Len(t, page.Records, 70)
	}
	require.Len(t, seen, 300)
	unique := map[string]bool{}
	for _, s := range seen {
		unique[s] = true
	}
	require.Len(t, unique, 300, "each once")

	for name, tc := range map[string]struct {
		query console.RecordQuery
		want  int
	}{
		"by reason":                          {console.RecordQuery{Reason: "type_changed", Limit: 200}, 200},
		"by another reason":                  {console.RecordQuery{Reason: "malformed"}, 0},
		"by field":                           {console.RecordQuery{Field: "age"}, 50},
		"by another field":                   {console.RecordQuery{Field: "email"}, 0},
		"by text":                            {console.RecordQuery{Text: `"AGE":"`}, 50},
		"by text that no record has, in SQL": {console.RecordQuery{Text: "' OR 1=1 --"}, 0},
	} {
		page, err := desk.Records(t.Context(), w.name, b.BatchID, tc.query)
		require.NoError(t, err, name)
		require.Len(t, page.Records, tc.want, name)
	}
	_, err := desk.Records(t.Context(), w.name, b.BatchID, console.RecordQuery{After: "; DROP TABLE"})
	require.ErrorContains(t, err, "partition:offset")
	all, err := desk.Quarantine(t.Context(), "")
	require.NoError(t, err)
	require.Len(t, all, 1)
}
