package dq

import (
	"errors"
	"fmt"
	"math"
)

// bounds are those of a value of a whole column: numbers, texts or times.
type bounds struct {
	min, max             any // nil, int64, float64 or text
	strictMin, strictMax bool
}

func columnBounds(a *args) bounds {
	b := bounds{a.values["min_value"], a.values["max_value"], a.flag("strict_min", false), a.flag("strict_max", false)}
	for _, name := range []string{"min_value", "max_value"} {
		switch a.values[name].(type) {
		case nil, string, int64, float64:
		default:
			a.problem("%s must be a number, or a text for texts and times", name)
		}
	}
	if b.min == nil && b.max == nil {
		a.doubt("min_value and max_value are both absent: it holds if there is a value")
	}
	return b
}

// instant is a point in time, in microseconds.
type instant int64

// hold reports whether a value is within the bounds. It is an int64, a float64,
// a text, a bool or an instant; nil and NaN are in none.
func (b bounds) hold(v any) (bool, error) {
	if v == nil {
		return false, nil
	}
	low, err := b.compare(v, b.min)
	if err != nil {
		return false, err
	}
	high, err := b.compare(v, b.max)
	if err != nil {
		return false, err
	}
	above := b.min == nil || low == 1 || low == 0 && !b.strictMin
	below := b.max == nil || high == -1 || high == 0 && !b.strictMax
	return above && below, nil
}

// compare is the sign of a value's difference from a bound.
func (b bounds) compare(v, bound any) (int, error) {
	text, isText := bound.(string)
	switch v := v.(type) {
	case nil:
		return incomparable, nil
	case string:
		if isText {
			return signOf(v, text), nil
		}
	case instant:
		if !isText {
			break
		}
		t, err := parseTime(text)
		if err != nil {
			return 0, err
		}
		return signOf(int64(v), t.UnixMicro()), nil
	case int64:
		if n, ok := bound.(int64); ok {
			return signOf(v, n), nil
		}
		if n, ok := bound.(float64); ok {
			return signOf(float64(v), n), nil
		}
	case float64, bool:
		if !isText && bound != nil {
			return signOf(literalNumber(v), asFloat(bound)), nil
		}
	}
	if bound == nil {
		return 0, nil
	}
	return 0, fmt.Errorf("%v and the bound %v have no order", v, bound)
}

// errNumeric is of a column that has no such number.
var errNumeric = errors.New("the column holds no numbers")

// shown is a column's value as JSON shows it; nil for NaN.
func shown(v any) any {
	switch v := v.(type) {
	case float64:
		if math.IsNaN(v) {
			return nil
		}
		return floatSample(v)
	case instant:
		return isoTime(int64(v))
	case string:
		return cut(v)
	}
	return v
}
