package ledger

import (
	"context"

	"github.com/autonomous-data-pipeline/adp/sink"
)

// Rollback plans to remove the last load's files, with what settlements made of
// them, and to set the checkpoint back to where the load found it. The schema
// stays: columns that it added are null in every row that is left. Rolling the
// same load back again comes to nothing.
func (b Book) Rollback(ctx context.Context, st *State, batchID, reason string) (Plan, error) {
	if st.Sequence == 0 || st.Last.BatchID != batchID {
		return Plan{}, Conflictf("roll back batch %s: the last load is batch %q", batchID, st.Last.BatchID)
	}
	if st.LastUndone {
		return Plan{}, nil
	}
	h, err := b.holdings(ctx, st.Last)
	if err != nil {
		return Plan{}, err
	}
	rec := &Record{
		Kind: KindRollback, RunID: h.Load.RunID, Batch: h.Load.Batch, Commits: st.Last.Commits,
		Checkpoint: h.Load.Base, Schema: st.Schema, SchemaVersion: st.SchemaVersion, Reason: reason, Status: sink.Settled,
	}
	for _, f := range h.Table {
		rec.RemoveTable = append(rec.RemoveTable, f.Path)
	}
	for _, f := range h.Last.Outside() {
		rec.RemoveQuarantine = append(rec.RemoveQuarantine, f.Path)
	}
	return Plan{Commit: rec}, nil
}
