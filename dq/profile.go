package dq

import (
	"cmp"
	"errors"
	"slices"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/autonomous-data-pipeline/adp/pipeline"
)

// Position is where a record stands in its topic; in a file, in partition 0.
type Position struct {
	Partition int32 `json:"p"`
	Offset    int64 `json:"o"`
}

func (a Position) compare(b Position) int {
	return cmp.Or(cmp.Compare(a.Partition, b.Partition), cmp.Compare(a.Offset, b.Offset))
}

// Sample is an unexpected value with its place.
type Sample struct {
	Position
	Value any   `json:"v"`           // nil, bool, int64, Float, text; a list of a pair's, an Object of several columns'
	Keys  []any `json:"k,omitempty"` // of the index columns
}

// maxSamples is how many unexpected values Great Expectations fetches for a
// COMPLETE result; the other formats show the first 20.
const maxSamples = 200

// Chunk is a piece of the table: the columns by name, and where its rows stand.
// Offsets increase.
type Chunk struct {
	Record    arrow.RecordBatch
	Partition int32
	Offsets   []int64
}

// Finding is a row of a chunk that breaks an expectation.
type Finding struct {
	Row, Expectation int32
}

// tally is what is kept of one row-level expectation.
type tally struct {
	Left       int64     `json:"left"` // out: rows that aren't judged
	Unexpected int64     `json:"unexpected"`
	Samples    []Sample  `json:"samples,omitempty"`  // the first in (partition, offset) order
	Edges      []edge    `json:"edges,omitempty"`    // of an order
	Error      string    `json:"error,omitempty"`    // why the expectation can't be evaluated
	ErrorAt    *Position `json:"error_at,omitempty"` // the row that raised it; nil if it was the column
}

// Gathering says how a profile is gathered. The zero value keeps everything in
// memory.
type Gathering struct {
	Dir    string   // of the files that values are spilled to
	Memory int64    // bytes: above it values are spilled; 0 is no bound
	Keys   []string // columns that identify a row in results: unexpected_index_column_names
	Every  bool     // keep every unexpected row's place, as a COMPLETE result shows it
}

// Profile is what was observed. Profiles of shards merge to the same result in
// any order. It is not safe for concurrent use.
type Profile struct {
	program *Program
	how     Gathering
	rows    []int64 // by condition
	tallies []tally
	facts   []*columnFacts
	indexes map[int]*index // by expectation: uniqueness only
	looked  []string       // columns that observing looks at
	broken  error          // a chunk wasn't as promised: nothing here can be relied on

	spilled  int // files
	settled  bool
	late     map[int]*Positions // by expectation: the rows that only the whole batch shows
	judges   map[int]func(cols []arrow.Array) (func(i int) bool, error)
	outcomes map[int]outcome // by expectation: of columns
}

// outcome is what became of an expectation that judges a column.
type outcome struct {
	success bool
	result  Object
	err     error
}

// NewProfile is an empty profile.
func (p *Program) NewProfile(how Gathering) *Profile {
	prof := &Profile{
		program: p, how: how, rows: make([]int64, len(p.conditions)), tallies: make([]tally, len(p.checks)), indexes: map[int]*index{},
	}
	prof.looked = prof.columns(p.Columns())
	for _, f := range p.facts {
		prof.facts = append(prof.facts, newFacts(p.fields[f.column].Type, f.needs))
	}
	for _, i := range p.Late() {
		if p.checks[i].unique {
			prof.indexes[i] = newIndex()
		}
	}
	return prof
}

// Observe folds a chunk in, and appends a finding for each row that breaks a
// row-level expectation, ordered by row, then expectation. What only the whole
// batch shows gives no findings here: see Settle.
//
// A chunk without a column of the schema, or with one of another type, would
// pass rules that nobody checked. It breaks the profile: MarshalJSON, Merge and
// Settle then return the reason. So does a spill that fails.
func (p *Profile) Observe(c Chunk, findings []Finding) []Finding {
	if p.broken != nil {
		return findings
	}
	v, err := p.program.view(c, p.looked)
	defer v.release()
	if p.broken = err; err != nil {
		return findings
	}
	first := len(findings)
	for i := range p.program.conditions {
		if v.failed[i] == nil {
			p.rows[i] += int64(selectedRows(v.rows, v.masks[i]))
		}
	}
	for i, f := range p.program.facts {
		if v.failed[f.condition] == nil {
			p.facts[i].observe(v.columns[f.column], v.masks[f.condition])
		}
	}
	for i := range p.program.checks {
		findings = p.observe(i, v, findings)
	}
	sortFindings(findings[first:])
	p.broken = p.spillIfNeeded()
	return findings
}

// columns are those that are looked at, with those that identify rows.
func (p *Profile) columns(looked []string) []string {
	all := append(slices.Clone(looked), p.how.Keys...)
	slices.Sort(all)
	return slices.Compact(all)
}

func sortFindings(f []Finding) {
	if len(f) > 1 {
		slices.SortFunc(f, func(a, b Finding) int {
			return cmp.Or(cmp.Compare(a.Row, b.Row), cmp.Compare(a.Expectation, b.Expectation))
		})
	}
}

