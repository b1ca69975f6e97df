package dq

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// greatExpectations are all the expectations of Great Expectations 1.24.1.
var greatExpectations = strings.Fields(`
expect_column_distinct_values_to_be_in_set
expect_column_distinct_values_to_contain_set
expect_column_distinct_values_to_equal_set
expect_column_kl_divergence_to_be_less_than
expect_column_max_to_be_between
expect_column_mean_to_be_between
expect_column_median_to_be_between
expect_column_min_to_be_between
expect_column_most_common_value_to_be_in_set
expect_column_pair_values_a_to_be_greater_than_b
expect_column_pair_values_to_be_equal
expect_column_pair_values_to_be_in_set
expect_column_proportion_of_non_null_values_to_be_between
expect_column_proportion_of_unique_values_to_be_between
expect_column_quantile_values_to_be_between
expect_column_stdev_to_be_between
expect_column_sum_to_be_between
expect_column_to_exist
expect_column_type_to_be
expect_column_unique_value_count_to_be_between
expect_column_value_lengths_to_be_between
expect_column_value_lengths_to_equal
expect_column_value_z_scores_to_be_less_than
expect_column_values_to_be_between
expect_column_values_to_be_dateutil_parseable
expect_column_values_to_be_decreasing
expect_column_values_to_be_in_set
expect_column_values_to_be_in_type_list
expect_column_values_to_be_increasing
expect_column_values_to_be_json_parseable
expect_column_values_to_be_null
expect_column_values_to_be_of_type
expect_column_values_to_be_unique
expect_column_values_to_match_json_schema
expect_column_values_to_match_like_pattern
expect_column_values_to_match_like_pattern_list
expect_column_values_to_match_regex
expect_column_values_to_match_regex_list
expect_column_values_to_match_strftime_format
expect_column_values_to_not_be_in_set
expect_column_values_to_not_be_null
expect_column_values_to_not_be_outliers
expect_column_values_to_not_match_like_pattern
expect_column_values_to_not_match_like_pattern_list
expect_column_values_to_not_match_regex
expect_column_values_to_not_match_regex_list
expect_compound_columns_to_be_unique
expect_multicolumn_sum_to_equal
expect_multicolumn_values_to_be_equal
expect_query_results_to_match_comparison
expect_select_column_values_to_be_unique_within_record
expect_table_column_count_to_be_between
expect_table_column_count_to_equal
expect_table_columns_to_match_ordered_list
expect_table_columns_to_match_set
expect_table_row_count_to_be_between
expect_table_row_count_to_equal
expect_table_row_count_to_equal_other_table
unexpected_rows_expectation
`)

// beyond are the types that a table alone can't answer, and what to do instead.
var beyond = map[string]string{
	"expect_table_row_count_to_equal_other_table": "it needs a second table: write the number with expect_table_row_count_to_equal",
	"expect_query_results_to_match_comparison":    "it needs two SQL databases: compare there, and check what comes here",
	"unexpected_rows_expectation":                 "it is a SQL query: write the rule with an expectation and a row_condition",
}

// unknownType says what to write instead of a type that isn't registered.
func unknownType(name string) error {
	if why, ok := beyond[name]; ok {
		return fmt.Errorf("expectation %q can't be answered by a table alone: %s", name, why)
	}
	known := slices.Sorted(maps.Keys(registry))
	hint := nearest(name, known)
	switch {
	case slices.Contains(greatExpectations, name):
		return fmt.Errorf("expectation %q is one of Great Expectations', but not supported here yet%s", name, hint)
	case hint != "":
		return fmt.Errorf("unknown expectation %q%s", name, hint)
	}
	if theirs := nearest(name, greatExpectations); theirs != "" {
		return fmt.Errorf("unknown expectation %q%s (which is not supported here yet)", name, theirs)
	}
	return fmt.Errorf("unknown expectation %q; supported are: %s", name, strings.Join(known, ", "))
}

// Types lists the expectation types that are evaluated.
func Types() []string { return slices.Sorted(maps.Keys(registry)) }
