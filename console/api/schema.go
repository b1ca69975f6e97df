package api

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"time"

	"github.com/autonomous-data-pipeline/adp/agent"
	"github.com/autonomous-data-pipeline/adp/console"
	"github.com/autonomous-data-pipeline/adp/ops"
	"github.com/autonomous-data-pipeline/adp/pipeline"
	"github.com/autonomous-data-pipeline/adp/schemas"
	"github.com/autonomous-data-pipeline/adp/sink"
)

// object is a JSON object that is made by hand.
type object = map[string]any

// known are the schemas of types that don't say it by their fields.
var known = map[reflect.Type]object{
	reflect.TypeFor[time.Time]():          {"type": "string", "format": "date-time"},
	reflect.TypeFor[time.Duration]():      {"type": "integer", "description": "Nanoseconds."},
	reflect.TypeFor[json.RawMessage]():    {"description": "Any JSON."},
	reflect.TypeFor[agent.Document]():     {"description": "Any JSON."},
	reflect.TypeFor[document]():           {"type": "object"},
	reflect.TypeFor[schemas.Schema]():     {"type": "object", "description": "An Avro record schema.", "required": []string{"type", "name", "fields"}, "properties": object{"type": object{"const": "record"}, "name": object{"type": "string"}, "fields": object{"type": "array", "items": object{"type": "object"}}}},
	reflect.TypeFor[pipeline.Outcome]():   {"type": "string", "enum": outcomes},
	reflect.TypeFor[ops.IncidentStatus](): {"type": "string", "enum": statuses},
	reflect.TypeFor[console.Health]():     {"type": "string", "enum": []console.Health{console.Failing, console.Attention, console.Broken, console.Well, console.Unknown}},
	reflect.TypeFor[sink.Status]():        {"type": "string", "enum": []sink.Status{sink.Quarantined, sink.HeldBatch, sink.Discarded, sink.Settled}},
	reflect.TypeFor[pipeline.DriftKind](): {"type": "string", "enum": []pipeline.DriftKind{pipeline.FieldAdded, pipeline.FieldMissing, pipeline.TypeChanged, pipeline.NullInRequired}},
}

// closed are the types that are read: what they don't have is refused.
var closed = map[reflect.Type]bool{
	reflect.TypeFor[AnswerBody](): true, reflect.TypeFor[ReplayBody](): true, reflect.TypeFor[CommentBody](): true, reflect.TypeFor[NoteBody](): true,
	reflect.TypeFor[SwitchBody](): true, reflect.TypeFor[pipeline.Mapping](): true,
}

// describer describes Go types as JSON schemas, each struct once, by its name.
type describer struct {
	named map[string]object
	types map[string]reflect.Type
}

func newDescriber() *describer {
	return &describer{named: map[string]object{}, types: map[string]reflect.Type{}}
}

// of describes a type as encoding/json writes it.
func (d *describer) of(t reflect.Type) object {
	if s, ok := known[t]; ok {
		return s
	}
	switch t.Kind() {
	case reflect.Pointer:
		return d.of(t.Elem())
	case reflect.Bool:
		return object{"type": "boolean"}
	case reflect.String:
		return object{"type": "string"}
	case reflect.Float32, reflect.Float64:
		return object{"type": "number"}
	case reflect.Interface:
		return object{}
	case reflect.Slice:
		return object{"type": "array", "items": d.of(t.Elem())}
	case reflect.Map:
		return object{"type": "object", "additionalProperties": d.of(t.Elem())}
	case reflect.Struct:
		return d.structure(t)
	}
	if t.ConvertibleTo(reflect.TypeFor[int64]()) {
		return object{"type": "integer"}
	}
	panic(fmt.Sprintf("the API's description can't say %s", t)) // every test makes it
}

// structure names a struct, so that it is described once.
func (d *describer) structure(t reflect.Type) object {
	name := t.Name()
	if strings.Contains(name, "[") { // a page of something
		return d.fields(t)
	}
	if other, taken := d.types[name]; taken && other != t {
		pkg := t.PkgPath()[strings.LastIndex(t.PkgPath(), "/")+1:]
		name = strings.ToUpper(pkg[:1]) + pkg[1:] + name
	}
	if _, done := d.types[name]; !done {
		d.types[name] = t // first, since it may hold itself
		d.named[name] = d.fields(t)
	}
	return object{"$ref": "#/components/schemas/" + name}
}

func (d *describer) fields(t reflect.Type) object {
	properties, required := object{}, []string{}
	d.collect(t, properties, &required)
	s := object{"type": "object", "properties": properties}
	if closed[t] {
		s["additionalProperties"] = false
	}
	if len(required) > 0 {
		s["required"] = required
	}
	return s
}

// collect adds a struct's fields, and those of structs in it that have no name.
func (d *describer) collect(t reflect.Type, properties object, required *[]string) {
	for i := range t.NumField() {
		f := t.Field(i)
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case f.Anonymous && name == "":
			d.collect(f.Type, properties, required)
			continue
		case name == "-" || !f.IsExported():
			continue
		case name == "":
			name = f.Name
		}
		optional := strings.Contains(options, "omitempty") || strings.Contains(options, "omitzero")
		s := d.of(f.Type)
		if strings.Contains(options, "string") { // a number that JavaScript couldn't hold
			s = object{"type": "string"}
		}
		if allowed := f.Tag.Get("enum"); allowed != "" {
			s = object{"type": "string", "enum": strings.Split(allowed, ",")}
		}
		if !optional {
			*required = append(*required, name)
			s = orNull(f, s)
		}
		properties[name] = s
	}
}

// orNull lets a field be null that Go writes so: a list, a map or a pointer
// that isn't there. Those that are never left out say so by a tag.
func orNull(f reflect.StructField, s object) object {
	switch f.Type.Kind() {
	case reflect.Slice, reflect.Map, reflect.Pointer:
	default:
		return s
	}
	if f.Tag.Get("null") == "never" || known[f.Type] != nil {
		return s
	}
	return object{"anyOf": []any{s, object{"type": "null"}}}
}
