package pytext

import (
	"strings"
	"time"
)

// The years that Python's dates know.
const minYear, maxYear = 1, 9999

// unknown is a field that no directive set.
const unknown = -1

// fields are what the directives of a layout say about the date.
type fields struct {
	year, isoYear, month, day, second int
	dayOfYear, week, isoWeek, weekday int // the weekday counts from Monday, 0
	weeksFromSunday                   bool
	zone                              string
}

// fields goes through the directives in the layout's order: where two say the
// same thing, the later one holds.
func (m *matching) fields() fields {
	f := fields{year: unknown, isoYear: unknown, month: 1, day: 1, dayOfYear: unknown, week: unknown, isoWeek: unknown, weekday: unknown}
	for _, p := range m.parts {
		if p.directive != 0 && p.directive != ' ' {
			f.set(p.directive, m.took[p.nth])
		}
	}
	return f
}

func (f *fields) set(directive byte, text string) {
	switch directive {
	case 'y':
		if f.year = 1900 + numberOf(text); f.year <= 1968 {
			f.year += 100
		}
	case 'Y':
		f.year = numberOf(text)
	case 'G':
		f.isoYear = numberOf(text)
	case 'm':
		f.month = numberOf(text)
	case 'B':
		f.month = 1 + indexOf(fullMonths, text)
	case 'b':
		f.month = 1 + indexOf(shortMonths, text)
	case 'd':
		f.day = numberOf(text)
	case 'S':
		f.second = numberOf(text)
	case 'A':
		f.weekday = indexOf(fullDays, text)
	case 'a':
		f.weekday = indexOf(shortDays, text)
	case 'w':
		f.weekday = (numberOf(text) + 6) % 7
	case 'u':
		f.weekday = numberOf(text) - 1
	case 'j':
		f.dayOfYear = numberOf(text)
	case 'U', 'W':
		f.week, f.weeksFromSunday = numberOf(text), directive == 'U'
	case 'V':
		f.isoWeek = numberOf(text)
	case 'z':
		f.zone = text
	}
}

// numberOf reads a few digits, and goes over the space that %d may take.
func numberOf(text string) int {
	n := 0
	for _, r := range text {
		if digit, ok := decimal(r); ok {
			n = n*10 + int(digit-'0')
		}
	}
	return n
}

// indexOf gives the place of a name among names.
func indexOf(names, name string) int {
	before, _, _ := strings.Cut(names, strings.ToLower(name))
	return strings.Count(before, "|")
}

// valid says whether the fields make a datetime, as CPython's _strptime does.
func (f *fields) valid() bool {
	if f.second > 59 || !zoneValid(f.zone) || !f.isoValid() {
		return false
	}
	year := f.year
	leapDay := year == unknown && f.month == 2 && f.day == 29
	switch {
	case leapDay:
		year = 1904
	case year == unknown:
		year = 1900
	}
	if year < minYear {
		return false
	}
	month, day := f.month, f.day
	if date, ok := f.byDayOfYear(year); ok {
		year, month, day = date.Year(), int(date.Month()), date.Day()
	} else if !dateValid(year, month, day) {
		return false
	}
	if leapDay { // the day was found in 1904, but the datetime is made in 1900
		year = 1900
	}
	return dateValid(year, month, day)
}

// isoValid says whether the ISO week comes with all that it needs.
func (f *fields) isoValid() bool {
	if f.year == unknown && f.isoYear != unknown {
		return f.isoWeek != unknown && f.weekday != unknown && f.dayOfYear == unknown
	}
	return f.isoWeek == unknown || f.week != unknown
}

// byDayOfYear finds the date by its day in the year, or by its week and
// weekday. ok is false if neither is known.
func (f *fields) byDayOfYear(year int) (date time.Time, ok bool) {
	switch {
	case f.dayOfYear != unknown:
		return newDate(year, 1, f.dayOfYear), true
	case f.weekday == unknown:
	case f.week != unknown:
		return newDate(year, 1, f.dayOfWeek(year)), true
	case f.isoYear != unknown && f.isoWeek != unknown:
		if f.isoYear < minYear { // though a late week of it is in the year 1
			return newDate(f.isoYear, 1, 1), true
		}
		correction := sinceMonday(newDate(f.isoYear, 1, 4)) + 1 + 3
		return newDate(f.isoYear, 1, f.isoWeek*7+f.weekday+1-correction), true
	}
	return time.Time{}, false
}

// dayOfWeek is the day in the year, from 1, of a weekday of a week. Week 0 is
// what comes before the first Monday, or Sunday; the day may be before the
// year.
func (f *fields) dayOfWeek(year int) int {
	first, weekday := sinceMonday(newDate(year, 1, 1)), f.weekday
	if f.weeksFromSunday {
		first, weekday = (first+1)%7, (weekday+1)%7
	}
	if f.week == 0 {
		return 1 + weekday - first
	}
	return 1 + (7-first)%7 + 7*(f.week-1) + weekday
}

func newDate(year, month, day int) time.Time {
	return time.Date(year, time.Month(month), day, 0, 0, 0, 0, time.UTC)
}

// sinceMonday counts the weekday from Monday, 0.
func sinceMonday(date time.Time) int { return (int(date.Weekday()) + 6) % 7 }

func dateValid(year, month, day int) bool {
	return year >= minYear && year <= maxYear && month >= 1 && month <= 12 && day >= 1 && day <= daysIn(year, month)
}

// daysIn is the length of a month, which must be one.
func daysIn(year, month int) int { return newDate(year, month+1, 0).Day() }

// zoneValid says whether %z is less than a day, and has colons everywhere or
// nowhere.
func zoneValid(zone string) bool {
	if zone == "" || zone == "Z" {
		return true
	}
	text := []rune(zone)
	hours := numberOf(string(text[1:3]))
	if text[3] == ':' {
		return hours < 24 && (len(text) <= 6 || text[6] == ':')
	}
	return hours < 24 && (len(text) <= 5 || text[5] != ':')
}
