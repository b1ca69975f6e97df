package suggest

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/autonomous-data-pipeline/adp/dq"
	"github.com/autonomous-data-pipeline/adp/dq/check"
	"github.com/autonomous-data-pipeline/adp/dq/tabular"
)

func tableOf(t testing.TB, rows []map[string]any) *tabular.Table {
	t.Helper()
	path := filepath.Join(t.TempDir(), "a.ndjson")
	f, err := os.Create(path)
	require.NoError(t, err)
	for _, r := range rows {
		require.NoError(t, json.NewEncoder(f).Encode(r))
	}
	require.NoError(t, f.Close())
	table, err := tabular.Open([]string{path})
	require.NoError(t, err)
	return table
}

// suggested gives the rules, which must compile and hold on their own data.
func suggested(t testing.TB, table *tabular.Table) string {
	t.Helper()
	b, err := Suggest(context.Background(), table, "s", t.TempDir(), 1<<20)
	require.NoError(t, err)
	again, err := Suggest(context.Background(), table, "s", t.TempDir(), 2000)
	require.NoError(t, err)
	require.Equal(t, string(b), string(again), "the same data gives the same file")
	suites, err := dq.ParseRules(b)
	require.NoError(t, err, "%s", b)
	prog, err := dq.Compile(suites["s"], table.Schema())
	require.NoError(t, err, "%s", b)
	require.Empty(t, prog.Warnings(), "%s", b)
	doc, err := check.Evaluate(context.Background(), prog, table, check.Options{})
	require.NoError(t, err)
	for _, r := range doc.Results {
		require.True(t, r.Success, "%s %v %v\n%s", r.Expectation.Type, r.Expectation.Kwargs, r.Result, b)
	}
	return string(b)
}

func TestEachColumnGetsTheRulesThatItsValuesSpeakFor(t *testing.T) {
	var rows []map[string]any
	r := rand.New(rand.NewPCG(1, 1))
	for i := range 200 {
		row := map[string]any{
			"id": fmt.Sprintf("c-%03d", i), "key": uuid.NewSHA1(uuid.NameSpaceOID, fmt.Append(nil, i)).String(),
			"email": fmt.Sprintf("u%d@example.com", i%150), "plan": []string{"free", "pro"}[i%2], "age": 20 + i%50, "level": i % 3,
			"spend": float64(r.IntN(1000)) / 8, "at": fmt.Sprintf("2026-01-%02dT10:00:00Z", 1+i%28), "note": "any text " + strings.Repeat("é", i%7), "yes": i%2 == 0,
		}
		if i%20 == 0 {
			row["email"] = nil
		}
		if i%50 == 1 {
			row["email"] = "nobody"
		}
		rows = append(rows, row)
	}
	got := suggested(t, tableOf(t, rows))
	for _, want := range []string{
		"# 200 values, none twice\n      - expectation_type: expect_column_values_to_be_unique\n        column: \"id\"",
		"# 200 of 200 values are UUIDs",
		"# 186 of 190 values are e-mail addresses",
		"        mostly: 0.97",
		"# 190 of 200 values are there",
		"        value_set: [\"free\",\"pro\"]",
		"        value_set: [0,1,2]", "type_: \"float64\"", "type_: \"bool\"",
		"# from 20 to 69\n      - expectation_type: expect_column_values_to_be_between\n        column: \"age\"",
		"# 200 of 200 values are ISO times",
		"# the shortest has 6 characters, the longest 16",
		`column_set: ["age","at","email","id","key","level","note","plan","spend","yes"]`,
	} {
		require.Contains(t, got, want)
	}
	require.NotContains(t, strings.Split(got, "-- yes")[1], "in_set", "a set of both booleans says nothing")
}

func TestSuggestionsHoldOnAnyData(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 1))
	texts := []string{"", "a", "a\n", "\"quoted\": {yaml}", "# no comment", "é€ü", "123", "1.2.3.4", "US", "2024-01-05", "x@y.z", "null", "~", "\u0085", "Infinity"}
	for range 25 {
		var rows []map[string]any
		nulls := []int{0, 2, 10}[r.IntN(3)]
		kinds := r.Perm(6)
		for range 1 + r.IntN(60) {
			row := map[string]any{"first": 1}
			for c, kind := range kinds {
				name := []string{"a", "b c", "d'\"", "yes", "é", "x:y"}[c]
				switch v := []any{r.IntN(5), r.Int64() - r.Int64(), r.NormFloat64() * 1e6, texts[r.IntN(len(texts))], r.IntN(2) == 0, []any{1, "x"}}[kind]; {
				case nulls > 0 && r.IntN(nulls) == 0:
					row[name] = nil
				default:
					row[name] = v
				}
			}
			rows = append(rows, row)
		}
		suggested(t, tableOf(t, rows))
	}
}
