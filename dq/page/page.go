// Package page writes a validation result as one HTML page that needs nothing
// else: no script, no network. It judges nothing; the verdicts are the
// document's.
package page

import (
	"embed"
	"encoding/json"
	"fmt"
	"html/template"
	"io"

	"github.com/autonomous-data-pipeline/adp/dq"
)

//go:embed page.html page.css
var files embed.FS

var layout = template.Must(template.New("page.html").Funcs(template.FuncMap{"count": count, "countOf": countOf, "style": style}).ParseFS(files, "page.html"))

// style is the page's own.
func style() (template.CSS, error) {
	b, err := files.ReadFile("page.css")
	return template.CSS(b), err
}

// Write writes the page of a validation result, as evaluated or as read from
// its JSON, in any result format. Without columns it has no section of them.
func Write(w io.Writer, doc dq.Document, columns []Column, title string) error {
	doc, err := normal(doc)
	if err != nil {
		return fmt.Errorf("write the page of quality results: read the document as its JSON has it: %w", err)
	}
	if err := layout.Execute(w, viewOf(doc, columns, title)); err != nil {
		return fmt.Errorf("write the page of quality results: %w", err)
	}
	return nil
}

// normal gives the document the Go types that it has when it was read from its
// JSON. Lists are cut before: some have an entry for each failing row.
func normal(doc dq.Document) (dq.Document, error) {
	results := make([]dq.Result, len(doc.Results))
	for i, r := range doc.Results {
		results[i] = r
		results[i].Result = nil
		for _, f := range r.Result {
			if f.Key != "unexpected_index_query" {
				results[i].Result = append(results[i].Result, dq.Field{Key: f.Key, Value: cut(f.Value)})
			}
		}
	}
	doc.Results = results
	b, err := json.Marshal(doc)
	if err != nil {
		return dq.Document{}, err
	}
	var out dq.Document
	err = json.Unmarshal(b, &out)
	return out, err
}

// maxList is how many entries of a result's list the page looks at: as many as
// Great Expectations gives values.
const maxList = 200

func cut(v any) any {
	switch list := v.(type) {
	case []any:
		return list[:min(len(list), maxList)]
	case []dq.Object:
		return list[:min(len(list), maxList)]
	}
	return v
}
