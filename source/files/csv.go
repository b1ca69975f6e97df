package files

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/autonomous-data-pipeline/adp/schemas"
)

// cell is one value of a row of CSV.
type cell struct {
	text   []byte
	quoted bool
}

// row is the last row that cut has parsed. Its cells are valid until the next.
type row struct {
	cells []cell
	undo  []byte // texts whose doubled quotes were undone
}

// outcome is how far cut has come with a row.
type outcome int

const (
	whole   outcome = iota // the row is complete
	partial                // its end isn't there yet
	broken                 // it is no CSV: a quote stands where none may
)

// cut parses the row that text begins with, by RFC 4180: a cell that begins
// with a quote ends at the next quote that isn't doubled, and has line ends and
// delimiters of its own; a cell that doesn't has no quote in it. n is the row's
// length with its line end. ended says that nothing follows text.
func (r *row) cut(text []byte, comma byte, ended bool) (n int, how outcome) {
	r.cells, r.undo = r.cells[:0], r.undo[:0]
	for pos := 0; ; {
		var c cell
		var how outcome
		if pos < len(text) && text[pos] == '"' {
			c, pos, how = r.quoted(text, pos+1, ended)
		} else {
			c, pos, how = bare(text, pos, comma, ended)
		}
		if how != whole {
			return 0, how
		}
		r.cells = append(r.cells, c)
		switch {
		case pos >= len(text) && ended:
			return pos, whole
		case pos >= len(text):
			return 0, partial
		case text[pos] == comma:
			pos++
		case text[pos] == '\n':
			return pos + 1, whole
		case text[pos] == '\r' && pos+1 < len(text) && text[pos+1] == '\n':
			return pos + 2, whole
		case text[pos] == '\r' && pos+1 == len(text) && ended:
			return pos + 1, whole
		case text[pos] == '\r' && pos+1 == len(text):
			return 0, partial
		default:
			return 0, broken // something follows the closing quote
		}
		if pos == len(text) && !ended {
			return 0, partial
		}
	}
}

// bare is a cell without quotes; a carriage return counts as its own unless a
// line end follows.
func bare(text []byte, pos int, comma byte, ended bool) (cell, int, outcome) {
	for i := pos; i < len(text); i++ {
		switch text[i] {
		case comma:
			return cell{text: text[pos:i]}, i, whole
		case '"':
			return cell{}, 0, broken
		case '\n':
			end := i
			if end > pos && text[end-1] == '\r' {
				end--
			}
			return cell{text: text[pos:end]}, end, whole
		}
	}
	if !ended {
		return cell{}, 0, partial
	}
	end := len(text)
	if end > pos && text[end-1] == '\r' {
		end--
	}
	return cell{text: text[pos:end]}, end, whole
}

// quoted is a cell whose opening quote stands before pos.
func (r *row) quoted(text []byte, pos int, ended bool) (cell, int, outcome) {
	start, undone := pos, len(r.undo)
	doubled := false
	for {
		i := bytes.IndexByte(text[pos:], '"')
		switch {
		case i < 0 && ended:
			return cell{}, 0, broken // never closed
		case i < 0, pos+i+1 == len(text) && !ended:
			return cell{}, 0, partial // the quote may be the first of two
		}
		i += pos
		if i+1 == len(text) || text[i+1] != '"' {
			body := text[start:i]
			if doubled {
				r.undo = append(r.undo, text[pos:i]...)
				body = r.undo[undone:]
			}
			return cell{text: body, quoted: true}, i + 1, whole
		}
		r.undo = append(r.undo, text[pos:i+1]...) // with one of the two
		doubled, pos = true, i+2
	}
}

// table decodes CSV into JSON objects, the first row's cells naming the fields.
type table struct {
	*text
	src   io.Closer
	comma byte
	row   row
	keys  [][]byte // the fields' names as JSON
	types []schemas.Type
	out   []byte
}

// header takes the first row as the fields' names.
func (t *table) header(s *schemas.Schema) error {
	for {
		raw, how, err := t.cut()
		if err == io.EOF { //nolint:errorlint // a decoder's io.EOF is never wrapped
			return nil // an empty file has no records either
		}
		if err != nil {
			return err
		}
		if how != whole {
			return fmt.Errorf("its first row names no fields: %q", clipped(raw))
		}
		if len(raw) > 0 {
			return t.name(s)
		}
	}
}

