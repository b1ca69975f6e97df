package dq

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/autonomous-data-pipeline/adp/pipeline"
)

// ParseSuiteJSON reads a suite as Great Expectations writes it: of version 1
// (name, type) or 0.x (expectation_suite_name, expectation_type). All problems
// are reported at once, with their lines; a fault of it is Misconfigured.
func ParseSuiteJSON(data []byte) (Suite, error) {
	p := &suiteParser{data: data, dec: json.NewDecoder(bytes.NewReader(data))}
	p.dec.UseNumber()
	s, err := p.suite()
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		err = fmt.Errorf("line %d: the file ends before the suite does", p.line())
	}
	if err = errors.Join(append(p.errs, err)...); err != nil {
		return Suite{}, pipeline.Faultf(pipeline.Misconfigured, "parse the suite: %w", err)
	}
	return s, nil
}

type suiteParser struct {
	data []byte
	dec  *json.Decoder
	errs []error
}

// line is where the decoder stands, past what separates values.
func (p *suiteParser) line() int {
	at := int(p.dec.InputOffset())
	for at < len(p.data) && bytes.IndexByte([]byte(" \t\r\n,:"), p.data[at]) >= 0 {
		at++
	}
	return 1 + bytes.Count(p.data[:at], []byte("\n"))
}

// fields walks over an object's fields. A key that stands twice is a problem:
// one of the two would be lost in silence.
func (p *suiteParser) fields(what string, fn func(key string) error) error {
	line := p.line()
	if t, err := p.dec.Token(); err != nil || t != json.Delim('{') {
		return errors.Join(err, fmt.Errorf("line %d: %s must be an object", line, what))
	}
	seen := map[string]bool{}
	for p.dec.More() {
		line := p.line()
		t, err := p.dec.Token()
		if err != nil {
			return fmt.Errorf("line %d: %w", line, err)
		}
		key, _ := t.(string) // the decoder lets no other key through
		if seen[key] {
			p.errs = append(p.errs, fmt.Errorf("line %d: %q stands twice in %s", line, key, what))
		}
		seen[key] = true
		if err := fn(key); err != nil {
			return err
		}
	}
	_, err := p.dec.Token()
	return err
}

// decode reads a value; what is wrong with it names its key.
func (p *suiteParser) decode(key string, v any) error {
	line := p.line()
	var raw json.RawMessage
	if err := p.dec.Decode(&raw); err != nil {
		return fmt.Errorf("line %d: %w", line, err)
	}
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	if err := dec.Decode(v); err != nil {
		p.errs = append(p.errs, fmt.Errorf("line %d: %s: %w", line, key, err))
	}
	return nil
}

func (p *suiteParser) suite() (Suite, error) {
	var s Suite
	found := false
	err := p.fields("the suite", func(key string) error {
		switch key {
		case "name", "expectation_suite_name":
			return p.decode(key, &s.Name)
		case "id", "ge_cloud_id":
			var id *string
			err := p.decode(key, &id)
			if id != nil {
				s.ID = *id
			}
			return err
		case "meta":
			return p.decode(key, &s.Meta)
		case "expectations":
			found = true
			return p.expectations(&s)
		}
		var ignored any // notes, data_asset_type, evaluation parameters' names: they don't change a verdict
		return p.decode(key, &ignored)
	})
	switch {
	case err != nil:
		return s, err
	case !found:
		return s, errors.New(`there are no expectations in it: a suite is {"name": …, "expectations": [{"type": …, "kwargs": {…}}]}`)
	}
	if _, err := p.dec.Token(); !errors.Is(err, io.EOF) {
		return s, fmt.Errorf("line %d: more follows after the suite", p.line())
	}
	return s, nil
}

func (p *suiteParser) expectations(s *Suite) error {
	line := p.line()
	if t, err := p.dec.Token(); err != nil || t != json.Delim('[') {
		return errors.Join(err, fmt.Errorf("line %d: expectations must be a list", line))
	}
	for p.dec.More() {
		e, err := p.expectation()
		if err != nil {
			return err
		}
		s.Expectations = append(s.Expectations, e)
	}
	_, err := p.dec.Token()
	return err
}

func (p *suiteParser) expectation() (Expectation, error) {
	e := Expectation{Severity: Critical, Kwargs: map[string]any{}, Line: p.line()}
	err := p.fields("an expectation", func(key string) error {
		switch key {
		case "type", "expectation_type":
			return p.decode(key, &e.Type)
		case "kwargs":
			return p.decode(key, &e.Kwargs)
		case "severity":
			return p.decode(key, &e.Severity)
		case "meta":
			return p.decode(key, &e.Meta)
		case "notes":
			return p.decode(key, &e.Notes)
		case "description":
			var text *string
			err := p.decode(key, &text)
			if text != nil {
				e.Description = *text
			}
			return err
		case "id", "ge_cloud_id":
			var id *string
			err := p.decode(key, &id)
			if id != nil {
				e.ID = *id
			}
			return err
		}
		var ignored any // rendered_content, expectation_context, …
		return p.decode(key, &ignored)
	})
	if err != nil {
		return e, err
	}
	if e.Type == "" {
		p.errs = append(p.errs, fmt.Errorf("line %d: an expectation without a type", e.Line))
	}
	if !e.Severity.valid() {
		p.errs = append(p.errs, fmt.Errorf("line %d: severity %q is none of critical, warning, info", e.Line, e.Severity))
	}
	return e, nil
}

// ParseSuites reads a file of rules in either form: Great Expectations' own
// suite, or business_rules with several.
func ParseSuites(data []byte) (map[string]Suite, error) {
	if !bytes.HasPrefix(bytes.TrimSpace(data), []byte("{")) {
		return ParseRules(data)
	}
	if suites, err := ParseRules(data); err == nil { // business_rules, written as JSON
		return suites, nil
	}
	s, err := ParseSuiteJSON(data)
	if err != nil {
		return nil, err
	}
	return map[string]Suite{s.Name: s}, nil
}
