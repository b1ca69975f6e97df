package parquet

import (
	"context"

	"github.com/autonomous-data-pipeline/adp/sink"
)

// Entries lists the batches that have records outside the table, in the order
// of their loads.
func (s *Sink) Entries(ctx context.Context) ([]sink.Entry, error) {
	st, err := s.catchUp(ctx)
	if err != nil {
		return nil, err
	}
	var out []sink.Entry
	for _, r := range st.Open {
		rec, err := s.log.must(r.revision())
		if err != nil {
			return nil, err
		}
		out = append(out, s.entryOf(rec))
	}
	return out, nil
}

// entryOf is the quarantine entry that a load or settlement left.
func (s *Sink) entryOf(rec *record) sink.Entry {
	return sink.Entry{
		BatchID: rec.Batch.ID, Batch: rec.Batch, RunID: rec.RunID, Status: rec.Status, At: rec.At, Revision: rec.Sequence,
		Rejects: s.all(s.quarantine, rec.Rejects), Held: s.all(s.quarantine, rec.Held), Records: sumRows(rec.outside()),
	}
}
