package batchtest

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/autonomous-data-pipeline/adp/batch"
	"github.com/autonomous-data-pipeline/adp/pipeline"
	"github.com/autonomous-data-pipeline/adp/source"
)

type (
	sourceRecord = source.Record
	reader       = source.Reader
	batchReader  = func(Topic) reader
)

// splits evaluates one batch that was cut at random places.
func (s suite) splits(t *testing.T) {
	topic := Random(15, 1500)
	var want outcome
	for i, maxOffsets := range []int64{0, 1, 333} {
		if maxOffsets == 1 {
			maxOffsets = int64(150 + rand.IntN(400))
		}
		got := evaluate(t, s.newEngine(), topic, maxOffsets)
		if i == 0 {
			want = got
			continue
		}
		if !reflect.DeepEqual(got.evaluation, want.evaluation) {
			t.Errorf("shards of %d: evaluation\n%+v, in one piece\n%+v", maxOffsets, got.evaluation, want.evaluation)
		}
		if got.results != want.results {
			t.Errorf("shards of %d give other quality results:\n%s\n%s", maxOffsets, got.results, want.results)
		}
		if !reflect.DeepEqual(got.rows, want.rows) {
			t.Errorf("shards of %d give other rows", maxOffsets)
		}
	}
}

// outcome is what must not depend on shards.
type outcome struct {
	evaluation batch.Evaluation
	results    string
	rows       map[place]string
}

func evaluate(t *testing.T, e batch.Engine, topic Topic, maxOffsets int64) outcome {
	t.Helper()
	job := Process(t, e, topic, Rules(), maxOffsets, t.TempDir())
	out := outcome{evaluation: Evaluate(t, job), rows: map[place]string{}}
	b, err := os.ReadFile(out.evaluation.ResultsPath)
	if err != nil {
		t.Fatal(err)
	}
	out.results = string(b)
	out.evaluation.ResultsPath, out.evaluation.Duplicates = "", ""
	out.evaluation.Document = batch.Evaluation{}.Document // it is what results holds
	for _, row := range ReadRows(t, Files(job.Results)) {
		out.rows[place{row.Partition(), row.Offset()}] = fmt.Sprint(row)
	}
	return out
}

func (s suite) drift(t *testing.T) {
	topic := Topic{}
	for i, changes := range []map[string]any{
		nil, {"age": "x"}, {"age": true}, {"email": Absent}, {"name": nil}, {"customer_id": 1.5},
		{"new": 1}, {"new": 2.5}, {"void": nil}, {"signup_date": "yesterday"}, {"EMAIL": "x@example.com"},
	} {
		topic.Add(0, Start.UnixMilli(), Event(i, changes))
	}
	e := Evaluate(t, Process(t, s.newEngine(), topic, Rules(), 0, t.TempDir()))
	share := func(n int64) float64 { return float64(n) / 11 }
	want := []pipeline.Drift{
		{Kind: pipeline.FieldAdded, Field: "EMAIL", Observed: "string", Count: 1, Share: share(1), Breaking: true},
		{Kind: pipeline.FieldAdded, Field: "new", Observed: "double", Count: 2, Share: share(2)},
		{Kind: pipeline.FieldMissing, Field: "email", Expected: "string", Count: 1, Share: share(1), Breaking: true},
		{Kind: pipeline.NullInRequired, Field: "name", Expected: "string", Observed: "null", Count: 1, Share: share(1), Breaking: true},
		{Kind: pipeline.TypeChanged, Field: "age", Expected: "long", Observed: "boolean|string", Count: 2, Share: share(2), Breaking: true},
		{Kind: pipeline.TypeChanged, Field: "customer_id", Expected: "long", Observed: "double", Count: 1, Share: share(1), Breaking: true},
		{Kind: pipeline.TypeChanged, Field: "signup_date", Expected: "date", Observed: "string", Count: 1, Share: share(1), Breaking: true},
	}
	if !reflect.DeepEqual(e.Drift, want) {
		t.Errorf("Drift =\n%+v, want\n%+v", e.Drift, want)
	}
	if want := (pipeline.Records{Read: 11, Clean: 5, Suspect: 6}); e.Records != want {
		t.Errorf("Records = %+v, want %+v: an unknown field alone keeps no record out", e.Records, want)
	}
}

func (s suite) lateness(t *testing.T) {
	allowed := Rules().AllowedLateness
	tests := map[string]struct {
		after time.Duration // from event time to Kafka time
		late  bool
	}{
		"ahead of its time":               {-time.Hour, false},
		"at once":                         {0, false},
		"exactly the allowed lateness":    {allowed, false},
		"a millisecond more than allowed": {allowed + time.Millisecond, true},
		"a day":                           {24 * time.Hour, true},
	}
	topic := Topic{}
	names := slices.Sorted(maps.Keys(tests))
	for i, name := range names {
		topic.Add(0, Start.Add(tests[name].after).UnixMilli(), Event(i, map[string]any{"event_time": Start.Format(time.RFC3339)}))
	}
	job := Process(t, s.newEngine(), topic, Rules(), 0, t.TempDir())
	rows := ReadRows(t, Files(job.Results, pipeline.CleanFile))
	if len(rows) != len(names) {
		t.Fatalf("%d clean rows, want %d", len(rows), len(names))
	}
	for i, name := range names {
		if rows[i][pipeline.ColLate] != tests[name].late {
			t.Errorf("%s: late is %v", name, rows[i][pipeline.ColLate])
		}
	}
	want := pipeline.Late{Count: 2, Share: 0.4, AllowedLatenessS: 600, MaxLatenessS: 86400}
	if got := Evaluate(t, job).Late; got != want {
		t.Errorf("Late = %+v, want %+v", got, want)
	}
}
