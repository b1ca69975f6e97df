package dq

import (
	"encoding/json"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/stretchr/testify/require"
)

// conditioned are the rows of everyRecord, or of a wide table, that a condition
// selects.
func conditioned(t testing.TB, c condition, rows []map[string]any) []int32 {
	t.Helper()
	_, s := wide(t)
	chunk := build(t, s, rows, 0, 0)
	selected, err := mask(c, len(rows), func(name string) arrow.Array {
		return chunk.Record.Column(chunk.Record.Schema().FieldIndices(name)[0])
	})
	require.NoError(t, err)
	return selected
}

var conditionRows = []map[string]any{
	{"id": "US", "n": 1.0, "x": 0.5, "ok": true},
	{"id": "it's", "n": 5.0, "x": 2.0, "ok": false},
	{"id": nil, "n": nil, "x": nil, "ok": nil},
	{"id": "", "n": -3.0, "x": 5.0, "ok": true},
}

func TestConditionsSelectWhatAPandasQueryWould(t *testing.T) {
	tests := map[string][]int32{
		"n > 1":                               {1},
		"1 < n":                               {1},
		"n >= 1 and x < 1":                    {0},
		"n > 1 or id == 'US'":                 {0, 1},
		"n > 1 | id == 'US'":                  {0, 1},
		"n > 0 & x > 1":                       {1},
		"not n > 1":                           {0, 2, 3},
		"~(n > 1)":                            {0, 2, 3},
		"not not n > 1":                       {1},
		"n != 1":                              {1, 2, 3},
		"n == 1.0":                            {0},
		"-3 <= n < 5":                         {0, 3},
		"0 < x <= 2.0":                        {0, 1},
		"n.isnull()":                          {2},
		"n.notnull() and ok == True":          {0, 3},
		"ok != True":                          {1, 2},
		"ok == 1":                             {0, 3},
		`id == "it's"`:                        {1},
		`id == 'it\'s'`:                       {1},
		"id in ['US', '']":                    {0, 3},
		"id not in ('US')":                    {1, 2, 3},
		"n in [1, -3.0]":                      {0, 3},
		"n == [1, 5]":                         {0, 1},
		"id == ''":                            {3},
		"id > 'V'":                            {1},
		"id == 5":                             {},
		"id != 5":                             {0, 1, 2, 3},
		"`n` > 1":                             {1},
		"col(\"n\") > 1":                      {1},
		"col('n').notNull() and col('x') < 1": {0},
		"n > 1e0":                             {1},
		"(n > 1 or n < 0) and (x > 4)":        {3},
		"n > 1 and x > 1 or id == 'US'":       {0, 1},
	}
	for text, want := range tests {
		t.Run(text, func(t *testing.T) {
			c, err := parseQuery(text)
			require.NoError(t, err)
			require.Equal(t, want, conditioned(t, c, conditionRows))
			again, err := parseQuery(c.text())
			require.NoError(t, err, c.text())
			require.Equal(t, c.text(), again.text())
			require.Equal(t, want, conditioned(t, again, conditionRows), "%s means the same as %s", c.text(), text)
		})
	}
}

func TestConditionsOfGreatExpectations1AreObjects(t *testing.T) {
	tests := map[string][]int32{
		`{"type":"comparison","column":{"name":"n"},"operator":">","parameter":1}`:                                                                                                              {1},
		`{"type":"comparison","column":{"name":"id"},"operator":"IN","parameter":["US",""]}`:                                                                                                    {0, 3},
		`{"type":"comparison","column":{"name":"id"},"operator":"NOT_IN","parameter":["US"]}`:                                                                                                   {1, 2, 3},
		`{"type":"nullity","column":{"name":"x"},"is_null":true}`:                                                                                                                               {2},
		`{"type":"and","conditions":[{"type":"nullity","column":{"name":"x"},"is_null":false},{"type":"comparison","column":{"name":"ok"},"operator":"==","parameter":true}]}`:                  {0, 3},
		`{"type":"or","conditions":[{"type":"comparison","column":{"name":"n"},"operator":"<","parameter":0.5},{"type":"comparison","column":{"name":"id"},"operator":"==","parameter":"US"}]}`: {0, 3},
		`{"type":"pass_through","pass_through_filter":"n > 1"}`:                                                                                                                                 {1},
	}
	for text, want := range tests {
		t.Run(text, func(t *testing.T) {
			var raw any
			require.NoError(t, json.Unmarshal([]byte(text), &raw))
			v, err := jsonValue(raw)
			require.NoError(t, err)
			c, err := parseCondition(v, nil)
			require.NoError(t, err)
			require.Equal(t, want, conditioned(t, c, conditionRows))
		})
	}
}

