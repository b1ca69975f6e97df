package dq

import (
	"cmp"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
)

// Format is how much a result tells.
type Format string

// Great Expectations' result formats.
const (
	BooleanOnly Format = "BOOLEAN_ONLY"
	Basic       Format = "BASIC"
	Summary     Format = "SUMMARY"
	Complete    Format = "COMPLETE"
)

// Options are what a document says beside the results.
type Options struct {
	Format  Format // Summary if empty
	RunID   string
	RunTime time.Time
	BatchID string
	// RowNumbers shows where a row stands by its number, not by its place in
	// the topic: for tables that have none.
	RowNumbers bool
}

// fetched is how many unexpected values the formats below COMPLETE show.
const fetched = 20

// gxVersion is the release whose format and semantics this package follows.
const gxVersion = "1.24.1"

// Results writes a profile up as Great Expectations would.
func (p *Program) Results(prof *Profile, opt Options) Document {
	if opt.Format == "" {
		opt.Format = Summary
	}
	d := Document{
		Success: true, Results: []Result{}, SuiteName: p.suite.Name, SuiteParameters: map[string]any{},
		Meta: Object{
			{"great_expectations_version", gxVersion},
			{"generator", "autonomous data pipeline"},
			{"run_id", Object{{"run_name", opt.RunID}, {"run_time", opt.RunTime.UTC().Format(time.RFC3339Nano)}}},
			{"batch_id", opt.BatchID},
		},
	}
	for _, i := range p.order(prof) {
		r := p.result(i, prof, opt)
		d.Success = d.Success && r.Success
		if r.Success {
			d.Statistics.Successful++
		}
		d.Results = append(d.Results, r)
	}
	d.Statistics.Evaluated = len(d.Results)
	d.Statistics.Unsuccessful = d.Statistics.Evaluated - d.Statistics.Successful
	if n := d.Statistics.Evaluated; n > 0 {
		percent := Float(float64(d.Statistics.Successful) / float64(n) * 100)
		d.Statistics.Percent = &percent
	}
	return d
}

// order is the order in which Great Expectations lists results: exceptions
// first, then by column in order of first appearance, those without a column
// as one group.
func (p *Program) order(prof *Profile) []int {
	var broken, rest []int
	group := map[string]int{}
	for i := range p.checks {
		if p.exception(i, prof) != "" {
			broken = append(broken, i)
			continue
		}
		rest = append(rest, i)
		if c := p.column(i); group[c] == 0 {
			group[c] = len(group) + 1
		}
	}
	slices.SortStableFunc(rest, func(a, b int) int { return cmp.Compare(group[p.column(a)], group[p.column(b)]) })
	return append(broken, rest...)
}

// exception is why an expectation can't be evaluated, or empty.
func (p *Program) exception(i int, prof *Profile) string {
	c := p.checks[i]
	if (c.rows != nil || c.unique) && !slices.Contains(p.columns, p.column(i)) {
		return fmt.Sprintf("Error: The column %q in BatchData does not exist.", p.column(i))
	}
	return prof.tallies[i].Error
}

func (p *Program) result(i int, prof *Profile, opt Options) Result {
	r := Result{Expectation: p.configured(i, opt), Result: Object{}, Meta: map[string]any{}}
	if why := p.exception(i, prof); why != "" {
		r.Exception = Object{{p.suite.Expectations[i].Type, Object{
			{"exception_traceback", nil}, {"exception_message", why}, {"raised_exception", true},
		}}}
		return r
	}
	r.Exception = Object{{"raised_exception", false}, {"exception_traceback", nil}, {"exception_message", nil}}
	if c := p.checks[i]; c.table != nil {
		r.Success, r.Result = c.table(tableFacts{Rows: prof.rows, Columns: p.columns})
	} else {
		r.Success, r.Result = p.rowResult(i, prof, opt)
	}
	if opt.Format == BooleanOnly {
		r.Result = Object{}
	}
	return r
}

// configured repeats the expectation with the arguments that differ from their
// defaults.
func (p *Program) configured(i int, opt Options) Configured {
	e, k := p.suite.Expectations[i], registry[p.suite.Expectations[i].Type]
	kwargs := map[string]any{"batch_id": opt.BatchID}
	for name, v := range e.Kwargs {
		def, has := k.defaults[name]
		switch {
		case v == nil, has && reflect.DeepEqual(v, def):
			continue
		case name == "mostly":
			if f := asFloat(v); f != 1 {
				kwargs[name] = Float(f)
			}
			continue
		case slices.Contains(k.floats, name):
			if _, text := v.(string); !text {
				v = Float(asFloat(v))
			}
		}
		kwargs[name] = v
	}
	id := e.ID
	if id == "" {
		id = uuid.NewSHA1(uuid.NameSpaceOID, fmt.Appendf(nil, "%s/%d/%s", p.suite.Name, i, e.Type)).String()
	}
	meta := e.Meta
	if meta == nil {
		meta = map[string]any{}
	}
	return Configured{Type: e.Type, Kwargs: kwargs, Meta: meta, Notes: e.Notes, ID: id, Severity: e.Severity}
}

