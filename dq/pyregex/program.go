package pyregex

import (
	"errors"
	"fmt"
	"regexp/syntax"
	"slices"
	"sync"
	"unicode"
)

// Regexp is a pattern that is ready to search. It is safe for concurrent use.
type Regexp struct {
	code     []inst
	start    int32
	anchored bool // it matches from a text's start or not at all
	bounds   bool // it has \b or \B
	lines    bool // it has ^ of lines
	alphabet *alphabet
	machines sync.Pool // of *machine
}

// maxCode bounds a program.
const maxCode = 20_000

// Compile reads a pattern of Python's re, of str. An error says what is wrong
// with it, or what can't be kept and what to write instead.
func Compile(pattern string) (*Regexp, error) {
	t, err := translate(pattern)
	if err != nil {
		return nil, err
	}
	tree, err := syntax.Parse(t.out.String(), syntax.Perl|syntax.UnicodeGroups)
	if err != nil {
		var s *syntax.Error
		if errors.As(err, &s) {
			err = errors.New(s.Code.String())
		}
		return nil, err
	}
	c := &compiler{known: map[string]int{}, trees: map[*syntax.Regexp]int{}}
	match := c.add(inst{op: opMatch})
	start := c.compile(tree.Simplify(), match)
	if len(c.code) > maxCode {
		return nil, fmt.Errorf("it is too large: %d steps, of which there may be %d", len(c.code), maxCode)
	}
	re := &Regexp{code: c.code, start: start, bounds: t.bound, lines: c.lines}
	re.anchored = re.isAnchored()
	var word set
	if t.bound {
		if word = words; t.asciiBound {
			word = asciiOnly(words)
		}
	}
	re.alphabet = newAlphabet(c.sets, word)
	re.machines.New = func() any { return newMachine(re) }
	return re, nil
}

// MatchString reports whether re.search finds the pattern in the text.
func (re *Regexp) MatchString(s string) bool {
	m := re.machines.Get().(*machine)
	ok := m.match(s)
	re.machines.Put(m)
	return ok
}

type op uint8

const (
	opMatch op = iota
	opSet
	opSplit
	opAssert
)

// condition is about what stands around a place.
type condition uint8

const (
	beginText condition = iota
	endText
	dollar // the end, or before a line break there
	beginLine
	endLine
	boundary
	noBoundary
)

// inst is one step: to next, or of a split also to other.
type inst struct {
	op          op
	condition   condition
	set         int // its place in the alphabet's sets
	next, other int32
}

type compiler struct {
	code  []inst
	sets  []set // joined
	known map[string]int
	trees map[*syntax.Regexp]int // sets by what was read; a repetition has it often
	lines bool
}

func (c *compiler) add(i inst) int32 {
	c.code = append(c.code, i)
	return int32(len(c.code) - 1)
}

// place is a set's in the alphabet. Equal sets are kept once.
func (c *compiler) place(s set) int {
	s = s.joined()
	key := make([]byte, 0, 6*len(s))
	for _, r := range s {
		key = append(key, byte(r[0]), byte(r[0]>>8), byte(r[0]>>16), byte(r[1]), byte(r[1]>>8), byte(r[1]>>16))
	}
	at, ok := c.known[string(key)]
	if !ok {
		at = len(c.sets)
		c.known[string(key)] = at
		c.sets = append(c.sets, s)
	}
	return at
}

// class is the place of the set that a tree of one character reads.
func (c *compiler) class(re *syntax.Regexp) int {
	at, ok := c.trees[re]
	if ok {
		return at
	}
	var s set
	switch re.Op {
	case syntax.OpCharClass:
		for i := 0; i+1 < len(re.Rune); i += 2 {
			s = append(s, [2]rune{re.Rune[i], re.Rune[i+1]})
		}
	case syntax.OpAnyChar:
		s = set{{0, unicode.MaxRune}}
	case syntax.OpAnyCharNotNL:
		s = set{{'\n', '\n'}}.negated()
	}
	c.trees[re] = c.place(s)
	return c.trees[re]
}

// literal is the place of the set that a character of a literal is.
func (c *compiler) literal(r rune, flags syntax.Flags) int {
	s := set{{r, r}}
	if flags&syntax.FoldCase != 0 { // [Xx], as the parser writes it shorter
		for _, f := range simpleFolds(r) {
			s = append(s, [2]rune{f, f})
		}
	}
	return c.place(s)
}

// compile adds what a tree needs, going on to next, and gives its first step.
func (c *compiler) compile(re *syntax.Regexp, next int32) int32 {
	if len(c.code) > maxCode {
		return next
	}
	switch re.Op {
	case syntax.OpNoMatch, syntax.OpCharClass, syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		return c.add(inst{op: opSet, set: c.class(re), next: next})
	case syntax.OpEmptyMatch:
		return next
	case syntax.OpLiteral:
		for _, r := range slices.Backward(re.Rune) {
			next = c.add(inst{op: opSet, set: c.literal(r, re.Flags), next: next})
		}
		return next
	case syntax.OpConcat:
		for _, sub := range slices.Backward(re.Sub) {
			next = c.compile(sub, next)
		}
		return next
	case syntax.OpCapture:
		return c.compile(re.Sub[0], next)
	case syntax.OpAlternate:
		at := c.compile(re.Sub[len(re.Sub)-1], next)
		for _, sub := range slices.Backward(re.Sub[:len(re.Sub)-1]) {
			at = c.add(inst{op: opSplit, next: c.compile(sub, next), other: at})
		}
		return at
	case syntax.OpStar, syntax.OpPlus:
		loop := c.add(inst{op: opSplit, other: next})
		first := c.compile(re.Sub[0], loop)
		c.code[loop].next = first
		if re.Op == syntax.OpPlus {
			return first
		}
		return loop
	case syntax.OpQuest:
		return c.add(inst{op: opSplit, next: c.compile(re.Sub[0], next), other: next})
	}
	cond := conditionOf(re)
	c.lines = c.lines || cond == beginLine
	return c.add(inst{op: opAssert, condition: cond, next: next})
}

// isAnchored reports whether each way into the pattern is past a text's start.
func (re *Regexp) isAnchored() bool {
	seen := make([]bool, len(re.code))
	for todo := []int32{re.start}; len(todo) > 0; {
		at := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if seen[at] {
			continue
		}
		seen[at] = true
		switch i := re.code[at]; {
		case i.op == opMatch || i.op == opSet:
			return false
		case i.op == opSplit:
			todo = append(todo, i.next, i.other)
		case i.condition != beginText:
			todo = append(todo, i.next)
		}
	}
	return true
}

func conditionOf(re *syntax.Regexp) condition {
	switch re.Op {
	case syntax.OpBeginLine:
		return beginLine
	case syntax.OpEndLine:
		return endLine
	case syntax.OpBeginText:
		return beginText
	case syntax.OpWordBoundary:
		return boundary
	case syntax.OpNoWordBoundary:
		return noBoundary
	}
	if re.Flags&syntax.WasDollar != 0 {
		return dollar
	}
	return endText
}
