package page

import (
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/autonomous-data-pipeline/adp/dq"
)

// types are Great Expectations' own, each with its arguments.
func types(t *testing.T) map[string][]string {
	t.Helper()
	b, err := os.ReadFile("testdata/expectations.txt")
	require.NoError(t, err)
	out := map[string][]string{}
	for line := range strings.Lines(string(b)) {
		fields := strings.Fields(line)
		out[fields[0]] = fields[1:]
	}
	return out
}

func said(c dq.Configured) string {
	var b strings.Builder
	for _, p := range phrase(c) {
		if p.Code {
			b.WriteString("`" + p.Text + "`")
		} else {
			b.WriteString(p.Text)
		}
	}
	return b.String()
}

func kwargs(t *testing.T, text string) dq.Object {
	t.Helper()
	var o dq.Object
	require.NoError(t, json.Unmarshal([]byte(text), &o))
	return o
}

func TestEachExpectationTypeHasWords(t *testing.T) {
	all := types(t)
	require.Len(t, all, 59)
	for name := range all {
		require.Contains(t, words, name)
	}
	require.Len(t, words, len(all), "words are of types that Great Expectations doesn't have")
}

func TestWordsNameArgumentsThatTheTypeHas(t *testing.T) {
	made := []string{"range", "any", "quantiles"} // from several arguments
	for name, own := range types(t) {
		for _, m := range placeholder.FindAllStringSubmatch(words[name], -1) {
			if !slices.Contains(made, m[1]) {
				require.Contains(t, own, m[1], name)
			}
		}
	}
}

func TestNoArgumentIsLeftUnsaid(t *testing.T) {
	for name, own := range types(t) {
		for _, argument := range append(own, "row_condition", "another") {
			if strings.HasPrefix(argument, "strict") || slices.Contains([]string{"or_equal", "ties_okay", "double_sided", "exact_match", "match_on", "quantile_ranges", "mostly"}, argument) {
				continue // said by other words, below
			}
			got := said(dq.Configured{Type: name, Kwargs: dq.Object{{Key: argument, Value: "given"}}})
			require.Contains(t, got, "`given`", "%s of %s", argument, name)
		}
	}
}

