package parquet

import (
	"context"

	"github.com/autonomous-data-pipeline/adp/sink/ledger"
	"github.com/autonomous-data-pipeline/adp/sink/store"
)

// publish puts a commit's files into their places and takes away what it
// replaced. It may be repeated, and by several processes at once: what one has
// moved, the others don't find any more, and its final name is never used again.
func (s *Sink) publish(ctx context.Context, rec *ledger.Record) error {
	parts := []struct {
		store   store.Store
		removed []string
		files   []ledger.DataFile
	}{{s.quarantine, rec.RemoveQuarantine, rec.Outside()}, {s.table, rec.RemoveTable, rec.Table}}
	if s.catalog != nil {
		parts = parts[:1] // the table's files are the catalog's, which knows older versions of it
	}
	for _, p := range parts {
		if err := p.store.Remove(ctx, p.removed); err != nil {
			return p.store.Fault(err, "remove files that a commit replaced from "+p.store.Location(""))
		}
	}
	s.step("cleared")
	for _, p := range parts {
		if err := p.store.Arrange(ctx, moves(p.files), s.step); err != nil {
			return p.store.Fault(err, "publish committed files in "+p.store.Location(""))
		}
		_ = p.store.Drop(ctx, store.PendingDir+"/"+rec.ID) // empty now, and no harm if it stays
	}
	return nil
}

// moves are the files that aren't in their place yet.
func moves(files []ledger.DataFile) []store.Move {
	var out []store.Move
	for _, f := range files {
		if f.From != "" {
			out = append(out, store.Move{From: f.From, To: f.Path})
		}
	}
	return out
}
