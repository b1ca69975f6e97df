package pytext

import "strings"

// decimalValue is a number that isn't negative. One too large for any use is
// tooLarge.
type decimalValue struct {
	whole    int
	fraction string // its digits, "" if they are all 0
}

// tooLarge is beyond all that a date may hold, and can still be multiplied by
// an hour's seconds.
const tooLarge = 1_000_000_000_000_000

// whole reads what Python's int reads of a token.
func whole(text string) (int, bool) {
	if text == "" || len(text) > maxDigits {
		return 0, false
	}
	n := 0
	for i := range len(text) {
		if text[i] < '0' || text[i] > '9' {
			return 0, false
		}
		n = min(n*10+int(text[i]-'0'), tooLarge)
	}
	return n, true
}

// wholes reads two numbers, the first of so many digits.
func wholes(text string, first int) (a, b int, ok bool) {
	if len(text) < first {
		return 0, 0, false
	}
	a, ok = whole(text[:first])
	b, ok2 := whole(text[first:])
	return a, b, ok && ok2
}

// decimal reads what Python's Decimal reads of a token.
func (t token) decimal() (decimalValue, bool) {
	digits, fraction, _ := strings.Cut(t.text, ".")
	if digits == "" || strings.Trim(t.text, "0123456789.") != "" || strings.ContainsRune(fraction, '.') {
		return decimalValue{}, false
	}
	var v decimalValue
	for i := range len(digits) { // of any length, unlike int
		v.whole = min(v.whole*10+int(digits[i]-'0'), tooLarge)
	}
	v.fraction = strings.TrimRight(fraction, "0")
	return v, true
}

// isNotFinite says whether Python's float reads the token, but no date has it.
func (t token) isNotFinite() bool {
	switch strings.ToLower(t.text) {
	case "nan", "inf", "infinity":
		return true
	}
	return false
}

// number takes a number, and what says what it is. The cases are those of
// parser._parse_numeric_token, in its order.
func (p *dateParser) number(t token, v decimalValue) bool {
	next, _ := p.tok(1)
	unit := p.unit()
	last := p.at == len(p.tokens)-1
	switch {
	case len(p.date.values) == 3 && (t.size == 2 || t.size == 4) && p.hour == unknown && next.text != ":" && !next.isUnit():
		return p.hourMinute(t.text) // 19990101T23[59]
	case t.size == 6 || t.size > 6 && strings.IndexByte(t.text, '.') == 6:
		return p.sixDigits(t.text) // YYMMDD or HHMMSS[.ss]
	case t.size == 8 || t.size == 12 || t.size == 14:
		return p.manyDigits(t.text) // YYYYMMDD[hhmm[ss]]
	case unit != noUnit:
		return p.withUnit(t, v, unit)
	case next.text == ":" && p.at+2 < len(p.tokens):
		return p.clock(v) // HH:MM[:SS[.ss]]
	case next.isAny("-", "/", "."):
		return p.separated(t, next.text)
	case last || next.isJump():
		return p.beforeJump(v)
	case next.isAMPM() && v.whole < 24: // 12am
		half, _ := next.in(ampmWords)
		p.hour = adjust(v.whole, half)
		p.at++
		return true
	case p.date.couldBeDay(v):
		return p.date.addValue(v)
	}
	return false
}

func (p *dateParser) hourMinute(text string) bool {
	var ok bool
	if len(text) == 2 {
		p.hour, ok = whole(text)
		return ok
	}
	p.hour, p.minute, ok = wholes(text, 2)
	return ok
}

func (p *dateParser) sixDigits(text string) bool {
	if len(p.date.values) == 0 && !strings.Contains(text, ".") {
		return p.date.addDigits(text[:2]) && p.date.addDigits(text[2:4]) && p.date.addDigits(text[4:])
	}
	var ok bool
	p.hour, p.minute, ok = wholes(text[:4], 2)
	return ok && p.seconds(text[4:])
}

func (d *ymd) addDigits(text string) bool {
	v, ok := whole(text)
	return ok && d.add(v, unlabelled)
}

