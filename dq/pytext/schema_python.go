package pytext

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// pythonize makes a compiled schema, and all that it refers to, decide as
// Python's jsonschema: formats aren't asserted, numbers are compared as
// Python's are, and dependencies are gone from draft 2019-09 on.
func pythonize(s *jsonschema.Schema, seen map[*jsonschema.Schema]bool) {
	if s == nil || seen[s] {
		return
	}
	seen[s] = true
	s.Format = nil
	if s.DraftVersion >= 2019 {
		s.Dependencies = nil
	}
	if n := numbersOf(s); n != nil {
		s.Minimum, s.Maximum, s.ExclusiveMinimum, s.ExclusiveMaximum, s.MultipleOf = nil, nil, nil, nil, nil
		s.Extensions = append(s.Extensions, n)
	}
	for _, sub := range children(s) {
		pythonize(sub, seen)
	}
}

// children are the schemas that a schema names directly.
func children(s *jsonschema.Schema) []*jsonschema.Schema {
	all := []*jsonschema.Schema{
		s.Ref, s.RecursiveRef, s.Not, s.If, s.Then, s.Else, s.PropertyNames, s.UnevaluatedProperties,
		s.Contains, s.Items2020, s.UnevaluatedItems, s.ContentSchema,
	}
	if s.DynamicRef != nil {
		all = append(all, s.DynamicRef.Ref)
	}
	for _, list := range [][]*jsonschema.Schema{s.AllOf, s.AnyOf, s.OneOf, s.PrefixItems} {
		all = append(all, list...)
	}
	for _, named := range []map[string]*jsonschema.Schema{s.Properties, s.DependentSchemas} {
		for _, sub := range named {
			all = append(all, sub)
		}
	}
	for _, sub := range s.PatternProperties {
		all = append(all, sub)
	}
	for _, v := range s.Dependencies {
		all = appendSchemas(all, v)
	}
	all = appendSchemas(all, s.Items)
	all = appendSchemas(all, s.AdditionalItems)
	return appendSchemas(all, s.AdditionalProperties)
}

// appendSchemas appends what a keyword holds that may be a schema, a list of
// them, or neither.
func appendSchemas(all []*jsonschema.Schema, v any) []*jsonschema.Schema {
	switch v := v.(type) {
	case *jsonschema.Schema:
		return append(all, v)
	case []*jsonschema.Schema:
		return append(all, v...)
	}
	return all
}

// plain copies a schema into what the decoder of texts makes of JSON.
func plain(v any) (any, error) {
	switch v := v.(type) {
	case nil, bool, string:
		return v, nil
	case int:
		return json.Number(strconv.Itoa(v)), nil
	case int64:
		return json.Number(strconv.FormatInt(v, 10)), nil
	case uint64:
		return json.Number(strconv.FormatUint(v, 10)), nil
	case float64:
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return nil, fmt.Errorf("%v is no number of a JSON schema: write a finite one", v)
		}
		return numberText(v), nil
	case []any:
		return plainList(v)
	case map[string]any:
		return plainObject(v)
	}
	text, err := json.Marshal(v) // json.RawMessage, json.Number and other types
	if err != nil {
		return nil, fmt.Errorf("%T is no part of a JSON schema: %w", v, err)
	}
	sc := scanner{s: string(text), build: true}
	doc, ok := sc.document()
	if !ok {
		return nil, sc.problem()
	}
	return doc, nil
}

func plainList(list []any) (any, error) {
	items := make([]any, len(list))
	for i, v := range list {
		var err error
		if items[i], err = plain(v); err != nil {
			return nil, fmt.Errorf("item %d: %w", i, err)
		}
	}
	return items, nil
}

func plainObject(object map[string]any) (any, error) {
	pairs := make(map[string]any, len(object))
	for key, v := range object {
		var err error
		if pairs[key], err = plain(v); err != nil {
			return nil, fmt.Errorf("%s: %w", key, err)
		}
	}
	return pairs, nil
}
