package pytext

import "time"

// Dateutil says whether dateutil.parser.parse reads the text today.
func Dateutil(s string) bool { return DateutilAt(s, time.Now()) }

// DateutilAt says whether dateutil.parser.parse reads the text on a day. The
// day matters: what a text leaves out is taken from it, so that "31" is a date
// in a month that has one.
func DateutilAt(s string, today time.Time) bool {
	p := dateParser{tokens: split(s), now: today.Year(), date: newYMD(), result: nothing}
	if !p.run() {
		return false
	}
	year, month, day, ok := p.date.resolve()
	if !ok {
		return false
	}
	p.year, p.month, p.day = year, month, day
	if p.result == nothing {
		return false // a text that names no part of a date
	}
	if p.year != unknown && !p.date.century {
		p.year = inCentury(p.year, p.now)
	}
	return p.builds(today)
}

// result is what a text says about an instant; unknown is what it doesn't.
type result struct {
	year, month, day, weekday    int
	hour, minute, second, micros int
	zone                         string
	offset                       int // of the zone in seconds, or noOffset
}

// noOffset is no time zone's offset.
const noOffset = -1 << 62

var nothing = result{unknown, unknown, unknown, unknown, unknown, unknown, unknown, unknown, "", noOffset}

// inCentury is the year nearest to this one that ends in two digits.
func inCentury(year, now int) int {
	if year >= 100 {
		return year
	}
	year += now / 100 * 100
	switch {
	case year >= now+50:
		return year - 100
	case year < now-50:
		return year + 100
	}
	return year
}

// maxOffset is the largest offset in seconds that a timedelta holds, in either
// direction.
const maxOffset = 999_999_999 * 86400

// builds says whether the result, completed from today, makes a datetime.
func (r *result) builds(today time.Time) bool {
	year, month, day := or(r.year, today.Year()), or(r.month, int(today.Month())), r.day
	if month < 1 || month > 12 || year < minYear || year > maxYear {
		return false
	}
	if day == unknown {
		day = min(today.Day(), daysIn(year, month))
	}
	if !dateValid(year, month, day) || or(r.hour, 0) > 23 || or(r.minute, 0) > 59 || or(r.second, 0) > 59 {
		return false
	}
	if r.weekday != unknown && r.day == unknown {
		ahead := (7 - sinceMonday(newDate(year, month, day)) + r.weekday) % 7
		if newDate(year, month, day+ahead).Year() > maxYear {
			return false
		}
	}
	if r.offset == noOffset || r.zone != "" && (token{text: r.zone}).isUTC() {
		return true
	}
	return r.offset < maxOffset+86400 && r.offset >= -maxOffset
}

func or(v, otherwise int) int {
	if v == unknown {
		return otherwise
	}
	return v
}

// dateParser goes through the tokens as dateutil's parser._parse does.
type dateParser struct {
	tokens []token
	at     int // the token that is looked at
	now    int // the year
	date   ymd
	result
}

// tok is a token after this one, or before it. ok is false beyond the ends,
// where Python raises an IndexError.
func (p *dateParser) tok(ahead int) (t token, ok bool) {
	if i := p.at + ahead; i >= 0 && i < len(p.tokens) {
		return p.tokens[i], true
	}
	return token{}, false
}

// is says whether there is such a token ahead.
func (p *dateParser) is(ahead int, texts ...string) bool {
	t, ok := p.tok(ahead)
	return ok && t.isAny(texts...)
}

func (p *dateParser) run() bool {
	for ; p.at < len(p.tokens); p.at++ {
		if !p.step() {
			return false
		}
	}
	return true
}

// step takes this token, and those that belong to it.
func (p *dateParser) step() bool {
	t := p.tokens[p.at]
	if t.isNotFinite() {
		return false
	}
	if v, ok := t.decimal(); ok {
		return p.number(t, v)
	}
	if day, ok := t.in(weekdayWords); ok {
		p.weekday = day
		return true
	}
	if month, ok := t.in(monthWords); ok {
		return p.monthName(month + 1)
	}
	if half, ok := t.in(ampmWords); ok {
		if p.hour == unknown || p.hour > 12 {
			return false
		}
		p.hour = adjust(p.hour, half)
		return true
	}
	switch {
	case p.hour != unknown && p.zone == "" && p.offset == noOffset && t.couldBeZone():
		p.zoneName(t)
		return true
	case p.hour != unknown && t.isAny("+", "-"):
		return p.zoneOffset(t.text == "-")
	}
	return t.isJump()
}

// monthName takes what follows a month's name: -01, -01-99, or " of 01".
func (p *dateParser) monthName(month int) bool {
	if !p.date.add(month, asMonth) {
		return false
	}
	sep, ok := p.tok(1)
	if !ok {
		return true
	}
	if sep.isAny("-", "/") {
		return p.afterMonth(sep.text)
	}
	if year, ok := p.tok(4); ok && sep.text == " " && p.is(3, " ") && p.pertains(2) {
		p.at += 4
		if year.allDigits() {
			v, ok := whole(year.text)
			p.date.century = true
			return ok && p.date.add(inCentury(v, p.now), asYear)
		}
	}
	return true
}

func (p *dateParser) afterMonth(sep string) bool {
	first, ok := p.tok(2)
	if !ok || !p.date.addText(first, unlabelled) {
		return false
	}
	if p.is(3, sep) {
		second, ok := p.tok(4)
		if !ok || !p.date.addText(second, unlabelled) {
			return false
		}
		p.at += 2
	}
	p.at += 2
	return true
}

func (p *dateParser) pertains(ahead int) bool {
	t, _ := p.tok(ahead)
	return len(t.text) == 2 && t.text[0]|0x20 == 'o' && t.text[1]|0x20 == 'f'
}

// zoneName takes a zone's name. Before an offset it turns the offset around:
// GMT+3 is three hours before.
func (p *dateParser) zoneName(t token) {
	p.zone = t.text
	if t.text == "z" {
		p.offset = 0
	}
	if p.is(1, "+", "-") {
		sign := &p.tokens[p.at+1]
		if sign.text == "+" {
			sign.text = "-"
		} else {
			sign.text = "+"
		}
		p.offset = noOffset
		if t.isUTC() {
			p.zone = ""
		}
	}
}

// zoneOffset takes +0300, +03:00 or +3, and a name in parentheses behind it.
func (p *dateParser) zoneOffset(negative bool) bool {
	t, ok := p.tok(1)
	if !ok {
		return false
	}
	var hours, minutes int
	switch {
	case t.size == 4:
		hours, minutes, ok = wholes(t.text, 2)
	case p.is(2, ":"):
		after, _ := p.tok(3)
		hours, ok = whole(t.text)
		if !ok {
			return false
		}
		minutes, ok = whole(after.text)
		p.at += 2
	case t.size <= 2:
		hours, ok = whole(t.text)
	default:
		return false
	}
	if !ok {
		return false
	}
	if p.offset = hours*3600 + minutes*60; negative {
		p.offset = -p.offset
	}
	if name, ok := p.tok(4); ok && p.zoneInParentheses(name) {
		p.zone = name.text
		p.at += 4
	}
	p.at++
	return true
}

func (p *dateParser) zoneInParentheses(name token) bool {
	space, _ := p.tok(2)
	return space.isJump() && p.is(3, "(") && p.is(5, ")") && name.size >= 3 && p.zone == "" && name.couldBeZone()
}

// adjust turns an hour of a half of the day, 0 or 1, into one of the day.
func adjust(hour, half int) int {
	switch {
	case hour < 12 && half == 1:
		return hour + 12
	case hour == 12 && half == 0:
		return 0
	}
	return hour
}
