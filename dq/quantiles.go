package dq

import (
	"fmt"
	"math"
	"slices"

	"github.com/autonomous-data-pipeline/adp/schemas"
)

func init() {
	register("expect_column_quantile_values_to_be_between", kind{domain: ofColumn, args: []string{"quantile_ranges", "allow_relative_error"},
		defaults: map[string]any{"allow_relative_error": false}, build: quantileRanges})
}

// interpolations are numpy's: how a quantile between two values is taken.
var interpolations = []string{"linear", "lower", "higher", "midpoint", "nearest"}

func quantileRanges(a *args) check {
	ranges, _ := a.values["quantile_ranges"].(map[string]any)
	quantiles := a.numbers(ranges["quantiles"], "quantile_ranges.quantiles")
	how := "nearest"
	switch v := a.values["allow_relative_error"].(type) {
	case nil, bool:
		if v == true {
			a.problem("allow_relative_error is true; it is false, or one of %v", interpolations)
		}
	case string:
		if how = v; !slices.Contains(interpolations, v) {
			a.problem("allow_relative_error is %q; it is false, or one of %v", v, interpolations)
		}
	default:
		a.problem("allow_relative_error is %v; it is false, or one of %v", v, interpolations)
	}
	for _, q := range quantiles {
		if q < 0 || q > 1 {
			a.problem("quantile %v lies not between 0 and 1", q)
		}
	}
	spans := a.spans(ranges["value_ranges"], len(quantiles))
	return check{needs: needs{values: true}, detail: fmt.Sprintf("quantiles %v must be in %v", quantiles, ranges["value_ranges"]), column: func(f *columnFacts) (bool, Object, error) {
		observed, err := f.quantiles(quantiles, how)
		if err != nil {
			return false, nil, err
		}
		ok, details, values := true, make([]bool, len(quantiles)), make([]any, len(quantiles))
		for i, v := range observed {
			details[i] = !math.IsNaN(v) && spans[i].holds(v)
			ok, values[i] = ok && details[i], f.quantileShown(v, how)
		}
		return ok, Object{
			{"observed_value", Object{{"quantiles", pythonic(ranges["quantiles"])}, {"values", values}}},
			{"details", Object{{"success_details", details}}},
		}, nil
	}}
}

// quantileShown writes a value of an integer column as one, where it is taken as
// it is.
func (f *columnFacts) quantileShown(v float64, how string) any {
	switch taken := how != "linear" && how != "midpoint"; {
	case math.IsNaN(v) || !taken:
	case f.typ == schemas.Boolean:
		return v == 1
	case f.typ != schemas.Double:
		return int64(v)
	}
	return shown(v)
}

// span is a range whose ends may be open.
type span struct{ lo, hi float64 }

// holds allows for a relative error of a ten-thousandth at the ends, as the
// original does.
func (s span) holds(v float64) bool {
	near := func(end float64) bool {
		return v == end || math.Abs(v-end) <= 1e-8+1e-4*math.Abs(end) && !math.IsInf(end, 0)
	}
	return near(s.lo) || near(s.hi) || s.lo <= v && v <= s.hi
}

func (a *args) numbers(v any, name string) []float64 {
	list, ok := v.([]any)
	if !ok {
		a.problem("%s must be a list of numbers", name)
	}
	out := make([]float64, len(list))
	for i, e := range list {
		switch e.(type) {
		case int64, float64:
			out[i] = asFloat(e)
		default:
			a.problem("%s: %v is no number", name, e)
		}
	}
	return out
}

func (a *args) spans(v any, want int) []span {
	list, ok := v.([]any)
	if !ok || len(list) != want {
		a.problem("quantile_ranges.value_ranges must be a list of [least, greatest], one for each quantile")
		return make([]span, want)
	}
	out := make([]span, want)
	for i, e := range list {
		pair, ok := e.([]any)
		if !ok || len(pair) != 2 {
			a.problem("quantile_ranges.value_ranges: %v is no [least, greatest]", e)
			continue
		}
		out[i] = span{math.Inf(-1), math.Inf(1)}
		if pair[0] != nil {
			out[i].lo = a.numbers(pair[:1], "quantile_ranges.value_ranges")[0]
		}
		if pair[1] != nil {
			out[i].hi = a.numbers(pair[1:], "quantile_ranges.value_ranges")[0]
		}
		if out[i].lo > out[i].hi {
			a.problem("quantile_ranges.value_ranges: %v is not ordered", e)
		}
	}
	return out
}

// quantiles are as numpy takes them; NaN of no values.
func (f *columnFacts) quantiles(at []float64, how string) ([]float64, error) {
	n := f.present()
	between := how == "linear" || how == "midpoint"
	if !isNumeric(f.typ) && (n > 0 || f.Rows == 0) || f.typ == schemas.Boolean && between && n > 0 {
		return nil, errNumeric
	}
	out := make([]float64, len(at))
	var ranks []int64
	for i, q := range at {
		out[i] = math.NaN()
		below := math.Floor(place(q, n))
		ranks = append(ranks, int64(below), min(int64(below)+1, n-1))
	}
	if n == 0 {
		return out, nil
	}
	keys, err := f.Values.at(ranks)
	if err != nil {
		return nil, err
	}
	for i, q := range at {
		where := place(q, n)
		lo, hi := keyNumber(f.typ, keys[2*i]), keyNumber(f.typ, keys[2*i+1])
		out[i] = interpolate(lo, hi, where-math.Floor(where), int64(math.Floor(where)), how)
	}
	return out, nil
}

// place is where a quantile lies among n values. Pandas turns it into a
// percentage and numpy turns it back, which may round.
func place(q float64, n int64) float64 { return float64(n-1) * (q * 100 / 100) }

func interpolate(lo, hi, t float64, below int64, how string) float64 {
	switch how {
	case "lower":
		return lo
	case "higher":
		if t == 0 {
			return lo
		}
		return hi
	case "midpoint":
		if t == 0 {
			return lo
		}
		t = 0.5
	case "nearest":
		if t > 0.5 || t == 0.5 && below%2 == 1 {
			return hi
		}
		return lo
	}
	if lo == hi { // infinities have no difference
		return lo
	}
	if t >= 0.5 {
		return hi - (hi-lo)*(1-t)
	}
	return lo + (hi-lo)*t
}
