package pages

import (
	"encoding/json"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/autonomous-data-pipeline/adp/batch"
	"github.com/autonomous-data-pipeline/adp/pipeline"
)

func TestRowsBecomeAMapping(t *testing.T) {
	tests := map[string]struct {
		rows []mendRow
		want string
	}{
		"no row is no mapping":                {nil, "null"},
		"each way":                            {[]mendRow{{"rename", "mail", "email"}, {"cast", "age", "long"}, {"add", "tier", ""}}, `{"rename":{"mail":"email"},"cast":{"age":"long"},"add":["tier"]}`},
		"a default is JSON":                   {[]mendRow{{"default", "age", "40"}, {"default", "plan", `"pro"`}}, `{"default":{"age":40,"plan":"pro"}}`},
		"what isn't JSON is text":             {[]mendRow{{"default", "plan", `pro "x"`}}, `{"default":{"plan":"pro \"x\""}}`},
		"one field may be mended in two ways": {[]mendRow{{"cast", "age", "long"}, {"default", "age", "0"}}, `{"cast":{"age":"long"},"default":{"age":0}}`},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			m, err := mappingOf(tc.rows)
			require.NoError(t, err)
			got, err := json.Marshal(m)
			require.NoError(t, err)
			require.JSONEq(t, tc.want, string(got))
		})
	}
}

// Whatever is filled in gives a mapping or says why not, and a mapping that can
// be applied is the same again after a look at its rows.
func FuzzMapping(f *testing.F) {
	f.Add("rename", "mail", "email", "default", "age", "40")
	f.Add("cast", "age", "long", "add", "tier", "")
	f.Add("default", "a", "null", "default", "b", `"`)
	f.Add("default", "a", "\xff", "rename", "<script>", `'"><img>`)
	f.Fuzz(func(t *testing.T, op1, field1, value1, op2, field2, value2 string) {
		rows, err := readRows([]string{op1, op2}, []string{field1, field2}, []string{value1, value2})
		require.NoError(t, err)
		m, err := mappingOf(rows)
		if err != nil {
			require.Equal(t, pipeline.BadData, pipeline.KindOf(err))
			return
		}
		if m == nil || batch.Mapping(*m).Validate() != nil {
			return
		}
		again, err := mappingOf(rowsOf(m))
		require.NoError(t, err)
		require.Equal(t, m, again)
	})
}

func TestBarsAreInProportion(t *testing.T) {
	b := barsOf([]int{0, 1, 2, 40})
	require.Equal(t, 40, b.Max)
	require.Len(t, b.Bars, 4)
	before := -1.0
	for _, c := range b.Bars {
		y, err := strconv.ParseFloat(c.Y, 64)
		require.NoError(t, err)
		height, err := strconv.ParseFloat(c.Height, 64)
		require.NoError(t, err)
		require.InDelta(t, barHeight, y+height, 0.11, "it stands on the ground")
		require.GreaterOrEqual(t, height, before)
		before = height
	}
	require.InDelta(t, barHeight, before, 0.01, "the greatest fills the height")
	require.Empty(t, barsOf(nil).Bars)
}
