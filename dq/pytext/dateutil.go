package pytext

import (
	"errors"
	"math/big"
	"regexp"
	"slices"
	"strings"
	"time"
)

// Dateutil reports whether dateutil.parser.parse takes the text: it reads a
// date in nearly any form. What a text leaves out, it takes from today.
func Dateutil(s string) bool {
	p := &dateParser{tokens: lex(s), hour: -1}
	if p.parse() != nil || !p.said() {
		return false
	}
	return p.possible(time.Now())
}

// errNoDate says that a text is none: callers know no more.
var errNoDate = errors.New("it is no date")

var (
	jumps    = strings.Fields(". , ; - / ' at on and ad m t of st nd rd th")
	weekdays = strings.Fields("mon tue wed thu fri sat sun monday tuesday wednesday thursday friday saturday sunday")
	utcNames = []string{"UTC", "GMT", "Z", "z"}
	months   = map[string]int{"jan": 1, "january": 1, "feb": 2, "february": 2, "mar": 3, "march": 3, "apr": 4, "april": 4, "may": 5, "jun": 6, "june": 6, "jul": 7, "july": 7, "aug": 8, "august": 8, "sep": 9, "sept": 9, "september": 9, "oct": 10, "october": 10, "nov": 11, "november": 11, "dec": 12, "december": 12}
	hms      = map[string]int{"h": 0, "hour": 0, "hours": 0, "m": 1, "minute": 1, "minutes": 1, "s": 2, "second": 2, "seconds": 2}
	ampm     = map[string]int{"am": 0, "a": 0, "pm": 1, "p": 1}
)

func jump(t string) bool { return t == " " || slices.Contains(jumps, strings.ToLower(t)) }

// dateParser follows dateutil's parser token by token. An hour of -1 is none;
// the other parts of a time are 0 where nothing is said.
type dateParser struct {
	tokens               []string
	at                   int
	date                 ymd
	year, month, day     int // resolved; -1 is none
	hour, minute, second int
	timed, weekday       bool // something of a time, a weekday was said
	zone                 string
	offset               bool // from UTC is known
	zoned                bool // something of a zone was said
}

func (p *dateParser) token(i int) (string, error) {
	if i < 0 || i >= len(p.tokens) {
		return "", errNoDate
	}
	return p.tokens[i], nil
}

// is reports whether the i-th token is one of some.
func (p *dateParser) is(i int, which ...string) bool {
	return i >= 0 && i < len(p.tokens) && slices.Contains(which, p.tokens[i])
}

func in(table map[string]int, p *dateParser, i int) (int, bool) {
	if i < 0 || i >= len(p.tokens) {
		return 0, false
	}
	n, ok := table[strings.ToLower(p.tokens[i])]
	return n, ok
}

// floatForm is what Python's float reads.
var floatForm = regexp.MustCompile(`^(?i:inf|infinity|nan|\p{Nd}+\.?\p{Nd}*|\.\p{Nd}+)$`)

func (p *dateParser) parse() error {
	for p.at = 0; p.at < len(p.tokens); p.at++ {
		if err := p.step(p.tokens[p.at]); err != nil {
			return err
		}
	}
	var err error
	p.year, p.month, p.day, err = p.date.resolve()
	return err
}

func (p *dateParser) step(t string) error {
	if floatForm.MatchString(t) {
		return p.numeric()
	}
	if slices.Contains(weekdays, strings.ToLower(t)) {
		p.weekday = true
		return nil
	}
	if m, ok := months[strings.ToLower(t)]; ok {
		return p.monthName(m)
	}
	if half, ok := ampm[strings.ToLower(t)]; ok {
		if p.hour < 0 || p.hour > 12 {
			return errNoDate
		}
		p.hour, p.timed = to24(p.hour, half), true
		return nil
	}
	if p.couldBeZone(t) {
		p.zone, p.zoned = t, true
		p.offset = strings.EqualFold(t, "utc") || strings.EqualFold(t, "gmt") || strings.EqualFold(t, "z")
		if p.is(p.at+1, "+", "-") {
			p.tokens[p.at+1] = map[string]string{"+": "-", "-": "+"}[p.tokens[p.at+1]]
			p.offset = false
			if slices.ContainsFunc(utcNames, func(n string) bool { return strings.EqualFold(n, t) }) {
				p.zone = ""
			}
		}
		return nil
	}
	if p.hour >= 0 && (t == "+" || t == "-") {
		return p.utcOffset()
	}
	if !jump(t) {
		return errNoDate
	}
	return nil
}

