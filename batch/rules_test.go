package batch_test

import (
	"encoding/json"
	"os"
	"testing"

	"github.com/autonomous-data-pipeline/adp/batch"
	"github.com/autonomous-data-pipeline/adp/batch/batchtest"
	"github.com/autonomous-data-pipeline/adp/dq"
	"github.com/autonomous-data-pipeline/adp/pipeline"
)

// everyWay are rules of every way in which rows and columns are judged.
func everyWay() batch.Rules {
	r := batchtest.Rules()
	r.Segments = []string{"country", "plan", "name"}
	add := func(typ string, severity dq.Severity, kwargs map[string]any) {
		r.Suite.Expectations = append(r.Suite.Expectations, dq.Expectation{Type: typ, Severity: severity, Kwargs: kwargs})
	}
	add("expect_compound_columns_to_be_unique", dq.Warning, map[string]any{"column_list": []any{"customer_id", "country"}})
	add("expect_column_values_to_be_increasing", dq.Info, map[string]any{"column": "event_time"})
	add("expect_column_value_z_scores_to_be_less_than", dq.Critical, map[string]any{"column": "monthly_spend", "threshold": 5, "double_sided": true})
	add("expect_column_values_to_not_be_outliers", dq.Info, map[string]any{"column": "age", "row_condition": "active == True"})
	add("expect_column_pair_values_a_to_be_greater_than_b", dq.Warning, map[string]any{"column_A": "customer_id", "column_B": "age"})
	add("expect_column_median_to_be_between", dq.Critical, map[string]any{"column": "monthly_spend", "min_value": 0})
	add("expect_column_stdev_to_be_between", dq.Info, map[string]any{"column": "monthly_spend", "max_value": 1})
	add("expect_column_unique_value_count_to_be_between", dq.Critical, map[string]any{"column": "id", "min_value": 1})
	add("expect_column_values_to_match_json_schema", dq.Info, map[string]any{"column": "name", "json_schema": map[string]any{"type": "object"}})
	return r
}

// However a batch is cut into shards, and whether what the rules look at fits
// into memory or not, the evaluation and the quality document are the same.
func TestRulesGiveTheSameHoweverABatchIsCut(t *testing.T) {
	for seed := range uint64(6) {
		topic := batchtest.Random(seed, 400)
		var want string
		for i, offsets := range []int64{0, 37, 11, 150} {
			engine := batch.New(batch.Config{ChunkRows: 1 + int(seed)*7, QualityMemory: map[bool]int64{true: 1 << 20, false: 1 << 30}[i%2 == 0]})
			e := batchtest.Evaluate(t, batchtest.Process(t, engine, topic, everyWay(), offsets, t.TempDir()))
			doc, err := os.ReadFile(e.ResultsPath)
			if err != nil {
				t.Fatal(err)
			}
			q, err := json.Marshal(e.Quality)
			if err != nil {
				t.Fatal(err)
			}
			got := string(q) + "\n" + string(doc)
			if want == "" {
				want = got
			}
			if got != want {
				t.Fatalf("seed %d, %d offsets a shard:\n%s\nwant\n%s", seed, offsets, got, want)
			}
		}
	}
}

// A rule that only the whole batch shows keeps records out with their reasons,
// as any other rule does.
func TestWhatOnlyTheWholeBatchShowsKeepsRecordsOut(t *testing.T) {
	rules := batchtest.Rules()
	rules.Suite.Expectations = []dq.Expectation{
		{Type: "expect_column_value_z_scores_to_be_less_than", Severity: dq.Critical, Kwargs: map[string]any{"column": "monthly_spend", "threshold": 5, "double_sided": true}},
		{Type: "expect_compound_columns_to_be_unique", Severity: dq.Warning, Kwargs: map[string]any{"column_list": []any{"customer_id", "plan"}}},
		{Type: "expect_column_values_to_be_increasing", Severity: dq.Critical, Kwargs: map[string]any{"column": "customer_id"}},
	}
	topic := changed(200, map[int]map[string]any{
		7: {"monthly_spend": 1e6}, 20: {"customer_id": 1024, "plan": "free", "country": "BR"}, 150: {"customer_id": 5},
	})
	for _, offsets := range []int64{0, 50} { // a shard begins with 150
		job := batchtest.Process(t, batch.New(batch.Config{}), topic, rules, offsets, t.TempDir())
		e := batchtest.Evaluate(t, job)
		// 20 and 24 are a pair, 21 comes after a greater one.
		if e.Quality.Failed != 5 || e.Records.Clean != 195 || e.Records.Suspect != 5 {
			t.Fatalf("%d records failed, %+v", e.Quality.Failed, e.Records)
		}
		s, err := batch.Select(t.Context(), batch.SelectJob{EvaluateJob: job, Evaluation: e, Source: topic, KeepFailing: true})
		if err != nil {
			t.Fatal(err)
		}
		got := map[int64][]string{}
		for _, row := range batchtest.ReadRows(t, s.Quarantine) {
			for _, r := range batchtest.Reasons(t, row) {
				got[row.Offset()] = append(got[row.Offset()], r.Code+" "+r.Field)
			}
		}
		want := map[int64]string{
			7: "expect_column_value_z_scores_to_be_less_than monthly_spend", 20: "expect_compound_columns_to_be_unique customer_id, plan",
			21: "expect_column_values_to_be_increasing customer_id", 24: "expect_compound_columns_to_be_unique customer_id, plan",
			150: "expect_column_values_to_be_increasing customer_id",
		}
		for offset, reason := range want {
			if len(got[offset]) != 1 || got[offset][0] != reason {
				t.Errorf("%d offsets a shard: record %d is kept out for %q, want %q", offsets, offset, got[offset], reason)
			}
		}
		if len(got) != len(want) || pipeline.SumRows(s.Table) != 195 {
			t.Errorf("%d records are kept out, %d rows are for the table", len(got), pipeline.SumRows(s.Table))
		}
	}
}
