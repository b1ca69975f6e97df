package dq

import (
	"encoding/json"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/stretchr/testify/require"

	"github.com/autonomous-data-pipeline/adp/pipeline"
	"github.com/autonomous-data-pipeline/adp/schemas"
)

const everyType = `{"type":"record","name":"every","fields":[
 {"name":"b","type":["null","boolean"]},{"name":"i","type":["null","int"]},{"name":"l","type":["null","long"]},
 {"name":"x","type":["null","double"]},{"name":"s","type":["null","string"]},
 {"name":"t","type":["null",{"type":"long","logicalType":"timestamp-micros"}]},
 {"name":"d","type":["null",{"type":"int","logicalType":"date"}]}]}`

func every(t testing.TB) *schemas.Schema {
	t.Helper()
	s, err := schemas.Parse([]byte(everyType))
	require.NoError(t, err)
	return s
}

func micros(t testing.TB, text string) int64 {
	t.Helper()
	at, err := time.Parse(time.RFC3339, text)
	require.NoError(t, err)
	return at.UnixMicro()
}

// everyRecord has four rows of every type; the last is null.
func everyRecord(t testing.TB) arrow.RecordBatch {
	t.Helper()
	mem, valid := memory.DefaultAllocator, []bool{true, true, true, false}
	b := array.NewBooleanBuilder(mem)
	b.AppendValues([]bool{true, false, true, false}, valid)
	i := array.NewInt32Builder(mem)
	i.AppendValues([]int32{-1, 5, 5, 0}, valid)
	l := array.NewInt64Builder(mem)
	l.AppendValues([]int64{9007199254740993, 9007199254740992, 7, 0}, valid)
	x := array.NewFloat64Builder(mem)
	x.AppendValues([]float64{math.Copysign(0, -1), 0, math.NaN(), 0}, valid)
	s := array.NewStringBuilder(mem)
	s.AppendValues([]string{"US", "ü", strings.Repeat("é", 300), ""}, valid)
	ts := array.NewTimestampBuilder(mem, arrow.FixedWidthTypes.Timestamp_us.(*arrow.TimestampType))
	for _, text := range []string{"2026-01-01T00:00:00Z", "2026-01-02T10:00:00Z", "2026-01-03T00:00:00Z"} {
		ts.Append(arrow.Timestamp(micros(t, text)))
	}
	ts.AppendNull()
	d := array.NewDate32Builder(mem)
	d.AppendValues([]arrow.Date32{0, 1, 20454, 0}, valid)
	var fields []arrow.Field
	var columns []arrow.Array
	for n, built := range map[string]array.Builder{"b": b, "i": i, "l": l, "x": x, "s": s, "t": ts, "d": d} { // in any order
		columns = append(columns, built.NewArray())
		fields = append(fields, arrow.Field{Name: n, Type: columns[len(columns)-1].DataType(), Nullable: true})
		built.Release()
	}
	r := array.NewRecordBatch(arrow.NewSchema(fields, nil), columns, 4)
	for _, c := range columns {
		c.Release()
	}
	t.Cleanup(r.Release)
	return r
}

