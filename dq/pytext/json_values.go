package pytext

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// words are the values that are spelled out. NaN and the infinities are
// numbers in Python, which json.Number writes as their names here.
var words = []struct {
	text  string
	value any
}{
	{"null", nil},
	{"true", true},
	{"false", false},
	{"NaN", json.Number("NaN")},
	{"Infinity", json.Number("Infinity")},
	{"-Infinity", json.Number("-Infinity")},
}

// number reads a whole number as a json.Number of its digits, and another one
// as a json.Number that numberText writes.
func (sc *scanner) number() (any, bool) {
	start := sc.pos
	if sc.peek() == '-' {
		sc.pos++
	}
	first := sc.pos
	if sc.digits(); sc.pos == first {
		sc.pos = start
		return nil, sc.fail(start, "Expecting value")
	}
	if sc.s[first] == '0' {
		sc.pos = first + 1 // what follows a leading 0 is no part of the number
	}
	whole := sc.pos
	sc.fraction()
	text := sc.s[start:sc.pos]
	if sc.pos > whole {
		if !sc.build {
			return nil, true
		}
		return floatNumber(text), true
	}
	if n := whole - first; n > maxDigits {
		return nil, sc.fail(-1, fmt.Sprintf("Exceeds the limit (%d digits) for integer string conversion: value has %d digits; use sys.set_int_max_str_digits() to increase the limit", maxDigits, n))
	}
	if !sc.build {
		return nil, true
	}
	return json.Number(text), true
}

// fraction goes over ".5" and "e-7", each only if its digits are there.
func (sc *scanner) fraction() {
	back := sc.pos
	if sc.peek() == '.' {
		sc.pos++
		if sc.digits(); sc.pos == back+1 {
			sc.pos = back
		}
	}
	back = sc.pos
	if c := sc.peek(); c != 'e' && c != 'E' {
		return
	}
	sc.pos++
	if c := sc.peek(); c == '-' || c == '+' {
		sc.pos++
	}
	digits := sc.pos
	if sc.digits(); sc.pos == digits {
		sc.pos = back
	}
}

func (sc *scanner) digits() {
	for c := sc.peek(); c >= '0' && c <= '9'; c = sc.peek() {
		sc.pos++
	}
}

// floatNumber is a float's text; one that is too large is infinite.
func floatNumber(text string) json.Number {
	f, _ := strconv.ParseFloat(text, 64) // its range error comes with ±Inf
	return numberText(f)
}

// numberText writes a float so that it reads back, and always with a sign of
// being one: a point, an exponent, or a name.
func numberText(f float64) json.Number {
	switch {
	case math.IsNaN(f):
		return "NaN"
	case math.IsInf(f, 1):
		return "Infinity"
	case math.IsInf(f, -1):
		return "-Infinity"
	}
	if math.Abs(f) >= 1<<53 { // spelled out: the shortest text is another number
		return json.Number(strconv.FormatFloat(f, 'f', 1, 64))
	}
	s := strconv.FormatFloat(f, 'g', -1, 64)
	if !strings.ContainsAny(s, ".e") {
		s += ".0"
	}
	return json.Number(s)
}

// text reads a string. Lone surrogates, which Go's texts can't hold, become
// U+FFFD.
func (sc *scanner) text() (any, bool) {
	begin := sc.pos
	sc.pos++
	var b []byte
	for from := sc.pos; sc.pos < len(sc.s); {
		switch c := sc.s[sc.pos]; {
		case c == '"':
			sc.pos++
			if !sc.build {
				return nil, true
			}
			return string(append(b, sc.s[from:sc.pos-1]...)), true
		case c < 0x20:
			return nil, sc.fail(sc.pos, "Invalid control character at")
		case c != '\\':
			sc.pos++
		default:
			if sc.build {
				b = append(b, sc.s[from:sc.pos]...)
			}
			r, ok := sc.escape(begin)
			if !ok {
				return nil, false
			}
			if sc.build {
				b = utf8.AppendRune(b, r)
			}
			from = sc.pos
		}
	}
	return nil, sc.fail(begin, "Unterminated string starting at")
}

// escapes are the characters after a backslash, and what they stand for.
const escapes, escaped = `"\/bfnrt`, "\"\\/\b\f\n\r\t"

func (sc *scanner) escape(begin int) (rune, bool) {
	at := sc.pos
	sc.pos++
	if sc.pos == len(sc.s) {
		return 0, sc.fail(begin, "Unterminated string starting at")
	}
	c := sc.s[sc.pos]
	if i := strings.IndexByte(escapes, c); i >= 0 {
		sc.pos++
		return rune(escaped[i]), true
	}
	if c != 'u' {
		return 0, sc.fail(at, `Invalid \escape`)
	}
	sc.pos++
	r, ok := sc.hex()
	if !ok || !utf16.IsSurrogate(r) || r >= 0xDC00 {
		return r, ok
	}
	// Python looks for the other half only where six more characters and one
	// after them are left.
	if rest := sc.s[sc.pos:]; !strings.HasPrefix(rest, `\u`) || !longer(rest, 6) {
		return r, true
	}
	back := sc.pos
	sc.pos += 2
	low, ok := sc.hex()
	if ok && (low < 0xDC00 || low > 0xDFFF) {
		sc.pos = back
		return r, true
	}
	return utf16.DecodeRune(r, low), ok
}

// hex reads four hexadecimal digits after \u. The text must go on behind them.
func (sc *scanner) hex() (rune, bool) {
	const message = `Invalid \uXXXX escape`
	if !longer(sc.s[sc.pos:], 4) {
		return 0, sc.fail(sc.pos-1, message)
	}
	var r rune
	for i := range 4 {
		digit := strings.IndexByte("0123456789abcdef", sc.s[sc.pos+i]|0x20)
		if digit < 0 || sc.s[sc.pos+i] < '0' {
			return 0, sc.fail(sc.pos-1, message)
		}
		r = r<<4 | rune(digit)
	}
	sc.pos += 4
	return r, true
}

// longer says whether the text has more than n characters.
func longer(s string, n int) bool {
	for range s {
		if n--; n < 0 {
			return true
		}
	}
	return false
}
