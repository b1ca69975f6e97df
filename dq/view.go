package dq

import (
	"slices"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/autonomous-data-pipeline/adp/pipeline"
)

// view is a chunk as expectations look at it: its columns by their index in
// the schema, and the rows that each condition selects.
type view struct {
	chunk   Chunk
	rows    int
	columns map[int]arrow.Array
	masks   [][]int32 // by condition; nil is all rows
	failed  []error   // by condition: why it can't be evaluated
}

// view checks a chunk, and prepares it. It is to be released, even after an
// error.
func (p *Program) view(c Chunk, names []string) (*view, error) {
	v := &view{chunk: c, rows: int(c.Record.NumRows()), columns: map[int]arrow.Array{}, masks: make([][]int32, len(p.conditions)), failed: make([]error, len(p.conditions))}
	if len(c.Offsets) != v.rows {
		return v, pipeline.Faultf(pipeline.Bug, "observe a chunk of partition %d: it has %d rows and %d offsets", c.Partition, v.rows, len(c.Offsets))
	}
	for _, name := range names {
		at := p.index(name)
		in := c.Record.Schema().FieldIndices(name)
		if len(in) == 0 {
			return v, pipeline.Faultf(pipeline.Bug, "observe a chunk of partition %d: it lacks the schema's column %q", c.Partition, name)
		}
		col, err := observable(c.Record.Column(in[0]), p.fields[at].Type)
		if err != nil {
			return v, pipeline.Faultf(pipeline.Bug, "observe column %q of partition %d: %w", name, c.Partition, err)
		}
		v.columns[at] = col
	}
	for i, where := range p.conditions {
		if where != nil && v.has(p, where) {
			v.masks[i], v.failed[i] = mask(where, v.rows, func(name string) arrow.Array { return v.columns[p.index(name)] })
		}
	}
	return v, nil
}

// has reports whether the chunk has the columns that a condition looks at: the
// table may lack them, and a second look may not need them.
func (v *view) has(p *Program, where condition) bool {
	return !slices.ContainsFunc(where.columns(nil), func(name string) bool { return v.columns[p.index(name)] == nil })
}

func (v *view) release() {
	for _, col := range v.columns {
		col.Release()
	}
}

func (v *view) of(at []int) []arrow.Array {
	cols := make([]arrow.Array, len(at))
	for n, i := range at {
		cols[n] = v.columns[i]
	}
	return cols
}

// index is a column's index in the schema, or -1.
func (p *Program) index(name string) int {
	for i := range p.fields {
		if p.fields[i].Name == name {
			return i
		}
	}
	return -1
}

// judgedRows says which rows aren't left out; nil is all of them.
func judgedRows(s skip, cols []arrow.Array) func(i int) bool {
	nulls := slices.DeleteFunc(slices.Clone(cols), func(c arrow.Array) bool { return c.NullN() == 0 })
	switch {
	case s == skipNone || len(nulls) == 0 || s == skipAll && len(nulls) < len(cols):
		return nil
	case len(nulls) == 1:
		return nulls[0].IsValid
	case s == skipAny:
		return func(i int) bool {
			return !slices.ContainsFunc(nulls, func(c arrow.Array) bool { return c.IsNull(i) })
		}
	}
	return func(i int) bool {
		return slices.ContainsFunc(nulls, func(c arrow.Array) bool { return c.IsValid(i) })
	}
}

// leftOut counts the selected rows that aren't judged.
func leftOut(rows int, selected []int32, judged func(i int) bool) int64 {
	if judged == nil {
		return 0
	}
	var n int64
	eachRow(rows, selected, func(i int) {
		if !judged(i) {
			n++
		}
	})
	return n
}

// valueOf is what a result shows of a row that breaks an expectation.
func (p *Program) valueOf(i int, v *view, row int) any {
	cols := v.of(p.at[i])
	switch registry[p.suite.Expectations[i].Type].domain {
	case ofPair:
		return []any{valueAt(cols[0], row), valueAt(cols[1], row)}
	case ofColumns:
		o := make(Object, 0, len(cols))
		for n, name := range p.checks[i].columns {
			if !slices.ContainsFunc(o, func(f Field) bool { return f.Key == name }) {
				o = append(o, Field{name, valueAt(cols[n], row)})
			}
		}
		return o
	}
	return valueAt(cols[0], row)
}
