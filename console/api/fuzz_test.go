package api

import (
	"encoding/json"
	"reflect"
	"testing"

	"github.com/stretchr/testify/require"
)

// A body is refused, or means the same when it is written and read again.
func FuzzABodyIsReadExactlyOrRefused(f *testing.F) {
	for _, seed := range []string{
		`{}`, `null`, `[]`, `{"comment":"x"}`, `{"Comment":"x"}`, `{"note":null}`, `{"on":true,"reason":"\u0000"}`, `{"resolution":"release"}{}`,
		`{"resolution":"replay","mapping":{"rename":{"a":"b"},"cast":{"age":"long"},"default":{"c":null},"add":["d"]}}`, `{"mapping":{"add":[null]}}`, `{"mapping":[]}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		for _, r := range routes() {
			if r.body == nil {
				continue
			}
			first := reflect.New(reflect.TypeOf(r.body)).Interface()
			if decode(raw, first) != nil {
				continue
			}
			written, err := json.Marshal(first)
			require.NoError(t, err)
			again := reflect.New(reflect.TypeOf(r.body)).Interface()
			require.NoError(t, decode(written, again), string(written))
			twice, err := json.Marshal(again)
			require.NoError(t, err)
			require.Equal(t, string(written), string(twice))
		}
	})
}

// A query is refused, or is nothing but what its route declares.
func FuzzAQueryIsWhatItsRouteDeclares(f *testing.F) {
	for _, seed := range []string{"", "limit=1", "limit=0", "pipeline=a&pipeline=b", "x=1", "%zz", "after=%ff", "unresolved=true&status=open", ";", "limit=+1", "limit=1e3"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		for _, r := range routes() {
			got, err := r.parse(raw)
			if err != nil {
				continue
			}
			for _, p := range r.query {
				v, given := got[p.name]
				delete(got, p.name)
				if given {
					require.NoError(t, p.check(v))
				}
				if n := (ask{query: map[string]string{p.name: v}}).number(p.name); given && p.max > 0 {
					require.True(t, n >= 1 && n <= p.max, v)
				}
			}
			require.Empty(t, got)
		}
	})
}
