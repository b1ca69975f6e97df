package dq

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/autonomous-data-pipeline/adp/pipeline"
	"github.com/autonomous-data-pipeline/adp/schemas"
)

// Program is a suite, checked and ready to observe. It is immutable, and safe
// for concurrent use.
type Program struct {
	suite    Suite
	checks   []check
	at       []int           // by expectation: its column's index in the schema; -1 if it has none, or the table lacks it
	fields   []schemas.Field // the table's columns
	digest   string
	warnings []string
}

// Compile checks a suite against the table's schema and prepares it. All
// problems are reported at once, with their lines. A column that the table
// lacks is none, nor are arguments that don't compare with the column's values:
// as in Great Expectations they make a failed result, and a warning.
func Compile(s Suite, sch *schemas.Schema) (*Program, error) {
	p := &Program{suite: Suite{Name: s.Name, Expectations: slices.Clone(s.Expectations)}, fields: sch.Fields}
	var errs []error
	for i := range p.suite.Expectations {
		if err := p.compile(i, sch); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", p.place(i), err))
		}
	}
	if len(errs) > 0 {
		return nil, pipeline.Faultf(pipeline.Misconfigured, "compile suite %s: %w", s.Name, errors.Join(errs...))
	}
	b, err := json.Marshal([]any{p.suite, sch.Fingerprint()})
	if err != nil {
		return nil, pipeline.Faultf(pipeline.Misconfigured, "compile suite %s: its meta and notes must be what JSON can hold: %w", s.Name, err)
	}
	h := sha256.Sum256(b)
	p.digest = hex.EncodeToString(h[:8])
	return p, nil
}

func (p *Program) compile(i int, sch *schemas.Schema) error {
	e := &p.suite.Expectations[i]
	kwargs, err := jsonValues(e.Kwargs)
	e.Kwargs = kwargs
	if e.Severity == "" {
		e.Severity = Critical
	}
	if !e.Severity.valid() {
		err = errors.Join(err, fmt.Errorf("severity %q is none of critical, warning, info", e.Severity))
	}
	typ := schemas.Type("")
	at := sch.Index(p.column(i))
	if at >= 0 {
		typ = sch.Fields[at].Type
	}
	c, doubts, cerr := compileOne(*e, typ)
	p.checks, p.at = append(p.checks, c), append(p.at, at)
	if err := errors.Join(err, cerr); err != nil {
		return err
	}
	for _, d := range append(doubts, p.hopeless(i)...) {
		p.warnings = append(p.warnings, fmt.Sprintf("%s: %s", p.place(i), d))
	}
	return nil
}

// hopeless says why an expectation can never hold.
func (p *Program) hopeless(i int) []string {
	c, at := p.checks[i], p.at[i]
	switch {
	case p.column(i) == "":
		return nil
	case at < 0:
		return []string{fmt.Sprintf("column %q is not in the schema: the expectation will always fail%s", p.column(i), nearest(p.column(i), p.columns()))}
	case c.rows == nil:
		return nil
	}
	empty := array.MakeArrayOfNull(memory.DefaultAllocator, arrowType(p.fields[at].Type), 0)
	defer empty.Release()
	if _, err := c.rows(empty); err != nil {
		return []string{fmt.Sprintf("column %q is of type %s: the expectation will always fail: %v", p.column(i), p.fields[at].Type, err)}
	}
	return nil
}

// place says where the i-th expectation stands, and what it is.
func (p *Program) place(i int) string {
	e := p.suite.Expectations[i]
	if e.Line == 0 {
		return fmt.Sprintf("expectation %d: %s", i+1, e.Type)
	}
	return fmt.Sprintf("line %d: %s", e.Line, e.Type)
}

func (p *Program) columns() []string {
	names := make([]string, len(p.fields))
	for i, f := range p.fields {
		names[i] = f.Name
	}
	return names
}

// Warnings tell of what works, but surely isn't meant.
func (p *Program) Warnings() []string { return slices.Clone(p.warnings) }

// Expectation is the i-th of the suite, with its severity filled in.
func (p *Program) Expectation(i int) Expectation { return p.suite.Expectations[i] }

// Counts reports whether breaking the i-th expectation makes a record a failing
// one: it is row-level, and its severity is critical or warning.
func (p *Program) Counts(i int) bool {
	return p.checks[i].rowLevel() && p.suite.Expectations[i].Severity != Info
}

// Uniques lists the expectations that need an index over the whole batch. One
// whose column the table lacks needs none: it fails.
func (p *Program) Uniques() []int {
	var out []int
	for i, c := range p.checks {
		if c.unique && p.at[i] >= 0 {
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
