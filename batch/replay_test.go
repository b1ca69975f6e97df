package batch

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/autonomous-data-pipeline/adp/pipeline"
	"github.com/autonomous-data-pipeline/adp/source"
)

// rejects is a quarantine of n records in a partition, shuffled.
func rejects(n int) []pipeline.Reject {
	r := rand.New(rand.NewPCG(5, 5))
	var out []pipeline.Reject
	for _, i := range r.Perm(n) {
		rej := pipeline.Reject{Partition: int32(i % 2), Offset: int64(i * 3), TimestampMs: int64(i), Raw: []byte(fmt.Sprintf("%d%s", i, strings.Repeat("x", r.IntN(100))))}
		if i%5 == 0 {
			rej.Raw = nil
		} else if i%7 == 0 {
			rej.Key = []byte("k")
		}
		out = append(out, rej)
	}
	return out
}

func TestRejectReader(t *testing.T) {
	all := rejects(1000)
	for name, limit := range map[string]int{"all at once": 1 << 20, "in many windows": 1000, "one by one": 1} {
		t.Run(name, func(t *testing.T) {
			passes := 0
			rd := rejectReader{limit: limit, read: func(_ context.Context, fn func(pipeline.Reject) error) error {
				passes++
				for _, r := range all[:200] {
					if err := fn(r); err != nil {
						return err
					}
				}
				return nil
			}}
			want := pipeline.Range{Partition: 1, Start: 300, End: 2700}
			var got []source.Record
			if err := rd.Read(t.Context(), "topic", want, func(r []source.Record) error { got = append(got, r...); return nil }); err != nil {
				t.Fatal(err)
			}
			in := 0
			for _, rej := range all[:200] {
				if !want.Contains(rej.Partition, rej.Offset) {
					continue
				}
				in++
				i := slices.IndexFunc(got, func(r source.Record) bool { return r.Offset == rej.Offset })
				if i < 0 || string(got[i].Value) != string(rej.Raw) || (got[i].Value == nil) != (rej.Raw == nil) || string(got[i].Key) != string(rej.Key) || got[i].TimestampMs != rej.TimestampMs {
					t.Errorf("offset %d came out at %d", rej.Offset, i)
				}
			}
			if len(got) != in || !slices.IsSortedFunc(got, func(a, b source.Record) int { return int(a.Offset - b.Offset) }) {
				t.Errorf("%d records came out, want %d in order", len(got), in)
			}
			if (passes > 1) != (limit < 1<<20) {
				t.Errorf("the quarantine was read %d times", passes)
			}
		})
	}
}

func TestRejectReaderPassesErrors(t *testing.T) {
	broken := errors.New("broken")
	rd := RejectReader(func(context.Context, func(pipeline.Reject) error) error { return broken })
	want := pipeline.Range{End: 10}
	if err := rd.Read(t.Context(), "", want, nil); !errors.Is(err, broken) {
		t.Errorf("Read = %v", err)
	}
	rd = RejectReader(func(_ context.Context, fn func(pipeline.Reject) error) error { return fn(pipeline.Reject{Offset: 3}) })
	if err := rd.Read(t.Context(), "", want, func([]source.Record) error { return broken }); !errors.Is(err, broken) {
		t.Errorf("Read = %v", err)
	}
}

