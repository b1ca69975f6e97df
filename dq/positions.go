package dq

import (
	"iter"
	"maps"
	"math/bits"
	"slices"
)

// pageBits is how many offsets one page of a position set covers.
const pageBits = 4096

type page [pageBits / 64]uint64

// Positions is a set of positions, in pages of bits: a batch of which every
// record is in it costs an eighth of a byte each. The zero value is not usable.
type Positions struct {
	pages map[int32]map[int64]*page // by partition, by offset / pageBits
	count int64
}

// NewPositions is an empty set.
func NewPositions() *Positions {
	return &Positions{pages: map[int32]map[int64]*page{}}
}

func (s *Positions) find(partition int32, offset int64) (p *page, word int, bit uint64) {
	in := offset & (pageBits - 1)
	return s.pages[partition][offset/pageBits], int(in / 64), 1 << (in % 64)
}

// Add puts a position in; offsets are never negative.
func (s *Positions) Add(partition int32, offset int64) {
	p, word, bit := s.find(partition, offset)
	if p == nil {
		if s.pages[partition] == nil {
			s.pages[partition] = map[int64]*page{}
		}
		p = &page{}
		s.pages[partition][offset/pageBits] = p
	}
	if p[word]&bit == 0 {
		p[word] |= bit
		s.count++
	}
}

// Has reports whether a position is in the set.
func (s *Positions) Has(partition int32, offset int64) bool {
	p, word, bit := s.find(partition, offset)
	return p != nil && p[word]&bit != 0
}

// All walks the set in (partition, offset) order.
func (s *Positions) All() iter.Seq[Position] {
	return func(yield func(Position) bool) {
		for _, partition := range slices.Sorted(maps.Keys(s.pages)) {
			pages := s.pages[partition]
			for _, n := range slices.Sorted(maps.Keys(pages)) {
				if !pages[n].all(partition, n*pageBits, yield) {
					return
				}
			}
		}
	}
}

func (p *page) all(partition int32, base int64, yield func(Position) bool) bool {
	for i, word := range p {
		for ; word != 0; word &= word - 1 {
			offset := base + int64(i*64+bits.TrailingZeros64(word))
			if !yield(Position{Partition: partition, Offset: offset}) {
				return false
			}
		}
	}
	return true
}

// Touches reports whether the set may have a position of the partition
// between two offsets, both included.
func (s *Positions) Touches(partition int32, from, to int64) bool {
	pages := s.pages[partition]
	if int64(len(pages)) < to/pageBits-from/pageBits {
		for n := range pages {
			if n >= from/pageBits && n <= to/pageBits {
				return true
			}
		}
		return false
	}
	for n := from / pageBits; n <= to/pageBits; n++ {
		if pages[n] != nil {
			return true
		}
	}
	return false
}

// Len counts the positions.
func (s *Positions) Len() int64 { return s.count }

// Partitions lists the partitions that have a position.
func (s *Positions) Partitions() []int32 { return slices.Sorted(maps.Keys(s.pages)) }
