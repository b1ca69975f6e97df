package check

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/autonomous-data-pipeline/adp/dq"
	"github.com/autonomous-data-pipeline/adp/dq/tabular"
	"github.com/autonomous-data-pipeline/adp/pipeline"
)

// customers are so many rows, of which every hundredth has another's ID.
func customers(t testing.TB, rows int) *tabular.Table {
	t.Helper()
	var b strings.Builder
	b.WriteString("id,n,x\n")
	for i := range rows {
		id := i
		if i%100 == 99 {
			id = i - 1
		}
		fmt.Fprintf(&b, "c%d,%d,%d.5\n", id, i, i%1000)
	}
	path := filepath.Join(t.TempDir(), "customers.csv")
	require.NoError(t, os.WriteFile(path, []byte(b.String()), 0o600))
	table, err := tabular.Open([]string{path})
	require.NoError(t, err)
	return table
}

var suite = dq.Suite{Name: "s", Expectations: []dq.Expectation{
	{Type: "expect_column_values_to_be_unique", Kwargs: map[string]any{"column": "id"}},
	{Type: "expect_column_values_to_be_increasing", Kwargs: map[string]any{"column": "n", "strictly": true}},
	{Type: "expect_column_median_to_be_between", Kwargs: map[string]any{"column": "x", "min_value": 0}},
	{Type: "expect_column_values_to_not_be_outliers", Kwargs: map[string]any{"column": "x"}},
	{Type: "expect_column_value_z_scores_to_be_less_than", Kwargs: map[string]any{"column": "x", "threshold": 1.7, "double_sided": true}},
}}

func result(t testing.TB, doc dq.Document, typ string) dq.Result {
	t.Helper()
	for _, r := range doc.Results {
		if r.Expectation.Type == typ {
			return r
		}
	}
	t.Fatalf("there is no result of %s", typ)
	return dq.Result{}
}

func TestWhatDoesNotFitIntoMemoryIsExactAllTheSame(t *testing.T) {
	const rows = 60_000
	table := customers(t, rows)
	var documents []dq.Document
	for _, memory := range []int64{0, 64 << 10} {
		dir := t.TempDir()
		doc, err := Run(context.Background(), suite, table, Options{Format: dq.Complete, Dir: dir, Memory: memory, IndexColumns: []string{"n"}})
		require.NoError(t, err)
		spilled, err := filepath.Glob(filepath.Join(dir, "*"))
		require.NoError(t, err)
		require.Equal(t, memory > 0, len(spilled) > 5, "%d files for %d bytes of memory", len(spilled), memory)
		documents = append(documents, doc)
	}
	require.Equal(t, documents[0], documents[1])
	unique := result(t, documents[0], "expect_column_values_to_be_unique")
	require.EqualValues(t, rows/100*2, unique.Result.Get("unexpected_count"))
	require.Equal(t, dq.Object{{Key: "id", Value: "c98"}, {Key: "n", Value: int64(98)}}, unique.Result.Get("unexpected_index_list").([]any)[0])
	require.Len(t, unique.Result.Get("unexpected_index_list"), rows/100*2, "all of them")
	require.Len(t, unique.Result.Get("unexpected_list"), 200, "as many as Great Expectations gives")
	require.Equal(t, dq.Float(500), result(t, documents[0], "expect_column_median_to_be_between").Result.Get("observed_value"))
	require.True(t, result(t, documents[0], "expect_column_values_to_be_increasing").Success, "over the borders of chunks")
	require.EqualValues(t, rows/1000*18, result(t, documents[0], "expect_column_value_z_scores_to_be_less_than").Result.Get("unexpected_count"))
}

func TestWhatCannotBeCheckedSaysWhy(t *testing.T) {
	table := customers(t, 10)
	_, err := Run(context.Background(), suite, table, Options{IndexColumns: []string{"gone"}})
	require.ErrorContains(t, err, `no column "gone"`)
	_, err = Run(context.Background(), dq.Suite{Expectations: []dq.Expectation{{Type: "expect_nothing"}}}, table, Options{})
	require.Equal(t, pipeline.Misconfigured, pipeline.KindOf(err))
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, err = Run(ctx, suite, table, Options{})
	require.ErrorIs(t, err, context.Canceled)
}
