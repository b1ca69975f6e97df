package dq

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/autonomous-data-pipeline/adp/pipeline"
	"github.com/autonomous-data-pipeline/adp/schemas"
)

// settle does what a batch does about uniqueness: merge the shards' indexes,
// count, and look the first duplicates' values up.
func settle(t testing.TB, p *Program, all *Profile, u int, chunks []Chunk, shards []*Profile) {
	t.Helper()
	var files []io.Reader
	for _, s := range shards {
		var b bytes.Buffer
		require.NoError(t, s.WriteIndex(u, &b))
		files = append(files, &b)
	}
	dups := map[Position]bool{}
	require.NoError(t, MergeIndexes(files, func(p Position) error { dups[p] = true; return nil }))
	var samples []Sample
	for _, c := range chunks {
		col := c.Record.Column(c.Record.Schema().FieldIndices(p.column(u))[0])
		for row, off := range c.Offsets {
			if at := (Position{c.Partition, off}); dups[at] {
				samples = append(samples, Sample{at, valueAt(col, row)})
			}
		}
	}
	require.NoError(t, all.SetDuplicates(u, int64(len(dups)), samples))
}

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

// However a table is cut into shards and chunks, and in whatever order the
// profiles meet, the document is the same to the byte.
func TestAnySplitAndMergeOrderGivesTheSameDocument(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 1))
	p, s := wide(t)
	for range 30 {
		rows := randomRows(r, 1+r.IntN(400))
		var want []byte
		for round := range 3 {
			var chunks []Chunk
			var shards []*Profile
			for start := 0; start < len(rows); {
				prof := p.NewProfile()
				for range 1 + r.IntN(3) {
					end := min(len(rows), start+1+r.IntN(len(rows)))
					if round == 0 {
						end = len(rows)
					}
					c := build(t, s, rows[start:end], 0, int64(start))
					prof.Observe(c, nil)
					chunks = append(chunks, c)
					if start = end; start == len(rows) {
						break
					}
				}
				shards = append(shards, prof)
			}
			all := p.NewProfile()
			for _, i := range r.Perm(len(shards)) {
				b, err := json.Marshal(shards[i])
				require.NoError(t, err)
				back, err := p.Decode(b)
				require.NoError(t, err)
				require.NoError(t, all.Merge(back))
			}
			for _, u := range p.Uniques() {
				settle(t, p, all, u, chunks, shards)
			}
			got, err := json.Marshal(p.Results(all, Options{RunTime: time.Unix(0, 0)}))
			require.NoError(t, err)
			if round == 0 {
				want = got
			}
			require.Equal(t, string(want), string(got))
		}
	}
}

func TestFindingsComeByRowAndLeaveUniquenessOut(t *testing.T) {
	p, s := wide(t)
	c := build(t, s, []map[string]any{
		{"id": "v1", "n": 5.0, "x": 0.1, "ok": true},
		{"id": "v1", "n": 1.0, "x": 0.5, "ok": false},
		{"id": nil, "n": nil, "x": nil, "ok": nil},
	}, 3, 100)
	got := p.NewProfile().Observe(c, []Finding{{Row: 9, Expectation: 9}})
	require.Equal(t, []Finding{{9, 9}, {1, 3}, {1, 4}, {1, 5}, {2, 0}}, got)
	require.True(t, p.Counts(3))
	require.False(t, p.Counts(4), "severity info makes no failing record")
	require.False(t, p.Counts(7), "a table expectation makes no failing record")
	require.Equal(t, pipeline.Reason{Code: "expect_column_values_to_be_between", Field: "n", Detail: "must be at least 3"}, p.Reason(3))
}

func TestMergeIndexesFindsWhatAMapFinds(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 2))
	p, s := wide(t)
	for range 20 {
		rows := randomRows(r, 300)
		count := map[any]int{}
		for _, row := range rows {
			if row["id"] != nil {
				count[row["id"]]++
			}
		}
		want := 0
		for _, n := range count {
			if n > 1 {
				want += n
			}
		}
		var files []io.Reader
		for i := 0; i < len(rows); i += 100 {
			prof := p.NewProfile()
			prof.Observe(build(t, s, rows[i:i+100], int32(i%3), int64(i)), nil)
			var b bytes.Buffer
			require.NoError(t, prof.WriteIndex(1, &b))
			files = append(files, &b)
		}
		got := 0
		require.NoError(t, MergeIndexes(files, func(Position) error { got++; return nil }))
		require.Equal(t, want, got)
	}
}

func TestADamagedIndexIsRefused(t *testing.T) {
	p, s := wide(t)
	prof := p.NewProfile()
	prof.Observe(build(t, s, randomRows(rand.New(rand.NewPCG(1, 1)), 50), 0, 0), nil)
	var b bytes.Buffer
	require.NoError(t, prof.WriteIndex(1, &b))
	whole := b.Bytes()
	for i := range whole {
		bent := slices.Clone(whole)
		bent[i] ^= 0x10
		err := MergeIndexes([]io.Reader{bytes.NewReader(bent)}, func(Position) error { return nil })
		require.Error(t, err, "byte %d", i)
	}
	for i := range whole {
		err := MergeIndexes([]io.Reader{bytes.NewReader(whole[:i])}, func(Position) error { return nil })
		require.Error(t, err, "cut at %d", i)
	}
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
		"lookaround is explained":               {"expectation_type: expect_column_values_to_match_regex\n        column: id\n        regex: '(?=x)'", "RE2 has no lookaround"},
		"a backreference is explained":          {"expectation_type: expect_column_values_to_match_regex\n        column: id\n        regex: '(x)\\1'", "RE2 has no backreferences"},
		"an unclosed group is reported":         {"expectation_type: expect_column_values_to_match_regex\n        column: id\n        regex: '(x'", "missing closing )"},
		"no bounds are nothing to compare with": {"expectation_type: expect_column_values_to_be_between\n        column: n", "both absent"},
		"bounds the wrong way round":            {"expectation_type: expect_column_values_to_be_between\n        column: n\n        min_value: 5\n        max_value: 4", "is above max_value"},
		"a set that is no list":                 {"expectation_type: expect_column_values_to_be_in_set\n        column: id\n        value_set: US", "value_set must be a list"},
		"mostly beyond 1":                       {"expectation_type: expect_column_values_to_not_be_null\n        column: id\n        mostly: 90", "mostly is 90"},
		"no column":                             {"expectation_type: expect_column_values_to_not_be_null", "column must be a text"},
		"conditions come later, and say so":     {"expectation_type: expect_column_values_to_not_be_null\n        column: id\n        row_condition: 'n>1'", "conditions are not supported yet"},
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
	doc := p.Results(p.NewProfile(), Options{})
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
			_, err = json.Marshal(p.Results(p.NewProfile(), Options{}))
			require.NoError(t, err)
		}
	})
}
