package dq

import (
	"errors"
	"fmt"
	"regexp"
	"regexp/syntax"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
)

func init() {
	register("expect_column_values_to_not_be_null", kind{column: true, build: func(*args) check {
		return check{nulls: true, detail: "must not be null", rows: nullness(false)}
	}})
	register("expect_column_values_to_be_null", kind{column: true, build: func(*args) check {
		return check{nulls: true, detail: "must be null", rows: nullness(true)}
	}})
	register("expect_column_values_to_be_unique", kind{column: true, build: func(*args) check {
		return check{unique: true, detail: "must be unique"}
	}})
	register("expect_column_values_to_match_regex", kind{column: true, args: []string{"regex"}, build: matchRegex(true)})
	register("expect_column_values_to_not_match_regex", kind{column: true, args: []string{"regex"}, build: matchRegex(false)})
	register("expect_column_values_to_be_in_set", kind{column: true, args: []string{"value_set"}, build: inSet(true)})
	register("expect_column_values_to_not_be_in_set", kind{column: true, args: []string{"value_set"}, build: inSet(false)})
	register("expect_column_values_to_be_between", kind{column: true,
		args:     []string{"min_value", "max_value", "strict_min", "strict_max"},
		defaults: map[string]any{"strict_min": false, "strict_max": false}, floats: []string{"min_value", "max_value"}, build: between})
	register("expect_column_value_lengths_to_be_between", kind{column: true,
		args:     []string{"min_value", "max_value", "strict_min", "strict_max"},
		defaults: map[string]any{"strict_min": false, "strict_max": false}, build: lengthsBetween})
	register("expect_column_value_lengths_to_equal", kind{column: true, args: []string{"value"}, floats: []string{"value"}, build: lengthsEqual})
}

func nullness(want bool) func(arrow.Array) (func(int) bool, error) {
	return func(col arrow.Array) (func(int) bool, error) {
		return func(i int) bool { return col.IsNull(i) == want }, nil
	}
}

func matchRegex(want bool) func(*args) check {
	return func(a *args) check {
		text := a.text("regex")
		re, err := regexp.Compile(text)
		if err != nil {
			a.problem("regex %q: %s", text, explainRegex(err))
			return check{}
		}
		detail := "must match " + text
		if !want {
			detail = "must not match " + text
		}
		return check{detail: detail, rows: func(col arrow.Array) (func(int) bool, error) {
			return perValue(col, func(col arrow.Array) (func(int) bool, error) {
				text := textOf(col)
				return func(i int) bool { return re.MatchString(text(i)) == want }, nil
			})
		}}
	}
}

// explainRegex says what RE2, which needs no more than linear time, leaves out
// of Python's syntax.
func explainRegex(err error) string {
	var s *syntax.Error
	if !errors.As(err, &s) {
		return err.Error()
	}
	switch {
	case s.Code == syntax.ErrInvalidPerlOp && strings.HasPrefix(s.Expr, "(?"):
		return fmt.Sprintf("%s is not supported: RE2 has no lookaround or conditionals; write it without", s.Expr)
	case s.Code == syntax.ErrInvalidEscape:
		return fmt.Sprintf("escape %s is not supported: RE2 has no backreferences, and \\Z is written \\z", s.Expr)
	}
	return s.Error()
}

// inSet compares as Python does: 1, 1.0 and True are equal, "1" is another.
func inSet(want bool) func(*args) check {
	return func(a *args) check {
		values := a.list("value_set")
		texts, numbers := map[string]bool{}, map[float64]bool{}
		for _, v := range values {
			switch v := v.(type) {
			case string:
				texts[v] = true
			case int64:
				numbers[float64(v)] = true
			case float64:
				numbers[v] = true
			case bool:
				numbers[map[bool]float64{true: 1}[v]] = true
			default:
				a.problem("value_set: %v is no text, number or boolean", v)
			}
		}
		detail := fmt.Sprintf("must be one of %v", values)
		if !want {
			detail = fmt.Sprintf("must be none of %v", values)
		}
		return check{detail: detail, rows: func(col arrow.Array) (func(int) bool, error) {
			return perValue(col, func(col arrow.Array) (func(int) bool, error) {
				if number := numberOf(col); number != nil {
					return func(i int) bool { return numbers[number(i)] == want }, nil
				}
				if b, ok := col.(*array.Boolean); ok {
					return func(i int) bool { return numbers[map[bool]float64{true: 1}[b.Value(i)]] == want }, nil
				}
				if instantOf(col) != nil {
					return func(i int) bool { return texts[valueAt(col, i).(string)] == want }, nil
				}
				text := textOf(col)
				return func(i int) bool { return texts[text(i)] == want }, nil
			})
		}}
	}
}

