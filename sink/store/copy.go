package store

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"hash"
	"io"
	"os"
	"slices"

	"github.com/autonomous-data-pipeline/adp/pipeline"
)

// Names of what isn't data: attempts that may never be committed lie below
// PendingDir, and readers that glob don't take PendingSuffix for data.
const (
	PendingDir    = "_pending"
	PendingSuffix = ".staged"
	DataSuffix    = ".parquet"
	TmpSuffix     = ".tmp"
)

// Opener streams a file that is to be copied.
type Opener func(ctx context.Context) (io.ReadCloser, error)

// Staged opens a staged file.
func Staged(f pipeline.File) Opener {
	return func(context.Context) (io.ReadCloser, error) {
		r, err := os.Open(f.Path)
		if err != nil {
			return nil, pipeline.Faultf(pipeline.Transient, "open staged file %s: %w: process the batch again if it was cleared away", f.Path, err)
		}
		return r, nil
	}
}

// Copy brings a file into a store under a new name, and checks that it is the
// one that was staged. The original stays untouched: whoever staged it may
// overwrite it. What it returns describes the copy, as JSON would.
func Copy(ctx context.Context, to Store, name string, f pipeline.File, open Opener) (pipeline.File, error) {
	src, err := open(ctx)
	if err != nil {
		return pipeline.File{}, err
	}
	defer func() { _ = src.Close() }() // only read
	sum := &summing{ctx: ctx, src: src, hash: sha256.New()}
	if err := to.Put(ctx, name, sum); err != nil {
		return pipeline.File{}, to.Fault(err, "copy staged file "+f.Path+" to "+to.Location(name))
	}
	n, sha := sum.result()
	if n != f.Bytes || (f.SHA256 != "" && f.SHA256 != sha) {
		return pipeline.File{}, pipeline.Faultf(pipeline.Transient,
			"load staged file %s: it has %d bytes and SHA-256 %s, %d and %s were staged: it changed since; process the batch again", f.Path, n, sha, f.Bytes, f.SHA256)
	}
	f.SHA256, f.Columns = sha, slices.Clone(f.Columns)
	for i, c := range f.Columns {
		// A minimum is cut after 64 bytes, maybe within a character: what JSON
		// makes of that is what every later reader of the log sees.
		f.Columns[i].Min, f.Columns[i].Max = string([]rune(c.Min)), string([]rune(c.Max))
	}
	return f, nil
}

// Sum is the SHA-256 of a local file's bytes.
func Sum(ctx context.Context, path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer func() { _ = f.Close() }() // only read
	s := &summing{ctx: ctx, src: f, hash: sha256.New()}
	if _, err := io.Copy(io.Discard, s); err != nil {
		return "", err
	}
	_, sha := s.result()
	return sha, nil
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
