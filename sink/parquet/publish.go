package parquet

import (
	"context"

	"github.com/autonomous-data-pipeline/adp/sink/ledger"
)

// publish puts a commit's files into their places and takes away what it
// replaced. It may be repeated, and by several processes at once: what one has
// moved, the others don't find any more, and its final name is never used again.
func (s *Sink) publish(ctx context.Context, rec *ledger.Record) error {
	parts := []struct {
		store   store
		removed []string
		files   []ledger.DataFile
	}{{s.table, rec.RemoveTable, rec.Table}, {s.quarantine, rec.RemoveQuarantine, rec.Outside()}}
	for _, p := range parts {
		if err := p.store.remove(ctx, p.removed); err != nil {
			return p.store.fault(err, "remove files that a commit replaced from "+p.store.location(""))
		}
	}
	s.step("cleared")
	for _, p := range parts {
		if err := p.store.arrange(ctx, moves(p.files), s.step); err != nil {
			return p.store.fault(err, "publish committed files in "+p.store.location(""))
		}
		_ = p.store.drop(ctx, pendingDir+"/"+rec.ID) // empty now, and no harm if it stays
	}
	return nil
}

// moves are the files that aren't in their place yet.
func moves(files []ledger.DataFile) []move {
	var out []move
	for _, f := range files {
		if f.From != "" {
			out = append(out, move{from: f.From, to: f.Path})
		}
	}
	return out
}
