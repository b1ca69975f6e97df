package batch

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"unicode/utf8"

	"github.com/autonomous-data-pipeline/adp/pipeline"
	"github.com/autonomous-data-pipeline/adp/schemas"
	"github.com/autonomous-data-pipeline/adp/source"
)

// Mapping mends raw JSON records: fields are renamed, then cast, then missing
// and null ones take their default. What it adds is the schema's business.
type Mapping pipeline.Mapping

// Validate reports every entry that can't be applied, as one BadData fault:
// the mapping is a person's answer, not a setting.
func (m Mapping) Validate() error {
	var errs []error
	targets := map[string]string{}
	for _, from := range slices.Sorted(maps.Keys(m.Rename)) {
		to := m.Rename[from]
		if from == "" || to == "" || from == to {
			errs = append(errs, fmt.Errorf("rename %q to %q: two different names are needed", from, to))
		}
		if other, taken := targets[to]; taken {
			errs = append(errs, fmt.Errorf("rename %q to %q: %q goes there already", from, to, other))
		}
		targets[to] = from
	}
	for _, field := range slices.Sorted(maps.Keys(m.Cast)) {
		switch schemas.Type(m.Cast[field]) {
		case schemas.String, schemas.Long, schemas.Double, schemas.Boolean:
		default:
			errs = append(errs, fmt.Errorf("cast %q to %q: only string, long, double and boolean are known", field, m.Cast[field]))
		}
	}
	for _, field := range slices.Sorted(maps.Keys(m.Default)) {
		if v := m.Default[field]; !json.Valid(v) || !utf8.Valid(v) {
			errs = append(errs, fmt.Errorf("default of %q: %q is not JSON", field, v))
		}
	}
	for _, field := range m.Add {
		if _, moved := m.Rename[field]; moved || field == "" {
			errs = append(errs, fmt.Errorf("add %q: a field that has a name and isn't renamed is needed", field))
		}
	}
	if len(m.Rename)+len(m.Cast)+len(m.Default)+len(m.Add) == 0 {
		errs = append(errs, errors.New("it names no field"))
	}
	if len(errs) > 0 {
		return pipeline.Faultf(pipeline.BadData, "apply the mapping: %w", errors.Join(errs...))
	}
	return nil
}

// WithMapping applies the mapping to every record that r reads. A record that
// it can't mend as a whole (it is malformed, a renamed field's place is taken,
// or a value can't be cast without loss) comes out unchanged.
func WithMapping(r source.Reader, m Mapping) source.Reader {
	return mappedReader{r, m}
}

type mappedReader struct {
	source.Reader
	mapping Mapping
}

// Read passes on what the reader underneath gives, mended.
func (r mappedReader) Read(ctx context.Context, topic string, want pipeline.Range, fn func([]source.Record) error) error {
	return r.Reader.Read(ctx, topic, want, func(records []source.Record) error {
		mended := make([]source.Record, len(records))
		for i, rec := range records {
			rec.Value = r.mapping.Mend(rec.Value)
			mended[i] = rec
		}
		return fn(mended)
	})
}

// member is one field of a JSON object, as text.
type member struct {
	name  string
	value []byte
}

// Mend mends one record, or returns it as it is.
func (m Mapping) Mend(raw []byte) []byte {
	members, ok := splitObject(raw)
	if !ok {
		return raw
	}
	if members, ok = m.rename(members); !ok {
		return raw
	}
	for i, f := range members {
		to, wanted := m.Cast[f.name]
		if !wanted || string(f.value) == "null" {
			continue
		}
		if members[i].value, ok = cast(f.value, schemas.Type(to)); !ok {
			return raw
		}
	}
	return joinObject(m.fill(members))
}

func (m Mapping) rename(members []member) ([]member, bool) {
	out := make([]member, 0, len(members))
	for _, f := range members {
		if to, ok := m.Rename[f.name]; ok {
			f.name = to
		}
		at := slices.IndexFunc(out, func(o member) bool { return o.name == f.name })
		switch {
		case at < 0:
			out = append(out, f)
		case string(out[at].value) == "null":
			out[at].value = f.value
		case string(f.value) != "null":
			return nil, false
		}
	}
	return out, true
}

func (m Mapping) fill(members []member) []member {
	for _, name := range slices.Sorted(maps.Keys(m.Default)) {
		at := slices.IndexFunc(members, func(f member) bool { return f.name == name })
		if at < 0 {
			members = append(members, member{name, m.Default[name]})
		} else if string(members[at].value) == "null" {
			members[at].value = m.Default[name]
		}
	}
	return members
}

// splitObject parts a JSON object into its fields; of a repeated one the last
// value stays, in the first one's place.
func splitObject(raw []byte) ([]member, bool) {
	s := scanner{buf: raw}
	if !utf8.Valid(raw) || s.peek() != '{' {
		return nil, false
	}
	s.pos++
	var out []member
	at := map[string]int{}
	for more := s.peek() != '}'; more; {
		body, _, ok := s.key()
		if !ok {
			return nil, false
		}
		name := string(unescape(nil, body))
		s.peek()
		start := s.pos
		if _, ok := s.skip(1); !ok {
			return nil, false
		}
		if i, again := at[name]; again {
			out[i].value = raw[start:s.pos]
		} else {
			at[name] = len(out)
			out = append(out, member{name, raw[start:s.pos]})
		}
		if s.peek() == ',' {
			s.pos++
		} else if more = false; s.peek() != '}' {
			return nil, false
		}
	}
	s.pos++
	s.peek()
	return out, s.pos == len(raw)
}

func joinObject(members []member) []byte {
	out := []byte{'{'}
	for i, f := range members {
		if i > 0 {
			out = append(out, ',')
		}
		out = append(appendJSONString(out, f.name), ':')
		out = append(out, f.value...)
	}
	return append(out, '}')
}

// appendJSONString quotes valid UTF-8 text.
func appendJSONString(dst []byte, s string) []byte {
	dst = append(dst, '"')
	for _, c := range []byte(s) {
		switch {
		case c == '"' || c == '\\':
			dst = append(dst, '\\', c)
		case c < 0x20:
			dst = fmt.Appendf(dst, `\u%04x`, c)
		default:
			dst = append(dst, c)
		}
	}
	return append(dst, '"')
}
