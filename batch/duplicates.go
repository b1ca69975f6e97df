package batch

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/zeebo/xxh3"

	"github.com/autonomous-data-pipeline/adp/dq"
	"github.com/autonomous-data-pipeline/adp/pipeline"
)

// duplicates are the rows in clean files that break a rule which only the whole
// batch shows, by expectation.
type duplicates map[int]*dq.Positions

// add notes that a row breaks a rule.
func (d duplicates) add(expectation int, p dq.Position) {
	if d[expectation] == nil {
		d[expectation] = dq.NewPositions()
	}
	d[expectation].Add(p.Partition, p.Offset)
}

// reasons are the rules that count, and that the row at a position breaks.
func (d duplicates) reasons(prog *dq.Program, p dq.Position) []pipeline.Reason {
	var out []pipeline.Reason
	for _, i := range prog.Late() {
		if set := d[i]; set != nil && prog.Counts(i) && set.Has(p.Partition, p.Offset) {
			out = append(out, prog.Reason(i))
		}
	}
	return out
}

// The file of duplicates: a magic number, entries of expectation, partition
// and offset in (partition, offset) order, and the entries' checksum.
const (
	duplicatesMagic = "ADPDUP1\n"
	duplicateBytes  = 4 + 4 + 8
)

// write stages the duplicates among clean, for Select.
func (d duplicates) write(dk disk, path string, clean *dq.Positions) error {
	rules := make([]int, 0, len(d))
	for i := range d {
		rules = append(rules, i)
	}
	slices.Sort(rules)
	return dk.write(path, func(out io.Writer) error {
		w, sum := bufio.NewWriter(out), xxh3.New()
		_, err := w.WriteString(duplicatesMagic)
		var b []byte
		for p := range clean.All() {
			for _, i := range rules {
				if !d[i].Has(p.Partition, p.Offset) {
					continue
				}
				b = binary.LittleEndian.AppendUint32(b[:0], uint32(i))
				b = binary.LittleEndian.AppendUint32(b, uint32(p.Partition))
				b = binary.LittleEndian.AppendUint64(b, uint64(p.Offset))
				_, _ = sum.Write(b) // a hash never fails
				_, werr := w.Write(b)
				err = errors.Join(err, werr)
			}
			if err != nil {
				return err
			}
		}
		_, werr := w.Write(binary.LittleEndian.AppendUint64(nil, sum.Sum64()))
		return errors.Join(err, werr, w.Flush())
	})
}

// readDuplicates reads the file back. An empty path means none.
func readDuplicates(path string) (duplicates, error) {
	d := duplicates{}
	if path == "" {
		return d, nil
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, stagedFault(path, err)
	}
	defer func() { _ = f.Close() }() // only read
	info, err := f.Stat()
	if err != nil {
		return nil, stagedFault(path, err)
	}
	entries := info.Size() - int64(len(duplicatesMagic)) - 8
	if entries < 0 || entries%duplicateBytes != 0 {
		return nil, stagedFault(path, fmt.Errorf("it has %d bytes, which is no whole number of entries", info.Size()))
	}
	if err := d.read(bufio.NewReader(f), entries/duplicateBytes); err != nil {
		return nil, stagedFault(path, err)
	}
	return d, nil
}

func (d duplicates) read(r io.Reader, entries int64) error {
	var b [duplicateBytes]byte
	if _, err := io.ReadFull(r, b[:len(duplicatesMagic)]); err != nil {
		return err
	}
	if string(b[:len(duplicatesMagic)]) != duplicatesMagic {
		return errors.New("it is no file of duplicates")
	}
	sum := xxh3.New()
	for range entries {
		if _, err := io.ReadFull(r, b[:]); err != nil {
			return err
		}
		_, _ = sum.Write(b[:]) // a hash never fails
		i := int(binary.LittleEndian.Uint32(b[:]))
		d.add(i, dq.Position{Partition: int32(binary.LittleEndian.Uint32(b[4:])), Offset: int64(binary.LittleEndian.Uint64(b[8:]))})
	}
	if _, err := io.ReadFull(r, b[:8]); err != nil {
		return err
	}
	if binary.LittleEndian.Uint64(b[:]) != sum.Sum64() {
		return errors.New("its checksum does not match")
	}
	return nil
}
