package main

import (
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/autonomous-data-pipeline/adp/ops"
	"github.com/autonomous-data-pipeline/adp/pipeline"
)

// The same anomalies in a dataset of another shape end as they do for customers.
func TestOrdersHealAsCustomersDo(t *testing.T) {
	const n = 2_000
	tests := []struct {
		preset            string
		conditions        []string
		actions           []string
		outcome           pipeline.Outcome
		quarantined, held int64
	}{
		{"healthy", []string{"healthy"}, nil, pipeline.Succeeded, 0, 0},
		{"additive-drift", []string{"schema_drift_additive"}, []string{"remap"}, pipeline.Remediated, 0, 0},
		{"type-drift", []string{"schema_drift_breaking"}, []string{"quarantine", "escalate"}, pipeline.Remediated, 600, 0},
		{"missing-field", []string{"schema_drift_breaking"}, []string{"quarantine", "escalate"}, pipeline.Remediated, 200, 0},
		{"late-major", []string{"late_arrivals_major"}, []string{"escalate"}, pipeline.Succeeded, 0, 0},
		{"bad-localized", []string{"dq_failures_localized"}, []string{"quarantine", "notify"}, pipeline.Remediated, 80, 0},
		{"bad-major", []string{"dq_failures_major"}, []string{"escalate"}, pipeline.Held, 0, n},
		{"malformed", []string{"dq_failures_minor"}, []string{"log"}, pipeline.Succeeded, 20, 0},
	}
	for _, tc := range tests {
		t.Run(tc.preset, func(t *testing.T) {
			w := newWorld(t).of("orders")
			w.produce(tc.preset, n)
			r := w.batch()
			require.Equal(t, tc.conditions, r.Conditions)
			require.Equal(t, tc.actions, r.Actions)
			require.Equal(t, tc.outcome, r.Outcome)
			require.Equal(t, []int64{n, tc.quarantined, tc.held}, []int64{r.Records.Read, r.Records.Quarantined, r.Records.Held})
			account := w.verify()
			require.Equal(t, r.Records.Loaded, account.Table)
			require.Equal(t, tc.quarantined+tc.held, account.Quarantine+account.Held)
			w.checkFiles(r)
		})
	}
}

// One worker's activities serve both pipelines at once; neither sees anything
// of the other, on any kind of table.
func TestTwoPipelinesRunSideBySide(t *testing.T) {
	onEverySink(t, func(t *testing.T, customers *world) {
		orders := customers.of("orders")
		var wait sync.WaitGroup
		for i, w := range []*world{customers, orders} {
			wait.Go(func() {
				w.produce("bad-major", 1_000)
				held := w.batch()
				assert.Equal(t, pipeline.Held, held.Outcome)
				w.produce("additive-drift", int64(1_000*(i+1)))
				assert.Equal(t, []string{"remap"}, w.batch().Actions)
				s, err := w.answer("release", held.BatchID, pipeline.Answer{Resolution: pipeline.Release})
				assert.NoError(t, err)
				assert.Equal(t, int64(1_000), s.Moved)
			})
		}
		wait.Wait()
		for i, w := range []*world{customers, orders} {
			account := w.verify()
			require.Equal(t, []int64{int64(1_000 * (i + 2)), 0, 0}, []int64{account.Table, account.Quarantine, account.Held})
			incidents, err := w.set.Ops.Incidents(t.Context(), ops.IncidentQuery{Pipeline: w.name})
			require.NoError(t, err)
			require.Len(t, incidents, 1)
			versions, err := w.set.Ops.Schemas(t.Context(), w.name)
			require.NoError(t, err)
			require.Len(t, versions, 2)
		}
	})
}
