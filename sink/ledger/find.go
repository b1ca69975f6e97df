package ledger

import (
	"context"
	"slices"

	"github.com/autonomous-data-pipeline/adp/pipeline"
	"github.com/autonomous-data-pipeline/adp/sink"
)

// find looks for the load of a batch. Offsets that the table doesn't have need
// no look, and the log needs reading only back to where the checkpoint stood
// when the batch could first have come in.
func (b Book) find(ctx context.Context, st *State, batch pipeline.Batch) (Ref, bool, error) {
	if len(pipeline.Subtract(batch.Ranges, st.Covered)) > 0 {
		return Ref{}, false, nil
	}
	if st.Last.BatchID == batch.ID && !st.LastUndone {
		return st.Last, true, nil
	}
	if open, ok := st.entry(batch.ID); ok {
		return open, true, nil
	}
	for seq := st.Sequence; seq > 0; seq-- {
		rec, err := b.Read(ctx, seq)
		if err != nil {
			return Ref{}, false, err
		}
		if rec.Batch.ID == batch.ID {
			return Ref{BatchID: batch.ID, Commits: append(slices.Clone(rec.Commits), seq)}, rec.Kind != KindRollback, nil
		}
		if !beyond(rec.Base, batch) {
			break
		}
	}
	return Ref{}, false, nil
}

// beyond reports whether some offset of the batch lies below the checkpoint.
func beyond(cp pipeline.Checkpoint, b pipeline.Batch) bool {
	return slices.ContainsFunc(b.Ranges, func(r pipeline.Range) bool { return cp[r.Partition] > r.Start })
}

// findSettlement looks for a settlement of the same ID on the same batch. It
// returns the batch's commits and which of them it is, or 0.
func (b Book) findSettlement(ctx context.Context, st *State, want sink.Settlement) (Ref, int64, error) {
	batch, ok := st.entry(want.BatchID)
	for seq := st.Sequence; !ok && seq > want.Revision && seq > 0; seq-- {
		rec, err := b.Read(ctx, seq)
		if err != nil {
			return Ref{}, 0, err
		}
		if rec.Batch.ID == want.BatchID {
			if rec.Kind == KindRollback {
				return Ref{}, 0, nil
			}
			batch, ok = Ref{BatchID: want.BatchID, Commits: append(slices.Clone(rec.Commits), seq)}, true
		}
	}
	if !ok {
		return Ref{}, 0, nil
	}
	for _, seq := range batch.Commits[1:] {
		rec, err := b.Read(ctx, seq)
		if err != nil {
			return Ref{}, 0, err
		}
		if rec.Settlement == want.ID {
			return batch, seq, nil
		}
	}
	return batch, 0, nil
}

// repeat is the receipt of a commit that was made before, with its files where
// they are now.
func (b Book) repeat(ctx context.Context, r Ref, commit int64) (Plan, error) {
	rec, err := b.Read(ctx, commit)
	if err != nil {
		return Plan{}, err
	}
	last, err := b.Read(ctx, r.Revision())
	if err != nil {
		return Plan{}, err
	}
	out := b.Receipt(rec, last)
	out.Repeated = true
	return Plan{Repeat: &out}, nil
}
