package dq

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/autonomous-data-pipeline/adp/pipeline"
)

// ParseRules reads a rules file:
//
//	business_rules:
//	  <suite>:
//	    expectations:
//	      - expectation_type: expect_column_values_to_be_in_set
//	        column: country
//	        value_set: [US, GB]
//
// Arguments stand beside the type, or below kwargs as Great Expectations
// writes them. All problems are reported at once, with their lines.
func ParseRules(data []byte) (map[string]Suite, error) {
	doc, err := onlyDocument(data)
	if err != nil {
		return nil, pipeline.Faultf(pipeline.Misconfigured, "parse rules: %w", err)
	}
	p := &rulesParser{}
	suites := map[string]Suite{}
	p.each(doc.Content[0], "the file", func(key, value *yaml.Node) {
		if key.Value != "business_rules" {
			p.problem(key, "unknown key %q: the top level has business_rules only", key.Value)
			return
		}
		p.each(value, "business_rules", func(key, value *yaml.Node) {
			suites[key.Value] = p.suite(key.Value, value)
		})
	})
	if len(p.errs) > 0 {
		return nil, pipeline.Faultf(pipeline.Misconfigured, "parse rules: %w", errors.Join(p.errs...))
	}
	if len(suites) == 0 {
		return nil, pipeline.Faultf(pipeline.Misconfigured, "parse rules: business_rules has no suite")
	}
	return suites, nil
}

// onlyDocument refuses a second YAML document: its rules would be lost in
// silence.
func onlyDocument(data []byte) (*yaml.Node, error) {
	var doc, more yaml.Node
	dec := yaml.NewDecoder(bytes.NewReader(data))
	if err := dec.Decode(&doc); errors.Is(err, io.EOF) || err == nil && len(doc.Content) == 0 {
		return nil, errors.New("the file is empty; it needs business_rules")
	} else if err != nil {
		return nil, err
	}
	if err := dec.Decode(&more); err == nil {
		return nil, fmt.Errorf("line %d: a second YAML document begins; a rules file is one", more.Line)
	} else if !errors.Is(err, io.EOF) {
		return nil, err
	}
	return &doc, nil
}

type rulesParser struct{ errs []error }

func (p *rulesParser) problem(n *yaml.Node, format string, args ...any) {
	p.errs = append(p.errs, fmt.Errorf("line %d: %s", n.Line, fmt.Sprintf(format, args...)))
}

// each walks a mapping. A key that stands twice is a problem: one of the two
// rules would be lost in silence.
func (p *rulesParser) each(n *yaml.Node, what string, fn func(key, value *yaml.Node)) {
	n = aliased(n)
	if n.Kind != yaml.MappingNode {
		p.problem(n, "%s must be a mapping", what)
		return
	}
	seen := map[string]bool{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := n.Content[i]
		if key.Kind != yaml.ScalarNode {
			p.problem(key, "a key of %s is no text", what)
			continue
		}
		if seen[key.Value] {
			p.problem(key, "%q stands twice in %s", key.Value, what)
			continue
		}
		seen[key.Value] = true
		fn(key, n.Content[i+1])
	}
}

// aliased follows *name to what &name marks.
func aliased(n *yaml.Node) *yaml.Node {
	if n.Kind == yaml.AliasNode {
		return n.Alias
	}
	return n
}

func (p *rulesParser) suite(name string, n *yaml.Node) Suite {
	s := Suite{Name: name}
	p.each(n, "suite "+name, func(key, value *yaml.Node) {
		switch key.Value {
		case "expectations":
			if value = aliased(value); value.Kind != yaml.SequenceNode {
				p.problem(value, "expectations of suite %s must be a list", name)
				return
			}
			for _, e := range value.Content {
				s.Expectations = append(s.Expectations, p.expectation(e))
			}
		case "description", "meta":
		default:
			p.problem(key, "unknown key %q in suite %s (expectations, description, meta)", key.Value, name)
		}
	})
	return s
}

func (p *rulesParser) expectation(n *yaml.Node) Expectation {
	e := Expectation{Severity: Critical, Kwargs: map[string]any{}, Line: n.Line}
	argument := func(key, value *yaml.Node) {
		var v any
		if err := value.Decode(&v); err != nil {
			p.problem(value, "%s: %v", key.Value, err)
			return
		}
		if _, twice := e.Kwargs[key.Value]; twice {
			p.problem(key, "argument %q stands both beside the type and in kwargs", key.Value)
		}
		e.Kwargs[key.Value] = plain(v)
	}
	p.each(n, "an expectation", func(key, value *yaml.Node) {
		var err error
		switch key.Value {
		case "expectation_type", "type":
			err = value.Decode(&e.Type)
		case "severity":
			err = value.Decode(&e.Severity)
		case "meta":
			err = value.Decode(&e.Meta)
		case "notes":
			err = value.Decode(&e.Notes)
		case "id":
			err = value.Decode(&e.ID)
		case "description":
			err = value.Decode(&e.Description)
		case "kwargs":
			p.each(value, "kwargs", argument)
		default:
			argument(key, value)
		}
		if err != nil {
			p.problem(value, "%s: %v", key.Value, err)
		}
	})
	if !e.Severity.valid() {
		p.problem(n, "severity %q is none of critical, warning, info", e.Severity)
	}
	if e.Type == "" {
		p.problem(n, "an expectation without expectation_type")
	}
	return e
}

// plain turns what YAML makes of a value into what JSON would have made of it.
func plain(v any) any {
	switch v := v.(type) {
	case int:
		return int64(v)
	case time.Time:
		return strings.TrimSuffix(v.UTC().Format(time.RFC3339Nano), "T00:00:00Z")
	case []any:
		for i := range v {
			v[i] = plain(v[i])
		}
	case map[string]any:
		for k := range v {
			v[k] = plain(v[k])
		}
	}
	return v
}
