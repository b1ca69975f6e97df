//go:build integration

package gxdiff

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/autonomous-data-pipeline/adp/dq"
	"github.com/autonomous-data-pipeline/adp/dq/check"
	"github.com/autonomous-data-pipeline/adp/dq/tabular"
	"github.com/autonomous-data-pipeline/adp/internal/pyenv"
)

// number of cases, and the seed: settings of the test.
func setting(name string, fallback int) string {
	if v := os.Getenv(name); v != "" {
		return v
	}
	return strconv.Itoa(fallback)
}

// expectationTypes are the types that Great Expectations has and that a table alone
// can answer.
func expectationTypes(t testing.TB) []string {
	t.Helper()
	types := dq.Types()
	require.Len(t, types, 56, "59 types, of which three need more than a table")
	return types
}

// TestGreatExpectationsSaysTheSame compares verdicts, counts, lists and order
// over generated suites and tables. GXDIFF_CASES is how many, GXDIFF_SEED which.
func TestGreatExpectationsSaysTheSame(t *testing.T) {
	python := pyenv.Interpreter(t, "gx", Requirements)
	dir := t.TempDir()
	types := filepath.Join(dir, "types.txt")
	require.NoError(t, os.WriteFile(types, []byte(strings.Join(expectationTypes(t), "\n")), 0o600))
	seed := setting("GXDIFF_SEED", 1) // the same each time, so that a change is to blame for what it finds
	t.Logf("GXDIFF_SEED=%s", seed)
	t.Log(run(t, exec.Command(python, "generate.py", seed, setting("GXDIFF_CASES", 60), dir, types)))
	cases, err := filepath.Glob(filepath.Join(dir, "case-*"))
	require.NoError(t, err)
	compared, stayed := map[string]int{}, map[string]int{}
	for _, folder := range cases {
		compareCase(t, folder, compared, stayed)
	}
	total := 0
	for _, n := range compared {
		total += n
	}
	t.Logf("%d results of %d cases compared; stayed different on purpose: %v", total, len(cases), stayed)
	if len(cases) < 300 {
		return // too few for every type and every difference to be among them
	}
	for _, typ := range expectationTypes(t) {
		require.Positive(t, compared[typ], "%s was never compared", typ)
	}
	for _, d := range Differences {
		if !d.Rare {
			require.Positive(t, stayed[d.Reason], "the difference %q was not seen: is it still one?", d.Reason)
		}
	}
}

func read(t testing.TB, path string, v any) {
	t.Helper()
	b, err := os.ReadFile(path)
	require.NoError(t, err)
	b = []byte(strings.NewReplacer(": NaN", ": null", "[NaN", "[null", ", NaN", ", null", ": Infinity", `: "Infinity"`, "[Infinity", `["Infinity"`, ", Infinity", `, "Infinity"`, "-Infinity", `"-Infinity"`).Replace(string(b)))
	require.NoError(t, json.Unmarshal(b, v), path)
}

func compareCase(t *testing.T, folder string, compared, stayed map[string]int) {
	t.Helper()
	var c Case
	read(t, filepath.Join(folder, "columns.json"), &c)
	b, err := os.ReadFile(filepath.Join(folder, "suite.json"))
	require.NoError(t, err)
	suite, err := dq.ParseSuiteJSON(b)
	require.NoError(t, err, folder)
	table, err := tabular.Open([]string{filepath.Join(folder, "data.parquet")})
	require.NoError(t, err, folder)
	for _, format := range []dq.Format{dq.BooleanOnly, dq.Basic, dq.Summary, dq.Complete} {
		var theirs, ours struct{ Results []Result }
		read(t, filepath.Join(folder, string(format)+".json"), &theirs)
		doc, err := check.Run(context.Background(), suite, table, check.Options{Format: format, IndexColumns: c.Index, Dir: t.TempDir(), Memory: 2000, BatchID: "p-" + filepath.Base(folder)})
		require.NoError(t, err, folder)
		b, err := json.Marshal(doc)
		require.NoError(t, err)
		require.NoError(t, json.Unmarshal(b, &ours))
		require.Len(t, ours.Results, len(theirs.Results))
		differs := compareResults(t, folder+" "+string(format), c, theirs.Results, ours.Results, compared, stayed)
		if !differs {
			requireOrder(t, folder, theirs.Results, ours.Results)
		}
	}
}

// compareResults reports whether some result differs on purpose.
func compareResults(t *testing.T, where string, c Case, theirs, ours []Result, compared, stayed map[string]int) bool {
	t.Helper()
	some := false
	for _, their := range theirs {
		at := slices.IndexFunc(ours, func(r Result) bool { return r.Config.ID == their.Config.ID })
		require.GreaterOrEqual(t, at, 0, "%s: %s has no result", where, their.Config.ID)
		compared[their.Config.Type]++
		why := Differ(their, ours[at])
		if why == "" {
			continue
		}
		purpose := slices.IndexFunc(Differences, func(d OnPurpose) bool { return d.Is(c, their, ours[at]) })
		if purpose < 0 {
			t.Errorf("%s: %s %v %v: %s", where, their.Config.Type, their.Config.Kwargs, c.Kinds, why)
			continue
		}
		some = true
		stayed[Differences[purpose].Reason]++
	}
	return some
}

// requireOrder compares the order of the results, but of those that raised: it
// is that of metrics.
func requireOrder(t *testing.T, where string, theirs, ours []Result) {
	t.Helper()
	ids := func(results []Result) (out []string) {
		for _, r := range results {
			if _, raised := r.Raised(); !raised {
				out = append(out, r.Config.Type+" "+r.Config.ID)
			}
		}
		return out
	}
	require.Equal(t, ids(theirs), ids(ours), where)
}

// A comparer that finds nothing is worth nothing.
func TestTheComparerFindsWhatDiffers(t *testing.T) {
	base := func() Result {
		return Result{Success: true, Config: Config{Type: "expect_column_values_to_be_unique", ID: "1", Severity: "critical", Kwargs: map[string]any{"column": "a"}},
			Result: map[string]any{"unexpected_count": 1.0, "partial_unexpected_list": []any{"x", nil}}, Exceptions: map[string]any{"raised_exception": false}}
	}
	require.Empty(t, Differ(base(), base()))
	for name, edit := range map[string]func(r *Result){
		"verdict": func(r *Result) { r.Success = false }, "count": func(r *Result) { r.Result["unexpected_count"] = 2.0 },
		"list": func(r *Result) { r.Result["partial_unexpected_list"] = []any{nil, "x"} }, "a key less": func(r *Result) { delete(r.Result, "unexpected_count") },
		"a key more": func(r *Result) { r.Result["element_count"] = 1.0 }, "kwargs": func(r *Result) { r.Config.Kwargs["mostly"] = 0.5 },
		"severity": func(r *Result) { r.Config.Severity = "info" }, "exception": func(r *Result) { r.Exceptions["raised_exception"] = true },
		"a hair": func(r *Result) { r.Result["unexpected_count"] = 1.0000000000000002 },
	} {
		r := base()
		edit(&r)
		require.NotEmpty(t, Differ(base(), r), name)
	}
}
