package pyregex

import (
	"fmt"
	"slices"
	"unicode"
)

// sameLetters are those that Python's re takes for one letter with (?i) where
// Unicode's simple folding, that Go has, keeps them apart.
var sameLetters = [][]rune{{'I', 'i', 'İ', 'ı'}, {0x390, 0x1fd3}, {0x3b0, 0x1fe3}, {0xfb05, 0xfb06}}

// lastCased is the last character that has another case.
const lastCased = 0x1e943

// foldable refuses what Python finds by one case or by both, as it happens to
// compile the pattern: a letter beyond U+FFFF with (?i), in a set or an
// alternative of single letters.
func (t *translator) foldable(r rune) error {
	if t.flags.ignore && !t.flags.ascii && r > 0xffff && unicode.SimpleFold(r) != r {
		return fmt.Errorf("%c with (?i) is not supported: Python doesn't always find its other case: write both cases in [] and leave (?i) out", r)
	}
	return nil
}

// cases adds the other cases of a set's characters, as the flags know them.
func (t *translator) cases(s set) set {
	if t.flags.ascii {
		return asciiCases(s)
	}
	out := slices.Clone(s)
	for _, r := range s.joined() {
		for c := r[0]; c <= min(r[1], lastCased); c++ {
			for _, other := range simpleFolds(c) {
				out = append(out, [2]rune{other, other})
			}
		}
		for _, letters := range sameLetters {
			if slices.ContainsFunc(letters, func(l rune) bool { return l >= r[0] && l <= r[1] }) {
				for _, l := range letters {
					out = append(out, [2]rune{l, l})
				}
			}
		}
	}
	return out
}

// simpleFolds are a character's other cases in Unicode's simple folding.
func simpleFolds(r rune) []rune {
	var out []rune
	for f := unicode.SimpleFold(r); f != r; f = unicode.SimpleFold(f) {
		out = append(out, f)
	}
	return out
}

// asciiCases adds the other cases of ASCII's letters.
func asciiCases(s set) set {
	out := slices.Clone(s)
	for _, r := range s {
		for c := max(r[0], 'A'); c <= min(r[1], 'z'); c++ {
			if lower := c | 0x20; lower >= 'a' && lower <= 'z' {
				out = append(out, [2]rune{c ^ 0x20, c ^ 0x20})
			}
		}
	}
	return out
}
