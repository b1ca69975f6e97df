package dq

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/autonomous-data-pipeline/adp/pipeline"
	"github.com/autonomous-data-pipeline/adp/schemas"
)

// Program is a suite, checked and ready to observe. It is immutable, and safe
// for concurrent use.
type Program struct {
	suite      Suite
	checks     []check
	at         [][]int         // by expectation: its columns' indexes in the schema; nil if the table lacks one
	lacks      []string        // by expectation: the column that the table lacks
	conditions []condition     // the first is none: all rows
	under      []int           // by expectation: its condition
	facts      []factsOf       // of columns, that several expectations may share
	factsAt    []int           // by expectation; -1 if it needs none
	fields     []schemas.Field // the table's columns
	digest     string
	warnings   []string
}

// factsOf names a column under a condition, and what is to be known of it.
type factsOf struct {
	column, condition int
	needs             needs
}

// Compile checks a suite against the table's schema and prepares it. All
// problems are reported at once, with their lines. A column that the table
// lacks is none, nor are arguments that don't compare with the column's values:
// as in Great Expectations they make a failed result, and a warning.
func Compile(s Suite, sch *schemas.Schema) (*Program, error) {
	p := &Program{suite: Suite{Name: s.Name, Meta: s.Meta, ID: s.ID, Expectations: slices.Clone(s.Expectations)}, fields: sch.Fields, conditions: []condition{nil}}
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
	c, where, doubts, cerr := compileOne(*e, func(column string) schemas.Type {
		if at := sch.Index(column); at >= 0 {
			return sch.Fields[at].Type
		}
		return ""
	})
	p.checks = append(p.checks, c)
	p.resolve(c, where, sch)
	if err := errors.Join(err, cerr); err != nil {
		return err
	}
	for _, d := range append(doubts, p.hopeless(i)...) {
		p.warnings = append(p.warnings, fmt.Sprintf("%s: %s", p.place(i), d))
	}
	return nil
}

// resolve finds the columns that the newest expectation looks at.
func (p *Program) resolve(c check, where condition, sch *schemas.Schema) {
	at, lacks := []int{}, ""
	for _, name := range c.columns {
		index := sch.Index(name)
		if index < 0 && lacks == "" && !c.absent {
			lacks = name
		}
		at = append(at, index)
	}
	if where != nil {
		if name, missing := unknownColumn(where, sch); missing && lacks == "" {
			lacks = name
		}
	}
	if lacks != "" {
		at = nil
	}
	p.at, p.lacks = append(p.at, at), append(p.lacks, lacks)
	p.under = append(p.under, p.condition(where))
	facts := -1
	if len(at) == 1 && (c.column != nil || c.second != nil) {
		facts = p.fact(at[0], p.under[len(p.under)-1], c.needs)
	}
	p.factsAt = append(p.factsAt, facts)
}

// condition finds an equal condition, or adds it.
func (p *Program) condition(where condition) int {
	if where == nil {
		return 0
	}
	for i, c := range p.conditions {
		if c != nil && c.text() == where.text() {
			return i
		}
	}
	p.conditions = append(p.conditions, where)
	return len(p.conditions) - 1
}

func (p *Program) fact(column, condition int, n needs) int {
	for i := range p.facts {
		if f := &p.facts[i]; f.column == column && f.condition == condition {
			f.needs = needs{f.needs.moments || n.moments, f.needs.extreme || n.extreme, f.needs.values || n.values}
			return i
		}
	}
	p.facts = append(p.facts, factsOf{column, condition, n})
	return len(p.facts) - 1
}

// hopeless says why an expectation can never hold.
func (p *Program) hopeless(i int) []string {
	c := p.checks[i]
	switch {
	case p.lacks[i] != "":
		return []string{fmt.Sprintf("column %q is not in the schema: the expectation will always fail%s", p.lacks[i], nearest(p.lacks[i], p.columns()))}
	case c.rows == nil && c.order == nil:
		return nil
	}
	if err := p.typeError(i); err != nil {
		return []string{fmt.Sprintf("column %q is of type %s: the expectation will always fail: %v", c.columns[0], p.fields[p.at[i][0]].Type, err)}
	}
	return nil
}

// typeError is why an expectation can't look at its columns' types.
func (p *Program) typeError(i int) error {
	c, cols := &p.checks[i], make([]arrow.Array, len(p.at[i]))
	for n, at := range p.at[i] {
		cols[n] = array.MakeArrayOfNull(memory.DefaultAllocator, arrowType(p.fields[at].Type), 0)
		defer cols[n].Release() //nolint:gocritic // deferInLoop: they are used together, and few
	}
	if c.order != nil && orderedKeys(cols[0]) == nil {
		return errNoOrder
	}
	if c.rows == nil {
		return nil
	}
	_, err := c.rows(cols)
	return err
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

// Late lists the row-level expectations whose verdicts only the whole batch
// shows. One whose column the table lacks isn't among them: it fails.
func (p *Program) Late() []int {
	var out []int
	for i, c := range p.checks {
		if c.late() && p.at[i] != nil {
			out = append(out, i)
		}
	}
	return out
}

// Columns are the columns that observing looks at: those of expectations and
// of their conditions.
func (p *Program) Columns() []string { return p.columnsOf(func(int) bool { return true }) }

// LateColumns are the columns that a second look needs.
func (p *Program) LateColumns() []string {
	return p.columnsOf(func(i int) bool { return p.checks[i].late() })
}

func (p *Program) columnsOf(want func(i int) bool) []string {
	var names []string
	for i, c := range p.checks {
		if p.at[i] == nil || !want(i) {
			continue
		}
		names = append(names, c.columns...)
		if where := p.conditions[p.under[i]]; where != nil {
			names = where.columns(names)
		}
	}
	slices.Sort(names)
	names = slices.Compact(names)
	return slices.DeleteFunc(names, func(n string) bool { return !slices.Contains(p.columns(), n) })
}

// Reason is what a record that breaks the i-th expectation is kept out with.
func (p *Program) Reason(i int) pipeline.Reason {
	return pipeline.Reason{Code: p.suite.Expectations[i].Type, Field: strings.Join(p.checks[i].columns, ", "), Detail: p.checks[i].detail}
}

// column is the only column of the i-th expectation, if it is of one.
func (p *Program) column(i int) string {
	name, _ := p.suite.Expectations[i].Kwargs["column"].(string) // others have none
	return name
}
