package pyregex

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
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

// class reads [...]. With (?i) it has all cases of its characters.
func (t *translator) class() (set, error) {
	t.at++
	negate := t.take("^")
	var s set
	for first := true; ; first = false {
		if t.at >= len(t.in) {
			return nil, errors.New("unterminated character set")
		}
		if !first && t.take("]") {
			break
		}
		lo, named, err := t.member()
		if err != nil {
			return nil, err
		}
		if !strings.HasPrefix(t.rest(), "-") || strings.HasPrefix(t.rest(), "-]") {
			s = append(append(s, named...), single(lo, named)...)
			continue
		}
		t.at++
		if t.at >= len(t.in) {
			return nil, errors.New("unterminated character set")
		}
		hi, other, err := t.member()
		if err != nil {
			return nil, err
		}
		if named != nil || other != nil || hi < lo {
			return nil, errors.New("bad character range")
		}
		s = append(s, [2]rune{lo, hi})
	}
	if t.flags.ignore {
		if t.flags.ascii {
			s = asciiFold(s)
		} else {
			s = folded(s)
		}
	}
	if negate {
		s = s.negated()
	}
	return s, nil
}

func single(r rune, named set) set {
	if named != nil {
		return nil
	}
	return set{{r, r}}
}

// member reads one character of a class, or a named set.
func (t *translator) member() (rune, set, error) {
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

// folded adds the other cases of a set's characters.
func folded(s set) set {
	out := slices.Clone(s)
	for _, r := range s.joined() {
		if r[1]-r[0] > 0x3000 { // nearly everything: its ends have no other case that isn't in it
			continue
		}
		for c := r[0]; c <= r[1]; c++ {
			for f := unicode.SimpleFold(c); f != c; f = unicode.SimpleFold(f) {
				out = append(out, [2]rune{f, f})
			}
		}
	}
	return out
}

// asciiFold adds the other cases of ASCII's letters.
func asciiFold(s set) set {
	out := slices.Clone(s)
	for _, r := range s {
		for c := max(r[0], 'A'); c <= min(r[1], 'z'); c++ {
			if other := c ^ 0x20; c|0x20 >= 'a' && c|0x20 <= 'z' {
				out = append(out, [2]rune{other, other})
			}
		}
	}
	return out
}

// escape writes \x outside a class.
func (t *translator) escape() error {
	if t.at+1 >= len(t.in) {
		return errors.New(`bad escape (end of pattern)`)
	}
	c := t.in[t.at+1]
	if s, ok := t.named(c); ok {
		t.at += 2
		t.writeSet(s)
		return nil
	}
	switch c {
	case 'A':
		t.at += 2
		t.out.WriteString(`\A`)
		return nil
	case 'Z':
		t.at += 2
		t.out.WriteString(`\z`)
		return nil
	case 'b', 'B':
		t.at += 2
		if t.bound && t.asciiBound != t.flags.ascii {
			return errors.New(`\b inside and outside of (?a:…) is not supported`)
		}
		t.bound, t.asciiBound = true, t.flags.ascii
		t.out.WriteString(`\` + string(c))
		return nil
	}
	r, err := t.escaped(false)
	if err == nil {
		t.literal(r)
	}
	return err
}

var plainEscapes = map[byte]rune{'a': '\a', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t', 'v': '\v', '\\': '\\'}

// escaped reads an escape that is one character.
func (t *translator) escaped(inClass bool) (rune, error) {
	t.at++
	if t.at >= len(t.in) {
		return 0, errors.New("bad escape (end of pattern)")
	}
	c := t.in[t.at]
	if r, ok := plainEscapes[c]; ok {
		t.at++
		return r, nil
	}
	switch {
	case c == 'x' || c == 'u' || c == 'U':
		return t.hex(map[byte]int{'x': 2, 'u': 4, 'U': 8}[c])
	case c >= '0' && c <= '9':
		return t.octal(inClass)
	case c == 'N':
		return 0, errors.New(`\N{…} is not supported: write the character itself`)
	case c < utf8.RuneSelf && unicode.IsLetter(rune(c)):
		return 0, fmt.Errorf(`bad escape \%c`, c)
	}
	return t.rune(), nil
}

func (t *translator) hex(digits int) (rune, error) {
	from := t.at + 1
	if from+digits > len(t.in) {
		return 0, fmt.Errorf("incomplete escape %s", t.in[t.at-1:])
	}
	n, err := strconv.ParseUint(t.in[from:from+digits], 16, 32)
	if err != nil || n > unicode.MaxRune || n >= 0xd800 && n < 0xe000 {
		return 0, fmt.Errorf("bad escape %s", t.in[t.at-1:from+digits])
	}
	t.at = from + digits
	return rune(n), nil
}

// octal reads \0 and \123; other numbers outside a class are backreferences.
func (t *translator) octal(inClass bool) (rune, error) {
	end := t.at
	for end < len(t.in) && end < t.at+3 && t.in[end] >= '0' && t.in[end] <= '7' {
		end++
	}
	digits := t.in[t.at:end]
	if digits == "" || digits[0] != '0' && len(digits) < 3 && !inClass {
		return 0, fmt.Errorf(`\%c is not supported: RE2 has no backreferences`, t.in[t.at])
	}
	n, err := strconv.ParseUint(digits, 8, 32)
	if err != nil || n > 0o377 {
		return 0, fmt.Errorf(`octal escape value \%s outside of range 0-0o377`, digits)
	}
	t.at = end
	return rune(n), nil
}
