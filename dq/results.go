package dq

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/autonomous-data-pipeline/adp/pipeline"
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

// order is the order in which Great Expectations lists results: by column in
// order of first appearance, those without a column as one group; but what
// raised an exception before all others.
func (p *Program) order(prof *Profile) []int {
	group := map[string]int{}
	all := make([]int, len(p.checks))
	for i := range all {
		all[i] = i
		if _, ok := group[p.column(i)]; !ok {
			group[p.column(i)] = len(group)
		}
	}
	slices.SortStableFunc(all, func(a, b int) int { return cmp.Compare(group[p.column(a)], group[p.column(b)]) })
	raised := func(i int) int {
		if e := p.raised(i, prof); e != nil && !e.late {
			return 0
		}
		return 1
	}
	slices.SortStableFunc(all, func(a, b int) int { return cmp.Compare(raised(a), raised(b)) })
	return all
}

// raised is why an expectation can't be evaluated, or nil.
func (p *Program) raised(i int, prof *Profile) *exception {
	c, t := &p.checks[i], &prof.tallies[i]
	switch {
	case p.lacks[i] != "":
		e := missingColumn(p.lacks[i], p.suite.Expectations[i].Type)
		e.late = p.suite.Expectations[i].Type == "expect_column_type_to_be"
		return e
	case c.table != nil:
		return nil
	case prof.broken != nil:
		return &exception{metric: "column_values.nonnull.condition", column: p.column(i), message: prof.broken.Error()}
	case t.Error != "":
		return &exception{metric: p.metric(i), column: p.column(i), values: p.bounds(i), message: t.Error}
	case prof.settled || prof.rows[p.under[i]] == 0 && !c.late() && c.column == nil:
	case c.late() && prof.rows[p.under[i]] > t.Left, c.column != nil:
		// A rule that nobody checked must not pass.
		return &exception{metric: p.metric(i), column: p.column(i), message: "What only the whole batch shows was not looked for."}
	}
	var late lateError
	if err := prof.outcomes[i].err; err != nil {
		return &exception{metric: p.metric(i), column: p.column(i), message: err.Error(), late: errors.As(err, &late)}
	}
	return nil
}

// lateError is what Great Expectations raises when it judges, not when it
// measures: such results keep their place.
type lateError struct{ error }

// metric is Great Expectations' name of what an expectation measures, as far as
// the names of expectations tell.
func (p *Program) metric(i int) string {
	name := strings.TrimPrefix(p.suite.Expectations[i].Type, "expect_")
	if p.checks[i].rowLevel() {
		name = strings.Replace(strings.Replace(name, "column_values_to_be_", "column_values.", 1), "column_values_to_", "column_values.", 1)
		return name + ".condition"
	}
	return strings.TrimSuffix(strings.Replace(name, "column_", "column.", 1), "_to_be_between")
}

// bounds are the arguments that identify a comparison to Great Expectations.
func (p *Program) bounds(i int) Object {
	if p.suite.Expectations[i].Type != "expect_column_values_to_be_between" {
		return nil
	}
	kwargs := p.suite.Expectations[i].Kwargs
	var o Object
	for _, name := range []string{"max_value", "min_value", "strict_max", "strict_min"} {
		v := kwargs[name]
		switch n := v.(type) {
		case nil:
			if strings.HasPrefix(name, "strict") {
				v = false
			}
		case int64:
			v = Float(n)
		case float64:
			v = Float(n)
		}
		o = append(o, Field{name, v})
	}
	return o
}

func (p *Program) result(i int, prof *Profile, opt Options) Result {
	r := Result{Expectation: p.configured(i, opt), Result: Object{}, Meta: map[string]any{}}
	if e := p.raised(i, prof); e != nil {
		r.Exception = e.info(opt.BatchID)
		if n := len(r.Expectation.Kwargs); opt.BatchID != "" && !e.late { // there it comes last
			r.Expectation.Kwargs = append(r.Expectation.Kwargs[1:n:n], r.Expectation.Kwargs[0])
		}
		return r
	}
	r.Exception = Object{{"raised_exception", false}, {"exception_traceback", nil}, {"exception_message", nil}}
	switch c := &p.checks[i]; {
	case c.table != nil:
		r.Success, r.Result = c.table(tableFacts{Rows: prof.rows[p.under[i]], Columns: p.columns()})
	case c.column != nil:
		r.Success, r.Result = prof.outcomes[i].success, prof.outcomes[i].result
	default:
		r.Success, r.Result = p.rowResult(i, prof, opt)
	}
	if opt.Format == BooleanOnly {
		r.Result = Object{}
	}
	return r
}

