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
	Error      string   `json:"error,omitempty"`   // why the expectation can't be evaluated
}

// Profile is what was observed. Profiles of shards merge to the same result in
// any order. It is not safe for concurrent use.
type Profile struct {
	program *Program
	rows    int64
	tallies []tally
	indexes map[int]*index // by expectation: uniqueness only
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
func (p *Profile) Observe(c Chunk, findings []Finding) []Finding {
	first := len(findings)
	p.rows += c.Record.NumRows()
	for i, check := range p.program.checks {
		at := c.Record.Schema().FieldIndices(p.program.column(i))
		if len(at) == 0 {
			continue // a table expectation, or a column that the table lacks: Results says so
		}
		col := c.Record.Column(at[0])
		switch {
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
// WriteIndex has put them.
func (p *Profile) Merge(o *Profile) error {
	if p.program.digest != o.program.digest {
		return pipeline.Faultf(pipeline.Bug, "merge quality profiles: one is of suite %s, the other of %s, or of another version", p.program.suite.Name, o.program.suite.Name)
	}
	p.rows += o.rows
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
	t.Unexpected, t.Samples = count, nil
	for _, s := range samples {
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
	prof.rows, prof.tallies = w.Rows, w.Tallies
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
