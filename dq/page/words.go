package page

import (
	"regexp"
	"slices"
	"strings"

	"github.com/autonomous-data-pipeline/adp/dq"
)

// part is a piece of a sentence: plain words, or something of the rule's own,
// which is shown as code.
type part struct {
	Text string
	Code bool
}

// words say what each expectation type asks for. {name} is an argument,
// {name?yes:no} chooses by one; range, any and quantiles are made from several.
var words = map[string]string{
	"expect_column_distinct_values_to_be_in_set":                "The distinct values of {column} must all be among {value_set}",
	"expect_column_distinct_values_to_contain_set":              "The distinct values of {column} must include {value_set}",
	"expect_column_distinct_values_to_equal_set":                "The distinct values of {column} must be exactly {value_set}",
	"expect_column_kl_divergence_to_be_less_than":               "The values of {column} must be distributed as expected, with a Kullback–Leibler divergence of at most {threshold} from {partition_object}",
	"expect_column_max_to_be_between":                           "The largest value of {column} must be {range}",
	"expect_column_mean_to_be_between":                          "The mean of {column} must be {range}",
	"expect_column_median_to_be_between":                        "The median of {column} must be {range}",
	"expect_column_min_to_be_between":                           "The smallest value of {column} must be {range}",
	"expect_column_most_common_value_to_be_in_set":              "The most common value of {column} must be one of {value_set}{ties_okay?, also if it shares its place:}",
	"expect_column_pair_values_a_to_be_greater_than_b":          "{column_A} must be {or_equal?at least:greater than} {column_B}",
	"expect_column_pair_values_to_be_equal":                     "{column_A} must equal {column_B}",
	"expect_column_pair_values_to_be_in_set":                    "{column_A} and {column_B} must be one of the pairs {value_pairs_set}",
	"expect_column_proportion_of_non_null_values_to_be_between": "The proportion of {column} that isn't null must be {range}",
	"expect_column_proportion_of_unique_values_to_be_between":   "The proportion of distinct values in {column} must be {range}",
	"expect_column_quantile_values_to_be_between":               "Quantiles of {column}: {quantiles}",
	"expect_column_stdev_to_be_between":                         "The standard deviation of {column} must be {range}",
	"expect_column_sum_to_be_between":                           "The sum of {column} must be {range}",
	"expect_column_to_exist":                                    "There must be a column {column}",
	"expect_column_type_to_be":                                  "{column} must be of type {type_}",
	"expect_column_unique_value_count_to_be_between":            "The number of distinct values in {column} must be {range}",
	"expect_column_value_lengths_to_be_between":                 "The number of characters in {column} must be {range}",
	"expect_column_value_lengths_to_equal":                      "The number of characters in {column} must be {value}",
	"expect_column_value_z_scores_to_be_less_than":              "The {double_sided?absolute z-scores:z-scores} of {column} must be below {threshold}",
	"expect_column_values_to_be_between":                        "{column} must be {range}",
	"expect_column_values_to_be_dateutil_parseable":             "{column} must be readable as a date",
	"expect_column_values_to_be_decreasing":                     "{column} must {strictly?fall from row to row:never rise from row to row}",
	"expect_column_values_to_be_in_set":                         "{column} must be one of {value_set}",
	"expect_column_values_to_be_in_type_list":                   "{column} must be of one of the types {type_list}",
	"expect_column_values_to_be_increasing":                     "{column} must {strictly?rise from row to row:never fall from row to row}",
	"expect_column_values_to_be_json_parseable":                 "{column} must be JSON",
	"expect_column_values_to_be_null":                           "{column} must be null",
	"expect_column_values_to_be_of_type":                        "{column} must be of type {type_}",
	"expect_column_values_to_be_unique":                         "{column} must be unique",
	"expect_column_values_to_match_json_schema":                 "{column} must be JSON that fits the schema {json_schema}",
	"expect_column_values_to_match_like_pattern":                "{column} must be like {like_pattern}",
	"expect_column_values_to_match_like_pattern_list":           "{column} must be like {any} {like_pattern_list}",
	"expect_column_values_to_match_regex":                       "{column} must match {regex}",
	"expect_column_values_to_match_regex_list":                  "{column} must match {any} {regex_list}",
	"expect_column_values_to_match_strftime_format":             "{column} must be a time written as {strftime_format}",
	"expect_column_values_to_not_be_in_set":                     "{column} must be none of {value_set}",
	"expect_column_values_to_not_be_null":                       "{column} must not be null",
	"expect_column_values_to_not_be_outliers":                   "{column} must have no outliers",
	"expect_column_values_to_not_match_like_pattern":            "{column} must not be like {like_pattern}",
	"expect_column_values_to_not_match_like_pattern_list":       "{column} must be like none of {like_pattern_list}",
	"expect_column_values_to_not_match_regex":                   "{column} must not match {regex}",
	"expect_column_values_to_not_match_regex_list":              "{column} must match none of {regex_list}",
	"expect_compound_columns_to_be_unique":                      "{column_list} must be unique together",
	"expect_multicolumn_sum_to_equal":                           "{column_list} must add up to {sum_total} in each row",
	"expect_multicolumn_values_to_be_equal":                     "{column_list} must be equal in each row",
	"expect_query_results_to_match_comparison":                  "What {base_query} finds must match what {comparison_query} finds in {comparison_data_source_name}",
	"expect_select_column_values_to_be_unique_within_record":    "{column_list} must differ from each other in each row",
	"expect_table_column_count_to_be_between":                   "The number of columns must be {range}",
	"expect_table_column_count_to_equal":                        "The number of columns must be {value}",
	"expect_table_columns_to_match_ordered_list":                "The columns must be, in this order, {column_list}",
	"expect_table_columns_to_match_set":                         "The columns must be, in any order, {column_set}",
	"expect_table_row_count_to_be_between":                      "The number of rows must be {range}",
	"expect_table_row_count_to_equal":                           "The number of rows must be {value}",
	"expect_table_row_count_to_equal_other_table":               "The number of rows must be that of the table {other_table_name}",
	"unexpected_rows_expectation":                               "{unexpected_rows_query} must find no rows",
}

