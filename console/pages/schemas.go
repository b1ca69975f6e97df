package pages

import (
	"net/http"
	"strconv"

	"github.com/autonomous-data-pipeline/adp/ops"
	"github.com/autonomous-data-pipeline/adp/pipeline"
	"github.com/autonomous-data-pipeline/adp/schemas"
)

type schemasPage struct {
	Pipeline string
	Versions []ops.SchemaVersion // newest first
	From, To *ops.SchemaVersion
	Fields   []fieldChange
}

// fieldChange is one field in two versions.
type fieldChange struct {
	Name, Before, After string
	What                string // added, removed, changed, same
}

func (p *Site) schemas(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("pipeline")
	if err := p.desk.Declared(name); err != nil {
		p.fail(w, r, err)
		return
	}
	all, err := p.desk.Ops.Schemas(r.Context(), name)
	if err != nil {
		p.fail(w, r, err)
		return
	}
	page := schemasPage{Pipeline: name}
	for _, v := range all {
		page.Versions = append([]ops.SchemaVersion{v}, page.Versions...)
	}
	if len(all) > 0 {
		page.To = &all[len(all)-1]
		page.From = &all[max(0, len(all)-2)]
		if page.From, err = pick(all, r.URL.Query().Get("from"), page.From); err == nil {
			page.To, err = pick(all, r.URL.Query().Get("to"), page.To)
		}
		if err != nil {
			p.fail(w, r, err)
			return
		}
		page.Fields = compare(page.From.Schema, page.To.Schema)
	}
	p.show(w, r, http.StatusOK, "schemas", "Schema of "+name, page)
}

func pick(all []ops.SchemaVersion, asked string, fallback *ops.SchemaVersion) (*ops.SchemaVersion, error) {
	if asked == "" {
		return fallback, nil
	}
	n, err := strconv.Atoi(asked)
	for i := range all {
		if err == nil && all[i].Version == n {
			return &all[i], nil
		}
	}
	return nil, pipeline.Faultf(pipeline.BadData, "compare schema version %q: there are versions 1 to %d", asked, len(all))
}

// compare lists the fields of both versions, in the order of the newer one and
// then those that it lacks.
func compare(before, after *schemas.Schema) []fieldChange {
	var out []fieldChange
	for _, f := range after.Fields {
		c := fieldChange{Name: f.Name, After: typeOf(f), What: "added"}
		if i := before.Index(f.Name); i >= 0 {
			c.Before, c.What = typeOf(before.Fields[i]), "same"
			if c.Before != c.After {
				c.What = "changed"
			}
		}
		out = append(out, c)
	}
	for _, f := range before.Fields {
		if after.Index(f.Name) < 0 {
			out = append(out, fieldChange{Name: f.Name, Before: typeOf(f), What: "removed"})
		}
	}
	return out
}

func typeOf(f schemas.Field) string {
	if f.Nullable {
		return string(f.Type) + ", may be null"
	}
	return string(f.Type)
}