func asFloat(v any) float64 {
	switch n := v.(type) {
	case int64:
		return float64(n)
	case float64:
		return n
	}
	return 0 // Compile has refused anything else
}

// rowResult is a map expectation's result. Percentages are computed as (a/b)*100,
// so that they agree with the original to the last bit.
func (p *Program) rowResult(i int, prof *Profile, opt Options) (bool, Object) {
	t, judgesNulls := prof.tallies[i], p.checks[i].nulls
	considered := prof.rows - t.Nulls
	if judgesNulls {
		considered = prof.rows
	}
	mostly := 1.0
	if v, ok := p.suite.Expectations[i].Kwargs["mostly"]; ok {
		mostly = asFloat(v)
	}
	success := considered == 0 || float64(considered-t.Unexpected)/float64(considered) >= mostly
	samples := t.Samples[:min(len(t.Samples), fetched)]
	if opt.Format == Complete {
		samples = t.Samples
	}
	values := make([]any, len(samples))
	for n, s := range samples {
		values[n] = s.Value
	}
	o := Object{
		{"element_count", prof.rows}, {"unexpected_count", t.Unexpected},
		{"unexpected_percent", percent(t.Unexpected, considered)},
		{"partial_unexpected_list", values[:min(len(values), fetched)]},
	}
	if !judgesNulls {
		o = append(o, Field{"missing_count", t.Nulls}, Field{"missing_percent", percent(t.Nulls, prof.rows)},
			Field{"unexpected_percent_total", percent(t.Unexpected, prof.rows)},
			Field{"unexpected_percent_nonmissing", percent(t.Unexpected, considered)})
	}
	if opt.Format == Basic {
		return success, o
	}
	if counts, ok := countValues(values); ok {
		o = append(o, Field{"partial_unexpected_counts", counts})
	}
	places := places(samples, opt)
	o = append(o, Field{"partial_unexpected_index_list", places[:min(len(places), fetched)]})
	if opt.Format == Complete {
		o = append(o, Field{"unexpected_list", values}, Field{"unexpected_index_list", places})
		if opt.RowNumbers {
			o = append(o, Field{"unexpected_index_query", query(places)})
		}
	}
	return success, o
}

func percent(part, of int64) any {
	if of == 0 {
		return nil
	}
	return Float(float64(part) / float64(of) * 100)
}

// places says where the values stand: as Great Expectations would with
// unexpected_index_column_names [_partition, _offset].
func places(samples []Sample, opt Options) []any {
	out := make([]any, len(samples))
	for i, s := range samples {
		out[i] = Object{{"_partition", s.Partition}, {"_offset", s.Offset}}
		if opt.RowNumbers {
			out[i] = s.Offset
		}
	}
	return out
}

func query(places []any) string {
	parts := make([]string, len(places))
	for i, p := range places {
		parts[i] = fmt.Sprint(p)
	}
	return "df.filter(items=[" + strings.Join(parts, ", ") + "], axis=0)"
}

// countValues counts the values shown, the most frequent first, then by value.
// Values of several kinds have no order, and no counts: as in the original.
func countValues(values []any) ([]Object, bool) {
	counts := map[any]int{}
	for _, v := range values {
		counts[v]++
	}
	keys := slices.Collect(maps.Keys(counts))
	for _, k := range keys {
		if reflect.TypeOf(k) != reflect.TypeOf(keys[0]) {
			return nil, false
		}
	}
	slices.SortFunc(keys, func(a, b any) int {
		return cmp.Or(cmp.Compare(counts[b], counts[a]), compareValues(a, b))
	})
	out := make([]Object, 0, min(len(keys), fetched))
	for _, k := range keys[:min(len(keys), fetched)] {
		out = append(out, Object{{"value", k}, {"count", counts[k]}})
	}
	return out, true
}

func compareValues(a, b any) int {
	switch a := a.(type) {
	case int64:
		return cmp.Compare(a, b.(int64))
	case Float:
		return cmp.Compare(a, b.(Float))
	case bool:
		return cmp.Compare(fmt.Sprint(a), fmt.Sprint(b))
	case string:
		return cmp.Compare(a, b.(string))
	}
	return 0 // nil equals itself
}
