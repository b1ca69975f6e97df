package batch

import (
	"bytes"
	"slices"
	"unicode/utf8"

	"github.com/autonomous-data-pipeline/adp/pipeline"
	"github.com/autonomous-data-pipeline/adp/schemas"
)

// maxNameBytes bounds the name of an unknown field in profiles and reports.
const maxNameBytes = 256

// rowFault is one field's departure from the schema in one row.
type rowFault struct {
	row      int32
	field    int32
	kind     pipeline.DriftKind
	observed schemas.Observed // TypeChanged only
}

// unknown is a field that the schema doesn't have. Its name may alias the
// record.
type unknown struct {
	name []byte
	kind schemas.Observed
}

// decoder reads JSON records into columns, a row each. What it finds beside
// the values is in faults (kept until the caller clears them), and in unknown
// and repeated, which are the last row's.
//
// A record is malformed unless it is one JSON object as RFC 8259 has it, in
// valid UTF-8, nested at most maxDepth levels, with nothing behind it. Where a
// key occurs more than once the last value wins.
type decoder struct {
	scanner
	schema   *schemas.Schema
	cols     []column // the schema's fields; the caller may hold more behind them
	index    map[string]int
	faults   []rowFault
	unknown  []unknown
	repeated bool // a key occurred twice

	row      int // the row being written
	seen     []bool
	state    []rowFault // by field: kind is empty if the value conforms
	conforms bool
	keys     []byte // unescaped keys of this row
}

func newDecoder(s *schemas.Schema, cols []column) *decoder {
	d := &decoder{
		schema: s, cols: cols[:len(s.Fields)], index: make(map[string]int, len(s.Fields)),
		seen: make([]bool, len(s.Fields)), state: make([]rowFault, len(s.Fields)),
	}
	for i, f := range s.Fields {
		d.index[f.Name] = i
	}
	return d
}

// decode appends one row. It returns false for a malformed record, with the
// reason in problem; then nothing was appended.
func (d *decoder) decode(value []byte, row int) bool {
	d.scanner = scanner{buf: value}
	d.row, d.conforms, d.repeated = row, true, false
	d.unknown, d.keys = d.unknown[:0], d.keys[:0]
	clear(d.seen)
	if !d.record() {
		for i := range d.cols {
			d.cols[i].truncate(row)
		}
		return false
	}
	d.settleUnknown()
	for i := range d.seen {
		if !d.seen[i] {
			d.missing(i)
		}
	}
	if !d.conforms {
		d.report()
	}
	return true
}

func (d *decoder) record() bool {
	if !utf8.Valid(d.buf) {
		d.problem = "not valid UTF-8"
		return false
	}
	if d.peek() != '{' {
		return d.fail("expected an object")
	}
	d.pos++
	if d.peek() == '}' {
		d.pos++
		return d.end()
	}
	for guess := 0; ; {
		body, escaped, ok := d.key()
		if !ok {
			return false
		}
		i := d.find(body, escaped, guess)
		if i >= 0 {
			guess = i + 1
			ok = d.field(i)
		} else {
			ok = d.stray(body, escaped)
		}
		if !ok {
			return false
		}
		if more, ok := d.next('}'); !more {
			return ok && d.end()
		}
	}
}

func (d *decoder) end() bool {
	d.peek()
	if d.pos < len(d.buf) {
		return d.fail("expected nothing after the object")
	}
	return true
}

// find is the field of a key, or -1. Producers mostly keep the schema's order,
// so guess is tried before the index.
func (d *decoder) find(body []byte, escaped bool, guess int) int {
	if escaped {
		body = d.unescapeKey(body)
	}
	if guess < len(d.cols) && string(body) == d.cols[guess].name {
		return guess
	}
	if i, ok := d.index[string(body)]; ok {
		return i
	}
	return -1
}

func (d *decoder) unescapeKey(body []byte) []byte {
	start := len(d.keys)
	d.keys = unescape(d.keys, body)
	return d.keys[start:]
}

func (d *decoder) stray(body []byte, escaped bool) bool {
	kind, ok := d.skip(1)
	if !ok {
		return false
	}
	if escaped {
		body = d.unescapeKey(body)
	}
	d.unknown = append(d.unknown, unknown{clip(body, maxNameBytes), kind})
	return true
}

// fewUnknown is up to how many unknown fields are compared in pairs.
const fewUnknown = 8

// settleUnknown drops all but the last of repeated unknown fields.
func (d *decoder) settleUnknown() {
	if len(d.unknown) < 2 {
		return
	}
	slices.Reverse(d.unknown)
	kept := d.unknown[:0]
	var names map[string]struct{}
	if len(d.unknown) > fewUnknown {
		names = make(map[string]struct{}, len(d.unknown))
	}
	for _, u := range d.unknown {
		var again bool
		if names != nil {
			_, again = names[string(u.name)]
			names[string(u.name)] = struct{}{}
		} else {
			again = slices.ContainsFunc(kept, func(k unknown) bool { return bytes.Equal(k.name, u.name) })
		}
		if again {
			d.repeated = true
			continue
		}
		kept = append(kept, u)
	}
	d.unknown = kept
}
