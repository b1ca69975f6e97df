package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/autonomous-data-pipeline/adp/dq"
)

const checkedSuite = `{"name":"s","expectations":[
 {"type":"expect_column_values_to_not_be_null","kwargs":{"column":"id"}},
 {"type":"expect_column_values_to_be_between","kwargs":{"column":"age","min_value":0,"max_value":120},"severity":"warning"},
 {"type":"expect_column_values_to_be_unique","kwargs":{"column":"id"}}]}`

// files writes files into a new folder.
func files(t *testing.T, texts map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range texts {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
	return dir
}

func TestCheckSaysWhetherFilesMeetASuite(t *testing.T) {
	dir := files(t, map[string]string{
		"suite.json": checkedSuite, "good.csv": "id,age\na,1\nb,2\n", "bad.csv": "id,age\na,1\na,200\n", "torn.csv": "id,age\na,1,2\n",
		"wrong.json": `{"name":"s","expectations":[{"type":"expect_column_values_to_be_uniq","kwargs":{"column":"id"}}]}`,
		"two.yml":    "business_rules:\n  one: {expectations: [{expectation_type: expect_column_to_exist, column: id}]}\n  two: {expectations: []}\n",
	})
	in := func(name string) string { return filepath.Join(dir, name) }
	page, results := in("quality.html"), in("results.json")
	tests := map[string]struct {
		args []string
		code int
		says string
	}{
		"data that meets it":               {[]string{"--suite", in("suite.json"), "--data", in("good.csv")}, 0, "3 of 3 expectations hold"},
		"data that doesn't":                {[]string{"--suite", in("suite.json"), "--data", in("bad.csv"), "--html", page, "--out", results}, 3, "FAILED   warning   age must be between 0 and 120"},
		"files as arguments":               {[]string{"--suite", in("suite.json"), in("good.csv")}, 0, "3 of 3"},
		"a suite of several":               {[]string{"--suite", in("two.yml"), "--suite-name", "one", in("good.csv")}, 0, "1 of 1"},
		"which suite isn't said":           {[]string{"--suite", in("two.yml"), in("good.csv")}, 2, "has the suites one, two"},
		"a suite that can't be kept":       {[]string{"--suite", in("wrong.json"), in("good.csv")}, 2, `did you mean "expect_column_values_to_be_unique"?`},
		"a suite that isn't there":         {[]string{"--suite", in("no.json"), in("good.csv")}, 2, "no such file"},
		"a file that can't be read":        {[]string{"--suite", in("suite.json"), in("torn.csv")}, 1, "line 2 has 3 cells"},
		"a file that isn't there":          {[]string{"--suite", in("suite.json"), in("no.csv")}, 2, "no such file"},
		"nothing to check":                 {[]string{"--suite", in("suite.json")}, 2, "--data FILE"},
		"a result format that there isn't": {[]string{"--suite", in("suite.json"), in("good.csv"), "--result-format", "ALL"}, 2, "BOOLEAN_ONLY"},
		"a key column that there isn't":    {[]string{"--suite", in("suite.json"), in("good.csv"), "--index-columns", "key"}, 2, `no column "key"`},
		"a page that can't be written":     {[]string{"--suite", in("suite.json"), in("good.csv"), "--html", filepath.Join(dir, "no", "a.html")}, 1, "no such file"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			out, errOut, code := starter(t, nil, append([]string{"check"}, tc.args...)...)
			require.Equal(t, tc.code, code, out+errOut)
			require.Contains(t, out+errOut, tc.says)
		})
	}
	html, err := os.ReadFile(page)
	require.NoError(t, err)
	require.Contains(t, string(html), "Quality of bad.csv")
	b, err := os.ReadFile(results)
	require.NoError(t, err)
	doc, err := dq.ReadDocument(b)
	require.NoError(t, err)
	require.Len(t, doc.Failed(), 2)
}

func TestCheckPrintsTheResultsOfGreatExpectationsFormat(t *testing.T) {
	dir := files(t, map[string]string{"suite.json": checkedSuite, "bad.csv": "id,age\na,1\na,200\n"})
	out, errOut, code := starter(t, nil, "check", "--json", "--result-format", "COMPLETE", "--index-columns", "id", "--suite", filepath.Join(dir, "suite.json"), filepath.Join(dir, "bad.csv"))
	require.Equal(t, 3, code, errOut)
	var doc struct {
		Success bool
		Results []struct {
			Result map[string]any
		}
	}
	require.NoError(t, json.Unmarshal([]byte(out), &doc))
	require.False(t, doc.Success)
	require.Equal(t, []any{map[string]any{"age": 200.0, "id": "a"}}, doc.Results[2].Result["unexpected_index_list"])
	require.Equal(t, "df.filter(items=[1], axis=0)", doc.Results[2].Result["unexpected_index_query"])
}

func TestSuggestedRulesHold(t *testing.T) {
	dir := files(t, map[string]string{"a.csv": "id,plan\n1,free\n2,pro\n3,free\n4,pro\n5,free\n6,free\n7,pro\n8,free\n9,free\n10,pro\n"})
	rules := filepath.Join(dir, "rules.yml")
	out, errOut, code := starter(t, nil, "suggest", filepath.Join(dir, "a.csv"), "--suite-name", "plans", "--out", rules)
	require.Equal(t, 0, code, errOut)
	require.Empty(t, out)
	out, errOut, code = starter(t, nil, "check", "--suite", rules, filepath.Join(dir, "a.csv"))
	require.Equal(t, 0, code, out+errOut)
	require.Contains(t, out, `plan must be one of free, pro`)
	out, errOut, code = starter(t, nil, "suggest", filepath.Join(dir, "a.csv"))
	require.Equal(t, 0, code, errOut)
	require.Contains(t, out, "# 10 values, none twice")
	_, errOut, code = starter(t, nil, "suggest")
	require.Equal(t, 2, code)
	require.Contains(t, errOut, "--data FILE")
}
