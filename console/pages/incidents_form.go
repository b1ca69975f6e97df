package pages

import (
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/autonomous-data-pipeline/adp/console"
	"github.com/autonomous-data-pipeline/adp/console/problem"
	"github.com/autonomous-data-pipeline/adp/ops"
	"github.com/autonomous-data-pipeline/adp/pipeline"
)

// The rows of the mapping's editor.
const (
	spareRows = 3   // empty ones, to be filled in
	maxRows   = 100 // in all
)

// answerForm is a person's answer as it was filled in, and what came of it.
type answerForm struct {
	Action  string // address that it belongs to: answer and preview are below it
	Choices []choice
	Chosen  string
	Comment string
	Rows    []mendRow
	Confirm bool
	More    bool // more rows were asked for, and nothing else
	Preview *console.Preview
	Problem string // why it wasn't done
}

// choice is an answer that can be given.
type choice struct{ Name, Does string }

// does says what each answer does.
var does = map[string]string{
	pipeline.Release: "load what is kept out, as far as it conforms to the schema, whatever the rules say",
	pipeline.Replay:  "process it again with today's schema and rules, mended by the mapping below",
	pipeline.Discard: "leave it in quarantine for good",
	pipeline.Close:   "move nothing: it is dealt with",
}

// mendRow is one line of a mapping.
type mendRow struct{ Op, Field, Value string }

// The ways to mend a field. Value is the new name, the type, the value as JSON,
// or nothing.
const (
	renameField  = "rename"
	castField    = "cast"
	defaultField = "default"
	addField     = "add"
)

// Ops are the ways to mend, for the template.
func (answerForm) Ops() []choice {
	return []choice{
		{renameField, "rename to"}, {castField, "cast to"}, {defaultField, "default"}, {addField, "add as a column"},
	}
}

// Offers reports whether an answer can be given.
func (f answerForm) Offers(name string) bool {
	return slices.ContainsFunc(f.Choices, func(c choice) bool { return c.Name == name })
}

// prepare completes a form for its page. A fresh one takes the advice.
func (f *answerForm) prepare(action string, names []string, i ops.Incident) {
	f.Action = action
	for _, n := range names {
		f.Choices = append(f.Choices, choice{n, does[n]})
	}
	if f.Chosen == "" && len(f.Rows) == 0 {
		f.Rows = rowsOf(i.Mapping)
		if f.Offers(i.Advice) {
			f.Chosen = i.Advice
		}
	}
	if len(names) == 1 {
		f.Chosen = names[0]
	}
	for range spareRows {
		if len(f.Rows) < maxRows {
			f.Rows = append(f.Rows, mendRow{})
		}
	}
}

func (f answerForm) wantsPreview() bool { return !f.More && f.Chosen != "" }

// preview takes what a preview gave.
func (f *answerForm) preview(v console.Preview, err error) error {
	if err == nil {
		f.Preview = &v
	}
	return err
}

