package pytext

import (
	"errors"
	"fmt"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/autonomous-data-pipeline/adp/dq/pyregex"
)

// Schema is a JSON schema that texts are held against as Python's
// jsonschema.validate does. It is safe for concurrent use.
type Schema struct {
	root *jsonschema.Schema
}

// drafts are the values of $schema that Python's jsonschema knows. Any other
// one means the newest to it.
var drafts = map[string]bool{
	"http://json-schema.org/draft-04/schema":       true,
	"http://json-schema.org/draft-06/schema":       true,
	"http://json-schema.org/draft-07/schema":       true,
	"https://json-schema.org/draft/2019-09/schema": true,
	"https://json-schema.org/draft/2020-12/schema": true,
}

const draft3 = "http://json-schema.org/draft-03/schema"

// location names the schema in its own references. Nothing is there.
const location = "urn:adp:json-schema"

// CompileSchema reads a schema: a bool, or an object as JSON or YAML decoders
// make it. It is an error if the schema isn't valid, refers to something
// outside of itself, or is of draft 3.
func CompileSchema(schema any) (*Schema, error) {
	doc, err := plain(schema)
	if err != nil {
		return nil, fmt.Errorf("read the JSON schema: %w", err)
	}
	if err := chooseDraft(doc); err != nil {
		return nil, err
	}
	c := jsonschema.NewCompiler()
	c.UseLoader(noLoader{})
	c.UseRegexpEngine(compilePattern)
	if err := c.AddResource(location, doc); err != nil {
		return nil, fmt.Errorf("read the JSON schema: %w", err)
	}
	root, err := c.Compile(location)
	if err != nil {
		return nil, fmt.Errorf("compile the JSON schema: %s", strings.ReplaceAll(err.Error(), location+"#", "#"))
	}
	pythonize(root, map[*jsonschema.Schema]bool{})
	return &Schema{root: root}, nil
}

func chooseDraft(doc any) error {
	object, ok := doc.(map[string]any)
	if !ok || object["$schema"] == nil {
		return nil
	}
	draft, ok := object["$schema"].(string)
	if !ok {
		return fmt.Errorf("compile the JSON schema: $schema is %v, and must be a text: leave it out for draft 2020-12", object["$schema"])
	}
	draft = strings.TrimSuffix(draft, "#")
	if draft == draft3 {
		return errors.New("compile the JSON schema: $schema names draft 3, which is not supported: write the schema for draft 4 or newer")
	}
	if !drafts[draft] {
		draft = "https://json-schema.org/draft/2020-12/schema"
	}
	object["$schema"] = draft
	return nil
}

// Match says whether the text is JSON that meets the schema. If it is no JSON,
// ok is false and err is a *JSONError.
func (s *Schema) Match(text string) (ok bool, err error) {
	sc := scanner{s: text, build: true}
	v, ok := sc.document()
	if !ok {
		return false, sc.problem()
	}
	return s.root.Validate(v) == nil, nil
}

// noLoader refuses references to other documents: a check reads its data
// alone.
type noLoader struct{}

// Load refuses.
func (noLoader) Load(url string) (any, error) {
	return nil, fmt.Errorf("%s is another document, and is not loaded: copy what it says into the schema's $defs", url)
}

// pattern is a compiled pattern that can name itself, for the compiler's
// messages.
type pattern struct {
	text    string
	matcher interface{ MatchString(s string) bool }
}

// String is the pattern as it was written.
func (p *pattern) String() string { return p.text }

// MatchString says whether the pattern is found in the text.
func (p *pattern) MatchString(s string) bool { return p.matcher.MatchString(s) }

// compilePattern reads the patterns of pattern and patternProperties.
func compilePattern(text string) (jsonschema.Regexp, error) {
	re, err := pyregex.Compile(text)
	if err != nil {
		return nil, err
	}
	return &pattern{text, re}, nil
}
