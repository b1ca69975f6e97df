package batch

import (
	"bytes"
	"encoding/json"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/autonomous-data-pipeline/adp/pipeline"
	"github.com/autonomous-data-pipeline/adp/schemas"
)

var rfc3339 = regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]([01]\d|2[0-3]):[0-5]\d)$`)

// oracle decodes a value as encoding/json and package time see it: nil if it
// doesn't fit the field.
func oracle(f schemas.Field, raw json.RawMessage) any {
	var v any
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	if dec.Decode(&v) != nil || v == nil {
		return nil
	}
	if f.Type == schemas.JSON {
		return string(raw)
	}
	switch v := v.(type) {
	case bool:
		if f.Type == schemas.Boolean {
			return v
		}
	case json.Number:
		return oracleNumber(f, v)
	case string:
		switch at, err := time.Parse(time.RFC3339, v); {
		case f.Type == schemas.String:
			return v
		case f.Type == schemas.Timestamp && err == nil && rfc3339.MatchString(v) && at.UTC().Year() >= 1 && at.UTC().Year() <= 9999:
			return at.UnixMicro()
		}
		if day, err := time.Parse(time.DateOnly, v); f.Type == schemas.Date && err == nil && len(v) == 10 && day.Year() >= 1 {
			return day.Unix() / 86400
		}
	}
	return nil
}

func oracleNumber(f schemas.Field, n json.Number) any {
	if f.Type == schemas.Double {
		if v, err := n.Float64(); err == nil {
			return v
		}
		return nil
	}
	v, err := strconv.ParseInt(n.String(), 10, 64)
	switch {
	case err != nil:
		return nil
	case f.Type == schemas.Long,
		f.Type == schemas.Int && v == int64(int32(v)),
		f.Type == schemas.Date && v >= minDay && v <= maxDay:
		return v
	case f.Type == schemas.Timestamp && f.Millis && v >= minMicros/1000 && v <= maxMicros/1000:
		return v * 1000
	case f.Type == schemas.Timestamp && !f.Millis && v >= minMicros && v <= maxMicros:
		return v
	}
	return nil
}

// depth is how deep a valid JSON text nests.
func depth(b []byte) int {
	level, deepest := 0, 0
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.UseNumber()
	for {
		tok, err := dec.Token()
		if err != nil {
			return deepest
		}
		switch tok {
		case json.Delim('{'), json.Delim('['):
			level++
			deepest = max(deepest, level)
		case json.Delim('}'), json.Delim(']'):
			level--
		}
	}
}

func FuzzDecode(f *testing.F) {
	for _, seed := range []string{
		`{"bool":true,"int":1,"long":2,"double":3.5,"text":"x","micros":"2026-11-23T10:00:00.25+01:00","millis":1700000000000,"day":"2026-11-23","json":{"a":[1,null]}}`,
		`{"bool":false,"int":-2147483649,"long":9223372036854775808,"double":1e999,"text":"\ud800\u0041","micros":"2026-02-30T10:00:00Z","day":19000}`,
		` { "x" : [ { } , [ ] , -0.0e-0 ] , "x" : null , "json" : "é" } `,
		`{"int":012}`, `{"int":1}}`, `[]`, ``, `{"text":"` + "\xff" + `"}`, `{"\u0069nt":7,"":0}`,
		`{"a":` + strings.Repeat(`[`, 512) + strings.Repeat(`]`, 512) + `}`, `{"day":"0000-01-01","micros":-62135596800000001}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, value []byte) {
		d, ok := decodeOne(t, string(value))
		var fields map[string]json.RawMessage
		valid := utf8.Valid(value) && json.Valid(value) && json.Unmarshal(value, &fields) == nil && fields != nil && depth(value) <= maxDepth
		if ok != valid {
			t.Fatalf("decode = %v (%s), encoding/json says %v", ok, d.problem, valid)
		}
		if !ok {
			return
		}
		for i, field := range d.schema.Fields {
			raw, there := fields[field.Name]
			delete(fields, field.Name)
			want := oracle(field, raw)
			if got := rawValue(&d.cols[i], 1); got != want {
				t.Errorf("field %s of %s = %v, want %v", field.Name, raw, got, want)
			}
			if kind, want := faultOf(d, i), wantFault(field, raw, there, want); kind != want {
				t.Errorf("field %s of %s is %q, want %q", field.Name, raw, kind, want)
			}
		}
		if len(d.unknown) != len(fields) && !hasLongName(fields) {
			t.Errorf("%d unknown fields, want %d", len(d.unknown), len(fields))
		}
	})
}

func hasLongName(fields map[string]json.RawMessage) bool {
	for name := range fields {
		if len(name) > maxNameBytes {
			return true
		}
	}
	return false
}

func faultOf(d *decoder, field int) pipeline.DriftKind {
	for _, f := range d.faults {
		if int(f.field) == field {
			return f.kind
		}
	}
	return ""
}

func wantFault(f schemas.Field, raw json.RawMessage, there bool, value any) pipeline.DriftKind {
	switch {
	case !there && !f.Nullable:
		return pipeline.FieldMissing
	case there && string(raw) == "null" && !f.Nullable:
		return pipeline.NullInRequired
	case there && string(raw) != "null" && value == nil:
		return pipeline.TypeChanged
	}
	return ""
}
