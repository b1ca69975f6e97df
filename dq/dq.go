// Package dq evaluates Great Expectations' expectations over columns, in one
// pass with profiles that merge, and writes results in Great Expectations'
// format. It decides nothing, and knows no files but those that it spills values
// to.
package dq

// Severity is Great Expectations' own: how bad a failed expectation is.
type Severity string

// The severities. An expectation without one is critical.
const (
	Critical Severity = "critical"
	Warning  Severity = "warning"
	Info     Severity = "info"
)

func (s Severity) valid() bool { return s == Critical || s == Warning || s == Info }

// Expectation is one rule as declared.
type Expectation struct {
	Type     string         `json:"type"`
	Kwargs   map[string]any `json:"kwargs"` // column, mostly, value_set, …; without meta, notes, severity
	Severity Severity       `json:"severity"`
	Meta     map[string]any `json:"meta,omitempty"`
	Notes    any            `json:"notes,omitempty"`
	ID       string         `json:"id,omitempty"`
	// Description is a person's words for the rule.
	Description string `json:"description,omitempty"`
	Line        int    `json:"-"` // in the rules file; 0 if unknown
}

// Suite is a named list of expectations.
type Suite struct {
	Name         string        `json:"name"`
	ID           string        `json:"id,omitempty"`
	Meta         any           `json:"meta,omitempty"`
	Expectations []Expectation `json:"expectations"`
}
