package files

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/autonomous-data-pipeline/adp/pipeline"
	"github.com/autonomous-data-pipeline/adp/schemas"
	"github.com/autonomous-data-pipeline/adp/source"
)

func testSchema(t testing.TB) *schemas.Schema {
	t.Helper()
	s, err := schemas.Parse([]byte(`{"type":"record","name":"row","fields":[
		{"name":"b","type":["null","boolean"]},
		{"name":"i","type":["null","int"]},
		{"name":"l","type":["null","long"]},
		{"name":"d","type":["null","double"]},
		{"name":"s","type":["null","string"]},
		{"name":"t","type":["null",{"type":"long","logicalType":"timestamp-millis"}]},
		{"name":"day","type":["null",{"type":"int","logicalType":"date"}]},
		{"name":"j","type":["null",{"type":"string","adp.type":"json"}]}]}`))
	require.NoError(t, err)
	return s
}

// records decodes a text as a whole, through a reader of the test's choice.
func records(t testing.TB, s *Source, format string, src io.Reader) ([]string, error) {
	t.Helper()
	d, err := s.textDecoder(io.NopCloser(src), format, false, 0, nil)
	if err != nil {
		return nil, err
	}
	var out []string
	for {
		value, err := d.next()
		if err == io.EOF { //nolint:errorlint // a decoder's io.EOF is never wrapped
			return out, d.close()
		}
		if err != nil {
			return out, err
		}
		out = append(out, string(value))
	}
}

func decoderOf(t testing.TB, limit int) *Source {
	t.Helper()
	return newSource(DefaultConfig(), Options{Schema: testSchema(t), MaxRecordBytes: limit}, nil)
}

func TestText(t *testing.T) {
	long := strings.Repeat("x", 30)
	tests := map[string]struct {
		format string
		text   string
		want   []string
	}{
		"a line is a record":                              {NDJSON, "{\"a\":1}\n{\"a\":2}\n", []string{`{"a":1}`, `{"a":2}`}},
		"the last line may lack its end":                  {NDJSON, "1\n2", []string{"1", "2"}},
		"lines may end as on Windows":                     {NDJSON, "1\r\n2\r\n3\r", []string{"1", "2", "3"}},
		"a carriage return inside of a line stays":        {NDJSON, "1\r2\n", []string{"1\r2"}},
		"empty lines are no records":                      {NDJSON, "\n\n1\n\r\n2\n\n", []string{"1", "2"}},
		"a line of spaces is for the engine to judge":     {NDJSON, " \n", []string{" "}},
		"a byte order mark is no data":                    {NDJSON, "\ufeff1\n", []string{"1"}},
		"a byte order mark elsewhere is":                  {NDJSON, "1\n\ufeff2\n", []string{"1", "\ufeff2"}},
		"nothing is no record":                            {NDJSON, "", nil},
		"a line of the greatest length comes whole":       {NDJSON, long[:20] + "\n2\n", []string{long[:20], "2"}},
		"of a longer one its beginning, a byte too long":  {NDJSON, "1\n" + long + "\n2\n", []string{"1", long[:21], "2"}},
		"at the end too":                                  {NDJSON, long, []string{long[:21]}},
		"a row is an object of its header's fields":       {CSV, "s,x\na,b\n", []string{`{"s":"a","x":"b"}`}},
		"rows may end as on Windows, the last not at all": {CSV, "s\r\na\r\nb", []string{`{"s":"a"}`, `{"s":"b"}`}},
		"an empty cell is null, a quoted one is a string": {CSV, "s,x,l\n,\"\",\"\"\n", []string{`{"s":null,"x":"","l":null}`}},
		"a last empty cell counts":                        {CSV, "s,x\na,", []string{`{"s":"a","x":null}`}},
		"quotes hold delimiters, lines and quotes":        {CSV, "s\n\"a,\n\"\"b\"\"\"\n", []string{`{"s":"a,\u000a\"b\""}`}},
		"quotes in the header":                            {CSV, "\"a\"\"b\"\nx\n", []string{`{"a\"b":"x"}`}},
		"empty rows are no records":                       {CSV, "s\n\na\n\r\n\n", []string{`{"s":"a"}`}},
		"a header alone has no records":                   {CSV, "s,x", nil},
		"an empty file has none either":                   {CSV, "", nil},
		"a byte order mark isn't in the header":           {CSV, "\ufeffs\na\n", []string{`{"s":"a"}`}},
		"cells are what their fields' types say":          {CSV, "b,i,l,d\ntrue,1,-2,3.5e1\nFALSE,0,9,7\n", []string{`{"b":true,"i":1,"l":-2,"d":3.5e1}`, `{"b":false,"i":0,"l":9,"d":7}`}},
		"what isn't stays a string":                       {CSV, "b,i,l,d\nyes,1.5,012,NaN\n1,+1,0x1,1_0\n", []string{`{"b":"yes","i":"1.5","l":"012","d":"NaN"}`, `{"b":"1","i":"+1","l":"0x1","d":"1_0"}`}},
		"a number with spaces is a string":                {CSV, "l,d\n 1,1 \n", []string{`{"l":" 1","d":"1 "}`}},
		"times are numbers or text":                       {CSV, "t,day\n12,3\n2026-01-02T03:04:05Z,2026-01-02\n", []string{`{"t":12,"day":3}`, `{"t":"2026-01-02T03:04:05Z","day":"2026-01-02"}`}},
		"JSON in a cell is JSON":                          {CSV, "j\n\"{\"\"a\"\":[1]}\"\n{a}\n", []string{`{"j":{"a":[1]}}`, `{"j":"{a}"}`}},
		"a number in a string field is a string":          {CSV, "s,x\n1,2\n", []string{`{"s":"1","x":"2"}`}},
		"a row with a cell too few is given as it is":     {CSV, "s,x\na\nb,c\n", []string{"a", `{"s":"b","x":"c"}`}},
		"a row with a cell too many too":                  {CSV, "s\na,\"b\"\nc\n", []string{`a,"b"`, `{"s":"c"}`}},
		"a stray quote costs its own line only":           {CSV, "s\na\"b\nc\n", []string{`a"b`, `{"s":"c"}`}},
		"so does a letter behind a quote":                 {CSV, "s\n\"a\"b\nc\n", []string{`"a"b`, `{"s":"c"}`}},
		"so does a quote that is never closed":            {CSV, "s\n\"a\nb\nc\n", []string{`"a`, `{"s":"b"}`, `{"s":"c"}`}},
		"also if the file goes on beyond any record":      {CSV, "s\n\"a\nb\n" + strings.Repeat("c\n", 30), append([]string{`"a`, `{"s":"b"}`}, slices.Repeat([]string{`{"s":"c"}`}, 30)...)},
		"a row that is too long is cut off":               {CSV, "s\n" + long + "\nb\n", []string{long[:21], `{"s":"b"}`}},
		"control characters are escaped":                  {CSV, "s\n\x01\t\\\n", []string{`{"s":"\u0001\u0009\\"}`}},
		"bytes that are no UTF-8 stay, for the engine":    {CSV, "s\n\xff\n", []string{"{\"s\":\"\xff\"}"}},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			limit := 20
			if len(tc.text) > 30 && tc.format == CSV && !strings.Contains(tc.text, long) && !strings.Contains(tc.text, "c\nc\n") {
				limit = 1000
			}
			for how, src := range map[string]io.Reader{
				"at once": strings.NewReader(tc.text), "byte by byte": iotest.OneByteReader(strings.NewReader(tc.text)),
				"with the end": iotest.DataErrReader(strings.NewReader(tc.text)),
			} {
				got, err := records(t, decoderOf(t, limit), tc.format, src)
				require.NoError(t, err, how)
				require.Equal(t, tc.want, got, how)
			}
		})
	}
}

