package page

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/autonomous-data-pipeline/adp/dq"
)

// view is what the template shows.
type view struct {
	Title    string
	Passed   bool
	Total    int64
	Met      int64
	Percent  string
	Worst    []tally // of the failing, worst first
	Facts    []Fact
	Failing  []finding
	Passing  []group
	Columns  []columnView
	MetWidth float64 // of 100
}

// tally counts failing expectations of a severity.
type tally struct {
	Severity string
	Tone     string
	Count    int64
}

// group is what holds of one column, or of several, or of the table.
type group struct {
	Column   string // empty: of the table
	Findings []finding
}

// severities are ordered, worst first.
var severities = []dq.Severity{dq.Critical, dq.Warning, dq.Info}

func viewOf(doc dq.Document, columns []Column, title string) view {
	v := view{Title: title, Total: int64(len(doc.Results))}
	perColumn := map[string]*verdicts{}
	for _, r := range doc.Results {
		f := findingOf(r)
		for _, name := range f.columns {
			if perColumn[name] == nil {
				perColumn[name] = &verdicts{}
			}
			perColumn[name].add(f.Success)
		}
		if !f.Success {
			v.Failing = append(v.Failing, f)
			continue
		}
		v.Met++
		v.Passing = grouped(v.Passing, f)
	}
	slices.SortStableFunc(v.Failing, func(a, b finding) int { return cmp.Compare(rank(a.severity), rank(b.severity)) })
	v.Passed = doc.Success && len(v.Failing) == 0
	if v.Total > 0 {
		v.MetWidth = float64(v.Met) / float64(v.Total) * 100
		v.Percent = percent(v.MetWidth)
	}
	v.Worst = tallies(v.Failing)
	v.Facts = facts(doc, columns)
	for _, c := range columns {
		v.Columns = append(v.Columns, columnViewOf(c, perColumn[c.Name]))
	}
	return v
}

// rank is a severity's place; one that isn't known comes last.
func rank(s dq.Severity) int {
	if i := slices.Index(severities, s); i >= 0 {
		return i
	}
	return len(severities)
}

func tallies(failing []finding) []tally {
	var out []tally
	for _, f := range failing { // sorted by severity
		if n := len(out); n > 0 && out[n-1].Severity == f.Severity {
			out[n-1].Count++
			continue
		}
		out = append(out, tally{f.Severity, f.Tone, 1})
	}
	return out
}

// grouped adds a finding to its column's group, in order of first appearance.
func grouped(groups []group, f finding) []group {
	name := strings.Join(visibleAll(f.columns), ", ")
	at := slices.IndexFunc(groups, func(g group) bool { return g.Column == name })
	if at < 0 {
		at, groups = len(groups), append(groups, group{Column: name})
	}
	groups[at].Findings = append(groups[at].Findings, f)
	return groups
}

func visibleAll(names []string) []string {
	out := make([]string, len(names))
	for i, n := range names {
		out[i] = visible(n)
	}
	return out
}

// facts say which data this is about, and when it was looked at.
func facts(doc dq.Document, columns []Column) []Fact {
	var out []Fact
	add := func(name, value string) {
		if value != "" {
			out = append(out, Fact{name, shorten(visible(value))})
		}
	}
	add("Suite", doc.SuiteName)
	add("Data", dataOf(doc))
	if n, ok := rowsOf(doc, columns); ok {
		add("Rows", count(n))
	}
	run, _ := doc.Meta.Get("run_id").(map[string]any) // not every document has one
	name, _ := run["run_name"].(string)
	add("Run", name)
	at, _ := run["run_time"].(string)
	if at == "" {
		at, _ = doc.Meta.Get("validation_time").(string)
	}
	add("Validated", instant(at))
	version, _ := doc.Meta.Get("great_expectations_version").(string)
	add("Great Expectations", version)
	return out
}

func dataOf(doc dq.Document) string {
	if id, _ := doc.Meta.Get("batch_id").(string); id != "" {
		return id
	}
	definition, _ := doc.Meta.Get("active_batch_definition").(map[string]any)
	if name, _ := definition["data_asset_name"].(string); name != "" {
		return name
	}
	for _, r := range doc.Results {
		if id, _ := r.Expectation.Kwargs.Get("batch_id").(string); id != "" {
			return id
		}
	}
	return ""
}

// rowsOf is how many rows the table has: what the columns were counted with,
// else the most that an expectation looked at, which fewer do if it has a
// condition.
func rowsOf(doc dq.Document, columns []Column) (rows int64, ok bool) {
	if len(columns) > 0 {
		return columns[0].Rows, true
	}
	for _, r := range doc.Results {
		v := r.Result.Get("element_count")
		if strings.HasPrefix(r.Expectation.Type, "expect_table_row_count_") {
			v = r.Result.Get("observed_value")
		}
		if n, is := integer(v); is {
			rows, ok = max(rows, n), true
		}
	}
	return rows, ok
}

// instant is a time as people read it, or what stands there instead. The zero
// time says nothing.
func instant(s string) string {
	t, err := time.Parse(time.RFC3339Nano, s)
	switch {
	case err != nil:
		return s
	case t.IsZero():
		return ""
	}
	return t.UTC().Format("2006-01-02 15:04:05 UTC")
}

// listed are the texts of a list.
func listed(v any) []string {
	list, _ := v.([]any)
	var out []string
	for _, item := range list {
		if s, ok := item.(string); ok {
			out = append(out, s)
		}
	}
	return out
}
