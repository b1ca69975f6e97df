package dq

import (
	"container/heap"
	"encoding/json"
	"path/filepath"

	"github.com/autonomous-data-pipeline/adp/schemas"
)

// inlined is up to how many texts are written into JSON rather than to a file.
const inlined = 1000

// Counts count texts exactly, however many there are: what doesn't fit into
// memory lies in sorted files. They add up to the same in any order. They are
// not safe for concurrent use.
type Counts struct {
	dir, name string // of the files
	memory    int64
	values    *valueCounts
}

// NewCounts are empty counts. Their files lie in dir, and are named after name;
// in memory they hold so many bytes, about.
func NewCounts(dir, name string, memory int64) *Counts {
	return &Counts{dir: dir, name: name, memory: memory, values: newValueCounts(schemas.String)}
}

// Add counts a text n times.
func (c *Counts) Add(text []byte, n int64) error {
	if at, ok := c.values.texts[string(text)]; ok { // without a copy
		c.values.counts[at] += n
		return nil
	}
	c.values.addText(string(text), n)
	if c.values.bytes > c.memory {
		return c.spill()
	}
	return nil
}

func (c *Counts) spill() error {
	name := runName(c.name, 0, len(c.values.Runs))
	if err := writeRun(filepath.Join(c.dir, name), c.values.sorted()); err != nil {
		return err
	}
	c.values.Runs, c.values.dirs = append(c.values.Runs, name), append(c.values.dirs, c.dir)
	c.values.reset()
	return nil
}

// Merge takes over another's counts, which are not to be used any more.
func (c *Counts) Merge(o *Counts) error {
	c.values.Runs, c.values.dirs = append(c.values.Runs, o.values.Runs...), append(c.values.dirs, o.values.dirs...)
	for text, at := range o.values.texts {
		if err := c.Add([]byte(text), o.values.counts[at]); err != nil {
			return err
		}
	}
	return nil
}

// Join walks over the texts that both count, in their order.
func (c *Counts) Join(o *Counts, fn func(text string, n, other int64)) error {
	theirs, err := o.values.merged()
	defer theirs.close()
	if err != nil {
		return err
	}
	heap.Init(&theirs.heads)
	at, more := theirs.step()
	err = c.values.each(func(v valueCount) bool {
		for more && string(at.key) < string(v.key) {
			at, more = theirs.step()
		}
		if more && string(at.key) == string(v.key) {
			fn(string(v.key), v.count, at.count)
		}
		return more
	})
	if err != nil {
		return err
	}
	return theirs.err
}

// countsWire is the JSON form: few texts stand in it, many in files beside it.
type countsWire struct {
	Texts map[string]int64 `json:"texts,omitempty"`
	Runs  []string         `json:"runs,omitempty"`
}

// MarshalJSON spills the texts if they are many.
func (c *Counts) MarshalJSON() ([]byte, error) {
	if len(c.values.texts) > inlined {
		if err := c.spill(); err != nil {
			return nil, err
		}
	}
	w := countsWire{Texts: map[string]int64{}, Runs: c.values.Runs}
	for text, at := range c.values.texts {
		w.Texts[text] = c.values.counts[at]
	}
	return json.Marshal(w)
}

// UnmarshalJSON reads what MarshalJSON wrote; the files lie in the folder that
// the counts were made with.
func (c *Counts) UnmarshalJSON(b []byte) error {
	var w countsWire
	if err := json.Unmarshal(b, &w); err != nil {
		return err
	}
	for _, name := range w.Runs {
		if !filepath.IsLocal(name) {
			return damagedRun(name, errOutside)
		}
	}
	c.values.Runs, c.values.dirs = w.Runs, repeat(c.dir, len(w.Runs))
	for text, n := range w.Texts {
		if err := c.Add([]byte(text), n); err != nil {
			return err
		}
	}
	return nil
}
