// Package batchtest is the conformance suite of engines, with the events that
// it feeds them. It belongs to tests alone.
package batchtest

import (
	"context"
	"encoding/json"
	"errors"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/autonomous-data-pipeline/adp/batch"
	"github.com/autonomous-data-pipeline/adp/pipeline"
)

// Run checks that an engine keeps its contract. newEngine is called for every
// test.
func Run(t *testing.T, newEngine func() batch.Engine) {
	s := suite{newEngine}
	t.Run("every record is in exactly one file, whole", s.conservation)
	t.Run("a clean row holds what its record says", s.values)
	t.Run("the same job gives the same bytes", s.deterministic)
	t.Run("how a batch is split changes nothing", s.splits)
	t.Run("drift is told by kind and field", s.drift)
	t.Run("late is more than the allowed lateness", s.lateness)
	t.Run("progress is reported up to the end", s.heartbeat)
	t.Run("an error of beat ends the pass", s.beatError)
	t.Run("a fault of the source comes back as it is", s.sourceFault)
	t.Run("a cancelled context ends the pass", s.cancelled)
	t.Run("an empty range stages nothing", s.empty)
}

type suite struct{ newEngine func() batch.Engine }

func noBeat(batch.Progress) error { return nil }

// Process stages a topic in shards of at most maxOffsets, below dir.
func Process(t testing.TB, e batch.Engine, topic Topic, rules batch.Rules, maxOffsets int64, dir string) batch.EvaluateJob {
	t.Helper()
	job := batch.EvaluateJob{
		Batch: topic.Batch(), Schema: Customers(), SchemaVersion: 1, Rules: rules, MinShare: 0.001,
		Dir: dir, RunID: "run-1", At: Start,
	}
	for _, shard := range job.Batch.Shards(maxOffsets) {
		res, err := e.Process(t.Context(), topic, ShardJob(job, shard), noBeat)
		if err != nil {
			t.Fatalf("Process shard %d: %v", shard.Index, err)
		}
		job.Results = append(job.Results, res)
	}
	return job
}

// ShardJob is the job of one shard of a batch.
func ShardJob(job batch.EvaluateJob, shard pipeline.Shard) batch.Job {
	return batch.Job{
		Batch: job.Batch, Shard: shard, Schema: job.Schema, SchemaVersion: job.SchemaVersion, Rules: job.Rules,
		Dir: filepath.Join(job.Dir, "shards", shardName(shard.Index)),
	}
}

func shardName(i int) string { return "shard-" + string(rune('a'+i/26)) + string(rune('a'+i%26)) }

// Evaluate evaluates a staged batch.
func Evaluate(t testing.TB, job batch.EvaluateJob) batch.Evaluation {
	t.Helper()
	e, err := batch.Evaluate(t.Context(), job)
	if err != nil {
		t.Fatalf("Evaluate: %v", err)
	}
	return e
}

// Files lists the staged files of some kinds; no kind means all.
func Files(results []batch.Result, kinds ...pipeline.FileKind) []pipeline.File {
	var out []pipeline.File
	for _, r := range results {
		for _, f := range r.Files {
			if len(kinds) == 0 || slices.Contains(kinds, f.Kind) {
				out = append(out, f)
			}
		}
	}
	return out
}

type place struct {
	partition int32
	offset    int64
}

