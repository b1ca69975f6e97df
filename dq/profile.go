package dq

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/autonomous-data-pipeline/adp/pipeline"
)

// Position is where a record stands in its topic.
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
	Value any `json:"v"` // nil, bool, int64, Float or text
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
	Nulls      int64    `json:"nulls"`
	Unexpected int64    `json:"unexpected"`
	Samples    []Sample `json:"samples,omitempty"` // the first in (partition, offset) order
	Settled    bool     `json:"settled,omitempty"` // uniqueness: SetDuplicates was called
	Error      string   `json:"error,omitempty"`   // why the expectation can't be evaluated
}

// Profile is what was observed. Profiles of shards merge to the same result in
// any order. It is not safe for concurrent use.
type Profile struct {
	program *Program
	rows    int64
	tallies []tally
	indexes map[int]*index // by expectation: uniqueness only
	foreign bool           // rows are in here that the indexes don't have
	broken  error          // a chunk wasn't as promised: nothing here can be relied on
}

// NewProfile is an empty profile.
func (p *Program) NewProfile() *Profile {
	prof := &Profile{program: p, tallies: make([]tally, len(p.checks)), indexes: map[int]*index{}}
	for _, i := range p.Uniques() {
		prof.indexes[i] = &index{}
	}
	return prof
}

// Observe folds a chunk in, and appends a finding for each row that breaks a
// row-level expectation, ordered by row, then expectation. Uniqueness gives no
// findings: it is known only of the whole batch.
//
// A chunk without a column of the schema, or with one of another type, would
// pass rules that nobody checked. It breaks the profile: MarshalJSON, Merge and
// WriteIndex then return the reason.
func (p *Profile) Observe(c Chunk, findings []Finding) []Finding {
	if p.broken != nil {
		return findings
	}
	columns, err := p.program.columnsOf(c)
	defer func() {
		for _, col := range columns {
			col.Release()
		}
	}()
	if p.broken = err; err != nil {
		return findings
	}
	first := len(findings)
	p.rows += c.Record.NumRows()
	for i, check := range p.program.checks {
		switch col := columns[p.program.at[i]]; {
		case col == nil: // a table expectation, or a column that the table lacks: Results says so
		case check.unique:
			p.tallies[i].Nulls += int64(col.NullN())
			p.indexes[i].observe(col, c)
		case check.rows != nil:
			findings = p.observe(i, check, col, c, findings)
		}
	}
	slices.SortFunc(findings[first:], func(a, b Finding) int {
		return cmp.Or(cmp.Compare(a.Row, b.Row), cmp.Compare(a.Expectation, b.Expectation))
	})
	return findings
}

// columnsOf finds the columns that the expectations look at, by their index in
// the schema. The caller releases them, even after an error.
func (p *Program) columnsOf(c Chunk) (map[int]arrow.Array, error) {
	columns := map[int]arrow.Array{}
	if int64(len(c.Offsets)) != c.Record.NumRows() {
		return columns, pipeline.Faultf(pipeline.Bug, "observe a chunk of partition %d: it has %d rows and %d offsets", c.Partition, c.Record.NumRows(), len(c.Offsets))
	}
	for i, at := range p.at {
		if at < 0 || columns[at] != nil || !p.checks[i].rowLevel() {
			continue
		}
		f := p.fields[at]
		in := c.Record.Schema().FieldIndices(f.Name)
		if len(in) == 0 {
			return columns, pipeline.Faultf(pipeline.Bug, "observe a chunk of partition %d: it lacks the schema's column %q", c.Partition, f.Name)
		}
		col, err := observable(c.Record.Column(in[0]), f.Type)
		if err != nil {
			return columns, pipeline.Faultf(pipeline.Bug, "observe column %q of partition %d: %w", f.Name, c.Partition, err)
		}
		columns[at] = col
	}
	return columns, nil
}

func (p *Profile) observe(i int, check check, col arrow.Array, c Chunk, findings []Finding) []Finding {
	t := &p.tallies[i]
	ok, err := check.rows(col)
	if err != nil {
		t.Error = err.Error()
		return findings
	}
	t.Nulls += int64(col.NullN())
	hasNulls := col.NullN() > 0 && !check.nulls
	for row := range col.Len() {
		if (hasNulls && col.IsNull(row)) || ok(row) {
			continue
		}
		t.Unexpected++
		if s := (Position{c.Partition, c.Offsets[row]}); t.wants(s) {
			t.add(Sample{Position: s, Value: valueAt(col, row)})
		}
		findings = append(findings, Finding{Row: int32(row), Expectation: int32(i)})
	}
	return findings
}

// wants reports whether a position is among the first that are kept.
func (t *tally) wants(p Position) bool {
	return len(t.Samples) < maxSamples || p.compare(t.Samples[len(t.Samples)-1].Position) < 0
}

func (t *tally) add(s Sample) {
	at, _ := slices.BinarySearchFunc(t.Samples, s, func(a, b Sample) int { return a.compare(b.Position) })
	t.Samples = slices.Insert(t.Samples, at, s)
	t.Samples = t.Samples[:min(len(t.Samples), maxSamples)]
}

