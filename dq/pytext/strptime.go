package pytext

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Format is a layout of datetime.strptime. It is safe for concurrent use.
type Format struct {
	parts []part
}

// part is one piece of a layout: a directive, a literal character, or
// whitespace.
type part struct {
	directive byte // 0 for a literal, ' ' for whitespace
	char      rune // the literal
	nth       int  // which of the directives it is
}

// compound are the directives that stand for others, in the C locale.
var compound = strings.NewReplacer("%%", "%%", "%c", "%a %b %d %H:%M:%S %Y", "%x", "%m/%d/%y", "%X", "%H:%M:%S")

// ParseFormat reads a layout. It refuses what Great Expectations refuses: what
// strptime can't read, and what can't read the date that it wrote itself.
func ParseFormat(layout string) (*Format, error) {
	refuse := func(why string) (*Format, error) {
		return nil, fmt.Errorf("use the strftime format %q: %s", layout, why)
	}
	if strings.ContainsRune(layout, 0) {
		return refuse("it contains a NUL character: leave it out")
	}
	f := &Format{}
	seen := map[byte]bool{}
	rest := compound.Replace(layout)
	for len(rest) > 0 {
		r, size := utf8.DecodeRuneInString(rest)
		rest = rest[size:]
		switch {
		case isSpace(r):
			rest = strings.TrimLeftFunc(rest, isSpace)
			f.parts = append(f.parts, part{directive: ' '})
			continue
		case r != '%':
			f.parts = append(f.parts, part{char: r})
			continue
		case rest == "":
			return refuse("stray %: write %% to mean it")
		}
		r, size = utf8.DecodeRuneInString(rest)
		rest = rest[size:]
		switch {
		case r == '%':
			f.parts = append(f.parts, part{char: '%'})
		case r >= utf8.RuneSelf || directives[byte(r)] == nil:
			return refuse(fmt.Sprintf("%q is a bad directive: strptime knows %s", "%"+string(r), known))
		case seen[byte(r)]:
			return refuse(fmt.Sprintf("%%%c comes twice (%%c, %%x and %%X contain others): leave one out", r))
		default:
			f.parts = append(f.parts, part{directive: byte(r), nth: len(seen)})
			seen[byte(r)] = true
		}
	}
	if sample := f.sample(); !f.Match(sample) {
		return refuse(fmt.Sprintf("it can't read %q, which it wrote: %%G and %%V need each other, a weekday, and no %%Y", sample))
	}
	return f, nil
}

// sample is what strftime writes for a date.
func (f *Format) sample() string {
	var b strings.Builder
	for _, p := range f.parts {
		switch p.directive {
		case 0:
			b.WriteRune(p.char)
		case ' ':
			b.WriteByte(' ')
		default:
			b.WriteString(samples[p.directive])
		}
	}
	return b.String()
}

// Match says whether datetime.strptime reads the text.
func (f *Format) Match(s string) bool {
	m := matching{parts: f.parts, text: s}
	end, ok := m.from(0, 0)
	if !ok || end < len(s) {
		return false
	}
	fields := m.fields()
	return fields.valid()
}

// matching is one run of a layout over a text. It tries what a directive may
// take in the order in which Python's regular expression does, and goes back
// where the rest doesn't fit.
type matching struct {
	parts []part
	text  string
	took  [maxDirectives]string // of the text, by each directive

	steps int
	dead  map[[2]int]bool // parts and places from which nothing fits
}

// manySteps is when matching begins to note dead ends, so that no text takes
// more than its length times the layout's.
const manySteps = 1000

func (m *matching) from(part, pos int) (end int, ok bool) {
	if part == len(m.parts) {
		return pos, true
	}
	if m.steps++; m.steps > manySteps {
		if m.dead == nil {
			m.dead = map[[2]int]bool{}
		}
		if m.dead[[2]int{part, pos}] {
			return 0, false
		}
		defer func() {
			if !ok {
				m.dead[[2]int{part, pos}] = true
			}
		}()
	}
	switch p := m.parts[part]; p.directive {
	case 0:
		r, size := utf8.DecodeRuneInString(m.text[pos:])
		if size == 0 || !sameFold(r, p.char) {
			return 0, false
		}
		return m.from(part+1, pos+size)
	case ' ':
		return m.space(part, pos)
	default:
		return m.directive(part, pos)
	}
}

// space takes as much whitespace as there is, and gives it back bit by bit.
func (m *matching) space(part, pos int) (int, bool) {
	after := len(m.text) - len(strings.TrimLeftFunc(m.text[pos:], isSpace))
	for after > pos {
		if end, ok := m.from(part+1, after); ok {
			return end, true
		}
		_, size := utf8.DecodeLastRuneInString(m.text[:after])
		after -= size
	}
	return 0, false
}

func (m *matching) directive(part, pos int) (int, bool) {
	for _, choice := range directives[m.parts[part].directive] {
		size, ok := choice.prefix(m.text[pos:])
		if !ok {
			continue
		}
		if end, ok := m.from(part+1, pos+size); ok {
			m.took[m.parts[part].nth] = m.text[pos : pos+size]
			return end, true
		}
	}
	return 0, false
}

// alike are lower-case letters that Python takes for one another, and that
// Unicode's simple folding keeps apart.
var alike = map[rune]rune{'i': '\u0131', '\u0131': 'i', '\u0390': '\u1FD3', '\u1FD3': '\u0390', '\u03B0': '\u1FE3', '\u1FE3': '\u03B0', '\uFB05': '\uFB06', '\uFB06': '\uFB05'}

// sameFold compares as Python's re.IGNORECASE does.
func sameFold(a, b rune) bool {
	if a == b {
		return true
	}
	a, b = unicode.ToLower(a), unicode.ToLower(b)
	if a == b || b != 0 && alike[a] == b {
		return true
	}
	for r := unicode.SimpleFold(a); r != a; r = unicode.SimpleFold(r) {
		if r == b {
			return true
		}
	}
	return false
}
