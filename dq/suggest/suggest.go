// Package suggest writes rules that hold on data which is there: what its
// columns are, how much is missing, sets, ranges, formats, lengths and
// uniqueness, each with its evidence. Every rule is for a person to look at.
package suggest

import (
	"context"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/autonomous-data-pipeline/adp/dq"
	"github.com/autonomous-data-pipeline/adp/dq/check"
	"github.com/autonomous-data-pipeline/adp/dq/tabular"
	"github.com/autonomous-data-pipeline/adp/pipeline"
	"github.com/autonomous-data-pipeline/adp/schemas"
)

// Suggest reads the table and writes a rules file with one suite of that name.
// The same data gives the same file. dir and memory bound what the values of
// columns take, as in check.Options.
func Suggest(ctx context.Context, t *tabular.Table, name, dir string, memory int64) ([]byte, error) {
	suite, probes := questions(t.Schema())
	lengths := newLengths(t.Schema())
	doc, err := check.Run(ctx, suite, t, check.Options{Format: dq.Basic, Dir: dir, Memory: memory, Observe: lengths.observe})
	if err != nil {
		return nil, err
	}
	found := make([]evidence, len(t.Schema().Fields))
	for i, f := range t.Schema().Fields {
		found[i] = evidence{Field: f, shortest: lengths.shortest[i], longest: lengths.longest[i], matches: map[string]int64{}}
	}
	rows := int64(-1)
	for _, r := range doc.Results {
		p, ok := probes[r.Expectation.ID]
		if !ok {
			return nil, pipeline.Faultf(pipeline.Bug, "suggest rules: nobody asked for %s", r.Expectation.Type)
		}
		if p.column < 0 {
			rows = number(r.Result.Get("observed_value"))
			continue
		}
		p.learn(&found[p.column], r)
	}
	w := &writer{}
	w.head(name, rows, t.Schema())
	for _, e := range found {
		e.rows = rows
		w.column(e)
	}
	return w.b.Bytes(), nil
}

// evidence is what was found out about a column.
type evidence struct {
	schemas.Field
	rows, nulls, distinct int64
	values                []any // all that there are, if they are few
	least, greatest       any   // nil if there is none
	repeated              int64 // values that aren't alone
	matches               map[string]int64
	shortest, longest     int // characters
}

func (e evidence) present() int64 { return e.rows - e.nulls }

// probe is a question: an expectation whose result tells something about a
// column, or, with column -1, about the table.
type probe struct {
	column int
	learn  func(e *evidence, r dq.Result)
}

// questions are asked of every column, as a suite.
func questions(s *schemas.Schema) (dq.Suite, map[string]probe) {
	suite, probes := dq.Suite{Name: "questions"}, map[string]probe{}
	ask := func(column int, typ string, kwargs map[string]any, learn func(e *evidence, r dq.Result)) {
		id := fmt.Sprint(len(suite.Expectations))
		suite.Expectations = append(suite.Expectations, dq.Expectation{Type: typ, Kwargs: kwargs, ID: id})
		probes[id] = probe{column, learn}
	}
	ask(-1, "expect_table_row_count_to_be_between", map[string]any{"min_value": 0}, nil)
	for i, f := range s.Fields {
		about := func(typ string, learn func(e *evidence, r dq.Result), args ...any) {
			kwargs := map[string]any{"column": f.Name}
			for n := 0; n < len(args); n += 2 {
				kwargs[args[n].(string)] = args[n+1]
			}
			ask(i, typ, kwargs, learn)
		}
		about("expect_column_values_to_not_be_null", func(e *evidence, r dq.Result) { e.nulls = number(r.Result.Get("unexpected_count")) })
		about("expect_column_unique_value_count_to_be_between", func(e *evidence, r dq.Result) { e.distinct = number(r.Result.Get("observed_value")) }, "min_value", 0)
		about("expect_column_values_to_be_unique", func(e *evidence, r dq.Result) { e.repeated = number(r.Result.Get("unexpected_count")) })
		about("expect_column_distinct_values_to_be_in_set", learnValues, "value_set", []any{nowhere})
		about("expect_column_min_to_be_between", func(e *evidence, r dq.Result) { e.least = r.Result.Get("observed_value") })
		about("expect_column_max_to_be_between", func(e *evidence, r dq.Result) { e.greatest = r.Result.Get("observed_value") })
		if f.Type != schemas.String {
			continue
		}
		for _, format := range formats {
			about("expect_column_values_to_match_regex", func(e *evidence, r dq.Result) {
				e.matches[format.name] = number(r.Result.Get("element_count")) - number(r.Result.Get("missing_count")) - number(r.Result.Get("unexpected_count"))
			}, "regex", format.pattern)
		}
	}
	return suite, probes
}

// nowhere is a value that no column has, so that all others are listed.
const nowhere = "\x00 no column has this value"

// learnValues keeps a column's values if the result lists all of them.
func learnValues(e *evidence, r dq.Result) {
	list, _ := r.Result.Get("partial_unexpected_list").([]any)
	if int64(len(list)) == number(r.Result.Get("unexpected_count")) {
		e.values = list
	}
}

func number(v any) int64 {
	n, _ := v.(int64)
	return n
}

// lengths are the shortest and the longest text of each column, in characters.
type lengths struct{ shortest, longest []int }

func newLengths(s *schemas.Schema) *lengths {
	return &lengths{make([]int, len(s.Fields)), make([]int, len(s.Fields))}
}

func (l *lengths) observe(c dq.Chunk) {
	for i, col := range c.Record.Columns() {
		switch col := col.(type) {
		case *array.String:
			for row := range col.Len() {
				if col.IsValid(row) {
					l.add(i, col.Value(row))
				}
			}
		case *array.Dictionary:
			texts, ok := col.Dictionary().(*array.String)
			for row := 0; ok && row < col.Len(); row++ {
				if col.IsValid(row) {
					l.add(i, texts.Value(col.GetValueIndex(row)))
				}
			}
		}
	}
}

// add keeps lengths one too great, so that 0 is none.
func (l *lengths) add(column int, text string) {
	n := utf8.RuneCountInString(text) + 1
	if l.shortest[column] == 0 || n < l.shortest[column] {
		l.shortest[column] = n
	}
	l.longest[column] = max(l.longest[column], n)
}

// format is what texts often are.
type format struct{ name, pattern string }

// formats are tried in this order: the first that nearly all values have is
// suggested.
var formats = []format{
	{"UUIDs", `^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}\Z`},
	{"e-mail addresses", `^[^@\s]+@[^@\s]+\.[^@\s]+\Z`},
	{"web addresses", `^https?://[^\s/]+`},
	{"IPv4 addresses", `^([0-9]{1,3}\.){3}[0-9]{1,3}\Z`},
	{"ISO dates", `^[0-9]{4}-[0-9]{2}-[0-9]{2}\Z`},
	{"ISO times", `^[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]+)?)?(Z|[+-][0-9]{2}:?[0-9]{2})?\Z`},
	{"digits", `^[0-9]+\Z`},
	{"upper-case codes", `^[A-Z0-9]+(-[A-Z0-9]+)*\Z`},
	{"lower-case names", `^[a-z0-9]+([-_.][a-z0-9]+)*\Z`},
	{"one line of text", `^[^\n\r]*\Z`},
}

// plural counts things.
func plural(n int64, one string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%s %ss", thousands(n), one)
}

func thousands(n int64) string {
	s := fmt.Sprint(n)
	for at := len(s) - 3; at > 0 && s[at-1] != '-'; at -= 3 {
		s = s[:at] + "," + s[at:]
	}
	return strings.TrimSpace(s)
}