// showPreview answers a script's question with the preview alone.
func (p *Site) showPreview(w http.ResponseWriter, r *http.Request, page string, f answerForm) bool {
	if r.Header.Get("HX-Request") != "true" {
		return false
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	if err := p.templates[page].ExecuteTemplate(w, "preview", f); err != nil {
		p.Log.Error("show a preview", "path", r.URL.Path, "error", err)
	}
	return true
}

// confirmed refuses an answer that was sent before somebody meant it.
func (f answerForm) confirmed() error {
	switch {
	case f.Chosen == "":
		return pipeline.Faultf(pipeline.BadData, "no answer was chosen")
	case !f.Confirm:
		return pipeline.Faultf(pipeline.BadData, "the answer wasn't confirmed: tick the box above the button")
	}
	return nil
}

// takes keeps an error that the form can show: what was filled in stays.
func (f *answerForm) takes(err error) bool {
	if !errors.Is(err, console.ErrConflict) && pipeline.KindOf(err) != pipeline.BadData || errors.Is(err, ops.ErrNotFound) || errors.Is(err, console.ErrForbidden) {
		return false
	}
	_, f.Problem = problem.Of(err)
	return true
}

// readAnswer reads the form. With an error the form is what was filled in. A
// mapping counts for a replay alone: the editor is there for every choice.
func readAnswer(r *http.Request) (answerForm, pipeline.Answer, error) {
	if err := r.ParseForm(); err != nil {
		return answerForm{}, pipeline.Answer{}, pipeline.Faultf(pipeline.BadData, "read the form: %w", err)
	}
	f := answerForm{
		Chosen: r.PostFormValue("resolution"), Comment: r.PostFormValue("comment"),
		Confirm: r.PostFormValue("confirm") == "yes", More: r.PostFormValue("more") != "",
	}
	var err error
	if f.Rows, err = readRows(r.PostForm["op"], r.PostForm["field"], r.PostForm["value"]); err != nil {
		return f, pipeline.Answer{}, err
	}
	a := pipeline.Answer{Resolution: f.Chosen, Comment: strings.TrimSpace(f.Comment)}
	if f.Chosen == pipeline.Replay && !f.More {
		a.Mapping, err = mappingOf(f.Rows)
	}
	return f, a, err
}

// readRows drops the rows in which nothing was filled in.
func readRows(ops, fields, values []string) ([]mendRow, error) {
	if len(ops) != len(fields) || len(ops) != len(values) || len(ops) > maxRows {
		return nil, pipeline.Faultf(pipeline.BadData, "read the mapping: its rows must be whole, and at most %d", maxRows)
	}
	var rows []mendRow
	for i := range ops {
		if strings.TrimSpace(fields[i]+values[i]) != "" {
			rows = append(rows, mendRow{ops[i], fields[i], values[i]})
		}
	}
	return rows, nil
}

// mappingOf makes the mapping that rows describe; of none it is nil. Whether it
// can be applied is checked where it is.
func mappingOf(rows []mendRow) (*pipeline.Mapping, error) {
	if len(rows) == 0 {
		return nil, nil //nolint:nilnil // a replay without a mapping, which is no error
	}
	m := pipeline.Mapping{Rename: map[string]string{}, Cast: map[string]string{}, Default: map[string]json.RawMessage{}}
	for _, row := range rows {
		if row.Field == "" {
			return nil, pipeline.Faultf(pipeline.BadData, "read the mapping: %s %q has no field", row.Op, row.Value)
		}
		twice := false
		switch row.Op {
		case renameField:
			_, twice = m.Rename[row.Field]
			m.Rename[row.Field] = row.Value
		case castField:
			_, twice = m.Cast[row.Field]
			m.Cast[row.Field] = row.Value
		case defaultField:
			_, twice = m.Default[row.Field]
			m.Default[row.Field] = valueOf(row.Value)
		case addField:
			twice = slices.Contains(m.Add, row.Field)
			m.Add = append(m.Add, row.Field)
		default:
			return nil, pipeline.Faultf(pipeline.BadData, "read the mapping: field %q: choose rename, cast, default or add", row.Field)
		}
		if twice {
			return nil, pipeline.Faultf(pipeline.BadData, "read the mapping: field %q has two rows of %s", row.Field, row.Op)
		}
	}
	return &m, nil
}

// valueOf takes JSON as it is, and anything else as text.
func valueOf(s string) json.RawMessage {
	if json.Valid([]byte(s)) {
		return json.RawMessage(s)
	}
	b, err := json.Marshal(s)
	if err != nil {
		return json.RawMessage("null") // a string always is JSON
	}
	return b
}

// rowsOf is a mapping as rows, in a fixed order.
func rowsOf(m *pipeline.Mapping) []mendRow {
	if m == nil {
		return nil
	}
	var rows []mendRow
	for _, from := range slices.Sorted(maps.Keys(m.Rename)) {
		rows = append(rows, mendRow{renameField, from, m.Rename[from]})
	}
	for _, field := range slices.Sorted(maps.Keys(m.Cast)) {
		rows = append(rows, mendRow{castField, field, m.Cast[field]})
	}
	for _, field := range slices.Sorted(maps.Keys(m.Default)) {
		rows = append(rows, mendRow{defaultField, field, string(m.Default[field])})
	}
	for _, field := range m.Add {
		rows = append(rows, mendRow{Op: addField, Field: field})
	}
	return rows
}
