package parquet

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"path"

	"github.com/autonomous-data-pipeline/adp/pipeline"
	"github.com/autonomous-data-pipeline/adp/sink/ledger"
	"github.com/autonomous-data-pipeline/adp/sink/store"
)

// attempt is one try to commit: copies of its files, below a name of its own,
// that no reader takes for data. It outlives lost races for a sequence number.
type attempt struct {
	id     string
	copies map[string]placed // by path of the original
	kept   bool              // the commit was made, or might have been: the copies are the log's
}

type placed struct {
	ledger.DataFile
	name string // of the copy
	to   store.Store
}

func newAttempt() *attempt {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails, says its documentation
	return &attempt{id: hex.EncodeToString(b[:]), copies: map[string]placed{}}
}

// copy brings a file into a store, once.
func (a *attempt) copy(ctx context.Context, to store.Store, f pipeline.File, open store.Opener) (ledger.DataFile, error) {
	if done, ok := a.copies[f.Path]; ok {
		return done.DataFile, nil
	}
	from := path.Join(a.folder(), fmt.Sprintf("%06d%s", len(a.copies), store.PendingSuffix))
	copied, err := store.Copy(ctx, to, from, f, open)
	if err != nil {
		return ledger.DataFile{}, err
	}
	out := ledger.DataFile{File: copied, From: from}
	a.copies[f.Path] = placed{out, from, to}
	return out, nil
}

// put brings a file into its place at once, once: nobody knows it before a
// catalog does.
func (a *attempt) put(ctx context.Context, to store.Store, f pipeline.File, open store.Opener) (ledger.DataFile, error) {
	if done, ok := a.copies[f.Path]; ok {
		return done.DataFile, nil
	}
	name := path.Join(dataDir, f.Partition, fmt.Sprintf("%s-%d%s", a.id, len(a.copies), store.DataSuffix))
	copied, err := store.Copy(ctx, to, name, f, open)
	if err != nil {
		return ledger.DataFile{}, err
	}
	original := f.Path
	copied.Path = name
	out := ledger.DataFile{File: copied}
	a.copies[original] = placed{out, name, to}
	return out, nil
}

// folder is where an attempt's copies are.
func (a *attempt) folder() string { return path.Join(store.PendingDir, a.id) }

// seal makes the copies durable, and makes sure that a clean-up with too short
// an age hasn't taken them.
func (a *attempt) seal(ctx context.Context) error {
	type folder struct {
		store.Store
		name string
	}
	sealed := map[folder]bool{}
	for _, c := range a.copies {
		if at := (folder{c.to, path.Dir(c.name)}); !sealed[at] {
			sealed[at] = true
			if err := at.Seal(ctx, at.name); err != nil {
				return at.Fault(err, "make "+at.Location(at.name)+" durable")
			}
		}
		there, err := store.Has(ctx, c.to, c.name)
		if err != nil {
			return c.to.Fault(err, "find copy "+c.to.Location(c.name))
		}
		if !there {
			return pipeline.Faultf(pipeline.Transient, "commit %s: its copy is gone: a clean-up ran with an age shorter than a load takes", c.to.Location(c.name))
		}
	}
	return nil
}

// drop removes the copies of an attempt that was not committed. Cleanup takes
// what can't be removed now.
func (a *attempt) drop(ctx context.Context, stores ...store.Store) {
	if a.kept {
		return
	}
	for _, s := range stores {
		_ = s.Drop(ctx, a.folder())
	}
	for _, c := range a.copies {
		if c.From == "" {
			_ = c.to.Remove(ctx, []string{c.name})
		}
	}
}
