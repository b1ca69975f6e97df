package suggest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"strings"

	"github.com/autonomous-data-pipeline/adp/dq"
	"github.com/autonomous-data-pipeline/adp/schemas"
)

// What makes a rule worth suggesting.
const (
	fewRepeats  = 5    // a set's values stand there so often, on average
	fewest      = 10   // values that say something about uniqueness
	mostMissing = 0.5  // share: of a column with more missing nothing is said
	nearlyAll   = 0.95 // share of a format
)

// typeNames are the types' names in pandas, which rules know.
var typeNames = map[schemas.Type]string{
	schemas.Boolean: "bool", schemas.Int: "int32", schemas.Long: "int64", schemas.Double: "float64", schemas.String: "str", schemas.Timestamp: "Timestamp",
}

// writer writes a rules file.
type writer struct{ b bytes.Buffer }

func (w *writer) line(format string, args ...any) { fmt.Fprintf(&w.b, format+"\n", args...) }

// rule writes an expectation, with a comment on what speaks for it. Arguments
// are in pairs.
func (w *writer) rule(why, typ string, args ...any) {
	w.line("      # %s", strings.NewReplacer("\n", " ", "\r", " ").Replace(why))
	w.line("      - expectation_type: %s", typ)
	for i := 0; i < len(args); i += 2 {
		w.line("        %s: %s", args[i], literal(args[i+1]))
	}
}

// literal is a value as JSON writes it, which YAML reads.
func literal(v any) string {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return `""` // results hold what JSON can hold
	}
	return strings.TrimSuffix(b.String(), "\n")
}

func (w *writer) head(name string, rows int64, s *schemas.Schema) {
	w.line("# Suggested from %s and %s. Each rule holds on that data; keep what you", plural(rows, "row"), plural(int64(len(s.Fields)), "column"))
	w.line("# mean, and drop what is chance.")
	w.line("business_rules:")
	w.line("  %s:", literal(name))
	w.line("    expectations:")
	names := make([]string, len(s.Fields))
	for i, f := range s.Fields {
		names[i] = f.Name
	}
	w.rule(plural(int64(len(names)), "column"), "expect_table_columns_to_match_set", "column_set", names)
	w.rule(plural(rows, "row")+"; half and twice of it", "expect_table_row_count_to_be_between", "min_value", rows/2, "max_value", max(1, rows*2), "severity", "warning")
}

// column writes what speaks for itself about a column.
func (w *writer) column(e evidence) {
	w.line("")
	w.line("      # -- %s: %s, %s", strings.NewReplacer("\n", " ", "\r", " ").Replace(e.Name), e.Type, summary(e))
	if name, ok := typeNames[e.Type]; ok && e.present() > 0 {
		w.rule("every value is one", "expect_column_values_to_be_of_type", "column", e.Name, "type_", name)
	}
	w.missing(e)
	if e.present() == 0 {
		return
	}
	if e.distinct == e.present() && e.present() >= fewest {
		w.rule(fmt.Sprintf("%s, none twice", plural(e.present(), "value")), "expect_column_values_to_be_unique", "column", e.Name)
	}
	few := len(e.values) > 0 && int64(len(e.values)) == e.distinct && e.present() >= fewRepeats*e.distinct && e.Type != schemas.Boolean
	switch {
	case few && (e.Type == schemas.String || e.Type == schemas.Int || e.Type == schemas.Long):
		w.rule(fmt.Sprintf("%s in %s", plural(e.distinct, "value"), plural(e.present(), "row")), "expect_column_values_to_be_in_set", "column", e.Name, "value_set", e.values)
	case e.Type == schemas.String:
		w.texts(e)
	case e.Type != schemas.Boolean && e.Type != schemas.JSON && finite(e.least) && finite(e.greatest):
		w.rule(fmt.Sprintf("from %s to %s", literal(e.least), literal(e.greatest)), "expect_column_values_to_be_between", "column", e.Name, "min_value", e.least, "max_value", e.greatest)
	}
}

func summary(e evidence) string {
	return fmt.Sprintf("%s missing, %s", thousands(e.nulls), plural(e.distinct, "distinct value"))
}

// missing says how many values there must be.
func (w *writer) missing(e evidence) {
	share := float64(e.present()) / float64(max(1, e.rows))
	switch {
	case e.rows == 0:
	case e.nulls == 0:
		w.rule(fmt.Sprintf("none of %s is missing", plural(e.rows, "value")), "expect_column_values_to_not_be_null", "column", e.Name)
	case share > mostMissing:
		w.rule(fmt.Sprintf("%s of %s are there", thousands(e.present()), plural(e.rows, "value")), "expect_column_values_to_not_be_null", "column", e.Name, "mostly", below(share))
	}
}

// below rounds a share down, so that it holds.
func below(share float64) float64 { return math.Floor(share*100) / 100 }

// texts suggests a format and a length.
func (w *writer) texts(e evidence) {
	for _, f := range formats {
		n := e.matches[f.name]
		share := float64(n) / float64(e.present())
		if share < nearlyAll {
			continue
		}
		why := fmt.Sprintf("%s of %s are %s", thousands(n), plural(e.present(), "value"), f.name)
		if n == e.present() {
			w.rule(why, "expect_column_values_to_match_regex", "column", e.Name, "regex", f.pattern)
		} else {
			w.rule(why, "expect_column_values_to_match_regex", "column", e.Name, "regex", f.pattern, "mostly", below(share))
		}
		break
	}
	shortest, longest := e.shortest-1, e.longest-1
	w.rule(fmt.Sprintf("the shortest has %s, the longest %s", plural(int64(shortest), "character"), thousands(int64(longest))),
		"expect_column_value_lengths_to_be_between", "column", e.Name, "min_value", shortest, "max_value", longest)
}

// finite reports whether a value can stand in a rule.
func finite(v any) bool {
	switch v := v.(type) {
	case int64:
		return true
	case dq.Float:
		return !math.IsInf(float64(v), 0) && !math.IsNaN(float64(v))
	case string:
		return v != "Infinity" && v != "-Infinity"
	}
	return false
}
