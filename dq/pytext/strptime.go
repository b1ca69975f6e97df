package pytext

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Format is a layout of Python's datetime.strptime, in the C locale.
type Format struct {
	re     *regexp.Regexp
	groups map[string]int
}

// directives are the patterns that CPython's _strptime gives each directive. Its
// \d knows all decimal digits.
var directives = map[byte]string{
	'd': `(?P<d>3[0-1]|[1-2]\d|0[1-9]|[1-9]| [1-9])`,
	'f': `(?P<f>[0-9]{1,6})`,
	'H': `(?P<H>2[0-3]|[0-1]\d|\d)`,
	'I': `(?P<I>1[0-2]|0[1-9]|[1-9])`,
	'G': `(?P<G>\d\d\d\d)`,
	'j': `(?P<j>36[0-6]|3[0-5]\d|[1-2]\d\d|0[1-9]\d|00[1-9]|[1-9]\d|0[1-9]|[1-9])`,
	'm': `(?P<m>1[0-2]|0[1-9]|[1-9])`,
	'M': `(?P<M>[0-5]\d|\d)`,
	'S': `(?P<S>6[0-1]|[0-5]\d|\d)`,
	'U': `(?P<U>5[0-3]|[0-4]\d|\d)`,
	'W': `(?P<W>5[0-3]|[0-4]\d|\d)`,
	'w': `(?P<w>[0-6])`,
	'u': `(?P<u>[1-7])`,
	'V': `(?P<V>5[0-3]|0[1-9]|[1-4]\d|\d)`,
	'y': `(?P<y>\d\d)`,
	'Y': `(?P<Y>\d\d\d\d)`,
	'z': `(?P<z>[+-]\d\d:?[0-5]\d(:?[0-5]\d(\.\d{1,6})?)?|(?-i:Z))`,
	'A': `(?P<A>wednesday|thursday|saturday|tuesday|monday|friday|sunday)`,
	'a': `(?P<a>mon|tue|wed|thu|fri|sat|sun)`,
	'B': `(?P<B>september|february|november|december|january|october|august|march|april|june|july|may)`,
	'b': `(?P<b>jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)`,
	'p': `(?P<p>am|pm)`,
	'Z': `(?P<Z>utc|gmt)`,
	'%': `%`,
}

// composed are directives that stand for several.
var composed = strings.NewReplacer("%%", "%%", "%c", "%a %b %d %H:%M:%S %Y", "%x", "%m/%d/%y", "%X", "%H:%M:%S")

var formatSpace = regexp.MustCompile(`[\s\x{1c}-\x{1f}\x{85}\x{a0}\p{Z}]+`)

// spaceClass is Python's \s.
const spaceClass = `[\t-\r\x{1c}-\x{20}\x{85}\p{Z}]`

// ParseFormat reads a layout, and refuses one that can't read what it writes.
func ParseFormat(layout string) (*Format, error) {
	var b strings.Builder
	seen := map[byte]bool{}
	text := composed.Replace(layout)
	for i := 0; i < len(text); i++ {
		if text[i] != '%' {
			end := strings.IndexByte(text[i:], '%')
			if end < 0 {
				end = len(text) - i
			}
			b.WriteString(literal(text[i : i+end]))
			i += end - 1
			continue
		}
		if i++; i == len(text) {
			return nil, fmt.Errorf("stray %% in format '%s'", layout)
		}
		pattern, ok := directives[text[i]]
		switch {
		case !ok:
			return nil, fmt.Errorf("'%c' is a bad directive in format '%s'", text[i], layout)
		case text[i] != '%' && seen[text[i]]:
			return nil, fmt.Errorf("%%%c stands twice in format '%s'", text[i], layout)
		}
		seen[text[i]] = true
		b.WriteString(strings.ReplaceAll(pattern, `\d`, `\p{Nd}`))
	}
	re, err := regexp.Compile(`^(?i:` + b.String() + `)`)
	if err != nil {
		return nil, fmt.Errorf("format '%s': %w", layout, err)
	}
	f := &Format{re, map[string]int{}}
	for i, name := range re.SubexpNames() {
		if name != "" {
			f.groups[name] = i
		}
	}
	if (seen['G'] || seen['V']) && !f.isoWeek(seen) {
		return nil, fmt.Errorf("format '%s': %%G and %%V go together, with a weekday (%%A, %%a, %%w or %%u) and without %%Y and %%j", layout)
	}
	return f, nil
}

// isoWeek says that a layout has what an ISO week needs. Others read nothing.
func (f *Format) isoWeek(seen map[byte]bool) bool {
	weekday := seen['A'] || seen['a'] || seen['w'] || seen['u']
	if seen['Y'] || seen['y'] { // the ISO year is read, and not looked at
		return !seen['V'] || seen['U'] || seen['W']
	}
	return seen['G'] && seen['V'] && weekday && !seen['j']
}

func literal(s string) string {
	parts := formatSpace.Split(s, -1)
	for i := range parts {
		parts[i] = regexp.QuoteMeta(parts[i])
	}
	return strings.Join(parts, spaceClass+"+")
}

// Match reports whether strptime takes the text.
func (f *Format) Match(s string) bool {
	found := f.re.FindStringSubmatchIndex(s)
	if found == nil || found[1] != len(s) {
		return false
	}
	get := func(name string) (string, bool) {
		i, ok := f.groups[name]
		if !ok || found[2*i] < 0 {
			return "", false
		}
		return s[found[2*i]:found[2*i+1]], true
	}
	return (&reading{get: get}).valid() == nil
}

