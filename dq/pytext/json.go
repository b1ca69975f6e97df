package pytext

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// maxDepth is how deep lists and objects may nest. Python's recursion limit
// counts the callers too: Great Expectations, called from a script, reads a
// list nested 976 deep, and json.loads alone 993.
const maxDepth = 976

// maxDigits is the longest whole number that Python's int reads.
const maxDigits = 4300

// JSON says whether json.loads reads the text: JSON with NaN, Infinity and
// -Infinity, without a byte order mark.
func JSON(s string) bool {
	sc := scanner{s: s}
	_, ok := sc.document()
	return ok
}

// JSONError is what json.loads says about a text that it can't read.
type JSONError struct {
	Message string
	// Line and Column count from 1, Char from 0, in characters. They are 0, 0
	// and -1 if the message isn't about a place.
	Line, Column, Char int
}

// Error is Python's message, such as
// "Expecting value: line 1 column 1 (char 0)".
func (e *JSONError) Error() string {
	if e.Char < 0 {
		return e.Message
	}
	return fmt.Sprintf("%s: line %d column %d (char %d)", e.Message, e.Line, e.Column, e.Char)
}

// scanner reads one text as CPython's _json does, in the same order, so that
// the first thing wrong is the same.
type scanner struct {
	s     string
	pos   int
	build bool // make values; otherwise all values are nil

	message string // what is wrong, and at which byte; -1: nowhere
	at      int
}

func (sc *scanner) fail(at int, message string) bool {
	sc.at, sc.message = at, message
	return false
}

// problem is what went wrong, once document has said that something did.
func (sc *scanner) problem() *JSONError {
	if sc.at < 0 {
		return &JSONError{Message: sc.message, Char: -1}
	}
	before := sc.s[:sc.at]
	line := strings.LastIndexByte(before, '\n') + 1
	return &JSONError{
		Message: sc.message,
		Line:    strings.Count(before, "\n") + 1,
		Column:  utf8.RuneCountInString(before[line:]) + 1,
		Char:    utf8.RuneCountInString(before),
	}
}

func (sc *scanner) document() (any, bool) {
	if strings.HasPrefix(sc.s, "\ufeff") {
		return nil, sc.fail(0, "Unexpected UTF-8 BOM (decode using utf-8-sig)")
	}
	sc.space()
	v, ok := sc.value(0)
	if !ok {
		return nil, false
	}
	sc.space()
	if sc.pos < len(sc.s) {
		return nil, sc.fail(sc.pos, "Extra data")
	}
	return v, true
}

// peek is the next byte, or 0 at the text's end. A NUL in the text is no
// token either.
func (sc *scanner) peek() byte {
	if sc.pos < len(sc.s) {
		return sc.s[sc.pos]
	}
	return 0
}

func (sc *scanner) space() {
	for sc.pos < len(sc.s) {
		switch sc.s[sc.pos] {
		case ' ', '\t', '\n', '\r':
			sc.pos++
		default:
			return
		}
	}
}

func (sc *scanner) value(depth int) (any, bool) {
	switch sc.peek() {
	case '"':
		return sc.text()
	case '{':
		if depth >= maxDepth {
			return nil, sc.fail(-1, "maximum recursion depth exceeded while decoding a JSON object from a unicode string")
		}
		return sc.object(depth + 1)
	case '[':
		if depth >= maxDepth {
			return nil, sc.fail(-1, "maximum recursion depth exceeded while decoding a JSON array from a unicode string")
		}
		return sc.list(depth + 1)
	}
	for _, word := range words {
		if strings.HasPrefix(sc.s[sc.pos:], word.text) {
			sc.pos += len(word.text)
			return word.value, true
		}
	}
	return sc.number()
}

func (sc *scanner) object(depth int) (any, bool) {
	var pairs map[string]any
	if sc.build {
		pairs = map[string]any{}
	}
	sc.pos++
	sc.space()
	if sc.peek() == '}' {
		sc.pos++
		return pairs, true
	}
	for {
		if sc.peek() != '"' {
			return nil, sc.fail(sc.pos, "Expecting property name enclosed in double quotes")
		}
		key, ok := sc.text()
		if !ok {
			return nil, false
		}
		if sc.space(); sc.peek() != ':' {
			return nil, sc.fail(sc.pos, "Expecting ':' delimiter")
		}
		sc.pos++
		sc.space()
		v, ok := sc.value(depth)
		if !ok {
			return nil, false
		}
		if sc.build {
			pairs[key.(string)] = v
		}
		if more, ok := sc.next('}'); !more {
			return pairs, ok
		}
	}
}

func (sc *scanner) list(depth int) (any, bool) {
	var items []any
	if sc.build {
		items = []any{}
	}
	sc.pos++
	sc.space()
	if sc.peek() == ']' {
		sc.pos++
		return items, true
	}
	for {
		v, ok := sc.value(depth)
		if !ok {
			return nil, false
		}
		if sc.build {
			items = append(items, v)
		}
		if more, ok := sc.next(']'); !more {
			return items, ok
		}
	}
}

// next goes over a comma to the next member; more is false at the end, or if
// neither is there.
func (sc *scanner) next(end byte) (more, ok bool) {
	sc.space()
	switch sc.peek() {
	case end:
		sc.pos++
		return false, true
	case ',':
		sc.pos++
		sc.space()
		return true, true
	}
	return false, sc.fail(sc.pos, "Expecting ',' delimiter")
}
