package batch_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/autonomous-data-pipeline/adp/batch"
	"github.com/autonomous-data-pipeline/adp/batch/batchtest"
	"github.com/autonomous-data-pipeline/adp/pipeline"
)

// changed is a topic of n events, some of them changed; a nil change makes the
// event malformed.
func changed(n int, changes map[int]map[string]any) batchtest.Topic {
	topic := batchtest.Topic{}
	for i := range n {
		value := batchtest.Event(i, nil)
		if c, ok := changes[i]; ok && c != nil {
			value = batchtest.Event(i, c)
		} else if ok {
			value = value[1:]
		}
		topic.Add(0, batchtest.Start.UnixMilli(), value)
	}
	return topic
}

func TestFailingRecords(t *testing.T) {
	type changes = map[int]map[string]any
	tests := map[string]struct {
		changes changes
		failed  int64
		clean   int64
	}{
		"nothing wrong":                                 {nil, 0, 10},
		"a malformed record fails":                      {changes{3: nil}, 1, 9},
		"a broken rule fails its record":                {changes{3: {"email": "nobody"}}, 1, 9},
		"several broken rules fail one record":          {changes{3: {"email": "nobody", "plan": "gold", "age": 200}}, 1, 9},
		"a rule of severity info fails none":            {changes{3: {"age": nil}}, 0, 10},
		"stray drift fails its record":                  {changes{3: {"age": "x"}}, 1, 9},
		"drift of the least share sets aside":           {changes{3: {"age": "x"}, 4: {"age": "x"}}, 0, 8},
		"drift of several kinds counts by kind":         {changes{3: {"age": "x"}, 4: {"age": batchtest.Absent, "name": nil}}, 2, 8},
		"what is set aside isn't failed by rules":       {changes{3: {"age": "x", "email": "nobody"}, 4: {"age": "x"}}, 0, 8},
		"a pair of duplicates fails twice":              {changes{3: {"id": "same"}, 4: {"id": "same"}}, 2, 8},
		"a duplicate that breaks a rule too fails once": {changes{3: {"id": "same"}, 4: {"id": "same", "email": "nobody"}}, 2, 8},
		"a duplicate of what is set aside fails alone":  {changes{3: {"id": "same"}, 4: {"id": "same", "age": "x"}, 5: {"age": "x"}}, 1, 7},
		"a duplicate of a malformed record isn't one":   {changes{3: nil, 4: {"id": "e-000003"}}, 1, 9},
		"an unknown field fails none":                   {changes{3: {"loyalty_tier": "gold"}, 4: {"loyalty_tier": 1}}, 0, 10},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			job := batchtest.Process(t, batch.New(batch.Config{}), changed(10, tc.changes), batchtest.Rules(), 4, t.TempDir())
			job.MinShare = 0.2
			e := batchtest.Evaluate(t, job)
			if e.Quality.Failed != tc.failed || e.Quality.Share != float64(tc.failed)/10 || e.Records.Clean != tc.clean {
				t.Errorf("%d records failed (%v), %d are clean; want %d and %d", e.Quality.Failed, e.Quality.Share, e.Records.Clean, tc.failed, tc.clean)
			}
			if r := e.Records; r.Read != 10 || r.Clean+r.Suspect+r.Malformed != 10 {
				t.Errorf("Records = %+v", r)
			}
		})
	}
}

func TestSegmentsOfFailingRecords(t *testing.T) {
	topic := changed(100, map[int]map[string]any{
		0: {"country": "BR", "email": "nobody"}, 1: {"country": "BR", "email": "nobody"}, 2: {"country": "BR", "id": "same"},
		3: {"country": "DE", "id": "same"}, 4: {"country": nil}, 5: {"country": 7}, 6: nil,
	})
	e := batchtest.Evaluate(t, batchtest.Process(t, batch.New(batch.Config{}), topic, batchtest.Rules(), 0, t.TempDir()))
	var got []string
	for _, s := range e.Quality.Segments {
		if s.Column == "country" {
			got = append(got, fmt.Sprintf("%s %d/%d", s.Value, s.Failed, s.Records))
		}
		if s.Share != float64(s.Failed)/float64(s.Records) {
			t.Errorf("%+v has a wrong share", s)
		}
	}
	// Null and mistyped countries reach the least share: they are set aside.
	if text := strings.Join(got, ", "); text != "BR 3/12, DE 1/10" {
		t.Errorf("segments are %s", text)
	}
}

func TestSegmentsAreBounded(t *testing.T) {
	topic := batchtest.Topic{}
	for i := range 10_500 {
		topic.Add(0, batchtest.Start.UnixMilli(), batchtest.Event(i, map[string]any{"country": fmt.Sprintf("c%05d", i), "email": "nobody", "plan": strings.Repeat("long", 100)}))
	}
	e := batchtest.Evaluate(t, batchtest.Process(t, batch.New(batch.Config{}), topic, batchtest.Rules(), 5000, t.TempDir()))
	var countries []pipeline.Segment
	for _, s := range e.Quality.Segments {
		if s.Column == "country" {
			countries = append(countries, s)
		} else if len(s.Value) != 256 || s.Failed != 10_500 {
			t.Errorf("plan %q failed %d times", s.Value, s.Failed)
		}
	}
	if len(countries) != 50 || countries[0].Value != "c00000" || countries[49].Value != "c00049" {
		t.Errorf("%d countries are listed, from %v", len(countries), countries[:1])
	}
}

