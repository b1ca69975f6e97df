package page_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/stretchr/testify/require"

	"github.com/autonomous-data-pipeline/adp/dq"
	"github.com/autonomous-data-pipeline/adp/dq/page"
	"github.com/autonomous-data-pipeline/adp/schemas"
)

// batch has one column, c, of JSON's values.
func batch(t testing.TB, typ arrow.DataType, values string) arrow.RecordBatch {
	t.Helper()
	col, _, err := array.FromJSON(memory.DefaultAllocator, typ, strings.NewReader(values))
	require.NoError(t, err)
	t.Cleanup(col.Release)
	return batchOf(t, col)
}

func batchOf(t testing.TB, col arrow.Array) arrow.RecordBatch {
	t.Helper()
	b := array.NewRecordBatch(arrow.NewSchema([]arrow.Field{{Name: "c", Type: col.DataType(), Nullable: true}}, nil), []arrow.Array{col}, int64(col.Len()))
	t.Cleanup(b.Release)
	return b
}

func schema(t schemas.Type) *schemas.Schema {
	return &schemas.Schema{Name: "s", Fields: []schemas.Field{{Name: "c", Type: t, Nullable: true}}}
}

// sketched is column c after the batches.
func sketched(t schemas.Type, rows int, batches ...arrow.RecordBatch) page.Column {
	s := page.NewSketch(schema(t), rows)
	for _, b := range batches {
		s.Observe(b)
	}
	return s.Columns()[0]
}

func TestColumnsOfEachType(t *testing.T) {
	dictionary := &arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Int32, ValueType: arrow.BinaryTypes.String}
	tests := map[string]struct {
		typ    schemas.Type
		arrow  arrow.DataType
		values string
		want   page.Column
	}{
		"whole numbers, one a bar": {schemas.Long, arrow.PrimitiveTypes.Int64, `[3,1,null,3,5]`, page.Column{
			Seen: 5, Nulls: 1, Distinct: 3, Picture: page.Values,
			Facts: []page.Fact{{Name: "Least", Value: "1"}, {Name: "Mean", Value: "3"}, {Name: "Median", Value: "3"}, {Name: "Greatest", Value: "5"}},
			Bars:  []page.Bar{{From: "1", Count: 1}, {From: "2"}, {From: "3", Count: 2}, {From: "4"}, {From: "5", Count: 1}},
		}},
		"one number": {schemas.Int, arrow.PrimitiveTypes.Int32, `[7,7]`, page.Column{
			Seen: 2, Distinct: 1, Picture: page.Values,
			Facts: []page.Fact{{Name: "Least", Value: "7"}, {Name: "Mean", Value: "7"}, {Name: "Median", Value: "7"}, {Name: "Greatest", Value: "7"}},
			Bars:  []page.Bar{{From: "7", Count: 2}},
		}},
		"days": {schemas.Date, arrow.FixedWidthTypes.Date32, `["2026-01-01","2026-01-02"]`, page.Column{
			Seen: 2, Distinct: 2, Picture: page.Values,
			Facts: []page.Fact{{Name: "Least", Value: "2026-01-01"}, {Name: "Greatest", Value: "2026-01-02"}},
			Bars:  []page.Bar{{From: "2026-01-01", Count: 1}, {From: "2026-01-02", Count: 1}},
		}},
		"booleans": {schemas.Boolean, arrow.FixedWidthTypes.Boolean, `[true,false,true,null]`, page.Column{
			Seen: 4, Nulls: 1, Distinct: 2, Picture: page.Frequent,
			Bars: []page.Bar{{From: "true", Count: 2}, {From: "false", Count: 1}},
		}},
		"texts, the most frequent first, then by value": {schemas.String, arrow.BinaryTypes.String, `["b","a","c","b",null,"é"]`, page.Column{
			Seen: 6, Nulls: 1, Distinct: 4, Picture: page.Frequent,
			Facts: []page.Fact{{Name: "Shortest", Value: "1"}, {Name: "Mean length", Value: "1"}, {Name: "Longest", Value: "1"}},
			Bars:  []page.Bar{{From: "b", Count: 2}, {From: "a", Count: 1}, {From: "c", Count: 1}, {From: "é", Count: 1}},
		}},
		"texts in a dictionary": {schemas.JSON, dictionary, `["{}","{}",null]`, page.Column{
			Seen: 3, Nulls: 1, Distinct: 1, Picture: page.Frequent,
			Facts: []page.Fact{{Name: "Shortest", Value: "2"}, {Name: "Mean length", Value: "2"}, {Name: "Longest", Value: "2"}},
			Bars:  []page.Bar{{From: "{}", Count: 2}},
		}},
		"texts that all differ, by length": {schemas.String, arrow.BinaryTypes.String, `["a","b","c","d","e","f","gh"]`, page.Column{
			Seen: 7, Distinct: 7, Picture: page.Lengths,
			Facts: []page.Fact{{Name: "Shortest", Value: "1"}, {Name: "Mean length", Value: "1.14286"}, {Name: "Longest", Value: "2"}},
			Bars:  []page.Bar{{From: "1", Count: 6}, {From: "2", Count: 1}},
		}},
		"nulls alone":                    {schemas.Double, arrow.PrimitiveTypes.Float64, `[null,null]`, page.Column{Seen: 2, Nulls: 2}},
		"no rows":                        {schemas.Double, arrow.PrimitiveTypes.Float64, `[]`, page.Column{}},
		"another type than the schema's": {schemas.Long, arrow.BinaryTypes.String, `["1"]`, page.Column{}},
		"booleans where texts should be": {schemas.String, arrow.FixedWidthTypes.Boolean, `[true]`, page.Column{}},
		"times in another unit":          {schemas.Timestamp, arrow.FixedWidthTypes.Timestamp_ms, `["2026-01-01T00:00:00Z"]`, page.Column{}},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			b := batch(t, tc.arrow, tc.values)
			tc.want.Name, tc.want.Type, tc.want.Rows = "c", tc.typ, b.NumRows()
			require.Equal(t, tc.want, sketched(tc.typ, 100, b))
		})
	}
}

