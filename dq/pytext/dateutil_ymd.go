package pytext

// ymd are the numbers of a date, and which of them were named as its year or
// month; nothing names a day.
type ymd struct {
	values      []int
	year, month int  // places in values, or unknown
	century     bool // the year is written in full
}

func newYMD() ymd { return ymd{values: make([]int, 0, 4), year: unknown, month: unknown} }

// label is what a number of a date was said to be.
type label int

const (
	unlabelled label = iota
	asYear
	asMonth
)

// addText adds a token; more than two digits are a year.
func (d *ymd) addText(t token, as label) bool {
	if t.size > 2 && t.allDigits() {
		if as == asMonth {
			return false
		}
		d.century, as = true, asYear
	}
	v, ok := whole(t.text)
	return ok && d.add(v, as)
}

// addValue adds a number; one above 100 is a year.
func (d *ymd) addValue(v decimalValue) bool {
	if v.whole > 100 || v.whole == 100 && v.fraction != "" {
		d.century = true
		return d.add(v.whole, asYear)
	}
	return d.add(v.whole, unlabelled)
}

// add says false if there is a year or month already.
func (d *ymd) add(v int, as label) bool {
	d.values = append(d.values, v)
	place := &d.year
	switch as {
	case unlabelled:
		return true
	case asMonth:
		place = &d.month
	}
	if *place != unknown {
		return false
	}
	*place = len(d.values) - 1
	return true
}

// couldBeDay says whether the value may be the day.
func (d *ymd) couldBeDay(v decimalValue) bool {
	longest := 31
	if d.month != unknown {
		year := 2000 // a leap year
		if d.year != unknown {
			year = d.values[d.year]
		}
		longest = daysIn(2000+year%400, d.values[d.month]) // the calendar repeats
	}
	return v.whole >= 1 && (v.whole < longest || v.whole == longest && v.fraction == "")
}

// resolve finds out which number is what; unknown is -1. It is false if there
// are too many.
func (d *ymd) resolve() (year, month, day int, ok bool) {
	labelled := 0
	for _, place := range []int{d.year, d.month} {
		if place != unknown {
			labelled++
		}
	}
	n := len(d.values)
	switch {
	case n > 0 && n == labelled || n == 3 && labelled == 2:
		return d.at(d.year), d.at(d.month), d.at(3 - d.year - d.month), true
	case n > 3:
		return 0, 0, 0, false
	case n == 3:
		year, month, day = d.three()
	case n == 2 && d.month == unknown:
		year, month, day = d.two()
	case n > 0:
		year, month, day = d.one()
	default:
		year, month, day = unknown, unknown, unknown
	}
	return year, month, day, true
}

func (d *ymd) at(place int) int {
	if place < 0 || place >= len(d.values) {
		return unknown
	}
	return d.values[place]
}

// one resolves one number, or one beside a month's name.
func (d *ymd) one() (year, month, day int) {
	month, other := d.at(d.month), d.values[0]
	if d.month == 0 {
		other = d.values[1]
	}
	if other > 31 {
		return other, month, unknown
	}
	return unknown, month, other
}

func (d *ymd) two() (year, month, day int) {
	a, b := d.values[0], d.values[1]
	switch {
	case a > 31: // 99-01
		return a, b, unknown
	case b > 31: // 01-99
		return b, a, unknown
	}
	return unknown, a, b
}

func (d *ymd) three() (year, month, day int) {
	a, b, c := d.values[0], d.values[1], d.values[2]
	switch {
	case d.month == 0 && b > 31: // Apr-2003-25
		return b, a, c
	case d.month == 0:
		return c, a, b
	case d.month == 1 && a > 31: // 99-Jan-01
		return a, b, c
	case d.month == 1: // 01-Jan-01
		return c, b, a
	case d.month == 2 && b > 31: // 01-99-Jan
		return b, c, a
	case d.month == 2: // 99-01-Jan
		return a, c, b
	case a > 31 || d.year == 0: // 99-01-01
		return a, b, c
	case a > 12: // 13-01-01
		return c, b, a
	}
	return c, a, b // 01-13-01
}
