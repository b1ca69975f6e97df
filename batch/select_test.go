package batch_test

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/autonomous-data-pipeline/adp/batch"
	"github.com/autonomous-data-pipeline/adp/batch/batchtest"
	"github.com/autonomous-data-pipeline/adp/pipeline"
)

// choiceTopic has one record of each fate, by offset.
func choiceTopic() batchtest.Topic {
	topic := changed(10, map[int]map[string]any{
		1: {"id": "same", "country": "US"}, 2: {"id": "same", "country": "GB"}, // duplicates, clean otherwise
		3: {"email": "nobody", "country": "BR"}, 4: {"plan": "gold", "country": "US"}, // fail, conform
		5: {"age": "x", "country": "US"}, 6: {"email": batchtest.Absent, "country": "BR"}, // don't conform
		7: nil,                                              // malformed
		8: {"email": "nobody", "country": batchtest.Absent}, // doesn't conform
		9: {"email": "late", "country": "BR", "event_time": batchtest.Start.Add(-48 * time.Hour).Format(time.RFC3339)},
	})
	return topic
}

func selectJob(t testing.TB, topic batchtest.Topic, maxOffsets int64) batch.SelectJob {
	t.Helper()
	job := batchtest.Process(t, batch.New(batch.Config{}), topic, batchtest.Rules(), maxOffsets, t.TempDir())
	return batch.SelectJob{EvaluateJob: job, Evaluation: batchtest.Evaluate(t, job), Source: topic}
}

func offsets(t testing.TB, files []pipeline.File) string {
	t.Helper()
	var out []int64
	for _, r := range batchtest.ReadRows(t, files) {
		out = append(out, r.Offset())
	}
	slices.Sort(out)
	return strings.Trim(fmt.Sprint(out), "[]")
}

func TestSelect(t *testing.T) {
	tests := map[string]struct {
		choice            func(*batch.SelectJob)
		table, quarantine string
		want              pipeline.Records
	}{
		"by default what conforms loads": {func(*batch.SelectJob) {},
			"0 1 2 3 4 9", "5 6 7 8", pipeline.Records{Loaded: 6, Quarantined: 4}},
		"failing records may stay out": {func(j *batch.SelectJob) { j.KeepFailing = true },
			"0", "1 2 3 4 5 6 7 8 9", pipeline.Records{Loaded: 1, Quarantined: 9}},
		"failing records of a segment may stay out": {func(j *batch.SelectJob) { j.Column, j.Values = "country", []string{"BR"} },
			"0 1 2 4", "3 5 6 7 8 9", pipeline.Records{Loaded: 4, Quarantined: 6}},
		"duplicates of a segment stay out too": {func(j *batch.SelectJob) { j.Column, j.Values = "country", []string{"GB", "US"} },
			"0 3 9", "1 2 4 5 6 7 8", pipeline.Records{Loaded: 3, Quarantined: 7}},
		"a value that no failing record has changes nothing": {func(j *batch.SelectJob) { j.Column, j.Values = "country", []string{"XX"} },
			"0 1 2 3 4 9", "5 6 7 8", pipeline.Records{Loaded: 6, Quarantined: 4}},
		"a batch is held as a whole": {func(j *batch.SelectJob) { j.Hold, j.KeepFailing = true, true },
			"0 1 2", "3 4 5 6 7 8 9", pipeline.Records{Held: 10}},
	}
	for name, tc := range tests {
		for _, maxOffsets := range []int64{0, 3} {
			t.Run(fmt.Sprintf("%s, shards of %d", name, maxOffsets), func(t *testing.T) {
				job := selectJob(t, choiceTopic(), maxOffsets)
				tc.choice(&job)
				sel, err := batch.Select(t.Context(), job)
				if err != nil {
					t.Fatal(err)
				}
				if got := offsets(t, sel.Table); got != tc.table {
					t.Errorf("table: %s, want %s", got, tc.table)
				}
				if got := offsets(t, sel.Quarantine); got != tc.quarantine {
					t.Errorf("quarantine: %s, want %s", got, tc.quarantine)
				}
				want := tc.want
				want.Read, want.Clean, want.Suspect, want.Malformed = 10, 1, 8, 1
				if sel.Records != want || !sel.Records.Conserved() || sel.Held != job.Hold {
					t.Errorf("Records = %+v, held %v, want %+v", sel.Records, sel.Held, want)
				}
				again, err := batch.Select(t.Context(), job)
				if err != nil || !reflect.DeepEqual(again, sel) {
					t.Errorf("a repeat gave %+v, %v", again, err)
				}
			})
		}
	}
}

func TestSelectedRecordsAreWhole(t *testing.T) {
	topic := choiceTopic()
	job := selectJob(t, topic, 0)
	released, err := batch.Select(t.Context(), job)
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range batchtest.ReadRows(t, released.Table) {
		want := row.Offset() == 9
		if row[pipeline.ColLate] != want || row[pipeline.ColTimestamp] != batchtest.Start.UnixMicro() {
			t.Errorf("offset %d: late %v at %v", row.Offset(), row[pipeline.ColLate], row[pipeline.ColTimestamp])
		}
	}
	i := slices.IndexFunc(released.Table, func(f pipeline.File) bool { return f.Partition == "event_date=2026-11-21" })
	if i < 0 || offsets(t, released.Table[i:i+1]) != "9" {
		t.Errorf("the late record is not in the partition of its day: %+v", released.Table)
	}
	job.KeepFailing = true
	kept, err := batch.Select(t.Context(), job)
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range batchtest.ReadRows(t, kept.Quarantine) {
		rec := topic[0][row.Offset()]
		if string(row[pipeline.ColRaw].([]byte)) != string(rec.Value) {
			t.Errorf("offset %d: raw is %q, want %q", row.Offset(), row[pipeline.ColRaw], rec.Value)
		}
		reasons := batchtest.Reasons(t, row)
		if o := row.Offset(); (o == 1 || o == 2) && (len(reasons) != 1 || reasons[0].Code != "expect_column_values_to_be_unique" || reasons[0].Field != "id") {
			t.Errorf("offset %d is a duplicate, kept out for %+v", o, reasons)
		}
		if o := row.Offset(); o == 2 && row[pipeline.ColSegs] != `{"country":"GB","plan":"pro"}` {
			t.Errorf("offset %d has segments %v", o, row[pipeline.ColSegs])
		}
	}
}