func TestTimesSpreadOverBars(t *testing.T) {
	c := sketched(schemas.Timestamp, 100, batch(t, arrow.FixedWidthTypes.Timestamp_us, `["2026-01-01T00:00:00Z","2026-01-02T00:00:00Z","2026-01-01T00:30:00Z"]`))
	require.Len(t, c.Bars, 24)
	require.Equal(t, page.Bar{From: "2026-01-01 00:00:00", To: "2026-01-01 01:00:00", Count: 2}, c.Bars[0])
	require.Equal(t, page.Bar{From: "2026-01-01 23:00:00", To: "2026-01-02 00:00:00", Count: 1}, c.Bars[23])
}

func TestNaNIsANullAndInfinitiesAreNotInThePicture(t *testing.T) {
	b := array.NewFloat64Builder(memory.DefaultAllocator)
	defer b.Release()
	b.AppendValues([]float64{1, math.NaN(), math.Inf(1), 2, math.Inf(-1)}, nil)
	col := b.NewArray()
	defer col.Release()
	c := sketched(schemas.Double, 100, batchOf(t, col))
	require.Equal(t, []int64{5, 1, 4, 2}, []int64{c.Seen, c.Nulls, c.Distinct, c.Others})
	require.Equal(t, []page.Fact{{Name: "Least", Value: "-Inf"}, {Name: "Mean", Value: "none, with infinities"}, {Name: "Median", Value: "1.5"}, {Name: "Greatest", Value: "+Inf"}}, c.Facts)
	require.Equal(t, int64(2), total(c.Bars))
}

func TestExtremeNumbersHaveAPicture(t *testing.T) {
	tests := map[string]struct {
		typ    schemas.Type
		arrow  arrow.DataType
		values string
		ends   [2]string
	}{
		"the least and the greatest integer": {schemas.Long, arrow.PrimitiveTypes.Int64, `[-9223372036854775808,0,9223372036854775807]`, [2]string{"-9223372036854775808", "9223372036854775807"}},
		"great integers side by side":        {schemas.Long, arrow.PrimitiveTypes.Int64, `[9223372036854775806,9223372036854775807]`, [2]string{"9223372036854775806", "9223372036854775807"}},
		"the least and the greatest double":  {schemas.Double, arrow.PrimitiveTypes.Float64, `[-1.7976931348623157e308,0,1.7976931348623157e308]`, [2]string{"-1.79769e+308", "1.79769e+308"}},
		"the smallest doubles":               {schemas.Double, arrow.PrimitiveTypes.Float64, `[0,5e-324]`, [2]string{"0", "4.94066e-324"}},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			c := sketched(tc.typ, 100, batch(t, tc.arrow, tc.values))
			require.Equal(t, c.Seen, total(c.Bars))
			last := c.Bars[len(c.Bars)-1]
			if last.To == "" {
				last.To = last.From
			}
			require.Equal(t, tc.ends, [2]string{c.Bars[0].From, last.To})
		})
	}
}

