package page

import (
	"cmp"
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"github.com/autonomous-data-pipeline/adp/dq"
	"github.com/autonomous-data-pipeline/adp/pipeline"
)

// samples are unexpected values, each once, the most frequent first.
type samples struct {
	Caption string
	Places  string // what the places are; empty if there are none
	Rows    []sample
	More    int64 // values that are not shown
}

type sample struct {
	Value  string
	Null   bool
	Count  int64
	Places string
}

const (
	maxSamples = 20 // values that are shown
	maxPlaces  = 12 // places that are shown of each
)

// samplesOf shows the values of a result about rows; nil if it has none.
func samplesOf(r dq.Result, columns []string) *samples {
	total, ok := integer(r.Result.Get("unexpected_count"))
	if _, isMap := integer(r.Result.Get("element_count")); !ok || !isMap {
		return nil
	}
	values, places := fetched(r.Result)
	if len(values) == 0 {
		return nil
	}
	keys := listed(r.Result.Get("unexpected_index_column_names"))
	out := &samples{Caption: captionOf(int64(len(values)), total), Places: placesHead(keys)}
	if len(places) == 0 {
		out.Places = ""
	}
	out.collect(values, places, columns, keys)
	return out
}

// fetched are the values that a result shows, and where they stand: entry by
// entry the same rows.
func fetched(o dq.Object) (values, places []any) {
	values, _ = o.Get("unexpected_list").([]any) // COMPLETE alone has it
	places, _ = o.Get("unexpected_index_list").([]any)
	if values == nil && places == nil {
		values, _ = o.Get("partial_unexpected_list").([]any)
		places, _ = o.Get("partial_unexpected_index_list").([]any)
	}
	return values, places
}

// placesAlone are the places of values that aren't shown: a result format may
// leave them out.
func placesAlone(o dq.Object, columns []string) (head, text string) {
	values, places := fetched(o)
	if len(values) > 0 || len(places) == 0 {
		return "", ""
	}
	keys := listed(o.Get("unexpected_index_column_names"))
	all := make([]string, len(places))
	for i, p := range places {
		all[i] = placeText(p, columns, keys)
	}
	return placesHead(keys), firstOf(all)
}

// firstOf names the first of the places, and how many more there are.
func firstOf(places []string) string {
	text := strings.Join(places[:min(len(places), maxPlaces)], ", ")
	if more := len(places) - maxPlaces; more > 0 {
		text += " and " + count(int64(more)) + " more"
	}
	return text
}

func captionOf(shown, total int64) string {
	switch {
	case shown >= total && total == 1:
		return "The only unexpected value"
	case shown >= total:
		return "All " + countOf(total, "unexpected value", "unexpected values")
	}
	return "The first " + count(shown) + " of " + countOf(total, "unexpected value", "unexpected values")
}

func (s *samples) collect(values, places []any, columns, keys []string) {
	at := map[string]int{}
	var found [][]string // places of each row of the table
	for i, v := range values {
		text := valueText(v, columns)
		row, known := at[text]
		if !known {
			row = len(s.Rows)
			at[text] = row
			s.Rows, found = append(s.Rows, sample{Value: text, Null: v == nil}), append(found, nil)
		}
		s.Rows[row].Count++
		if i < len(places) {
			found[row] = append(found[row], placeText(places[i], columns, keys))
		}
	}
	for i := range s.Rows {
		s.Rows[i].Places = firstOf(found[i])
	}
	slices.SortStableFunc(s.Rows, func(a, b sample) int { return cmp.Compare(b.Count, a.Count) })
	s.More = int64(max(len(s.Rows)-maxSamples, 0))
	s.Rows = s.Rows[:min(len(s.Rows), maxSamples)]
}

// valueText names the columns of a pair or of several values.
func valueText(v any, columns []string) string {
	var parts []string
	switch v := v.(type) {
	case []any:
		if len(v) != len(columns) {
			break
		}
		for i, item := range v {
			parts = append(parts, visible(columns[i])+" = "+show(item))
		}
		return strings.Join(parts, ", ")
	case map[string]any:
		for _, c := range columns {
			if item, ok := v[c]; ok {
				parts = append(parts, visible(c)+" = "+show(item))
			}
		}
		if len(parts) == len(v) {
			return strings.Join(parts, ", ")
		}
	}
	return show(v)
}

// placesHead says what the places are: row numbers, or what identifies a row.
func placesHead(keys []string) string {
	switch {
	case len(keys) == 0:
		return "Rows"
	case slices.Equal(keys, []string{pipeline.ColPartition, pipeline.ColOffset}):
		return "Records (partition:offset)"
	}
	return strings.Join(visibleAll(keys), ", ")
}

// placeText is one place. Great Expectations repeats the value in it, which
// stands beside it anyway.
func placeText(v any, columns, keys []string) string {
	m, ok := v.(map[string]any)
	if !ok {
		if n, is := v.(json.Number); is {
			return n.String()
		}
		return show(v)
	}
	if len(keys) == 0 {
		keys = slices.DeleteFunc(slices.Sorted(maps.Keys(m)), func(k string) bool { return slices.Contains(columns, k) })
	}
	parts := make([]string, len(keys))
	for i, k := range keys {
		parts[i] = show(m[k])
	}
	if slices.Equal(keys, []string{pipeline.ColPartition, pipeline.ColOffset}) {
		return strings.Join(parts, ":")
	}
	if len(keys) > 1 {
		return "(" + strings.Join(parts, ", ") + ")"
	}
	return strings.Join(parts, ", ")
}
