package page

import "github.com/autonomous-data-pipeline/adp/schemas"

// Picture is what a column's bars are of.
type Picture string

// The pictures. A column without values has none.
const (
	NoPicture Picture = ""
	Values    Picture = "values"   // a histogram of numbers or times
	Lengths   Picture = "lengths"  // a histogram of texts' lengths, for texts that all differ
	Frequent  Picture = "frequent" // the most frequent texts or booleans, the most frequent first
)

// Column is what the page shows of one column of the data. All but Rows is of
// its first Seen rows.
type Column struct {
	Name     string       `json:"name"`
	Type     schemas.Type `json:"type"`
	Rows     int64        `json:"rows"` // of the table
	Seen     int64        `json:"seen"` // fewer than Rows if the sketch was full
	Nulls    int64        `json:"nulls"`
	Distinct int64        `json:"distinct"` // exact; nulls don't count
	Facts    []Fact       `json:"facts"`    // least, mean, greatest, …
	Picture  Picture      `json:"picture"`
	Bars     []Bar        `json:"bars"`
	Others   int64        `json:"others"` // values that no bar is of: those less frequent, infinities
}

// Fact is a named value, as people read it.
type Fact struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// Bar is a value, or a range with both its ends, and how many rows have it.
type Bar struct {
	From  string `json:"from"`
	To    string `json:"to,omitempty"` // empty for one value
	Count int64  `json:"count"`
}
