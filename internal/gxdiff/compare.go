package gxdiff

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"reflect"
	"slices"
	"strings"
)

// Result is one expectation's result, as JSON has it.
type Result struct {
	Success    bool           `json:"success"`
	Config     Config         `json:"expectation_config"`
	Result     map[string]any `json:"result"`
	Exceptions map[string]any `json:"exception_info"`
}

// Config is an expectation as a result repeats it.
type Config struct {
	Type     string         `json:"type"`
	ID       string         `json:"id"`
	Severity string         `json:"severity"`
	Kwargs   map[string]any `json:"kwargs"`
}

// Raised is the message of what an expectation raised; ok is false if nothing.
func (r Result) Raised() (message string, ok bool) {
	if raised, flat := r.Exceptions["raised_exception"].(bool); flat {
		message, _ = r.Exceptions["exception_message"].(string)
		return message, raised
	}
	for _, metric := range r.Exceptions {
		m, _ := metric.(map[string]any)
		message, _ = m["exception_message"].(string)
		return message, true
	}
	return "", false
}

// rounded are the types whose numbers are sums of floats: theirs are rounded at
// each step.
var rounded = []string{"_mean_", "_stdev_", "_column_sum_", "_kl_divergence_"}

// Differ says what differs between two results; empty if nothing does.
func Differ(theirs, ours Result) string {
	t, traised := theirs.Raised()
	o, oraised := ours.Raised()
	switch {
	case traised != oraised:
		return fmt.Sprintf("exception: theirs %v %.200q, ours %v %.200q", traised, t, oraised, o)
	case theirs.Success != ours.Success:
		return fmt.Sprintf("success: theirs %v, ours %v", theirs.Success, ours.Success)
	case theirs.Config.Severity != ours.Config.Severity:
		return "severity"
	case strings.Contains(t, "does not exist") && t != o:
		return fmt.Sprintf("message: theirs %q, ours %q", t, o)
	}
	loose := slices.ContainsFunc(rounded, func(part string) bool { return strings.Contains(theirs.Config.Type, part) })
	if !same(theirs.Config.Kwargs, ours.Config.Kwargs, false) {
		return fmt.Sprintf("kwargs: theirs %v, ours %v", theirs.Config.Kwargs, ours.Config.Kwargs)
	}
	for _, key := range slices.Sorted(maps.Keys(union(theirs.Result, ours.Result))) {
		a, aok := theirs.Result[key]
		b, bok := ours.Result[key]
		if key == "partial_missing_list" { // theirs is a set's, in no order
			a, b = ordered(a), ordered(b)
		}
		if aok != bok || !same(a, b, loose) {
			return fmt.Sprintf("%s: theirs %s, ours %s", key, short(a, aok), short(b, bok))
		}
	}
	return ""
}

func union(a, b map[string]any) map[string]any {
	all := maps.Clone(a)
	if all == nil {
		all = map[string]any{}
	}
	maps.Copy(all, b)
	return all
}

func short(v any, ok bool) string {
	if !ok {
		return "nothing"
	}
	b, err := json.Marshal(v)
	if err != nil {
		return err.Error()
	}
	return fmt.Sprintf("%.600s", b)
}

// same compares JSON values. Numbers are equal by value: 1 is 1.0. Times are by
// what they say.
func same(a, b any, loose bool) bool {
	if x, ok := number(a); ok {
		y, ok := number(b)
		near := loose && math.Abs(x-y) <= 1e-12*math.Max(math.Abs(x), math.Abs(y))+1e-15
		return ok && (x == y || near)
	}
	switch a := a.(type) {
	case map[string]any:
		b, ok := b.(map[string]any)
		return ok && len(a) == len(b) && !slices.ContainsFunc(slices.Collect(maps.Keys(a)), func(k string) bool {
			v, ok := b[k]
			return !ok || !same(a[k], v, loose)
		})
	case []any:
		b, ok := b.([]any)
		if !ok || len(a) != len(b) {
			return false
		}
		for i := range a {
			if !same(a[i], b[i], loose) {
				return false
			}
		}
		return true
	}
	return reflect.DeepEqual(a, b)
}

// number reads a number, also one that JSON lacks.
func number(v any) (float64, bool) {
	switch v {
	case "Infinity":
		return math.Inf(1), true
	case "-Infinity":
		return math.Inf(-1), true
	}
	f, ok := v.(float64)
	return f, ok
}

func ordered(v any) any {
	list, ok := v.([]any)
	if !ok {
		return v
	}
	list = slices.Clone(list)
	slices.SortFunc(list, func(a, b any) int { return strings.Compare(fmt.Sprint(a), fmt.Sprint(b)) })
	return list
}

// OnPurpose is a difference that stays, with its reason.
type OnPurpose struct {
	Reason string
	Rare   bool // it isn't seen in every 300 cases
	Is     func(c Case, theirs, ours Result) bool
}

// Case is what a case's columns are.
type Case struct {
	Kinds map[string]string `json:"kinds"`
	Index []string          `json:"index"`
}

// of reports whether an expectation looks at a column of some kind.
func (c Case) of(r Result, kinds ...string) bool {
	for _, arg := range []string{"column", "column_A", "column_B"} {
		if name, ok := r.Config.Kwargs[arg].(string); ok && slices.Contains(kinds, c.Kinds[name]) {
			return true
		}
	}
	list, _ := r.Config.Kwargs["column_list"].([]any)
	return slices.ContainsFunc(list, func(v any) bool { return slices.Contains(kinds, c.Kinds[fmt.Sprint(v)]) })
}

// Differences are what stays different; docs/quality.md lists them.
var Differences = []OnPurpose{
	{"like patterns are evaluated here; Great Expectations needs SQL", false, func(_ Case, theirs, _ Result) bool {
		m, _ := theirs.Raised()
		return strings.Contains(m, "No provider found")
	}},
	{"an integer column with missing values stays one; pandas makes floats of it", false, func(c Case, theirs, _ Result) bool {
		return c.of(theirs, "holes")
	}},
	{"times and dates compare with texts that say them; in pandas the two have no order, or are never equal", false, func(c Case, theirs, _ Result) bool {
		return c.of(theirs, "ts", "date")
	}},
	{"Great Expectations fails on its own result: it counts more rows than there are, or can't write it as JSON", true, func(_ Case, theirs, _ Result) bool {
		m, _ := theirs.Raised()
		return strings.Contains(m, "Invalid result values were found") || strings.Contains(m, "is not JSON serializable")
	}},
	{"of pairs under a row condition, Great Expectations counts the rows that it ignores among all rows, not among those of the condition", true, func(_ Case, theirs, _ Result) bool {
		return strings.Contains(theirs.Config.Type, "_pair_") && theirs.Config.Kwargs["row_condition"] != nil && theirs.Config.Kwargs["ignore_row_if"] != nil
	}},
	{"a text column without any value has quantiles, or none, by how pandas stores it", true, func(c Case, theirs, _ Result) bool {
		return c.of(theirs, "str") && strings.Contains(theirs.Config.Type, "quantile")
	}},
}
