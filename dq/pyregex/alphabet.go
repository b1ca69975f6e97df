package pyregex

import (
	"slices"
	"sort"
	"unicode"
	"unicode/utf8"
)

// alphabet parts all characters into classes, of which a pattern can't tell the
// members apart: an automaton then has a transition for each class alone.
type alphabet struct {
	starts  []rune  // where ranges of one class begin, in order; the first is 0
	classes []int32 // of the ranges
	count   int
	ascii   [utf8.RuneSelf]int32
	has     [][]bool // by set, by class
	word    []bool   // by class: it is of characters that \w knows
	newline int32    // the class of the line break alone
}

// newAlphabet makes the alphabet of joined sets. Words may be none.
func newAlphabet(sets []set, words set) *alphabet {
	all := append(slices.Clone(sets), words.joined(), set{{'\n', '\n'}})
	a := &alphabet{starts: []rune{0}}
	for _, s := range all {
		for _, r := range s {
			a.starts = append(a.starts, r[0])
			if r[1] < unicode.MaxRune {
				a.starts = append(a.starts, r[1]+1)
			}
		}
	}
	slices.Sort(a.starts)
	a.starts = slices.Compact(a.starts)
	a.part(all)
	for r := range a.ascii {
		a.ascii[r] = a.class(rune(r))
	}
	for _, s := range all {
		a.has = append(a.has, a.members(s))
	}
	a.word, a.has = a.has[len(sets)], a.has[:len(sets)]
	a.newline = a.ascii['\n']
	return a
}

// part gives each range its class: each set parts those that it cuts in two.
func (a *alphabet) part(sets []set) {
	a.classes = make([]int32, len(a.starts))
	next := int32(1)
	for _, s := range sets {
		inside := map[int32]int32{}
		for _, r := range s {
			for i := a.rangeOf(r[0]); i < len(a.starts) && a.starts[i] <= r[1]; i++ {
				class, ok := inside[a.classes[i]]
				if !ok {
					class = next
					inside[a.classes[i]] = class
					next++
				}
				a.classes[i] = class
			}
		}
	}
	dense := map[int32]int32{}
	for i, class := range a.classes {
		if _, ok := dense[class]; !ok {
			dense[class] = int32(len(dense))
		}
		a.classes[i] = dense[class]
	}
	a.count = len(dense)
}

func (a *alphabet) members(s set) []bool {
	in := make([]bool, a.count)
	for _, r := range s {
		for i := a.rangeOf(r[0]); i < len(a.starts) && a.starts[i] <= r[1]; i++ {
			in[a.classes[i]] = true
		}
	}
	return in
}

// rangeOf is the place of the range that a character is in.
func (a *alphabet) rangeOf(r rune) int {
	return sort.Search(len(a.starts), func(i int) bool { return a.starts[i] > r }) - 1
}

func (a *alphabet) class(r rune) int32 { return a.classes[a.rangeOf(r)] }
