package dq

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/autonomous-data-pipeline/adp/pipeline"
	"github.com/autonomous-data-pipeline/adp/schemas"
)

const wideTypes = `{"type":"record","name":"t","fields":[
 {"name":"id","type":["null","string"]},{"name":"n","type":["null","long"]},{"name":"x","type":["null","double"]},{"name":"ok","type":["null","boolean"]}]}`

const wideRules = `
business_rules:
  wide:
    expectations:
      - {expectation_type: expect_column_values_to_not_be_null, column: id, mostly: 0.9}
      - {expectation_type: expect_column_values_to_be_unique, column: id}
      - {expectation_type: expect_column_values_to_match_regex, column: id, regex: '^v[0-9]+$', severity: warning}
      - {expectation_type: expect_column_values_to_be_between, column: n, min_value: 3}
      - {expectation_type: expect_column_values_to_be_between, column: x, max_value: 0.5, strict_max: true, severity: info}
      - {expectation_type: expect_column_values_to_be_in_set, column: ok, value_set: [true]}
      - {expectation_type: expect_column_value_lengths_to_be_between, column: id, max_value: 3}
      - {expectation_type: expect_table_row_count_to_be_between, min_value: 1}
`

func wide(t testing.TB) (*Program, *schemas.Schema) {
	t.Helper()
	s, err := schemas.Parse([]byte(wideTypes))
	require.NoError(t, err)
	suites, err := ParseRules([]byte(wideRules))
	require.NoError(t, err)
	p, err := Compile(suites["wide"], s)
	require.NoError(t, err)
	return p, s
}

func randomRows(r *rand.Rand, n int) []map[string]any {
	maybe := func(v any) any {
		if r.IntN(8) == 0 {
			return nil
		}
		return v
	}
	rows := make([]map[string]any, n)
	for i := range rows {
		id := fmt.Sprintf("v%d", r.IntN(2*n+1))
		if r.IntN(10) == 0 {
			id = "é" + id
		}
		rows[i] = map[string]any{"id": maybe(id), "n": maybe(float64(r.IntN(10))), "x": maybe(r.Float64()), "ok": maybe(r.IntN(3) > 0)}
	}
	return rows
}

func TestFindingsComeByRowAndLeaveUniquenessOut(t *testing.T) {
	p, s := wide(t)
	c := build(t, s, []map[string]any{
		{"id": "v1", "n": 5.0, "x": 0.1, "ok": true},
		{"id": "v1", "n": 1.0, "x": 0.5, "ok": false},
		{"id": nil, "n": nil, "x": nil, "ok": nil},
	}, 3, 100)
	got := p.NewProfile(Gathering{}).Observe(c, []Finding{{Row: 9, Expectation: 9}})
	require.Equal(t, []Finding{{9, 9}, {1, 3}, {1, 4}, {1, 5}, {2, 0}}, got)
	require.True(t, p.Counts(3))
	require.False(t, p.Counts(4), "severity info makes no failing record")
	require.False(t, p.Counts(7), "a table expectation makes no failing record")
	require.Equal(t, pipeline.Reason{Code: "expect_column_values_to_be_between", Field: "n", Detail: "must be at least 3"}, p.Reason(3))
}

func TestEveryProblemOfARulesFileIsReportedWithItsLine(t *testing.T) {
	_, err := ParseRules([]byte("business_rules:\n  s:\n    expectation: []\n    expectations:\n      - column: id\n      - expectation_type: x\n        severity: fatal\nother: 1\n"))
	for _, want := range []string{`line 3: unknown key "expectation"`, "line 5: an expectation without", `line 6: severity "fatal"`, `line 8: unknown key "other"`} {
		require.ErrorContains(t, err, want)
	}
}

func TestAnExpectationThatCannotBeKeptIsRefused(t *testing.T) {
	s, err := schemas.Parse([]byte(wideTypes))
	require.NoError(t, err)
	tests := map[string]struct{ rule, want string }{
		"an unknown type names the nearest":     {"expectation_type: expect_column_values_to_be_uniq\n        column: id", `did you mean "expect_column_values_to_be_unique"`},
		"an unknown argument names the nearest": {"expectation_type: expect_column_values_to_be_between\n        column: n\n        min_valu: 3\n        max_value: 4", `did you mean "min_value"`},
		"lookaround is explained":               {"expectation_type: expect_column_values_to_match_regex\n        column: id\n        regex: '(?=x)'", "there is no lookaround here"},
		"a backreference is explained":          {"expectation_type: expect_column_values_to_match_regex\n        column: id\n        regex: '(x)\\1'", "there are no backreferences here"},
		"an unclosed group is reported":         {"expectation_type: expect_column_values_to_match_regex\n        column: id\n        regex: '(x'", "missing closing )"},
		"no bounds are nothing to compare with": {"expectation_type: expect_column_values_to_be_between\n        column: n", "both absent"},
		"bounds the wrong way round":            {"expectation_type: expect_column_values_to_be_between\n        column: n\n        min_value: 5\n        max_value: 4", "is above max_value"},
		"a set that is no list":                 {"expectation_type: expect_column_values_to_be_in_set\n        column: id\n        value_set: US", "value_set must be a list"},
		"mostly beyond 1":                       {"expectation_type: expect_column_values_to_not_be_null\n        column: id\n        mostly: 90", "mostly is 90"},
		"no column":                             {"expectation_type: expect_column_values_to_not_be_null", "column must be a text"},
		"a condition that is none":              {"expectation_type: expect_column_values_to_not_be_null\n        column: id\n        row_condition: 'n >'", "stands where"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			suites, err := ParseRules([]byte("business_rules:\n  s:\n    expectations:\n      - " + tc.rule + "\n"))
			require.NoError(t, err)
			_, err = Compile(suites["s"], s)
			require.ErrorContains(t, err, tc.want)
			require.ErrorContains(t, err, "line 4")
		})
	}
}