// tails say what arguments add that many types take, in this order. One that
// neither has a tail nor stands in the words is named at the end: nothing that
// a rule was given is left out.
var tails = []struct{ name, text string }{
	{"column_index", " at index {column_index}"},
	{"escape", ", where {escape} escapes"},
	{"method", " by the method {method}"},
	{"multiplier", ", with the multiplier {multiplier}"},
	{"exact_match", "{exact_match?:, and may be others too}"},
	{"mostly", ", for at least {percentage}"},
	{"row_condition", ", where {condition}"},
	{"ignore_row_if", "{ignored}"},
}

// silent arguments say nothing to people: batch_id stands at the page's head.
var silent = []string{"batch_id", "condition_parser"}

// ignored is what ignore_row_if leaves out.
var ignored = map[string]string{
	"both_values_are_missing": ", leaving out rows where both are null",
	"either_value_is_missing": ", leaving out rows where either is null",
	"neither":                 ", also in rows with nulls",
	"all_values_are_missing":  ", leaving out rows where all are null",
	"any_value_is_missing":    ", leaving out rows where any is null",
	"never":                   ", also in rows with nulls",
}

var placeholder = regexp.MustCompile(`\{(\w+)(?:\?([^:}]*):([^}]*))?\}`)

// sentence renders a rule's words with its arguments.
type sentence struct {
	kwargs dq.Object
	used   []string
	parts  []part
}

// Words are an expectation in a sentence of plain text.
func Words(c dq.Configured) string {
	if doc, err := normal(dq.Document{Results: []dq.Result{{Expectation: c}}}); err == nil {
		c = doc.Results[0].Expectation
	}
	var b strings.Builder
	for _, p := range phrase(c) {
		b.WriteString(p.Text)
	}
	return b.String()
}

// phrase says what an expectation asks for.
func phrase(c dq.Configured) []part {
	s := &sentence{kwargs: c.Kwargs, used: slices.Clone(silent)}
	text, ok := words[c.Type]
	if !ok {
		text = strings.ReplaceAll(c.Type, "_", " ")
	}
	s.render(text)
	for _, t := range tails {
		if ok && s.has(t.name) && !slices.Contains(s.used, t.name) {
			s.used = append(s.used, t.name)
			s.render(t.text)
		}
	}
	for _, f := range c.Kwargs {
		if f.Value != nil && !slices.Contains(s.used, f.Key) {
			s.words(", " + strings.ReplaceAll(f.Key, "_", " ") + " ")
			s.value(f.Value)
		}
	}
	return s.parts
}

