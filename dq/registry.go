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

// check is one compiled expectation. A row-level one judges each row: by itself
// (rows), or by the whole batch (unique, order, second). Another judges the
// table: what it is (table), or what one of its columns holds (column).
type check struct {
	columns []string // that it looks at, in the order that rows wants them
	absent  bool     // the table may lack them
	skip    skip     // the rows that aren't judged
	// rows prepares a chunk: the predicate says whether row i is as expected; nil
	// says that all are. An error is one of type, as Great Expectations raises
	// it: the expectation fails as an exception.
	rows func(cols []arrow.Array) (ok func(i int) bool, err error)
	// raises is why a row makes the whole expectation fail as an exception.
	raises func(cols []arrow.Array) func(i int) error
	// typed says that rows' error is of the columns' types, and is raised
	// without a row, too.
	typed bool
	// unique says that rows are judged by an index of the columns' values over
	// the whole batch.
	unique bool
	// order says that rows are judged by the row before them, by the sign of
	// their difference.
	order func(sign int) bool
	// second judges rows once the column's facts are known.
	second func(f *columnFacts) (func(cols []arrow.Array) (func(i int) bool, error), error)
	// needs are the facts that second and column look at.
	needs needs
	// column judges a column by its facts.
	column func(f *columnFacts) (success bool, result Object, err error)
	// table judges the whole table.
	table func(t tableFacts) (success bool, result Object)
	// detail is the rule in a few words.
	detail string
}

// skip says which rows an expectation leaves out.
type skip int

const (
	skipAny  skip = iota // a value is missing
	skipAll              // all values are missing
	skipNone             // none
)

// needs are facts of a column that cost something to gather.
type needs struct {
	moments bool // sum, mean, standard deviation
	extreme bool // least and greatest
	values  bool // every distinct value with its count
}

// tableFacts are what table-level expectations look at.
type tableFacts struct {
	Rows    int64
	Columns []string
	Types   []schemas.Type // by column
}

// domain is what an expectation is about, by the arguments that name it.
type domain int

const (
	ofTable domain = iota
	ofColumn
	ofPair
	ofColumns
)

var domainArgs = map[domain][]string{
	ofColumn: {"column"}, ofPair: {"column_A", "column_B"}, ofColumns: {"column_list"},
}

// kind is an expectation type: its arguments, in the order in which Great
// Expectations writes them, and how to compile it. Defaults are left out of
// results, as Great Expectations does. floats lists numbers that it always
// writes as floats.
type kind struct {
	domain   domain
	whole    bool // it takes neither mostly nor a condition
	row      bool // row-level
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
func (k kind) takes() []string {
	all := slices.Clone(domainArgs[k.domain])
	if k.row {
		all = append(all, "mostly")
	}
	all = append(all, k.args...)
	if !k.whole {
		all = append(all, "row_condition", "condition_parser")
	}
	return all
}

// rowLevel says that each row keeps or breaks the expectation.
func (c check) rowLevel() bool { return c.rows != nil || c.late() }

// late says that rows are judged once the whole batch is known.
func (c check) late() bool { return c.unique || c.order != nil || c.second != nil }

// args reads an expectation's arguments, collecting what is wrong with them.
type args struct {
	values map[string]any
	typ    schemas.Type // of the only column; empty if there is none in the schema
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

// columns are the names of the columns that the expectation is about.
func (a *args) columns(d domain) []string {
	var names []string
	switch d {
	case ofTable:
		return nil
	case ofColumns:
		for _, v := range a.list("column_list") {
			name, ok := v.(string)
			if !ok {
				a.problem("column_list: %v is no text", v)
			}
			names = append(names, name)
		}
		if len(names) == 0 {
			a.problem("column_list is empty")
		}
		return names
	}
	for _, arg := range domainArgs[d] {
		if name := a.text(arg); name == "" {
			a.problem("%s is empty", arg)
		} else {
			names = append(names, name)
		}
	}
	return names
}

// compileOne checks one expectation and prepares it, reporting all that is
// wrong with it at once, and what is doubtful.
func compileOne(e Expectation, typeOf func(column string) schemas.Type) (check, condition, []string, error) {
	k, ok := registry[e.Type]
	if !ok {
		return check{}, nil, nil, unknownType(e.Type)
	}
	a := &args{values: e.Kwargs}
	columns := a.columns(k.domain)
	if len(columns) == 1 {
		a.typ = typeOf(columns[0])
	}
	c := k.build(a)
	c.columns = columns
	if m, ok := a.number("mostly"); ok && (m < 0 || m > 1) {
		a.problem("mostly is %v: it lies between 0 and 1", m)
	}
	known := k.takes()
	for _, name := range slices.Sorted(maps.Keys(e.Kwargs)) {
		if !slices.Contains(known, name) && !slices.Contains(common, name) {
			a.problem("unknown argument %q%s", name, nearest(name, known))
		}
	}
	where, err := parseCondition(e.Kwargs["row_condition"], e.Kwargs["condition_parser"])
	if err != nil {
		a.problem("row_condition: %v", err)
	}
	return c, where, a.doubts, errors.Join(a.errs...)
}

// common are arguments that Great Expectations takes everywhere and that don't
// change a verdict: what a result tells is asked for when it is written.
var common = []string{"batch_id", "result_format", "catch_exceptions", "rendered_content", "windows"}

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
	case json.Number:
		return jsonNumber(v)
	case map[string]any:
		if name, ok := v["$PARAMETER"]; ok {
			return nil, fmt.Errorf("suite parameter %v has no value here: write the value itself", name)
		}
		return jsonValues(v)
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
	return jsonValue(out)
}

// jsonNumber keeps an integer of 64 bits, and makes any other number a float.
func jsonNumber(n json.Number) (any, error) {
	if i, err := n.Int64(); err == nil {
		return i, nil
	}
	f, err := n.Float64()
	if err != nil {
		return nil, fmt.Errorf("%s is beyond a float's range", n)
	}
	return jsonValue(f)
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
