package ledger

import (
	"context"
	"slices"

	"github.com/autonomous-data-pipeline/adp/sink"
)

// Expire plans to remove what a batch has in quarantine for good. A held batch
// waits for an answer, and the last load may still be rolled back: neither
// expires.
func (b Book) Expire(ctx context.Context, st *State, batchID string, revision int64, reason string) (Plan, error) {
	open, ok := st.entry(batchID)
	switch {
	case !ok:
		return Plan{}, nil
	case open.Revision() != revision:
		return Plan{}, Conflictf("expire the quarantine of batch %s: revision %d was looked at, and it has changed since", batchID, revision)
	case st.Last.BatchID == batchID && !st.LastUndone:
		return Plan{}, Conflictf("expire the quarantine of batch %s: it is the last load, which may still be rolled back", batchID)
	}
	last, err := b.Read(ctx, open.Revision())
	if err != nil {
		return Plan{}, err
	}
	if last.Status == sink.HeldBatch {
		return Plan{}, Conflictf("expire the quarantine of batch %s: it is held until somebody answers", batchID)
	}
	rec := &Record{
		Kind: KindExpire, RunID: last.RunID, Batch: last.Batch, Commits: append(slices.Clone(last.Commits), last.Sequence),
		Checkpoint: st.Checkpoint, Schema: st.Schema, SchemaVersion: st.SchemaVersion, Reason: reason,
		Records: last.Records, Expired: sumRows(last.Outside()), Status: sink.Settled,
	}
	for _, f := range last.Outside() {
		rec.RemoveQuarantine = append(rec.RemoveQuarantine, f.Path)
	}
	return Plan{Commit: rec}, nil
}
