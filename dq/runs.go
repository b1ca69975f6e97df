package dq

import (
	"bufio"
	"bytes"
	"container/heap"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"

	"github.com/autonomous-data-pipeline/adp/pipeline"
)

// A run of values is a magic with its version, the entries in the order of
// their keys, an entry of no count, and the CRC-32C of all before it. An entry
// is its count, its key's length, both as uvarint, and the key.
const runMagic = "ADPVAL01"

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// maxKeyBytes bounds what a damaged file can ask for.
const maxKeyBytes = 1 << 30

func writeRun(path string, entries run) error {
	return writeSpill(path, func(w io.Writer) error {
		b := []byte(runMagic)
		for {
			e, more, err := entries.next()
			if err != nil {
				return err
			}
			if !more {
				break
			}
			b = binary.AppendUvarint(b, uint64(e.count))
			b = binary.AppendUvarint(b, uint64(len(e.key)))
			b = append(b, e.key...)
			if _, err := w.Write(b); err != nil {
				return err
			}
			b = b[:0]
		}
		_, err := w.Write(append(b, 0))
		return err
	})
}

// writeSpill writes a file with its checksum at the end. It isn't synced: it
// counts only as long as its process, or until its folder is synced as a whole.
func writeSpill(path string, fill func(w io.Writer) error) error {
	f, err := os.Create(path)
	if err != nil {
		return spillFault(path, err)
	}
	sum := crc32.New(castagnoli)
	out := bufio.NewWriterSize(f, 1<<16)
	err = fill(io.MultiWriter(out, sum))
	if err == nil {
		_, err = out.Write(binary.BigEndian.AppendUint32(nil, sum.Sum32()))
	}
	if err == nil {
		err = errors.Join(out.Flush(), f.Sync())
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return spillFault(path, err)
	}
	return nil
}

func spillFault(path string, err error) error {
	return pipeline.Faultf(pipeline.Transient, "spill the values that quality rules look at to %s: %w; make room there, or raise dq.memory", path, err)
}

// errOutside is of a file that a damaged or hostile profile names.
var errOutside = errors.New("it lies outside its folder")

func damagedRun(path string, err error) error {
	return pipeline.Faultf(pipeline.Bug, "read the values that quality rules look at from %s: %w", path, err)
}

// run is a sorted source of values.
type run interface {
	// next moves on; ok is false at the end.
	next() (c valueCount, ok bool, err error)
}

type fileRun struct {
	path string
	in   *bufio.Reader
	sum  uint32
	last []byte
}

func (r *fileRun) next() (valueCount, bool, error) {
	c, ok, err := r.read()
	if err != nil {
		return c, false, damagedRun(r.path, err)
	}
	return c, ok, nil
}

func (r *fileRun) read() (valueCount, bool, error) {
	count, err := r.uvarint()
	if err != nil {
		return valueCount{}, false, err
	}
	if count == 0 {
		var tail [4]byte
		if _, err := io.ReadFull(r.in, tail[:]); err != nil {
			return valueCount{}, false, err
		}
		if binary.BigEndian.Uint32(tail[:]) != r.sum {
			return valueCount{}, false, errors.New("its checksum doesn't fit")
		}
		return valueCount{}, false, nil
	}
	size, err := r.uvarint()
	if err != nil || size > maxKeyBytes {
		return valueCount{}, false, errors.Join(err, fmt.Errorf("a value of %d bytes", size))
	}
	var key bytes.Buffer // grows with what is there, not with what a damaged length promises
	if _, err := io.CopyN(&key, r.in, int64(size)); err != nil {
		return valueCount{}, false, err
	}
	r.sum = crc32.Update(r.sum, castagnoli, key.Bytes())
	if r.last != nil && bytes.Compare(r.last, key.Bytes()) >= 0 {
		return valueCount{}, false, errors.New("an entry is out of order")
	}
	r.last = key.Bytes()
	return valueCount{r.last, int64(count)}, true, nil
}

func (r *fileRun) uvarint() (uint64, error) {
	n, err := binary.ReadUvarint(r.in)
	r.sum = crc32.Update(r.sum, castagnoli, binary.AppendUvarint(nil, n))
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

// runMerge merges runs: equal keys add up.
type runMerge struct {
	heads runHeads
	files []*os.File
	err   error
}

type runHead struct {
	at valueCount
	of run
}

func (m *runMerge) open(dir, name string) error {
	path := filepath.Join(dir, name)
	f, err := os.Open(path)
	if err != nil {
		return damagedRun(path, err)
	}
	m.files = append(m.files, f)
	r := &fileRun{path: path, in: bufio.NewReaderSize(f, 1<<16)}
	head := make([]byte, len(runMagic))
	if _, err := io.ReadFull(r.in, head); err != nil || string(head) != runMagic {
		return damagedRun(path, errors.Join(err, errors.New("it is no run of values of this version")))
	}
	r.sum = crc32.Update(0, castagnoli, head)
	m.add(r)
	return nil
}

func (m *runMerge) close() {
	for _, f := range m.files {
		_ = f.Close() // only read
	}
}

func (m *runMerge) add(r run) {
	c, ok, err := r.next()
	m.err = errors.Join(m.err, err)
	if ok {
		m.heads = append(m.heads, runHead{c, r})
	}
}

func (m *runMerge) each(fn func(valueCount) bool) error {
	heap.Init(&m.heads)
	for c, ok := m.step(); ok && fn(c); c, ok = m.step() {
	}
	return m.err
}

// step gives the next value with its count in all runs; ok is false at the end,
// and after an error.
func (m *runMerge) step() (c valueCount, ok bool) {
	if m.err != nil || len(m.heads) == 0 {
		return valueCount{}, false
	}
	c = m.pop()
	for m.err == nil && len(m.heads) > 0 && bytes.Equal(m.heads[0].at.key, c.key) {
		c.count += m.pop().count
	}
	return c, m.err == nil
}

// pop takes the least value and moves its run on.
func (m *runMerge) pop() valueCount {
	h := m.heads[0]
	c, ok, err := h.of.next()
	m.err = errors.Join(m.err, err)
	if ok {
		m.heads[0].at = c
		heap.Fix(&m.heads, 0)
	} else {
		heap.Pop(&m.heads)
	}
	return h.at
}

// runHeads is a heap of runs by their next value.
type runHeads []runHead

func (h runHeads) Len() int           { return len(h) }
func (h runHeads) Less(i, j int) bool { return bytes.Compare(h[i].at.key, h[j].at.key) < 0 }
func (h runHeads) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *runHeads) Push(x any)        { *h = append(*h, x.(runHead)) }
func (h *runHeads) Pop() any {
	old := *h
	last := old[len(old)-1]
	*h = old[:len(old)-1]
	return last
}
