package agent_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/autonomous-data-pipeline/adp/agent"
)

func TestRedactKeepsTheShapeAlone(t *testing.T) {
	tests := map[string]struct{ raw, want string }{
		"names stay, values are shapes": {`{"email":"Ann@x.com","age":42,"ok":true,"none":null}`, `{"age":"99","email":"Aaa@a.aaa","none":null,"ok":true}`},
		"nested values too":             {`{"a":{"b":["x1",-2.5]}}`, `{"a":{"b":["a9","-9.9"]}}`},
		"other scripts are letters":     {`{"n":"Jürgen 王"}`, `{"n":"Aaaaaa a"}`},
		"what is no JSON is one shape":  {`user=ann;pin=1234`, `aaaa=aaa;aaa=9999`},
		"a long value is cut":           {`"` + strings.Repeat("x", 100) + `"`, `"` + strings.Repeat("a", 24) + `…"`},
		"two documents are no JSON":     {`{"a":1}{"b":2}`, `{"a":9}{"a":9}`},
		"an empty record":               {``, ``},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) { require.Equal(t, tc.want, agent.Redact([]byte(tc.raw))) })
	}
}

var word = regexp.MustCompile(`[b-zB-Z0-8]`)

// Of a record that isn't an object, nothing but shapes comes through.
func FuzzRedact(f *testing.F) {
	for _, s := range []string{`"secret"`, `[1,"two"]`, `{"k":1}`, "\xff\xfe", "plain", `{"k":`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		got := agent.Redact(raw)
		if strings.HasPrefix(got, "{") || strings.Contains(got, ":") || strings.HasPrefix(got, "[") {
			return // field names of objects stay
		}
		for _, keep := range []string{"true", "false", "null", `\u003c`, `\u003e`, `\u0026`, `\ufffd`} {
			got = strings.ReplaceAll(got, keep, "")
		}
		if hit := word.FindString(got); hit != "" {
			t.Fatalf("%q shows %q", got, hit)
		}
	})
}
