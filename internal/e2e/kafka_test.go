//go:build integration

package e2e

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/autonomous-data-pipeline/adp/generator"
	"github.com/autonomous-data-pipeline/adp/internal/realkafka"
	"github.com/autonomous-data-pipeline/adp/pipeline"
)

// The same pipeline against Apache Kafka: a transactional topic, offsets that
// retention deleted, partitions added between runs, a restart in mid-run.
func TestThePipelineOnApacheKafka(t *testing.T) {
	broker := realkafka.Start(t)
	cl, err := kgo.NewClient(kgo.SeedBrokers(broker.Address))
	require.NoError(t, err)
	defer cl.Close()
	adm := kadm.NewClient(cl)
	_, err = adm.CreateTopic(t.Context(), 3, 1, map[string]*string{"message.timestamp.type": kadm.StringPtr("CreateTime")}, topic)
	require.NoError(t, err)
	s := start(t, broker.Address)

	var loaded int64
	produce := func(target generator.Target, n int64) int64 {
		t.Helper()
		s.produced++
		target.Brokers, target.Topic = []string{broker.Address}, topic
		committed, err := generator.Produce(t.Context(), target, generator.Config{
			Seed: uint64(s.produced), Count: n, Start: time.Now().Add(-time.Minute),
		}, nil)
		require.NoError(t, err)
		return committed
	}

	// Control records and every third transaction aborted: offsets have holes.
	committed := produce(generator.Target{TransactionalID: "e2e", TransactionSize: 500, AbortEvery: 3}, 9_000)
	require.Less(t, committed, int64(9_000))
	report := s.run()
	require.Equal(t, pipeline.Succeeded, report.Outcome)
	require.Equal(t, committed, report.Records.Loaded, "aborted records are no records")
	loaded += committed
	require.Equal(t, loaded, s.verify().Table)

	// A partition that is added between runs begins at its oldest offset.
	_, err = adm.UpdatePartitions(t.Context(), 5, topic)
	require.NoError(t, err)
	loaded += produce(generator.Target{}, 5_000)
	report = s.run()
	require.Equal(t, int64(5_000), report.Records.Loaded)
	require.Greater(t, len(report.Source.Ranges), 3)
	require.Equal(t, loaded, s.verify().Table)

	// A restart in mid-run is ridden out.
	loaded += produce(generator.Target{}, 60_000)
	run := s.begin()
	broker.Restart(t)
	report = s.end(run)
	require.NotEqual(t, pipeline.Failed, report.Outcome, "%+v", report.Failure)
	require.Equal(t, int64(60_000), report.Records.Loaded)
	require.Equal(t, loaded, s.verify().Table)

	// What retention took before it was read is a gap: it is recorded and
	// escalated, and what is left loads.
	fresh := produce(generator.Target{}, 5_000)
	ends, err := adm.ListEndOffsets(t.Context(), topic)
	require.NoError(t, err)
	last := ends[topic][0].Offset
	_, err = adm.DeleteRecords(t.Context(), kadm.Offsets{topic: {0: {Topic: topic, Partition: 0, At: last - 10}}})
	require.NoError(t, err)
	report = s.run()
	require.Contains(t, report.Conditions, "source_gap")
	require.Contains(t, report.Actions, "escalate")
	require.Len(t, report.Source.Gaps, 1)
	gone := report.Source.Gaps[0].Len()
	require.Positive(t, gone)
	require.Equal(t, fresh-gone, report.Records.Loaded)
	account := s.verify()
	require.Equal(t, loaded+fresh-gone, account.Table)
	require.Len(t, account.Gaps, 1)

	// Lag tools see the checkpoint.
	lag, err := adm.Lag(t.Context(), "adp-customers")
	require.NoError(t, err)
	var total int64
	for _, l := range lag.Sorted() {
		total += l.Lag.Total()
	}
	require.LessOrEqual(t, total, int64(9), "only control records may be left")

	out, code := s.starter("status")
	require.Zero(t, code)
	require.True(t, strings.Contains(out, "succeeded"), out)
}
