package tabular

import (
	"compress/gzip"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/pqarrow"
	"github.com/stretchr/testify/require"

	"github.com/autonomous-data-pipeline/adp/dq"
	"github.com/autonomous-data-pipeline/adp/pipeline"
)

// put writes a file into a new folder.
func put(t testing.TB, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

// rowsOf reads a table as texts, a row a line; nil is a null.
func rowsOf(t testing.TB, table *Table, columns []string) [][]string {
	t.Helper()
	var out [][]string
	next := int64(0)
	require.NoError(t, table.Read(context.Background(), columns, func(c dq.Chunk) error {
		for i, offset := range c.Offsets {
			require.Equal(t, next, offset)
			next++
			row := []string{}
			for _, col := range c.Record.Columns() {
				if col.IsNull(i) {
					row = append(row, "nil")
				} else if d, ok := col.(*array.Dictionary); ok {
					row = append(row, d.Dictionary().ValueStr(d.GetValueIndex(i)))
				} else {
					row = append(row, col.ValueStr(i))
				}
			}
			out = append(out, row)
		}
		return nil
	}))
	return out
}

func typesOf(table *Table) map[string]string {
	out := map[string]string{}
	for _, f := range table.Schema().Fields {
		out[f.Name] = string(f.Type)
	}
	return out
}

func TestColumnsHaveTheTypeThatAllTheirValuesHave(t *testing.T) {
	tests := map[string]struct {
		name, text string
		types      map[string]string
		rows       [][]string
	}{
		"CSV": {"a.csv", "i,d,b,s,none\n1,1.5,True,x,\n, 2 ,False,\"a,\"\"b\",NA\n-3,,,NULL,\n",
			map[string]string{"i": "long", "d": "double", "b": "boolean", "s": "string", "none": "double"},
			[][]string{{"1", "1.5", "true", "x", "nil"}, {"nil", "2", "false", `a,"b`, "nil"}, {"-3", "nil", "nil", "nil", "nil"}}},
		"a CSV with a mark, and a row too short": {"a.csv", "\ufeffa,b\n1\n2,x\n", map[string]string{"a": "long", "b": "string"}, [][]string{{"1", "nil"}, {"2", "x"}}},
		"an integer beyond 64 bits is a double":  {"a.csv", "a\n1\n99999999999999999999\n", map[string]string{"a": "double"}, [][]string{{"1"}, {"1e+20"}}},
		"tabs separate in TSV":                   {"a.tsv", "a\tb\n1\tx,y\n", map[string]string{"a": "long", "b": "string"}, [][]string{{"1", "x,y"}}},
		"JSON lines": {"a.ndjson", `{"i":1,"d":1,"b":true,"s":"x","o":{"b":[1,2]}}` + "\n" + `{"d":2.5,"i":null,"new":7}` + "\n",
			map[string]string{"i": "long", "d": "double", "b": "boolean", "s": "string", "o": "json", "new": "long"},
			[][]string{{"1", "1", "true", "x", `{"b":[1,2]}`, "nil"}, {"nil", "2.5", "nil", "nil", "nil", "7"}}},
		"a list of objects":                    {"a.json", ` [{"a":1},` + "\n" + `{"a":2}]`, map[string]string{"a": "long"}, [][]string{{"1"}, {"2"}}},
		"values of several kinds become texts": {"a.jsonl", `{"a":1}{"a":"x"}{"a":true}{"a":null}{"a":[1]}`, map[string]string{"a": "string"}, [][]string{{"1"}, {"x"}, {"true"}, {"nil"}, {"[1]"}}},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			table, err := Open([]string{put(t, tc.name, tc.text)})
			require.NoError(t, err)
			require.Equal(t, tc.types, typesOf(table))
			require.Equal(t, tc.rows, rowsOf(t, table, nil))
			require.Equal(t, tc.rows, rowsOf(t, table, nil), "a table can be read again")
		})
	}
}

func TestAFileThatIsNotWhatItSaysIsRefused(t *testing.T) {
	tests := map[string]struct{ name, text, want string }{
		"no Parquet":             {"a.parquet", "a,b\n1,2\n", "no whole Parquet file"},
		"no gzip":                {"a.csv.gz", "a,b\n", "no gzip file"},
		"an empty CSV":           {"a.csv", "", "the first line must name the columns"},
		"a column twice":         {"a.csv", "a,b,a\n", `"a" twice`},
		"a row too long":         {"a.csv", "a,b\n1,2\n3,4,5\n", "line 3 has 3 cells, the header 2"},
		"a quote that stays":     {"a.csv", "a\n\"x\n", "line 2"},
		"no UTF-8":               {"a.csv", "a\n\xff\n", "line 2"},
		"broken JSON":            {"a.ndjson", "{\"a\":1}\n{\"a\":\n", "object 2"},
		"a number is no object":  {"a.ndjson", "{\"a\":1}\n5\n", "object 2"},
		"null is no object":      {"a.ndjson", "null\n", "null is no object"},
		"JSON without an object": {"a.json", "[]", "no JSON object"},
		"an unknown name":        {"a.xml", "<a/>", "must end in .parquet"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := Open([]string{put(t, tc.name, tc.text)})
			require.ErrorContains(t, err, tc.want)
			require.ErrorContains(t, err, tc.name)
			require.Equal(t, pipeline.BadData, pipeline.KindOf(err))
		})
	}
	_, err := Open([]string{filepath.Join(t.TempDir(), "*.csv")})
	require.Equal(t, pipeline.Misconfigured, pipeline.KindOf(err))
}

