package dq

import (
	"bytes"
	"encoding/json"
	"fmt"
	"path/filepath"

	"github.com/autonomous-data-pipeline/adp/pipeline"
)

// wire is a profile's JSON form. Values and indexes lie in files beside it.
type wire struct {
	Digest  string         `json:"digest"`
	Rows    []int64        `json:"rows"`
	Tallies []tally        `json:"tallies"`
	Facts   []*columnFacts `json:"facts,omitempty"`
	Indexes map[int]*index `json:"indexes,omitempty"`
}

// MarshalJSON writes a profile that was spilled, before it is settled.
func (p *Profile) MarshalJSON() ([]byte, error) {
	switch {
	case p.broken != nil:
		return nil, p.broken
	case p.settled || p.held() > 0:
		return nil, pipeline.Faultf(pipeline.Bug, "write a quality profile of suite %s: it must be spilled, and not be settled", p.program.suite.Name)
	}
	return json.Marshal(wire{p.program.digest, p.rows, p.tallies, p.facts, p.indexes})
}

// Decode reads a profile of this program, whose files lie in dir.
func (p *Program) Decode(b []byte, dir string) (*Profile, error) {
	prof := p.NewProfile(Gathering{})
	w := wire{Facts: prof.facts, Indexes: prof.indexes}
	if err := json.Unmarshal(b, &w); err != nil {
		return nil, pipeline.Faultf(pipeline.Bug, "read a quality profile: %w", err)
	}
	if err := p.fits(w); err != nil {
		return nil, pipeline.Faultf(pipeline.Bug, "read a quality profile: it is of another suite, schema or version than %s: %w", p.suite.Name, err)
	}
	prof.rows, prof.tallies = w.Rows, w.Tallies
	for i, t := range w.Tallies {
		rows := w.Rows[p.under[i]]
		if t.Left < 0 || t.Unexpected < int64(min(len(t.Samples), maxSamples)) || t.Left > rows || t.Unexpected > rows {
			return nil, pipeline.Faultf(pipeline.Bug, "read a quality profile: %s leaves out %d rows, and has %d unexpected rows and %d samples among %d rows", p.place(i), t.Left, t.Unexpected, len(t.Samples), rows)
		}
	}
	for i, f := range prof.facts {
		f.typ = p.fields[p.facts[i].column].Type
		if f.Values != nil {
			fresh := newValueCounts(f.typ)
			fresh.Runs, fresh.dirs = f.Values.Runs, repeat(dir, len(f.Values.Runs))
			f.Values = fresh
		}
	}
	for i, x := range prof.indexes {
		fresh := newIndex()
		fresh.Runs, fresh.dirs = x.Runs, repeat(dir, len(x.Runs))
		prof.indexes[i] = fresh
	}
	return prof, nil
}

// fits checks that what was read has the program's shape.
func (p *Program) fits(w wire) error {
	if w.Digest != p.digest || len(w.Tallies) != len(p.checks) || len(w.Rows) != len(p.conditions) || len(w.Facts) != len(p.facts) {
		return fmt.Errorf("it has digest %q, %d expectations, %d conditions and %d columns", w.Digest, len(w.Tallies), len(w.Rows), len(w.Facts))
	}
	var names []string
	for i, f := range w.Facts {
		n := p.facts[i].needs
		if f == nil || (f.Values != nil) != n.values || (f.Extreme != nil) != n.extreme || f.Nulls < 0 || f.Nulls > f.Rows {
			return fmt.Errorf("column %q has not the facts that are needed", p.fields[p.facts[i].column].Name)
		}
		if f.Values != nil {
			names = append(names, f.Values.Runs...)
		}
	}
	for i, x := range w.Indexes {
		if i < 0 || i >= len(p.checks) || !p.checks[i].unique || p.at[i] == nil || x == nil {
			return fmt.Errorf("expectation %d is not about uniqueness", i)
		}
		names = append(names, x.Runs...)
	}
	for _, name := range names {
		if !filepath.IsLocal(name) {
			return fmt.Errorf("file %q lies outside its folder", name)
		}
	}
	return nil
}

func repeat(dir string, n int) []string {
	dirs := make([]string, n)
	for i := range dirs {
		dirs[i] = dir
	}
	return dirs
}

// UnmarshalJSON keeps whole numbers apart from floats: what was an integer in
// the data must be one in the results.
func (s *Sample) UnmarshalJSON(b []byte) error {
	var raw struct {
		Position
		Value json.RawMessage   `json:"v"`
		Keys  []json.RawMessage `json:"k"`
	}
	if err := json.Unmarshal(b, &raw); err != nil {
		return err
	}
	*s = Sample{Position: raw.Position}
	for _, k := range raw.Keys {
		v, err := sampled(k)
		if err != nil {
			return err
		}
		s.Keys = append(s.Keys, v)
	}
	var err error
	s.Value, err = sampled(raw.Value)
	return err
}

// sampled reads a sample's value: a scalar, a list of scalars, or an object of
// them.
func sampled(raw json.RawMessage) (any, error) {
	switch trimmed := bytes.TrimSpace(raw); {
	case len(trimmed) > 0 && trimmed[0] == '[':
		var parts []json.RawMessage
		if err := json.Unmarshal(trimmed, &parts); err != nil {
			return nil, err
		}
		list := make([]any, len(parts))
		for i, part := range parts {
			v, err := scalar(part)
			if err != nil {
				return nil, err
			}
			list[i] = v
		}
		return list, nil
	case len(trimmed) > 0 && trimmed[0] == '{':
		var o Object
		if err := json.Unmarshal(trimmed, &o); err != nil {
			return nil, err
		}
		for i, f := range o {
			if n, ok := f.Value.(json.Number); ok {
				v, err := scalar(json.RawMessage(n))
				if err != nil {
					return nil, err
				}
				o[i].Value = v
			}
		}
		return o, nil
	}
	return scalar(raw)
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
