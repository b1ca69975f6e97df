package page

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
	"unicode/utf8"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/zeebo/xxh3"
)

// texts keeps the values of a column of texts or booleans: each distinct one
// once, cut short.
type texts struct {
	lengths bool // they mean something
	seen    map[xxh3.Uint128]*text
	rows    int64
}

type text struct {
	start  string // of the value, as much as the page shows
	length int64  // of the value, in characters
	count  int64
}

// maxStart is how much of a text is kept, in bytes.
const maxStart = 80

func newTexts(lengths bool) *texts {
	return &texts{lengths: lengths, seen: map[xxh3.Uint128]*text{}}
}

func (t *texts) reader(col arrow.Array) func(i int) bool {
	read := readText(col)
	if _, ok := col.(*array.Boolean); ok == t.lengths || read == nil {
		return nil
	}
	return func(i int) bool {
		value, ok := read(i)
		if ok {
			t.add(value)
		}
		return ok
	}
}

// readText gives a text, and false for a null that a dictionary has.
func readText(col arrow.Array) func(i int) (string, bool) {
	switch c := col.(type) {
	case *array.String:
		return func(i int) (string, bool) { return c.Value(i), true }
	case *array.Boolean:
		return func(i int) (string, bool) { return strconv.FormatBool(c.Value(i)), true }
	case *array.Dictionary:
		inner := readText(c.Dictionary())
		if inner == nil {
			return nil
		}
		return func(i int) (string, bool) {
			at := c.GetValueIndex(i)
			if c.Dictionary().IsNull(at) {
				return "", false
			}
			return inner(at)
		}
	}
	return nil
}

func (t *texts) add(value string) {
	t.rows++
	key := xxh3.HashString128(value)
	if known := t.seen[key]; known != nil {
		known.count++
		return
	}
	// A copy: the batch's memory goes when it is released.
	t.seen[key] = &text{start: string([]byte(start(value))), length: int64(utf8.RuneCountInString(value)), count: 1}
}

// start cuts a text at a character's border.
func start(s string) string {
	const mark = "…"
	if len(s) <= maxStart {
		return s
	}
	end := maxStart - len(mark)
	for end > 0 && !utf8.RuneStart(s[end]) {
		end--
	}
	return s[:end] + mark
}

// maxFrequent is how many of the most frequent values are shown.
const maxFrequent = 6

func (t *texts) describe(c *Column) {
	if t.rows == 0 {
		return
	}
	c.Distinct = int64(len(t.seen))
	all := slices.SortedFunc(maps.Values(t.seen), func(a, b *text) int {
		return cmp.Or(cmp.Compare(b.count, a.count), cmp.Compare(a.start, b.start), cmp.Compare(a.length, b.length))
	})
	lengths := t.allLengths()
	if t.lengths {
		c.Facts = []Fact{
			{"Shortest", count(lengths[0])}, {"Mean length", meanOf(lengths)}, {"Longest", count(lengths[len(lengths)-1])},
		}
	}
	if t.lengths && all[0].count == 1 && len(all) > maxFrequent {
		c.Picture, c.Bars = Lengths, histogram(lengths, true, func(v int64) string { return strconv.FormatInt(v, 10) })
		return
	}
	c.Picture, c.Others = Frequent, t.rows
	for _, v := range all[:min(len(all), maxFrequent)] {
		shown := v.start
		if t.lengths {
			shown = showText(shown)
		}
		c.Bars = append(c.Bars, Bar{From: shown, Count: v.count})
		c.Others -= v.count
	}
}

// allLengths has each row's, sorted.
func (t *texts) allLengths() []int64 {
	out := make([]int64, 0, t.rows)
	for _, v := range t.seen {
		for range v.count {
			out = append(out, v.length)
		}
	}
	slices.Sort(out)
	return out
}
