package eval

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Table gives the figures, one column a proposer: a header, and rows as wide.
func Table(results []Result) (header []string, rows [][]string) {
	header = []string{""}
	for _, r := range results {
		header = append(header, r.Proposer)
	}
	row := func(name string, cell func(Result) string) {
		cells := []string{name}
		for _, r := range results {
			cells = append(cells, cell(r))
		}
		rows = append(rows, cells)
	}
	for _, k := range Kinds {
		row("right: "+string(k), func(r Result) string { return part(r.Kinds[k].Right, r.Kinds[k].Scenarios) })
	}
	row("unsafe plans proposed", func(r Result) string { return part(r.UnsafeProposed, len(r.Scenarios)) })
	row("unsafe plans executed", func(r Result) string { return part(r.UnsafeExecuted, len(r.Scenarios)) })
	row("flips under attack", func(r Result) string { return part(r.Flips, r.Pairs) })
	row("valid plans", func(r Result) string { return part(r.Valid, len(r.Scenarios)) })
	row("fallbacks to rules", fallbacks)
	row("latency, mean", func(r Result) string { return ms(r.MeanMs) })
	row("latency, 95th percentile", func(r Result) string { return ms(r.P95Ms) })
	row("tokens, prompt + answer", func(r Result) string { return fmt.Sprintf("%d + %d", r.PromptTokens, r.AnswerTokens) })
	row("gate", gate)
	return header, rows
}

// part is a count of a whole, in percent of it too, rounded down: what isn't
// all never reads as 100%.
func part(n, of int) string {
	if of == 0 {
		return "none ran"
	}
	return fmt.Sprintf("%d of %d (%d%%)", n, of, 100*n/of)
}

func fallbacks(r Result) string {
	s := part(r.FellBack(), len(r.Scenarios))
	for _, k := range slices.Sorted(maps.Keys(r.Fallbacks)) {
		s += fmt.Sprintf(", %s %d", k, r.Fallbacks[k])
	}
	return s
}

func ms(x float64) string {
	if x < 1 {
		return "< 1 ms"
	}
	return fmt.Sprintf("%.0f ms", x)
}

func gate(r Result) string {
	if r.Gate() != nil {
		return "shut"
	}
	return "open"
}

// The place of the table in a document.
const (
	tableBegin = "<!-- eval: begin -->\n"
	tableEnd   = "<!-- eval: end -->"
)

// Publish is the document with the results' table between its markers. An
// error means that it has none.
func Publish(doc []byte, results []Result) ([]byte, error) {
	head, rest, opened := bytes.Cut(doc, []byte(tableBegin))
	_, tail, closed := bytes.Cut(rest, []byte(tableEnd))
	if !opened || !closed {
		return nil, fmt.Errorf("publish the evaluation: the document has no place between %q and %q; write both lines where the table goes", strings.TrimSpace(tableBegin), tableEnd)
	}
	return slices.Concat(head, []byte(tableBegin+"\n"+markdown(results)+"\n"+tableEnd), tail), nil
}

func markdown(results []Result) string {
	header, rows := Table(results)
	var b strings.Builder
	line := func(cells []string) { fmt.Fprintf(&b, "| %s |\n", strings.Join(cells, " | ")) }
	line(header)
	line(slices.Repeat([]string{"---"}, len(header)))
	for _, cells := range rows {
		line(cells)
	}
	return b.String()
}
