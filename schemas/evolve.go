package schemas

import (
	"fmt"
	"slices"
	"strings"

	"github.com/autonomous-data-pipeline/adp/pipeline"
)

// Observed is the bit set of JSON kinds that a field's values had.
type Observed uint8

// The kinds of JSON value, as far as drift tells them apart.
const (
	SawNull Observed = 1 << iota
	SawBoolean
	SawLong // an integer that fits 64 bits
	SawDouble
	SawString
	SawObject
	SawArray
)

// Infer is the narrowest column type that holds every observed value without
// loss: values of several kinds, objects and arrays keep their JSON text.
func (o Observed) Infer() Type {
	switch o &^ SawNull {
	case SawBoolean:
		return Boolean
	case SawLong:
		return Long
	case SawDouble, SawLong | SawDouble:
		return Double
	case SawString:
		return String
	default:
		return JSON
	}
}

// maxName bounds a learned column's name: every format here allows it.
const maxName = 128

// CanAdd reports why data may not bring a column of this name, or nil. Names
// from data must be Avro names, must not be the pipeline's own, and must
// differ from every column in more than case, since Spark and DuckDB fold it.
func (s *Schema) CanAdd(name string) error {
	switch {
	case len(name) == 0 || len(name) > maxName:
		return fmt.Errorf("the name has %d bytes: 1 to %d are allowed", len(name), maxName)
	case name[0] == '_':
		return fmt.Errorf("%q starts with an underscore: such names are the pipeline's own", name)
	}
	for i, c := range []byte(name) {
		letter := c == '_' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
		if !letter && (i == 0 || c < '0' || c > '9') {
			return fmt.Errorf("%q is not an Avro name (letters, digits and underscores)", name)
		}
	}
	for _, f := range s.Fields {
		if f.Name != name && strings.EqualFold(f.Name, name) {
			return fmt.Errorf("%q differs from column %q in case alone", name, f.Name)
		}
	}
	return nil
}

// Add returns the schema with a new nullable column for each additive drift.
// Fields that it has already are left alone; it returns the same schema if
// nothing is new. A breaking drift is an error: no schema change heals it.
func (s *Schema) Add(drift []pipeline.Drift) (*Schema, error) {
	next := *s
	next.Fields = slices.Clone(s.Fields)
	for _, d := range drift {
		if d.Breaking || d.Kind != pipeline.FieldAdded {
			return nil, pipeline.Faultf(pipeline.Bug, "evolve schema %s: drift %s of %q is not additive", s.Name, d.Kind, d.Field)
		}
		if next.Index(d.Field) >= 0 {
			continue
		}
		if err := next.CanAdd(d.Field); err != nil {
			return nil, pipeline.Faultf(pipeline.BadData, "evolve schema %s: %w", s.Name, err)
		}
		t := Type(d.Observed)
		switch t {
		case Boolean, Long, Double, String, JSON:
		default:
			return nil, pipeline.Faultf(pipeline.Bug, "evolve schema %s: field %q has no column type for %q", s.Name, d.Field, d.Observed)
		}
		next.Fields = append(next.Fields, Field{Name: d.Field, Type: t, Nullable: true, Doc: "added by schema drift"})
	}
	if len(next.Fields) == len(s.Fields) {
		return s, nil
	}
	return &next, nil
}

// Reconcile merges what people declared with what the pipeline has learned:
// the declared columns come first, in their order, then the learned ones that
// the declaration lacks. A learned column whose declared type differs takes
// the declared one.
func Reconcile(declared, learned *Schema) *Schema {
	if learned == nil {
		return declared
	}
	next := *declared
	next.Fields = slices.Clone(declared.Fields)
	for _, f := range learned.Fields {
		if next.Index(f.Name) < 0 {
			f.Nullable = true // a column that people dropped from the declaration stays in the table
			next.Fields = append(next.Fields, f)
		}
	}
	return &next
}

// Compatible reports why rows written under old can't be read under next, or
// nil: columns may be added if nullable, and may become nullable, no more.
func Compatible(old, next *Schema) error {
	for _, f := range old.Fields {
		i := next.Index(f.Name)
		if i < 0 {
			return fmt.Errorf("column %q was dropped", f.Name)
		}
		n := next.Fields[i]
		if n.Type != f.Type {
			return fmt.Errorf("column %q changed its type from %s to %s", f.Name, f.Type, n.Type)
		}
		if f.Nullable && !n.Nullable {
			return fmt.Errorf("column %q was nullable and is required now: rows without it exist", f.Name)
		}
	}
	for _, n := range next.Fields {
		if old.Index(n.Name) < 0 && !n.Nullable {
			return fmt.Errorf("new column %q is required: rows written before lack it", n.Name)
		}
	}
	return nil
}
