package batch

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	"github.com/zeebo/xxh3"

	"github.com/autonomous-data-pipeline/adp/dq"
	"github.com/autonomous-data-pipeline/adp/pipeline"
)

// duplicates are the rows that break uniqueness rules, by expectation.
type duplicates map[int]*positions

// findDuplicates merges the shards' indexes of each uniqueness rule.
func findDuplicates(ctx context.Context, rules []int, results []Result) (duplicates, error) {
	found := duplicates{}
	for _, i := range rules {
		set, err := mergeIndexes(ctx, i, results)
		if err != nil {
			return nil, err
		}
		found[i] = set
	}
	return found, nil
}

func mergeIndexes(ctx context.Context, expectation int, results []Result) (*positions, error) {
	var readers []io.Reader
	for _, r := range results {
		path := indexPath(filepath.Dir(r.Profile), expectation)
		f, err := os.Open(path)
		if err != nil {
			return nil, stagedFault(path, err)
		}
		defer func() { _ = f.Close() }() //nolint:gocritic // deferInLoop: all files are merged at once, and only read
		readers = append(readers, bufio.NewReaderSize(f, 64<<10))
	}
	set := newPositions()
	err := dq.MergeIndexes(readers, func(p dq.Position) error {
		set.add(p.Partition, p.Offset)
		return ctx.Err()
	})
	if err != nil && ctx.Err() == nil {
		return nil, stagedFault(fmt.Sprintf("unique-%d.idx of %d shards", expectation, len(results)), err)
	}
	return set, err
}

// counted is the union of the rules that make a record fail.
func (d duplicates) counted(prog *dq.Program) *positions {
	all := newPositions()
	for i, set := range d {
		if !prog.Counts(i) {
			continue
		}
		for p := range set.all() {
			all.add(p.Partition, p.Offset)
		}
	}
	return all
}

// reasons are the counted uniqueness rules that the row at a position breaks.
func (d duplicates) reasons(prog *dq.Program, p dq.Position) []pipeline.Reason {
	var out []pipeline.Reason
	for _, i := range prog.Uniques() {
		if set := d[i]; set != nil && prog.Counts(i) && set.has(p.Partition, p.Offset) {
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
func (d duplicates) write(dk disk, path string, clean *positions) error {
	rules := make([]int, 0, len(d))
	for i := range d {
		rules = append(rules, i)
	}
	slices.Sort(rules)
	return dk.write(path, func(out io.Writer) error {
		w, sum := bufio.NewWriter(out), xxh3.New()
		_, err := w.WriteString(duplicatesMagic)
		var b []byte
		for p := range clean.all() {
			for _, i := range rules {
				if !d[i].has(p.Partition, p.Offset) {
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
		if d[i] == nil {
			d[i] = newPositions()
		}
		d[i].add(int32(binary.LittleEndian.Uint32(b[4:])), int64(binary.LittleEndian.Uint64(b[8:])))
	}
	if _, err := io.ReadFull(r, b[:8]); err != nil {
		return err
	}
	if binary.LittleEndian.Uint64(b[:]) != sum.Sum64() {
		return errors.New("its checksum does not match")
	}
	return nil
}
