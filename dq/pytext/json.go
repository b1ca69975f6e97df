package pytext

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// What Python's json module refuses: it recurses, and integers have a limit of
// digits.
const (
	maxDepth  = 990
	maxDigits = 4300
)

// JSON reports whether Python's json.loads takes the text. It takes NaN,
// Infinity and -Infinity, too.
func JSON(s string) bool {
	p := &jsonScanner{text: s}
	return p.document() == nil
}

// jsonError is Python's JSONDecodeError.
type jsonError struct {
	message string
	text    string
	at      int // byte
}

// Error is Python's own message: lines and characters count from 1, char from 0.
func (e *jsonError) Error() string {
	before := e.text[:e.at]
	line, start := 1+strings.Count(before, "\n"), strings.LastIndexByte(before, '\n')+1
	return fmt.Sprintf("%s: line %d column %d (char %d)", e.message, line, utf8.RuneCountInString(before[start:])+1, utf8.RuneCountInString(before))
}

type jsonScanner struct {
	text  string
	at    int
	depth int
}

func (p *jsonScanner) fail(at int, message string) error {
	return &jsonError{message, p.text, min(at, len(p.text))}
}

func (p *jsonScanner) document() error {
	if strings.HasPrefix(p.text, "\ufeff") {
		return p.fail(0, "Unexpected UTF-8 BOM (decode using utf-8-sig)")
	}
	p.space()
	if err := p.value(); err != nil {
		return err
	}
	if p.space(); p.at < len(p.text) {
		return p.fail(p.at, "Extra data")
	}
	return nil
}

func (p *jsonScanner) space() {
	for p.at < len(p.text) && strings.IndexByte(" \t\n\r", p.text[p.at]) >= 0 {
		p.at++
	}
}

func (p *jsonScanner) peek() byte {
	if p.at < len(p.text) {
		return p.text[p.at]
	}
	return 0
}

func (p *jsonScanner) word(w string) bool {
	if strings.HasPrefix(p.text[p.at:], w) {
		p.at += len(w)
		return true
	}
	return false
}

func (p *jsonScanner) value() error {
	switch p.peek() {
	case '"':
		return p.string()
	case '{':
		return p.nested(p.object)
	case '[':
		return p.nested(p.array)
	}
	for _, w := range []string{"null", "true", "false", "NaN", "Infinity", "-Infinity"} {
		if p.word(w) {
			return nil
		}
	}
	return p.number()
}

func (p *jsonScanner) nested(read func() error) error {
	if p.depth++; p.depth > maxDepth {
		return p.fail(p.at, "maximum recursion depth exceeded while decoding a JSON document")
	}
	p.at++
	err := read()
	p.depth--
	return err
}

func (p *jsonScanner) object() error {
	p.space()
	if p.word("}") {
		return nil
	}
	for {
		if p.peek() != '"' {
			return p.fail(p.at, "Expecting property name enclosed in double quotes")
		}
		if err := p.string(); err != nil {
			return err
		}
		p.space()
		if !p.word(":") {
			return p.fail(p.at, "Expecting ':' delimiter")
		}
		p.space()
		if err := p.value(); err != nil {
			return err
		}
		p.space()
		if p.word("}") {
			return nil
		}
		if !p.word(",") {
			return p.fail(p.at, "Expecting ',' delimiter")
		}
		p.space()
	}
}

func (p *jsonScanner) array() error {
	p.space()
	if p.word("]") {
		return nil
	}
	for {
		if err := p.value(); err != nil {
			return err
		}
		p.space()
		if p.word("]") {
			return nil
		}
		if !p.word(",") {
			return p.fail(p.at, "Expecting ',' delimiter")
		}
		p.space()
	}
}

func (p *jsonScanner) digits() int {
	from := p.at
	for p.peek() >= '0' && p.peek() <= '9' {
		p.at++
	}
	return p.at - from
}

func (p *jsonScanner) number() error {
	from := p.at
	p.word("-")
	first, whole := p.at, 1
	if !p.word("0") {
		if whole = p.digits(); whole == 0 {
			return p.fail(from, "Expecting value")
		}
	}
	end, fraction := p.at, false
	if p.word(".") && p.digits() > 0 {
		end, fraction = p.at, true
	}
	p.at = end
	if p.word("e") || p.word("E") {
		if !p.word("+") {
			p.word("-")
		}
		if p.digits() > 0 {
			end, fraction = p.at, true
		}
	}
	p.at = end
	if !fraction && whole > maxDigits {
		return p.fail(first, fmt.Sprintf("Exceeds the limit (%d digits) for integer string conversion", maxDigits))
	}
	return nil
}

func (p *jsonScanner) string() error {
	from := p.at
	for p.at++; p.at < len(p.text); p.at++ {
		switch c := p.text[p.at]; {
		case c == '"':
			p.at++
			return nil
		case c < 0x20:
			return p.fail(p.at, "Invalid control character at")
		case c == '\\':
			if err := p.escape(from); err != nil {
				return err
			}
		}
	}
	return p.fail(from, "Unterminated string starting at")
}

// escape leaves the scanner on its last byte.
func (p *jsonScanner) escape(from int) error {
	at := p.at
	if p.at++; p.at >= len(p.text) {
		return p.fail(from, "Unterminated string starting at")
	}
	if p.text[p.at] != 'u' {
		if strings.IndexByte(`"\/bfnrt`, p.text[p.at]) < 0 {
			return p.fail(at, "Invalid \\escape")
		}
		return nil
	}
	for n := 1; n <= 4; n++ {
		if p.at+n >= len(p.text) || strings.IndexByte("0123456789abcdefABCDEF", p.text[p.at+n]) < 0 {
			return p.fail(p.at, "Invalid \\uXXXX escape")
		}
	}
	p.at += 4
	return nil
}
