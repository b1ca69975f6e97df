package dq

import (
	"errors"
	"fmt"
	"math"
	"slices"
)

func init() {
	register("expect_column_kl_divergence_to_be_less_than", kind{domain: ofColumn,
		args:     []string{"partition_object", "threshold", "internal_weight_holdout", "tail_weight_holdout", "bucketize_data", "min_value", "max_value"},
		defaults: map[string]any{"internal_weight_holdout": int64(0), "tail_weight_holdout": int64(0), "bucketize_data": true}, build: divergence})
}

// partition is an expected distribution: over values, or over bins of numbers.
type partition struct {
	values    []any
	bins      []float64
	weights   []float64
	tails     []float64 // below and above the bins; nil if not given
	internal  float64   // internal_weight_holdout
	tail      float64   // tail_weight_holdout
	binsShown any
	keys      []string // of values, as keyName gives them; nil if they are of the rule
}

func divergence(a *args) check {
	p := a.partition()
	threshold, limited := a.number("threshold")
	if limited && threshold < 0 {
		a.problem("threshold is %v; it must not be negative", threshold)
	}
	bucketize := a.flag("bucketize_data", true)
	if p != nil && p.bins != nil && !bucketize {
		a.problem("bucketize_data is false, but partition_object has bins")
	}
	return check{needs: needs{values: true}, detail: "must be distributed as expected", column: func(f *columnFacts) (bool, Object, error) {
		expected, err := p.orObserved(f, bucketize)
		if err != nil {
			return false, nil, err
		}
		v, details, err := expected.compare(f)
		if err != nil {
			return false, nil, err
		}
		var observed any
		if !math.IsNaN(v) && !math.IsInf(v, 0) {
			observed = Float(v)
		}
		return !limited || v <= threshold, Object{{"observed_value", observed}, {"details", details}}, nil
	}}
}

// partition reads partition_object; nil if it is null or absent.
func (a *args) partition() *partition {
	o, given := a.values["partition_object"].(map[string]any)
	if !given && a.values["partition_object"] != nil {
		a.problem("partition_object must be an object with weights, and values or bins")
	}
	p := &partition{}
	p.internal, _ = a.number("internal_weight_holdout")
	p.tail, _ = a.number("tail_weight_holdout")
	for _, h := range []float64{p.internal, p.tail} {
		if h < 0 || h > 1 {
			a.problem("a weight holdout is %v: it lies between 0 and 1", h)
		}
	}
	if !given {
		return &partition{internal: p.internal, tail: p.tail}
	}
	p.weights = a.numbers(o["weights"], "partition_object.weights")
	total := 0.0
	for _, w := range p.weights {
		total += w
	}
	if values, ok := o["values"].([]any); ok {
		p.values = values
		if len(values) != len(p.weights) {
			a.problem("partition_object has %d values and %d weights", len(values), len(p.weights))
		}
		if p.internal > 0 {
			a.problem("internal_weight_holdout is of bins, not of values")
		}
	} else {
		p.readBins(a, o)
		for _, w := range p.tails {
			total += w
		}
	}
	if math.Abs(total-1) > 1e-8+1e-5 {
		a.problem("partition_object: the weights add up to %v, not to 1", total)
	}
	return p
}

func (p *partition) readBins(a *args, o map[string]any) {
	p.bins, p.binsShown = a.numbers(o["bins"], "partition_object.bins"), o["bins"]
	if len(p.bins) != len(p.weights)+1 {
		a.problem("partition_object has %d bins' edges and %d weights; there must be one edge more", len(p.bins), len(p.weights))
	}
	for i := 1; i < len(p.bins); i++ {
		if p.bins[i] <= p.bins[i-1] {
			a.problem("partition_object.bins must increase")
			break
		}
	}
	if tails, ok := o["tail_weights"]; ok {
		if p.tails = a.numbers(tails, "partition_object.tail_weights"); len(p.tails) != 2 {
			a.problem("partition_object.tail_weights must be two")
		}
		if p.tail != 0 {
			a.problem("tail_weight_holdout must be 0 beside tail_weights")
		}
	}
}

