package page

import (
	"fmt"

	"github.com/autonomous-data-pipeline/adp/schemas"
)

// columnView is a column as the template shows it.
type columnView struct {
	Name    string
	Type    schemas.Type
	Scope   string // which rows this is of; empty if of all
	Empty   string // why there is nothing to see
	Counts  []Fact
	Facts   []Fact // of the values
	Picture string // says in words what the picture shows
	Head    string // of the picture
	Bars    []rect // of a histogram
	From    string
	To      string
	Top     []topValue
	Others  string

	verdicts
}

// verdicts count the expectations that name a column.
type verdicts struct{ Expected, NotMet int }

func (v *verdicts) add(success bool) {
	v.Expected++
	if !success {
		v.NotMet++
	}
}

// rect is a bar of a histogram, in the picture's units.
type rect struct {
	X, Y, Width, Height float64
	Title               string
}

// topValue is a frequent value.
type topValue struct {
	Value string
	Count string
	Share string
	Width float64 // of 100
}

// The picture's size, in units of its own: it is stretched.
const (
	pictureWidth  = 240
	pictureHeight = 64
)

func columnViewOf(c Column, v *verdicts) columnView {
	out := columnView{Name: visible(c.Name), Type: c.Type}
	if v != nil {
		out.verdicts = *v
	}
	if c.Seen < c.Rows && c.Seen > 0 {
		out.Scope = "of the first " + countOf(c.Seen, "row", "rows") + " of " + count(c.Rows)
	}
	values := c.Seen - c.Nulls
	switch {
	case c.Rows == 0:
		out.Empty = "The table has no rows."
	case c.Seen == 0:
		out.Empty = "No row of this column was looked at."
	case values == 0:
		out.Empty = "Every value is null."
	}
	if c.Seen == 0 {
		return out
	}
	scope := "exact"
	if out.Scope != "" {
		scope = "of these"
	}
	out.Counts = []Fact{
		{"Rows", count(c.Seen)},
		{"Nulls", count(c.Nulls) + " (" + ratio(c.Nulls, c.Seen) + ")"},
		{"Distinct", count(c.Distinct) + " (" + scope + ")"},
	}
	out.Facts = c.Facts
	out.draw(c, values)
	return out
}

// draw makes the picture, or says why there is none.
func (v *columnView) draw(c Column, values int64) {
	switch {
	case len(c.Bars) == 0:
	case c.Picture == Frequent:
		v.top(c, values)
	case len(c.Bars) == 1:
		v.Head = "All values are alike"
		if c.Picture == Lengths {
			v.Head = "All texts differ, and are equally long"
		} else if c.Distinct > 1 {
			v.Head = "All values lie close together"
		}
	default:
		v.histogram(c, values)
	}
}

func (v *columnView) histogram(c Column, values int64) {
	v.Head = "Distribution"
	if c.Picture == Lengths {
		v.Head = "All texts differ: their lengths, in characters"
	}
	most, at := int64(0), 0
	for i, b := range c.Bars {
		if b.Count > most {
			most, at = b.Count, i
		}
	}
	step := float64(pictureWidth) / float64(len(c.Bars))
	for i, b := range c.Bars {
		r := rect{X: float64(i) * step, Width: step * 0.88, Title: barLabel(b) + ": " + count(b.Count)}
		if b.Count > 0 { // a single row shows, beside millions
			r.Height = max(float64(b.Count)/float64(most)*pictureHeight, 1)
		}
		r.Y = pictureHeight - r.Height
		v.Bars = append(v.Bars, r)
	}
	last := c.Bars[len(c.Bars)-1]
	v.From, v.To = c.Bars[0].From, last.To
	if v.To == "" {
		v.To = last.From
	}
	v.Picture = fmt.Sprintf("Histogram with %d bars from %s to %s. The highest, %s, has %s of %s.",
		len(c.Bars), v.From, v.To, barLabel(c.Bars[at]), count(most), countOf(values, "value", "values"))
	if c.Others > 0 {
		v.Others = countOf(c.Others, "infinite value is", "infinite values are") + " not in the picture."
	}
}

func barLabel(b Bar) string {
	if b.To == "" || b.To == b.From {
		return b.From
	}
	return b.From + " to " + b.To
}

func (v *columnView) top(c Column, values int64) {
	v.Head = "Values"
	if c.Others > 0 {
		v.Head = "Most frequent values"
		v.Others = countOf(c.Others, "row has", "rows have") + " other values."
	}
	for _, b := range c.Bars {
		v.Top = append(v.Top, topValue{
			Value: b.From, Count: count(b.Count), Share: ratio(b.Count, values), Width: float64(b.Count) / float64(values) * 100,
		})
	}
}
