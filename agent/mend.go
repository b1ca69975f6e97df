package agent

import (
	"encoding/json"
	"slices"

	"github.com/autonomous-data-pipeline/adp/pipeline"
)

// advices are what a proposer may advise a person to answer.
var advices = []string{pipeline.Release, pipeline.Replay, pipeline.Discard}

// Mend is one way to make a field conform: a part of the mapping that a person
// may replay quarantined records with. Exactly one of From, Cast, Default and
// Add is set.
type Mend struct {
	ID      string          `json:"id"` // m1, m2 …: names from the data stay out of a model's answer
	Field   string          `json:"field"`
	From    string          `json:"from,omitempty"` // the field in the data that is renamed to Field
	Cast    string          `json:"cast,omitempty"` // string, long, double or boolean
	Default json.RawMessage `json:"default,omitempty"`
	Add     bool            `json:"add,omitempty"` // Field becomes a nullable column first
}

// maxMends bounds what a proposer is offered.
const maxMends = 8

// blanks are the defaults that a missing value may be filled with. A person
// sees them before anything happens.
var blanks = map[string]json.RawMessage{
	"string": json.RawMessage(`"unknown"`), "long": json.RawMessage(`0`), "double": json.RawMessage(`0`), "boolean": json.RawMessage(`false`),
}

// options gives what the matrix leaves open beside the actions themselves.
func (b *bounds) options() {
	if slices.ContainsFunc(b.Conditions, func(m Met) bool { return m.Name == DQFailuresLocalized }) && slices.Contains(b.Allowed, Quarantine) {
		b.Segments = b.segments()
	}
	b.Mends = mends(b.policy.drift(b.facts))
}

// segments are the fit columns that keep no more out than policy allows.
func (b *bounds) segments() []Args {
	all := b.policy.localizations(b.facts)
	var out []Args
	for i, s := range all {
		if i == 0 || b.staysOut(s).cmp(b.policy.QuarantineMaxShare) <= 0 {
			out = append(out, Args{Column: s.column, Values: s.values})
		}
	}
	if len(out) < 2 {
		return nil
	}
	return out
}

// mends are what may heal a drift, renames to a field of the same type first.
func mends(added, breaking []pipeline.Drift) []Mend {
	var same, other []Mend
	for _, d := range breaking {
		if d.Kind != pipeline.FieldMissing {
			continue
		}
		for _, a := range added {
			if m := (Mend{Field: d.Field, From: a.Field}); a.Observed == d.Expected {
				same = append(same, m)
			} else {
				other = append(other, m)
			}
		}
	}
	out := same
	for _, d := range breaking {
		blank, known := blanks[d.Expected]
		switch {
		case !known:
		case d.Kind == pipeline.TypeChanged:
			out = append(out, Mend{Field: d.Field, Cast: d.Expected})
		case d.Kind != pipeline.FieldAdded:
			out = append(out, Mend{Field: d.Field, Default: blank})
		}
	}
	for _, a := range added {
		out = append(out, Mend{Field: a.Field, Add: true})
	}
	out = append(out, other...)
	out = out[:min(len(out), maxMends)]
	for i := range out {
		out[i].ID = "m" + string(rune('1'+i))
	}
	return out
}

// mapping joins mends, each field's first.
func mapping(mends []Mend) *pipeline.Mapping {
	m := &pipeline.Mapping{}
	seen, moved := map[string]bool{}, map[string]bool{}
	for _, x := range mends {
		if seen[x.Field] || moved[x.Field] || seen[x.From] && x.From != "" || moved[x.From] && x.From != "" {
			continue
		}
		seen[x.Field] = true
		switch {
		case x.From != "":
			moved[x.From] = true
			m.Rename = with(m.Rename, x.From, x.Field)
		case x.Add:
			m.Add = append(m.Add, x.Field)
		case x.Cast != "":
			m.Cast = with(m.Cast, x.Field, x.Cast)
		default:
			m.Default = with(m.Default, x.Field, x.Default)
		}
	}
	if len(seen) == 0 {
		return nil
	}
	return m
}

func with[V any](m map[string]V, key string, v V) map[string]V {
	if m == nil {
		m = map[string]V{}
	}
	m[key] = v
	return m
}

// mended are the mends that a mapping is made of.
func mended(mends []Mend, m pipeline.Mapping) []Mend {
	var out []Mend
	for _, x := range mends {
		blank, filled := m.Default[x.Field]
		if x.From != "" && m.Rename[x.From] == x.Field ||
			x.Cast != "" && m.Cast[x.Field] == x.Cast ||
			x.Add && slices.Contains(m.Add, x.Field) ||
			x.Default != nil && filled && string(blank) == string(x.Default) {
			out = append(out, x)
		}
	}
	return out
}