func TestWords(t *testing.T) {
	tests := map[string]struct{ kind, kwargs, want string }{
		"a column's rule": {"expect_column_values_to_match_regex", `{"column":"email","regex":"^.+@.+$","mostly":0.99}`,
			"`email` must match `^.+@.+$`, for at least 99% of the values"},
		"both bounds":               {"expect_column_values_to_be_between", `{"column":"age","min_value":0.0,"max_value":120}`, "`age` must be between `0` and `120`"},
		"two bounds that are equal": {"expect_column_value_lengths_to_be_between", `{"column":"a","min_value":2,"max_value":2.0}`, "The number of characters in `a` must be exactly `2`"},
		"one bound":                 {"expect_column_max_to_be_between", `{"column":"age","max_value":120.5}`, "The largest value of `age` must be at most `120.5`"},
		"strict bounds":             {"expect_column_mean_to_be_between", `{"column":"age","min_value":0,"max_value":1,"strict_min":true}`, "The mean of `age` must be above `0` and at most `1`"},
		"both bounds strict":        {"expect_column_mean_to_be_between", `{"column":"age","min_value":0,"max_value":1,"strict_min":true,"strict_max":true}`, "The mean of `age` must be above `0` and below `1`"},
		"no bound":                  {"expect_table_row_count_to_be_between", `{}`, "The number of rows must be anything"},
		"a set's items":             {"expect_column_values_to_be_in_set", `{"column":"plan","value_set":["free","1",1,null,true,""]}`, "`plan` must be one of `free`, `\"1\"`, `1`, `null`, `true`, `\"\"`"},
		"an empty set":              {"expect_column_values_to_be_in_set", `{"column":"plan","value_set":[]}`, "`plan` must be one of (nothing)"},
		"pairs":                     {"expect_column_pair_values_to_be_in_set", `{"column_A":"a","column_B":"b","value_pairs_set":[["x",1]]}`, "`a` and `b` must be one of the pairs `[\"x\", 1]`"},
		"greater":                   {"expect_column_pair_values_a_to_be_greater_than_b", `{"column_A":"a","column_B":"b"}`, "`a` must be greater than `b`"},
		"or equal":                  {"expect_column_pair_values_a_to_be_greater_than_b", `{"column_A":"a","column_B":"b","or_equal":true}`, "`a` must be at least `b`"},
		"all of the patterns":       {"expect_column_values_to_match_regex_list", `{"column":"a","regex_list":["x","y"],"match_on":"all"}`, "`a` must match all of `x`, `y`"},
		"any of the patterns":       {"expect_column_values_to_match_like_pattern_list", `{"column":"a","like_pattern_list":["x%"],"escape":"!"}`, "`a` must be like any of `x%`, where `!` escapes"},
		"quantiles":                 {"expect_column_quantile_values_to_be_between", `{"column":"a","quantile_ranges":{"quantiles":[0.5,0.9],"value_ranges":[[0,1],[null,2]]}}`, "Quantiles of `a`: `0.5` must be between `0` and `1`, `0.9` must be at most `2`"},
		"other columns allowed":     {"expect_table_columns_to_match_set", `{"column_set":["a"],"exact_match":false}`, "The columns must be, in any order, `a`, and may be others too"},
		"the first position":        {"expect_column_to_exist", `{"column":"a","column_index":0}`, "There must be a column `a` at index `0`"},
		"a condition":               {"expect_column_values_to_be_null", `{"column":"a","row_condition":"b > 1","condition_parser":"pandas"}`, "`a` must be null, where `b > 1`"},
		"a condition of parts": {"expect_column_values_to_be_null", `{"column":"a","row_condition":{"type":"and","conditions":[{"type":"comparison","column":{"name":"a"},"operator":">","parameter":1},{"type":"or","conditions":[{"type":"comparison","column":{"name":"b"},"operator":"IN","parameter":["x"]},{"type":"nullity","column":{"name":"c"},"is_null":true}]}]}}`,
			"`a` must be null, where `a > 1 AND (b IN [\"x\"] OR c IS NULL)`"},
		"a condition passed on":  {"expect_column_values_to_be_null", `{"column":"a","row_condition":{"type":"pass_through","pass_through_filter":"b == 1"}}`, "`a` must be null, where `b == 1`"},
		"a condition not known":  {"expect_column_values_to_be_null", `{"column":"a","row_condition":{"type":"and","conditions":1}}`, "`a` must be null, where `{conditions: 1, type: \"and\"}`"},
		"nulls left out":         {"expect_multicolumn_values_to_be_equal", `{"column_list":["a","b"],"ignore_row_if":"any_value_is_missing"}`, "`a`, `b` must be equal in each row, leaving out rows where any is null"},
		"strictly":               {"expect_column_values_to_be_increasing", `{"column":"a","strictly":true}`, "`a` must rise from row to row"},
		"another argument":       {"expect_column_values_to_be_unique", `{"column":"a","colour":"red"}`, "`a` must be unique, colour `red`"},
		"another type":           {"expect_column_values_to_be_prime", `{"column":"a","mostly":0.5,"batch_id":"x"}`, "expect column values to be prime, column `a`, mostly `0.5`"},
		"a missing argument":     {"expect_column_values_to_match_regex", `{"column":"a"}`, "`a` must match `null`"},
		"an argument of no kind": {"expect_column_values_to_be_in_set", `{"column":"a","value_set":{"$PARAMETER":"s"}}`, "`a` must be one of `{$PARAMETER: \"s\"}`"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, tc.want, said(dq.Configured{Type: tc.kind, Kwargs: kwargs(t, tc.kwargs)}))
		})
	}
}

func TestPercent(t *testing.T) {
	tests := map[string]struct {
		value float64
		want  string
	}{
		"none is 0":                    {0, "0%"},
		"a trace isn't none":           {0.00001, "under 0.01%"},
		"two digits":                   {8.333333333333332, "8.33%"},
		"no digits where none is said": {50, "50%"},
		"nearly all isn't all":         {99.99999, "over 99.99%"},
		"all is 100":                   {100, "100%"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) { require.Equal(t, tc.want, percent(tc.value)) })
	}
}
