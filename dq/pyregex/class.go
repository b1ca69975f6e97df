package pyregex

import (
	"errors"
	"fmt"
	"slices"
	"unicode"
	"unicode/utf8"
)

// set is a set of characters, as ranges that needn't be in order.
type set [][2]rune

// tables collects Unicode's.
func tables(of ...*unicode.RangeTable) set {
	var s set
	for _, t := range of {
		for _, r := range t.R16 {
			s = s.stride(rune(r.Lo), rune(r.Hi), rune(r.Stride))
		}
		for _, r := range t.R32 {
			s = s.stride(rune(r.Lo), rune(r.Hi), rune(r.Stride))
		}
	}
	return s
}

func (s set) stride(lo, hi, stride rune) set {
	if stride == 1 {
		return append(s, [2]rune{lo, hi})
	}
	for r := lo; r <= hi; r += stride {
		s = append(s, [2]rune{r, r})
	}
	return s
}

// Python's classes: \d is what str.isdecimal knows, \s str.isspace, \w
// str.isalnum and the underscore.
var (
	digits = tables(unicode.Nd)
	spaces = append(tables(unicode.Zs, unicode.Zl, unicode.Zp), [2]rune{'\t', '\r'}, [2]rune{0x1c, 0x1f}, [2]rune{0x85, 0x85})
	words  = append(tables(unicode.L, unicode.N), [2]rune{'_', '_'})
)

func asciiOnly(s set) set {
	var out set
	for _, r := range s {
		if r[0] < utf8.RuneSelf {
			out = append(out, [2]rune{r[0], min(r[1], utf8.RuneSelf-1)})
		}
	}
	return out
}

// joined is the set with its ranges in order and apart.
func (s set) joined() set {
	s = slices.Clone(s)
	slices.SortFunc(s, func(a, b [2]rune) int { return int(a[0] - b[0]) })
	var out set
	for _, r := range s {
		if n := len(out) - 1; n >= 0 && r[0] <= out[n][1]+1 {
			out[n][1] = max(out[n][1], r[1])
		} else {
			out = append(out, r)
		}
	}
	return out
}

// negated is every character that isn't in the set.
func (s set) negated() set {
	var out set
	next := rune(0)
	for _, r := range s.joined() {
		if r[0] > next {
			out = append(out, [2]rune{next, r[0] - 1})
		}
		next = r[1] + 1
	}
	if next <= unicode.MaxRune {
		out = append(out, [2]rune{next, unicode.MaxRune})
	}
	return out
}

// has reports whether a character is in a joined set.
func (s set) has(r rune) bool {
	at, ok := slices.BinarySearchFunc(s, r, func(e [2]rune, r rune) int {
		switch {
		case e[1] < r:
			return -1
		case e[0] > r:
			return 1
		}
		return 0
	})
	return ok && at < len(s)
}

// named is the set that \d, \s, \w or their opposites stand for.
func (t *translator) named(c byte) (set, bool) {
	var s set
	switch c | 0x20 {
	case 'd':
		s = digits
	case 's':
		s = spaces
	case 'w':
		s = words
	default:
		return nil, false
	}
	if t.flags.ascii {
		s = asciiOnly(s)
		if c|0x20 == 's' { // without what Unicode adds
			s = set{{'\t', '\r'}, {' ', ' '}}
		}
	}
	if c < 'a' {
		s = s.negated()
	}
	return s, true
}

// writeSet writes a set.
func (t *translator) writeSet(s set) {
	if len(s) == 0 {
		t.out.WriteString(`[^\x{0}-\x{10ffff}]`)
		return
	}
	t.out.WriteByte('[')
	for _, r := range s.joined() {
		fmt.Fprintf(&t.out, `\x{%x}-\x{%x}`, r[0], r[1])
	}
	t.out.WriteByte(']')
}

// class reads [...]. With (?i) it has all cases of the characters that are
// written in it; what \d, \s and \w name stays as it is.
func (t *translator) class() (set, error) {
	t.at++
	negate := t.take("^")
	var written, named set
	for first := true; first || !t.take("]"); first = false {
		lo, s, err := t.member()
		if err != nil {
			return nil, err
		}
		hi := lo
		if t.has("-") && !t.has("-]") {
			t.at++
			var other set
			if hi, other, err = t.member(); err != nil {
				return nil, err
			}
			if s != nil || other != nil || hi < lo {
				return nil, errors.New("bad character range")
			}
		}
		if err := t.foldable(lo); lo == hi && err != nil {
			return nil, err
		}
		if s == nil {
			written = append(written, [2]rune{lo, hi})
		}
		named = append(named, s...)
	}
	if t.flags.ignore {
		written = t.cases(written)
	}
	all := slices.Concat(written, named)
	if negate {
		all = all.negated()
	}
	return all, nil
}

// member reads one character of a class, or a named set.
func (t *translator) member() (rune, set, error) {
	if t.at >= len(t.in) {
		return 0, nil, errors.New("unterminated character set")
	}
	if t.in[t.at] != '\\' {
		return t.rune(), nil, nil
	}
	if t.at+1 < len(t.in) {
		if s, ok := t.named(t.in[t.at+1]); ok {
			t.at += 2
			return 0, s, nil
		}
		if t.in[t.at+1] == 'b' {
			t.at += 2
			return '\b', nil, nil
		}
	}
	r, err := t.escaped(true)
	return r, nil, err
}
