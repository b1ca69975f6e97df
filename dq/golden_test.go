package dq

import (
	"encoding/json"
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/stretchr/testify/require"

	"github.com/autonomous-data-pipeline/adp/schemas"
)

// goldenTypes is the golden table as pandas sees it: a number column with a
// null is a float column.
const goldenTypes = `{"type":"record","name":"golden","fields":[
 {"name":"id","type":["null","string"]},{"name":"email","type":["null","string"]},{"name":"country","type":["null","string"]},
 {"name":"plan","type":["null","string"]},{"name":"age","type":["null","double"]},{"name":"monthly_spend","type":["null","double"]},
 {"name":"event_time","type":["null","string"]},{"name":"payload","type":["null","string"]},
 {"name":"a","type":["null","double"]},{"name":"b","type":["null","double"]}]}`

// build makes a chunk of rows, by the schema's types.
func build(t testing.TB, s *schemas.Schema, rows []map[string]any, partition int32, first int64) Chunk {
	t.Helper()
	var fields []arrow.Field
	for _, f := range s.Fields {
		typ := map[schemas.Type]arrow.DataType{
			schemas.String: arrow.BinaryTypes.String, schemas.Double: arrow.PrimitiveTypes.Float64,
			schemas.Long: arrow.PrimitiveTypes.Int64, schemas.Boolean: arrow.FixedWidthTypes.Boolean,
		}[f.Type]
		fields = append(fields, arrow.Field{Name: f.Name, Type: typ, Nullable: true})
	}
	b := array.NewRecordBuilder(memory.DefaultAllocator, arrow.NewSchema(fields, nil))
	defer b.Release()
	c := Chunk{Partition: partition}
	for n, row := range rows {
		c.Offsets = append(c.Offsets, first+int64(n))
		for i, f := range s.Fields {
			switch v := row[f.Name].(type) {
			case nil:
				b.Field(i).AppendNull()
			case string:
				b.Field(i).(*array.StringBuilder).Append(v)
			case bool:
				b.Field(i).(*array.BooleanBuilder).Append(v)
			case float64:
				if f.Type == schemas.Long {
					b.Field(i).(*array.Int64Builder).Append(int64(v))
				} else {
					b.Field(i).(*array.Float64Builder).Append(v)
				}
			}
		}
	}
	c.Record = b.NewRecordBatch()
	t.Cleanup(c.Record.Release)
	return c
}

// evaluate runs a suite over chunks, with the second look, as a batch would.
func evaluate(t testing.TB, p *Program, chunks ...Chunk) *Profile {
	t.Helper()
	return gathered(t, p, Gathering{}, chunks...)
}

func gathered(t testing.TB, p *Program, how Gathering, chunks ...Chunk) *Profile {
	t.Helper()
	prof := p.NewProfile(how)
	for _, c := range chunks {
		prof.Observe(c, nil)
	}
	look(t, prof, chunks)
	return prof
}

// look settles a profile, and looks a second time at the chunks that need it.
func look(t testing.TB, prof *Profile, chunks []Chunk) {
	t.Helper()
	require.NoError(t, prof.Settle())
	for _, c := range chunks {
		if n := len(c.Offsets); n == 0 || !prof.NeedsLook(func(set *Positions) bool { return set.Touches(c.Partition, c.Offsets[0], c.Offsets[n-1]) }) {
			continue
		}
		_, err := prof.Look(c, nil)
		require.NoError(t, err)
	}
}

func read(t testing.TB, name string, v any) {
	t.Helper()
	b, err := os.ReadFile("testdata/" + name)
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(b, v))
}

type goldenExpectation struct {
	Type     string         `json:"type"`
	Kwargs   map[string]any `json:"kwargs"`
	Meta     map[string]any `json:"meta"`
	Notes    any            `json:"notes"`
	ID       string         `json:"id"`
	Severity Severity       `json:"severity"`
}

func goldenProgram(t testing.TB) (*Program, Chunk) {
	t.Helper()
	s, err := schemas.Parse([]byte(goldenTypes))
	require.NoError(t, err)
	var golden struct{ Expectations []goldenExpectation }
	read(t, "golden_suite.json", &golden)
	suite := Suite{Name: "golden"}
	for _, e := range golden.Expectations {
		for k, v := range e.Kwargs {
			if f, ok := v.(float64); ok && f == float64(int64(f)) {
				e.Kwargs[k] = int64(f) // as YAML gives whole numbers
			}
		}
		suite.Expectations = append(suite.Expectations, Expectation{
			Type: e.Type, Kwargs: e.Kwargs, Meta: e.Meta, Notes: e.Notes, ID: e.ID, Severity: e.Severity,
		})
	}
	p, err := Compile(suite, s)
	require.NoError(t, err)
	var rows []map[string]any
	read(t, "golden_input.json", &rows)
	return p, build(t, s, rows, 0, 0)
}

