package dq

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/autonomous-data-pipeline/adp/schemas"
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

// kind is an expectation type: its arguments, in the order in which Great
// Expectations writes them, and how to compile it. Defaults are left out of
// results, as Great Expectations does. floats lists numbers that it always
// writes as floats.
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

// takes lists the arguments, in the order in which results show them.
func (k kind) takes(c check) []string {
	var common []string
	if k.column {
		common = append(common, "column")
	}
	if c.rowLevel() {
		common = append(common, "mostly")
	}
	return append(common, k.args...)
}

// rowLevel says that each row keeps or breaks the expectation.
func (c check) rowLevel() bool { return c.rows != nil || c.unique }

// args reads an expectation's arguments, collecting what is wrong with them.
type args struct {
	values map[string]any
	typ    schemas.Type // of the column; empty if there is none in the schema
	errs   []error
	doubts []string // what can be kept, but surely isn't meant
}

func (a *args) problem(format string, v ...any) { a.errs = append(a.errs, fmt.Errorf(format, v...)) }

func (a *args) doubt(format string, v ...any) {
	a.doubts = append(a.doubts, fmt.Sprintf(format, v...))
}

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
// wrong with it at once, and what is doubtful.
func compileOne(e Expectation, typ schemas.Type) (check, []string, error) {
	k, ok := registry[e.Type]
	if !ok {
		return check{}, nil, unknownType(e.Type)
	}
	a := &args{values: e.Kwargs, typ: typ}
	if k.column {
		if name := a.text("column"); name == "" {
			a.problem("column is empty")
		}
	}
	c := k.build(a)
	if m, ok := a.number("mostly"); ok && (m < 0 || m > 1) {
		a.problem("mostly is %v: it lies between 0 and 1", m)
	}
	known := k.takes(c)
	for _, name := range slices.Sorted(maps.Keys(e.Kwargs)) {
		switch {
		case name == "row_condition" || name == "condition_parser":
			if e.Kwargs[name] != nil {
				a.problem("unknown argument %q; conditions are not supported yet", name)
			}
		case !slices.Contains(known, name):
			a.problem("unknown argument %q%s", name, nearest(name, known))
		}
	}
	return c, a.doubts, errors.Join(a.errs...)
}

// jsonValues gives arguments the Go types that rules files give them, whether
// they come from there, from JSON, or from a program.
func jsonValues(kwargs map[string]any) (map[string]any, error) {
	out := make(map[string]any, len(kwargs))
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(kwargs)) {
		v, err := jsonValue(kwargs[name])
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", name, err))
		}
		out[name] = v
	}
	return out, errors.Join(errs...)
}

// jsonValue keeps nil, booleans, texts, int64 and float64. A float without a
// fraction becomes an integer: JSON doesn't tell the two apart, and rules
// travel as JSON.
func jsonValue(v any) (any, error) {
	switch v := v.(type) {
	case nil, bool, string, int64:
		return v, nil
	case int:
		return int64(v), nil
	case float64:
		const exact = 1 << 53 // beyond it floats leave integers out
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return nil, fmt.Errorf("%v is not a finite number", v)
		}
		if v == math.Trunc(v) && math.Abs(v) <= exact {
			return int64(v), nil
		}
		return v, nil
	case []any:
		out := make([]any, len(v))
		var errs []error
		for i := range v {
			e, err := jsonValue(v[i])
			out[i], errs = e, append(errs, err)
		}
		return out, errors.Join(errs...)
	}
	// Anything else: what JSON makes of it.
	b, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("%v can't be written as JSON: %w", v, err)
	}
	var out any
	if err := json.Unmarshal(b, &out); err != nil {
		return nil, err
	}
	if _, nested := out.(map[string]any); nested {
		return out, nil
	}
	return jsonValue(out)
}

// nearest suggests a known name, if one is near: at most three edits away, and
// fewer than half of a short name.
func nearest(name string, known []string) string {
	best, at := min(4, len(name)/2+1), ""
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

// distance is Levenshtein's. Only the first 200 bytes count, so that no name in
// a file takes long.
func distance(a, b string) int {
	a, b = a[:min(len(a), 200)], b[:min(len(b), 200)]
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
