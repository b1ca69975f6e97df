package dq

import (
	"cmp"
	"math"
	"slices"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/autonomous-data-pipeline/adp/schemas"
)

// edge is a chunk's first and last value of a column whose rows are judged by
// the one before: what a row before the chunk has to do with the first is seen
// once all chunks are there.
type edge struct {
	Partition int32 `json:"p"`
	First     int64 `json:"f"` // offsets
	Last      int64 `json:"l"`
	FirstKey  key   `json:"fk"`
	LastKey   key   `json:"lk"`
}

// key is a number or a time, in order.
type key struct {
	Integer int64  `json:"i,omitempty"`
	Float   uint64 `json:"d,omitempty"` // of a column of floats: its key, since JSON has no infinities
}

func (a key) compare(b key) int {
	return cmp.Or(cmp.Compare(a.Integer, b.Integer), cmp.Compare(a.Float, b.Float))
}

// follows judges a value by the one before. The difference of two equal
// infinities is none, which breaks no order.
func (a key) follows(before key, order func(sign int) bool) bool {
	if a == before && (a.Float == floatKey(math.Inf(1)) || a.Float == floatKey(math.Inf(-1))) {
		return true
	}
	return order(a.compare(before))
}

// orderOf is how the i-th expectation judges the sign of a difference. Of
// booleans pandas' difference says whether they differ, and no more.
func (p *Program) orderOf(i int) func(sign int) bool {
	order := p.checks[i].order
	if p.fields[p.at[i][0]].Type != schemas.Boolean {
		return order
	}
	return func(sign int) bool { return order(max(sign, -sign)) }
}

// orderedKeys gives the values that have differences; nil if the column's have
// none, as texts.
func orderedKeys(col arrow.Array) func(i int) key {
	if integer := integerOf(col); integer != nil {
		return func(i int) key { return key{Integer: integer(i)} }
	}
	if c, ok := col.(*array.Boolean); ok {
		return func(i int) key {
			if c.Value(i) {
				return key{Integer: 1}
			}
			return key{}
		}
	}
	if instant := instantOf(col); instant != nil {
		return func(i int) key { return key{Integer: instant(i)} }
	}
	if col.DataType().ID() == arrow.FLOAT64 {
		fixed := fixedKeyOf(col)
		return func(i int) key { return key{Float: fixed(i)} }
	}
	return nil
}

// brokenEdges are the first rows of chunks that break the order with the chunk
// before, each partition by itself: it has an order of its own.
func brokenEdges(edges []edge, order func(sign int) bool) *Positions {
	slices.SortFunc(edges, func(a, b edge) int {
		return cmp.Or(cmp.Compare(a.Partition, b.Partition), cmp.Compare(a.First, b.First))
	})
	found := NewPositions()
	for i := range edges {
		if i == 0 || edges[i-1].Partition != edges[i].Partition {
			continue
		}
		if !edges[i].FirstKey.follows(edges[i-1].LastKey, order) {
			found.Add(edges[i].Partition, edges[i].First)
		}
	}
	return found
}