func TestAMissingColumnIsAFailedResultAndAWarning(t *testing.T) {
	s, err := schemas.Parse([]byte(wideTypes))
	require.NoError(t, err)
	p, err := Compile(Suite{Name: "s", Expectations: []Expectation{
		{Type: "expect_column_values_to_not_be_null", Kwargs: map[string]any{"column": "nope"}, Severity: Critical},
	}}, s)
	require.NoError(t, err)
	require.Len(t, p.Warnings(), 1)
	doc := p.Results(p.NewProfile(Gathering{}), Options{})
	require.False(t, doc.Success)
	require.Equal(t, []FailedResult{{Type: "expect_column_values_to_not_be_null", Column: "nope", Severity: Critical, RowLevel: true}}, doc.Failed())
}

func TestAnEmptyTablePassesMapExpectations(t *testing.T) {
	p, s := wide(t)
	doc := p.Results(evaluate(t, p, build(t, s, nil, 0, 0)), Options{})
	for _, r := range doc.Results {
		if rowLevel(r) {
			require.True(t, r.Success, r.Expectation.Type)
			require.Nil(t, r.Result.Get("unexpected_percent"))
		}
	}
}

func TestTheCustomersRulesCompile(t *testing.T) {
	rules, err := os.ReadFile("dq_rules.yml")
	require.NoError(t, err)
	suites, err := ParseRules(rules)
	require.NoError(t, err)
	avro, err := os.ReadFile("../schemas/customers.avsc")
	require.NoError(t, err)
	s, err := schemas.Parse(avro)
	require.NoError(t, err)
	p, err := Compile(suites["customer_data_quality"], s)
	require.NoError(t, err)
	require.Empty(t, p.Warnings())
}

func TestDocumentsOfOlderAndNestedForms(t *testing.T) {
	tests := map[string]string{
		"version 0.x":         `{"results":[{"success":false,"expectation_config":{"expectation_type":"expect_column_values_to_not_be_null","kwargs":{"column":"id"}},"result":{"unexpected_percent":8.0}}]}`,
		"a checkpoint of 0.x": `{"run_results":{"k":{"validation_result":{"results":[{"success":false,"expectation_config":{"expectation_type":"expect_column_values_to_not_be_null","kwargs":{"column":"id"}},"result":{"unexpected_percent":8.0}}]}}}}`,
		"a checkpoint of 1.x": `{"run_results":{"k":{"results":[{"success":false,"expectation_config":{"type":"expect_column_values_to_not_be_null","kwargs":{"column":"id"},"severity":"critical"},"result":{"unexpected_percent":8.0}}]}}}`,
	}
	for name, text := range tests {
		t.Run(name, func(t *testing.T) {
			doc, err := ReadDocument([]byte(text))
			require.NoError(t, err)
			require.Equal(t, []FailedResult{{Type: "expect_column_values_to_not_be_null", Column: "id", Severity: Critical, RowLevel: true, UnexpectedPercent: 8}}, doc.Failed())
		})
	}
	for name, text := range map[string]string{
		"no JSON": "<html>", "not results": `{"a":1}`, "an impossible percentage": `{"results":[{"expectation_config":{"type":"x"},"result":{"unexpected_percent":800}}]}`,
	} {
		_, err := ReadDocument([]byte(text))
		require.Equal(t, pipeline.BadData, pipeline.KindOf(err), name)
	}
}

func FuzzParseRules(f *testing.F) {
	f.Add([]byte(wideRules))
	f.Add([]byte("business_rules: {s: {expectations: [{expectation_type: x, kwargs: {column: [1, {a: b}]}}]}}"))
	s, err := schemas.Parse([]byte(wideTypes))
	require.NoError(f, err)
	f.Fuzz(func(t *testing.T, b []byte) {
		suites, err := ParseRules(b)
		if err != nil {
			return
		}
		for _, suite := range suites {
			p, err := Compile(suite, s)
			if err != nil {
				continue
			}
			_, err = json.Marshal(p.Results(p.NewProfile(Gathering{}), Options{}))
			require.NoError(t, err)
		}
	})
}