func TestResultsShowDuplicates(t *testing.T) {
	topic := batchtest.Topic{}
	for i := range 60 {
		change := map[string]any{}
		switch {
		case i%2 == 0:
			change["id"] = fmt.Sprintf("pair-%02d", i%30)
		case i%5 == 0:
			change["email"] = "nobody"
		}
		topic.Add(int32(i%2), batchtest.Start.UnixMilli(), batchtest.Event(i, change))
	}
	topic.Add(1, batchtest.Start.UnixMilli(), batchtest.Event(60, map[string]any{"id": "pair-00", "email": "nobody"}))
	job := batchtest.Process(t, batch.New(batch.Config{}), topic, batchtest.Rules(), 7, t.TempDir())
	e := batchtest.Evaluate(t, job)
	if e.ResultsPath != filepath.Join(job.Dir, "ge_results.json") || e.Quality.Results != "ge_results.json" {
		t.Errorf("the results are in %s", e.ResultsPath)
	}
	b, err := os.ReadFile(e.ResultsPath)
	if err != nil {
		t.Fatal(err)
	}
	var doc struct {
		Results []struct {
			Config struct {
				Type string `json:"type"`
			} `json:"expectation_config"`
			Result struct {
				Unexpected int      `json:"unexpected_count"`
				List       []string `json:"partial_unexpected_list"`
			} `json:"result"`
		} `json:"results"`
	}
	if err := json.Unmarshal(b, &doc); err != nil {
		t.Fatal(err)
	}
	for _, r := range doc.Results {
		if r.Config.Type != "expect_column_values_to_be_unique" {
			continue
		}
		if r.Result.Unexpected != 31 || len(r.Result.List) != 20 || r.Result.List[0] != "pair-00" || r.Result.List[19] != "pair-08" {
			t.Errorf("unique: %+v, want 31 and the first 20 in Kafka's order", r.Result)
		}
		return
	}
	t.Error("there is no result for uniqueness")
}

// A duplicate's value is shown even if its record is a suspect.
func TestResultsShowDuplicatesAmongSuspects(t *testing.T) {
	topic := changed(4, map[int]map[string]any{1: {"id": "same", "email": "nobody"}, 2: {"id": "same", "email": "nobody"}})
	e := batchtest.Evaluate(t, batchtest.Process(t, batch.New(batch.Config{}), topic, batchtest.Rules(), 0, t.TempDir()))
	b, err := os.ReadFile(e.ResultsPath)
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(b), `"same"`); n < 2 {
		t.Errorf("the duplicates' value is shown %d times", n)
	}
	if e.Duplicates != "" {
		t.Errorf("no clean file has duplicates, yet %s was written", e.Duplicates)
	}
}

func TestNewFieldsThatDifferInCaseAlone(t *testing.T) {
	topic := changed(5, map[int]map[string]any{0: {"tier": 1}, 1: {"tier": 2}, 2: {"Tier": 3}, 3: {"bad name": 1}})
	e := batchtest.Evaluate(t, batchtest.Process(t, batch.New(batch.Config{}), topic, batchtest.Rules(), 0, t.TempDir()))
	got := map[string]bool{}
	for _, d := range e.Drift {
		got[d.Field] = d.Breaking
	}
	if len(got) != 3 || got["tier"] || !got["Tier"] || !got["bad name"] {
		t.Errorf("breaking are %v: the table can take tier alone", got)
	}
}

func TestEvaluateRefusesProfilesOfOtherRules(t *testing.T) {
	topic := changed(3, nil)
	tests := map[string]func(*batch.EvaluateJob){
		"other lateness": func(j *batch.EvaluateJob) { j.Rules.AllowedLateness++ },
		"other segments": func(j *batch.EvaluateJob) { j.Rules.Segments = nil },
		"other rules":    func(j *batch.EvaluateJob) { j.Rules.Suite.Expectations = j.Rules.Suite.Expectations[1:] },
		"another schema": func(j *batch.EvaluateJob) {
			next, err := j.Schema.Add([]pipeline.Drift{{Kind: pipeline.FieldAdded, Field: "tier", Observed: "long"}})
			if err != nil {
				t.Fatal(err)
			}
			j.Schema = next
		},
		"a missing profile": func(j *batch.EvaluateJob) { j.Results[0].Profile += ".gone" },
	}
	for name, change := range tests {
		t.Run(name, func(t *testing.T) {
			job := batchtest.Process(t, batch.New(batch.Config{}), topic, batchtest.Rules(), 0, t.TempDir())
			change(&job)
			if _, err := batch.Evaluate(t.Context(), job); pipeline.KindOf(err) != pipeline.Bug {
				t.Errorf("Evaluate = %v, want a Bug fault", err)
			}
		})
	}
}

func TestEvaluateNothing(t *testing.T) {
	job := batchtest.Process(t, batch.New(batch.Config{}), batchtest.Topic{}, batchtest.Rules(), 0, t.TempDir())
	e := batchtest.Evaluate(t, job)
	if e.Records != (pipeline.Records{}) || e.Quality.Share != 0 || e.Late.Share != 0 || e.Drift == nil {
		t.Errorf("Evaluate = %+v", e)
	}
}
