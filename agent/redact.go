package agent

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"unicode"
)

// The bounds of a redacted sample.
const (
	maxShape  = 24 // runes of a value's shape
	maxFields = 40
)

// Redact shows what a record looks like without what it says: letters become
// a, digits 9, and what is left is the shape of each value. Of a JSON object
// the field names stay; anything else is shown as one shape.
func Redact(raw []byte) string {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	var v any
	if d.Decode(&v) != nil || d.More() {
		return shape(string(raw))
	}
	left := maxFields
	b, err := json.Marshal(redacted(v, &left))
	if err != nil {
		return shape(string(raw))
	}
	return string(b)
}

func redacted(v any, left *int) any {
	switch v := v.(type) {
	case map[string]any:
		out := map[string]any{}
		for _, k := range slices.Sorted(maps.Keys(v)) {
			if *left--; *left < 0 {
				break
			}
			out[clip(plain(k), maxName)] = redacted(v[k], left)
		}
		return out
	case []any:
		out := []any{}
		for _, x := range v {
			if *left--; *left < 0 {
				break
			}
			out = append(out, redacted(x, left))
		}
		return out
	case string:
		return shape(v)
	case json.Number:
		return shape(v.String())
	}
	return v // true, false or null
}

func shape(s string) string {
	var b strings.Builder
	n := 0
	for _, r := range s {
		if n++; n > maxShape {
			return b.String() + "…"
		}
		switch {
		case unicode.IsDigit(r):
			r = '9'
		case unicode.IsUpper(r):
			r = 'A'
		case unicode.IsLetter(r):
			r = 'a'
		case r > unicode.MaxASCII || unicode.IsControl(r):
			r = '?'
		}
		b.WriteRune(r)
	}
	return b.String()
}
