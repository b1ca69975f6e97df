package batch

import (
	"bytes"
	"strconv"

	"github.com/autonomous-data-pipeline/adp/schemas"
)

// cast turns a JSON value into another type's, without loss.
func cast(value []byte, to schemas.Type) ([]byte, bool) {
	text := value
	quoted := value[0] == '"'
	if quoted {
		text = bytes.TrimSpace(unescape(nil, value[1:len(value)-1]))
	}
	if value[0] == '{' || value[0] == '[' {
		return nil, false
	}
	if to == schemas.String {
		if quoted {
			return value, true
		}
		return appendJSONString(nil, string(value)), true
	}
	if to == schemas.Boolean {
		return text, string(text) == "true" || string(text) == "false"
	}
	s := scanner{buf: text}
	lit, integer, ok := s.number()
	if !ok || s.pos != len(text) {
		return nil, false
	}
	if to == schemas.Double {
		_, ok = parseDouble(lit)
		return lit, ok
	}
	return castLong(lit, integer)
}

// castLong takes 42, 42.0 and 4.2e1, but not 42.5.
func castLong(lit []byte, integer bool) ([]byte, bool) {
	if integer {
		_, ok := parseLong(lit)
		return lit, ok
	}
	const exact = 1 << 53
	v, ok := parseDouble(lit)
	if !ok || v != float64(int64(v)) || v >= exact || v <= -exact {
		return nil, false
	}
	return strconv.AppendInt(nil, int64(v), 10), true
}
