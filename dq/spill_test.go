package dq

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"math"
	"math/big"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/autonomous-data-pipeline/adp/pipeline"
	"github.com/autonomous-data-pipeline/adp/schemas"
)

// all are rules of every way in which a table is judged.
const allRules = wideRules + `
      - {expectation_type: expect_column_values_to_be_unique, column: n, row_condition: 'ok == True', condition_parser: pandas}
      - {expectation_type: expect_compound_columns_to_be_unique, column_list: [id, n]}
      - {expectation_type: expect_column_values_to_be_increasing, column: n, mostly: 0.5}
      - {expectation_type: expect_column_values_to_be_decreasing, column: x, strictly: true, row_condition: 'n > 3'}
      - {expectation_type: expect_column_value_z_scores_to_be_less_than, column: x, threshold: 1, double_sided: true}
      - {expectation_type: expect_column_values_to_not_be_outliers, column: x, multiplier: 0.5}
      - {expectation_type: expect_column_mean_to_be_between, column: x, max_value: 1}
      - {expectation_type: expect_column_stdev_to_be_between, column: n, max_value: 1}
      - {expectation_type: expect_column_sum_to_be_between, column: x, min_value: 0}
      - {expectation_type: expect_column_median_to_be_between, column: x, min_value: 0}
      - {expectation_type: expect_column_max_to_be_between, column: id, max_value: v9}
      - {expectation_type: expect_column_quantile_values_to_be_between, column: n, quantile_ranges: {quantiles: [0.1, 0.5], value_ranges: [[0, 1], [null, 9]]}}
      - {expectation_type: expect_column_most_common_value_to_be_in_set, column: n, value_set: [1, 2, 3], ties_okay: true}
      - {expectation_type: expect_column_distinct_values_to_equal_set, column: n, value_set: [1, 2, 3]}
      - {expectation_type: expect_column_unique_value_count_to_be_between, column: id, min_value: 1}
      - {expectation_type: expect_column_proportion_of_unique_values_to_be_between, column: id, min_value: 0.5}
      - {expectation_type: expect_column_kl_divergence_to_be_less_than, column: x, threshold: 1}
      - {expectation_type: expect_column_pair_values_a_to_be_greater_than_b, column_A: n, column_B: x, ignore_row_if: neither}
      - {expectation_type: expect_multicolumn_sum_to_equal, column_list: [n, x], sum_total: 3}
      - {expectation_type: expect_column_values_to_match_json_schema, column: id, json_schema: {type: string}}
`

func everyRule(t testing.TB) (*Program, *schemas.Schema) {
	t.Helper()
	s, err := schemas.Parse([]byte(wideTypes))
	require.NoError(t, err)
	suites, err := ParseRules([]byte(allRules))
	require.NoError(t, err)
	p, err := Compile(suites["wide"], s)
	require.NoError(t, err)
	return p, s
}

// However a table is cut into shards and chunks, in whatever order the profiles
// meet, and whether values fit into memory or not, the document is the same to
// the byte.
func TestAnySplitAndMergeOrderGivesTheSameDocument(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 1))
	p, s := everyRule(t)
	for range 20 {
		rows := randomRows(r, 1+r.IntN(400))
		var want []byte
		for round := range 4 {
			prof, chunks := shards(t, r, p, s, rows, round)
			look(t, prof, chunks)
			got, err := json.Marshal(p.Results(prof, Options{RunTime: time.Unix(0, 0), Format: Complete, RowNumbers: true}))
			require.NoError(t, err)
			if round == 0 {
				want = got
			}
			require.Equal(t, string(want), string(got))
		}
	}
}

// shards observes rows in pieces: in the first round in one, in the last with
// hardly any memory.
func shards(t testing.TB, r *rand.Rand, p *Program, s *schemas.Schema, rows []map[string]any, round int) (*Profile, []Chunk) {
	t.Helper()
	var chunks []Chunk
	var parts []*Profile
	for start := 0; start < len(rows); {
		how := Gathering{Dir: t.TempDir(), Every: true}
		if round == 3 {
			how.Memory = 500
		}
		prof := p.NewProfile(how)
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
		parts = append(parts, prof)
	}
	all := p.NewProfile(Gathering{Every: true})
	for _, i := range r.Perm(len(parts)) {
		part := parts[i]
		if round != 1 { // it travels
			require.NoError(t, part.Spill())
			b, err := json.Marshal(part)
			require.NoError(t, err)
			part, err = p.Decode(b, part.how.Dir)
			require.NoError(t, err)
		}
		require.NoError(t, all.Merge(part))
	}
	return all, chunks
}