// Files that hold nothing to take out are passed on, not copied.
func TestSelectPassesFilesOn(t *testing.T) {
	topic := changed(6, map[int]map[string]any{4: {"age": "x"}, 5: nil})
	job := selectJob(t, topic, 0)
	job.KeepFailing = true
	sel, err := batch.Select(t.Context(), job)
	if err != nil {
		t.Fatal(err)
	}
	got := append(slices.Clone(sel.Table), sel.Quarantine...)
	if want := batchtest.Files(job.Results); !reflect.DeepEqual(got, want) {
		t.Errorf("Select gave\n%+v, staged are\n%+v", got, want)
	}
	if made, err := filepath.Glob(filepath.Join(job.Dir, "select-*")); err != nil || len(made) > 0 {
		t.Errorf("folders were made for nothing: %v, %v", made, err)
	}
}

func TestSelectRefusals(t *testing.T) {
	tests := map[string]struct {
		change func(*batch.SelectJob)
		kind   pipeline.Kind
	}{
		"a column that isn't counted by": {func(j *batch.SelectJob) { j.Column = "email" }, pipeline.Misconfigured},
		"a source that lost the duplicates": {func(j *batch.SelectJob) {
			j.KeepFailing, j.Source = true, batchtest.Topic{}
		}, pipeline.BadData},
		"a source that fails": {func(j *batch.SelectJob) {
			j.KeepFailing, j.Source = true, &batchtest.Broken{Reader: j.Source, Err: pipeline.Faultf(pipeline.Transient, "no broker")}
		}, pipeline.Transient},
		"an evaluation of another batch": {func(j *batch.SelectJob) { j.Evaluation.Records.Read++ }, pipeline.Bug},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			job := selectJob(t, choiceTopic(), 0)
			tc.change(&job)
			if _, err := batch.Select(t.Context(), job); err == nil || pipeline.KindOf(err) != tc.kind {
				t.Errorf("Select = %v, want a %s fault", err, tc.kind)
			}
		})
	}
}

// However a random batch is split, and whatever is chosen, each record is in
// one place, and the same one.
func TestSelectConserves(t *testing.T) {
	for seed := range uint64(3) {
		r := rand.New(rand.NewPCG(seed, 4))
		topic := batchtest.Random(seed, 700)
		choice := func(j *batch.SelectJob) {}
		if r.IntN(2) == 0 {
			choice = func(j *batch.SelectJob) { j.KeepFailing = true }
		} else if country := batchtest.Countries[r.IntN(10)]; r.IntN(2) == 0 {
			choice = func(j *batch.SelectJob) { j.Column, j.Values = "country", []string{country, "(null)"} }
		}
		var first map[string]string
		for _, maxOffsets := range []int64{0, 100 + r.Int64N(900)} {
			job := selectJob(t, topic, maxOffsets)
			choice(&job)
			sel, err := batch.Select(t.Context(), job)
			if err != nil {
				t.Fatalf("seed %d: %v", seed, err)
			}
			got := places(t, sel)
			if n := len(topic.Records()); len(got) != n || sel.Records.Read != int64(n) {
				t.Errorf("seed %d: %d of %d records are selected", seed, len(got), n)
			}
			if first == nil {
				first = got
			} else if !maps.Equal(first, got) {
				t.Errorf("seed %d: shards of %d select otherwise than one shard a partition", seed, maxOffsets)
			}
		}
	}
}

func places(t *testing.T, sel batch.Selection) map[string]string {
	t.Helper()
	out := map[string]string{}
	for place, files := range map[string][]pipeline.File{"table": sel.Table, "quarantine": sel.Quarantine} {
		for _, row := range batchtest.ReadRows(t, files) {
			key := fmt.Sprint(row.Partition(), "/", row.Offset())
			if other, twice := out[key]; twice {
				t.Errorf("%s is in %s and in %s", key, other, place)
			}
			out[key] = place + " " + fmt.Sprint(row)
		}
	}
	return out
}

func TestEngineTakesNoBadSource(t *testing.T) {
	topic := changed(5, nil)
	shuffled := batchtest.Topic{0: slices.Clone(topic[0])}
	shuffled[0][2], shuffled[0][3] = shuffled[0][3], shuffled[0][2]
	job := batch.EvaluateJob{Batch: topic.Batch(), Schema: batchtest.Customers(), Rules: batchtest.Rules(), Dir: t.TempDir()}
	_, err := batch.New(batch.Config{}).Process(t.Context(), shuffled, batchtest.ShardJob(job, pipeline.Shard{Ranges: job.Batch.Ranges}), func(batch.Progress) error { return nil })
	var fault *pipeline.Fault
	if !errors.As(err, &fault) || fault.Kind != pipeline.Bug {
		t.Errorf("Process = %v: offsets went back, which is a Bug fault", err)
	}
}
