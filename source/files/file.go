package files

import (
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"

	"github.com/autonomous-data-pipeline/adp/pipeline"
)

// markBytes is how many bytes of text lie between two marks: what a read in the
// middle of a file passes over at most.
const markBytes = 4 << 20

// decode opens a file's records from one on. m is a mark at or before it.
func (s *Source) decode(ctx context.Context, name string, from int64, m mark) (decoder, error) {
	format, zipped, err := s.config.formatOf(name)
	if err != nil {
		return nil, err
	}
	if format == Parquet {
		path, done, err := s.store.local(ctx, name)
		if err != nil {
			return nil, transport{err}
		}
		return openRows(ctx, path, from, done)
	}
	if zipped {
		m = mark{} // there is no beginning in the middle of a compressed stream
	}
	d, err := s.decodeText(ctx, name, format, zipped, m)
	if err != nil {
		return nil, err
	}
	for ; from > m.record; from-- {
		if _, err := d.next(); err != nil {
			return nil, errors.Join(err, d.close())
		}
	}
	return d, nil
}

func (s *Source) decodeText(ctx context.Context, name, format string, zipped bool, m mark) (decoder, error) {
	var head *table // of a file that is begun in its middle
	if format == CSV && m.at > 0 {
		d, err := s.decodeText(ctx, name, format, zipped, mark{})
		if err != nil {
			return nil, err
		}
		head = d.(*table)
		if err := head.close(); err != nil {
			return nil, err
		}
	}
	src, err := s.open(ctx, name, m.at)
	if err != nil {
		return nil, err
	}
	d, err := s.textDecoder(src, format, zipped, m.at, head)
	if err != nil {
		return nil, errors.Join(err, src.Close())
	}
	return d, nil
}

// textDecoder reads text from a byte position of the uncompressed stream on.
func (s *Source) textDecoder(src io.ReadCloser, format string, zipped bool, at int64, head *table) (decoder, error) {
	var plain io.Reader = src
	if zipped {
		z, err := gzip.NewReader(src)
		if errors.Is(err, io.EOF) {
			return nil, fmt.Errorf("undo gzip: the file is empty: %w", io.ErrUnexpectedEOF)
		}
		if err != nil {
			return nil, fmt.Errorf("undo gzip: %w", err)
		}
		plain = z
	}
	t, err := newText(plain, at, s.options.MaxRecordBytes)
	if err != nil {
		return nil, err
	}
	if format == NDJSON {
		return lines{text: t, src: src}, nil
	}
	d := &table{text: t, src: src, comma: s.config.Delimiter[0]}
	if head != nil {
		d.keys, d.types = head.keys, head.types
		return d, nil
	}
	err = d.header(s.options.Schema)
	return d, err
}

// count reads a file as a whole: how many records it has, where some of them
// begin, and what its bytes add up to.
func (s *Source) count(ctx context.Context, e entry) (n int64, marks []mark, sum string, err error) {
	format, zipped, err := s.config.formatOf(e.name)
	if err != nil {
		return 0, nil, "", err
	}
	in, err := s.openSummed(ctx, e.name)
	if err != nil {
		return 0, nil, "", err
	}
	defer func() { _ = in.Close() }() // only read
	if format == Parquet {
		n, err = s.countParquet(ctx, e.name)
	} else {
		n, marks, err = s.countText(in, format, zipped)
	}
	if err == nil {
		_, err = io.Copy(io.Discard, in)
	}
	return n, marks, hex.EncodeToString(in.hash.Sum(nil)), err
}

func (s *Source) countParquet(ctx context.Context, name string) (int64, error) {
	path, done, err := s.store.local(ctx, name)
	if err != nil {
		return 0, transport{err}
	}
	defer done()
	return countRows(path)
}

func (s *Source) countText(in *summed, format string, zipped bool) (n int64, marks []mark, err error) {
	d, err := s.textDecoder(in, format, zipped, 0, nil)
	if err != nil {
		return 0, nil, err
	}
	last := d.at()
	for {
		at := d.at()
		if at-last >= markBytes && !zipped {
			marks, last = append(marks, mark{record: n, at: at}), at
		}
		_, err := d.next()
		if err == io.EOF { //nolint:errorlint // a decoder's io.EOF is never wrapped
			return n, marks, nil
		}
		if err != nil {
			return n, nil, err
		}
		n++
	}
}

// sum is what a file's bytes add up to.
func (s *Source) sum(ctx context.Context, name string) (string, error) {
	in, err := s.openSummed(ctx, name)
	if err != nil {
		return "", err
	}
	_, err = io.Copy(io.Discard, in)
	return hex.EncodeToString(in.hash.Sum(nil)), errors.Join(err, in.Close())
}

// summed is a file that is read from its start.
type summed struct {
	io.ReadCloser
	hash hash.Hash
}

func (s *Source) openSummed(ctx context.Context, name string) (*summed, error) {
	src, err := s.open(ctx, name, 0)
	if err != nil {
		return nil, err
	}
	return &summed{ReadCloser: src, hash: sha256.New()}, nil
}

func (r *summed) Read(p []byte) (int, error) {
	n, err := r.ReadCloser.Read(p)
	r.hash.Write(p[:n])
	return n, err
}

// open streams a file, and marks what goes wrong on the way to its bytes.
func (s *Source) open(ctx context.Context, name string, at int64) (io.ReadCloser, error) {
	src, err := s.store.open(ctx, name, at)
	if err != nil {
		return nil, transport{err}
	}
	return carried{src, ctx}, nil
}

// carried is a file whose reading can be told to stop.
type carried struct {
	io.ReadCloser
	ctx context.Context
}

func (c carried) Read(p []byte) (int, error) {
	if c.ctx.Err() != nil {
		return 0, transport{context.Cause(c.ctx)}
	}
	n, err := c.ReadCloser.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		err = transport{err}
	}
	return n, err
}

// transport is an error on the way to a file's bytes, not in what they say.
type transport struct{ error }

func (t transport) Unwrap() error { return t.error }

// damaged reports whether an error is of a file's content, which no other
// attempt mends.
func damaged(err error) bool {
	return !errors.As(err, new(transport)) && !errors.As(err, new(*pipeline.Fault)) && !errors.As(err, new(*fs.PathError)) && !canceled(err)
}
