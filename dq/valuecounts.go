package dq

import (
	"bytes"
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/autonomous-data-pipeline/adp/schemas"
)

// valueCounts are a column's distinct values, each with how often it stands
// there. What doesn't fit into memory lies in runs on disk.
type valueCounts struct {
	Runs []string `json:"runs,omitempty"` // files in the profile's folder

	dirs  []string // of each run
	typ   schemas.Type
	fixed map[uint64]int64
	texts map[string]int // each one's place in counts
	bytes int64          // of the maps, about
	// counts are apart from their keys: storing to a map's key that is there
	// would put the caller's text, whose memory goes, in the key's place.
	counts []int64
}

// What an entry of a map takes, about.
const (
	fixedEntryBytes = 48
	textEntryBytes  = 96
)

func newValueCounts(t schemas.Type) *valueCounts {
	v := &valueCounts{typ: t}
	v.reset()
	return v
}

func (v *valueCounts) reset() {
	v.fixed, v.texts, v.counts, v.bytes = nil, nil, nil, 0
	if isTextual(v.typ) {
		v.texts = map[string]int{}
	} else {
		v.fixed = map[uint64]int64{}
	}
}

func (v *valueCounts) observe(col arrow.Array, each func(func(int)) int64) {
	if d, ok := col.(*array.Dictionary); ok {
		counts := make([]int64, d.Dictionary().Len())
		each(func(i int) { counts[d.GetValueIndex(i)]++ })
		text := textOf(d.Dictionary())
		for i, n := range counts {
			if n > 0 {
				v.addText(text(i), n)
			}
		}
		return
	}
	if key := fixedKeyOf(col); key != nil {
		each(func(i int) { v.addFixed(key(i), 1) })
		return
	}
	text := textOf(col)
	each(func(i int) { v.addText(text(i), 1) })
}

func (v *valueCounts) addFixed(k uint64, n int64) {
	before := len(v.fixed)
	v.fixed[k] += n
	v.bytes += int64(len(v.fixed)-before) * fixedEntryBytes
}

func (v *valueCounts) addText(s string, n int64) {
	if at, ok := v.texts[s]; ok {
		v.counts[at] += n
		return
	}
	v.texts[strings.Clone(s)] = len(v.counts)
	v.counts = append(v.counts, n)
	v.bytes += int64(len(s)) + textEntryBytes
}

// valueCount is a distinct value's key and how often it stands there.
type valueCount struct {
	key   []byte
	count int64
}

// sorted walks over the values in memory, by their keys, with hardly more
// memory.
func (v *valueCounts) sorted() run {
	if v.texts == nil {
		return &fixedRun{v: v, rest: slices.Sorted(maps.Keys(v.fixed))}
	}
	return &textRun{v: v, rest: slices.Sorted(maps.Keys(v.texts))}
}

type fixedRun struct {
	v    *valueCounts
	rest []uint64
}

func (r *fixedRun) next() (valueCount, bool, error) {
	if len(r.rest) == 0 {
		return valueCount{}, false, nil
	}
	k := r.rest[0]
	r.rest = r.rest[1:]
	return valueCount{keyBytes(k), r.v.fixed[k]}, true, nil
}

type textRun struct {
	v    *valueCounts
	rest []string
}

func (r *textRun) next() (valueCount, bool, error) {
	if len(r.rest) == 0 {
		return valueCount{}, false, nil
	}
	s := r.rest[0]
	r.rest = r.rest[1:]
	return valueCount{[]byte(s), r.v.counts[r.v.texts[s]]}, true, nil
}

// merge takes over another's values; o is not to be used any more.
func (v *valueCounts) merge(o *valueCounts) {
	v.Runs, v.dirs = append(v.Runs, o.Runs...), append(v.dirs, o.dirs...)
	for k, n := range o.fixed {
		v.addFixed(k, n)
	}
	for s, at := range o.texts {
		v.addText(s, o.counts[at])
	}
}

// distinct counts the values.
func (v *valueCounts) distinct() (int64, error) {
	if len(v.Runs) == 0 {
		return int64(len(v.fixed) + len(v.texts)), nil
	}
	var n int64
	err := v.each(func(valueCount) bool { n++; return true })
	return n, err
}

// each walks over the values in their order, until fn returns false.
func (v *valueCounts) each(fn func(valueCount) bool) error {
	m, err := v.merged()
	defer m.close()
	if err != nil {
		return err
	}
	return m.each(fn)
}

// merged are the runs and what is in memory. It is to be closed, even after an
// error.
func (v *valueCounts) merged() (*runMerge, error) {
	m := &runMerge{}
	for i, name := range v.Runs {
		if err := m.open(v.dirs[i], name); err != nil {
			return m, err
		}
	}
	m.add(v.sorted())
	return m, nil
}

// at finds values by their rank among all that are there, counted from 0.
func (v *valueCounts) at(ranks []int64) ([][]byte, error) {
	order := make([]int, len(ranks))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return cmp.Compare(ranks[a], ranks[b]) })
	out := make([][]byte, len(ranks))
	var passed int64
	err := v.each(func(c valueCount) bool {
		passed += c.count
		for len(order) > 0 && ranks[order[0]] < passed {
			out[order[0]] = bytes.Clone(c.key)
			order = order[1:]
		}
		return len(order) > 0
	})
	if err == nil && len(order) > 0 {
		err = fmt.Errorf("there are %d values, rank %d is none of them", passed, ranks[order[0]])
	}
	return out, err
}