// errTypes is Great Expectations' own message.
var errTypes = errors.New("Column values, min_value, and max_value must either be None or of the same type.") //nolint:staticcheck // the text is compared with the original's

// limits are two bounds, each optional and each strict or not.
type limits[T int64 | float64 | string] struct {
	min, max             T
	hasMin, hasMax       bool
	strictMin, strictMax bool
}

func (l limits[T]) hold(v T) bool {
	if l.hasMin && (v < l.min || (l.strictMin && v == l.min)) {
		return false
	}
	return !l.hasMax || (v <= l.max && !(l.strictMax && v == l.max))
}

func describe(a *args) string {
	lo, hi := a.values["min_value"], a.values["max_value"]
	switch {
	case lo == nil:
		return fmt.Sprintf("must be at most %v", hi)
	case hi == nil:
		return fmt.Sprintf("must be at least %v", lo)
	}
	return fmt.Sprintf("must be between %v and %v", lo, hi)
}

func between(a *args) check {
	lo, hi := a.values["min_value"], a.values["max_value"]
	_, textLo := lo.(string)
	_, textHi := hi.(string)
	if lo == nil && hi == nil {
		a.problem("min_value and max_value are both absent: there is nothing to compare with")
	}
	if textLo || textHi {
		return betweenTexts(a)
	}
	l := numberLimits(a)
	return check{detail: describe(a), rows: func(col arrow.Array) (func(int) bool, error) {
		number := numberOf(col)
		if number == nil {
			return nil, errTypes
		}
		return func(i int) bool { return l.hold(number(i)) }, nil
	}}
}

func numberLimits(a *args) limits[float64] {
	var l limits[float64]
	l.min, l.hasMin = a.number("min_value")
	l.max, l.hasMax = a.number("max_value")
	l.strictMin, l.strictMax = a.flag("strict_min", false), a.flag("strict_max", false)
	if l.hasMin && l.hasMax && l.min > l.max {
		a.problem("min_value %v is above max_value %v", l.min, l.max)
	}
	return l
}

// betweenTexts compares texts with texts, and times with what the texts mean.
func betweenTexts(a *args) check {
	var texts limits[string]
	var times limits[int64]
	var noTime error
	read := func(name string) (string, int64, bool) {
		if a.values[name] == nil {
			return "", 0, false
		}
		s := a.text(name)
		t, err := parseTime(s)
		if err != nil {
			noTime = err
		}
		return s, t.UnixMicro(), true
	}
	texts.min, times.min, texts.hasMin = read("min_value")
	texts.max, times.max, texts.hasMax = read("max_value")
	texts.strictMin, texts.strictMax = a.flag("strict_min", false), a.flag("strict_max", false)
	times.hasMin, times.hasMax, times.strictMin, times.strictMax = texts.hasMin, texts.hasMax, texts.strictMin, texts.strictMax
	return check{detail: describe(a), rows: func(col arrow.Array) (func(int) bool, error) {
		if instant := instantOf(col); instant != nil {
			return func(i int) bool { return times.hold(instant(i)) }, noTime
		}
		if numberOf(col) != nil {
			return nil, errTypes
		}
		text := textOf(col)
		return func(i int) bool { return texts.hold(text(i)) }, nil
	}}
}

func parseTime(s string) (time.Time, error) {
	for _, layout := range []string{time.RFC3339Nano, time.DateOnly, time.DateTime, "2006-01-02T15:04:05"} {
		if t, err := time.Parse(layout, s); err == nil {
			return t, nil
		}
	}
	return time.Time{}, fmt.Errorf("%q is no date or time", s)
}

func lengthsBetween(a *args) check {
	if a.values["min_value"] == nil && a.values["max_value"] == nil {
		a.problem("min_value and max_value are both absent: there is nothing to compare with")
	}
	l := numberLimits(a)
	return lengths("length "+describe(a), func(n int) bool { return l.hold(float64(n)) })
}

func lengthsEqual(a *args) check {
	want, ok := a.number("value")
	if !ok {
		a.problem("value is missing")
	}
	return lengths(fmt.Sprintf("length must be %v", want), func(n int) bool { return float64(n) == want })
}

// lengths counts code points, as Python's len() does.
func lengths(detail string, ok func(n int) bool) check {
	return check{detail: detail, rows: func(col arrow.Array) (func(int) bool, error) {
		return perValue(col, func(col arrow.Array) (func(int) bool, error) {
			text := textOf(col)
			return func(i int) bool { return ok(utf8.RuneCountInString(text(i))) }, nil
		})
	}}
}
