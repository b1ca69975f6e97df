package kafka_test

import (
	"testing"
	"time"

	"github.com/autonomous-data-pipeline/adp/generator"
	"github.com/autonomous-data-pipeline/adp/internal/fakekafka"
	"github.com/autonomous-data-pipeline/adp/pipeline"
	"github.com/autonomous-data-pipeline/adp/source"
)

// BenchmarkRead reads generated events, lz4, from a broker in the same
// process: its time is the broker's, too.
func BenchmarkRead(b *testing.B) {
	broker := fakekafka.ForTest(b)
	c := &cluster{address: broker.Address()}
	if err := broker.CreateTopic("customers", 1); err != nil {
		b.Fatal(err)
	}
	const n = 200_000
	conf := generator.Config{Count: n, Start: time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)}
	if _, err := generator.Produce(b.Context(), generator.Target{Brokers: []string{c.address}, Topic: "customers"}, conf, nil); err != nil {
		b.Fatal(err)
	}
	s := c.source(b)
	b.ReportAllocs()
	for b.Loop() {
		read := 0
		err := s.Read(b.Context(), "customers", pipeline.Range{End: n}, func(records []source.Record) error {
			read += len(records)
			return nil
		})
		if err != nil || read != n {
			b.Fatalf("%d records, %v", read, err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/record")
}
