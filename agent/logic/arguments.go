package logic

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// Arguments checks an own action's arguments against their JSON schema. A
// schema that can't be used is an error too; none that is outside the document
// is loaded.
func Arguments(schema, args json.RawMessage) error {
	if len(args) == 0 {
		args = json.RawMessage("{}")
	}
	s, err := compiled(schema)
	if err != nil {
		return err
	}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(args))
	if err != nil {
		return fmt.Errorf("the arguments are no JSON: %w", err)
	}
	return s.Validate(value)
}

// Schema checks that a schema can be used.
func Schema(schema json.RawMessage) error {
	_, err := compiled(schema)
	return err
}

func compiled(schema json.RawMessage) (*jsonschema.Schema, error) {
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(schema))
	if err != nil {
		return nil, fmt.Errorf("the action's schema is no JSON: %w", err)
	}
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft2020)
	c.UseLoader(nothing{})
	if err := c.AddResource("args.json", doc); err != nil {
		return nil, fmt.Errorf("the action's schema: %w", err)
	}
	s, err := c.Compile("args.json")
	if err != nil {
		return nil, fmt.Errorf("the action's schema: %w", err)
	}
	return s, nil
}

// nothing loads no schemas: neither files nor addresses.
type nothing struct{}

func (nothing) Load(url string) (any, error) {
	return nil, errors.New("schemas are not loaded from elsewhere: " + url)
}
