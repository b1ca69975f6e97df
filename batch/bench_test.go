package batch_test

import (
	"context"
	"testing"
	"time"

	"github.com/autonomous-data-pipeline/adp/batch"
	"github.com/autonomous-data-pipeline/adp/batch/batchtest"
	"github.com/autonomous-data-pipeline/adp/pipeline"
	"github.com/autonomous-data-pipeline/adp/source"
)

// steady gives the same records again and again, without copying them.
type steady struct{ records []source.Record }

func (s steady) Read(_ context.Context, _ string, r pipeline.Range, fn func([]source.Record) error) error {
	const at = 1000
	lent := make([]source.Record, 0, at)
	for o := r.Start; o < r.End; {
		lent = lent[:0]
		for ; o < r.End && len(lent) < at; o++ {
			rec := s.records[o%int64(len(s.records))]
			rec.Partition, rec.Offset = r.Partition, o
			lent = append(lent, rec)
		}
		if err := fn(lent); err != nil {
			return err
		}
	}
	return nil
}

// BenchmarkProcess stages customer events of about 270 bytes from memory, with
// rules and without.
func BenchmarkProcess(b *testing.B) {
	const records = 100_000
	topic := batchtest.Topic{}
	for i := range records {
		at := batchtest.Start.Add(time.Duration(i) * time.Millisecond)
		topic.Add(0, at.UnixMilli(), batchtest.Event(i, map[string]any{"event_time": at.Format("2006-01-02T15:04:05.000Z07:00")}))
	}
	src := steady{topic[0]}
	process := func(b *testing.B, rules batch.Rules) {
		job := batch.EvaluateJob{Batch: topic.Batch(), Schema: batchtest.Customers(), Rules: rules, Dir: b.TempDir()}
		shard := batchtest.ShardJob(job, pipeline.Shard{Ranges: job.Batch.Ranges})
		e := batch.New(batch.Config{})
		b.ReportAllocs()
		for b.Loop() {
			if _, err := e.Process(b.Context(), src, shard, func(batch.Progress) error { return nil }); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/records, "ns/record")
	}
	b.Run("rules", func(b *testing.B) { process(b, batchtest.Rules()) })
	b.Run("no rules", func(b *testing.B) {
		rules := batchtest.Rules()
		rules.Suite.Expectations = nil
		process(b, rules)
	})
}
