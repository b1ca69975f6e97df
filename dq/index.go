package dq

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/zeebo/xxh3"

	"github.com/autonomous-data-pipeline/adp/pipeline"
)

// index finds rows whose values aren't theirs alone, over shards that never
// meet in memory. Values stand in it as hashes, in parts by the hash's first
// bits, so that one part after the other is looked at: equal values meet in
// one. 128 bits of hash make two different values with one hash less likely
// than a broken machine.
type index struct {
	Runs []string `json:"runs,omitempty"` // files in the profile's folder

	dirs  []string // of each run
	parts []part
	held  int64 // entries in parts
}

// part are entries in blocks, so that they needn't move as they get more.
type part [][]entry

// blockEntries is how many entries a block has.
const blockEntries = 256

func (p *part) add(e entry) {
	n := len(*p) - 1
	if n < 0 || len((*p)[n]) == blockEntries {
		*p = append(*p, make([]entry, 0, blockEntries))
		n++
	}
	(*p)[n] = append((*p)[n], e)
}

func (p part) len() (n int) {
	for _, block := range p {
		n += len(block)
	}
	return n
}

const (
	partBits  = 10
	entrySize = 28 // in a file
	heldBytes = 32 // in memory
)

type entry struct {
	hi, lo uint64
	Position
}

func newIndex() *index { return &index{parts: make([]part, 1<<partBits)} }

// observe takes the selected rows in; judged leaves rows out.
func (x *index) observe(hash func(i int) xxh3.Uint128, c Chunk, selected []int32, judged func(i int) bool) {
	eachRow(len(c.Offsets), selected, func(i int) {
		if judged != nil && !judged(i) {
			return
		}
		h := hash(i)
		x.parts[h.Hi>>(64-partBits)].add(entry{h.Hi, h.Lo, Position{c.Partition, c.Offsets[i]}})
		x.held++
	})
}

// rowHash identifies the values of a row in several columns; a missing value is
// one of its own.
func rowHash(cols []arrow.Array) func(i int) xxh3.Uint128 {
	hashes := make([]func(int) xxh3.Uint128, len(cols))
	for n, col := range cols {
		hashes[n] = hashOf(col)
	}
	if len(cols) == 1 && cols[0].NullN() == 0 {
		return hashes[0]
	}
	buf := make([]byte, 0, 17*len(cols))
	return func(i int) xxh3.Uint128 {
		buf = buf[:0]
		for n, col := range cols {
			if col.IsNull(i) {
				buf = append(buf, 0)
				continue
			}
			h := hashes[n](i)
			buf = binary.BigEndian.AppendUint64(append(buf, 1), h.Hi)
			buf = binary.BigEndian.AppendUint64(buf, h.Lo)
		}
		if len(cols) == 1 {
			if buf[0] == 1 {
				return hashes[0](i)
			}
		}
		return xxh3.Hash128(buf)
	}
}

// merge takes over another's entries; o is not to be used any more.
func (x *index) merge(o *index) {
	x.Runs, x.dirs, x.held = append(x.Runs, o.Runs...), append(x.dirs, o.dirs...), x.held+o.held
	for i, p := range o.parts {
		x.parts[i] = append(p, x.parts[i]...) // the last block goes on
	}
}

// A run of an index is a magic with its version, the number of entries of each
// part, the CRC-32C of each part, and the entries of 28 bytes by part. The
// CRC-32C of all of it ends the file. Everything is big-endian.
const (
	indexMagic = "ADPIDX02"
	indexHead  = len(indexMagic) + (8+4)<<partBits
)

