package dq

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
)

// check is one compiled expectation. A row-level one gives a predicate a
// column chunk; a table-level one judges at the end.
type check struct {
	// rows prepares a chunk of the column: the predicate says whether row i,
	// which isn't null, is as expected. An error is one of type, as Great
	// Expectations raises it: the expectation fails as an exception.
	rows func(col arrow.Array) (ok func(i int) bool, err error)
	// nulls says that nulls are judged, not left out (the null expectations).
	nulls bool
	// unique says that rows are judged by an index over the whole batch.
	unique bool
	// table judges the whole table.
	table func(t tableFacts) (success bool, result Object)
	// detail is the rule in a few words.
	detail string
}

// tableFacts are what table-level expectations look at.
type tableFacts struct {
	Rows    int64
	Columns []string
}

// kind is an expectation type: its arguments and how to compile it. Defaults
// are left out of results, as Great Expectations does. floats lists numbers
// that it always writes as floats.
type kind struct {
	column   bool // it takes a column
	args     []string
	defaults map[string]any
	floats   []string
	build    func(a *args) check
}

// registry has every expectation type. Each file of expectations registers its
// own.
var registry = map[string]kind{}

// register adds a type. Doing so twice is a bug in this package.
func register(name string, k kind) {
	if _, ok := registry[name]; ok {
		panic("dq: expectation " + name + " is registered twice")
	}
	registry[name] = k
}

// known says whether the type takes the argument.
func (k kind) known(name string) bool {
	return slices.Contains(k.args, name) || (k.column && name == "column")
}

// args reads an expectation's arguments, collecting what is wrong with them.
type args struct {
	values map[string]any
	errs   []error
}

func (a *args) problem(format string, v ...any) { a.errs = append(a.errs, fmt.Errorf(format, v...)) }

func (a *args) text(name string) string {
	s, ok := a.values[name].(string)
	if !ok {
		a.problem("%s must be a text", name)
	}
	return s
}

func (a *args) list(name string) []any {
	l, ok := a.values[name].([]any)
	if !ok {
		a.problem("%s must be a list", name)
	}
	return l
}

func (a *args) flag(name string, fallback bool) bool {
	v, ok := a.values[name]
	if !ok || v == nil {
		return fallback
	}
	b, ok := v.(bool)
	if !ok {
		a.problem("%s must be true or false", name)
	}
	return b
}

// number is an optional number; ok is false if it is absent.
func (a *args) number(name string) (v float64, ok bool) {
	switch n := a.values[name].(type) {
	case nil:
		return 0, false
	case int64:
		return float64(n), true
	case float64:
		if !math.IsNaN(n) {
			return n, true
		}
	}
	a.problem("%s must be a number", name)
	return 0, false
}

// compileOne checks one expectation and prepares it, reporting all that is
// wrong with it at once.
func compileOne(e Expectation) (check, error) {
	k, ok := registry[e.Type]
	if !ok {
		return check{}, unknownType(e.Type)
	}
	a := &args{values: e.Kwargs}
	for _, name := range slices.Sorted(maps.Keys(e.Kwargs)) {
		if !k.known(name) && name != "mostly" {
			hint := nearest(name, append(slices.Clone(k.args), "column", "mostly"))
			if name == "row_condition" || name == "condition_parser" {
				hint = "; conditions are not supported yet"
			}
			a.problem("unknown argument %q%s", name, hint)
		}
	}
	if k.column {
		if c := a.text("column"); c == "" {
			a.problem("column is empty")
		}
	}
	if m, ok := a.number("mostly"); ok && (m < 0 || m > 1) {
		a.problem("mostly is %v: it lies between 0 and 1", m)
	}
	c := k.build(a)
	return c, errors.Join(a.errs...)
}

// nearest suggests a known name, if one is near.
func nearest(name string, known []string) string {
	best, at := 4, ""
	for _, k := range known {
		if d := distance(name, k); d < best {
			best, at = d, k
		}
	}
	if at == "" {
		return ""
	}
	return fmt.Sprintf("; did you mean %q?", at)
}

// distance is Levenshtein's.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		last := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := last
			if a[i] != b[j] {
				cost++
			}
			last = row[j+1]
			row[j+1] = min(cost, row[j+1]+1, row[j]+1)
		}
	}
	return row[len(b)]
}

func unknownType(name string) error {
	known := slices.Sorted(maps.Keys(registry))
	if hint := nearest(name, known); hint != "" {
		return fmt.Errorf("unknown expectation %q%s", name, hint)
	}
	return fmt.Errorf("unknown expectation %q; supported are: %s", name, strings.Join(known, ", "))
}
