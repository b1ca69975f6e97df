package pages

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/autonomous-data-pipeline/adp/dq"
	"github.com/autonomous-data-pipeline/adp/pipeline"
)

type qualityPage struct {
	Run        pipeline.RunReport
	Statistics dq.Statistics
	Rows       []expectation
}

// expectation is one result, ready to be shown.
type expectation struct {
	Success    bool
	Severity   string
	Type       string
	Column     string
	Limits     []setting // what it was configured with
	Elements   string
	Unexpected string
	Percent    string
	Observed   string
	Exception  string
}

type setting struct{ Key, Value string }

func (p *Site) quality(w http.ResponseWriter, r *http.Request) {
	b, err := p.desk.QualityResults(r.Context(), r.PathValue("id"))
	if err != nil {
		p.fail(w, r, err)
		return
	}
	report, err := p.desk.Ops.Run(r.Context(), r.PathValue("id"))
	if err != nil {
		p.fail(w, r, err)
		return
	}
	var doc dq.Document
	if err := json.Unmarshal(b, &doc); err != nil {
		p.fail(w, r, pipeline.Faultf(pipeline.BadData, "read the quality results of run %s: %w", report.RunID, err))
		return
	}
	page := qualityPage{Run: report, Statistics: doc.Statistics}
	for _, success := range []bool{false, true} { // what failed comes first
		for _, x := range doc.Results {
			if x.Success == success {
				page.Rows = append(page.Rows, expectationOf(x))
			}
		}
	}
	p.show(w, r, http.StatusOK, "quality", "Quality of "+report.Pipeline, page)
}

func expectationOf(x dq.Result) expectation {
	e := expectation{
		Success: x.Success, Severity: string(x.Expectation.Severity), Type: x.Expectation.Type, Column: text(x.Expectation.Kwargs.Get("column")),
		Elements: number(x.Result.Get("element_count")), Unexpected: number(x.Result.Get("unexpected_count")),
		Percent: number(x.Result.Get("unexpected_percent")), Observed: text(x.Result.Get("observed_value")), Exception: text(x.Raised()),
	}
	for _, f := range x.Expectation.Kwargs {
		if f.Key != "column" && f.Key != "batch_id" && f.Value != nil {
			e.Limits = append(e.Limits, setting{f.Key, text(f.Value)})
		}
	}
	return e
}

// number is a number of a document as people read it.
func number(v any) string {
	n, ok := v.(json.Number)
	if !ok {
		return text(v)
	}
	if i, err := n.Int64(); err == nil {
		return count(i)
	}
	if f, err := n.Float64(); err == nil {
		return strings.TrimSuffix(strings.TrimRight(strconv.FormatFloat(f, 'f', 2, 64), "0"), ".")
	}
	return n.String()
}

// maxText bounds one value of a document.
const maxText = 300

// text is a value of a JSON document, within bounds.
func text(v any) string {
	var s string
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		s = v
	case json.Number:
		s = v.String()
	default:
		b, err := json.Marshal(v)
		if err != nil {
			return err.Error()
		}
		s = string(b)
	}
	if runes := []rune(s); len(runes) > maxText {
		return fmt.Sprintf("%s… (%d characters)", string(runes[:maxText]), len(runes))
	}
	return s
}