func TestResultsAgreeWithGreatExpectations(t *testing.T) {
	for _, format := range []Format{BooleanOnly, Basic, Summary, Complete} {
		t.Run(string(format), func(t *testing.T) {
			p, chunk := goldenProgram(t)
			doc := p.Results(evaluate(t, p, chunk), Options{Format: format, BatchID: "p-customers", RowNumbers: true})
			b, err := json.Marshal(doc)
			require.NoError(t, err)
			var got, want map[string]any
			require.NoError(t, json.Unmarshal(b, &got))
			read(t, "golden_"+string(format)+".json", &want)

			theirs := map[string]map[string]any{}
			for _, r := range want["results"].([]any) {
				r := r.(map[string]any)
				theirs[r["expectation_config"].(map[string]any)["id"].(string)] = r
			}
			compared := 0
			for _, r := range got["results"].([]any) {
				ours := r.(map[string]any)
				id := ours["expectation_config"].(map[string]any)["id"].(string)
				require.Contains(t, theirs, id)
				compare(t, theirs[id], ours)
				compared++
			}
			require.Equal(t, len(theirs), compared)
		})
	}
}

// compare looks at everything but the key of an exception, which names an
// internal of theirs.
func compare(t *testing.T, want, got map[string]any) {
	t.Helper()
	name := want["expectation_config"].(map[string]any)["type"].(string)
	if name == "expect_column_values_to_match_like_pattern" { // theirs runs on SQL alone
		require.Equal(t, "No provider found for column_values.match_like_pattern.unexpected_count using PandasExecutionEngine", message(want))
		require.Nil(t, message(got))
		return
	}
	require.Equal(t, message(want), message(got), name)
	delete(want, "exception_info")
	delete(got, "exception_info")
	if name == "expect_column_stdev_to_be_between" { // theirs rounds at each step
		w, g := want["result"].(map[string]any), got["result"].(map[string]any)
		if w["observed_value"] != nil {
			require.InEpsilon(t, w["observed_value"], g["observed_value"], 1e-12)
			g["observed_value"] = w["observed_value"]
		}
	}
	if !reflect.DeepEqual(want, got) {
		require.Equal(t, want, got, name)
	}
}

func message(r map[string]any) any {
	info := r["exception_info"].(map[string]any)
	if m, ok := info["exception_message"]; ok {
		return m
	}
	for _, v := range info {
		return v.(map[string]any)["exception_message"]
	}
	return nil
}

func TestResultsComeInGreatExpectationsOrder(t *testing.T) {
	p, chunk := goldenProgram(t)
	doc := p.Results(evaluate(t, p, chunk), Options{})
	// Those that raised come first. Theirs come in the order in which their
	// metrics were computed, which says nothing; ours in the suite's.
	ours, raised := map[string]int{}, 0
	for i, r := range doc.Results {
		if len(r.Result) == 0 && r.Exception.Get("exception_message") == nil && len(r.Exception) == 1 {
			require.Equal(t, raised, i, "an exception comes after a result")
			raised++
			continue
		}
		ours[r.Expectation.ID] = i
	}
	require.Equal(t, 3, raised)
	var want struct{ Results []map[string]any }
	read(t, "golden_SUMMARY.json", &want)
	last := -1
	for _, r := range want.Results {
		if message(r) != nil || ours[r["expectation_config"].(map[string]any)["id"].(string)] < raised {
			continue
		}
		i, ok := ours[r["expectation_config"].(map[string]any)["id"].(string)]
		require.True(t, ok)
		require.Greater(t, i, last, "result %v is out of order", r["expectation_config"])
		last = i
	}
	require.Equal(t, len(doc.Results)-1, last)
}

func TestKeysComeInGreatExpectationsOrder(t *testing.T) {
	p, chunk := goldenProgram(t)
	b, err := json.Marshal(p.Results(evaluate(t, p, chunk), Options{}))
	require.NoError(t, err)
	at := -1
	for _, key := range []string{`{"success"`, `"results"`, `"suite_name"`, `"suite_parameters"`, `"statistics"`, `"great_expectations_version"`} {
		i := strings.LastIndex(string(b), key)
		require.Greater(t, i, at, key)
		if key != `{"success"` {
			at = i
		}
	}
}

func TestReadingBackGreatExpectationsOwnDocuments(t *testing.T) {
	b, err := os.ReadFile("testdata/golden_SUMMARY.json")
	require.NoError(t, err)
	doc, err := ReadDocument(b)
	require.NoError(t, err)
	require.Len(t, doc.Failed(), 44)
	var found bool
	for _, f := range doc.Failed() {
		if f.Type == "expect_column_values_to_be_unique" {
			found = true
			require.True(t, f.RowLevel)
			require.Equal(t, "id", f.Column)
			require.InDelta(t, 18.18, f.UnexpectedPercent, 0.01)
		}
	}
	require.True(t, found)
}
