package pyregex

import (
	"slices"
	"unicode/utf8"
)

// machine is a deterministic automaton that is built as texts need it.
type machine struct {
	re     *Regexp
	states map[string]*state
	size   int
	first  *state
	mark   []int // by step: the closure that has it already
	marks  int
	key    []byte
}

// maxStates bounds an automaton; beyond it, it begins anew. Transitions of
// characters beyond ASCII count, too.
const maxStates = 4000

// state is what a search may be in between two characters.
type state struct {
	steps []int32 // before assertions are passed
	// tail are steps that hold only if the text ends here: a line break, which a
	// dollar took for the last, was just read. tailMatch says that there is a
	// match then.
	tail      []int32
	tailMatch bool
	start     bool // nothing was read
	afterWord bool
	afterLine bool // a line break was read

	matched bool // whatever comes
	dead    bool // so can't be matched any more
	end     int8 // at the text's end: 1 matches, -1 doesn't, 0 isn't known
	ascii   [utf8.RuneSelf]*state
	others  map[rune]*state
}

func newMachine(re *Regexp) *machine {
	m := &machine{re: re, mark: make([]int, len(re.code))}
	m.reset()
	return m
}

func (m *machine) reset() {
	m.states, m.size = map[string]*state{}, 0
	m.first = m.intern(&state{steps: []int32{int32(m.re.start)}, start: true})
}

func (m *machine) match(s string) bool {
	at := m.first
	for i := 0; i < len(s); {
		var next *state
		if c := s[i]; c < utf8.RuneSelf {
			if next = at.ascii[c]; next == nil {
				next = m.step(at, rune(c))
			}
			i++
		} else {
			r, size := utf8.DecodeRuneInString(s[i:])
			if next = at.others[r]; next == nil {
				next = m.step(at, r)
			}
			i += size
		}
		if next.matched {
			return true
		}
		if next.dead {
			return false
		}
		at = next
	}
	return m.atEnd(at)
}

// around is what an assertion sees.
type around struct {
	start, end            bool
	afterLine, beforeLine bool
	wordBefore, wordAfter bool
	dollar                bool // is taken to hold
}

func (a around) holds(x assertion) bool {
	switch x {
	case beginText:
		return a.start
	case endText:
		return a.end
	case dollar:
		return a.end || a.dollar
	case beginLine:
		return a.start || a.afterLine
	case endLine:
		return a.end || a.beforeLine
	case boundary:
		return a.wordBefore != a.wordAfter
	}
	return a.wordBefore == a.wordAfter && !(a.start && a.end) // Python finds none in an empty text
}

// closure follows splits and assertions that hold, and gives the steps that
// read a character; matched says that it got to the end of the pattern.
func (m *machine) closure(steps []int32, a around) (out []int32, matched bool) {
	m.marks++
	stack := slices.Clone(steps)
	for len(stack) > 0 {
		at := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		if m.mark[at] == m.marks {
			continue
		}
		m.mark[at] = m.marks
		switch i := &m.re.code[at]; i.op {
		case opMatch:
			matched = true
		case opSet:
			out = append(out, at)
		case opSplit:
			stack = append(stack, int32(i.other), int32(i.next))
		case opAssert:
			if a.holds(i.assert) {
				stack = append(stack, int32(i.next))
			}
		}
	}
	return out, matched
}

// step makes the state that reading a character leads to.
func (m *machine) step(from *state, r rune) *state {
	a := around{start: from.start, afterLine: from.afterLine, beforeLine: r == '\n', wordBefore: from.afterWord, wordAfter: m.re.word.has(r)}
	steps, matched := m.closure(from.steps, a)
	next := &state{matched: matched, afterWord: a.wordAfter, afterLine: r == '\n'}
	if !matched {
		next.steps = m.read(steps, r)
		if !m.re.anchored {
			next.steps = append(next.steps, int32(m.re.start))
		}
		if r == '\n' {
			a.dollar = true
			var tail []int32
			tail, next.tailMatch = m.closure(from.steps, a)
			next.tail = m.read(tail, r)
		}
		next.dead = m.re.anchored && len(next.steps) == 0 && len(next.tail) == 0 && !next.tailMatch
	}
	next = m.intern(next)
	m.size++
	if r < utf8.RuneSelf {
		from.ascii[r] = next
	} else {
		if from.others == nil {
			from.others = map[rune]*state{}
		}
		from.others[r] = next
	}
	return next
}

// read keeps the steps that take a character, and moves them on.
func (m *machine) read(steps []int32, r rune) []int32 {
	var out []int32
	for _, at := range steps {
		if i := &m.re.code[at]; i.set.has(r) {
			out = append(out, int32(i.next))
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// intern finds the equal state, or keeps this one.
func (m *machine) intern(s *state) *state {
	slices.Sort(s.steps)
	s.steps = slices.Compact(s.steps)
	k := m.key[:0]
	for _, flag := range []bool{s.matched, s.tailMatch, s.start, s.afterWord, s.afterLine} {
		if flag {
			k = append(k, 1)
		} else {
			k = append(k, 0)
		}
	}
	for _, list := range [][]int32{s.steps, s.tail} {
		for _, at := range list {
			k = append(k, byte(at), byte(at>>8), byte(at>>16))
		}
		k = append(k, 255, 255, 255)
	}
	m.key = k
	if known := m.states[string(k)]; known != nil {
		return known
	}
	if m.size > maxStates && !s.start {
		m.reset() // the state that leads here is forgotten with the others, once the text is done
	}
	m.size++
	m.states[string(k)] = s
	return s
}

// atEnd reports whether the text may end in a state.
func (m *machine) atEnd(s *state) bool {
	if s.end == 0 {
		a := around{start: s.start, end: true, afterLine: s.afterLine, wordBefore: s.afterWord}
		_, matched := m.closure(s.steps, a)
		if !matched {
			_, matched = m.closure(s.tail, a)
		}
		s.end = -1
		if matched || s.tailMatch {
			s.end = 1
		}
	}
	return s.end == 1
}