// Merge folds another profile of the same program in. Index entries stay where
// WriteIndex has put them. Duplicates are set after merging: they don't add up.
func (p *Profile) Merge(o *Profile) error {
	switch {
	case p.broken != nil:
		return p.broken
	case o.broken != nil:
		return o.broken
	}
	if p.program.digest != o.program.digest {
		return pipeline.Faultf(pipeline.Bug, "merge quality profiles: one is of suite %s, the other of %s, or of another version", p.program.suite.Name, o.program.suite.Name)
	}
	for i := range p.tallies {
		if p.tallies[i].Settled || o.tallies[i].Settled {
			return pipeline.Faultf(pipeline.Bug, "merge quality profiles: the duplicates of %s were set before", p.program.place(i))
		}
	}
	p.rows += o.rows
	p.foreign = p.foreign || o.rows > 0
	for i := range p.tallies {
		t, other := &p.tallies[i], o.tallies[i]
		t.Nulls += other.Nulls
		t.Unexpected += other.Unexpected
		// The smaller of two texts, so that the order of merging doesn't show.
		if t.Error == "" || (other.Error != "" && other.Error < t.Error) {
			t.Error = other.Error
		}
		for _, s := range other.Samples {
			if !t.wants(s.Position) {
				break
			}
			t.add(s)
		}
	}
	return nil
}

// SetDuplicates gives a uniqueness expectation its result: how many rows have
// a value that isn't theirs alone, and the first of them in (partition,
// offset) order.
func (p *Profile) SetDuplicates(expectation int, count int64, samples []Sample) error {
	if expectation < 0 || expectation >= len(p.tallies) || !p.program.checks[expectation].unique {
		return pipeline.Faultf(pipeline.Bug, "set duplicates: expectation %d of suite %s isn't about uniqueness", expectation, p.program.suite.Name)
	}
	t := &p.tallies[expectation]
	if values := p.rows - t.Nulls; count < 0 || count == 1 || count > values || int64(len(samples)) > count {
		return pipeline.Faultf(pipeline.Bug, "set duplicates of %s: %d duplicates with %d samples can't be among %d values", p.program.place(expectation), count, len(samples), values)
	}
	t.Unexpected, t.Samples, t.Settled = count, nil, true
	for _, s := range samples {
		switch v := s.Value.(type) {
		case string:
			s.Value = cut(v)
		case Float:
			s.Value = floatSample(float64(v))
		case float64:
			s.Value = floatSample(v)
		}
		if t.wants(s.Position) {
			t.add(s)
		}
	}
	return nil
}

// wire is a profile's JSON form.
type wire struct {
	Digest  string  `json:"digest"`
	Rows    int64   `json:"rows"`
	Tallies []tally `json:"tallies"`
}

// MarshalJSON writes everything but the indexes.
func (p *Profile) MarshalJSON() ([]byte, error) {
	if p.broken != nil {
		return nil, p.broken
	}
	return json.Marshal(wire{Digest: p.program.digest, Rows: p.rows, Tallies: p.tallies})
}

// Decode reads a profile of this program.
func (p *Program) Decode(b []byte) (*Profile, error) {
	var w wire
	if err := json.Unmarshal(b, &w); err != nil {
		return nil, pipeline.Faultf(pipeline.Bug, "read a quality profile: %w", err)
	}
	if w.Digest != p.digest || len(w.Tallies) != len(p.checks) {
		return nil, pipeline.Faultf(pipeline.Bug, "read a quality profile: it is of another suite, schema or version than %s", p.suite.Name)
	}
	prof := p.NewProfile()
	prof.rows, prof.tallies, prof.foreign = w.Rows, w.Tallies, w.Rows > 0
	for i, t := range w.Tallies {
		if t.Nulls < 0 || t.Unexpected < int64(len(t.Samples)) || t.Nulls > w.Rows || t.Unexpected > w.Rows || len(t.Samples) > maxSamples {
			return nil, pipeline.Faultf(pipeline.Bug, "read a quality profile: %s has %d nulls, %d unexpected rows and %d samples among %d rows", p.place(i), t.Nulls, t.Unexpected, len(t.Samples), w.Rows)
		}
	}
	return prof, nil
}

// UnmarshalJSON keeps whole numbers apart from floats: what was an integer in
// the data must be one in the results.
func (s *Sample) UnmarshalJSON(b []byte) error {
	var raw struct {
		Position
		Value json.RawMessage `json:"v"`
	}
	if err := json.Unmarshal(b, &raw); err != nil {
		return err
	}
	s.Position = raw.Position
	var err error
	s.Value, err = scalar(raw.Value)
	return err
}

func scalar(raw json.RawMessage) (any, error) {
	var n json.Number
	if len(raw) > 0 && (raw[0] == '-' || (raw[0] >= '0' && raw[0] <= '9')) {
		if err := json.Unmarshal(raw, &n); err != nil {
			return nil, err
		}
		if i, err := n.Int64(); err == nil {
			return i, nil
		}
		f, err := n.Float64()
		return Float(f), err
	}
	var v any
	if err := json.Unmarshal(raw, &v); err != nil {
		return nil, fmt.Errorf("read a sample: %w", err)
	}
	return v, nil
}