// errPartition is the original's own message.
var errPartition = lateError{errors.New("Invalid partition object.")} //nolint:staticcheck // ST1005: to the letter

// orObserved is the partition; without one, what the column itself gives.
func (p *partition) orObserved(f *columnFacts, bucketize bool) (*partition, error) {
	switch {
	case p.weights != nil:
		return p, nil
	case bucketize:
		return p.observedBins(f)
	}
	out := &partition{tail: p.tail, internal: p.internal}
	err := f.Values.each(func(v valueCount) bool {
		out.values = append(out.values, keyValue(f.typ, v.key))
		out.keys = append(out.keys, keyName(f.typ, v.key))
		out.weights = append(out.weights, float64(v.count)/float64(f.present()))
		return true
	})
	if err == nil && len(out.weights) == 0 {
		err = errPartition
	}
	return out, err
}

// observedBins are numpy's "auto": as many as Sturges' or Freedman's and
// Diaconis' rule gives, whichever gives more.
func (p *partition) observedBins(f *columnFacts) (*partition, error) {
	q, err := f.quantiles([]float64{0, 0.25, 0.75, 1}, "nearest")
	if err != nil {
		return nil, err
	}
	n := float64(f.present())
	if n == 0 {
		return &partition{bins: []float64{math.NaN()}, binsShown: []any{math.NaN()}, weights: []float64{}, tails: []float64{0.5, 0.5}, tail: p.tail, internal: p.internal}, nil
	}
	if q[0] == q[3] {
		return nil, errPartition // no bin has a width
	}
	sturges := math.Ceil(math.Log2(n + 1))
	bins, iqr := sturges, q[2]-q[1]
	if iqr >= 1e-10 {
		bins = max(sturges, math.Ceil((q[3]-q[0])/(2*iqr/math.Pow(n, 1.0/3))))
	}
	out := &partition{bins: linspace(q[0], q[3], int(bins)), tail: p.tail, internal: p.internal}
	shown := make([]any, len(out.bins))
	for i, b := range out.bins {
		shown[i] = b
	}
	out.binsShown = shown
	counts, _, _, err := f.histogram(out.bins)
	if err != nil {
		return nil, err
	}
	var total float64
	for _, c := range counts {
		out.weights = append(out.weights, float64(c)/n)
		total += float64(c) / n
	}
	out.tails = []float64{(1 - total) / 2, (1 - total) / 2}
	return out, nil
}

// linspace is numpy's.
func linspace(start, stop float64, n int) []float64 {
	out := make([]float64, n+1)
	step := (stop - start) / float64(n)
	for i := range out {
		out[i] = float64(i)*step + start
	}
	out[n] = stop
	return out
}

// histogram counts the values of each bin; the last includes its upper edge.
func (f *columnFacts) histogram(bins []float64) (counts []int64, below, above int64, err error) {
	if !isNumeric(f.typ) && f.present() > 0 {
		return nil, 0, 0, errNumeric
	}
	counts = make([]int64, len(bins)-1)
	err = f.Values.each(func(v valueCount) bool {
		x := keyNumber(f.typ, v.key)
		switch last := len(bins) - 1; {
		case x < bins[0]:
			below += v.count
		case x > bins[last]:
			above += v.count
		default:
			at, exact := slices.BinarySearch(bins, x)
			if !exact {
				at--
			}
			counts[min(at, last-1)] += v.count
		}
		return true
	})
	return counts, below, above, err
}

func (p *partition) compare(f *columnFacts) (float64, Object, error) {
	if p.bins == nil {
		return p.compareValues(f)
	}
	return p.compareBins(f)
}

