package batch

import (
	"fmt"
	"math"
	"strings"

	"github.com/autonomous-data-pipeline/adp/pipeline"
	"github.com/autonomous-data-pipeline/adp/schemas"
)

// field reads a known field's value into its column.
func (d *decoder) field(i int) bool {
	c := &d.cols[i]
	if d.seen[i] {
		d.repeated = true
		c.truncate(d.row)
	}
	d.seen[i] = true
	d.state[i].kind = ""
	switch b := d.peek(); {
	case b == 'n':
		if !d.literal("null") {
			return false
		}
		d.null(i)
		return true
	case d.schema.Fields[i].Type == schemas.JSON:
		start := d.pos
		_, ok := d.skip(1)
		c.addBytes(d.buf[start:d.pos])
		return ok
	case b == '"':
		return d.text(i)
	case b == 't' || b == 'f':
		return d.boolean(i, b == 't')
	case b == '{' || b == '[':
		kind, ok := d.skip(1)
		d.mismatch(i, kind)
		return ok
	default:
		return d.numeric(i)
	}
}

func (d *decoder) text(i int) bool {
	c := &d.cols[i]
	body, escaped, ok := d.str()
	if !ok {
		return false
	}
	t := d.schema.Fields[i].Type
	if t == schemas.String {
		if escaped {
			c.text = unescape(c.text, body)
			c.endText()
		} else {
			c.addBytes(body)
		}
		return true
	}
	if escaped {
		body = d.unescapeKey(body)
	}
	switch t {
	case schemas.Timestamp:
		if v, ok := parseInstant(body); ok {
			c.addInt64(v)
			return true
		}
	case schemas.Date:
		if v, ok := parseDay(body); ok {
			c.addInt32(int32(v))
			return true
		}
	}
	d.mismatch(i, schemas.SawString)
	return true
}

func (d *decoder) boolean(i int, v bool) bool {
	word := "false"
	if v {
		word = "true"
	}
	if !d.literal(word) {
		return false
	}
	if d.schema.Fields[i].Type == schemas.Boolean {
		d.cols[i].addBool(v)
	} else {
		d.mismatch(i, schemas.SawBoolean)
	}
	return true
}

func (d *decoder) numeric(i int) bool {
	lit, integer, ok := d.number()
	if !ok {
		return false
	}
	if d.store(i, lit, integer) {
		return true
	}
	kind := numberKind(lit, integer)
	if t := d.schema.Fields[i].Type; integer && (t == schemas.Timestamp || t == schemas.Date) {
		kind = outOfRange // it has the right type, but names no instant or day
	}
	d.mismatch(i, kind)
	return true
}

// store writes a number into its column if the column's type takes it.
func (d *decoder) store(i int, lit []byte, integer bool) bool {
	c, f := &d.cols[i], &d.schema.Fields[i]
	if f.Type == schemas.Double {
		v, ok := parseDouble(lit)
		if ok {
			c.addFloat(v)
		}
		return ok
	}
	if !integer {
		return false
	}
	v, ok := parseLong(lit)
	if !ok {
		return false
	}
	switch f.Type {
	case schemas.Long:
		c.addInt64(v)
		return true
	case schemas.Int:
		return c.addIfInt32(v, math.MinInt32, math.MaxInt32)
	case schemas.Date:
		return c.addIfInt32(v, minDay, maxDay)
	case schemas.Timestamp:
		if v, ok = microsOf(v, f.Millis); ok {
			c.addInt64(v)
		}
		return ok
	}
	return false
}

func (c *column) addIfInt32(v, lo, hi int64) bool {
	if v < lo || v > hi {
		return false
	}
	c.addInt32(int32(v))
	return true
}

func (d *decoder) mismatch(i int, observed schemas.Observed) {
	d.cols[i].addNull()
	d.mark(i, pipeline.TypeChanged, observed)
}

func (d *decoder) null(i int) {
	d.cols[i].addNull()
	if !d.schema.Fields[i].Nullable {
		d.mark(i, pipeline.NullInRequired, 0)
	}
}

func (d *decoder) missing(i int) {
	d.cols[i].addNull()
	d.state[i].kind = ""
	if !d.schema.Fields[i].Nullable {
		d.mark(i, pipeline.FieldMissing, 0)
	}
}

func (d *decoder) mark(i int, kind pipeline.DriftKind, observed schemas.Observed) {
	d.state[i] = rowFault{row: int32(d.row), field: int32(i), kind: kind, observed: observed}
	d.conforms = false
}

// report moves the row's departures to faults, in the schema's order. A later
// duplicate of a key may have taken one back.
func (d *decoder) report() {
	for _, f := range d.state {
		if f.kind != "" {
			d.faults = append(d.faults, f)
		}
	}
}

// reason says the same for people.
func (d *decoder) reason(f rowFault) pipeline.Reason {
	field := d.schema.Fields[f.field]
	r := pipeline.Reason{Code: string(f.kind), Field: field.Name}
	switch f.kind {
	case pipeline.TypeChanged:
		r.Detail = fmt.Sprintf("expected %s, got %s", field.Type, observedText(f.observed))
	case pipeline.FieldMissing:
		r.Detail = fmt.Sprintf("expected %s, the field is missing", field.Type)
	case pipeline.NullInRequired:
		r.Detail = fmt.Sprintf("expected %s, got null", field.Type)
	}
	return r
}

// observedNames are in the order of schemas.Observed's bits.
var observedNames = [...]string{"null", "boolean", "long", "double", "string", "object", "array", "number out of range"}

// observedText names the kinds that were seen, joined by "|".
func observedText(o schemas.Observed) string {
	var names []string
	for i, n := range observedNames {
		if o&(1<<i) != 0 {
			names = append(names, n)
		}
	}
	return strings.Join(names, "|")
}