func (t *table) name(s *schemas.Schema) error {
	seen := map[string]bool{}
	for _, c := range t.row.cells {
		name := string(c.text)
		switch {
		case name == "":
			return fmt.Errorf("its first row, which names the fields, has an empty cell (number %d)", len(t.keys)+1)
		case seen[name]:
			return fmt.Errorf("its first row names the field %q twice", name)
		}
		seen[name] = true
		t.keys = append(t.keys, quote(nil, c.text))
		t.types = append(t.types, typeOf(s, name))
	}
	return nil
}

func typeOf(s *schemas.Schema, name string) schemas.Type {
	if s != nil {
		if i := s.Index(name); i >= 0 {
			return s.Fields[i].Type
		}
	}
	return schemas.String
}

// cut is the next row: its raw text without its line end, and its cells if it
// is whole. One that is no CSV is a line of its own, so that a stray quote costs
// no other row.
func (t *table) cut() (raw []byte, how outcome, err error) {
	for {
		n, how := t.row.cut(t.unread(), t.comma, t.ended)
		switch {
		case how == whole && n == 0:
			return nil, whole, io.EOF
		case how == whole && n <= t.limit:
			raw := bytes.TrimRight(t.unread()[:n], "\r\n")
			t.skip(n)
			return raw, whole, nil
		case how != partial, len(t.unread()) > t.limit:
			line, err := t.line()
			return line, broken, err
		}
		if err := t.more(); err != nil {
			return nil, how, err
		}
	}
}

func (t *table) next() ([]byte, error) {
	for {
		raw, how, err := t.cut()
		switch {
		case err != nil:
			return nil, err
		case len(raw) == 0: // an empty line
		case how != whole, len(t.row.cells) != len(t.keys):
			return raw, nil // as it is: what is no JSON object, the engine keeps as malformed
		default:
			return t.object(), nil
		}
	}
}

func (t *table) close() error { return t.src.Close() }

func (t *table) object() []byte {
	t.out = append(t.out[:0], '{')
	for i, c := range t.row.cells {
		if i > 0 {
			t.out = append(t.out, ',')
		}
		t.out = append(append(t.out, t.keys[i]...), ':')
		t.out = value(t.out, c, t.types[i])
	}
	t.out = append(t.out, '}')
	return t.out
}

// value appends a cell as JSON. What doesn't read as its field's type stays a
// string: the engine reports that as what it is, a change of type.
func value(out []byte, c cell, typ schemas.Type) []byte {
	if len(c.text) == 0 && (!c.quoted || typ != schemas.String) {
		return append(out, "null"...)
	}
	switch typ {
	case schemas.Boolean:
		if word := strings.ToLower(string(c.text)); word == "true" || word == "false" {
			return append(out, word...)
		}
	case schemas.Int, schemas.Long, schemas.Timestamp, schemas.Date:
		if number(c.text) && !bytes.ContainsAny(c.text, ".eE") {
			return append(out, c.text...)
		}
	case schemas.Double:
		if number(c.text) {
			return append(out, c.text...)
		}
	case schemas.JSON:
		if json.Valid(c.text) {
			return append(out, c.text...)
		}
	}
	return quote(out, c.text)
}

// number reports whether the text is a number as JSON has it.
func number(text []byte) bool {
	return (text[0] == '-' || text[0] >= '0' && text[0] <= '9') && text[len(text)-1] > ' ' && json.Valid(text)
}

const hexDigits = "0123456789abcdef"

// quote appends text as a JSON string. Bytes that are no UTF-8 stay as they
// are, for the engine to reject: nothing is put in their place.
func quote(out, text []byte) []byte {
	out = append(out, '"')
	for _, b := range text {
		switch {
		case b == '"' || b == '\\':
			out = append(out, '\\', b)
		case b < 0x20:
			out = append(out, '\\', 'u', '0', '0', hexDigits[b>>4], hexDigits[b&15])
		default:
			out = append(out, b)
		}
	}
	return append(out, '"')
}

// clipped bounds what an error quotes.
func clipped(text []byte) []byte { return text[:min(len(text), 80)] }
