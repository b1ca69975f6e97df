package pytext

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// Schema is a JSON schema, as Python's jsonschema reads it: its own draft, or
// 2020-12; formats aren't checked.
type Schema struct{ compiled *jsonschema.Schema }

// nowhere refuses schemas that lie elsewhere.
type nowhere struct{}

func (nowhere) Load(url string) (any, error) {
	return nil, fmt.Errorf("%s lies elsewhere: put what it defines below $defs", url)
}

// CompileSchema reads a schema: what encoding/json makes of it, or a boolean.
func CompileSchema(schema any) (*Schema, error) {
	b, err := json.Marshal(schema)
	if err != nil {
		return nil, err
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(b))
	if err != nil {
		return nil, err
	}
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft2020)
	c.UseLoader(nowhere{})
	const name = "urn:schema"
	if err := c.AddResource(name, doc); err != nil {
		return nil, err
	}
	compiled, err := c.Compile(name)
	if err != nil {
		return nil, err
	}
	return &Schema{compiled}, nil
}

// Match reports whether a JSON text is valid. An error says, in Python's words,
// why it is no JSON.
func (s *Schema) Match(text string) (bool, error) {
	p := &jsonScanner{text: text}
	if err := p.document(); err != nil {
		return false, err
	}
	v, err := decode(text)
	if err != nil {
		return false, err
	}
	var invalid *jsonschema.ValidationError
	if err := s.compiled.Validate(v); errors.As(err, &invalid) {
		return false, nil
	} else if err != nil {
		return false, err
	}
	return true, nil
}

// decode reads JSON with the three numbers that Python has beyond it; each
// becomes the greatest float, or the least.
func decode(text string) (any, error) {
	v, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
	if err == nil {
		return v, nil
	}
	huge := fmt.Sprint(math.MaxFloat64)
	return jsonschema.UnmarshalJSON(strings.NewReader(outsideTexts(text, strings.NewReplacer("-Infinity", "-"+huge, "Infinity", huge, "NaN", "0.5"))))
}

// outsideTexts replaces words that don't stand in texts.
func outsideTexts(s string, words *strings.Replacer) string {
	var b strings.Builder
	for s != "" {
		quote := strings.IndexByte(s, '"')
		if quote < 0 {
			break
		}
		end := quote + 1
		for end < len(s) && s[end] != '"' {
			if s[end] == '\\' {
				end++
			}
			end++
		}
		end = min(end+1, len(s))
		b.WriteString(words.Replace(s[:quote]))
		b.WriteString(s[quote:end])
		s = s[end:]
	}
	b.WriteString(words.Replace(s))
	return b.String()
}
