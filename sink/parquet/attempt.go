package parquet

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"os"
	"path"

	"github.com/autonomous-data-pipeline/adp/pipeline"
	"github.com/autonomous-data-pipeline/adp/sink/ledger"
	"github.com/autonomous-data-pipeline/adp/sink/readback"
)

// attempt is one try to commit: copies of its files, below a name of its own,
// that no reader takes for data. It outlives lost races for a sequence number.
type attempt struct {
	id     string
	copies map[string]copied // by path of the original
	kept   bool              // the commit was made, or might have been: the copies are the log's
}

type copied struct {
	ledger.DataFile
	root root
}

func newAttempt() *attempt {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails, says its documentation
	return &attempt{id: hex.EncodeToString(b[:]), copies: map[string]copied{}}
}

// copy brings a file below r and checks that it is the one that was staged.
// The original stays untouched: whoever staged it may overwrite it.
func (a *attempt) copy(ctx context.Context, r root, f pipeline.File) (ledger.DataFile, error) {
	if done, ok := a.copies[f.Path]; ok {
		return done.DataFile, nil
	}
	if err := makeDir(r.pending(a.id)); err != nil {
		return ledger.DataFile{}, r.fault(err, "make folder "+r.pending(a.id))
	}
	src, err := os.Open(f.Path)
	if err != nil {
		return ledger.DataFile{}, pipeline.Faultf(pipeline.Transient, "open staged file %s: %w: process the batch again if it was cleared away", f.Path, err)
	}
	defer func() { _ = src.Close() }() // only read
	from := path.Join(pendingDir, a.id, fmt.Sprintf("%06d%s", len(a.copies), pendingSuffix))
	n, sha, err := copySynced(ctx, src, r.path(from))
	if err != nil {
		return ledger.DataFile{}, r.fault(err, "copy staged file "+f.Path+" to "+r.path(from))
	}
	if n != f.Bytes || (f.SHA256 != "" && f.SHA256 != sha) {
		return ledger.DataFile{}, pipeline.Faultf(pipeline.Transient,
			"load staged file %s: it has %d bytes and SHA-256 %s, %d and %s were staged: it changed since; process the batch again", f.Path, n, sha, f.Bytes, f.SHA256)
	}
	out := ledger.DataFile{File: f, From: from}
	out.SHA256, out.Columns = sha, readback.PlainStats(f.Columns)
	a.copies[f.Path] = copied{out, r}
	return out, nil
}

// seal makes the copies' names durable, and makes sure that a clean-up with too
// short an age hasn't taken them.
func (a *attempt) seal() error {
	for _, r := range a.roots() {
		if err := syncDir(r.pending(a.id)); err != nil {
			return r.fault(err, "make folder "+r.pending(a.id)+" durable")
		}
	}
	for _, c := range a.copies {
		there, err := exists(c.root.path(c.From))
		if err != nil {
			return c.root.fault(err, "find copy "+c.root.path(c.From))
		}
		if !there {
			return pipeline.Faultf(pipeline.Transient, "commit %s: its copy is gone: a clean-up ran with an age shorter than a load takes", c.root.path(c.From))
		}
	}
	return nil
}

// roots are those with a copy below them.
func (a *attempt) roots() map[string]root {
	out := map[string]root{}
	for _, c := range a.copies {
		out[c.root.dir] = c.root
	}
	return out
}

// drop removes the copies of an attempt that was not committed. Cleanup takes
// what can't be removed now.
func (a *attempt) drop(roots ...root) {
	if a.kept {
		return
	}
	for _, r := range roots {
		_ = os.RemoveAll(r.pending(a.id))
	}
}
