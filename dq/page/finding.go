package page

import (
	"fmt"
	"slices"
	"strings"

	"github.com/autonomous-data-pipeline/adp/dq"
)

// finding is one expectation's result.
type finding struct {
	Success    bool
	Severity   string
	Tone       string
	Words      []part
	Notes      []string
	Exceptions []string
	Figures    []Fact
	Gauge      *gauge
	Samples    *samples
	Tables     []table
	Short      string // of a passing one: what was seen

	severity dq.Severity
	columns  []string
}

// gauge is a share of unexpected values beside what is allowed, of 100.
type gauge struct{ Unexpected, Allowed float64 }

// table shows what is wrong item by item.
type table struct {
	Caption string
	Head    []string
	Rows    [][]string
}

func findingOf(r dq.Result) finding {
	c := r.Expectation
	f := finding{Success: r.Success, Words: phrase(c), Notes: notes(c), severity: c.Severity, columns: columnsOf(c)}
	if f.severity == "" {
		f.severity = dq.Critical
	}
	f.Severity, f.Tone = visible(shorten(string(f.severity))), toneOf(f.severity)
	f.Exceptions = exceptions(r.Exception)
	f.figures(r)
	f.Tables = tables(r)
	f.Samples = samplesOf(r, f.columns)
	f.Short = inShort(r)
	return f
}

func toneOf(s dq.Severity) string {
	switch s {
	case dq.Warning:
		return "warn"
	case dq.Info:
		return "info"
	}
	return "bad"
}

// columnsOf are the columns that an expectation names.
// Those of a table name columns too, but are about the table.
func columnsOf(c dq.Configured) []string {
	if strings.HasPrefix(c.Type, "expect_table_") {
		return nil
	}
	var out []string
	for _, name := range []string{"column", "column_A", "column_B"} {
		if s, ok := c.Kwargs.Get(name).(string); ok {
			out = append(out, s)
		}
	}
	return append(out, listed(c.Kwargs.Get("column_list"))...)
}

// notes are the author's: a text or a list of them.
func notes(c dq.Configured) []string {
	switch v := c.Notes.(type) {
	case nil:
		return nil
	case []any:
		var out []string
		for _, n := range v {
			out = append(out, noteText(n))
		}
		return out
	default:
		return []string{noteText(v)}
	}
}

// maxNote bounds what people wrote, in characters.
const maxNote = 2000

func noteText(v any) string {
	s, ok := v.(string)
	if !ok {
		return show(v)
	}
	if runes := []rune(s); len(runes) > maxNote {
		return string(runes[:maxNote]) + "…"
	}
	return s
}

// exceptions are the messages of what was raised, each once: they stand in
// exception_info itself, or below each metric's name.
func exceptions(info dq.Object) []string {
	var out []string
	add := func(raised, message any) {
		if raised != true {
			return
		}
		text, ok := message.(string)
		if !ok || text == "" {
			text = "An exception without a message was raised."
		}
		if text = noteText(text); !slices.Contains(out, text) {
			out = append(out, text)
		}
	}
	add(info.Get("raised_exception"), info.Get("exception_message"))
	for _, f := range info {
		if nested, ok := f.Value.(map[string]any); ok {
			add(nested["raised_exception"], nested["exception_message"])
		}
	}
	return out
}

// figures are the result's numbers.
func (f *finding) figures(r dq.Result) {
	add := func(name, value string) { f.Figures = append(f.Figures, Fact{name, value}) }
	rows, isMap := integer(r.Result.Get("element_count"))
	unexpected, counted := integer(r.Result.Get("unexpected_count"))
	missing, _ := integer(r.Result.Get("missing_count"))
	switch {
	case isMap && counted:
		what := "values"
		if r.Result.Get("missing_count") == nil || len(f.columns) > 1 {
			what = "rows"
		}
		add("Unexpected", fmt.Sprintf("%s of %s %s (%s)", count(unexpected), count(rows-missing), what, unexpectedPercent(r)))
		if missing > 0 {
			add("Null, not judged", fmt.Sprintf("%s of %s rows (%s)", count(missing), count(rows), ratio(missing, rows)))
		}
		f.allowance(r)
		if head, text := placesAlone(r.Result, f.columns); text != "" {
			add(head, text)
		}
	case r.Result.Get("observed_value") != nil && r.Expectation.Type != "expect_column_quantile_values_to_be_between":
		add("Observed", observed(r.Result.Get("observed_value")))
	case !isMap && hasKey(r.Result, "observed_value") && !counted && r.Result.Get("missing_count") == nil:
		add("Observed", "nothing: there is no value to judge")
	}
	if !isMap {
		f.sets(r)
	}
}

// allowance says what mostly allows, and draws it.
func (f *finding) allowance(r dq.Result) {
	unexpected, ok := number(r.Result.Get("unexpected_percent"))
	if !ok {
		return
	}
	f.Gauge = &gauge{Unexpected: min(max(unexpected, 0), 100)}
	if mostly, ok := number(r.Expectation.Kwargs.Get("mostly")); ok && mostly >= 0 && mostly <= 1 {
		f.Gauge.Allowed = 100 - mostly*100
		f.Figures = append(f.Figures, Fact{"Allowed", "at most " + percent(roundOff(f.Gauge.Allowed))})
	}
}

// sets are the values too many and too few of expectations about whole sets.
func (f *finding) sets(r dq.Result) {
	for _, s := range []struct{ name, total, list string }{
		{"Unexpected", "unexpected_count", "partial_unexpected_list"},
		{"Missing", "missing_count", "partial_missing_list"},
	} {
		n, ok := integer(r.Result.Get(s.total))
		if !ok {
			continue
		}
		text := count(n)
		if list, ok := r.Result.Get(s.list).([]any); ok && len(list) > 0 {
			text = joined(list, n)
		}
		f.Figures = append(f.Figures, Fact{s.name, text})
	}
}

// joined names the items of a list that has so many in all.
func joined(list []any, total int64) string {
	parts := make([]string, min(len(list), maxItems))
	for i := range parts {
		parts[i] = show(list[i])
	}
	text := strings.Join(parts, ", ")
	if more := total - int64(len(parts)); more > 0 {
		text += " and " + count(more) + " more"
	}
	return text
}

func observed(v any) string {
	if list, ok := v.([]any); ok {
		return joined(list, int64(len(list)))
	}
	return show(v)
}

func hasKey(o dq.Object, key string) bool {
	return slices.ContainsFunc(o, func(f dq.Field) bool { return f.Key == key })
}

func unexpectedPercent(r dq.Result) string {
	v, ok := number(r.Result.Get("unexpected_percent"))
	if !ok {
		return "–"
	}
	return percent(v)
}

// inShort is what was seen, in a few words.
func inShort(r dq.Result) string {
	rows, isMap := integer(r.Result.Get("element_count"))
	unexpected, counted := integer(r.Result.Get("unexpected_count"))
	missing, _ := integer(r.Result.Get("missing_count"))
	switch {
	case isMap && rows == missing:
		return "no value to judge"
	case isMap && counted && unexpected == 0:
		return "all " + count(rows-missing)
	case isMap && counted:
		return fmt.Sprintf("%s of %s unexpected (%s)", count(unexpected), count(rows-missing), unexpectedPercent(r))
	case r.Expectation.Type == "expect_column_quantile_values_to_be_between":
		values, _ := r.Result.Get("observed_value").(map[string]any)
		return "observed " + observed(values["values"])
	case r.Result.Get("observed_value") != nil:
		return "observed " + observed(r.Result.Get("observed_value"))
	}
	return ""
}