func total(bars []page.Bar) int64 {
	var n int64
	for _, b := range bars {
		n += b.Count
	}
	return n
}

func TestOnlyTheFirstRowsAreLookedAt(t *testing.T) {
	c := sketched(schemas.Long, 3, batch(t, arrow.PrimitiveTypes.Int64, `[1,2]`), batch(t, arrow.PrimitiveTypes.Int64, `[3,4,null]`), batch(t, arrow.PrimitiveTypes.Int64, `[5]`))
	require.Equal(t, []int64{6, 3, 0, 3}, []int64{c.Rows, c.Seen, c.Nulls, c.Distinct})
	text := visible(written(t, dq.Document{}, []page.Column{c}))
	require.Contains(t, text, "of the first 3 rows of 6")
	require.Contains(t, text, "Distinct3 (of these)")
}

func TestWhatColumnsSay(t *testing.T) {
	tests := map[string]struct {
		column page.Column
		want   string
	}{
		"an exact count says so":    {sketched(schemas.Long, 9, batch(t, arrow.PrimitiveTypes.Int64, `[1,2,null]`)), "Rows3Nulls1 (33.33%)Distinct2 (exact)"},
		"an empty table":            {sketched(schemas.Long, 9), "The table has no rows."},
		"a column of nulls":         {sketched(schemas.Long, 9, batch(t, arrow.PrimitiveTypes.Int64, `[null]`)), "Every value is null."},
		"a column not looked at":    {sketched(schemas.Long, 9, batch(t, arrow.BinaryTypes.String, `["1"]`)), "No row of this column was looked at."},
		"a column of one value":     {sketched(schemas.Long, 9, batch(t, arrow.PrimitiveTypes.Int64, `[1,1]`)), "All values are alike."},
		"texts that are cut":        {sketched(schemas.String, 9, batch(t, arrow.BinaryTypes.String, `["`+strings.Repeat("é", 99)+`"]`)), strings.Repeat("é", 38) + "…"},
		"less frequent values":      {sketched(schemas.String, 99, batch(t, arrow.BinaryTypes.String, `["a","a","b","c","d","e","f","g","h"]`)), "2 rows have other values."},
		"a text that reads as null": {sketched(schemas.String, 9, batch(t, arrow.BinaryTypes.String, `["null"]`)), "&#34;null&#34;"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			require.Contains(t, visible(written(t, dq.Document{}, []page.Column{tc.column})), tc.want)
		})
	}
}

func TestAPictureHasWords(t *testing.T) {
	c := sketched(schemas.Long, 9, batch(t, arrow.PrimitiveTypes.Int64, `[1,2,2,3]`))
	require.Contains(t, written(t, dq.Document{}, []page.Column{c}), `role="img" aria-label="Histogram with 3 bars from 1 to 3. The highest, 2, has 2 of 4 values."`)
}

func TestAColumnSaysHowItsExpectationsFared(t *testing.T) {
	columns := page.NewSketch(&schemas.Schema{Fields: []schemas.Field{{Name: "id", Type: schemas.String}, {Name: "plan", Type: schemas.String}, {Name: "other", Type: schemas.String}}}, 1).Columns()
	text := visible(written(t, golden(t, "golden_SUMMARY.json"), columns))
	require.Contains(t, text, "idstring✕ 6 of 8 not met")
	require.Contains(t, text, "otherstring The table has no rows.")
}

// However a table comes in batches, its columns are the same, and each row of
// it is in one bar or among the others.
func TestBatchesDoNotMatter(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		n, bound := r.IntN(60), r.IntN(80)
		values := make([]string, n)
		for i := range values {
			values[i] = fmt.Sprint(r.IntN(1 + r.IntN(1000)))
			if r.IntN(5) == 0 {
				values[i] = "null"
			}
		}
		text := func(v []string) string { return "[" + strings.Join(v, ",") + "]" }
		at := r.IntN(n + 1)
		whole := sketched(schemas.Long, bound, batch(t, arrow.PrimitiveTypes.Int64, text(values)))
		parts := sketched(schemas.Long, bound, batch(t, arrow.PrimitiveTypes.Int64, text(values[:at])), batch(t, arrow.PrimitiveTypes.Int64, text(values[at:])))
		require.Equal(t, whole, parts)
		require.Equal(t, whole.Seen-whole.Nulls, total(whole.Bars)+whole.Others)
	}
}
