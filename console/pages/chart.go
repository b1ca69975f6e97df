package pages

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/autonomous-data-pipeline/adp/pipeline"
)

// The size of a sparkline, in its own units.
const (
	chartWidth  = 160.0
	chartHeight = 36.0
)

// chart is a line through the values, with the line that matters.
type chart struct {
	Points string // of an SVG polyline
	Area   string // the same, closed at the bottom
	LimitY string // where the limit is; empty: it is above everything
	Limit  float64
	Last   float64
	LastX  string
	LastY  string
	Max    float64
	Values int
}

// sparkline draws values, oldest first, in proportion to the greatest one or
// the limit.
func sparkline(values []float64, limit float64) chart {
	c := chart{Limit: limit, Values: len(values)}
	if len(values) == 0 {
		return c
	}
	c.Max, c.Last = slices.Max(values), values[len(values)-1]
	top := math.Max(c.Max, limit) * 1.1
	y := func(v float64) float64 { return chartHeight - 2 - v/top*(chartHeight-4) }
	x := func(i int) float64 { return float64(i) * chartWidth / math.Max(1, float64(len(values)-1)) }
	points := make([]string, 0, len(values))
	for i, v := range values {
		points = append(points, fmt.Sprintf("%.1f,%.1f", x(i), y(v)))
	}
	c.Points = strings.Join(points, " ")
	c.Area = fmt.Sprintf("0,%.0f %s %.1f,%.0f", chartHeight, c.Points, x(len(values)-1), chartHeight)
	c.LastX, c.LastY = fmt.Sprintf("%.1f", x(len(values)-1)), fmt.Sprintf("%.1f", y(c.Last))
	c.LimitY = fmt.Sprintf("%.1f", y(limit))
	return c
}

// bar is a stage of a run on its time line, in percent of the whole.
type bar struct {
	pipeline.Stage
	X, Width string
	Offset   time.Duration // from the run's start
}

// timeline places a run's stages on one line. A stage that took no time is
// still seen.
func timeline(r pipeline.RunReport) []bar {
	whole := r.FinishedAt.Sub(r.StartedAt)
	for _, s := range r.Stages {
		whole = max(whole, s.StartedAt.Add(time.Duration(s.Ms)*time.Millisecond).Sub(r.StartedAt))
	}
	if whole <= 0 {
		whole = time.Millisecond
	}
	out := make([]bar, 0, len(r.Stages))
	for _, s := range r.Stages {
		from := max(0, s.StartedAt.Sub(r.StartedAt))
		x := 100 * float64(from) / float64(whole)
		width := max(0.6, 100*float64(time.Duration(s.Ms)*time.Millisecond)/float64(whole))
		x = min(x, 100-width)
		out = append(out, bar{Stage: s, X: fmt.Sprintf("%.2f", x), Width: fmt.Sprintf("%.2f", width), Offset: from})
	}
	return out
}