// configured repeats the expectation with the arguments that differ from their
// defaults, in Great Expectations' order.
func (p *Program) configured(i int, opt Options) Configured {
	e, k := p.suite.Expectations[i], registry[p.suite.Expectations[i].Type]
	var kwargs Object
	if opt.BatchID != "" {
		kwargs = append(kwargs, Field{"batch_id", opt.BatchID})
	}
	for _, name := range k.takes() {
		v := e.Kwargs[name]
		def, has := k.defaults[name]
		switch {
		case v == nil, has && v == def, name == "mostly" && p.mostly(i) == 1:
			continue
		case name == "mostly":
			v = Float(p.mostly(i))
		case slices.Contains(k.floats, name):
			if _, text := v.(string); !text {
				v = Float(asFloat(v))
			}
		}
		kwargs = append(kwargs, Field{name, pythonic(v)})
	}
	id := e.ID
	if id == "" {
		id = uuid.NewSHA1(uuid.NameSpaceOID, fmt.Appendf(nil, "%s/%d/%s", p.suite.Name, i, e.Type)).String()
	}
	meta := e.Meta
	if meta == nil {
		meta = map[string]any{}
	}
	return Configured{Type: e.Type, Kwargs: kwargs, Meta: meta, Notes: e.Notes, ID: id, Severity: e.Severity, Description: e.Description}
}

// pythonic writes floats as Python does, in lists too.
func pythonic(v any) any {
	switch v := v.(type) {
	case float64:
		return Float(v)
	case []any:
		out := make([]any, len(v))
		for i := range v {
			out[i] = pythonic(v[i])
		}
		return out
	}
	return v
}

// mostly is the share of values that must be as expected.
func (p *Program) mostly(i int) float64 {
	if v := p.suite.Expectations[i].Kwargs["mostly"]; v != nil {
		return asFloat(v)
	}
	return 1
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
	t, rows := prof.tallies[i], prof.rows[p.under[i]]
	judgesNulls := p.checks[i].skip == skipNone && registry[p.suite.Expectations[i].Type].domain == ofColumn
	considered := rows - t.Left
	success := considered == 0 || float64(considered-t.Unexpected)/float64(considered) >= p.mostly(i)
	samples := t.Samples[:min(len(t.Samples), fetched)]
	if opt.Format == Complete {
		samples = t.Samples[:min(len(t.Samples), maxSamples)]
	}
	values := make([]any, len(samples))
	for n, s := range samples {
		values[n] = s.Value
	}
	o := Object{
		{"element_count", rows}, {"unexpected_count", t.Unexpected},
		{"unexpected_percent", percent(t.Unexpected, considered)},
		{"partial_unexpected_list", values[:min(len(values), fetched)]},
	}
	switch {
	case len(prof.how.Keys) > 0:
		if p.suite.Expectations[i].Type != "expect_column_values_to_be_null" { // as in the original
			o = append(o, Field{"unexpected_index_column_names", prof.how.Keys})
		}
	case opt.Format != Basic && !opt.RowNumbers:
		o = append(o, Field{"unexpected_index_column_names", []string{pipeline.ColPartition, pipeline.ColOffset}})
	}
	if !judgesNulls {
		o = append(o, Field{"missing_count", t.Left}, Field{"missing_percent", percent(t.Left, rows)},
			Field{"unexpected_percent_total", percent(t.Unexpected, rows)},
			Field{"unexpected_percent_nonmissing", percent(t.Unexpected, considered)})
	}
	if opt.Format == Basic {
		return success, o
	}
	if counts, ok := countValues(values, p.missingAs(i)); ok {
		o = append(o, Field{"partial_unexpected_counts", counts})
	}
	places := p.places(i, t.Samples, prof, opt)
	o = append(o, Field{"partial_unexpected_index_list", places[:min(len(places), fetched)]})
	if opt.Format == Complete {
		o = append(o, Field{"unexpected_list", values}, Field{"unexpected_index_list", places})
		if opt.RowNumbers {
			o = append(o, Field{"unexpected_index_query", query(t.Samples)})
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

// places says where the values stand: as Great Expectations does with
// unexpected_index_column_names.
func (p *Program) places(i int, samples []Sample, prof *Profile, opt Options) []any {
	out := make([]any, len(samples))
	for n, s := range samples {
		switch {
		case len(prof.how.Keys) > 0:
			o := p.named(i, s.Value)
			for k, name := range prof.how.Keys {
				if !slices.ContainsFunc(o, func(f Field) bool { return f.Key == name }) {
					o = append(o, Field{name, s.Keys[k]})
				}
			}
			out[n] = o
		case opt.RowNumbers:
			out[n] = s.Offset
		default:
			out[n] = append(p.named(i, s.Value), Field{pipeline.ColPartition, s.Partition}, Field{pipeline.ColOffset, s.Offset})
		}
	}
	return out
}

// named gives a row's values their columns' names.
func (p *Program) named(i int, value any) Object {
	switch v := value.(type) {
	case Object:
		return slices.Clone(v)
	case []any:
		if len(v) == len(p.checks[i].columns) {
			o := make(Object, len(v))
			for n, name := range p.checks[i].columns {
				o[n] = Field{name, v[n]}
			}
			return o
		}
	}
	return Object{{p.checks[i].columns[0], value}}
}

func query(samples []Sample) string {
	parts := make([]string, len(samples))
	for i, s := range samples {
		parts[i] = fmt.Sprint(s.Offset)
	}
	return "df.filter(items=[" + strings.Join(parts, ", ") + "], axis=0)"
}