func (p *dateParser) manyDigits(text string) bool {
	year, ok := whole(text[:4])
	p.date.century = true
	if !ok || !p.date.add(year, asYear) || !p.date.addDigits(text[4:6]) || !p.date.addDigits(text[6:8]) {
		return false
	}
	if len(text) == 8 {
		return true
	}
	if p.hour, p.minute, ok = wholes(text[8:12], 2); !ok || len(text) == 12 {
		return ok
	}
	p.second, ok = whole(text[12:])
	return ok
}

// seconds reads SS[.ss].
func (p *dateParser) seconds(text string) bool {
	digits, fraction, dot := strings.Cut(text, ".")
	if dot && fraction != "" {
		if _, ok := whole(fraction[:min(len(fraction), 6)]); !ok {
			return false
		}
	}
	var ok bool
	p.second, ok = whole(digits)
	p.micros = 0 // any will do
	return ok
}

// minuteSecond takes MM[.mm]. The second is in its minute whichever it is.
func (p *dateParser) minuteSecond(v decimalValue) {
	p.minute, p.second = v.whole, unknown
	if v.fraction != "" {
		p.second = 0
	}
}

// noUnit says that no unit of time belongs to the number.
const noUnit = -1 << 30

// unit gives the place, from this token, of the unit of time that belongs to
// the number: behind it, or else before it.
func (p *dateParser) unit() int {
	for _, ahead := range []int{1, 2, -1, -2} {
		t, ok := p.tok(ahead)
		if !ok || !t.isUnit() {
			continue
		}
		final := p.at == len(p.tokens)-1
		switch {
		case ahead == 2 && !p.is(1, " "), ahead == -2 && (!final || !p.is(-1, " ")):
			continue
		}
		return ahead
	}
	return noUnit
}

// withUnit takes 12h or 12 h; in 12h04 the unit is the one below.
func (p *dateParser) withUnit(t token, v decimalValue, ahead int) bool {
	name, _ := p.tok(ahead)
	unit, _ := name.in(unitWords)
	if ahead < 0 {
		unit++
	} else {
		p.at += ahead
	}
	switch unit {
	case 0:
		if p.hour = v.whole; v.fraction != "" {
			p.minute = 0 // any will do
		}
	case 1:
		p.minuteSecond(v)
	case 2:
		return p.seconds(t.text)
	}
	return true
}

// clock takes HH:MM[:SS[.ss]].
func (p *dateParser) clock(v decimalValue) bool {
	p.hour = v.whole
	t, _ := p.tok(2)
	minute, ok := t.decimal()
	if !ok {
		return false
	}
	p.minuteSecond(minute)
	if t, ok := p.tok(4); ok && p.is(3, ":") {
		if !p.seconds(t.text) {
			return false
		}
		p.at += 2
	}
	p.at += 2
	return true
}

// separated takes 01-01, 01-Jan, and a third member after the same separator.
func (p *dateParser) separated(t token, sep string) bool {
	if !p.date.addText(t, unlabelled) {
		return false
	}
	second, ok := p.tok(2)
	if !ok || second.isJump() {
		p.at++
		return true
	}
	month, isMonth := second.in(monthWords)
	switch {
	case second.allDigits():
		ok = p.date.addText(second, unlabelled)
	case isMonth:
		ok = p.date.add(month+1, asMonth)
	default:
		ok = false
	}
	if !ok {
		return false
	}
	if p.is(3, sep) {
		if !p.third() {
			return false
		}
		p.at += 2
	}
	p.at += 2
	return true
}

func (p *dateParser) third() bool {
	t, ok := p.tok(4)
	if !ok {
		return false
	}
	if month, ok := t.in(monthWords); ok {
		return p.date.add(month+1, asMonth)
	}
	return p.date.addText(t, unlabelled)
}

// beforeJump takes "12 am", or else a year, month or day.
func (p *dateParser) beforeJump(v decimalValue) bool {
	ok := true
	if after, there := p.tok(2); there && after.isAMPM() {
		half, _ := after.in(ampmWords)
		p.hour = adjust(v.whole, half)
		p.at++
	} else {
		ok = p.date.addValue(v)
	}
	p.at++
	return ok
}
