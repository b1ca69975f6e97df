package agent

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// The bounds of texts that come from outside: data names fields and values,
// errors quote data, models write what they like.
const (
	maxName  = 80   // runes of a name, in a text
	maxError = 500  // runes of an error
	maxText  = 8000 // runes of a reason, a message or a summary
	maxNames = 10   // names in a row
)

// clip makes a text from outside fit for a line in front of people: n runes at
// most, and no control characters.
func clip(s string, n int) string {
	var b strings.Builder
	for _, r := range s {
		if n == 0 {
			return b.String() + "…"
		}
		if unicode.IsControl(r) {
			r = ' '
		}
		b.WriteRune(r)
		n--
	}
	return b.String()
}

// quote marks a name from the data as such.
func quote(s string) string { return strconv.Quote(clip(s, maxName)) }

// list joins names, the first few of many.
func list[S ~string](names []S) string {
	shown := make([]string, 0, maxNames)
	for _, n := range names[:min(len(names), maxNames)] {
		shown = append(shown, string(n))
	}
	s := strings.Join(shown, ", ")
	if more := len(names) - maxNames; more > 0 {
		s += fmt.Sprintf(" and %d more", more)
	}
	return s
}

// quoted lists names from the data.
func quoted(names []string) string {
	out := make([]string, 0, len(names))
	for _, n := range names {
		out = append(out, quote(n))
	}
	return list(out)
}

// percentText is a share as people read it.
func percentText(share float64) string { return fmt.Sprintf("%.4g%%", 100*share) }

// sentence turns a condition into words.
func sentence(c Condition) string { return strings.ReplaceAll(string(c), "_", " ") }

// distinct sorts names and drops repeats.
func distinct(names []string) []string {
	slices.Sort(names)
	return slices.Compact(names)
}

func tooLong(s string) bool { return utf8.RuneCountInString(s) > maxText }