// reading is what a text says, by directive.
type reading struct {
	get func(directive string) (string, bool)
}

// number reads a directive's digits, of any script; or the fallback.
func (r *reading) number(directive string, fallback int) int {
	text, ok := r.get(directive)
	if !ok {
		return fallback
	}
	n := 0
	for _, c := range strings.TrimSpace(text) {
		n = 10*n + digit(c)
	}
	return n
}

// digit is a decimal digit's value: in Unicode they stand in tens.
func digit(r rune) int {
	if r >= '0' && r <= '9' {
		return int(r - '0')
	}
	n := 0
	for c := r - 1; n < 9 && isDecimal(c); c-- {
		n++
	}
	return n % 10
}

var decimal = regexp.MustCompile(`^\p{Nd}$`)

func isDecimal(r rune) bool { return decimal.MatchString(string(r)) }

var errDate = errors.New("there is no such date")

func (r *reading) valid() error {
	if r.number("S", 0) > 59 {
		return errDate // datetime has no leap seconds
	}
	if err := r.offset(); err != nil {
		return err
	}
	return r.date()
}

var offsetForm = regexp.MustCompile(`^[+-](\p{Nd}\p{Nd})(:?)\p{Nd}\p{Nd}(?:(:?)\p{Nd}\p{Nd}(?:\.\p{Nd}+)?)?$`)

// offset checks %z: colons must be used throughout, and a day is too far.
func (r *reading) offset() error {
	z, ok := r.get("z")
	if !ok || z == "Z" {
		return nil
	}
	m := offsetForm.FindStringSubmatch(z)
	hours := 0
	for _, c := range m[1] {
		hours = 10*hours + digit(c)
	}
	rest := strings.TrimPrefix(z, z[:1]+m[1]+m[2])
	if hours > 23 || len([]rune(rest)) > 2 && m[3] != m[2] {
		return errDate
	}
	return nil
}

// date checks the day against the calendar.
func (r *reading) date() error {
	year, known := r.year()
	month, day := r.month(), r.number("d", 1)
	if !known {
		if year = 1900; month == 2 && day == 29 {
			year = 1904
		}
	}
	if year < 1 {
		return errDate
	}
	weekday, hasWeekday := r.weekday()
	if _, ok := r.get("j"); ok {
		return within(time.Date(year, 1, r.number("j", 1), 0, 0, 0, 0, time.UTC))
	}
	if hasWeekday {
		if date, ok := r.byWeek(year, known, weekday); ok {
			return within(date)
		}
	}
	if t := time.Date(year, time.Month(month), day, 0, 0, 0, 0, time.UTC); t.Day() != day {
		return errDate
	}
	return nil
}

func within(t time.Time) error {
	if t.Year() < 1 || t.Year() > 9999 {
		return errDate
	}
	return nil
}

func (r *reading) year() (year int, known bool) {
	if _, ok := r.get("Y"); ok {
		return r.number("Y", 0), true
	}
	if _, ok := r.get("y"); ok {
		if n := r.number("y", 0); n <= 68 {
			return 2000 + n, true
		}
		return 1900 + r.number("y", 0), true
	}
	return 0, false
}

func (r *reading) month() int {
	for _, names := range []string{"B", "b"} {
		if text, ok := r.get(names); ok {
			return 1 + strings.Index("janfebmaraprmayjunjulaugsepoctnovdec", strings.ToLower(text)[:3])/3
		}
	}
	return r.number("m", 1)
}

// weekday counts from Monday, 0.
func (r *reading) weekday() (int, bool) {
	for _, names := range []string{"A", "a"} {
		if text, ok := r.get(names); ok {
			return strings.Index("montuewedthufrisatsun", strings.ToLower(text)[:3]) / 3, true
		}
	}
	if text, ok := r.get("w"); ok {
		n, err := strconv.Atoi(text)
		return (n + 6) % 7, err == nil
	}
	if text, ok := r.get("u"); ok {
		n, err := strconv.Atoi(text)
		return n - 1, err == nil
	}
	return 0, false
}

// byWeek is the date that a week's number and a weekday name.
func (r *reading) byWeek(year int, known bool, weekday int) (time.Time, bool) {
	first := func(year int) time.Time { return time.Date(year, 1, 1, 0, 0, 0, 0, time.UTC) }
	for _, w := range []string{"U", "W"} {
		if _, ok := r.get(w); !ok {
			continue
		}
		week, start := r.number(w, 0), int(first(year).Weekday()+6)%7
		if w == "U" {
			start, weekday = (start+1)%7, (weekday+1)%7
		}
		if week == 0 {
			return first(year).AddDate(0, 0, weekday-start), true
		}
		return first(year).AddDate(0, 0, (7-start)%7+7*(week-1)+weekday), true
	}
	if _, ok := r.get("G"); ok && !known {
		year := r.number("G", 1)
		if year < 1 {
			return time.Date(0, 1, 1, 0, 0, 0, 0, time.UTC), true
		}
		fourth := time.Date(year, 1, 4, 0, 0, 0, 0, time.UTC)
		monday := fourth.AddDate(0, 0, -int(fourth.Weekday()+6)%7)
		return monday.AddDate(0, 0, 7*(r.number("V", 1)-1)+weekday), true
	}
	return time.Time{}, false
}
