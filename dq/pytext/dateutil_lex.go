package pytext

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// token is a word, a number, a space or another character of a text, as
// dateutil's _timelex splits it.
type token struct {
	text string // decimal digits are ASCII ones, and words are as written
	size int    // in characters
}

// lexState is what a token has been so far.
type lexState int

const (
	start lexState = iota
	word
	number
	dottedWord
	dottedNumber
)

// split takes a text apart.
func split(s string) []token {
	s = strings.ReplaceAll(s, "\x00", "")
	tokens := make([]token, 0, 16)
	for len(s) > 0 {
		size, state, letters := scan(s)
		text := ascii(s[:size])
		s = s[size:]
		dotted := state == dottedWord || state == dottedNumber
		last := text[len(text)-1]
		if dotted && (letters || strings.Count(text, ".") > 1 || last == '.' || last == ',') {
			tokens = appendParts(tokens, text)
			continue
		}
		if state == dottedNumber && !strings.Contains(text, ".") {
			text = strings.ReplaceAll(text, ",", ".")
		}
		tokens = append(tokens, newToken(text))
	}
	return tokens
}

func newToken(text string) token { return token{text, utf8.RuneCountInString(text)} }

// appendParts takes a token apart at its dots and commas, which are tokens
// too.
func appendParts(tokens []token, text string) []token {
	for len(text) > 0 {
		i := strings.IndexAny(text, ".,")
		switch i {
		case -1:
			return append(tokens, newToken(text))
		case 0:
			i = 1
		}
		tokens = append(tokens, newToken(text[:i]))
		text = text[i:]
	}
	return tokens
}

// scan finds the end of the first token, in bytes. letters says whether a word
// went on in it for more than a character.
func scan(s string) (end int, state lexState, letters bool) {
	var before rune
	count := 0
	for end < len(s) {
		r, size := utf8.DecodeRuneInString(s[end:])
		if state == start {
			switch {
			case unicode.IsLetter(r):
				state = word
			case isDigit(r):
				state = number
			default:
				return size, start, false
			}
		} else {
			if state == word || state == dottedWord {
				letters = true
			}
			next, ok := state.after(r, before, count)
			if !ok {
				return end, state, letters
			}
			state = next
		}
		before, end, count = r, end+size, count+1
	}
	return end, state, letters
}

// after is the state behind one character more; ok is false if the character
// is the next token's. before is the last one of the token, which has count.
func (s lexState) after(r, before rune, count int) (next lexState, ok bool) {
	switch s {
	case word:
		if r == '.' {
			return dottedWord, true
		}
		return word, unicode.IsLetter(r)
	case number:
		if r == '.' || r == ',' && count >= 2 {
			return dottedNumber, true
		}
		return number, isDigit(r)
	case dottedWord:
		if isDigit(r) && before == '.' {
			return dottedNumber, true
		}
		return dottedWord, r == '.' || unicode.IsLetter(r)
	}
	if unicode.IsLetter(r) && before == '.' {
		return dottedWord, true
	}
	return dottedNumber, r == '.' || isDigit(r)
}

// isDigit is str.isdigit of one character.
func isDigit(r rune) bool {
	if r < utf8.RuneSelf {
		return r >= '0' && r <= '9'
	}
	return unicode.Is(unicode.Nd, r) || unicode.Is(otherDigits, r)
}

// ascii writes decimal digits as ASCII ones, and whitespace as a space.
func ascii(s string) string {
	return strings.Map(func(r rune) rune {
		if digit, ok := decimal(r); ok {
			return rune(digit)
		}
		if isSpace(r) {
			return ' '
		}
		return r
	}, s)
}

// allDigits is str.isdigit.
func (t token) allDigits() bool {
	return t.text != "" && !strings.ContainsFunc(t.text, func(r rune) bool { return !isDigit(r) })
}

// isAny says whether the token is one of these texts.
func (t token) isAny(texts ...string) bool {
	for _, text := range texts {
		if t.text == text {
			return true
		}
	}
	return false
}