func TestDuplicatesAreWhatAMapFinds(t *testing.T) {
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
		all, _ := shards(t, r, p, s, rows, 3)
		require.NoError(t, all.Settle())
		require.EqualValues(t, want, all.late[1].Len())
	}
}

// spilled is a profile whose values lie in files, with the files' names.
func spilled(t testing.TB) (*Program, *Profile, []string) {
	t.Helper()
	p, s := everyRule(t)
	prof := p.NewProfile(Gathering{Dir: t.TempDir()})
	prof.Observe(build(t, s, randomRows(rand.New(rand.NewPCG(1, 1)), 50), 0, 0), nil)
	require.NoError(t, prof.Spill())
	files, err := filepath.Glob(filepath.Join(prof.how.Dir, "*.run"))
	require.NoError(t, err)
	require.Greater(t, len(files), 4)
	return p, prof, files
}

func TestADamagedFileIsRefused(t *testing.T) {
	p, prof, files := spilled(t)
	b, err := json.Marshal(prof)
	require.NoError(t, err)
	settle := func() error {
		again, err := p.Decode(b, prof.how.Dir)
		require.NoError(t, err)
		return again.Settle()
	}
	require.NoError(t, settle())
	for _, file := range files {
		whole, err := os.ReadFile(file)
		require.NoError(t, err)
		r := rand.New(rand.NewPCG(5, 5))
		for range 40 {
			at := r.IntN(len(whole) - 4) // an index's parts have sums of their own: its last four bytes are a copy of what they say
			bent := slices.Clone(whole)
			bent[at] ^= 0x10
			for what, text := range map[string][]byte{"bent": bent, "cut": whole[:at]} {
				require.NoError(t, os.WriteFile(file, text, 0o600))
				err := settle()
				require.Equal(t, pipeline.Bug, pipeline.KindOf(err), "%s of %d bytes, %s at %d: %v", file, len(whole), what, at, err)
			}
		}
		require.NoError(t, os.WriteFile(file, whole, 0o600))
	}
}

func TestARowInTwoShardsIsABug(t *testing.T) {
	p, prof := observed(t, 0)
	_, twin := observed(t, 0)
	require.NoError(t, prof.Merge(twin))
	err := prof.Settle()
	require.ErrorContains(t, err, "the shards overlap")
	require.Equal(t, pipeline.Bug, pipeline.KindOf(err))
	require.False(t, p.Results(prof, Options{}).Success)
}

func TestAProfileIsSettledOnceAllIsMerged(t *testing.T) {
	p, prof := observed(t, 0)
	require.NoError(t, prof.Settle())
	require.ErrorContains(t, prof.Merge(p.NewProfile(Gathering{})), "settled before")
	require.ErrorContains(t, p.NewProfile(Gathering{}).Merge(prof), "settled before")
	_, err := p.NewProfile(Gathering{}).Look(Chunk{}, nil)
	require.ErrorContains(t, err, "it isn't settled")
}

func TestAFolderThatIsFullOrGoneIsSaid(t *testing.T) {
	p, s := everyRule(t)
	prof := p.NewProfile(Gathering{Dir: filepath.Join(t.TempDir(), "gone"), Memory: 1})
	prof.Observe(build(t, s, randomRows(rand.New(rand.NewPCG(1, 1)), 50), 0, 0), nil)
	err := prof.Settle()
	require.Equal(t, pipeline.Transient, pipeline.KindOf(err))
	require.ErrorContains(t, err, "raise dq.memory")
	require.False(t, p.Results(prof, Options{}).Success)
}

func TestAFileOutsideItsFolderIsRefused(t *testing.T) {
	p, prof, _ := spilled(t)
	b, err := json.Marshal(prof)
	require.NoError(t, err)
	_, err = p.Decode(bytes.ReplaceAll(b, []byte(`"values-`), []byte(`"../values-`)), prof.how.Dir)
	require.ErrorContains(t, err, "outside its folder")
}