func TestAHeaderThatNamesNoFieldsIsRefused(t *testing.T) {
	for name, tc := range map[string]struct{ text, says string }{
		"an empty name":    {"a,,b\n1,2,3\n", "number 2"},
		"a name twice":     {"a,b,a\n", `"a" twice`},
		"a quote gone bad": {"a\"b\n1\n", `"a\"b"`},
	} {
		_, err := records(t, decoderOf(t, 0), CSV, strings.NewReader(tc.text))
		require.ErrorContains(t, err, tc.says, name)
		require.True(t, damaged(err), name)
	}
}

func TestAReadErrorIsNoEnd(t *testing.T) {
	broken := io.MultiReader(strings.NewReader("a\n1\n2"), iotest.ErrReader(io.ErrClosedPipe))
	for _, format := range []string{NDJSON, CSV} {
		_, err := records(t, decoderOf(t, 0), format, broken)
		require.ErrorIs(t, err, io.ErrClosedPipe, format)
		broken = io.MultiReader(strings.NewReader("a\n1\n2"), iotest.ErrReader(io.ErrClosedPipe))
	}
}

// readAll collects a range's values.
func readAll(t testing.TB, s *Source, topic string, r pipeline.Range) ([]string, error) {
	t.Helper()
	var out []string
	err := s.Read(t.Context(), topic, r, func(records []source.Record) error {
		for _, rec := range records {
			out = append(out, string(rec.Value))
		}
		return nil
	})
	return out, err
}