// compareValues measures the divergence over distinct values. What wasn't
// expected shares the tail's weight.
func (p *partition) compareValues(f *columnFacts) (float64, Object, error) {
	at := map[string]int{}
	for i, key := range p.keys {
		at[key] = i
	}
	for i, v := range p.values {
		if key, ok := elementKey(f.typ, v); ok && p.keys == nil {
			at[key] = i
		}
	}
	values, pk, qk := slices.Clone(p.values), slices.Repeat([]float64{0}, len(p.values)), slices.Clone(p.weights)
	var strays int
	err := f.Values.each(func(v valueCount) bool {
		share := float64(v.count) / float64(f.present())
		if i, ok := at[keyName(f.typ, v.key)]; ok {
			pk[i] = share
			return true
		}
		strays++
		values, pk, qk = append(values, keyValue(f.typ, v.key)), append(pk, share), append(qk, 0)
		return strays <= maxModes
	})
	if err != nil {
		return 0, nil, err
	}
	if strays > maxModes {
		return 0, nil, fmt.Errorf("the column has more than %d values that partition_object doesn't expect", maxModes)
	}
	if strays > 0 {
		for i := range p.weights {
			qk[i] *= 1 - p.tail
		}
		for i := len(p.weights); i < len(qk); i++ {
			qk[i] = p.tail / float64(strays)
		}
	}
	shownValues := pythonic(values)
	return entropy(pk, qk), Object{
		{"observed_partition", Object{{"values", shownValues}, {"weights", floatList(pk)}}},
		{"expected_partition", Object{{"values", shownValues}, {"weights", floatList(qk)}}},
	}, nil
}

func floatList(list []float64) []any {
	out := make([]any, len(list))
	for i, v := range list {
		out[i] = Float(v)
	}
	return out
}

// compareBins measures the divergence over bins and the two tails.
func (p *partition) compareBins(f *columnFacts) (float64, Object, error) {
	counts, below, above, err := f.histogram(p.bins)
	if err != nil {
		return 0, nil, err
	}
	n := float64(f.present())
	observed, expected := make([]float64, len(counts)), make([]float64, len(counts))
	zeros := 0
	for i, c := range counts {
		observed[i], expected[i] = float64(c)/n, p.weights[i]*(1-p.tail-p.internal)
		if expected[i] == 0 {
			zeros++
		}
	}
	if p.internal > 0 && zeros > 0 {
		for i := range expected {
			if expected[i] == 0 {
				expected[i] = p.internal / float64(zeros)
			}
		}
	}
	expectedTails := []float64{p.tail / 2, p.tail / 2}
	if p.tails != nil {
		expectedTails = p.tails
	}
	observedTails := []float64{float64(below) / n, float64(above) / n}
	v := entropy(tailed(observed, observedTails), tailed(expected, expectedTails))
	bins := pythonic(p.binsShown)
	return v, Object{
		{"observed_partition", Object{{"bins", bins}, {"weights", floatList(observed)}, {"tail_weights", floatList(observedTails)}}},
		{"expected_partition", Object{{"bins", bins}, {"weights", floatList(expected)}, {"tail_weights", floatList(expectedTails)}}},
	}, nil
}

func tailed(weights, tails []float64) []float64 {
	return append(append([]float64{tails[0]}, weights...), tails[1])
}

// entropy is the relative entropy of two distributions, each scaled to 1; NaN
// or infinite if they have none.
func entropy(pk, qk []float64) float64 {
	scale := func(list []float64) []float64 {
		var total float64
		for _, v := range list {
			total += v
		}
		out := make([]float64, len(list))
		for i, v := range list {
			out[i] = v / total
		}
		return out
	}
	var sum float64
	qk = scale(qk)
	for i, p := range scale(pk) {
		switch {
		case math.IsNaN(p) || math.IsNaN(qk[i]):
			return math.NaN()
		case p == 0 && qk[i] >= 0:
		case p > 0 && qk[i] > 0:
			sum += relative(p, qk[i])
		default:
			return math.Inf(1)
		}
	}
	return sum
}

// relative is scipy's rel_entr, which keeps small differences.
func relative(p, q float64) float64 {
	if ratio := p / q; ratio <= 0.5 || ratio >= 2 {
		return p * math.Log(ratio)
	}
	return p * math.Log1p((p-q)/q)
}