func TestSeveralFilesAreOneTable(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{"1.csv": "a,b\n1,x\n2,y\n", "2.ndjson": `{"b":"z","a":2.5}`, ".hidden.csv": "c\n1\n", "_SUCCESS": ""} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
	want := [][]string{{"1", "x"}, {"2", "y"}, {"2.5", "z"}}
	for _, names := range [][]string{{dir}, {filepath.Join(dir, "[12].*")}, {filepath.Join(dir, "1.csv"), filepath.Join(dir, "2.ndjson")}} {
		table, err := Open(names)
		require.NoError(t, err)
		require.Equal(t, "double", typesOf(table)["a"], "the type that holds both files' values")
		require.Equal(t, want, rowsOf(t, table, nil))
		require.Equal(t, [][]string{{"x"}, {"y"}, {"z"}}, rowsOf(t, table, []string{"b"}))
	}
	for text, want := range map[string]string{"a\n1\n": "has 2 columns, the second 1", "a,c\n1,2\n": `has no column "c"`, "a,b\n1,2\n": `column "b" is string in the first and long`} {
		_, err := Open([]string{filepath.Join(dir, "1.csv"), put(t, "other.csv", text)})
		require.ErrorContains(t, err, want)
	}
}

func TestTheReadersOwnErrorEndsReading(t *testing.T) {
	stop := errors.New("enough")
	for _, path := range []string{put(t, "a.csv", "a\n1\n"), put(t, "a.ndjson", `{"a":1}`), parquetOf(t, arrow.PrimitiveTypes.Int64, `[1]`)} {
		table, err := Open([]string{path})
		require.NoError(t, err)
		require.ErrorIs(t, table.Read(context.Background(), nil, func(dq.Chunk) error { return stop }), stop)
		require.Panics(t, func() { _ = table.Read(context.Background(), nil, func(dq.Chunk) error { panic("the caller's own") }) })
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		require.ErrorIs(t, table.Read(ctx, nil, func(dq.Chunk) error { return nil }), context.Canceled)
		rows := 0
		require.NoError(t, table.Read(context.Background(), []string{}, func(c dq.Chunk) error { rows += len(c.Offsets); return nil }))
		require.Equal(t, 1, rows, "rows without columns are rows")
	}
}

// parquetOf writes a file with a column a.
func parquetOf(t testing.TB, typ arrow.DataType, values string) string {
	t.Helper()
	col, _, err := array.FromJSON(memory.DefaultAllocator, typ, strings.NewReader(values))
	require.NoError(t, err)
	schema := arrow.NewSchema([]arrow.Field{{Name: "a", Type: typ, Nullable: true}}, nil)
	path := filepath.Join(t.TempDir(), "a.parquet")
	f, err := os.Create(path)
	require.NoError(t, err)
	w, err := pqarrow.NewFileWriter(schema, f, parquet.NewWriterProperties(), pqarrow.NewArrowWriterProperties(pqarrow.WithStoreSchema()))
	require.NoError(t, err)
	require.NoError(t, w.Write(array.NewRecordBatch(schema, []arrow.Array{col}, int64(col.Len()))))
	require.NoError(t, w.Close())
	return path
}

