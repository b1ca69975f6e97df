package pytext

import (
	"regexp"
	"strings"
	"unicode"
)

// lex splits a text as dateutil's _timelex does: by changes between letters and
// digits. A dot separates, or is a decimal point.
func lex(s string) []string {
	l := &lexer{in: []rune(strings.ReplaceAll(s, "\x00", ""))}
	var tokens []string
	for {
		t, ok := l.token()
		if !ok {
			return tokens
		}
		tokens = append(tokens, t)
	}
}

type lexer struct {
	in      []rune
	pending []string
}

var (
	digitRune = regexp.MustCompile(`^[\p{Nd}\x{b2}\x{b3}\x{b9}\x{2070}\x{2074}-\x{2079}\x{2080}-\x{2089}]$`)
	dots      = regexp.MustCompile(`[.,]`)
)

// isDigit is Python's str.isdigit of a character.
func isDigit(r rune) bool {
	if r < 0x80 {
		return r >= '0' && r <= '9'
	}
	return digitRune.MatchString(string(r))
}

func isSpace(r rune) bool {
	return r >= 0x1c && r <= 0x1f || unicode.IsSpace(r)
}

// The states of a token: letters, digits, and either with a dot in it.
const (
	inWord       = 'a'
	inNumber     = '0'
	inDotted     = 'A'
	inFractional = 'N'
)

func (l *lexer) token() (string, bool) {
	if len(l.pending) > 0 {
		t := l.pending[0]
		l.pending = l.pending[1:]
		return t, true
	}
	if len(l.in) == 0 {
		return "", false
	}
	token, state, letters := l.in[:1:1], ' ', false
	switch r := l.in[0]; {
	case unicode.IsLetter(r):
		state = inWord
	case isDigit(r):
		state = inNumber
	case isSpace(r):
		token = []rune{' '}
	}
	l.in = l.in[1:]
	for state != ' ' && len(l.in) > 0 {
		r, last := l.in[0], token[len(token)-1]
		letters = letters || state == inWord || state == inDotted
		next, ok := step(state, r, last, len(token))
		if !ok {
			break
		}
		token, state, l.in = append(token, r), next, l.in[1:]
	}
	return l.finish(string(token), state, letters), true
}

// step says whether a character goes on with a token, and in which state.
func step(state, r, last rune, length int) (rune, bool) {
	word, digit := unicode.IsLetter(r), isDigit(r)
	switch state {
	case inWord:
		if r == '.' {
			return inDotted, true
		}
		return state, word
	case inNumber:
		if r == '.' || r == ',' && length >= 2 {
			return inFractional, true
		}
		return state, digit
	case inDotted:
		if digit && last == '.' {
			return inFractional, true
		}
		return state, r == '.' || word
	}
	if word && last == '.' {
		return inDotted, true
	}
	return state, r == '.' || digit
}

// finish splits a token at its dots, if they aren't one decimal point.
func (l *lexer) finish(token string, state rune, letters bool) string {
	dotted := state == inDotted || state == inFractional
	if dotted && (letters || strings.Count(token, ".") > 1 || strings.ContainsAny(token[len(token)-1:], ".,")) {
		rest := token
		var parts []string
		for _, at := range dots.FindAllStringIndex(token, -1) {
			cut := at[0] - (len(token) - len(rest))
			parts = append(parts, rest[:cut], rest[cut:cut+1])
			rest = rest[cut+1:]
		}
		parts = append(parts, rest)
		token = parts[0]
		for _, p := range parts[1:] {
			if p != "" {
				l.pending = append(l.pending, p)
			}
		}
	}
	if state == inFractional && !strings.Contains(token, ".") {
		token = strings.ReplaceAll(token, ",", ".")
	}
	return token
}
