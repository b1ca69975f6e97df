// Package schemas reads data contracts (Avro record schemas), evolves them and
// says what drift is additive. It does no I/O.
package schemas

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Type is a column's type.
type Type string

// The column types, by their Avro spelling.
const (
	Boolean   Type = "boolean"
	Int       Type = "int"       // 32 bits, signed
	Long      Type = "long"      // 64 bits, signed
	Double    Type = "double"    // Avro float and double alike
	String    Type = "string"    // UTF-8
	Timestamp Type = "timestamp" // an instant in UTC, microseconds; in JSON RFC 3339 text, or an integer in the declared unit
	Date      Type = "date"      // days since 1970-01-01; in JSON "YYYY-MM-DD" or an integer
	JSON      Type = "json"      // any JSON value, kept as its text; Avro string with "adp.type": "json"
)

// Field is one column of a table.
type Field struct {
	Name     string
	Type     Type
	Millis   bool // Timestamp only: integers in the data count milliseconds, not microseconds
	Nullable bool
	Doc      string
}

// Schema is a record's contract. It is immutable: Add returns a new one.
type Schema struct {
	Name      string
	Namespace string
	Doc       string
	Fields    []Field
}

// Index is the position of a field, or -1.
func (s *Schema) Index(name string) int {
	return slices.IndexFunc(s.Fields, func(f Field) bool { return f.Name == name })
}

// avroRecord is the wire form of a record schema.
type avroRecord struct {
	Type      string      `json:"type"`
	Name      string      `json:"name"`
	Namespace string      `json:"namespace,omitempty"`
	Doc       string      `json:"doc,omitempty"`
	Fields    []avroField `json:"fields"`
}

type avroField struct {
	Name    string          `json:"name"`
	Type    json.RawMessage `json:"type"`
	Doc     string          `json:"doc,omitempty"`
	Default json.RawMessage `json:"default,omitempty"`
}

type avroType struct {
	Type        string `json:"type"`
	LogicalType string `json:"logicalType,omitempty"`
	AdpType     string `json:"adp.type,omitempty"`
}

// Parse reads an Avro record schema. All problems are reported at once.
func Parse(avro []byte) (*Schema, error) {
	var rec avroRecord
	dec := json.NewDecoder(bytes.NewReader(avro))
	if err := dec.Decode(&rec); err != nil {
		return nil, fmt.Errorf("parse Avro schema: %w", err)
	}
	var errs []error
	if rec.Type != "record" {
		errs = append(errs, fmt.Errorf("type is %q: a table's schema must be a record", rec.Type))
	}
	if rec.Name == "" {
		errs = append(errs, errors.New("name is missing"))
	}
	if len(rec.Fields) == 0 {
		errs = append(errs, errors.New("fields is empty: a table needs at least one column"))
	}
	s := &Schema{Name: rec.Name, Namespace: rec.Namespace, Doc: rec.Doc}
	for i, af := range rec.Fields {
		f, err := parseField(af)
		switch {
		case err != nil:
			errs = append(errs, fmt.Errorf("field %d %q: %w", i, af.Name, err))
		case s.Index(f.Name) >= 0:
			errs = append(errs, fmt.Errorf("field %q is declared twice", f.Name))
		default:
			s.Fields = append(s.Fields, f)
		}
	}
	if len(errs) > 0 {
		return nil, fmt.Errorf("schema %q (Avro): %w", rec.Name, errors.Join(errs...))
	}
	return s, nil
}

func parseField(af avroField) (Field, error) {
	f := Field{Name: af.Name, Doc: af.Doc}
	if af.Name == "" || strings.HasPrefix(af.Name, "_") {
		return f, errors.New("a field needs a name, and names that start with an underscore are the pipeline's own")
	}
	branch := af.Type
	var union []json.RawMessage
	if json.Unmarshal(af.Type, &union) == nil {
		var rest []json.RawMessage
		for _, u := range union {
			if string(u) == `"null"` {
				f.Nullable = true
			} else {
				rest = append(rest, u)
			}
		}
		if len(rest) != 1 {
			return f, fmt.Errorf("union %s: only [\"null\", T] is supported", af.Type)
		}
		branch = rest[0]
	}
	if len(af.Default) > 0 && string(af.Default) != "null" {
		return f, fmt.Errorf("default %s: only null is supported; a default is never written into data", af.Default)
	}
	var t avroType
	if err := json.Unmarshal(branch, &t.Type); err != nil {
		if err := json.Unmarshal(branch, &t); err != nil {
			return f, fmt.Errorf("type %s is not an Avro type", branch)
		}
	}
	switch {
	case t.AdpType == "json" && t.Type == "string":
		f.Type = JSON
	case t.LogicalType == "timestamp-micros" && t.Type == "long":
		f.Type = Timestamp
	case t.LogicalType == "timestamp-millis" && t.Type == "long":
		f.Type, f.Millis = Timestamp, true
	case t.LogicalType == "date" && t.Type == "int":
		f.Type = Date
	case t.Type == "float" || t.Type == "double":
		f.Type = Double
	case t.Type == "boolean" || t.Type == "int" || t.Type == "long" || t.Type == "string":
		f.Type = Type(t.Type)
	default:
		return f, fmt.Errorf("type %s is not supported (boolean, int, long, float, double, string, date, timestamp-millis, timestamp-micros)", branch)
	}
	return f, nil
}

// MarshalJSON writes the schema in Avro's form; Parse reads it back equal.
func (s *Schema) MarshalJSON() ([]byte, error) {
	rec := avroRecord{Type: "record", Name: s.Name, Namespace: s.Namespace, Doc: s.Doc}
	for _, f := range s.Fields {
		var t any = string(f.Type)
		switch f.Type {
		case Timestamp:
			unit := "timestamp-micros"
			if f.Millis {
				unit = "timestamp-millis"
			}
			t = avroType{Type: "long", LogicalType: unit}
		case Date:
			t = avroType{Type: "int", LogicalType: "date"}
		case JSON:
			t = avroType{Type: "string", AdpType: "json"}
		}
		af := avroField{Name: f.Name, Doc: f.Doc}
		if f.Nullable {
			t = []any{"null", t}
			af.Default = json.RawMessage("null")
		}
		raw, err := json.Marshal(t)
		if err != nil {
			return nil, err
		}
		af.Type = raw
		rec.Fields = append(rec.Fields, af)
	}
	return json.Marshal(rec)
}

// UnmarshalJSON reads Avro's form.
func (s *Schema) UnmarshalJSON(b []byte) error {
	p, err := Parse(b)
	if err != nil {
		return err
	}
	*s = *p
	return nil
}

// Fingerprint identifies the columns: names, types and nullability in order.
// Documentation does not count. 16 hex digits.
func (s *Schema) Fingerprint() string {
	h := sha256.New()
	for _, f := range s.Fields {
		fmt.Fprintf(h, "%q %s %v %v\n", f.Name, f.Type, f.Millis, f.Nullable)
	}
	return hex.EncodeToString(h.Sum(nil)[:8])
}
