package batch

import (
	"fmt"

	"github.com/autonomous-data-pipeline/adp/schemas"
)

// maxDepth is how deep a value may nest; the record itself is level 1.
const maxDepth = 512

// outOfRange marks a number that no column type holds exactly: an integer
// beyond 64 bits, or a fraction beyond a double's range. As schemas.Observed
// knows no such kind, Infer keeps its text.
const outOfRange schemas.Observed = 1 << 7

// scanner walks one JSON text as RFC 8259 has it. The text must be valid
// UTF-8. Its methods return false at the first violation, which is in problem.
type scanner struct {
	buf     []byte
	pos     int
	problem string
}

// plain are the bytes that stand for themselves inside a JSON string.
var plain = func() (t [256]bool) {
	for c := 0x20; c < 256; c++ {
		t[c] = c != '"' && c != '\\'
	}
	return t
}()

func (s *scanner) fail(what string) bool {
	if s.pos >= len(s.buf) {
		s.problem = "cut off: " + what + ", found the end"
	} else {
		s.problem = fmt.Sprintf("byte %d: %s, found %q", s.pos, what, s.buf[s.pos])
	}
	return false
}

// peek skips white space and returns the next byte, or 0 at the end.
func (s *scanner) peek() byte {
	for s.pos < len(s.buf) {
		switch c := s.buf[s.pos]; c {
		case ' ', '\t', '\n', '\r':
			s.pos++
		default:
			return c
		}
	}
	return 0
}

func (s *scanner) literal(word string) bool {
	if len(s.buf)-s.pos < len(word) || string(s.buf[s.pos:s.pos+len(word)]) != word {
		return s.fail("expected " + word)
	}
	s.pos += len(word)
	return true
}

// str scans a string that starts here and returns what is between the quotes;
// escaped tells that it must go through unescape.
func (s *scanner) str() (body []byte, escaped, ok bool) {
	start := s.pos + 1
	i := start
	for {
		for i < len(s.buf) && plain[s.buf[i]] {
			i++
		}
		if i >= len(s.buf) {
			s.pos = i
			return nil, false, s.fail("expected the closing quote of a string")
		}
		if s.buf[i] == '"' {
			s.pos = i + 1
			return s.buf[start:i], escaped, true
		}
		n := escapeLen(s.buf[i:])
		if n == 0 {
			s.pos = i
			return nil, false, s.fail("expected no control character and no unknown escape in a string")
		}
		escaped = true
		i += n
	}
}

// skip scans any value and tells its kind. depth is the level it stands on.
func (s *scanner) skip(depth int) (schemas.Observed, bool) {
	switch s.peek() {
	case '"':
		_, _, ok := s.str()
		return schemas.SawString, ok
	case 't':
		return schemas.SawBoolean, s.literal("true")
	case 'f':
		return schemas.SawBoolean, s.literal("false")
	case 'n':
		return schemas.SawNull, s.literal("null")
	case '{':
		return schemas.SawObject, s.enter(depth) && s.skipObject(depth+1)
	case '[':
		return schemas.SawArray, s.enter(depth) && s.skipArray(depth+1)
	}
	lit, integer, ok := s.number()
	if !ok {
		return 0, false
	}
	return numberKind(lit, integer), true
}

func (s *scanner) enter(depth int) bool {
	if depth >= maxDepth {
		s.problem = fmt.Sprintf("byte %d: nested deeper than %d levels", s.pos, maxDepth)
		return false
	}
	s.pos++
	return true
}

func (s *scanner) skipObject(depth int) bool {
	if s.peek() == '}' {
		s.pos++
		return true
	}
	for {
		if _, _, ok := s.key(); !ok {
			return false
		}
		if _, ok := s.skip(depth); !ok {
			return false
		}
		if more, ok := s.next('}'); !more {
			return ok
		}
	}
}

func (s *scanner) skipArray(depth int) bool {
	if s.peek() == ']' {
		s.pos++
		return true
	}
	for {
		if _, ok := s.skip(depth); !ok {
			return false
		}
		if more, ok := s.next(']'); !more {
			return ok
		}
	}
}

// key scans a key and its colon.
func (s *scanner) key() (body []byte, escaped, ok bool) {
	if s.peek() != '"' {
		return nil, false, s.fail("expected a key")
	}
	body, escaped, ok = s.str()
	if !ok {
		return nil, false, false
	}
	if s.peek() != ':' {
		return nil, false, s.fail("expected a colon after a key")
	}
	s.pos++
	return body, escaped, true
}

// next scans what follows an element: a comma (more), or the closing byte.
func (s *scanner) next(closing byte) (more, ok bool) {
	switch s.peek() {
	case ',':
		s.pos++
		return true, true
	case closing:
		s.pos++
		return false, true
	}
	return false, s.fail(fmt.Sprintf("expected a comma or %q", closing))
}