func to24(hour, half int) int {
	switch {
	case hour < 12 && half == 1:
		return hour + 12
	case hour == 12 && half == 0:
		return 0
	}
	return hour
}

func (p *dateParser) couldBeZone(t string) bool {
	if p.hour < 0 || p.zone != "" || p.offset || len([]rune(t)) > 5 {
		return false
	}
	upper := strings.Trim(t, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == ""
	return upper || slices.Contains(utcNames, t)
}

// monthName reads what follows a month's name.
func (p *dateParser) monthName(m int) error {
	if err := p.date.addNumber(m, 'M'); err != nil {
		return err
	}
	switch i := p.at; {
	case p.is(i+1, "-", "/"):
		sep := p.tokens[i+1]
		if err := p.addToken(i + 2); err != nil {
			return err
		}
		if p.is(i+3, sep) {
			if err := p.addToken(i + 4); err != nil {
				return err
			}
			p.at += 2
		}
		p.at += 2
	case i+4 < len(p.tokens) && p.is(i+1, " ") && p.is(i+3, " ") && strings.EqualFold(p.tokens[i+2], "of"):
		if n, ok := digits(p.tokens[i+4]); ok {
			if n < 100 {
				n = century(n)
			}
			if err := p.date.add(n, 'Y', 4); err != nil { // it becomes a text of the year
				return err
			}
		}
		p.at += 4
	}
	return nil
}

// addToken adds a token to the date as it is written.
func (p *dateParser) addToken(i int) error {
	t, err := p.token(i)
	if err != nil {
		return err
	}
	return p.date.addText(t, 0)
}

// utcOffset reads +HHMM, +HH:MM and +HH, and a name in parentheses.
func (p *dateParser) utcOffset() error {
	i := p.at
	t, err := p.token(i + 1)
	if err != nil {
		return err
	}
	length := len([]rune(t))
	ok, ok2 := true, true
	switch {
	case length == 4:
		r := []rune(t)
		_, ok = digits(string(r[:2]))
		_, ok2 = digits(string(r[2:]))
	case p.is(i+2, ":"):
		_, ok = digits(t)
		var m string
		if m, err = p.token(i + 3); err != nil {
			return err
		}
		_, ok2 = digits(m)
		i += 2
	case length <= 2:
		_, ok = digits(t)
	default:
		return errNoDate
	}
	if !ok || !ok2 {
		return errNoDate
	}
	p.offset, p.zoned = true, true // an offset of days is taken, too
	if i+5 < len(p.tokens) && jump(p.tokens[i+2]) && p.is(i+3, "(") && p.is(i+5, ")") && len([]rune(p.tokens[i+4])) >= 3 {
		p.offset = false
		if p.couldBeZone(p.tokens[i+4]) {
			p.zone = p.tokens[i+4]
			i += 4
		}
		p.offset = true
	}
	p.at = i + 1
	return nil
}

// digits is Python's int of a text of digits.
func digits(s string) (int, bool) {
	n := 0
	for _, r := range s {
		if !isDecimal(r) || n > 1e9 {
			return 0, false
		}
		n = 10*n + digit(r)
	}
	return n, s != ""
}

// decimalOf reads a token exactly, as Python's Decimal does.
func decimalOf(s string) (*big.Rat, bool) {
	var b strings.Builder
	for _, r := range s {
		switch {
		case r == '.':
			b.WriteByte('.')
		case isDecimal(r):
			b.WriteByte(byte('0' + digit(r)))
		default:
			return nil, false
		}
	}
	return new(big.Rat).SetString(b.String())
}

// whole is a number's integer part; ok is false if it is beyond reason.
func whole(r *big.Rat) (int, bool) {
	n := new(big.Int).Quo(r.Num(), r.Denom())
	return int(n.Int64()), n.IsInt64()
}

// numeric reads what begins with a number.
func (p *dateParser) numeric() error {
	i, t := p.at, p.tokens[p.at]
	value, ok := decimalOf(t)
	if !ok {
		return errNoDate
	}
	r := []rune(t)
	part := func(from, to int) int {
		n, isNumber := digits(string(r[from:to]))
		ok = ok && isNumber
		return n
	}
	_, unit := in(hms, p, i+1)
	switch length := len(r); {
	case p.date.count == 3 && (length == 2 || length == 4) && p.hour < 0 && (i+1 >= len(p.tokens) || !p.is(i+1, ":") && !unit):
		p.setHour(part(0, 2))
		if length == 4 {
			p.minute = part(2, 4)
		}
	case length == 6 || length > 6 && strings.IndexRune(string(r), '.') == len(string(r[:6])) && r[6] == '.':
		if p.date.count == 0 && !strings.Contains(t, ".") {
			for n := range 3 {
				if err := p.date.addText(string(r[2*n:2*n+2]), 0); err != nil {
					return err
				}
			}
			break
		}
		p.setHour(part(0, 2))
		p.minute = part(2, 4)
		if err := p.seconds(string(r[4:])); err != nil {
			return err
		}
	case length == 8 || length == 12 || length == 14:
		for n, span := range [][2]int{{0, 4}, {4, 6}, {6, 8}} {
			if err := p.date.addText(string(r[span[0]:span[1]]), map[int]byte{0: 'Y'}[n]); err != nil {
				return err
			}
		}
		if length > 8 {
			p.setHour(part(8, 10))
			p.minute = part(10, 12)
		}
		if length > 12 {
			p.second = part(12, 14)
		}
	default:
		return p.numericInContext(value)
	}
	if !ok {
		return errNoDate
	}
	return nil
}

func (p *dateParser) setHour(h int) { p.hour, p.timed = h, true }

// seconds reads I[.F].
func (p *dateParser) seconds(s string) error {
	if strings.Count(s, ".") > 1 {
		return errNoDate
	}
	i, f, fraction := strings.Cut(s, ".")
	n, ok := digits(i)
	p.second, p.timed = n, true
	if fraction {
		_, fine := digits(string([]rune(f + "000000")[:6]))
		ok = ok && fine
	}
	if !ok {
		return errNoDate
	}
	return nil
}

// numericInContext reads a number by what stands beside it.
func (p *dateParser) numericInContext(value *big.Rat) error {
	i := p.at
	if at := p.unit(i); at >= 0 {
		return p.withUnit(i, at, value)
	}
	n, small := whole(value)
	_, half := in(ampm, p, i+1)
	switch {
	case i+2 < len(p.tokens) && p.is(i+1, ":"):
		return p.clock(n, small)
	case p.is(i+1, "-", "/", "."):
		return p.separated()
	case i+1 >= len(p.tokens) || jump(p.tokens[i+1]):
		if h, ok := in(ampm, p, i+2); ok {
			p.setHour(to24(n, h))
			p.at++
		} else if err := p.date.addDecimal(value); err != nil {
			return err
		}
		p.at++
		return nil
	case half && n >= 0 && n < 24 && small:
		h, _ := in(ampm, p, i+1)
		p.setHour(to24(n, h))
		p.at++
		return nil
	case p.date.couldBeDay(value):
		return p.date.addDecimal(value)
	}
	return errNoDate
}

// unit finds the token that says what a number counts; -1 is none.
func (p *dateParser) unit(i int) int {
	has := func(n int) bool { _, ok := in(hms, p, n); return ok }
	switch {
	case has(i + 1):
		return i + 1
	case p.is(i+1, " ") && has(i+2):
		return i + 2
	case i > 0 && has(i-1):
		return i - 1
	case i > 1 && i == len(p.tokens)-1 && p.is(i-1, " ") && has(i-2):
		return i - 2
	}
	return -1
}

func (p *dateParser) withUnit(i, at int, value *big.Rat) error {
	which, _ := in(hms, p, at)
	if at > i {
		p.at = at
	} else {
		which++
	}
	n, ok := whole(value)
	if !ok {
		return errNoDate
	}
	fraction := new(big.Rat).Sub(value, new(big.Rat).SetInt64(int64(n)))
	sixtieth, _ := whole(fraction.Mul(fraction, big.NewRat(60, 1)))
	p.timed = true
	switch which {
	case 0:
		p.hour = n
		if sixtieth > 0 {
			p.minute = sixtieth
		}
	case 1:
		p.minute, p.second = n, sixtieth
	case 2:
		return p.seconds(p.tokens[i])
	}
	return nil
}

// clock reads H:M and H:M:S.
func (p *dateParser) clock(hour int, ok bool) error {
	i := p.at
	value, isNumber := decimalOf(p.tokens[i+2])
	if !ok || !isNumber {
		return errNoDate
	}
	minute, small := whole(value)
	if !small {
		return errNoDate
	}
	p.setHour(hour)
	fraction := new(big.Rat).Sub(value, new(big.Rat).SetInt64(int64(minute)))
	p.minute = minute
	p.second, _ = whole(fraction.Mul(fraction, big.NewRat(60, 1)))
	if i+4 < len(p.tokens) && p.is(i+3, ":") {
		if err := p.seconds(p.tokens[i+4]); err != nil {
			return err
		}
		p.at += 2
	}
	p.at += 2
	return nil
}

// separated reads D-M-Y, with a month's name too.
func (p *dateParser) separated() error {
	i := p.at
	sep := p.tokens[i+1]
	if err := p.date.addText(p.tokens[i], 0); err != nil {
		return err
	}
	if i+2 < len(p.tokens) && !jump(p.tokens[i+2]) {
		if m, ok := in(months, p, i+2); ok {
			if err := p.date.addNumber(m, 'M'); err != nil {
				return err
			}
		} else if !allDigits(p.tokens[i+2]) {
			return errNoDate
		} else if err := p.addToken(i + 2); err != nil {
			return err
		}
		if p.is(i+3, sep) {
			if m, ok := in(months, p, i+4); ok {
				if err := p.date.addNumber(m, 'M'); err != nil {
					return err
				}
			} else if err := p.addToken(i + 4); err != nil {
				return err
			}
			p.at += 2
		}
		p.at++
	}
	p.at++
	return nil
}

func allDigits(s string) bool {
	return s != "" && strings.IndexFunc(s, func(r rune) bool { return !isDigit(r) }) < 0
}

// said reports whether the text says anything of a date or a time.
func (p *dateParser) said() bool {
	return p.timed || p.weekday || p.zoned || p.year >= 0 || p.month >= 0 || p.day >= 0
}

// possible checks what was read against the calendar, with what is missing taken
// from today.
func (p *dateParser) possible(today time.Time) bool {
	year, month, day := p.year, p.month, p.day
	switch {
	case year < 0:
		year = today.Year()
	case !p.date.century && year < 100:
		year = century(year)
	}
	if month < 0 {
		month = int(today.Month())
	}
	if year < 1 || year > 9999 || month < 1 || month > 12 {
		return false
	}
	last := time.Date(year, time.Month(month)+1, 0, 0, 0, 0, 0, time.UTC).Day()
	if day < 0 {
		day = min(today.Day(), last)
	}
	return day >= 1 && day <= last && p.hour < 24 && p.minute < 60 && p.second < 60
}

// century puts a year of two digits within 50 years of this one.
func century(year int) int {
	now := time.Now().Year()
	year += now / 100 * 100
	switch {
	case year >= now+50:
		return year - 100
	case year < now-50:
		return year + 100
	}
	return year
}