func (s suite) conservation(t *testing.T) {
	topic := Random(11, 2000)
	job := Process(t, s.newEngine(), topic, Rules(), 700, t.TempDir())
	seen := map[place]int{}
	for _, row := range ReadRows(t, Files(job.Results)) {
		seen[place{row.Partition(), row.Offset()}]++
	}
	records := map[place]bool{}
	for _, r := range topic.Records() {
		records[place{r.Partition, r.Offset}] = true
		if n := seen[place{r.Partition, r.Offset}]; n != 1 {
			t.Errorf("partition %d offset %d is in %d rows", r.Partition, r.Offset, n)
		}
	}
	if len(seen) != len(records) {
		t.Errorf("%d positions are staged, %d were read", len(seen), len(records))
	}
	for _, row := range ReadRows(t, Files(job.Results, pipeline.SuspectFile, pipeline.MalformedFile)) {
		checkReject(t, topic, row)
	}
	var total pipeline.Records
	for _, r := range job.Results {
		total.Read += r.Records.Read
		total.Clean += r.Records.Clean
		total.Suspect += r.Records.Suspect
		total.Malformed += r.Records.Malformed
	}
	want := pipeline.Records{
		Read: int64(len(records)), Clean: pipeline.SumRows(Files(job.Results, pipeline.CleanFile)),
		Suspect: pipeline.SumRows(Files(job.Results, pipeline.SuspectFile)), Malformed: pipeline.SumRows(Files(job.Results, pipeline.MalformedFile)),
	}
	if total != want || total.Read != total.Clean+total.Suspect+total.Malformed {
		t.Errorf("the results count %+v, the files hold %+v", total, want)
	}
}

func checkReject(t *testing.T, topic Topic, row Row) {
	t.Helper()
	i, ok := slices.BinarySearchFunc(topic[row.Partition()], row.Offset(), func(r sourceRecord, o int64) int { return int(r.Offset - o) })
	if !ok {
		return // reported as a position too many
	}
	rec := topic[row.Partition()][i]
	if got := asBytes(row[pipeline.ColRaw]); !reflect.DeepEqual(got, rec.Value) {
		t.Errorf("offset %d: raw is %q, the record's value was %q", rec.Offset, got, rec.Value)
	}
	if got := asBytes(row[pipeline.ColKey]); !reflect.DeepEqual(got, rec.Key) {
		t.Errorf("offset %d: key is %q, want %q", rec.Offset, got, rec.Key)
	}
	if got := row[pipeline.ColTimestamp]; got != rec.TimestampMs {
		t.Errorf("offset %d: timestamp is %v, want %d", rec.Offset, got, rec.TimestampMs)
	}
	if len(Reasons(t, row)) == 0 {
		t.Errorf("offset %d was rejected without a reason", rec.Offset)
	}
}

func asBytes(v any) []byte {
	b, _ := v.([]byte)
	return b
}

// Reasons are why a rejected row was rejected.
func Reasons(t testing.TB, row Row) []pipeline.Reason {
	t.Helper()
	var out []pipeline.Reason
	if err := json.Unmarshal([]byte(row[pipeline.ColReasons].(string)), &out); err != nil {
		t.Fatalf("reasons %v: %v", row[pipeline.ColReasons], err)
	}
	return out
}

func (s suite) values(t *testing.T) {
	topic := Random(12, 1500)
	job := Process(t, s.newEngine(), topic, Rules(), 0, t.TempDir())
	values := map[place][]byte{}
	for _, r := range topic.Records() {
		values[place{r.Partition, r.Offset}] = r.Value
	}
	for _, f := range Files(job.Results, pipeline.CleanFile) {
		last := int64(-1)
		for _, row := range ReadRows(t, []pipeline.File{f}) {
			if row.Offset() <= last {
				t.Errorf("%s: offset %d comes after %d", f.Path, row.Offset(), last)
			}
			last = row.Offset()
			checkClean(t, f, row, values[place{row.Partition(), row.Offset()}])
		}
	}
}

func checkClean(t *testing.T, f pipeline.File, row Row, value []byte) {
	t.Helper()
	var want map[string]any
	if err := json.Unmarshal(value, &want); err != nil {
		t.Errorf("offset %d is clean, but %q is %v", row.Offset(), value, err)
		return
	}
	for _, name := range []string{"id", "name", "email", "country", "plan", "active", "monthly_spend"} {
		if row[name] != want[name] {
			t.Errorf("offset %d: %s is %v, want %v", row.Offset(), name, row[name], want[name])
		}
	}
	day := time.UnixMicro(row["event_time"].(int64)).UTC().Format(time.DateOnly)
	if f.Partition != "event_date="+day {
		t.Errorf("offset %d happened on %s and is in %s", row.Offset(), day, f.Partition)
	}
}

