package parquet

import (
	"context"
	"fmt"
	"io"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/autonomous-data-pipeline/adp/pipeline"
	"github.com/autonomous-data-pipeline/adp/sink"
	"github.com/autonomous-data-pipeline/adp/sink/ledger"
	"github.com/autonomous-data-pipeline/adp/sink/store"
)

// Folders below the roots. Names that start with an underscore are hidden from
// Spark and pyarrow.
const (
	logDir        = "_log"
	quarantineSub = "quarantine"
	heldSub       = "held"
)

// bring copies a plan's files in and gives each its place. Paths in a record
// are relative and slashed, so that the folders may be moved.
func (s *Sink) bring(ctx context.Context, p ledger.Plan, a *attempt) (*ledger.Record, error) {
	rec := p.Commit
	for _, list := range []struct {
		items []ledger.Item
		store store.Store
		into  *[]ledger.DataFile
	}{{p.Table, s.table, &rec.Table}, {p.Rejects, s.quarantine, &rec.Rejects}, {p.Held, s.quarantine, &rec.Held}} {
		for _, item := range list.items {
			if item.Origin == ledger.Kept {
				*list.into = append(*list.into, stay(item.Was, rec.Status))
				continue
			}
			open := store.Staged(item.File)
			if item.Origin == ledger.Own {
				open = func(ctx context.Context) (io.ReadCloser, error) { return s.quarantine.Open(ctx, item.Was.Path) }
			}
			bring := a.copy
			if s.catalog != nil && list.into == &rec.Table {
				bring = a.put
			}
			f, err := bring(ctx, list.store, item.File, open)
			if err != nil {
				return nil, err
			}
			*list.into = append(*list.into, f)
		}
	}
	return rec, nil
}

// stay is a file that keeps out of the table. Clean files change their folder
// when nobody is awaited any more.
func stay(f ledger.DataFile, status sink.Status) ledger.DataFile {
	if f.Kind == pipeline.CleanFile && !strings.HasPrefix(f.Path, heldFolder(status)+"/") {
		f.From = f.Path
	}
	return f
}

// settleNames gives every file that isn't in its place yet its final path.
func settleNames(r *ledger.Record) {
	n := 0
	put := func(f *ledger.DataFile, folder string) {
		if f.From != "" {
			f.Path = path.Join(folder, dataName(r.Batch.ID, r.Sequence, n))
			n++
		}
	}
	for i := range r.Table {
		put(&r.Table[i], r.Table[i].Partition)
	}
	for i := range r.Rejects {
		put(&r.Rejects[i], path.Join(quarantineSub, r.Batch.ID))
	}
	for i := range r.Held {
		put(&r.Held[i], path.Join(heldFolder(r.Status), r.Batch.ID))
	}
}

// dataName is a committed file's name. The sequence in it makes the name
// unique over the table's life, so publishing late can't bring back a file
// that a later commit has removed.
func dataName(batchID string, sequence int64, n int) string {
	return fmt.Sprintf("part-%s-%d-%d%s", batchID, sequence, n, store.DataSuffix)
}

// heldFolder is where an entry's clean files lie: in held while somebody is
// awaited, in quarantine once they are to stay.
func heldFolder(s sink.Status) string {
	if s == sink.HeldBatch {
		return heldSub
	}
	return quarantineSub
}

// contained reports whether all that a record names stays within the folders.
func contained(r *ledger.Record) bool {
	return !slices.ContainsFunc(r.Paths(), func(p string) bool { return !filepath.IsLocal(filepath.FromSlash(p)) })
}
