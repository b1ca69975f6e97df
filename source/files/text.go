package files

import (
	"bytes"
	"errors"
	"io"
	"slices"
)

// decoder gives a file's records, one after the other.
type decoder interface {
	// next is the following record's value, valid until the next call, or io.EOF.
	next() ([]byte, error)
	// at is where the following record begins, in bytes from the file's start
	// (uncompressed), or -1 if a decoder can't begin there.
	at() int64
	close() error
}

// text is a window on a stream of text. It grows up to what the longest record
// may take.
type text struct {
	src   io.Reader
	buf   []byte
	from  int   // buf[from:] is unread
	base  int64 // where in the stream buf begins
	ended bool
	limit int // bytes that one record may have
}

const windowBytes = 64 << 10

var byteOrderMark = []byte("\xef\xbb\xbf")

// newText begins at a byte position of the stream, which src stands at.
func newText(src io.Reader, at int64, limit int) (*text, error) {
	t := &text{src: src, base: at, limit: limit}
	if at > 0 {
		return t, nil
	}
	for len(t.buf) < len(byteOrderMark) && !t.ended {
		if err := t.more(); err != nil {
			return nil, err
		}
	}
	if bytes.HasPrefix(t.buf, byteOrderMark) {
		t.skip(len(byteOrderMark))
	}
	return t, nil
}

func (t *text) unread() []byte { return t.buf[t.from:] }
func (t *text) skip(n int)     { t.from += n }
func (t *text) at() int64      { return t.base + int64(t.from) }

// more reads on, at least a byte unless the stream has ended.
func (t *text) more() error {
	if t.from > 0 {
		t.base += int64(t.from)
		t.buf = t.buf[:copy(t.buf, t.buf[t.from:])]
		t.from = 0
	}
	t.buf = slices.Grow(t.buf, max(windowBytes, len(t.buf))) // doubling, so that a long record isn't copied for every window
	n, err := io.ReadAtLeast(t.src, t.buf[len(t.buf):cap(t.buf)], 1)
	t.buf = t.buf[:len(t.buf)+n]
	if errors.Is(err, io.EOF) {
		t.ended = true
		return nil
	}
	return err
}

// line is the next line without its end. Of one that is longer than the limit,
// its first limit+1 bytes: the engine rejects those for their length.
func (t *text) line() ([]byte, error) {
	for seen := 0; ; {
		if i := bytes.IndexByte(t.unread()[seen:], '\n'); i >= 0 {
			line := t.unread()[:seen+i]
			t.skip(seen + i + 1)
			return t.clip(bytes.TrimSuffix(line, []byte("\r"))), nil
		}
		seen = len(t.unread())
		switch {
		case t.ended && seen == 0:
			return nil, io.EOF
		case t.ended:
			line := t.unread()
			t.skip(seen)
			return t.clip(bytes.TrimSuffix(line, []byte("\r"))), nil
		case seen > t.limit:
			return t.tooLong()
		}
		if err := t.more(); err != nil {
			return nil, err
		}
	}
}

func (t *text) clip(line []byte) []byte { return line[:min(len(line), t.limit+1)] }

// tooLong keeps the beginning of the line that is unread, and reads over the
// rest.
func (t *text) tooLong() ([]byte, error) {
	head := bytes.Clone(t.unread()[:t.limit+1])
	for {
		if i := bytes.IndexByte(t.unread(), '\n'); i >= 0 {
			t.skip(i + 1)
			return head, nil
		}
		t.skip(len(t.unread()))
		if t.ended {
			return head, nil
		}
		if err := t.more(); err != nil {
			return nil, err
		}
	}
}

// lines decodes NDJSON: a record a line, as it is. Empty lines are no records.
type lines struct {
	*text
	src io.Closer
}

func (l lines) next() ([]byte, error) {
	for {
		line, err := l.line()
		if err != nil || len(line) > 0 {
			return line, err
		}
	}
}

func (l lines) close() error { return l.src.Close() }
