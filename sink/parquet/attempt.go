package parquet

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
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
	to store
}

func newAttempt() *attempt {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails, says its documentation
	return &attempt{id: hex.EncodeToString(b[:]), copies: map[string]copied{}}
}

// opener streams a file that is to be copied.
type opener func(ctx context.Context) (io.ReadCloser, error)

// staged opens a staged file.
func staged(f pipeline.File) opener {
	return func(context.Context) (io.ReadCloser, error) {
		r, err := os.Open(f.Path)
		if err != nil {
			return nil, pipeline.Faultf(pipeline.Transient, "open staged file %s: %w: process the batch again if it was cleared away", f.Path, err)
		}
		return r, nil
	}
}

// copy brings a file into a store and checks that it is the one that was
// staged. The original stays untouched: whoever staged it may overwrite it.
func (a *attempt) copy(ctx context.Context, to store, f pipeline.File, open opener) (ledger.DataFile, error) {
	if done, ok := a.copies[f.Path]; ok {
		return done.DataFile, nil
	}
	src, err := open(ctx)
	if err != nil {
		return ledger.DataFile{}, err
	}
	defer func() { _ = src.Close() }() // only read
	from := path.Join(pendingDir, a.id, fmt.Sprintf("%06d%s", len(a.copies), pendingSuffix))
	sum := &summing{ctx: ctx, src: src, hash: sha256.New()}
	if err := to.put(ctx, from, sum); err != nil {
		return ledger.DataFile{}, to.fault(err, "copy staged file "+f.Path+" to "+to.location(from))
	}
	n, sha := sum.result()
	if n != f.Bytes || (f.SHA256 != "" && f.SHA256 != sha) {
		return ledger.DataFile{}, pipeline.Faultf(pipeline.Transient,
			"load staged file %s: it has %d bytes and SHA-256 %s, %d and %s were staged: it changed since; process the batch again", f.Path, n, sha, f.Bytes, f.SHA256)
	}
	out := ledger.DataFile{File: f, From: from}
	out.SHA256, out.Columns = sha, readback.PlainStats(f.Columns)
	a.copies[f.Path] = copied{out, to}
	return out, nil
}

// summing counts and sums what is read through it, and ends with its context.
type summing struct {
	ctx  context.Context
	src  io.Reader
	hash hash.Hash
	n    int64
}

func (s *summing) Read(p []byte) (int, error) {
	if err := s.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := s.src.Read(p)
	s.hash.Write(p[:n])
	s.n += int64(n)
	return n, err
}

func (s *summing) result() (int64, string) { return s.n, hex.EncodeToString(s.hash.Sum(nil)) }

// folder is where an attempt's copies are.
func (a *attempt) folder() string { return path.Join(pendingDir, a.id) }

// seal makes the copies durable, and makes sure that a clean-up with too short
// an age hasn't taken them.
func (a *attempt) seal(ctx context.Context) error {
	sealed := map[store]bool{}
	for _, c := range a.copies {
		if !sealed[c.to] {
			sealed[c.to] = true
			if err := c.to.seal(ctx, a.folder()); err != nil {
				return c.to.fault(err, "make "+c.to.location(a.folder())+" durable")
			}
		}
		there, err := has(ctx, c.to, c.From)
		if err != nil {
			return c.to.fault(err, "find copy "+c.to.location(c.From))
		}
		if !there {
			return pipeline.Faultf(pipeline.Transient, "commit %s: its copy is gone: a clean-up ran with an age shorter than a load takes", c.to.location(c.From))
		}
	}
	return nil
}

// drop removes the copies of an attempt that was not committed. Cleanup takes
// what can't be removed now.
func (a *attempt) drop(ctx context.Context, stores ...store) {
	if a.kept {
		return
	}
	for _, s := range stores {
		_ = s.drop(ctx, a.folder())
	}
}
