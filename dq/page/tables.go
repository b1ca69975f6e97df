package page

import (
	"strconv"

	"github.com/autonomous-data-pipeline/adp/dq"
)

// tables show details that have several items.
func tables(r dq.Result) []table {
	details, _ := r.Result.Get("details").(map[string]any) // few results have any
	var out []table
	switch m := details["mismatched"].(type) {
	case []any:
		out = append(out, mismatched(m))
	case map[string]any:
		t := table{Caption: "Columns that differ", Head: []string{"Difference", "Columns"}}
		for _, side := range [][2]string{{"missing", "Missing"}, {"unexpected", "Not expected"}} {
			if list, ok := m[side[0]].([]any); ok && len(list) > 0 {
				t.Rows = append(t.Rows, []string{side[1], joined(list, int64(len(list)))})
			}
		}
		out = append(out, t)
	}
	if t, ok := quantilesTable(r, details); ok {
		out = append(out, t)
	}
	if t, ok := partitionTable(details); ok {
		out = append(out, t)
	}
	return out
}

func mismatched(list []any) table {
	t := table{Caption: "Columns that differ", Head: []string{"Position", "Expected", "Found"}}
	for _, item := range list[:min(len(list), maxList)] {
		if m, ok := item.(map[string]any); ok {
			t.Rows = append(t.Rows, []string{show(m["Expected Column Position"]), orNone(m["Expected"]), orNone(m["Found"])})
		}
	}
	return t
}

func orNone(v any) string {
	if v == nil {
		return "none"
	}
	return show(v)
}

func quantilesTable(r dq.Result, details map[string]any) (table, bool) {
	object, _ := r.Result.Get("observed_value").(map[string]any)
	values, ok := object["values"].([]any)
	ranges := quantileRanges(r.Expectation.Kwargs)
	if !ok || len(ranges) == 0 {
		return table{}, false
	}
	verdicts, _ := details["success_details"].([]any)
	t := table{Caption: "Quantiles", Head: []string{"Quantile", "Observed", "Allowed", "Met"}}
	for i, q := range ranges {
		row := []string{show(q.at), "–", plainRange(q), "–"}
		if i < len(values) {
			row[1] = show(values[i])
		}
		if i < len(verdicts) {
			row[3] = yesNo(verdicts[i] == true)
		}
		t.Rows = append(t.Rows, row)
	}
	return t, true
}

func plainRange(q quantile) string {
	s := &sentence{}
	s.between(q.least, q.most, false, false)
	var text string
	for _, p := range s.parts {
		text += p.Text
	}
	return text
}

func yesNo(ok bool) string {
	if ok {
		return "✓ yes"
	}
	return "✕ no"
}

// partitionTable sets the weights that were observed beside those expected:
// of values, or of ranges between bins.
func partitionTable(details map[string]any) (table, bool) {
	seen, ok := details["observed_partition"].(map[string]any)
	expected, _ := details["expected_partition"].(map[string]any)
	weights, _ := seen["weights"].([]any)
	if !ok || len(weights) == 0 {
		return table{}, false
	}
	wanted, _ := expected["weights"].([]any)
	t := table{Caption: "Distribution", Head: []string{"Value", "Observed", "Expected"}}
	for i, w := range weights[:min(len(weights), maxList)] {
		row := []string{partitionLabel(seen, i), percentOf(w), "–"}
		if i < len(wanted) {
			row[2] = percentOf(wanted[i])
		}
		t.Rows = append(t.Rows, row)
	}
	return t, true
}

func partitionLabel(partition map[string]any, i int) string {
	if values, ok := partition["values"].([]any); ok && i < len(values) {
		return show(values[i])
	}
	if bins, ok := partition["bins"].([]any); ok && i+1 < len(bins) {
		return show(bins[i]) + " to " + show(bins[i+1])
	}
	return strconv.Itoa(i)
}
