package dq

import (
	"math"
	"math/big"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/autonomous-data-pipeline/adp/schemas"
)

// columnFacts are what the table says about one column, under one condition.
type columnFacts struct {
	Rows    int64        `json:"rows"`
	Nulls   int64        `json:"nulls"`
	Moments *moments     `json:"moments,omitempty"`
	Extreme *extreme     `json:"extreme,omitempty"`
	Values  *valueCounts `json:"values,omitempty"`

	typ schemas.Type
}

func newFacts(typ schemas.Type, n needs) *columnFacts {
	f := &columnFacts{typ: typ}
	if n.moments && isNumeric(typ) {
		f.Moments = &moments{}
	}
	if n.extreme {
		f.Extreme = &extreme{}
	}
	if n.values {
		f.Values = newValueCounts(typ)
	}
	return f
}

func isNumeric(t schemas.Type) bool {
	return t == schemas.Boolean || t == schemas.Int || t == schemas.Long || t == schemas.Double
}

// observe folds the selected rows of a column in; nil selects all.
func (f *columnFacts) observe(col arrow.Array, selected []int32) {
	f.Rows += int64(selectedRows(col.Len(), selected))
	before := f.Nulls
	each := func(fn func(i int)) int64 {
		var nulls int64
		eachRow(col.Len(), selected, func(i int) {
			if col.IsNull(i) {
				nulls++
			} else {
				fn(i)
			}
		})
		return nulls
	}
	if f.Moments != nil {
		f.Moments.observe(col, each)
	}
	if f.Extreme != nil {
		f.Extreme.observe(col, each)
	}
	if f.Values != nil {
		f.Values.observe(col, each)
	}
	f.Nulls = before + each(func(int) {})
}

func selectedRows(rows int, selected []int32) int {
	if selected == nil {
		return rows
	}
	return len(selected)
}

func eachRow(rows int, selected []int32, fn func(i int)) {
	if selected == nil {
		for i := range rows {
			fn(i)
		}
		return
	}
	for _, i := range selected {
		fn(int(i))
	}
}

// values counts those that aren't missing.
func (f *columnFacts) present() int64 { return f.Rows - f.Nulls }

func (f *columnFacts) merge(o *columnFacts) {
	f.Rows, f.Nulls = f.Rows+o.Rows, f.Nulls+o.Nulls
	if f.Moments != nil {
		f.Moments.merge(o.Moments)
	}
	if f.Extreme != nil {
		f.Extreme.merge(o.Extreme)
	}
	if f.Values != nil {
		f.Values.merge(o.Values)
	}
}

// moments are sums that come out the same in whatever order they are taken.
type moments struct {
	Count    int64    `json:"count"` // finite values
	Sum      exactSum `json:"sum"`
	Squares  exactSum `json:"squares"`
	Positive int64    `json:"positive"` // infinities
	Negative int64    `json:"negative"`
}

func (m *moments) observe(col arrow.Array, each func(func(int)) int64) {
	if integer := integerOf(col); integer != nil {
		each(func(i int) {
			v := integer(i)
			m.Count++
			m.Sum.addInt(v)
			m.Squares.addIntSquare(v)
		})
		return
	}
	number := numberOf(col)
	each(func(i int) {
		switch v := number(i); {
		case math.IsInf(v, 1):
			m.Positive++
		case math.IsInf(v, -1):
			m.Negative++
		default:
			m.Count++
			m.Sum.addFloat(v)
			m.Squares.addFloatSquare(v)
		}
	})
}

func (m *moments) merge(o *moments) {
	m.Count, m.Positive, m.Negative = m.Count+o.Count, m.Positive+o.Positive, m.Negative+o.Negative
	m.Sum.merge(&o.Sum)
	m.Squares.merge(&o.Squares)
}

// infinite is the sum if infinities decide it.
func (m *moments) infinite() (float64, bool) {
	switch {
	case m.Positive > 0 && m.Negative > 0:
		return math.NaN(), true
	case m.Positive > 0:
		return math.Inf(1), true
	case m.Negative > 0:
		return math.Inf(-1), true
	}
	return 0, false
}

func (m *moments) sum() float64 {
	if v, ok := m.infinite(); ok {
		return v
	}
	return nearestFloat(m.Sum.rat())
}

// mean is NaN of no values.
func (m *moments) mean() float64 {
	if v, ok := m.infinite(); ok {
		return v
	}
	if m.Count == 0 {
		return math.NaN()
	}
	return nearestFloat(new(big.Rat).Quo(m.Sum.rat(), new(big.Rat).SetInt64(m.Count)))
}

// deviation is the sample's standard deviation: NaN of fewer than two values,
// or of infinities.
func (m *moments) deviation() float64 {
	if _, ok := m.infinite(); ok || m.Count < 2 {
		return math.NaN()
	}
	n := new(big.Rat).SetInt64(m.Count)
	sum := m.Sum.rat()
	v := new(big.Rat).Sub(m.Squares.rat(), new(big.Rat).Quo(new(big.Rat).Mul(sum, sum), n))
	v.Quo(v, new(big.Rat).SetInt64(m.Count-1))
	const precision = 200 // bits: the root is rounded once more, to 53
	root := new(big.Float).SetPrec(precision).SetRat(v)
	f, _ := root.Sqrt(root).Float64()
	return f
}

// extreme are the least and the greatest value, as keys.
type extreme struct {
	Seen bool   `json:"seen"`
	Min  []byte `json:"min"`
	Max  []byte `json:"max"`
}

func (x *extreme) observe(col arrow.Array, each func(func(int)) int64) {
	if fixed := fixedKeyOf(col); fixed != nil {
		lo, hi, seen := uint64(math.MaxUint64), uint64(0), false
		each(func(i int) {
			k := fixed(i)
			lo, hi, seen = min(lo, k), max(hi, k), true
		})
		if seen {
			x.fold(keyBytes(lo), keyBytes(hi))
		}
		return
	}
	text := textOf(col)
	lo, hi, seen := "", "", false
	each(func(i int) {
		switch t := text(i); {
		case !seen:
			lo, hi, seen = t, t, true
		case t < lo:
			lo = t
		case t > hi:
			hi = t
		}
	})
	if seen {
		x.fold([]byte(lo), []byte(hi))
	}
}

func (x *extreme) fold(lo, hi []byte) {
	if !x.Seen || string(lo) < string(x.Min) {
		x.Min = lo
	}
	if !x.Seen || string(hi) > string(x.Max) {
		x.Max = hi
	}
	x.Seen = true
}

func (x *extreme) merge(o *extreme) {
	if o.Seen {
		x.fold(o.Min, o.Max)
	}
}

// integerOf gives each value of an integer column with all its bits; nil if it
// isn't one.
func integerOf(col arrow.Array) func(i int) int64 {
	switch c := col.(type) {
	case *array.Int32:
		return func(i int) int64 { return int64(c.Value(i)) }
	case *array.Int64:
		return c.Value
	}
	return nil
}