// spill moves what is in memory to a file.
func (x *index) spill(dir, name string) error {
	err := writeSpill(filepath.Join(dir, name), func(w io.Writer) error {
		head := append(make([]byte, 0, indexHead), indexMagic...)
		for _, part := range x.parts {
			head = binary.BigEndian.AppendUint64(head, uint64(part.len()))
		}
		var buf []byte
		for _, part := range x.parts {
			buf = entryBytes(buf[:0], part)
			head = binary.BigEndian.AppendUint32(head, crc32.Checksum(buf, castagnoli))
		}
		if _, err := w.Write(head); err != nil {
			return err
		}
		for _, part := range x.parts {
			buf = entryBytes(buf[:0], part)
			if _, err := w.Write(buf); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	x.Runs, x.dirs = append(x.Runs, name), append(x.dirs, dir)
	x.parts, x.held = make([]part, 1<<partBits), 0
	return nil
}

func entryBytes(b []byte, p part) []byte {
	for _, block := range p {
		for _, e := range block {
			b = binary.BigEndian.AppendUint64(b, e.hi)
			b = binary.BigEndian.AppendUint64(b, e.lo)
			b = binary.BigEndian.AppendUint32(b, uint32(e.Partition))
			b = binary.BigEndian.AppendUint64(b, uint64(e.Offset))
		}
	}
	return b
}

// indexRun is a run's file: where each part lies in it.
type indexRun struct {
	path  string
	file  *os.File
	parts [1 << partBits]struct {
		entries uint64
		offset  int64
		sum     uint32
	}
}

func openIndexRun(path string) (*indexRun, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, damagedRun(path, err)
	}
	r := &indexRun{path: path, file: f}
	if err := r.readHead(); err != nil {
		_ = f.Close() // only read
		return nil, damagedRun(path, err)
	}
	return r, nil
}

func (r *indexRun) readHead() error {
	head := make([]byte, indexHead)
	if _, err := io.ReadFull(r.file, head); err != nil {
		return err
	}
	if string(head[:len(indexMagic)]) != indexMagic {
		return errors.New("it is no index of this version")
	}
	info, err := r.file.Stat()
	if err != nil {
		return err
	}
	counts, sums := head[len(indexMagic):], head[len(indexMagic)+8<<partBits:]
	left := (info.Size() - int64(indexHead) - 4) / entrySize // entries that may still come
	offset := int64(indexHead)
	for i := range r.parts {
		n := binary.BigEndian.Uint64(counts[8*i:])
		if left < 0 || n > uint64(left) {
			return errors.New("its head promises more entries than it has")
		}
		left -= int64(n)
		p := &r.parts[i]
		p.entries, p.offset, p.sum = n, offset, binary.BigEndian.Uint32(sums[4*i:])
		offset += int64(n) * entrySize
	}
	if offset+4 != info.Size() {
		return errors.New("more follows than its head promises")
	}
	return nil
}

// part appends the entries of one part.
func (r *indexRun) part(i int, to []entry) ([]entry, error) {
	p := r.parts[i]
	b := make([]byte, p.entries*entrySize)
	if _, err := r.file.ReadAt(b, p.offset); err != nil {
		return to, damagedRun(r.path, err)
	}
	if crc32.Checksum(b, castagnoli) != p.sum {
		return to, damagedRun(r.path, errors.New("a part's checksum doesn't fit"))
	}
	for ; len(b) > 0; b = b[entrySize:] {
		to = append(to, entry{
			hi: binary.BigEndian.Uint64(b), lo: binary.BigEndian.Uint64(b[8:]),
			Position: Position{int32(binary.BigEndian.Uint32(b[16:])), int64(binary.BigEndian.Uint64(b[20:]))},
		})
	}
	return to, nil
}

// duplicates are the rows whose values aren't theirs alone.
func (x *index) duplicates() (*Positions, error) {
	var runs []*indexRun
	defer func() {
		for _, r := range runs {
			_ = r.file.Close() // only read
		}
	}()
	for i, name := range x.Runs {
		r, err := openIndexRun(filepath.Join(x.dirs[i], name))
		if err != nil {
			return nil, err
		}
		runs = append(runs, r)
	}
	found := NewPositions()
	var table matcher
	var all []entry
	for i, p := range x.parts {
		all = all[:0]
		for _, block := range p {
			all = append(all, block...)
		}
		for _, r := range runs {
			var err error
			if all, err = r.part(i, all); err != nil {
				return nil, err
			}
		}
		if err := table.match(all, found); err != nil {
			return nil, err
		}
	}
	return found, nil
}

// matcher is an open hash table of a part's entries: a slot has an entry's
// number, counted from 1.
type matcher struct{ slots []uint32 }

func (m *matcher) match(part []entry, found *Positions) error {
	size := 1
	for size < 2*len(part) {
		size *= 2
	}
	if size > len(m.slots) {
		m.slots = make([]uint32, size)
	}
	slots := m.slots[:size]
	clear(slots)
	for n, e := range part {
		at := e.lo & uint64(size-1)
		for ; slots[at] != 0; at = (at + 1) & uint64(size-1) {
			other := part[slots[at]-1]
			if other.hi != e.hi || other.lo != e.lo {
				continue
			}
			if other.Position == e.Position {
				return pipeline.Faultf(pipeline.Bug, "look for duplicates: partition %d offset %d was observed twice: the shards overlap", e.Partition, e.Offset)
			}
			found.Add(other.Partition, other.Offset)
			found.Add(e.Partition, e.Offset)
			break
		}
		if slots[at] == 0 {
			slots[at] = uint32(n + 1)
		}
	}
	return nil
}

func runName(what string, i, n int) string { return fmt.Sprintf("%s-%d-%d.run", what, i, n) }
