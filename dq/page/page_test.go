package page_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/autonomous-data-pipeline/adp/dq"
	"github.com/autonomous-data-pipeline/adp/dq/page"
)

// Names and values of data that would be markup, if anybody took them for it.
const hostile = `</style><script>document.title='owned'</script><img src=x onerror="document.title='owned'">"'{{.}}` + "\u202e"

func golden(t testing.TB, name string) dq.Document {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("..", "testdata", name))
	require.NoError(t, err)
	doc, err := dq.ReadDocument(b)
	require.NoError(t, err)
	return doc
}

func written(t testing.TB, doc dq.Document, columns []page.Column) string {
	t.Helper()
	var b bytes.Buffer
	require.NoError(t, page.Write(&b, doc, columns, "Quality of customers"))
	return b.String()
}

var (
	tags   = regexp.MustCompile(`<[^>]*>`)
	spaces = regexp.MustCompile(`\s+`)
)

// visible is the page's text.
func visible(html string) string {
	_, body, _ := strings.Cut(html, "<body>")
	return spaces.ReplaceAllString(tags.ReplaceAllString(body, ""), " ")
}

func TestEveryGoldenDocumentHasAPage(t *testing.T) {
	for _, name := range []string{
		"golden_BOOLEAN_ONLY.json", "golden_BASIC.json", "golden_SUMMARY.json", "golden_COMPLETE.json",
		"edges_BASIC.json", "edges_SUMMARY.json", "edges_COMPLETE.json",
	} {
		t.Run(name, func(t *testing.T) {
			doc := golden(t, name)
			text := written(t, doc, nil)
			require.Equal(t, doc.Statistics.Unsuccessful, strings.Count(text, `<article class="card failing`))
			require.Equal(t, doc.Statistics.Successful, strings.Count(text, `>Met:</span>`))
			require.NotContains(t, text, "ZgotmplZ", "the template refused a value")
			require.Contains(t, visible(text), "Failed")
		})
	}
}

func TestAResultShowsWhatIsKnown(t *testing.T) {
	text := visible(written(t, golden(t, "golden_SUMMARY.json"), nil))
	tests := map[string]string{
		"the verdict":                    "20 of 64 expectations are met (31.25%) 43 critical 1 warning",
		"where the data is from":         "Datacustomers",
		"how many rows":                  "Rows12",
		"counts and what is null":        "Unexpected2 of 11 values (18.18%)Null, not judged1 of 12 rows (8.33%)",
		"a value with its rows":          "c-322, 3",
		"an exception":                   "It could not be evaluated. No provider found for column_values.match_like_pattern",
		"an exception below a metric":    `Error: The column &#34;missing_column&#34; in BatchData does not exist.`,
		"an observed value":              "The largest value of age must be at most 120 Observed121",
		"a column out of its place":      "PositionExpectedFound 9zb",
		"columns too many and too few":   "Missingz Not expectedb",
		"values too many in a set":       "must all be among free, basic, pro Unexpectedgold",
		"values too few in a set":        "must include free, enterprise Missingenterprise",
		"pairs by their columns' names":  "a = 3, b = 4",
		"a value that is null in a pair": "a = null, b = 11",
		"what a passing one has seen":    "must not be null, for at least 90% of the values1 of 12 unexpected (8.33%)",
		"a null is no text":              "null16",
	}
	for name, want := range tests {
		t.Run(name, func(t *testing.T) { require.Contains(t, text, want) })
	}
}

