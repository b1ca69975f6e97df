package pytext

import (
	"fmt"
	"unicode/utf8"
)

// Like is a pattern of SQL's LIKE. It is safe for concurrent use.
type Like struct {
	parts []likePart
}

type likePart struct {
	kind likeKind
	char rune // of a literal
}

type likeKind int

const (
	literal likeKind = iota
	anyOne           // _
	anyMany          // %
)

// CompileLike reads a pattern: % stands for any characters, _ for one, and
// case matters. The character escape makes the next one stand for itself; ""
// is none. It is an error if escape is longer than a character, or ends the
// pattern.
func CompileLike(pattern, escape string) (*Like, error) {
	if utf8.RuneCountInString(escape) > 1 {
		return nil, fmt.Errorf("compile the LIKE pattern %q: the escape %q is more than one character: give one, or none", pattern, escape)
	}
	mark, size := utf8.DecodeRuneInString(escape)
	l := &Like{}
	escaping := false
	for _, r := range pattern {
		switch {
		case escaping:
			escaping = false
			l.parts = append(l.parts, likePart{literal, r})
		case size > 0 && r == mark:
			escaping = true
		case r == '%':
			l.parts = append(l.parts, likePart{kind: anyMany})
		case r == '_':
			l.parts = append(l.parts, likePart{kind: anyOne})
		default:
			l.parts = append(l.parts, likePart{literal, r})
		}
	}
	if escaping {
		return nil, fmt.Errorf("compile the LIKE pattern %q: it ends with its escape %q: write the escape twice to mean it", pattern, escape)
	}
	return l, nil
}

// Match says whether all of the text is like the pattern.
func (l *Like) Match(s string) bool {
	part, pos := 0, 0
	retryPart, retryPos := -1, 0 // the last % seen, and where to go on after it
	for pos < len(s) {
		r, size := utf8.DecodeRuneInString(s[pos:])
		switch {
		case part < len(l.parts) && l.parts[part].kind == anyMany:
			part++
			retryPart, retryPos = part, pos
		case part < len(l.parts) && (l.parts[part].kind == anyOne || l.parts[part].char == r):
			part++
			pos += size
		case retryPart >= 0: // let that % take one character more
			_, size = utf8.DecodeRuneInString(s[retryPos:])
			retryPos += size
			part, pos = retryPart, retryPos
		default:
			return false
		}
	}
	for part < len(l.parts) && l.parts[part].kind == anyMany {
		part++
	}
	return part == len(l.parts)
}
