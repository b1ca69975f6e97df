package generator

import (
	"slices"
	"strconv"
	"time"

	"github.com/autonomous-data-pipeline/adp/pipeline"
	"github.com/autonomous-data-pipeline/adp/schemas"
)

// dataset is one kind of event: how its fields are made, and how they go wrong.
type dataset struct {
	name     string   // of the schema, as its file declares it
	fields   []string // in the schema's order
	time     string   // field with the event's time
	format   func(time.Time) string
	additive string   // a field that the schema lacks, by default
	extra    []string // its values, as JSON
	typed    string   // field that changes its type
	retype   func(d *dice) string
	required string // field that gets lost
	fill     func(m *maker, index int64, country string, d *dice, r *record)
	breaks   []func(r *record, d *dice) // each makes one field invalid
}

// datasets are all kinds of events.
var datasets = []*dataset{&customers, &orders}

// datasetFor finds the kind of events that a schema declares.
func datasetFor(name string) (*dataset, bool) {
	if i := slices.IndexFunc(datasets, func(d *dataset) bool { return d.name == name }); i >= 0 {
		return datasets[i], true
	}
	return nil, false
}

// NewField is the field that additive drift brings, if no other is asked for.
func NewField(datasetName string) string {
	made, ok := datasetFor(datasetName)
	if !ok {
		return customers.additive
	}
	return made.additive
}

// Serves says why the generator can't make events of a schema; nil if it can.
// Fields that the schema has beyond the generator's must be nullable: they
// will be missing.
func Serves(s *schemas.Schema) error {
	made, ok := datasetFor(s.Name)
	if !ok {
		names := make([]string, len(datasets))
		for i, d := range datasets {
			names[i] = d.name
		}
		return pipeline.Misconfiguredf("schema.file", "generate events of schema %q: the generator knows %v alone", s.Name, names)
	}
	for _, f := range s.Fields {
		if !f.Nullable && !slices.Contains(made.fields, f.Name) {
			return pipeline.Misconfiguredf("schema.file", "generate events of schema %q: its required field %q is none that the generator makes", s.Name, f.Name)
		}
	}
	return nil
}

// record is an event before it is written.
type record struct {
	kind              *dataset
	key               int64    // the customer
	values            []string // by field, as JSON; an empty one is missing
	extraField, extra string   // extra as JSON
}

func (r *record) set(field, json string) { r.values[slices.Index(r.kind.fields, field)] = json }

// text sets a field to a text that needs no escapes.
func (r *record) text(field, value string) { r.set(field, `"`+value+`"`) }

func (r *record) int(field string, v int64) { r.set(field, strconv.FormatInt(v, 10)) }

// cents sets a field to an amount.
func (r *record) cents(field string, v int64) {
	r.set(field, strconv.FormatFloat(float64(v)/100, 'f', 2, 64))
}

// record makes the fields of an event, but for its time.
func (m *maker) record(index int64) *record {
	n := int64(len(Countries))
	rank := m.countries.rank(index)
	d := newDice(m.Seed, streamFields, index)
	r := &record{kind: m.dataset, values: make([]string, len(m.dataset.fields))}
	m.dataset.fill(m, index, Countries[rank%n], d, r)
	if Countries[rank%n] == m.BadCountry && rank/n < m.badRanks {
		r.breakRule(rank/n, d)
	}
	return r
}

// apply gives the record an anomaly of its fields.
func (r *record) apply(k kind, number int64, d *dice, field string) {
	switch k {
	case additive:
		r.extraField, r.extra = field, pick(d, r.kind.extra)
	case retyped:
		r.set(r.kind.typed, strconv.Quote(r.kind.retype(d)))
	case missing:
		r.set(r.kind.required, "")
	case badValue:
		r.breakRule(number, d)
	}
}

// breakRule makes one field invalid; number says which.
func (r *record) breakRule(number int64, d *dice) {
	r.kind.breaks[number%int64(len(r.kind.breaks))](r, d)
}

// json writes the event. No value needs an escape.
func (r *record) json() []byte {
	b := append(make([]byte, 0, 384), '{')
	field := func(name, value string) {
		if len(b) > 1 {
			b = append(b, ',')
		}
		b = append(append(append(append(b, '"'), name...), `":`...), value...)
	}
	for i, name := range r.kind.fields {
		if r.values[i] != "" {
			field(name, r.values[i])
		}
	}
	if r.extraField != "" {
		field(r.extraField, r.extra)
	}
	return append(b, '}')
}
