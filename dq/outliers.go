package dq

import (
	"math"

	"github.com/apache/arrow-go/v18/arrow"
)

func init() {
	register("expect_column_value_z_scores_to_be_less_than", kind{domain: ofColumn, row: true, args: []string{"threshold", "double_sided"}, floats: []string{"threshold"}, build: zScores})
	register("expect_column_values_to_not_be_outliers", kind{domain: ofColumn, row: true, args: []string{"method", "multiplier"},
		defaults: map[string]any{"method": "iqr", "multiplier": 1.5}, floats: []string{"multiplier"}, build: outliers})
}

// numbersJudged judges each number.
func numbersJudged(ok func(v float64) bool) func([]arrow.Array) (func(int) bool, error) {
	return onValues(func(col arrow.Array) (func(int) bool, error) {
		number := numberOf(col)
		if number == nil {
			return nil, errNumeric
		}
		return func(i int) bool { return ok(number(i)) }, nil
	})
}

// zScores judges how many standard deviations a value lies from the mean.
// Without a deviation there is no score, and nothing breaks the rule.
func zScores(a *args) check {
	threshold, ok := a.number("threshold")
	if !ok {
		a.problem("threshold is missing")
	}
	if a.values["double_sided"] == nil {
		a.problem("double_sided is missing: true or false")
	}
	double := a.flag("double_sided", true)
	return check{needs: needs{moments: true}, detail: "z-score must be less than the threshold", second: func(f *columnFacts) (func([]arrow.Array) (func(int) bool, error), error) {
		if f.Moments == nil {
			return nil, errNumeric
		}
		mean, deviation := f.Moments.mean(), f.Moments.deviation()
		return numbersJudged(func(v float64) bool {
			score := (v - mean) / deviation
			if math.IsNaN(score) || deviation == 0 {
				return true
			}
			if double {
				return math.Abs(score) < math.Abs(threshold)
			}
			return score < threshold
		}), nil
	}}
}

// outliers judges whether a value lies within Tukey's fences, or near enough to
// the mean. Without a spread nothing is an outlier.
func outliers(a *args) check {
	multiplier, given := a.number("multiplier")
	if !given {
		multiplier = 1.5
	}
	if multiplier < 0 {
		a.problem("multiplier is %v; it must not be negative", multiplier)
	}
	switch a.values["method"] {
	case nil, "iqr":
		return check{needs: needs{values: true}, detail: "must lie within the quartiles' fences", second: func(f *columnFacts) (func([]arrow.Array) (func(int) bool, error), error) {
			q, err := f.quantiles([]float64{0.25, 0.75}, "linear")
			if err != nil {
				return nil, err
			}
			reach := multiplier * (q[1] - q[0])
			return fenced(finite(q...), q[0]-reach, q[1]+reach), nil
		}}
	case "std":
		return check{needs: needs{moments: true}, detail: "must lie near the mean", second: func(f *columnFacts) (func([]arrow.Array) (func(int) bool, error), error) {
			if f.Moments == nil {
				return nil, errNumeric
			}
			mean, reach := f.Moments.mean(), multiplier*f.Moments.deviation()
			known := finite(mean, reach)
			return numbersJudged(func(v float64) bool {
				return !known || reach <= 0 && v == mean || math.Abs(v-mean) < reach
			}), nil
		}}
	}
	a.problem("method is %v; it must be iqr or std", a.values["method"])
	return check{}
}

func fenced(known bool, lo, hi float64) func([]arrow.Array) (func(int) bool, error) {
	return numbersJudged(func(v float64) bool { return !known || v >= lo && v <= hi })
}

func finite(values ...float64) bool {
	for _, v := range values {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return false
		}
	}
	return true
}
