package pyregex

import (
	"errors"
	"fmt"
	"strconv"
	"unicode"
	"unicode/utf8"
)

// escape writes \x outside a class.
func (t *translator) escape() (piece, error) {
	if t.at+1 >= len(t.in) {
		return none, errors.New(`bad escape (end of pattern)`)
	}
	c := t.in[t.at+1]
	if s, ok := t.named(c); ok {
		t.at += 2
		t.writeSet(s)
		return character, nil
	}
	switch c {
	case 'A':
		t.at += 2
		t.out.WriteString(`\A`)
		return assertion, nil
	case 'Z':
		t.at += 2
		t.out.WriteString(`\z`)
		return assertion, nil
	case 'b', 'B':
		t.at += 2
		if t.bound && t.asciiBound != t.flags.ascii {
			return none, errors.New(`\b inside and outside of (?a:…) is not supported`)
		}
		t.bound, t.asciiBound = true, t.flags.ascii
		t.out.WriteString(`\` + string(c))
		return assertion, nil
	}
	r, err := t.escaped(false)
	if err == nil {
		err = t.literal(r)
	}
	return character, err
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
		return 0, fmt.Errorf(`\%c is not supported: there are no backreferences here`, t.in[t.at])
	}
	n, err := strconv.ParseUint(digits, 8, 32)
	if err != nil || n > 0o377 {
		return 0, fmt.Errorf(`octal escape value \%s outside of range 0-0o377`, digits)
	}
	t.at = end
	return rune(n), nil
}
