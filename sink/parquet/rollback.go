package parquet

import (
	"context"

	"github.com/autonomous-data-pipeline/adp/sink"
)

// Rollback removes the last load's files, with what settlements made of them,
// and sets the checkpoint back to where the load found it. The schema stays:
// columns that it added are null in every row that is left. Rolling the same
// load back again changes nothing.
func (s *Sink) Rollback(ctx context.Context, batchID, reason string) (sink.State, error) {
	_, err := s.commit(ctx, func(_ context.Context, st *state, _ *attempt) (*record, error) {
		if st.Sequence == 0 || st.Last.BatchID != batchID {
			return nil, conflictf("roll back batch %s: the last load is batch %q", batchID, st.Last.BatchID)
		}
		if st.LastUndone {
			return nil, nil
		}
		return s.rollbackRecord(st, reason)
	})
	if err != nil {
		return sink.State{}, err
	}
	return s.State(ctx)
}

func (s *Sink) rollbackRecord(st *state, reason string) (*record, error) {
	h, err := s.holdings(st.Last)
	if err != nil {
		return nil, err
	}
	rec := &record{
		Kind: kindRollback, RunID: h.load.RunID, Batch: h.load.Batch, Commits: st.Last.Commits,
		Checkpoint: h.load.Base, Schema: st.Schema, SchemaVersion: st.SchemaVersion, Reason: reason, Status: sink.Settled,
	}
	for _, f := range h.table {
		rec.RemoveTable = append(rec.RemoveTable, f.Path)
	}
	for _, f := range h.last.outside() {
		rec.RemoveQuarantine = append(rec.RemoveQuarantine, f.Path)
	}
	return rec, nil
}
