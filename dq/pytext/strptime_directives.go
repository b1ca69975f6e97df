package pytext

import (
	"strings"
	"unicode/utf8"
)

// choice is one of the texts that a directive may take: a class of characters
// each.
type choice []class

// class is a set of characters.
type class struct {
	low, high byte // without regard to case
	digit     bool // any decimal digit of Unicode
	exact     bool // case counts
}

// known lists the directives for people.
const known = "%a %A %b %B %c %d %f %G %H %I %j %m %M %p %S %u %U %V %w %W %x %X %y %Y %z %Z and %%"

// maxDirectives is how many there are; a layout has each of them once at most.
const maxDirectives = 23

// samples are what strftime writes on 15 June 2001, a Friday.
var samples = [128]string{
	'd': "15", 'f': "000000", 'H': "12", 'I': "12", 'G': "2001", 'j': "166", 'm': "06", 'M': "30", 'S': "45",
	'U': "23", 'W': "24", 'w': "5", 'u': "5", 'V': "24", 'y': "01", 'Y': "2001", 'z': "+0000", 'Z': "UTC",
	'A': "Friday", 'a': "Fri", 'B': "June", 'b': "Jun", 'p': "PM",
}

// directives are what each one takes, in the order in which it is tried, as
// CPython's _strptime.TimeRE has them. # is any digit, and [1-7] a range.
var directives = [128][]choice{
	'd': choices("3[0-1]|[1-2]#|0[1-9]|[1-9]| [1-9]"),
	'f': choices("[0-9][0-9][0-9][0-9][0-9][0-9]|[0-9][0-9][0-9][0-9][0-9]|[0-9][0-9][0-9][0-9]|[0-9][0-9][0-9]|[0-9][0-9]|[0-9]"),
	'H': choices("2[0-3]|[0-1]#|#"),
	'I': choices("1[0-2]|0[1-9]|[1-9]"),
	'G': choices("####"),
	'j': choices("36[0-6]|3[0-5]#|[1-2]##|0[1-9]#|00[1-9]|[1-9]#|0[1-9]|[1-9]"),
	'm': choices("1[0-2]|0[1-9]|[1-9]"),
	'M': choices("[0-5]#|#"),
	'S': choices("6[0-1]|[0-5]#|#"),
	'U': choices("5[0-3]|[0-4]#|#"),
	'W': choices("5[0-3]|[0-4]#|#"),
	'w': choices("[0-6]"),
	'u': choices("[1-7]"),
	'V': choices("5[0-3]|0[1-9]|[1-4]#|#"),
	'y': choices("##"),
	'Y': choices("####"),
	'z': choices(zones()),
	'A': choices(fullDays),
	'a': choices(shortDays),
	'B': choices(fullMonths),
	'b': choices(shortMonths),
	'p': choices("am|pm"),
	'Z': choices("utc|gmt"),
}

// The names of the C locale, longest first where it matters: no name begins
// with another.
const (
	fullDays    = "monday|tuesday|wednesday|thursday|friday|saturday|sunday"
	shortDays   = "mon|tue|wed|thu|fri|sat|sun"
	fullMonths  = "january|february|march|april|may|june|july|august|september|october|november|december"
	shortMonths = "jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec"
)

// zones are [+-]##:?[0-5]#(:?[0-5]#(\.#{1,6})?)?|Z, longest first.
func zones() string {
	var all []string
	for _, colon := range []string{":", ""} {
		minutes := colon + "[0-5]#"
		for _, colon := range []string{":", ""} {
			seconds := minutes + colon + "[0-5]#"
			for digits := 6; digits > 0; digits-- {
				all = append(all, seconds+"."+strings.Repeat("#", digits))
			}
			all = append(all, seconds)
		}
		all = append(all, minutes)
	}
	var signed []string
	for _, rest := range all {
		signed = append(signed, "+##"+rest, "-##"+rest)
	}
	return strings.Join(append(signed, "Z"), "|")
}

func choices(patterns string) []choice {
	var all []choice
	for _, pattern := range strings.Split(patterns, "|") {
		var c choice
		for i := 0; i < len(pattern); i++ {
			switch b := pattern[i]; b {
			case '[': // [1-7]
				c = append(c, class{low: pattern[i+1], high: pattern[i+3]})
				i += 4
			case '#':
				c = append(c, class{digit: true})
			default:
				c = append(c, class{low: b, high: b, exact: b == 'Z'})
			}
		}
		all = append(all, c)
	}
	return all
}

// prefix gives the length in bytes of what the choice takes of the text.
func (c choice) prefix(s string) (size int, ok bool) {
	for _, class := range c {
		r, n := utf8.DecodeRuneInString(s[size:])
		if n == 0 || !class.has(r) {
			return 0, false
		}
		size += n
	}
	return size, true
}

func (c class) has(r rune) bool {
	switch {
	case c.digit:
		_, ok := decimal(r)
		return ok
	case r >= utf8.RuneSelf:
		return false
	case !c.exact && r >= 'A' && r <= 'Z':
		r += 'a' - 'A'
	}
	return r >= rune(c.low) && r <= rune(c.high)
}