func (s *sentence) render(text string) {
	for text != "" {
		m := placeholder.FindStringSubmatchIndex(text)
		if m == nil {
			s.words(text)
			return
		}
		s.words(text[:m[0]])
		name := text[m[2]:m[3]]
		if m[4] < 0 {
			s.argument(name)
		} else if s.used = append(s.used, name); s.flag(name) {
			s.words(text[m[4]:m[5]])
		} else {
			s.words(text[m[6]:m[7]])
		}
		text = text[m[1]:]
	}
}

func (s *sentence) argument(name string) {
	switch name {
	case "range":
		s.used = append(s.used, "min_value", "max_value", "strict_min", "strict_max")
		s.between(s.kwargs.Get("min_value"), s.kwargs.Get("max_value"), s.flag("strict_min"), s.flag("strict_max"))
	case "any":
		s.used = append(s.used, "match_on")
		if s.kwargs.Get("match_on") == "all" {
			s.words("all of")
		} else {
			s.words("any of")
		}
	case "quantiles":
		s.used = append(s.used, "quantile_ranges")
		s.quantiles()
	case "percentage":
		s.words(percentOf(s.kwargs.Get("mostly")) + " of the values")
	case "condition":
		s.code(condition(s.kwargs.Get("row_condition")))
	case "ignored":
		s.leaveOut()
	default:
		s.used = append(s.used, name)
		s.value(s.kwargs.Get(name))
	}
}

func (s *sentence) leaveOut() {
	rule, _ := s.kwargs.Get("ignore_row_if").(string) // anything else is shown as it is
	if text, ok := ignored[rule]; ok {
		s.words(text)
		return
	}
	s.words(", ignore row if ")
	s.value(s.kwargs.Get("ignore_row_if"))
}

func (s *sentence) has(name string) bool { return s.kwargs.Get(name) != nil }

func (s *sentence) flag(name string) bool { return s.kwargs.Get(name) == true }

func (s *sentence) words(text string) {
	if text == "" {
		return
	}
	if n := len(s.parts); n > 0 && !s.parts[n-1].Code {
		s.parts[n-1].Text += text
		return
	}
	s.parts = append(s.parts, part{Text: text})
}

func (s *sentence) code(text string) { s.parts = append(s.parts, part{text, true}) }

// maxItems is how many items of a list a sentence names.
const maxItems = 24

// value is shown as code; a list's items one by one.
func (s *sentence) value(v any) {
	list, ok := v.([]any)
	if !ok {
		s.code(show(v))
		return
	}
	if len(list) == 0 {
		s.words("(nothing)")
	}
	for i, item := range list[:min(len(list), maxItems)] {
		if i > 0 {
			s.words(", ")
		}
		s.code(show(item))
	}
	if more := len(list) - maxItems; more > 0 {
		s.words(" and " + count(int64(more)) + " more")
	}
}

func (s *sentence) between(least, most any, above, below bool) {
	switch {
	case least == nil && most == nil:
		s.words("anything")
	case least != nil && !above && !below && show(least) == show(most):
		s.words("exactly ")
		s.value(least)
	case least != nil && most != nil && !above && !below:
		s.words("between ")
		s.value(least)
		s.words(" and ")
		s.value(most)
	default:
		s.bound(least, above, "above ", "at least ")
		if least != nil && most != nil {
			s.words(" and ")
		}
		s.bound(most, below, "below ", "at most ")
	}
}

func (s *sentence) bound(v any, strict bool, yes, no string) {
	if v == nil {
		return
	}
	if strict {
		no = yes
	}
	s.words(no)
	s.value(v)
}

func (s *sentence) quantiles() {
	for i, q := range quantileRanges(s.kwargs) {
		if i > 0 {
			s.words(", ")
		}
		s.value(q.at)
		s.words(" must be ")
		s.between(q.least, q.most, false, false)
	}
}

// quantile is one of quantile_ranges.
type quantile struct{ at, least, most any }

func quantileRanges(kwargs dq.Object) []quantile {
	object, _ := kwargs.Get("quantile_ranges").(map[string]any) // no object, no quantiles
	at, _ := object["quantiles"].([]any)
	ranges, _ := object["value_ranges"].([]any)
	var out []quantile
	for i := range min(len(at), len(ranges)) {
		if r, ok := ranges[i].([]any); ok && len(r) == 2 {
			out = append(out, quantile{at[i], r[0], r[1]})
		}
	}
	return out
}