func TestMapping(t *testing.T) {
	all := Mapping{
		Rename:  map[string]string{"mail": "email"},
		Cast:    map[string]string{"age": "long", "name": "string", "spend": "double", "active": "boolean"},
		Default: map[string]json.RawMessage{"country": json.RawMessage(`"US"`)},
	}
	tests := map[string]struct{ in, want string }{
		"nothing to do but the default": {`{"id":1}`, `{"id":1,"country":"US"}`},
		"a renamed field":               {`{"mail":"a@b","id":1}`, `{"email":"a@b","id":1,"country":"US"}`},
		"a rename onto null":            {`{"email":null,"mail":"a@b"}`, `{"email":"a@b","country":"US"}`},
		"a renamed null gives way":      {`{"email":"a@b","mail":null}`, `{"email":"a@b","country":"US"}`},
		"a rename onto a value":         {`{"email":"a@b","mail":"c@d"}`, `{"email":"a@b","mail":"c@d"}`},
		"text to long":                  {`{"age":" 42 "}`, `{"age":42,"country":"US"}`},
		"a whole double to long":        {`{"age":4.2e1}`, `{"age":42,"country":"US"}`},
		"a fraction to long":            {`{"age":42.5}`, `{"age":42.5}`},
		"a double beyond 53 bits":       {`{"age":1e300}`, `{"age":1e300}`},
		"other text to long":            {`{"age":"forty"}`, `{"age":"forty"}`},
		"text with more behind":         {`{"age":"42 years"}`, `{"age":"42 years"}`},
		"null is not cast":              {`{"age":null}`, `{"age":null,"country":"US"}`},
		"long to string":                {`{"name":7}`, `{"name":"7","country":"US"}`},
		"string to string":              {`{"name":"\u00e9"}`, `{"name":"\u00e9","country":"US"}`},
		"object to string":              {`{"name":{}}`, `{"name":{}}`},
		"text to double":                {`{"spend":"1.5e3"}`, `{"spend":1.5e3,"country":"US"}`},
		"text to boolean":               {`{"active":"true"}`, `{"active":true,"country":"US"}`},
		"long to boolean":               {`{"active":1}`, `{"active":1}`},
		"the default fills null":        {`{"country":null}`, `{"country":"US"}`},
		"the default leaves a value":    {`{"country":"BR"}`, `{"country":"BR"}`},
		"a repeated field's last value": {`{"id":1,"id":2}`, `{"id":2,"country":"US"}`},
		"names with escapes":            {`{"m\u0061il":"a@b","\"\n":1}`, `{"email":"a@b","\"\u000a":1,"country":"US"}`},
		"an empty object":               {` { } `, `{"country":"US"}`},
		"a malformed record":            {`{"id":1`, `{"id":1`},
		"trailing bytes":                {`{"id":1} x`, `{"id":1} x`},
		"no object":                     {`[1]`, `[1]`},
		"a tombstone":                   {``, ``},
	}
	if err := all.Validate(); err != nil {
		t.Fatal(err)
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			rd := WithMapping(RejectReader(func(_ context.Context, fn func(pipeline.Reject) error) error {
				return fn(pipeline.Reject{Raw: []byte(tc.in), Key: []byte("k")})
			}), all)
			err := rd.Read(t.Context(), "", pipeline.Range{End: 1}, func(r []source.Record) error {
				if string(r[0].Value) != tc.want || string(r[0].Key) != "k" {
					t.Errorf("%s became %s, want %s", tc.in, r[0].Value, tc.want)
				}
				return nil
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
}

func TestMappingValidate(t *testing.T) {
	err := Mapping{
		Rename:  map[string]string{"a": "b", "c": "b", "d": "d", "": "e"},
		Cast:    map[string]string{"x": "date"},
		Default: map[string]json.RawMessage{"y": json.RawMessage(`{`)},
	}.Validate()
	if pipeline.KindOf(err) != pipeline.BadData {
		t.Fatalf("Validate = %v", err)
	}
	for _, part := range []string{`"c" to "b"`, `"d" to "d"`, `"" to "e"`, `"x" to "date"`, `default of "y"`} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%v doesn't tell of %s", err, part)
		}
	}
	if err := (Mapping{}).Validate(); err == nil {
		t.Error("an empty mapping is valid")
	}
}

// A mapping never makes a valid record invalid, nor touches an invalid one.
func FuzzMapping(f *testing.F) {
	for _, seed := range []string{`{"a":1,"b":"2","c":null}`, `{"a":1,"b":1}`, `{"\u0061":"\ud800","c":[{}]}`, `{"a":1}}`, "{\"\xff\":1}", `{"c":"1e400"}`} {
		f.Add([]byte(seed))
	}
	m := Mapping{
		Rename: map[string]string{"a": "b"}, Cast: map[string]string{"b": "string", "c": "double", "d": "long"},
		Default: map[string]json.RawMessage{"c": json.RawMessage("0")},
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		got := m.Mend(raw)
		if !json.Valid(raw) || !utf8.Valid(raw) {
			if string(got) != string(raw) {
				t.Fatalf("invalid %q became %q", raw, got)
			}
			return
		}
		if !json.Valid(got) || !utf8.Valid(got) {
			t.Fatalf("%q became %q", raw, got)
		}
	})
}