// observe looks at a chunk for one expectation.
func (p *Profile) observe(i int, v *view, findings []Finding) []Finding {
	check, t := &p.program.checks[i], &p.tallies[i]
	if p.program.at[i] == nil || !check.rowLevel() && check.column == nil {
		return findings // a table expectation, or a column that the table lacks: Results says so
	}
	if err := v.failed[p.program.under[i]]; err != nil {
		t.Error = err.Error()
		return findings
	}
	if check.column != nil {
		return findings
	}
	cols, selected := v.of(p.program.at[i]), v.masks[p.program.under[i]]
	judged := judgedRows(check.skip, cols)
	left := leftOut(v.rows, selected, judged)
	t.Left += left
	switch {
	case check.unique:
		p.indexes[i].observe(rowHash(cols), v.chunk, selected, judged)
		return findings
	case check.order != nil:
		return p.inOrder(i, cols[0], v, selected, findings)
	case check.second != nil:
		return findings
	}
	if left == int64(selectedRows(v.rows, selected)) {
		return findings // without a row nothing is raised
	}
	ok, err := check.rows(cols)
	if err != nil {
		t.Error = err.Error()
		return findings
	}
	if check.raises != nil {
		if at, err := firstRaised(v, selected, judged, check.raises(cols)); err != nil {
			t.raise(at, err.Error())
		}
	}
	return p.judge(i, v, selected, judged, ok, findings)
}

// judge counts the rows that break an expectation. A nil ok is kept by all.
func (p *Profile) judge(i int, v *view, selected []int32, judged, ok func(i int) bool, findings []Finding) []Finding {
	if ok == nil {
		return findings
	}
	if selected == nil {
		for row := range v.rows {
			if (judged == nil || judged(row)) && !ok(row) {
				findings = p.unexpected(i, v, row, findings)
			}
		}
		return findings
	}
	for _, row := range selected {
		if (judged == nil || judged(int(row))) && !ok(int(row)) {
			findings = p.unexpected(i, v, int(row), findings)
		}
	}
	return findings
}

// unexpected counts one row that breaks an expectation.
func (p *Profile) unexpected(i int, v *view, row int, findings []Finding) []Finding {
	t := &p.tallies[i]
	t.Unexpected++
	if at := (Position{v.chunk.Partition, v.chunk.Offsets[row]}); t.wants(at, p.how.Every) {
		s := Sample{Position: at}
		if len(p.how.Keys) > 0 || len(t.Samples) < maxSamples || at.compare(t.Samples[maxSamples-1].Position) < 0 {
			s.Value = p.program.valueOf(i, v, row)
		}
		for _, name := range p.how.Keys {
			s.Keys = append(s.Keys, valueAt(v.columns[p.program.index(name)], row))
		}
		t.add(s, p.how.Every)
	}
	return append(findings, Finding{Row: int32(row), Expectation: int32(i)})
}

// inOrder judges the rows of a chunk by the ones before them.
func (p *Profile) inOrder(i int, col arrow.Array, v *view, selected []int32, findings []Finding) []Finding {
	t, order := &p.tallies[i], p.program.orderOf(i)
	at := orderedKeys(col)
	if at == nil {
		t.Error = errNoOrder.Error()
		return findings
	}
	var e edge
	seen := false
	eachRow(v.rows, selected, func(row int) {
		if col.IsNull(row) {
			return
		}
		k, offset := at(row), v.chunk.Offsets[row]
		if !seen {
			e, seen = edge{Partition: v.chunk.Partition, First: offset, FirstKey: k}, true
		} else if !k.follows(e.LastKey, order) {
			findings = p.unexpected(i, v, row, findings)
		}
		e.Last, e.LastKey = offset, k
	})
	if seen {
		t.Edges = append(t.Edges, e)
	}
	return findings
}

var errNoOrder = errors.New("the column's values have no differences: it must hold numbers or times")

// wants reports whether a position is among those that are kept.
func (t *tally) wants(p Position, every bool) bool {
	return every || len(t.Samples) < maxSamples || p.compare(t.Samples[len(t.Samples)-1].Position) < 0
}

func (t *tally) add(s Sample, every bool) {
	if n := len(t.Samples); n == 0 || t.Samples[n-1].compare(s.Position) < 0 {
		t.Samples = append(t.Samples, s)
	} else {
		at, _ := slices.BinarySearchFunc(t.Samples, s, func(a, b Sample) int { return a.compare(b.Position) })
		t.Samples = slices.Insert(t.Samples, at, s)
	}
	if !every {
		t.Samples = t.Samples[:min(len(t.Samples), maxSamples)]
	}
}

// Merge folds another profile of the same program in, before either is
// settled. The other is not to be used any more.
func (p *Profile) Merge(o *Profile) error {
	switch {
	case p.broken != nil:
		return p.broken
	case o.broken != nil:
		return o.broken
	case p.program.digest != o.program.digest:
		return pipeline.Faultf(pipeline.Bug, "merge quality profiles: one is of suite %s, the other of %s, or of another version", p.program.suite.Name, o.program.suite.Name)
	case p.settled || o.settled:
		return pipeline.Faultf(pipeline.Bug, "merge quality profiles of suite %s: one of them was settled before", p.program.suite.Name)
	}
	for i := range p.rows {
		p.rows[i] += o.rows[i]
	}
	for i := range p.facts {
		p.facts[i].merge(o.facts[i])
	}
	for i, x := range p.indexes {
		x.merge(o.indexes[i])
	}
	for i := range p.tallies {
		p.tallies[i].merge(o.tallies[i], p.how.Every)
	}
	p.broken = p.spillIfNeeded()
	return p.broken
}

func (t *tally) merge(o tally, every bool) {
	t.Left += o.Left
	t.Unexpected += o.Unexpected
	t.Edges = append(t.Edges, o.Edges...)
	switch {
	case o.Error == "":
	case o.ErrorAt != nil:
		t.raise(*o.ErrorAt, o.Error)
	case t.Error == "" || t.ErrorAt != nil || o.Error < t.Error: // the smaller of two texts, so that the order of merging doesn't show
		t.Error, t.ErrorAt = o.Error, nil
	}
	for _, s := range o.Samples {
		if !t.wants(s.Position, every) {
			break
		}
		t.add(s, every)
	}
}
