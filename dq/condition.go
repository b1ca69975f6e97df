package dq

import (
	"fmt"
	"slices"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/autonomous-data-pipeline/adp/schemas"
)

// condition selects rows. Comparisons with a missing value are false, but "not
// equal" is true: as in a pandas query.
type condition interface {
	// columns adds the names of the columns that it looks at.
	columns(names []string) []string
	// over prepares a chunk.
	over(col func(name string) arrow.Array) (func(i int) bool, error)
	// text is the condition in pandas' syntax, whatever it was written in.
	text() string
}

type (
	allOf  []condition
	anyOf  []condition
	noneOf struct{ of condition }
	isNull struct {
		column string
		want   bool
	}
	// compares a column with a literal: nil, bool, int64, float64 or text.
	compares struct {
		column, op string
		literal    any
	}
	// within asks whether a column's value is one of some literals.
	within struct {
		column   string
		literals []any
		want     bool
	}
)

func (c allOf) columns(names []string) []string {
	for _, of := range c {
		names = of.columns(names)
	}
	return names
}
func (c anyOf) columns(names []string) []string    { return allOf(c).columns(names) }
func (c noneOf) columns(names []string) []string   { return c.of.columns(names) }
func (c isNull) columns(names []string) []string   { return append(names, c.column) }
func (c compares) columns(names []string) []string { return append(names, c.column) }
func (c within) columns(names []string) []string   { return append(names, c.column) }

func (c allOf) over(col func(string) arrow.Array) (func(int) bool, error) {
	parts, err := overEach(c, col)
	return func(i int) bool {
		return !slices.ContainsFunc(parts, func(p func(int) bool) bool { return !p(i) })
	}, err
}

func (c anyOf) over(col func(string) arrow.Array) (func(int) bool, error) {
	parts, err := overEach(c, col)
	return func(i int) bool {
		return slices.ContainsFunc(parts, func(p func(int) bool) bool { return p(i) })
	}, err
}

func overEach(conditions []condition, col func(string) arrow.Array) ([]func(int) bool, error) {
	parts := make([]func(int) bool, len(conditions))
	for i, c := range conditions {
		part, err := c.over(col)
		if err != nil {
			return nil, err
		}
		parts[i] = part
	}
	return parts, nil
}

func (c noneOf) over(col func(string) arrow.Array) (func(int) bool, error) {
	of, err := c.of.over(col)
	return func(i int) bool { return !of(i) }, err
}

func (c isNull) over(col func(string) arrow.Array) (func(int) bool, error) {
	values := col(c.column)
	return func(i int) bool { return values.IsNull(i) == c.want }, nil
}

func (c within) over(col func(string) arrow.Array) (func(int) bool, error) {
	values := col(c.column)
	has, err := perValue(values, func(values arrow.Array) (func(int) bool, error) {
		return newValues(&args{}, c.literals).lookup(values), nil
	})
	return func(i int) bool { return (!values.IsNull(i) && has(i)) == c.want }, err
}

// over compares as Python does: values of different kinds are unequal, and
// have no order.
func (c compares) over(col func(string) arrow.Array) (func(int) bool, error) {
	values := col(c.column)
	sign, err := c.sign(values)
	if err != nil {
		return nil, err
	}
	holds := map[string]func(int) bool{
		"==": func(s int) bool { return s == 0 }, "!=": func(s int) bool { return s != 0 },
		"<": func(s int) bool { return s == -1 }, "<=": func(s int) bool { return s == -1 || s == 0 },
		">": func(s int) bool { return s == 1 }, ">=": func(s int) bool { return s == 1 || s == 0 },
	}[c.op]
	missing := c.op == "!="
	return func(i int) bool {
		if values.IsNull(i) {
			return missing
		}
		return holds(sign(i))
	}, nil
}

// incomparable is the sign of two values that are unequal and have no order.
const incomparable = 2

// sign compares a column's values with the literal.
func (c compares) sign(values arrow.Array) (func(i int) int, error) {
	switch literal := c.literal.(type) {
	case string:
		if instant := instantOf(values); instant != nil {
			t, err := parseTime(literal)
			if err != nil {
				return nil, fmt.Errorf("column %s holds times: %w", c.column, err)
			}
			at := t.UnixMicro()
			return func(i int) int { return signOf(instant(i), at) }, nil
		}
		if isText(values) {
			text := textOf(values)
			return func(i int) int { return signOf(text(i), literal) }, nil
		}
	case bool, int64, float64:
		if integer := integerOf(values); integer != nil {
			if n, ok := literal.(int64); ok {
				return func(i int) int { return signOf(integer(i), n) }, nil
			}
		}
		if number := numberOf(values); number != nil {
			n := literalNumber(literal)
			return func(i int) int { return signOf(number(i), n) }, nil
		}
	}
	if c.op != "==" && c.op != "!=" {
		return nil, fmt.Errorf("%s has no order with the values of column %s", pythonLiteral(c.literal), c.column)
	}
	return func(int) int { return incomparable }, nil
}

func literalNumber(v any) float64 {
	if b, ok := v.(bool); ok {
		if b {
			return 1
		}
		return 0
	}
	return asFloat(v)
}

func signOf[T int64 | float64 | string](a, b T) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	case a == b:
		return 0
	}
	return incomparable
}

// mask is the rows of a chunk that a condition selects; nil is all of them.
func mask(c condition, rows int, col func(string) arrow.Array) ([]int32, error) {
	selects, err := c.over(col)
	if err != nil {
		return nil, err
	}
	out := make([]int32, 0, rows)
	for i := range rows {
		if selects(i) {
			out = append(out, int32(i))
		}
	}
	return out, nil
}

// unknownColumn is the first column of the condition that the table lacks.
func unknownColumn(c condition, sch *schemas.Schema) (string, bool) {
	for _, name := range c.columns(nil) {
		if sch.Index(name) < 0 {
			return name, true
		}
	}
	return "", false
}
