package eval

import (
	"strconv"
	"strings"
)

// expand makes large inputs from small files. {repeat: N, of: X} stands for X
// N times: in a list as N elements, anywhere else as one long text. In X, "{n}"
// is the number of the copy, from 1. The result shares nothing with the input.
func expand(v any, n int) any {
	switch v := v.(type) {
	case string:
		if n > 0 {
			return strings.ReplaceAll(v, "{n}", strconv.Itoa(n))
		}
	case []any:
		return expandList(v, n)
	case map[string]any:
		if times, of, ok := repeated(v); ok {
			text, _ := of.(string)
			return strings.Repeat(text, times)
		}
		out := make(map[string]any, len(v))
		for k, x := range v {
			out[k] = expand(x, n)
		}
		return out
	}
	return v
}

func expandList(list []any, n int) []any {
	out := make([]any, 0, len(list))
	for _, x := range list {
		m, _ := x.(map[string]any)
		times, of, ok := repeated(m)
		if !ok {
			out = append(out, expand(x, n))
			continue
		}
		for i := range times {
			out = append(out, expand(of, i+1))
		}
	}
	return out
}

// repeated reads the directive, if it is one.
func repeated(m map[string]any) (times int, of any, ok bool) {
	times, ok = m["repeat"].(int)
	return times, m["of"], ok && len(m) == 2 && m["of"] != nil
}
