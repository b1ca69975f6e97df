package agent

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/autonomous-data-pipeline/adp/pipeline"
)

// Difference is a value that isn't the same in two documents. An empty text
// means that the value isn't there.
type Difference struct {
	Path string `json:"path"`
	Was  string `json:"was"`
	Is   string `json:"is"`
}

func (d Difference) String() string {
	was, is := d.Was, d.Is
	if was == "" {
		was = "nothing"
	}
	if is == "" {
		is = "nothing"
	}
	return fmt.Sprintf("%s: %s → %s", d.Path, clip(was, maxError), clip(is, maxError))
}

// differ compares two values by their JSON.
func differ(was, is any) ([]Difference, error) {
	a, err := json.Marshal(was)
	if err != nil {
		return nil, pipeline.Faultf(pipeline.Bug, "encode a value to compare: %w", err)
	}
	b, err := json.Marshal(is)
	if err != nil {
		return nil, pipeline.Faultf(pipeline.Bug, "encode a value to compare: %w", err)
	}
	return differences(a, b)
}

// differences compares two JSON documents, value by value.
func differences(was, is []byte) ([]Difference, error) {
	var a, b any
	for doc, v := range map[*[]byte]*any{&was: &a, &is: &b} {
		dec := json.NewDecoder(bytes.NewReader(*doc))
		dec.UseNumber()
		if err := dec.Decode(v); err != nil {
			return nil, pipeline.Faultf(pipeline.BadData, "read a document to compare: %w", err)
		}
	}
	var out []Difference
	compare("", a, b, &out)
	return out, nil
}

func compare(path string, was, is any, out *[]Difference) {
	if a, ok := was.(map[string]any); ok {
		if b, ok := is.(map[string]any); ok {
			both := maps.Clone(a)
			maps.Copy(both, b)
			for _, key := range slices.Sorted(maps.Keys(both)) {
				compare(join(path, key), a[key], b[key], out)
			}
			return
		}
	}
	if a, ok := was.([]any); ok {
		if b, ok := is.([]any); ok && len(a) == len(b) {
			for i := range a {
				compare(fmt.Sprintf("%s[%d]", path, i), a[i], b[i], out)
			}
			return
		}
	}
	if x, y := asJSON(was), asJSON(is); x != y {
		*out = append(*out, Difference{path, x, y})
	}
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

// asJSON is a value as JSON writes it; null and what isn't there are both empty.
func asJSON(v any) string {
	if v == nil {
		return ""
	}
	b, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprint(v) // it was read from JSON
	}
	return string(b)
}
