package dq

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/autonomous-data-pipeline/adp/pipeline"
	"github.com/autonomous-data-pipeline/adp/schemas"
)

func observed(t testing.TB, first int64) (*Program, *Profile) {
	t.Helper()
	p, s := wide(t)
	prof := p.NewProfile(Gathering{Dir: t.TempDir()})
	prof.Observe(build(t, s, randomRows(rand.New(rand.NewPCG(3, uint64(first))), 40), 0, first), nil)
	return p, prof
}

// The rule would pass otherwise, and nobody would have looked.
func TestUniquenessThatNobodyLookedForFails(t *testing.T) {
	p, prof := observed(t, 0)
	unique := func() Result {
		for _, r := range p.Results(prof, Options{BatchID: "b"}).Results {
			if r.Expectation.Type == "expect_column_values_to_be_unique" {
				return r
			}
		}
		t.Fatal("no result")
		return Result{}
	}
	require.False(t, unique().Success)
	require.Contains(t, unique().Exception[0].Key, "column_values.unique.condition")
	require.NoError(t, prof.Settle())
	require.True(t, unique().Success)
}

func TestAProfileOfAnotherProgramIsRefused(t *testing.T) {
	p, prof := observed(t, 0)
	require.NoError(t, prof.Spill())
	b, err := json.Marshal(prof)
	require.NoError(t, err)
	suites, err := ParseRules([]byte(wideRules))
	require.NoError(t, err)
	typed, err := schemas.Parse(bytes.ReplaceAll([]byte(wideTypes), []byte(`"long"`), []byte(`"int"`)))
	require.NoError(t, err)
	lenient := suites["wide"]
	lenient.Expectations[0].Kwargs["mostly"] = 0.5
	_, s := wide(t)
	for name, other := range map[string]struct {
		suite Suite
		s     *schemas.Schema
	}{"other types": {p.suite, typed}, "other rules": {lenient, s}} {
		o, err := Compile(other.suite, other.s)
		require.NoError(t, err, name)
		_, err = o.Decode(b, "")
		require.ErrorContains(t, err, "another suite, schema or version", name)
		require.Error(t, o.NewProfile(Gathering{}).Merge(prof), name)
	}
	travelled, err := json.Marshal(p.suite)
	require.NoError(t, err)
	var back Suite
	require.NoError(t, json.Unmarshal(travelled, &back))
	same, err := Compile(back, s)
	require.NoError(t, err)
	_, err = same.Decode(b, "")
	require.NoError(t, err, "a suite that travelled as JSON is the same suite")
}

func TestAProfileThatCannotBeIsRefused(t *testing.T) {
	p, prof := observed(t, 0)
	require.NoError(t, prof.Spill())
	whole, err := json.Marshal(prof)
	require.NoError(t, err)
	for name, edit := range map[string]func(w *wire){
		"more nulls than rows":             func(w *wire) { w.Tallies[0].Left = w.Rows[0] + 1 },
		"fewer than no nulls":              func(w *wire) { w.Tallies[0].Left = -1 },
		"more unexpected values than rows": func(w *wire) { w.Tallies[2].Unexpected = w.Rows[0] + 1 },
		"more samples than unexpected":     func(w *wire) { w.Tallies[2].Unexpected = 0 },
	} {
		var w wire
		require.NoError(t, json.Unmarshal(whole, &w))
		edit(&w)
		b, err := json.Marshal(w)
		require.NoError(t, err)
		_, err = p.Decode(b, "")
		require.Equal(t, pipeline.Bug, pipeline.KindOf(err), name)
	}
}

func TestRulesOfAProgramAreTakenAsOfAFile(t *testing.T) {
	_, s := wide(t)
	p, err := Compile(Suite{Name: "s", Expectations: []Expectation{
		{Type: "expect_column_values_to_be_between", Kwargs: map[string]any{"column": "n", "min_value": 3, "max_value": 4.0, "mostly": 1}},
		{Type: "expect_column_values_to_be_in_set", Kwargs: map[string]any{"column": "id", "value_set": []string{"a"}}},
	}}, s)
	require.NoError(t, err)
	require.Equal(t, Critical, p.Expectation(0).Severity, "an expectation without a severity is critical")
	require.True(t, p.Counts(0))
	doc := p.Results(p.NewProfile(Gathering{}), Options{})
	require.Equal(t, Object{{"column", "n"}, {"min_value", Float(3)}, {"max_value", Float(4)}}, doc.Results[0].Expectation.Kwargs)
}

func TestWhatSurelyIsNotMeantIsAWarning(t *testing.T) {
	tests := map[string]struct{ rule, want string }{
		"numbers are no bounds of a text":  {"{type: expect_column_values_to_be_between, column: s, min_value: 1}", `column "s" is of type string: the expectation will always fail`},
		"texts are no bounds of a number":  {"{type: expect_column_values_to_be_between, column: l, min_value: a}", `column "l" is of type long: the expectation will always fail`},
		"a column is misspelt":             {"{type: expect_column_values_to_not_be_null, column: dd}", `did you mean "d"?`},
		"a text column holds no number":    {"{type: expect_column_values_to_be_in_set, column: s, value_set: [a, 5]}", "5 is never found"},
		"a number column holds no text":    {"{type: expect_column_values_to_be_in_set, column: l, value_set: ['5']}", "5 is never found"},
		"a day is no number":               {"{type: expect_column_values_to_be_in_set, column: d, value_set: [5]}", "write an ISO 8601 text"},
		"an empty set refuses everything":  {"{type: expect_column_values_to_be_in_set, column: l, value_set: []}", "value_set is empty"},
		"a row count between nothing":      {"{type: expect_table_row_count_to_be_between}", "it always holds"},
		"a column that isn't there at all": {"{type: expect_column_max_to_be_between, column: nowhere, min_value: 1}", `column "nowhere" is not in the schema`},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			suites, err := ParseRules([]byte("business_rules:\n  s:\n    expectations:\n      - " + tc.rule + "\n"))
			require.NoError(t, err)
			p, err := Compile(suites["s"], every(t))
			require.NoError(t, err)
			require.Len(t, p.Warnings(), 1)
			require.Contains(t, p.Warnings()[0], "line 4: expect_")
			require.Contains(t, p.Warnings()[0], tc.want)
		})
	}
}

