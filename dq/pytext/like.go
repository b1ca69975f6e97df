package pytext

import (
	"errors"
	"fmt"
	"unicode/utf8"
)

// Like is a pattern of SQL's LIKE: % is any text, _ any character. Letters'
// case matters.
type Like struct{ parts []likePart }

type likePart struct {
	any bool // %
	one bool // _
	r   rune
}

// CompileLike reads a pattern. An escape of one character makes the next one
// stand for itself; empty, there is none.
func CompileLike(pattern, escape string) (*Like, error) {
	if utf8.RuneCountInString(escape) > 1 {
		return nil, fmt.Errorf("the escape %q must be one character", escape)
	}
	escapes, _ := utf8.DecodeRuneInString(escape)
	l, quoted := &Like{}, false
	for _, r := range pattern {
		switch {
		case !quoted && escape != "" && r == escapes:
			quoted = true
			continue
		case !quoted && r == '%':
			l.parts = append(l.parts, likePart{any: true})
		case !quoted && r == '_':
			l.parts = append(l.parts, likePart{one: true})
		default:
			l.parts = append(l.parts, likePart{r: r})
		}
		quoted = false
	}
	if quoted {
		return nil, errors.New("the pattern ends with its escape")
	}
	return l, nil
}

// Match reports whether the whole text is of the pattern. It takes time of the
// text's length times the pattern's.
func (l *Like) Match(s string) bool {
	at, star, from := 0, -1, 0
	for i := 0; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		switch {
		case at < len(l.parts) && l.parts[at].any:
			star, from = at, i
			at++
		case at < len(l.parts) && (l.parts[at].one || l.parts[at].r == r):
			at++
			i += size
		case star >= 0: // the last % takes one character more
			_, size := utf8.DecodeRuneInString(s[from:])
			from += size
			at, i = star+1, from
		default:
			return false
		}
	}
	for at < len(l.parts) && l.parts[at].any {
		at++
	}
	return at == len(l.parts)
}