func TestAConditionThatIsNoneSaysWhy(t *testing.T) {
	for text, want := range map[string]string{
		"":             "empty",
		"n":            "where a comparison was expected",
		"n >":          "where a literal was expected",
		"n > 'a":       "opens a text that doesn't end",
		"n = 1":        "has no meaning in a condition",
		"n > x":        `"x" is no literal`,
		"n > 1 and":    "where a literal was expected",
		"(n > 1":       "where ) was expected",
		"n > 1)":       "was not expected",
		"n.mean() > 1": "n.mean is not supported",
		"n == None":    "write isnull()",
		"n in 5":       "where a list was expected",
		"n in [1":      "where a comma or ] was expected",
		"@x > 1":       "a variable of a program",
		"n > 1 > 2":    "was not expected",
		"`n > 1":       "opens a name that doesn't end",
		"col(n) > 1":   `write col("name")`,
		`id == 'a\q'`:  "has no meaning here",
		nested(60):     "nests deeper",
	} {
		_, err := parseQuery(text)
		require.ErrorContains(t, err, want, text)
	}
	for text, want := range map[string]string{
		`{"type":"what"}`: "a condition's type is what", `{"type":"nullity","column":{"name":"x"}}`: "needs is_null", `{"type":"and"}`: "needs conditions",
		`{"type":"comparison","column":{},"operator":">","parameter":1}`: "needs column", `{"type":"comparison","column":{"name":"n"},"operator":"~","parameter":1}`: "is none of",
		`{"type":"comparison","column":{"name":"n"},"operator":"==","parameter":null}`: "nullity tests for null", `[1]`: "neither a text nor an object",
	} {
		var raw any
		require.NoError(t, json.Unmarshal([]byte(text), &raw))
		_, err := parseCondition(raw, nil)
		require.ErrorContains(t, err, want, text)
	}
	_, err := parseCondition("n > 1", "spark")
	require.ErrorContains(t, err, "write the condition in pandas' syntax")
}

func nested(depth int) string {
	text := "n > 1"
	for range depth {
		text = "(" + text + ")"
	}
	return text
}

func TestAConditionOnAMissingColumnFailsTheExpectation(t *testing.T) {
	_, s := wide(t)
	p, err := Compile(Suite{Name: "s", Expectations: []Expectation{
		{Type: "expect_column_values_to_not_be_null", Kwargs: map[string]any{"column": "id", "row_condition": "gone == 1"}},
		{Type: "expect_column_values_to_not_be_null", Kwargs: map[string]any{"column": "id", "row_condition": "id < 1"}},
	}}, s)
	require.NoError(t, err)
	require.Contains(t, p.Warnings()[0], `column "gone" is not in the schema`)
	doc := p.Results(evaluate(t, p, build(t, s, conditionRows, 0, 0)), Options{})
	require.Contains(t, doc.Results[0].Raised(), "gone")
	require.Contains(t, doc.Results[1].Raised(), "has no order")
}

func FuzzParseQuery(f *testing.F) {
	f.Add("n > 1 and not (id in ['a', \"b\"] or x.isnull())")
	f.Add("`a b` != -1.5e3 | col(\"x\") == True")
	f.Fuzz(func(t *testing.T, text string) {
		c, err := parseQuery(text)
		if err != nil {
			return
		}
		again, err := parseQuery(c.text())
		require.NoError(t, err, "%q was written as %q", text, c.text())
		require.Equal(t, c.text(), again.text())
	})
}

