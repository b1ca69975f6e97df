package dq

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/autonomous-data-pipeline/adp/pipeline"
	"github.com/autonomous-data-pipeline/adp/schemas"
)

// Program is a suite, checked and ready to observe. It is immutable.
type Program struct {
	suite    Suite
	checks   []check
	columns  []string // the table's, from its schema
	digest   string
	warnings []string
}

// Compile checks a suite against the table's schema and prepares it. All
// problems are reported at once, with their lines. A column that the table
// lacks is none: as in Great Expectations it makes a failed result, and a
// warning.
func Compile(s Suite, sch *schemas.Schema) (*Program, error) {
	p := &Program{suite: s}
	for _, f := range sch.Fields {
		p.columns = append(p.columns, f.Name)
	}
	var errs []error
	for _, e := range s.Expectations {
		c, err := compileOne(e)
		if err != nil {
			errs = append(errs, fmt.Errorf("line %d: %s: %w", e.Line, e.Type, err))
		}
		p.checks = append(p.checks, c)
		name, ok := e.Kwargs["column"].(string)
		if ok && sch.Index(name) < 0 {
			p.warnings = append(p.warnings, fmt.Sprintf("line %d: %s: column %q is not in the schema: the expectation will always fail", e.Line, e.Type, name))
		}
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	b, err := json.Marshal([]any{s, p.columns})
	if err != nil {
		return nil, fmt.Errorf("suite %s: %w", s.Name, err)
	}
	h := sha256.Sum256(b)
	p.digest = hex.EncodeToString(h[:8])
	return p, nil
}

// Warnings tell of what works, but surely isn't meant.
func (p *Program) Warnings() []string { return p.warnings }

// Expectation is the i-th of the suite.
func (p *Program) Expectation(i int) Expectation { return p.suite.Expectations[i] }

// Counts reports whether breaking the i-th expectation makes a record a failing
// one: it is row-level, and its severity is critical or warning.
func (p *Program) Counts(i int) bool {
	c := p.checks[i]
	return (c.rows != nil || c.unique) && p.suite.Expectations[i].Severity != Info
}

// Uniques lists the expectations that need an index over the whole batch.
func (p *Program) Uniques() []int {
	var out []int
	for i, c := range p.checks {
		if c.unique {
			out = append(out, i)
		}
	}
	return out
}

// Reason is what a record that breaks the i-th expectation is kept out with.
func (p *Program) Reason(i int) pipeline.Reason {
	return pipeline.Reason{Code: p.suite.Expectations[i].Type, Field: p.column(i), Detail: p.checks[i].detail}
}

func (p *Program) column(i int) string {
	name, _ := p.suite.Expectations[i].Kwargs["column"].(string) // table expectations have none
	return name
}