func TestEveryTypeOfColumnIsComparedByItsOwnMeaning(t *testing.T) {
	between := func(args map[string]any) Expectation {
		return Expectation{Type: "expect_column_values_to_be_between", Kwargs: args}
	}
	in := func(column string, set ...any) Expectation {
		return Expectation{Type: "expect_column_values_to_be_in_set", Kwargs: map[string]any{"column": column, "value_set": set}}
	}
	matches := func(column, regex string) Expectation {
		return Expectation{Type: "expect_column_values_to_match_regex", Kwargs: map[string]any{"column": column, "regex": regex}}
	}
	tests := map[string]struct {
		rule  Expectation
		bad   []int32
		value any // of the first bad row
	}{
		"true is 1":                              {between(map[string]any{"column": "b", "min_value": 1}), []int32{1}, false},
		"an int has a range":                     {between(map[string]any{"column": "i", "min_value": -1, "strict_min": true}), []int32{0}, int64(-1)},
		"a long in a set keeps all its bits":     {in("l", int64(9007199254740992), 7), []int32{0}, int64(9007199254740993)},
		"a NaN is a null":                        {between(map[string]any{"column": "x", "min_value": 1}), []int32{0, 1}, Float(math.Copysign(0, -1))},
		"texts compare by code points":           {between(map[string]any{"column": "s", "min_value": "UT", "max_value": "é"}), []int32{0, 1, 2}, "US"},
		"an instant has text bounds":             {between(map[string]any{"column": "t", "min_value": "2026-01-02", "max_value": "2026-01-02T10:00:00Z"}), []int32{0, 2}, "2026-01-01T00:00:00+00:00"},
		"a strict bound excludes its instant":    {between(map[string]any{"column": "t", "max_value": "2026-01-02T12:00:00+02:00", "strict_max": true}), []int32{1, 2}, "2026-01-02T10:00:00+00:00"},
		"a day has text bounds":                  {between(map[string]any{"column": "d", "max_value": "1970-01-01T12:00:00Z"}), []int32{1, 2}, "1970-01-02"},
		"an instant is found by what it means":   {in("t", "2026-01-02T11:00:00+01:00", "2026-01-03"), []int32{0}, "2026-01-01T00:00:00+00:00"},
		"a day is found by what it means":        {in("d", "1970-01-01", "2026-01-01"), []int32{1}, "1970-01-02"},
		"a pattern sees an instant as Python's":  {matches("t", `^2026-01-02 10:00:00\+00:00$`), []int32{0, 2}, "2026-01-01T00:00:00+00:00"},
		"a pattern sees an int as its digits":    {matches("i", `^5$`), []int32{0}, int64(-1)},
		"lengths count characters":               {Expectation{Type: "expect_column_value_lengths_to_equal", Kwargs: map[string]any{"column": "s", "value": 1}}, []int32{0, 2}, "US"},
		"a long text is cut at a character":      {in("s", "US", "ü"), []int32{2}, strings.Repeat("é", 126) + "…"},
		"what isn't null is listed where it is":  {Expectation{Type: "expect_column_values_to_be_null", Kwargs: map[string]any{"column": "x"}}, []int32{0, 1}, Float(math.Copysign(0, -1))},
		"a NaN is missing":                       {Expectation{Type: "expect_column_values_to_not_be_null", Kwargs: map[string]any{"column": "x"}}, []int32{2, 3}, nil},
		"a null in a set is never looked up":     {in("b", true, nil), []int32{1}, false},
		"no argument mostly is all, null is too": {between(map[string]any{"column": "i", "min_value": 6, "mostly": nil}), []int32{0, 1, 2}, int64(-1)},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			p, err := Compile(Suite{Name: "s", Expectations: []Expectation{tc.rule}}, every(t))
			require.NoError(t, err)
			require.Empty(t, p.Warnings())
			prof := p.NewProfile(Gathering{})
			var rows []int32
			for _, f := range prof.Observe(Chunk{Record: everyRecord(t), Offsets: []int64{1, 2, 3, 4}}, nil) {
				rows = append(rows, f.Row)
			}
			require.Equal(t, tc.bad, rows)
			require.Equal(t, tc.value, prof.tallies[0].Samples[0].Value)
			require.False(t, p.Results(prof, Options{}).Success)
			b, err := json.Marshal(prof)
			require.NoError(t, err)
			back, err := p.Decode(b, "")
			require.NoError(t, err)
			require.Equal(t, prof.tallies, back.tallies, "JSON keeps a profile as it is")
		})
	}
}

func TestUniquenessHoldsForEveryTypeOfColumn(t *testing.T) {
	for column, want := range map[string]int{"b": 2, "i": 2, "l": 0, "x": 2, "s": 0, "t": 0, "d": 0} {
		t.Run(column, func(t *testing.T) {
			p, err := Compile(Suite{Name: "s", Expectations: []Expectation{
				{Type: "expect_column_values_to_be_unique", Kwargs: map[string]any{"column": column}},
			}}, every(t))
			require.NoError(t, err)
			prof := evaluate(t, p, Chunk{Record: everyRecord(t), Offsets: []int64{1, 2, 3, 4}})
			require.EqualValues(t, want, prof.tallies[0].Unexpected)
		})
	}
}

// dictionary spells the column s as a dictionary, with a null in it.
func dictionary(t testing.TB) arrow.RecordBatch {
	t.Helper()
	texts := array.NewStringBuilder(memory.DefaultAllocator)
	texts.AppendValues([]string{"US", "XX", "not there"}, []bool{true, true, false})
	codes := array.NewInt32Builder(memory.DefaultAllocator)
	codes.AppendValues([]int32{1, 0, 2, 1, 0}, []bool{true, true, true, true, false})
	typ := &arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Int32, ValueType: arrow.BinaryTypes.String}
	col := array.NewDictionaryArray(typ, codes.NewArray(), texts.NewArray())
	r := array.NewRecordBatch(arrow.NewSchema([]arrow.Field{{Name: "s", Type: typ, Nullable: true}}, nil), []arrow.Array{col}, 5)
	t.Cleanup(r.Release)
	return r
}