func TestASuiteOfGreatExpectationsIsReadAsItIs(t *testing.T) {
	for _, text := range []string{
		`{"name":"s","id":"1","meta":{"great_expectations_version":"1.24.1"},"notes":null,"expectations":[{"type":"expect_column_values_to_be_between","kwargs":{"column":"n","min_value":1.5,"max_value":10},"meta":{"a":1},"id":"x","severity":"warning","notes":"why","description":"words","rendered_content":null}]}`,
		`{"expectation_suite_name":"s","ge_cloud_id":"1","data_asset_type":null,"meta":{"great_expectations_version":"1.24.1"},"expectations":[{"expectation_type":"expect_column_values_to_be_between","kwargs":{"column":"n","min_value":1.5,"max_value":10},"meta":{"a":1},"id":"x","severity":"warning","notes":"why","description":"words"}]}`,
	} {
		s, err := ParseSuiteJSON([]byte(text))
		require.NoError(t, err)
		require.Equal(t, "s", s.Name)
		e := s.Expectations[0]
		require.Equal(t, []any{"expect_column_values_to_be_between", Warning, "why", "words", "x", 1}, []any{e.Type, e.Severity, e.Notes, e.Description, e.ID, e.Line})
		_, schema := wide(t)
		p, err := Compile(s, schema)
		require.NoError(t, err)
		require.Equal(t, map[string]any{"column": "n", "min_value": 1.5, "max_value": int64(10)}, p.Expectation(0).Kwargs)
	}
}

func TestEveryProblemOfASuiteIsReportedWithItsLine(t *testing.T) {
	_, err := ParseSuiteJSON([]byte("{\"name\": \"s\",\n \"expectations\": [\n  {\"kwargs\": {}},\n  {\"type\": \"x\",\n   \"severity\": \"fatal\"},\n  {\"type\": \"x\", \"type\": \"y\"},\n  {\"type\": 5}\n ]}"))
	for _, want := range []string{"line 3: an expectation without a type", `line 4: severity "fatal"`, `line 6: "type" stands twice`, "line 7: type:"} {
		require.ErrorContains(t, err, want)
	}
	for text, want := range map[string]string{
		"[]": "the suite must be an object", "{": "ends before the suite does", `{"name":"s"}`: "no expectations in it", `{"expectations":{}}`: "must be a list", `{"expectations":[]} x`: "more follows",
		`{"name":"s","expectations":[{"type":"expect_column_max_to_be_between","kwargs":{"column":"n","max_value":{"$PARAMETER":"top"}}}]}`: "",
	} {
		s, err := ParseSuiteJSON([]byte(text))
		if want != "" {
			require.ErrorContains(t, err, want, text)
			continue
		}
		_, schema := wide(t)
		_, err = Compile(s, schema)
		require.ErrorContains(t, err, "suite parameter top has no value here")
	}
}

func FuzzParseSuiteJSON(f *testing.F) {
	f.Add([]byte(`{"name":"s","expectations":[{"type":"expect_column_values_to_be_in_set","kwargs":{"column":"id","value_set":["a",1,null]},"severity":"info"}]}`))
	f.Add([]byte(`{"expectations":[{"type":"expect_column_kl_divergence_to_be_less_than","kwargs":{"column":"n","partition_object":{"bins":[0,1],"weights":[1]},"threshold":0.1}}]}`))
	f.Add([]byte(`{"expectations":[{"type":"expect_column_quantile_values_to_be_between","kwargs":{"column":"n","quantile_ranges":{"quantiles":[0.5],"value_ranges":[[null,1]]}}},{"type":"expect_multicolumn_sum_to_equal","kwargs":{"column_list":["n","x"],"sum_total":1}}]}`))
	_, schema := wide(f)
	rows := build(f, schema, conditionRows, 0, 0)
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := ParseSuiteJSON(b)
		if err != nil {
			return
		}
		p, err := Compile(s, schema)
		if err != nil {
			return
		}
		_, err = json.Marshal(p.Results(evaluate(t, p, rows), Options{Format: Complete}))
		require.NoError(t, err)
	})
}