func TestOneDocumentHasOnePageAsEvaluatedAndAsReadBack(t *testing.T) {
	percent := dq.Float(50)
	doc := dq.Document{SuiteName: "s", Statistics: dq.Statistics{Evaluated: 2, Successful: 1, Unsuccessful: 1, Percent: &percent}, Results: []dq.Result{
		{
			Expectation: dq.Configured{Type: "expect_column_values_to_be_between", Severity: dq.Warning, Notes: []string{"of people"}, Kwargs: dq.Object{{Key: "column", Value: "age"}, {Key: "min_value", Value: dq.Float(0)}, {Key: "mostly", Value: dq.Float(0.9)}}},
			Result: dq.Object{
				{Key: "element_count", Value: int64(10)}, {Key: "unexpected_count", Value: int64(2)}, {Key: "unexpected_percent", Value: dq.Float(25)},
				{Key: "partial_unexpected_list", Value: []any{int64(-1), int64(-2)}}, {Key: "missing_count", Value: int64(2)},
				{Key: "unexpected_index_column_names", Value: []string{"_partition", "_offset"}},
				{Key: "partial_unexpected_counts", Value: []dq.Object{{{Key: "value", Value: int64(-1)}, {Key: "count", Value: 1}}}},
				{Key: "partial_unexpected_index_list", Value: []any{
					dq.Object{{Key: "age", Value: int64(-1)}, {Key: "_partition", Value: int32(3)}, {Key: "_offset", Value: int64(17)}},
					dq.Object{{Key: "age", Value: int64(-2)}, {Key: "_partition", Value: int32(0)}, {Key: "_offset", Value: int64(4)}},
				}},
			},
			Exception: dq.Object{{Key: "raised_exception", Value: false}},
		},
		{Success: true, Expectation: dq.Configured{Type: "expect_table_row_count_to_equal", Kwargs: dq.Object{{Key: "value", Value: int64(10)}}}, Result: dq.Object{{Key: "observed_value", Value: int64(10)}}},
	}}
	doc.Meta = dq.Object{
		{Key: "run_id", Value: dq.Object{{Key: "run_name", Value: "run-1"}, {Key: "run_time", Value: "2026-11-22T23:23:54.786288+00:00"}}}, {Key: "batch_id", Value: "b-1"},
	}
	b, err := json.Marshal(doc)
	require.NoError(t, err)
	back, err := dq.ReadDocument(b)
	require.NoError(t, err)
	text := written(t, doc, nil)
	require.Equal(t, text, written(t, back, nil))
	require.Contains(t, visible(text), "Unexpected2 of 8 values (25%)Null, not judged2 of 10 rows (20%)Allowedat most 10%")
	require.Contains(t, visible(text), "ValueTimesRecords (partition:offset) -113:17 -210:4")
	require.Contains(t, visible(text), "of people")
	require.Contains(t, visible(text), "SuitesDatab-1Rows10Runrun-1Validated2026-11-22 23:23:54 UTC")
}

func TestTheWorstComesFirst(t *testing.T) {
	var doc dq.Document
	for _, s := range []dq.Severity{dq.Info, "", dq.Warning, "odd", dq.Critical} {
		doc.Results = append(doc.Results, dq.Result{Expectation: dq.Configured{Type: "expect_" + string(s), Severity: s}})
	}
	text := visible(written(t, doc, nil))
	require.Contains(t, text, "2 critical 1 warning 1 info 1 odd")
	at := 0
	for _, want := range []string{"✕ critical expect ", "✕ critical expect critical", "✕ warning", "✕ info", "✕ odd"} {
		i := strings.Index(text[at:], want)
		require.GreaterOrEqual(t, i, 0, want)
		at += i + 1
	}
}

func TestVerdicts(t *testing.T) {
	met, notMet := dq.Result{Success: true}, dq.Result{}
	tests := map[string]struct {
		doc  dq.Document
		want string
	}{
		"all met passes":                            {dq.Document{Success: true, Results: []dq.Result{met}}, "✓ Passed 1 of 1 expectation is met (100%)"},
		"one not met fails":                         {dq.Document{Results: []dq.Result{met, notMet}}, "✕ Failed 1 of 2 expectations are met (50%)"},
		"a result that isn't met is never a pass":   {dq.Document{Success: true, Results: []dq.Result{notMet}}, "✕ Failed 0 of 1"},
		"a document that says it failed has failed": {dq.Document{Results: []dq.Result{met}}, "✕ Failed 1 of 1"},
		"nothing checked is said to be so":          {dq.Document{Success: true}, "– Nothing was checked"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) { require.Contains(t, visible(written(t, tc.doc, nil)), tc.want) })
	}
}

func TestHostileDataIsText(t *testing.T) {
	doc := golden(t, "golden_COMPLETE.json")
	doc.SuiteName = hostile
	for i := range doc.Results {
		r := &doc.Results[i]
		r.Expectation.Type += hostile
		r.Expectation.Severity = hostile
		r.Expectation.Notes = hostile
		r.Expectation.Kwargs = dq.Object{{Key: "column", Value: hostile}, {Key: hostile, Value: []any{hostile}}}
		r.Result = append(r.Result, dq.Field{Key: "observed_value", Value: hostile})
		r.Exception = dq.Object{{Key: hostile, Value: map[string]any{"raised_exception": true, "exception_message": hostile}}}
	}
	columns := []page.Column{{Name: hostile, Type: "string", Rows: 2, Seen: 2, Distinct: 2, Picture: page.Frequent, Facts: []page.Fact{{Name: hostile, Value: hostile}}, Bars: []page.Bar{{From: hostile, Count: 1}}}}
	var b bytes.Buffer
	require.NoError(t, page.Write(&b, doc, columns, hostile))
	text := b.String()
	require.NotContains(t, text, "<script")
	require.NotContains(t, text, "<img")
	require.NotContains(t, text, "ZgotmplZ")
	require.Equal(t, 1, strings.Count(text, "</style>"))
}

