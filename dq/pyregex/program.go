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
	start    int
	anchored bool
	word     set
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
	re := &Regexp{word: words.joined()}
	if t.asciiBound {
		re.word = asciiOnly(words).joined()
	}
	c := &compiler{}
	match := c.add(inst{op: opMatch})
	re.start = c.compile(tree.Simplify(), match)
	if re.code = c.code; len(re.code) > maxCode {
		return nil, fmt.Errorf("it is too large: %d steps, of which there may be %d", len(re.code), maxCode)
	}
	re.anchored = re.code[re.start].op == opAssert && re.code[re.start].assert == beginText
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

// assertion is a condition on what stands around a place.
type assertion uint8

const (
	beginText assertion = iota
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
	assert      assertion
	set         set // joined
	next, other int
}

type compiler struct{ code []inst }

func (c *compiler) add(i inst) int {
	c.code = append(c.code, i)
	return len(c.code) - 1
}

// compile adds what a tree needs, going on to next, and gives its first step.
func (c *compiler) compile(re *syntax.Regexp, next int) int {
	if len(c.code) > maxCode {
		return next
	}
	switch re.Op {
	case syntax.OpNoMatch:
		return c.add(inst{op: opSet})
	case syntax.OpEmptyMatch:
		return next
	case syntax.OpLiteral:
		for _, r := range slices.Backward(re.Rune) {
			s := set{{r, r}}
			if re.Flags&syntax.FoldCase != 0 {
				s = folded(s).joined()
			}
			next = c.add(inst{op: opSet, set: s, next: next})
		}
		return next
	case syntax.OpCharClass:
		var s set
		for i := 0; i+1 < len(re.Rune); i += 2 {
			s = append(s, [2]rune{re.Rune[i], re.Rune[i+1]})
		}
		return c.add(inst{op: opSet, set: s.joined(), next: next})
	case syntax.OpAnyChar:
		return c.add(inst{op: opSet, set: set{{0, unicode.MaxRune}}, next: next})
	case syntax.OpAnyCharNotNL:
		return c.add(inst{op: opSet, set: set{{'\n', '\n'}}.negated(), next: next})
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
	return c.add(inst{op: opAssert, assert: assertionOf(re), next: next})
}

func assertionOf(re *syntax.Regexp) assertion {
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
