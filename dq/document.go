package dq

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/autonomous-data-pipeline/adp/pipeline"
)

// Field is one entry of an Object.
type Field struct {
	Key   string
	Value any
}

// Object is a JSON object that keeps its keys' order, as Great Expectations'
// documents do.
type Object []Field

// MarshalJSON writes the fields in order.
func (o Object) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	b.WriteByte('{')
	for i, f := range o {
		if i > 0 {
			b.WriteByte(',')
		}
		key, err := json.Marshal(f.Key)
		if err != nil {
			return nil, err
		}
		value, err := json.Marshal(f.Value)
		if err != nil {
			return nil, err
		}
		b.Write(key)
		b.WriteByte(':')
		b.Write(value)
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

// UnmarshalJSON reads an object. Its own keys keep their order; numbers become
// json.Number, so that they are written back as they were.
func (o *Object) UnmarshalJSON(b []byte) error {
	*o = nil
	if string(bytes.TrimSpace(b)) == "null" {
		return nil
	}
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.UseNumber()
	if t, err := dec.Token(); err != nil || t != json.Delim('{') {
		return fmt.Errorf("an object was expected, not %.20s", b)
	}
	*o = Object{}
	for dec.More() {
		key, err := dec.Token()
		if err != nil {
			return err
		}
		var v any
		if err := dec.Decode(&v); err != nil {
			return err
		}
		*o = append(*o, Field{key.(string), v}) // the decoder lets no other key through
	}
	return nil
}

// Get finds a field's value, or nil.
func (o Object) Get(key string) any {
	for _, f := range o {
		if f.Key == key {
			return f.Value
		}
	}
	return nil
}

// Document is a validation result in Great Expectations' format.
type Document struct {
	Success         bool           `json:"success"`
	Results         []Result       `json:"results"`
	SuiteName       string         `json:"suite_name"`
	SuiteParameters map[string]any `json:"suite_parameters"`
	Statistics      Statistics     `json:"statistics"`
	Meta            Object         `json:"meta"`
	ID              *string        `json:"id"`
}

// Statistics count expectations, not records.
type Statistics struct {
	Evaluated    int    `json:"evaluated_expectations"`
	Successful   int    `json:"successful_expectations"`
	Unsuccessful int    `json:"unsuccessful_expectations"`
	Percent      *Float `json:"success_percent"` // null if none was evaluated
}

// Result is one expectation's.
type Result struct {
	Success     bool           `json:"success"`
	Expectation Configured     `json:"expectation_config"`
	Result      Object         `json:"result"`
	Meta        map[string]any `json:"meta"`
	Exception   Object         `json:"exception_info"`
}

// Configured is an expectation as a result repeats it.
type Configured struct {
	Type     string         `json:"type"`
	Legacy   string         `json:"expectation_type,omitempty"` // how Great Expectations before 1.0 spells Type; read only
	Kwargs   Object         `json:"kwargs"`
	Meta     map[string]any `json:"meta"`
	Notes    any            `json:"notes,omitempty"`
	ID       string         `json:"id,omitempty"`
	Severity Severity       `json:"severity"`
	// Description is a person's words for the rule.
	Description string `json:"description,omitempty"`
}

// FailedResult sums up a failed expectation.
type FailedResult struct {
	Type              string
	Column            string
	Severity          Severity
	RowLevel          bool
	UnexpectedPercent float64 // 0 if the result has none
}

// Failed lists the failed expectations, in the document's order.
func (d Document) Failed() []FailedResult {
	var out []FailedResult
	for _, r := range d.Results {
		if r.Success {
			continue
		}
		f := FailedResult{Type: r.Expectation.Type, Severity: r.Expectation.Severity, RowLevel: rowLevel(r)}
		if f.Severity == "" {
			f.Severity = Critical
		}
		f.Column, _ = r.Expectation.Kwargs.Get("column").(string) // not every expectation has one
		f.UnexpectedPercent, _ = r.unexpectedPercent()
		out = append(out, f)
	}
	return out
}

// unexpectedPercent is the result's own; ok is false if it has none.
func (r Result) unexpectedPercent() (percent float64, ok bool) {
	switch v := r.Result.Get("unexpected_percent").(type) {
	case Float:
		return float64(v), true
	case json.Number:
		percent, err := v.Float64()
		return percent, err == nil
	}
	return 0, false
}

// rowPrefixes begin the names of Great Expectations' map expectations.
var rowPrefixes = []string{
	"expect_column_values_", "expect_column_value_", "expect_column_pair_values_",
	"expect_compound_columns_", "expect_multicolumn_", "expect_select_column_values_",
}

// rowLevel also knows types that this package doesn't evaluate: the document
// may be another program's.
func rowLevel(r Result) bool {
	return slices.ContainsFunc(rowPrefixes, func(p string) bool { return strings.HasPrefix(r.Expectation.Type, p) })
}

// ReadDocument reads quality results in Great Expectations' format: a
// validation result, or a checkpoint's result with several of them, of version
// 1 or of 0.x. What can't be read is a BadData fault.
func ReadDocument(b []byte) (Document, error) {
	var doc struct {
		Document
		Runs map[string]json.RawMessage `json:"run_results"`
	}
	if err := json.Unmarshal(b, &doc); err != nil {
		return Document{}, pipeline.Faultf(pipeline.BadData, "read the quality results: %w", err)
	}
	d := doc.Document
	for _, k := range slices.Sorted(maps.Keys(doc.Runs)) {
		var run struct {
			Document
			Nested *Document `json:"validation_result"`
		}
		if err := json.Unmarshal(doc.Runs[k], &run); err != nil {
			return Document{}, pipeline.Faultf(pipeline.BadData, "read the quality results of %s: %w", k, err)
		}
		if run.Nested != nil {
			run.Document = *run.Nested
		}
		d.Results = append(d.Results, run.Results...)
	}
	if d.Results == nil && doc.Runs == nil {
		return Document{}, pipeline.Faultf(pipeline.BadData, "read the quality results: there is neither results nor run_results in it; it must be in Great Expectations' format")
	}
	for i := range d.Results {
		c := &d.Results[i].Expectation
		if c.Type == "" {
			c.Type, c.Legacy = c.Legacy, ""
		}
		if err := plausible(d.Results[i]); err != nil {
			return Document{}, err
		}
	}
	return d, nil
}

func plausible(r Result) error {
	if r.Expectation.Type == "" {
		return pipeline.Faultf(pipeline.BadData, "read the quality results: a result names no expectation type")
	}
	v, ok := r.unexpectedPercent()
	switch raw := r.Result.Get("unexpected_percent"); {
	case raw != nil && !ok:
		return pipeline.Faultf(pipeline.BadData, "read the quality results: unexpected_percent of %s is %v, which is no number", r.Expectation.Type, raw)
	case ok && !(v >= 0 && v <= 100):
		return pipeline.Faultf(pipeline.BadData, "read the quality results: unexpected_percent of %s is %v, not between 0 and 100", r.Expectation.Type, v)
	}
	return nil
}

// Raised is the message of the exception that kept an expectation from being
// evaluated; empty if there was none.
func (r Result) Raised() string {
	if r.Exception.Get("raised_exception") == true {
		m, _ := r.Exception.Get("exception_message").(string)
		return m
	}
	for _, f := range r.Exception {
		switch metric := f.Value.(type) {
		case Object:
			m, _ := metric.Get("exception_message").(string)
			return m
		case map[string]any: // as it is read back
			m, _ := metric["exception_message"].(string)
			return m
		}
	}
	return ""
}

// WriteDocument writes a document as JSON, for people and programs.
func WriteDocument(w io.Writer, d Document) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false) // people read regular expressions in it
	return enc.Encode(d)
}
