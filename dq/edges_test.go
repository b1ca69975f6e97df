package dq

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/autonomous-data-pipeline/adp/schemas"
)

const edgesTypes = `{"type":"record","name":"edges","fields":[
 {"name":"i","type":"long"},{"name":"d","type":["null","double"]},{"name":"s","type":["null","string"]},
 {"name":"f","type":"boolean"},{"name":"n","type":"long"}]}`

// rawResult keeps a result's text, so that the order of keys and the spelling
// of numbers are compared too.
type rawResult struct {
	Success   bool                       `json:"success"`
	Config    json.RawMessage            `json:"expectation_config"`
	Result    json.RawMessage            `json:"result"`
	Exception map[string]json.RawMessage `json:"exception_info"`
}

func compact(t testing.TB, raw json.RawMessage) string {
	t.Helper()
	var b bytes.Buffer
	require.NoError(t, json.Compact(&b, raw))
	return b.String()
}

func edges(t testing.TB) (*Program, Chunk) {
	t.Helper()
	s, err := schemas.Parse([]byte(edgesTypes))
	require.NoError(t, err)
	var suite Suite
	read(t, "edges_suite.json", &suite)
	p, err := Compile(suite, s)
	require.NoError(t, err)
	var rows []map[string]any
	read(t, "edges_input.json", &rows)
	return p, build(t, s, rows, 0, 0)
}

func TestEdgesAgreeWithGreatExpectationsToTheByteAndInItsOrder(t *testing.T) {
	for _, format := range []Format{Basic, Summary, Complete} {
		t.Run(string(format), func(t *testing.T) {
			p, chunk := edges(t)
			b, err := json.Marshal(p.Results(evaluate(t, p, chunk), Options{Format: format, BatchID: "p-customers", RowNumbers: true}))
			require.NoError(t, err)
			var got, want struct {
				Success    bool
				Results    []rawResult
				Statistics json.RawMessage
			}
			require.NoError(t, json.Unmarshal(b, &got))
			read(t, "edges_"+string(format)+".json", &want)
			require.Equal(t, want.Success, got.Success)
			require.Equal(t, compact(t, want.Statistics), compact(t, got.Statistics))
			require.Len(t, got.Results, len(want.Results))
			for i, w := range want.Results {
				g := got.Results[i]
				require.Equal(t, compact(t, w.Config), compact(t, g.Config), "result %d", i)
				require.Equal(t, w.Success, g.Success, string(w.Config))
				require.Equal(t, compact(t, w.Result), compact(t, g.Result), string(w.Config))
				for metric, raised := range g.Exception { // theirs names every metric that a missing column fails
					require.Contains(t, w.Exception, metric, string(w.Config))
					require.Equal(t, compact(t, w.Exception[metric]), compact(t, raised), string(w.Config))
				}
			}
		})
	}
}

func TestPlacesAreIndexColumnsUnlessRowsHaveNumbers(t *testing.T) {
	p, chunk := edges(t)
	chunk.Partition = 7
	doc := p.Results(evaluate(t, p, chunk), Options{})
	for _, r := range doc.Results {
		if r.Expectation.Type != "expect_column_values_to_be_between" || r.Expectation.Kwargs.Get("column") != "i" {
			continue
		}
		require.Equal(t, []string{"_partition", "_offset"}, r.Result.Get("unexpected_index_column_names"))
		places := r.Result.Get("partial_unexpected_index_list").([]any)
		require.Equal(t, Object{{"i", int64(0)}, {"_partition", int32(7)}, {"_offset", int64(0)}}, places[0])
		return
	}
	t.Fatal("the suite has lost its between of column i")
}
