package batch

import (
	"cmp"
	"maps"
	"slices"

	"github.com/autonomous-data-pipeline/adp/schemas"
)

// tally is a count with the kinds of value that were seen.
type tally struct {
	Count int64            `json:"count"`
	Kinds schemas.Observed `json:"kinds,omitempty"`
}

// bounded counts by name and keeps the names that sort lowest, up to a limit;
// what the others had is in Other. Because a name that is among the lowest of
// all is among the lowest of every part, the result is the same however the
// data is split and in whatever order the parts are merged.
type bounded struct {
	Names map[string]*tally `json:"names"`
	Other int64             `json:"other,omitempty"`

	limit   int
	ceiling string // if set: names from here on are out
	capped  bool
}

func newBounded(limit int) *bounded {
	return &bounded{Names: map[string]*tally{}, limit: limit}
}

// add counts n under the name.
func (b *bounded) add(name []byte, n int64, kinds schemas.Observed) {
	t := b.Names[string(name)]
	if t == nil {
		if b.capped && string(name) >= b.ceiling {
			b.Other += n
			return
		}
		t = &tally{}
		b.Names[string(name)] = t
	}
	t.Count += n
	t.Kinds |= kinds
	if len(b.Names) >= 2*b.limit {
		b.trim()
	}
}

// trim drops all but the limit's lowest names. It is done at twice the limit,
// so that sorting pays.
func (b *bounded) trim() {
	if len(b.Names) <= b.limit {
		return
	}
	names := slices.Sorted(maps.Keys(b.Names))
	b.ceiling, b.capped = names[b.limit], true
	for _, n := range names[b.limit:] {
		b.Other += b.Names[n].Count
		delete(b.Names, n)
	}
}

// merge adds the other's counts. Both must have been trimmed.
func (b *bounded) merge(o *bounded) {
	for name, t := range o.Names {
		b.add([]byte(name), t.Count, t.Kinds)
	}
	b.Other += o.Other
}

// byCount lists the names, the most frequent first.
func (b *bounded) byCount() []string {
	return slices.SortedFunc(maps.Keys(b.Names), func(x, y string) int {
		return cmp.Or(cmp.Compare(b.Names[y].Count, b.Names[x].Count), cmp.Compare(x, y))
	})
}