func TestADictionaryIsSeenAsTheTextsItStandsFor(t *testing.T) {
	s, err := schemas.Parse([]byte(`{"type":"record","name":"r","fields":[{"name":"s","type":["null","string"]}]}`))
	require.NoError(t, err)
	p, err := Compile(Suite{Name: "s", Expectations: []Expectation{
		{Type: "expect_column_values_to_be_in_set", Kwargs: map[string]any{"column": "s", "value_set": []string{"US"}}},
		{Type: "expect_column_values_to_match_regex", Kwargs: map[string]any{"column": "s", "regex": "U"}},
		{Type: "expect_column_values_to_not_be_null", Kwargs: map[string]any{"column": "s"}},
		{Type: "expect_column_values_to_be_unique", Kwargs: map[string]any{"column": "s"}},
		{Type: "expect_column_values_to_be_between", Kwargs: map[string]any{"column": "s", "max_value": "V"}},
	}}, s)
	require.NoError(t, err)
	chunk := Chunk{Record: dictionary(t), Offsets: []int64{0, 1, 2, 3, 4}}
	require.Equal(t, []Finding{{0, 0}, {0, 1}, {0, 4}, {2, 2}, {3, 0}, {3, 1}, {3, 4}, {4, 2}}, p.NewProfile(Gathering{}).Observe(chunk, nil))
	prof := evaluate(t, p, chunk)
	require.EqualValues(t, 2, prof.tallies[3].Unexpected)
	require.EqualValues(t, 2, prof.tallies[0].Left)
}

// A chunk that isn't as promised would pass rules that nobody checked.
func TestAChunkThatIsNotAsPromisedBreaksTheProfile(t *testing.T) {
	wrong := func(typ arrow.DataType, name string) arrow.RecordBatch {
		col := array.MakeArrayOfNull(memory.DefaultAllocator, typ, 1)
		r := array.NewRecordBatch(arrow.NewSchema([]arrow.Field{{Name: name, Type: typ, Nullable: true}}, nil), []arrow.Array{col}, 1)
		t.Cleanup(r.Release)
		return r
	}
	tests := map[string]struct {
		chunk Chunk
		want  string
	}{
		"a column is missing":      {Chunk{Record: wrong(arrow.PrimitiveTypes.Int64, "n"), Offsets: []int64{1}}, `lacks the schema's column "l"`},
		"a column has other bytes": {Chunk{Record: wrong(arrow.BinaryTypes.String, "l"), Offsets: []int64{1}}, "of Arrow type utf8"},
		"an offset is missing":     {Chunk{Record: wrong(arrow.PrimitiveTypes.Int64, "l")}, "1 rows and 0 offsets"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			p, err := Compile(Suite{Name: "s", Expectations: []Expectation{
				{Type: "expect_column_values_to_be_unique", Kwargs: map[string]any{"column": "l"}},
			}}, every(t))
			require.NoError(t, err)
			prof := p.NewProfile(Gathering{})
			require.Empty(t, prof.Observe(tc.chunk, nil))
			_, err = json.Marshal(prof)
			require.ErrorContains(t, err, tc.want)
			for _, err := range []error{prof.Merge(p.NewProfile(Gathering{})), p.NewProfile(Gathering{}).Merge(prof), prof.Settle()} {
				require.ErrorContains(t, err, tc.want)
				require.Equal(t, pipeline.Bug, pipeline.KindOf(err))
			}
			require.False(t, p.Results(prof, Options{}).Success)
		})
	}
}

func TestInfinitySurvivesJSON(t *testing.T) {
	s, err := schemas.Parse([]byte(`{"type":"record","name":"r","fields":[{"name":"x","type":"double"}]}`))
	require.NoError(t, err)
	p, err := Compile(Suite{Name: "s", Expectations: []Expectation{
		{Type: "expect_column_values_to_be_between", Kwargs: map[string]any{"column": "x", "max_value": 1}},
	}}, s)
	require.NoError(t, err)
	prof := p.NewProfile(Gathering{})
	prof.Observe(build(t, s, []map[string]any{{"x": math.Inf(1)}, {"x": 2.0}}, 0, 0), nil)
	b, err := json.Marshal(prof)
	require.NoError(t, err)
	back, err := p.Decode(b, "")
	require.NoError(t, err)
	require.Equal(t, "Infinity", back.tallies[0].Samples[0].Value)
	require.Equal(t, Float(2), back.tallies[0].Samples[1].Value)
}