func TestExactSumsAreRoundedOnce(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 3))
	for range 200 {
		var s, squares exactSum
		want, wantSquares := new(big.Rat), new(big.Rat)
		for range 1 + r.IntN(30) {
			v := math.Float64frombits(r.Uint64())
			if math.IsNaN(v) || math.IsInf(v, 0) {
				continue
			}
			x := new(big.Rat).SetFloat64(v)
			s.addFloat(v)
			squares.addFloatSquare(v)
			want.Add(want, x)
			wantSquares.Add(wantSquares, x.Mul(x, x))
		}
		require.Zero(t, want.Cmp(s.rat()))
		b, err := json.Marshal(&squares)
		require.NoError(t, err)
		var back exactSum
		require.NoError(t, json.Unmarshal(b, &back))
		back.merge(&s)
		require.Zero(t, wantSquares.Add(wantSquares, want).Cmp(back.rat()))
	}
	var s exactSum
	s.addInt(math.MinInt64)
	s.addIntSquare(math.MinInt64)
	require.Equal(t, "85070591730234615856620279821087277056/1", s.rat().String())
}

func TestCountsAddUpAndJoin(t *testing.T) {
	dir := t.TempDir()
	few, many := NewCounts(dir, "few", 1<<20), NewCounts(dir, "many", 3000)
	for i := range 5000 {
		require.NoError(t, many.Add(fmt.Appendf(nil, "v%d", i%2000), 1))
		if i < 10 {
			require.NoError(t, few.Add(fmt.Appendf(nil, "v%d", i*300), 2))
		}
	}
	b, err := json.Marshal(many)
	require.NoError(t, err)
	back := NewCounts(dir, "back", 3000)
	require.NoError(t, json.Unmarshal(b, back))
	got := map[string][2]int64{}
	require.NoError(t, few.Join(back, func(text string, n, other int64) { got[text] = [2]int64{n, other} }))
	require.Equal(t, map[string][2]int64{"v0": {2, 3}, "v300": {2, 3}, "v600": {2, 3}, "v900": {2, 3}, "v1200": {2, 2}, "v1500": {2, 2}, "v1800": {2, 2}}, got)
}

// FuzzRun reads runs of values: no bytes may make it panic, or take memory that
// isn't there.
func FuzzRun(f *testing.F) {
	entry := binary.AppendUvarint(binary.AppendUvarint([]byte(runMagic), 2), 1)
	entry = append(entry, 'a', 0)
	f.Add(binary.BigEndian.AppendUint32(entry, crc32.Checksum(entry, castagnoli)))
	f.Add([]byte(runMagic))
	f.Fuzz(func(t *testing.T, b []byte) {
		dir := t.TempDir()
		require.NoError(t, os.WriteFile(filepath.Join(dir, "r"), b, 0o600))
		v := newValueCounts(schemas.String)
		v.Runs, v.dirs = []string{"r"}, []string{dir}
		var last []byte
		err := v.each(func(c valueCount) bool {
			require.Positive(t, c.count)
			require.True(t, last == nil || bytes.Compare(last, c.key) < 0)
			last = slices.Clone(c.key)
			return true
		})
		if err != nil {
			require.Equal(t, pipeline.Bug, pipeline.KindOf(err))
		}
	})
}

// FuzzIndex does the same with runs of an index.
func FuzzIndex(f *testing.F) {
	dir := f.TempDir()
	x := newIndex()
	x.parts[3].add(entry{hi: 3 << 54, lo: 1, Position: Position{1, 2}})
	x.held = 1
	require.NoError(f, x.spill(dir, "x"))
	b, err := os.ReadFile(filepath.Join(dir, "x"))
	require.NoError(f, err)
	f.Add(b)
	f.Fuzz(func(t *testing.T, b []byte) {
		dir := t.TempDir()
		require.NoError(t, os.WriteFile(filepath.Join(dir, "x"), b, 0o600))
		x := newIndex()
		x.Runs, x.dirs = []string{"x"}, []string{dir}
		if _, err := x.duplicates(); err != nil {
			require.Equal(t, pipeline.Bug, pipeline.KindOf(err))
		}
	})
}
