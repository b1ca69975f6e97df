package page

import (
	"math"
	"slices"
	"strconv"

	"github.com/apache/arrow-go/v18/arrow"
)

// numbers keeps the values of a column of numbers or times.
type numbers[T int64 | float64] struct {
	read  func(col arrow.Array) func(i int) (T, bool)
	write func(T) string
	whole bool // bars begin and end at whole values
	mean  bool // it means something

	values []T
}

func (n *numbers[T]) reader(col arrow.Array) func(i int) bool {
	read := n.read(col)
	if read == nil {
		return nil
	}
	return func(i int) bool {
		v, ok := read(i)
		if ok {
			n.values = append(n.values, v)
		}
		return ok
	}
}

func (n *numbers[T]) describe(c *Column) {
	if len(n.values) == 0 {
		return
	}
	sorted := slices.Clone(n.values)
	slices.Sort(sorted)
	c.Distinct = distinct(sorted)
	c.Facts = []Fact{{"Least", n.write(sorted[0])}, {"Greatest", n.write(sorted[len(sorted)-1])}}
	if n.mean {
		c.Facts = slices.Insert(c.Facts, 1, Fact{"Mean", meanOf(sorted)}, Fact{"Median", n.median(sorted)})
	}
	finite := slices.DeleteFunc(sorted, func(v T) bool { return math.IsInf(float64(v), 0) })
	if c.Others = int64(len(n.values) - len(finite)); len(finite) > 0 {
		c.Picture, c.Bars = Values, histogram(finite, n.whole, n.write)
	}
}

// median is the middle value, or the mean of the two in the middle.
func (n *numbers[T]) median(sorted []T) string {
	low, high := sorted[(len(sorted)-1)/2], sorted[len(sorted)/2]
	if low == high {
		return n.write(low)
	}
	return strconv.FormatFloat(float64(low)/2+float64(high)/2, 'g', 6, 64)
}

func distinct[T comparable](sorted []T) int64 {
	n := int64(1)
	for i := 1; i < len(sorted); i++ {
		if sorted[i] != sorted[i-1] {
			n++
		}
	}
	return n
}

func meanOf[T int64 | float64](values []T) string {
	mean := 0.0
	for i, v := range values { // a sum could be too large where the mean isn't
		mean += (float64(v) - mean) / float64(i+1)
	}
	if math.IsNaN(mean) {
		return "none, with infinities"
	}
	return strconv.FormatFloat(mean, 'g', 6, 64)
}

// maxBars is how many bars a histogram has.
const maxBars = 24

// histogram counts sorted, finite values in ranges of one width. Each range has
// its lower end, the last one both.
func histogram[T int64 | float64](sorted []T, whole bool, write func(T) string) []Bar {
	first, last := sorted[0], sorted[len(sorted)-1]
	if first == last {
		return []Bar{{From: write(first), Count: int64(len(sorted))}}
	}
	// Halves throughout: a difference of two numbers may be too large for one.
	half, bars, gap := float64(last)/2-float64(first)/2, maxBars, 0.0
	width := half / maxBars
	if whole {
		width = math.Ceil((2*half+1)/maxBars) / 2
		bars, gap = int(half/width)+1, 1
	}
	if width == 0 || bars == 1 { // too close together for this arithmetic
		return []Bar{{From: write(first), To: write(last), Count: int64(len(sorted))}}
	}
	edge := func(i int, less float64) string {
		switch v := (float64(first)/2 + float64(i)*width) * 2; {
		case i == 0:
			return write(first)
		case v-less >= float64(last):
			return write(last) // itself: the sum may be off, or too large
		default:
			return write(T(v - less))
		}
	}
	out := make([]Bar, bars)
	for i := range out {
		out[i].From = edge(i, 0)
		if !whole || width > 0.5 {
			out[i].To = edge(i+1, gap)
		}
	}
	for _, v := range sorted {
		out[min(max(int((float64(v)/2-float64(first)/2)/width), 0), bars-1)].Count++
	}
	return out
}
