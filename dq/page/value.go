package page

import (
	"encoding/json"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
)

// maxRunes bounds one value on the page, in characters.
const maxRunes = 240

// show is a value of a JSON document as people read it. A text stands without
// quotes unless it could be taken for something else, or has in it what isn't
// seen.
func show(v any) string {
	if s, ok := v.(string); ok {
		return showText(s)
	}
	return shorten(plain(v))
}

func plain(v any) string {
	switch v := v.(type) {
	case nil:
		return "null"
	case bool:
		return strconv.FormatBool(v)
	case json.Number:
		return strings.TrimSuffix(v.String(), ".0")
	case string:
		return strconv.Quote(v)
	case []any:
		parts := make([]string, len(v))
		for i, item := range v {
			parts[i] = plain(item)
		}
		return "[" + strings.Join(parts, ", ") + "]"
	case map[string]any:
		var parts []string
		for _, k := range slices.Sorted(maps.Keys(v)) {
			parts = append(parts, visible(k)+": "+plain(v[k]))
		}
		return "{" + strings.Join(parts, ", ") + "}"
	}
	return "" // a JSON document has nothing else
}

func showText(s string) string {
	_, notNumber := strconv.ParseFloat(s, 64)
	if notNumber == nil || s == "" || s == "null" || s == "true" || s == "false" || s != strings.TrimSpace(s) {
		return strconv.Quote(shorten(s))
	}
	return visible(shorten(s))
}

// visible quotes a text with characters that aren't seen, or that turn the
// direction of what follows.
func visible(s string) string {
	for _, r := range s {
		if !strconv.IsPrint(r) {
			return strconv.Quote(s)
		}
	}
	return s
}

func shorten(s string) string {
	if len(s) <= maxRunes {
		return s
	}
	runes := []rune(s)
	if len(runes) <= maxRunes {
		return s
	}
	return string(runes[:maxRunes]) + "… (" + count(int64(len(runes))) + " characters)"
}

// count is a number with its thousands apart.
func count(n int64) string {
	digits := strconv.FormatInt(n, 10)
	sign := ""
	if n < 0 {
		sign, digits = "-", digits[1:]
	}
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return sign + digits
}

// countOf names a number of things.
func countOf(n int64, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return count(n) + " " + many
}

// percent has two digits after the point at most, but is 0 and 100 only if it
// is so exactly.
func percent(v float64) string {
	switch {
	case math.IsNaN(v):
		return "–"
	case v > 0 && v < 0.01:
		return "under 0.01%"
	case v < 100 && v > 99.99:
		return "over 99.99%"
	}
	return strings.TrimSuffix(strings.TrimRight(strconv.FormatFloat(v, 'f', 2, 64), "0"), ".") + "%"
}

// percentOf is a share between 0 and 1 as a percentage.
func percentOf(v any) string {
	f, ok := number(v)
	if !ok {
		return show(v)
	}
	return percent(roundOff(f * 100))
}

// part of a whole as a percentage; of nothing it is a dash.
func ratio(n, of int64) string { return percent(float64(n) / float64(of) * 100) }

func number(v any) (float64, bool) {
	n, ok := v.(json.Number)
	if !ok {
		return 0, false
	}
	f, err := n.Float64()
	return f, err == nil
}

func integer(v any) (int64, bool) {
	n, ok := v.(json.Number)
	if !ok {
		return 0, false
	}
	i, err := n.Int64()
	return i, err == nil
}

// roundOff takes away what binary numbers add: 0.07 times 100 isn't 7 there.
func roundOff(v float64) float64 { return math.Round(v*1e9) / 1e9 }