func TestEveryTypeOfParquetIsRead(t *testing.T) {
	tests := map[string]struct {
		typ    arrow.DataType
		values string
		want   string
		rows   [][]string
	}{
		"small integers":   {arrow.PrimitiveTypes.Int8, `[1,null]`, "int", [][]string{{"1"}, {"nil"}}},
		"unsigned":         {arrow.PrimitiveTypes.Uint32, `[4294967295]`, "long", [][]string{{"4294967295"}}},
		"large unsigned":   {arrow.PrimitiveTypes.Uint64, `[18446744073709551615]`, "double", [][]string{{"1.8446744073709552e+19"}}},
		"floats":           {arrow.PrimitiveTypes.Float32, `[1.5]`, "double", [][]string{{"1.5"}}},
		"decimals":         {&arrow.Decimal128Type{Precision: 10, Scale: 2}, `["12.34"]`, "double", [][]string{{"12.34"}}},
		"milliseconds":     {arrow.FixedWidthTypes.Timestamp_ms, `[1767323045678]`, "timestamp", [][]string{{"2026-01-02T03:04:05.678Z"}}},
		"nanoseconds":      {arrow.FixedWidthTypes.Timestamp_ns, `[1767323045000001000]`, "timestamp", [][]string{{"2026-01-02T03:04:05.000001Z"}}},
		"days":             {arrow.FixedWidthTypes.Date32, `["2026-01-02"]`, "date", [][]string{{"2026-01-02"}}},
		"large texts":      {arrow.BinaryTypes.LargeString, `["x"]`, "string", [][]string{{"x"}}},
		"lists":            {arrow.ListOf(arrow.PrimitiveTypes.Int64), `[[1,2],null]`, "json", [][]string{{"[1,2]"}, {"nil"}}},
		"no rows":          {arrow.BinaryTypes.String, `[]`, "string", nil},
		"nothing but null": {arrow.BinaryTypes.String, `[null,null]`, "string", [][]string{{"nil"}, {"nil"}}},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			table, err := Open([]string{parquetOf(t, tc.typ, tc.values)})
			require.NoError(t, err)
			require.Equal(t, tc.want, typesOf(table)["a"])
			require.Equal(t, tc.rows, rowsOf(t, table, nil))
		})
	}
}

func TestDamagedParquetIsAnErrorNeverAPanic(t *testing.T) {
	path := parquetOf(t, arrow.BinaryTypes.String, `["one","two",null,"one","three"]`)
	whole, err := os.ReadFile(path)
	require.NoError(t, err)
	for at := range whole {
		bent := append([]byte{}, whole...)
		bent[at] ^= 0xff
		require.NoError(t, os.WriteFile(path, bent, 0o600))
		table, err := Open([]string{path})
		if err == nil {
			err = table.Read(context.Background(), nil, func(c dq.Chunk) error {
				for i := range c.Offsets {
					_ = c.Record.Column(0).ValueStr(i)
				}
				return nil
			})
		}
		if err != nil {
			require.Equal(t, pipeline.BadData, pipeline.KindOf(err), "byte %d: %v", at, err)
		}
	}
}

// The same rows are the same table, whatever they are written in, across the
// borders of chunks.
func TestFormatsGiveTheSameRows(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 7))
	dir := t.TempDir()
	jf, err := os.Create(filepath.Join(dir, "a.ndjson"))
	require.NoError(t, err)
	cf, err := os.Create(filepath.Join(dir, "a.csv.gz"))
	require.NoError(t, err)
	z := gzip.NewWriter(cf)
	cw, enc := csv.NewWriter(z), json.NewEncoder(jf)
	require.NoError(t, cw.Write([]string{"i", "d", "s"}))
	for n := range rowsAtOnce + 100 {
		row := map[string]any{"i": n - 50, "d": float64(r.IntN(1000)) / 8, "s": strings.Repeat("é\n\"", r.IntN(3)) + "x"}
		cells := []string{fmt.Sprint(row["i"]), fmt.Sprint(row["d"]), fmt.Sprint(row["s"])}
		for i, name := range []string{"i", "d", "s"} {
			if r.IntN(5) == 0 {
				row[name], cells[i] = nil, ""
			}
		}
		require.NoError(t, cw.Write(cells))
		require.NoError(t, enc.Encode([]any{row}[0]))
	}
	cw.Flush()
	require.NoError(t, errors.Join(cw.Error(), z.Close(), cf.Close(), jf.Close()))
	ct, err := Open([]string{cf.Name()})
	require.NoError(t, err)
	jt, err := Open([]string{jf.Name()})
	require.NoError(t, err)
	require.Equal(t, typesOf(ct), typesOf(jt))
	for _, column := range []string{"i", "d", "s"} {
		a, b := rowsOf(t, ct, []string{column}), rowsOf(t, jt, []string{column})
		require.Len(t, a, rowsAtOnce+100)
		require.Equal(t, a, b)
	}
}

func fuzzFile(f *testing.F, name string, seeds ...string) {
	for _, s := range seeds {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		path := filepath.Join(t.TempDir(), name)
		require.NoError(t, os.WriteFile(path, b, 0o600))
		table, err := Open([]string{path})
		if err != nil {
			require.Equal(t, pipeline.BadData, pipeline.KindOf(err))
			return
		}
		rowsOf(t, table, nil)
	})
}

func FuzzCSV(f *testing.F) { fuzzFile(f, "a.csv", "a,b\n1,\"x\"\n,2.5\n", "a\nTrue\nNA\n") }

func FuzzJSON(f *testing.F) {
	fuzzFile(f, "a.ndjson", `{"a":1,"b":"x"}{"a":null}`, `[{"a":[1,{"b":2}]},{"a":1e400}]`)
}
