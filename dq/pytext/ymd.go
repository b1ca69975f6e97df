package pytext

import (
	"math/big"
	"time"
)

// ymd are the numbers of a date, in the order of the text, with what is known of
// which is which: dateutil's _ymd.
type ymd struct {
	count         int
	values        []int
	yAt, mAt, dAt int // one more than the place; 0 is unknown
	century       bool
}

// add appends a number. A label, 'Y', 'M' or 'D', says what it is; more than two
// digits say that it is the year.
func (y *ymd) add(n int, label byte, length int) error {
	if length > 2 {
		y.century = true
		if label != 0 && label != 'Y' {
			return errNoDate
		}
		label = 'Y'
	}
	y.values, y.count = append(y.values, n), y.count+1
	at := map[byte]*int{'Y': &y.yAt, 'M': &y.mAt, 'D': &y.dAt}[label]
	if at == nil {
		return nil
	}
	if *at != 0 {
		return errNoDate
	}
	*at = y.count
	return nil
}

// addText appends a number as it is written.
func (y *ymd) addText(s string, label byte) error {
	n, ok := digits(s)
	if !ok {
		return errNoDate
	}
	return y.add(n, label, len([]rune(s)))
}

// addNumber appends a number that isn't written: above 100 it is a year.
func (y *ymd) addNumber(n int, label byte) error {
	length := 0
	if n > 100 {
		length = 3
	}
	return y.add(n, label, length)
}

func (y *ymd) addDecimal(v *big.Rat) error {
	n, ok := whole(v)
	if !ok {
		return errNoDate
	}
	length := 0
	if v.Cmp(big.NewRat(100, 1)) > 0 {
		length = 3
	}
	return y.add(n, 0, length)
}

func (y *ymd) couldBeDay(v *big.Rat) bool {
	if y.dAt > 0 || v.Cmp(big.NewRat(1, 1)) < 0 {
		return false
	}
	last, year := 31, 2000
	if y.mAt > 0 {
		if y.yAt > 0 {
			year = y.values[y.yAt-1]
		}
		last = time.Date(year, time.Month(y.values[y.mAt-1])+1, 0, 0, 0, 0, 0, time.UTC).Day()
	}
	return v.Cmp(big.NewRat(int64(last), 1)) <= 0
}

// resolve says which number is which; -1 is none.
func (y *ymd) resolve() (year, month, day int, err error) {
	v := y.values
	known := 0
	for _, at := range []int{y.yAt, y.mAt, y.dAt} {
		if at > 0 {
			known++
		}
	}
	switch n := len(v); {
	case n == known && n > 0 || n == 3 && known == 2:
		year, month, day = y.byPlace(n == 3)
	case n > 3:
		return -1, -1, -1, errNoDate
	case n == 1 || y.mAt > 0 && n == 2:
		year, month, day = y.one()
	case n == 2:
		switch {
		case v[0] > 31:
			year, month, day = v[0], v[1], -1
		case v[1] > 31:
			year, month, day = v[1], v[0], -1
		default:
			year, month, day = -1, v[0], v[1]
		}
	case n == 3:
		year, month, day = y.three()
	default:
		year, month, day = -1, -1, -1
	}
	return year, month, day, nil
}

// byPlace resolves by what is known; of three, the third is what is left.
func (y *ymd) byPlace(three bool) (year, month, day int) {
	at := []int{y.yAt, y.mAt, y.dAt}
	if three {
		missing, used := -1, map[int]bool{}
		for i, a := range at {
			if a == 0 {
				missing = i
			}
			used[a] = true
		}
		for a := 1; a <= 3 && missing >= 0; a++ {
			if !used[a] {
				at[missing] = a
			}
		}
	}
	out := [3]int{-1, -1, -1}
	for i, a := range at {
		if a > 0 {
			out[i] = y.values[a-1]
		}
	}
	return out[0], out[1], out[2]
}

// one resolves a number alone, or beside a month's name.
func (y *ymd) one() (year, month, day int) {
	year, month, day = -1, -1, -1
	other := y.values[0]
	if y.mAt > 0 {
		month = y.values[y.mAt-1]
		other = y.values[(y.mAt-2+len(y.values))%len(y.values)]
	}
	if len(y.values) > 1 || y.mAt == 0 {
		if other > 31 {
			year = other
		} else {
			day = other
		}
	}
	return year, month, day
}

// three resolves three numbers by their order and their size.
func (y *ymd) three() (year, month, day int) {
	a, b, c := y.values[0], y.values[1], y.values[2]
	switch y.mAt {
	case 1:
		if b > 31 {
			return b, a, c
		}
		return c, a, b
	case 2:
		if a > 31 {
			return a, b, c
		}
		return c, b, a
	case 3:
		if b > 31 {
			return b, c, a
		}
		return a, c, b // as the original has it: year, day, month
	}
	switch {
	case a > 31 || y.yAt == 1:
		return a, b, c
	case a > 12:
		return c, b, a
	}
	return c, a, b
}