func TestWhatCannotBeKeptIsMisconfigured(t *testing.T) {
	tests := map[string]struct{ rule, want string }{
		"what needs a second table says so":     {"{type: expect_table_row_count_to_equal_other_table, other_table_name: l}", "can't be answered by a table alone"},
		"text bounds the wrong way round":       {"{type: expect_column_values_to_be_between, column: s, min_value: b, max_value: a}", "is above max_value"},
		"instants the wrong way round":          {"{type: expect_column_values_to_be_between, column: t, min_value: 2026-01-02T00:00:00+05:00, max_value: 2026-01-01}", "is above max_value"},
		"a bound that is no instant":            {"{type: expect_column_values_to_be_between, column: t, min_value: yesterday}", `min_value: "yesterday" is no date or time`},
		"a number that JSON can't hold":         {"{type: expect_column_values_to_be_between, column: l, min_value: .inf}", "not a finite number"},
		"an atomic group is explained":          {"{type: expect_column_values_to_match_regex, column: s, regex: '(?>a)'}", "write (?:…)"},
		"a negative lookahead has another way":  {"{type: expect_column_values_to_match_regex, column: s, regex: '(?!a)'}", "expect_column_values_to_not_match_regex"},
		"a possessive quantifier is explained":  {"{type: expect_column_values_to_match_regex, column: s, regex: 'a++'}", "leave the last + out"},
		"RE2's end of text is none of Python's": {`{type: expect_column_values_to_match_regex, column: s, regex: 'a\z'}`, `bad escape \z`},
		"a long repetition is explained":        {"{type: expect_column_values_to_match_regex, column: s, regex: 'a{2000}'}", "more than 1000 times"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			suites, err := ParseRules([]byte("business_rules:\n  s:\n    expectations:\n      - " + tc.rule + "\n"))
			require.NoError(t, err)
			_, err = Compile(suites["s"], every(t))
			require.ErrorContains(t, err, tc.want)
			require.ErrorContains(t, err, "line 4")
			require.Equal(t, pipeline.Misconfigured, pipeline.KindOf(err))
		})
	}
}

func TestNothingOfARulesFileIsLostInSilence(t *testing.T) {
	const head = "business_rules:\n  s:\n    expectations:\n"
	tests := map[string]struct{ text, want string }{
		"a second document":                {head + "      - {type: x, column: a}\n---\nbusiness_rules: {}\n", "a second YAML document"},
		"an argument in two places":        {head + "      - {type: x, column: a, kwargs: {column: b}}\n", "both beside the type and in kwargs"},
		"a key that is no text":            {head + "      - {type: x, [a]: b}\n", "is no text"},
		"an empty file":                    {"", "the file is empty"},
		"a comment alone":                  {"# nothing\n", "the file is empty"},
		"an alias of what it stands in":    {"business_rules: &all\n  s: *all\n", `unknown key "s"`},
		"arguments that contain their own": {head + "      - &e {type: x, kwargs: *e}\n", "kwargs"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := ParseRules([]byte(tc.text))
			require.ErrorContains(t, err, tc.want)
			require.Equal(t, pipeline.Misconfigured, pipeline.KindOf(err))
		})
	}
}

func TestRulesMayShareByAlias(t *testing.T) {
	suites, err := ParseRules([]byte("business_rules:\n  a: &rules\n    expectations:\n      - {type: x, column: c, value_set: &set [1]}\n      - {type: y, value_set: *set}\n  b: *rules\n"))
	require.NoError(t, err)
	require.Equal(t, suites["a"].Expectations, suites["b"].Expectations)
	require.Equal(t, []any{int64(1)}, suites["b"].Expectations[1].Kwargs["value_set"])
}

func TestADocumentIsWrittenAsItWasRead(t *testing.T) {
	for _, name := range []string{"golden_SUMMARY.json", "golden_COMPLETE.json", "edges_SUMMARY.json"} {
		b, err := os.ReadFile("testdata/" + name)
		require.NoError(t, err)
		doc, err := ReadDocument(b)
		require.NoError(t, err)
		back, err := json.Marshal(doc)
		require.NoError(t, err)
		require.JSONEq(t, string(b), string(back), name)
	}
}

func FuzzReadDocument(f *testing.F) {
	f.Add([]byte(`{"results":[{"success":false,"expectation_config":{"type":"x","kwargs":{"column":"c"}},"result":{"unexpected_percent":8.5}}]}`))
	f.Add([]byte(`{"run_results":{"k":{"validation_result":{"results":[{"expectation_config":{"expectation_type":"x"},"result":{"unexpected_percent":"8"}}]}}}}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		doc, err := ReadDocument(b)
		if err != nil {
			require.Equal(t, pipeline.BadData, pipeline.KindOf(err))
			return
		}
		for _, failed := range doc.Failed() {
			if failed.Type == "" || !(failed.UnexpectedPercent >= 0 && failed.UnexpectedPercent <= 100) {
				t.Fatalf("%+v can't be decided on", failed)
			}
		}
		_, err = json.Marshal(doc)
		require.NoError(t, err)
	})
}
