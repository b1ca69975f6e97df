package dq

import (
	"bufio"
	"bytes"
	"cmp"
	"container/heap"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"slices"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/autonomous-data-pipeline/adp/pipeline"
)

// index finds values that occur more than once, over shards that never meet in
// memory: each shard writes its values' hashes sorted, and a merge of the files
// sees equal ones side by side. 128 bits of hash make two different values
// with one hash less likely than a broken machine.
type index struct{ entries []entry }

type entry struct {
	hi, lo uint64
	Position
}

func (a entry) compareHash(b entry) int {
	return cmp.Or(cmp.Compare(a.hi, b.hi), cmp.Compare(a.lo, b.lo))
}

func (x *index) observe(col arrow.Array, c Chunk) {
	hash := hashOf(col)
	x.entries = slices.Grow(x.entries, col.Len())
	for row := range col.Len() {
		if col.IsNull(row) {
			continue
		}
		h := hash(row)
		x.entries = append(x.entries, entry{h.Hi, h.Lo, Position{c.Partition, c.Offsets[row]}})
	}
}

// An index file is a magic with its version, the number of entries, the entries
// of 28 bytes, and the CRC-32C of all before it. Everything is big-endian.
const (
	indexMagic = "ADPIDX01"
	entrySize  = 28
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// WriteIndex writes the index of a uniqueness expectation, once everything was
// observed. The same observations give the same bytes.
func (p *Profile) WriteIndex(expectation int, w io.Writer) error {
	x := p.indexes[expectation]
	if x == nil {
		return pipeline.Faultf(pipeline.Bug, "write an index: expectation %d of suite %s isn't about uniqueness", expectation, p.program.suite.Name)
	}
	if p.broken != nil {
		return p.broken
	}
	if p.foreign {
		return pipeline.Faultf(pipeline.Bug, "write an index of %s: the profile has rows that it didn't observe itself, whose index is elsewhere", p.program.place(expectation))
	}
	slices.SortFunc(x.entries, func(a, b entry) int { return cmp.Or(a.compareHash(b), a.compare(b.Position)) })
	sum := crc32.New(castagnoli)
	out := bufio.NewWriterSize(io.MultiWriter(w, sum), 1<<16)
	buf := append(make([]byte, 0, entrySize), indexMagic...)
	buf = binary.BigEndian.AppendUint64(buf, uint64(len(x.entries)))
	if _, err := out.Write(buf); err != nil {
		return err
	}
	for _, e := range x.entries {
		if _, err := out.Write(e.append(buf[:0])); err != nil {
			return err
		}
	}
	if err := out.Flush(); err != nil {
		return err
	}
	_, err := w.Write(binary.BigEndian.AppendUint32(nil, sum.Sum32()))
	return err
}

func (a entry) append(b []byte) []byte {
	b = binary.BigEndian.AppendUint64(b, a.hi)
	b = binary.BigEndian.AppendUint64(b, a.lo)
	b = binary.BigEndian.AppendUint32(b, uint32(a.Partition))
	return binary.BigEndian.AppendUint64(b, uint64(a.Offset))
}

func parseEntry(b []byte) entry {
	return entry{
		hi: binary.BigEndian.Uint64(b), lo: binary.BigEndian.Uint64(b[8:]),
		Position: Position{int32(binary.BigEndian.Uint32(b[16:])), int64(binary.BigEndian.Uint64(b[20:]))},
	}
}

// MergeIndexes calls fn for every record whose value isn't its alone, a pair
// twice, ordered by the values' hashes. It needs memory for one entry a file.
// A damaged file is a Bug fault, and may show as late as its end: what fn was
// told is void then. fn's own error ends the merge and is returned as it is.
func MergeIndexes(files []io.Reader, fn func(Position) error) error {
	h, err := openIndexes(files)
	if err != nil {
		return err
	}
	var last entry
	seen, told := false, false // last is an entry; fn knows it
	for len(h) > 0 {
		e := h[0].at
		same := seen && last.compareHash(e) == 0
		if same && last.Position == e.Position {
			return pipeline.Faultf(pipeline.Bug, "merge uniqueness indexes: partition %d offset %d is in them twice: the shards overlap", e.Partition, e.Offset)
		}
		if same && !told {
			if err := fn(last.Position); err != nil {
				return err
			}
		}
		if same {
			if err := fn(e.Position); err != nil {
				return err
			}
		}
		last, seen, told = e, true, same
		if h, err = h.advance(); err != nil {
			return err
		}
	}
	return nil
}

func openIndexes(files []io.Reader) (cursors, error) {
	var h cursors
	for _, f := range files {
		c, err := openIndex(f)
		if err != nil {
			return nil, err
		}
		more, err := c.next()
		if err != nil {
			return nil, err
		}
		if more {
			h = append(h, c)
		}
	}
	heap.Init(&h)
	return h, nil
}

// advance moves the first file on, or drops it.
func (h cursors) advance() (cursors, error) {
	more, err := h[0].next()
	switch {
	case err != nil:
		return nil, err
	case more:
		heap.Fix(&h, 0)
	default:
		heap.Pop(&h)
	}
	return h, nil
}

// cursor reads one index file.
type cursor struct {
	in   *bufio.Reader
	sum  uint32
	left uint64
	at   entry
	// begun says that at is an entry.
	begun bool
}

func damaged(what string, err error) error {
	return pipeline.Faultf(pipeline.Bug, "read a uniqueness index: %s: %w", what, err)
}

func openIndex(r io.Reader) (*cursor, error) {
	c := &cursor{in: bufio.NewReaderSize(r, 1<<16)}
	var head [len(indexMagic) + 8]byte
	if _, err := io.ReadFull(c.in, head[:]); err != nil {
		return nil, damaged("its head", err)
	}
	if !bytes.HasPrefix(head[:], []byte(indexMagic)) {
		return nil, damaged("its head", errors.New("it is no index of this version"))
	}
	c.left = binary.BigEndian.Uint64(head[len(indexMagic):])
	c.sum = crc32.Update(0, castagnoli, head[:])
	return c, nil
}

// next moves to the next entry; after the last it checks the sum.
func (c *cursor) next() (bool, error) {
	if c.left == 0 {
		var tail [4]byte
		if _, err := io.ReadFull(c.in, tail[:]); err != nil {
			return false, damaged("its checksum", err)
		}
		if binary.BigEndian.Uint32(tail[:]) != c.sum {
			return false, damaged("its checksum", errors.New("it doesn't fit"))
		}
		if _, err := c.in.ReadByte(); err == nil {
			return false, damaged("its end", errors.New("more follows"))
		} else if !errors.Is(err, io.EOF) {
			return false, damaged("its end", err)
		}
		return false, nil
	}
	var b [entrySize]byte
	if _, err := io.ReadFull(c.in, b[:]); err != nil {
		return false, damaged("an entry", err)
	}
	c.sum = crc32.Update(c.sum, castagnoli, b[:])
	c.left--
	e := parseEntry(b[:])
	if c.begun && cmp.Or(c.at.compareHash(e), c.at.compare(e.Position)) > 0 {
		return false, damaged("an entry", errors.New("it is out of order"))
	}
	c.at, c.begun = e, true
	return true, nil
}

// cursors is a heap of files by their next entry.
type cursors []*cursor

func (h cursors) Len() int { return len(h) }
func (h cursors) Less(i, j int) bool {
	return cmp.Or(h[i].at.compareHash(h[j].at), h[i].at.compare(h[j].at.Position)) < 0
}
func (h cursors) Swap(i, j int) { h[i], h[j] = h[j], h[i] }
func (h *cursors) Push(x any)   { *h = append(*h, x.(*cursor)) }
func (h *cursors) Pop() any {
	old := *h
	last := old[len(old)-1]
	*h = old[:len(old)-1]
	return last
}
