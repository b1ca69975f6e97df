package batch

import (
	"math"
	"strings"
	"testing"

	"github.com/autonomous-data-pipeline/adp/pipeline"
	"github.com/autonomous-data-pipeline/adp/schemas"
)

// everyType has a column of each type, required and nullable.
func everyType(t testing.TB) *schemas.Schema {
	t.Helper()
	s, err := schemas.Parse([]byte(`{"type":"record","name":"every","fields":[
		{"name":"bool","type":"boolean"},
		{"name":"int","type":"int"},
		{"name":"long","type":["null","long"]},
		{"name":"double","type":["null","double"]},
		{"name":"text","type":["null","string"]},
		{"name":"micros","type":["null",{"type":"long","logicalType":"timestamp-micros"}]},
		{"name":"millis","type":["null",{"type":"long","logicalType":"timestamp-millis"}]},
		{"name":"day","type":["null",{"type":"int","logicalType":"date"}]},
		{"name":"json","type":["null",{"type":"string","adp.type":"json"}]}]}`))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// decodeOne decodes one record after another one, which must not shine through.
func decodeOne(t testing.TB, value string) (*decoder, bool) {
	t.Helper()
	s := everyType(t)
	d := newDecoder(s, newChunk(s).cols)
	if !d.decode([]byte(`{"bool":true,"int":7,"text":"before","x":1,"text":"again"}`), 0) {
		t.Fatal(d.problem)
	}
	d.faults = d.faults[:0]
	err := d.decode([]byte(value), 1)
	return d, err
}

func TestMalformed(t *testing.T) {
	deep := func(n int) string {
		return `{"bool":true,"int":1,"x":` + strings.Repeat("[", n) + strings.Repeat("]", n) + `}`
	}
	tests := map[string]struct {
		value   string
		problem string // part of it; empty means that the record decodes
	}{
		"an object":                           {`{"bool":true,"int":1}`, ""},
		"an empty object":                     {`{}`, ""},
		"white space around":                  {" \t\r\n{ \"bool\" : true , \"int\" : 1 } \n", ""},
		"level 512 is the last one":           {deep(511), ""},
		"level 513 is too deep":               {deep(512), "nested deeper than 512"},
		"an array on top":                     {`[1]`, "expected an object"},
		"a scalar on top":                     {`1`, "expected an object"},
		"white space alone":                   {`  `, "expected an object, found the end"},
		"cut off":                             {`{"bool":tr`, "expected true"},
		"cut off in a string":                 {`{"text":"abc`, "closing quote"},
		"cut off after a backslash":           {`{"text":"\`, "unknown escape"},
		"trailing bytes":                      {`{} x`, "nothing after the object"},
		"two objects":                         {`{}{}`, "nothing after the object"},
		"a byte order mark":                   {"\ufeff{}", "expected an object"},
		"a trailing comma":                    {`{"int":1,}`, "expected a key"},
		"a missing comma":                     {`{"int":1 "bool":true}`, "expected a comma"},
		"a missing colon":                     {`{"int" 1}`, "expected a colon"},
		"a leading zero":                      {`{"int":012}`, "expected a comma"},
		"a leading plus":                      {`{"int":+1}`, "expected a value"},
		"a lone minus":                        {`{"int":-}`, "expected a value"},
		"no digit after the point":            {`{"double":1.}`, "after the decimal point"},
		"no digit before the point":           {`{"double":.5}`, "expected a value"},
		"no digit in the exponent":            {`{"double":1e+}`, "in the exponent"},
		"NaN":                                 {`{"double":NaN}`, "expected a value"},
		"a single quote":                      {`{'int':1}`, "expected a key"},
		"an unknown escape":                   {`{"text":"\x"}`, "unknown escape"},
		"half an escape":                      {`{"text":"\u12"}`, "unknown escape"},
		"a raw control character":             {"{\"text\":\"a\nb\"}", "control character"},
		"invalid UTF-8 in a value":            {"{\"text\":\"\xff\"}", "UTF-8"},
		"invalid UTF-8 in a skipped value":    {"{\"other\":[\"\xc0\x80\"]}", "UTF-8"},
		"a surrogate in raw UTF-8":            {"{\"text\":\"\xed\xa0\x80\"}", "UTF-8"},
		"a fault inside of a skipped value":   {`{"other":{"a":[1,{"b":01}]}}`, "expected a comma"},
		"a word that only begins like a word": {`{"bool":trueish}`, "expected a comma"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			d, ok := decodeOne(t, tc.value)
			if ok != (tc.problem == "") || !strings.Contains(d.problem, tc.problem) {
				t.Errorf("decode = %v, problem %q, want %q", ok, d.problem, tc.problem)
			}
			for _, c := range d.cols {
				if want := map[bool]int{true: 2, false: 1}[ok]; c.rows() != want {
					t.Errorf("column %s has %d rows, want %d", c.name, c.rows(), want)
				}
			}
		})
	}
}

func TestFieldTypes(t *testing.T) {
	const us = 1_000_000
	tests := map[string]struct {
		field, value string
		want         any // nil if the value doesn't fit
		fault        string
	}{
		"a boolean":                               {"bool", `false`, false, ""},
		"a boolean is no number":                  {"bool", `0`, nil, "type_changed: expected boolean, got long"},
		"a boolean is no text":                    {"bool", `"true"`, nil, "type_changed: expected boolean, got string"},
		"null in a required field":                {"bool", `null`, nil, "null_in_required: expected boolean, got null"},
		"null in a nullable field":                {"long", `null`, nil, ""},
		"the largest int":                         {"int", `2147483647`, int64(math.MaxInt32), ""},
		"an int of more than 32 bits":             {"int", `2147483648`, nil, "type_changed: expected int, got long"},
		"the largest long":                        {"long", `9223372036854775807`, int64(math.MaxInt64), ""},
		"the smallest long":                       {"long", `-9223372036854775808`, int64(math.MinInt64), ""},
		"a long of more than 64 bits":             {"long", `9223372036854775808`, nil, "type_changed: expected long, got number out of range"},
		"a long of 20 digits":                     {"long", `10000000000000000000`, nil, "type_changed: expected long, got number out of range"},
		"minus zero":                              {"long", `-0`, int64(0), ""},
		"a fraction is no long":                   {"long", `1.0`, nil, "type_changed: expected long, got double"},
		"an exponent is no long":                  {"long", `1e3`, nil, "type_changed: expected long, got double"},
		"text is no long":                         {"long", `"1"`, nil, "type_changed: expected long, got string"},
		"an object is no long":                    {"long", `{"a":1}`, nil, "type_changed: expected long, got object"},
		"an array is no long":                     {"long", `[1]`, nil, "type_changed: expected long, got array"},
		"a double":                                {"double", `-2.5e-3`, -2.5e-3, ""},
		"a double takes an integer":               {"double", `3`, 3.0, ""},
		"a double takes a huge integer":           {"double", `10000000000000000000`, 1e19, ""},
		"a double that is too large":              {"double", `1e400`, nil, "type_changed: expected double, got number out of range"},
		"a double that is too small is zero":      {"double", `1e-400`, 0.0, ""},
		"text":                                    {"text", `"plain"`, "plain", ""},
		"empty text":                              {"text", `""`, "", ""},
		"text with escapes":                       {"text", `"\"\\\/\b\f\n\r\té"`, "\"\\/\b\f\n\r\té", ""},
		"text with a surrogate pair":              {"text", `"\ud83d\ude00"`, "😀", ""},
		"text with a lone high surrogate":         {"text", `"a\ud83dz"`, "a\ufffdz", ""},
		"text with a lone low surrogate":          {"text", `"\ude00"`, "\ufffd", ""},
		"text with two high surrogates":           {"text", `"\ud83d\ud83d\ude00"`, "\ufffd😀", ""},
		"a number is no text":                     {"text", `1`, nil, "type_changed: expected string, got long"},
		"an instant":                              {"micros", `"1970-01-01T00:00:01Z"`, int64(us), ""},
		"an instant with a fraction":              {"micros", `"1970-01-01T00:00:01.5Z"`, int64(1.5 * us), ""},
		"an instant beyond microseconds":          {"micros", `"1970-01-01T00:00:00.1234567Z"`, int64(123456), ""},
		"an instant before the epoch":             {"micros", `"1969-12-31T23:59:59.25Z"`, int64(-0.75 * us), ""},
		"an instant with an offset":               {"micros", `"1970-01-01T01:00:00+00:30"`, int64(1800 * us), ""},
		"an instant west of Greenwich":            {"micros", `"1969-12-31T23:00:00-01:30"`, int64(1800 * us), ""},
		"an instant with escapes":                 {"micros", `"1970-01-01T00:00:01Z"`, int64(us), ""},
		"an instant without an offset":            {"micros", `"1970-01-01T00:00:01"`, nil, "type_changed: expected timestamp, got string"},
		"an instant with a space":                 {"micros", `"1970-01-01 00:00:01Z"`, nil, "type_changed: expected timestamp, got string"},
		"an instant in small letters":             {"micros", `"1970-01-01t00:00:01z"`, nil, "type_changed: expected timestamp, got string"},
		"an instant with a bare point":            {"micros", `"1970-01-01T00:00:01.Z"`, nil, "type_changed: expected timestamp, got string"},
		"an instant in hour 24":                   {"micros", `"1970-01-01T24:00:00Z"`, nil, "type_changed: expected timestamp, got string"},
		"a leap second":                           {"micros", `"2016-12-31T23:59:60Z"`, nil, "type_changed: expected timestamp, got string"},
		"an instant on a day that isn't":          {"micros", `"2023-02-29T00:00:00Z"`, nil, "type_changed: expected timestamp, got string"},
		"the last instant":                        {"micros", `"9999-12-31T23:59:59.999999Z"`, int64(maxMicros), ""},
		"an offset that leaves the last year":     {"micros", `"9999-12-31T23:59:59-01:00"`, nil, "type_changed: expected timestamp, got string"},
		"the first instant":                       {"micros", `"0001-01-01T00:00:00Z"`, int64(minMicros), ""},
		"year zero":                               {"micros", `"0000-12-31T00:00:00Z"`, nil, "type_changed: expected timestamp, got string"},
		"an instant as microseconds":              {"micros", `1500000`, int64(1.5 * us), ""},
		"an instant as milliseconds":              {"millis", `-1500`, int64(-1.5 * us), ""},
		"milliseconds beyond year 9999":           {"millis", `253402300800000`, nil, "type_changed: expected timestamp, got number out of range"},
		"milliseconds that would wrap":            {"millis", `9223372036854775807`, nil, "type_changed: expected timestamp, got number out of range"},
		"an instant is no fraction":               {"micros", `1.5`, nil, "type_changed: expected timestamp, got double"},
		"a day":                                   {"day", `"2024-02-29"`, int64(19782), ""},
		"a day as a number":                       {"day", `-1`, int64(-1), ""},
		"a day that isn't":                        {"day", `"2023-02-29"`, nil, "type_changed: expected date, got string"},
		"a day of a century that doesn't leap":    {"day", `"1900-02-29"`, nil, "type_changed: expected date, got string"},
		"a day with a time":                       {"day", `"2024-02-29T00:00:00Z"`, nil, "type_changed: expected date, got string"},
		"a day beyond year 9999":                  {"day", `2932897`, nil, "type_changed: expected date, got number out of range"},
		"JSON keeps its text, white space too":    {"json", `{"b" : [1, 2.50, "\u0041"] }`, `{"b" : [1, 2.50, "\u0041"] }`, ""},
		"JSON takes scalars":                      {"json", `1e400`, `1e400`, ""},
		"JSON null is null":                       {"json", `null`, nil, ""},
		"a repeated field's last value counts":    {"text", `1, "text":"last"`, "last", ""},
		"a repeated field may turn out wrong":     {"text", `"first", "text":2`, nil, "type_changed: expected string, got long"},
		"a repeated field may turn out null":      {"text", `"first", "text":null`, nil, ""},
		"a repeated required field may be mended": {"bool", `null, "bool":true`, true, ""},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			text := `{"bool":true,"int":1,"` + tc.field + `":` + tc.value + `}`
			if tc.field == "bool" || tc.field == "int" {
				text = strings.Replace(text, map[string]string{"bool": `"bool":true,`, "int": `"int":1,`}[tc.field], "", 1)
			}
			d, ok := decodeOne(t, text)
			if !ok {
				t.Fatalf("%s: %s", text, d.problem)
			}
			if got := rawValue(&d.cols[d.index[tc.field]], 1); got != tc.want {
				t.Errorf("value = %v, want %v", got, tc.want)
			}
			var fault string
			for _, f := range d.faults {
				r := d.reason(f)
				fault += r.Code + ": " + r.Detail
			}
			if fault != tc.fault {
				t.Errorf("fault %q, want %q", fault, tc.fault)
			}
		})
	}
}

// rawValue is a value as it lies in its column.
func rawValue(c *column, i int) any {
	if !c.valid[i] {
		return nil
	}
	switch c.phys {
	case physInt32:
		return int64(c.ints32[i])
	case physInt64:
		return c.ints64[i]
	}
	return c.value(i)
}

func TestMissingFields(t *testing.T) {
	d, ok := decodeOne(t, `{"int":1}`)
	if !ok || len(d.faults) != 1 || d.faults[0].kind != pipeline.FieldMissing || d.faults[0].field != 0 {
		t.Errorf("decode = %v, faults %+v, want the required field alone", ok, d.faults)
	}
	for _, c := range d.cols {
		if c.name != "int" && c.valid[1] {
			t.Errorf("missing field %s is not null", c.name)
		}
	}
}

func TestUnknownFields(t *testing.T) {
	tests := map[string]struct {
		value    string
		want     string
		repeated bool
	}{
		"names are exact":                 {`{"Int":1,"INT":2}`, "INT=long Int=long", false},
		"escaped names are names":         {`{"\u0069nt":1,"a\n":2}`, "a\n=long", false},
		"the last of a repeated one wins": {`{"a":1,"b":true,"a":"x"}`, "a=string b=boolean", true},
		"also among many": {`{"a":1,"b":1,"c":1,"d":1,"e":1,"f":1,"g":1,"h":1,"i":1,"a":1.5}`,
			"a=double i=long h=long g=long f=long e=long d=long c=long b=long", true},
		"a repeated known one is told too": {`{"int":1,"int":2}`, "", true},
		"the empty name":                   {`{"":[1]}`, "=array", false},
		"a long name is cut":               {`{"` + strings.Repeat("é", 200) + `":1}`, strings.Repeat("é", 128) + "=long", false},
		"a number beyond every type":       {`{"a":1e999,"b":99999999999999999999}`, "b=number out of range a=number out of range", false},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			d, ok := decodeOne(t, tc.value)
			var got []string
			for _, u := range d.unknown {
				got = append(got, string(u.name)+"="+observedText(u.kind))
			}
			if text := strings.Join(got, " "); !ok || text != tc.want || d.repeated != tc.repeated {
				t.Errorf("decode = %v, unknown %q, repeated %v; want %q, %v", ok, text, d.repeated, tc.want, tc.repeated)
			}
		})
	}
}
