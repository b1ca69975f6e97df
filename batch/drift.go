package batch

import (
	"cmp"
	"slices"
	"strings"

	"github.com/autonomous-data-pipeline/adp/pipeline"
	"github.com/autonomous-data-pipeline/adp/schemas"
)

// driftKey names a drift: reasons of records carry it as code and field.
type driftKey struct {
	kind  pipeline.DriftKind
	field string
}

// drift lists how the batch left its schema: one entry a kind and field,
// ordered by kind, then field. Shares are of all records read.
func (p *profile) drift(s *schemas.Schema) []pipeline.Drift {
	out := []pipeline.Drift{} // an empty list, not null, in reports
	add := func(kind pipeline.DriftKind, field, expected, observed string, count int64, breaking bool) {
		if count > 0 {
			out = append(out, pipeline.Drift{
				Kind: kind, Field: field, Expected: expected, Observed: observed,
				Count: count, Share: share(count, p.Records.Read), Breaking: breaking,
			})
		}
	}
	for i, f := range s.Fields {
		d := p.Fields[i]
		add(pipeline.FieldMissing, f.Name, string(f.Type), "", d.Missing, true)
		add(pipeline.NullInRequired, f.Name, string(f.Type), "null", d.Null, true)
		add(pipeline.TypeChanged, f.Name, string(f.Type), observedText(d.Observed), d.TypeChanged, true)
	}
	folded := map[string]bool{}
	for _, name := range p.Unknown.byCount() {
		t := p.Unknown.Names[name]
		if t.Kinds&^schemas.SawNull == 0 {
			continue // of a field that is always null no type can be told
		}
		// Of new names that differ in case alone, the table can take one.
		breaking := s.CanAdd(name) != nil || folded[strings.ToLower(name)]
		folded[strings.ToLower(name)] = true
		add(pipeline.FieldAdded, name, "", string(t.Kinds.Infer()), t.Count, breaking)
	}
	slices.SortFunc(out, func(a, b pipeline.Drift) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Field, b.Field))
	})
	return out
}

// setAside are the drifts that keep records out in any case: breaking ones
// that are more than strays.
func setAside(drift []pipeline.Drift, minShare float64) map[driftKey]bool {
	out := map[driftKey]bool{}
	for _, d := range drift {
		if d.Kind != pipeline.FieldAdded && d.Share >= minShare {
			out[driftKey{d.Kind, d.Field}] = true
		}
	}
	return out
}

func share(part, whole int64) float64 {
	if whole == 0 {
		return 0
	}
	return float64(part) / float64(whole)
}
