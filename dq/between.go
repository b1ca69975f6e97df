package dq

import (
	"errors"
	"fmt"
	"time"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/autonomous-data-pipeline/adp/schemas"
)

// errTypes is Great Expectations' own message.
var errTypes = errors.New("Column values, min_value, and max_value must either be None or of the same type.") //nolint:staticcheck // ST1005: the text is the original's, to the letter

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

// describe says what the bounds ask for.
func describe(a *args) string {
	lo, hi := a.values["min_value"], a.values["max_value"]
	low, high := "at least", "at most"
	if a.flag("strict_min", false) {
		low = "more than"
	}
	if a.flag("strict_max", false) {
		high = "less than"
	}
	switch {
	case lo == nil && hi == nil:
		return "may be anything"
	case lo == nil:
		return fmt.Sprintf("must be %s %v", high, hi)
	case hi == nil:
		return fmt.Sprintf("must be %s %v", low, lo)
	case low == "at least" && high == "at most":
		return fmt.Sprintf("must be between %v and %v", lo, hi)
	}
	return fmt.Sprintf("must be %s %v and %s %v", low, lo, high, hi)
}

// someBound refuses a rule without bounds: every value would keep it.
func (a *args) someBound() {
	if a.values["min_value"] == nil && a.values["max_value"] == nil {
		a.problem("min_value and max_value are both absent: there is nothing to compare with")
	}
}

func between(a *args) check {
	lo, hi := a.values["min_value"], a.values["max_value"]
	_, textLo := lo.(string)
	_, textHi := hi.(string)
	a.someBound()
	if textLo || textHi {
		return betweenTexts(a)
	}
	l := numberLimits(a)
	return check{detail: describe(a), rows: onValues(func(col arrow.Array) (func(int) bool, error) {
		number := numberOf(col)
		if number == nil {
			return nil, errTypes
		}
		return func(i int) bool { return l.hold(number(i)) }, nil
	})}
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
			noTime = fmt.Errorf("%s: %w", name, err)
		}
		return s, t.UnixMicro(), true
	}
	texts.min, times.min, texts.hasMin = read("min_value")
	texts.max, times.max, texts.hasMax = read("max_value")
	texts.strictMin, texts.strictMax = a.flag("strict_min", false), a.flag("strict_max", false)
	times.hasMin, times.hasMax, times.strictMin, times.strictMax = texts.hasMin, texts.hasMax, texts.strictMin, texts.strictMax
	isTime := a.typ == schemas.Timestamp || a.typ == schemas.Date
	switch both := texts.hasMin && texts.hasMax; {
	case isTime && noTime != nil:
		a.problem("%v; write 2006-01-02 or 2006-01-02T15:04:05Z", noTime)
	case both && isTime && times.min > times.max, both && !isTime && texts.min > texts.max:
		a.problem("min_value %s is above max_value %s", texts.min, texts.max)
	}
	return check{detail: describe(a), rows: onValues(func(col arrow.Array) (func(int) bool, error) {
		if instant := instantOf(col); instant != nil {
			return func(i int) bool { return times.hold(instant(i)) }, nil
		}
		if numberOf(col) != nil {
			return nil, errTypes
		}
		text := textOf(col)
		return func(i int) bool { return texts.hold(text(i)) }, nil
	})}
}

func parseTime(s string) (time.Time, error) {
	for _, layout := range []string{time.RFC3339Nano, time.DateOnly, time.DateTime, "2006-01-02T15:04:05"} {
		if t, err := time.Parse(layout, s); err == nil {
			return t, nil
		}
	}
	return time.Time{}, fmt.Errorf("%q is no date or time", s)
}