// A file of any format gives the same records wherever a read begins.
func TestAReadMayBeginAnywhere(t *testing.T) {
	const n = 60_000
	var ndjson, csvText strings.Builder
	values, want, wantCSV := make([][]byte, n), make([]string, n), make([]string, n)
	csvText.WriteString("id,text\r\n")
	for i := range n {
		text := fmt.Sprintf("%090d", i)
		values[i] = []byte(text)
		want[i] = fmt.Sprintf(`{"v":"%s"}`, text)
		ndjson.WriteString(want[i] + "\n")
		wantCSV[i] = fmt.Sprintf(`{"id":"%d","text":"%s\u000a"}`, i, text)
		fmt.Fprintf(&csvText, "%d,\"%s\n\"\r\n", i, text)
	}
	files := map[string]struct {
		data []byte
		want []string
	}{
		"a.ndjson":    {[]byte(ndjson.String()), want},
		"a.ndjson.gz": {zipped(t, []byte(ndjson.String())), want},
		"a.csv":       {[]byte(csvText.String()), wantCSV},
		"a.parquet":   {parquetFile(t, values, 7_000), want},
	}
	for name, f := range files {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			folder := filepath.Join(dir, "topic")
			mkdir(t, folder)
			put(t, filepath.Join(folder, name), f.data, time.UnixMilli(1000))
			s := newTestSource(t, dir, nil)
			log, err := s.List(t.Context(), "topic", nil)
			require.NoError(t, err)
			require.Equal(t, []pipeline.Range{{Start: 0, End: n}}, log)
			r := rand.New(rand.NewPCG(1, 2))
			for range 12 {
				from := r.Int64N(n)
				to := min(n, from+1+r.Int64N(2_000))
				got, err := readAll(t, s, "topic", pipeline.Range{Start: from, End: to})
				require.NoError(t, err)
				require.True(t, slices.Equal(f.want[from:to], got), "from %d to %d", from, to)
			}
		})
	}
}

// What a read in the middle costs doesn't grow with the file.
func TestAReadInTheMiddlePassesOverLittle(t *testing.T) {
	line := strings.Repeat("y", 999) + "\n"
	const n = 20_000 // 20 MB
	for _, ending := range []string{".ndjson", ".csv"} {
		dir := t.TempDir()
		mkdir(t, filepath.Join(dir, "topic"))
		put(t, filepath.Join(dir, "topic", "big"+ending), []byte("h\n"+strings.Repeat(line, n)), time.UnixMilli(1000))
		s := newTestSource(t, dir, nil)
		_, err := s.Bounds(t.Context(), "topic")
		require.NoError(t, err)
		var read int64
		counted := newSource(s.config, Options{}, metered{s.store, &read})
		got, err := readAll(t, counted, "topic", pipeline.Range{Start: n - 1_000, End: n - 999})
		require.NoError(t, err)
		require.Len(t, got, 1)
		require.Less(t, read, int64(markBytes+3*windowBytes), ending)
	}
}

// metered counts the bytes that are read.
type metered struct {
	store
	n *int64
}

func (m metered) open(ctx context.Context, name string, at int64) (io.ReadCloser, error) {
	r, err := m.store.open(ctx, name, at)
	return meteredFile{r, m.n}, err
}

type meteredFile struct {
	io.ReadCloser
	n *int64
}

func (m meteredFile) Read(p []byte) (int, error) {
	n, err := m.ReadCloser.Read(p)
	*m.n += int64(n)
	return n, err
}

// FuzzCSV: whatever the bytes, nothing panics and nothing is lost, and what
// encoding/csv accepts is what comes out.
func FuzzCSV(f *testing.F) {
	for _, seed := range []string{"a,b\n1,2\n", "a\n\"x\ny\"\n", "a\n\"\"\"\"\n\"b", "a,b\n,\n\"\",x\n", "a\r\n\"1\"\r\n", "a\n\"b\"c\n", "a\nb\"c\n\n"} {
		f.Add([]byte(seed), uint8(3))
	}
	f.Fuzz(func(t *testing.T, data []byte, chunk uint8) {
		s := newSource(DefaultConfig(), Options{MaxRecordBytes: 1 << 20}, nil)
		got, err := records(t, s, CSV, bytes.NewReader(data))
		again, err2 := records(t, s, CSV, &choppy{data: data, n: int(chunk)%7 + 1})
		if (err == nil) != (err2 == nil) || !slices.Equal(got, again) {
			t.Fatalf("%q, %v at once, but %q, %v in pieces", got, err, again, err2)
		}
		if err != nil || bytes.ContainsRune(data, '\r') || bytes.Contains(data, byteOrderMark) {
			return // encoding/csv has other ideas about carriage returns
		}
		peer := csv.NewReader(bytes.NewReader(data))
		rows, err := peer.ReadAll()
		if err != nil || len(rows) == 0 {
			return
		}
		if len(got) != len(rows)-1 {
			t.Fatalf("%d records, encoding/csv has %d: %q", len(got), len(rows)-1, got)
		}
		for i, row := range rows[1:] {
			var fields map[string]any
			if err := json.Unmarshal([]byte(got[i]), &fields); err != nil {
				t.Fatalf("record %q: %v", got[i], err)
			}
			for j, name := range rows[0] {
				cell, _ := fields[clean(name)].(string) // null is an empty cell
				if cell != clean(row[j]) {
					t.Fatalf("field %q is %q, encoding/csv has %q", name, cell, row[j])
				}
			}
		}
	})
}

// clean replaces what is no UTF-8, as encoding/json does.
func clean(s string) string { return strings.ToValidUTF8(string([]rune(s)), "\ufffd") }

// choppy gives n bytes at a time.
type choppy struct {
	data []byte
	n    int
}

func (c *choppy) Read(p []byte) (int, error) {
	if len(c.data) == 0 {
		return 0, io.EOF
	}
	n := copy(p, c.data[:min(c.n, len(c.data))])
	c.data = c.data[n:]
	return n, nil
}