func TestThePageNeedsNothingElse(t *testing.T) {
	text := written(t, golden(t, "golden_SUMMARY.json"), nil)
	for _, m := range regexp.MustCompile(`(?:src|href)="([^"]*)"|url\(([^)]*)\)|@import`).FindAllStringSubmatch(text, -1) {
		require.Regexp(t, `^(#[a-z]+|data:,)$`, m[1], m[0])
	}
	require.NotContains(t, text, "<script")
}

func TestLongListsAreCut(t *testing.T) {
	values, places := make([]any, 200), make([]any, 100_000)
	for i := range values {
		values[i] = strings.Repeat("x", 1000) + string(rune('a'+i%26)) + string(rune('a'+i/26))
	}
	for i := range places {
		places[i] = int64(i)
	}
	doc := dq.Document{Results: []dq.Result{{
		Expectation: dq.Configured{Type: "expect_column_values_to_be_null", Kwargs: dq.Object{{Key: "column", Value: "a"}}},
		Result: dq.Object{
			{Key: "element_count", Value: 100_000}, {Key: "unexpected_count", Value: 100_000},
			{Key: "unexpected_list", Value: values}, {Key: "unexpected_index_list", Value: places},
		},
	}}}
	text := written(t, doc, nil)
	require.Less(t, len(text), 60_000)
	require.Contains(t, visible(text), "The first 200 of 100,000 unexpected values")
	require.Contains(t, visible(text), "(1,002 characters)")
}

func TestPlacesOfValuesLeftOut(t *testing.T) {
	doc := dq.Document{Results: []dq.Result{{
		Expectation: dq.Configured{Type: "expect_column_values_to_be_null", Kwargs: dq.Object{{Key: "column", Value: "a"}}},
		Result: dq.Object{
			{Key: "element_count", Value: 3}, {Key: "unexpected_count", Value: 2}, {Key: "unexpected_index_column_names", Value: []string{"k", "l"}},
			{Key: "unexpected_index_list", Value: []any{map[string]any{"k": "x", "l": 7}, map[string]any{"k": "y", "l": nil}}},
		},
	}}}
	require.Contains(t, visible(written(t, doc, nil)), "k, l(x, 7), (y, null)")
}

func TestWhatCannotBeWrittenIsSaid(t *testing.T) {
	require.ErrorContains(t, page.Write(closed{}, dq.Document{}, nil, "t"), "write the page of quality results: the disk is full")
	doc := dq.Document{Results: []dq.Result{{Result: dq.Object{{Key: "observed_value", Value: math.Inf(1)}}}}}
	require.ErrorContains(t, page.Write(&bytes.Buffer{}, doc, nil, "t"), "read the document as its JSON has it")
}

type closed struct{}

func (closed) Write([]byte) (int, error) { return 0, errors.New("the disk is full") }

// The page and the console are one family.
func TestColoursAreTheConsoles(t *testing.T) {
	ours, err := os.ReadFile("page.css")
	require.NoError(t, err)
	theirs, err := os.ReadFile("../../console/pages/static/console.css")
	require.NoError(t, err)
	token := regexp.MustCompile(`--[a-z-]+: [^;]+;`)
	found := token.FindAllString(string(ours), -1)
	require.NotEmpty(t, found)
	for _, definition := range found {
		require.Contains(t, string(theirs), definition)
	}
}

// What was read as a document is written as a page, whatever is in it.
func FuzzWrite(f *testing.F) {
	f.Add([]byte(`{"results":[{"expectation_config":{"type":"expect_column_quantile_values_to_be_between","kwargs":{"column":1,"column_list":[1,"a"],"quantile_ranges":{"quantiles":[1],"value_ranges":[[1]]}}},"result":{"details":{"mismatched":[1],"observed_partition":{"weights":[1],"bins":[1]}},"element_count":1,"unexpected_count":1,"partial_unexpected_list":[[1]],"unexpected_index_column_names":["k"],"partial_unexpected_index_list":[{"k":1}]}}]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		doc, err := dq.ReadDocument(b)
		if err != nil {
			return
		}
		var out bytes.Buffer
		require.NoError(t, page.Write(&out, doc, nil, "t"))
		require.NotContains(t, out.String(), "<script")
	})
}
