package pages

import (
	"fmt"
	"slices"
)

// bars are counts side by side, in an SVG of so many units.
type bars struct {
	Width, Height int
	Max           int
	Bars          []column
}

type column struct {
	X, Y, Height string
	Count        int
}

// The size of one bar, and of the space after it.
const (
	barWidth  = 8
	barGap    = 2
	barHeight = 28
)

// barsOf draws counts, oldest first, in proportion to the greatest one. None is
// a line at the bottom.
func barsOf(counts []int) bars {
	b := bars{Width: max(1, len(counts)*(barWidth+barGap)-barGap), Height: barHeight}
	if len(counts) > 0 {
		b.Max = slices.Max(counts)
	}
	for i, n := range counts {
		h := 1.0
		if n > 0 {
			h = max(3, barHeight*float64(n)/float64(b.Max))
		}
		b.Bars = append(b.Bars, column{
			X: fmt.Sprint(i * (barWidth + barGap)), Y: fmt.Sprintf("%.1f", barHeight-h), Height: fmt.Sprintf("%.1f", h), Count: n,
		})
	}
	return b
}
