package pyregex

import (
	"slices"
	"unicode/utf8"
)

// machine is a deterministic automaton that is built as texts need it. It is for
// one goroutine.
type machine struct {
	re     *Regexp
	states []state
	known  map[string]int32 // rows by what their states are
	// next holds a row for each state, which has the row of the following state
	// by class of characters, or what is below 0. States are named by their rows:
	// a search then multiplies nothing.
	next  []int32
	held  int // steps of all states
	cache [256]cached
	mark  []int // by step: the closure that has it already
	marks int
	key   []byte
	stack []int32
}

// cached is a character beyond ASCII with its class.
type cached struct {
	r     rune
	class int32
}

// Instead of a row.
const (
	matches int32 = -1 // whatever comes
	fails   int32 = -2 // whatever comes
	unknown int32 = -3
)

// An automaton that grows beyond these bounds begins anew.
const (
	maxStates      = 4000
	maxTransitions = 1 << 20 // over states and classes: 4 MiB
	maxHeld        = 1 << 19 // steps of all states
)

// state is what a search may be in between two characters.
type state struct {
	steps []int32 // before conditions are looked at
	// tail are steps that hold only if the text ends here: a line break, which a
	// dollar took for the last, was just read. tailMatch says that there is a
	// match then.
	tail      []int32
	tailMatch bool
	start     bool // nothing was read
	afterWord bool
	afterLine bool // a line break was read

	end int32 // at the text's end: matches, fails, or 0 while it isn't known
}

func newMachine(re *Regexp) *machine {
	m := &machine{re: re, mark: make([]int, len(re.code))}
	m.reset()
	return m
}

// reset forgets all states but the first, whose row is 0.
func (m *machine) reset() {
	m.states, m.next, m.known = m.states[:0], m.next[:0], map[string]int32{}
	m.held = 0
	m.intern(&state{steps: []int32{m.re.start}, start: true})
}

func (m *machine) match(s string) bool {
	alphabet := m.re.alphabet
	at := int32(0)
	for i := 0; i < len(s); {
		var class int32
		if c := s[i]; c < utf8.RuneSelf {
			class = alphabet.ascii[c]
			i++
		} else {
			r, size := utf8.DecodeRuneInString(s[i:])
			class = m.class(r)
			i += size
		}
		next := m.next[at+class]
		if next == unknown {
			next = m.step(at, class)
		}
		if next < 0 {
			return next == matches
		}
		at = next
	}
	return m.atEnd(m.state(at)) == matches
}

func (m *machine) state(row int32) *state { return &m.states[int(row)/m.re.alphabet.count] }

func (m *machine) class(r rune) int32 {
	c := &m.cache[r%int32(len(m.cache))]
	if c.r != r { // never 0, which is ASCII
		*c = cached{r, m.re.alphabet.class(r)}
	}
	return c.class
}

// around is what a condition sees.
type around struct {
	start, end            bool
	afterLine, beforeLine bool
	wordBefore, wordAfter bool
	dollar                bool // is taken to hold
}

func (a around) holds(x condition) bool {
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

// closure follows splits and conditions that hold, and gives the steps that
// read a character; matched says that it got to the end of the pattern.
func (m *machine) closure(steps []int32, a around) (out []int32, matched bool) {
	m.marks++
	m.stack = append(m.stack[:0], steps...)
	for len(m.stack) > 0 {
		at := m.stack[len(m.stack)-1]
		m.stack = m.stack[:len(m.stack)-1]
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
			m.stack = append(m.stack, i.other, i.next)
		case opAssert:
			if a.holds(i.condition) {
				m.stack = append(m.stack, i.next)
			}
		}
	}
	return out, matched
}

// step finds the state that reading a character of a class leads to.
func (m *machine) step(at, class int32) int32 {
	from, newline := *m.state(at), class == m.re.alphabet.newline
	a := around{start: from.start, afterLine: from.afterLine, beforeLine: newline, wordBefore: from.afterWord, wordAfter: m.re.alphabet.word[class]}
	steps, matched := m.closure(from.steps, a)
	if matched {
		return m.keep(at, class, matches)
	}
	to := &state{steps: m.read(steps, class), afterWord: a.wordAfter, afterLine: newline && m.re.lines}
	if !m.re.anchored {
		to.steps = append(to.steps, m.re.start)
	}
	if newline {
		a.dollar = true
		var tail []int32
		tail, to.tailMatch = m.closure(from.steps, a)
		to.tail = m.read(tail, class)
	}
	if len(to.steps) == 0 && len(to.tail) == 0 && !to.tailMatch {
		return m.keep(at, class, fails)
	}
	if len(m.states) >= maxStates || len(m.next) > maxTransitions || m.held > maxHeld {
		m.reset()
		return m.intern(to)
	}
	return m.keep(at, class, m.intern(to))
}

func (m *machine) keep(at, class, next int32) int32 {
	m.next[at+class] = next
	return next
}

// read keeps the steps that take a class of characters, and moves them on.
func (m *machine) read(steps []int32, class int32) []int32 {
	var out []int32
	for _, at := range steps {
		if i := &m.re.code[at]; m.re.alphabet.has[i.set][class] {
			out = append(out, i.next)
		}
	}
	return out
}

// intern gives the row of the equal state, or adds this one.
func (m *machine) intern(s *state) int32 {
	k := m.key[:0]
	for _, flag := range []bool{s.tailMatch, s.start, s.afterWord, s.afterLine} {
		if flag {
			k = append(k, 1)
		} else {
			k = append(k, 0)
		}
	}
	for _, list := range []*[]int32{&s.steps, &s.tail} {
		slices.Sort(*list)
		*list = slices.Compact(*list)
		for _, at := range *list {
			k = append(k, byte(at), byte(at>>8), byte(at>>16))
		}
		k = append(k, 255, 255, 255)
	}
	m.key = k
	if known, ok := m.known[string(k)]; ok {
		return known
	}
	row := int32(len(m.next))
	m.known[string(k)] = row
	m.states = append(m.states, *s)
	m.held += len(s.steps) + len(s.tail)
	for range m.re.alphabet.count {
		m.next = append(m.next, unknown)
	}
	return row
}

// atEnd says whether the text may end in a state: matches or fails.
func (m *machine) atEnd(s *state) int32 {
	if s.end != 0 {
		return s.end
	}
	a := around{start: s.start, end: true, afterLine: s.afterLine, wordBefore: s.afterWord}
	_, matched := m.closure(s.steps, a)
	if !matched {
		_, matched = m.closure(s.tail, a)
	}
	s.end = fails
	if matched || s.tailMatch {
		s.end = matches
	}
	return s.end
}