func (s suite) deterministic(t *testing.T) {
	topic := Random(13, 1200)
	dir := t.TempDir()
	first := Process(t, s.newEngine(), topic, Rules(), 500, dir)
	again := Process(t, s.newEngine(), topic, Rules(), 500, dir)
	if !reflect.DeepEqual(first.Results, again.Results) {
		t.Errorf("a repeat gave other results:\n%+v\n%+v", first.Results, again.Results)
	}
	other := t.TempDir()
	elsewhere := Process(t, s.newEngine(), topic, Rules(), 500, other)
	for i, f := range Files(elsewhere.Results) {
		f.Path = strings.Replace(f.Path, other, dir, 1)
		if want := Files(first.Results)[i]; !reflect.DeepEqual(f, want) {
			t.Errorf("another folder got other files:\n%+v\n%+v", f, want)
		}
	}
}

func (s suite) empty(t *testing.T) {
	job := batch.EvaluateJob{Batch: pipeline.NewBatch("customers", "customers", nil), Schema: Customers(), Rules: Rules(), Dir: t.TempDir()}
	shard := pipeline.Shard{Ranges: []pipeline.Range{{Partition: 0, Start: 5, End: 9}}}
	res, err := s.newEngine().Process(t.Context(), Topic{}, ShardJob(job, shard), noBeat)
	if err != nil || len(res.Files) != 0 || res.Records != (pipeline.Records{}) {
		t.Errorf("Process = %+v, %v", res, err)
	}
}

func (s suite) process(ctx context.Context, t *testing.T, src batchReader, beat func(batch.Progress) error) error {
	t.Helper()
	topic := Random(14, 4500)
	job := batch.EvaluateJob{Batch: topic.Batch(), Schema: Customers(), Rules: Rules(), Dir: t.TempDir()}
	shard := pipeline.Shard{Ranges: job.Batch.Ranges}
	_, err := s.newEngine().Process(ctx, src(topic), ShardJob(job, shard), beat)
	return err
}

func (s suite) heartbeat(t *testing.T) {
	var calls []batch.Progress
	var batchRanges []pipeline.Range
	err := s.process(t.Context(), t, func(topic Topic) reader { batchRanges = topic.Batch().Ranges; return topic }, func(p batch.Progress) error {
		calls = append(calls, p)
		return nil
	})
	if err != nil || len(calls) == 0 {
		t.Fatalf("beat was called %d times; %v", len(calls), err)
	}
	for i, p := range calls[1:] {
		if p.Records < calls[i].Records {
			t.Errorf("progress went back from %d to %d records", calls[i].Records, p.Records)
		}
	}
	last := calls[len(calls)-1]
	for _, r := range batchRanges {
		if last.Next[r.Partition] != r.End {
			t.Errorf("the last progress says %v, the ranges are %v", last.Next, batchRanges)
		}
	}
}

func (s suite) beatError(t *testing.T) {
	stop := errors.New("stop")
	err := s.process(t.Context(), t, func(topic Topic) reader { return topic }, func(batch.Progress) error { return stop })
	if !errors.Is(err, stop) {
		t.Errorf("Process = %v, want beat's error", err)
	}
}

func (s suite) sourceFault(t *testing.T) {
	fault := pipeline.Faultf(pipeline.BadData, "retention won")
	err := s.process(t.Context(), t, func(topic Topic) reader { return &Broken{Reader: topic, After: 2500, Err: fault} }, noBeat)
	if !errors.Is(err, fault) || pipeline.KindOf(err) != pipeline.BadData {
		t.Errorf("Process = %v, want the source's fault", err)
	}
}

func (s suite) cancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	err := s.process(ctx, t, func(topic Topic) reader { return topic }, func(batch.Progress) error { cancel(); return nil })
	if !errors.Is(err, context.Canceled) {
		t.Errorf("Process = %v, want context.Canceled", err)
	}
}
