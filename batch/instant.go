package batch

import (
	"math"
	"time"
)

// Instants and days outside of the years 1 to 9999 are no values of their
// types: Python, Spark and most databases can't hold them.
const (
	minMicros = -62135596800 * 1_000_000
	maxMicros = 253402300800*1_000_000 - 1
	minDay    = -719162
	maxDay    = 2932896

	microsPerDay = 86_400 * 1_000_000
)

// parseInstant reads RFC 3339 text with capital T and Z, as microseconds since
// the epoch. Digits beyond microseconds are cut off. A leap second is refused.
func parseInstant(b []byte) (micros int64, ok bool) {
	if len(b) < 20 || b[10] != 'T' || b[13] != ':' || b[16] != ':' {
		return 0, false
	}
	day, okDay := parseDay(b[:10])
	h, okH := digits2(b[11:])
	m, okM := digits2(b[14:])
	s, okS := digits2(b[17:])
	if !okDay || !okH || !okM || !okS || h > 23 || m > 59 || s > 59 {
		return 0, false
	}
	frac, rest, ok := parseFraction(b[19:])
	if !ok {
		return 0, false
	}
	offset, ok := parseOffset(rest)
	if !ok {
		return 0, false
	}
	micros = (day*86_400+h*3600+m*60+s-offset)*1_000_000 + frac
	return micros, micros >= minMicros && micros <= maxMicros
}

// parseFraction reads an optional ".ddd" as microseconds.
func parseFraction(b []byte) (micros int64, rest []byte, ok bool) {
	if len(b) == 0 || b[0] != '.' {
		return 0, b, true
	}
	i, scale := 1, int64(100_000)
	for ; i < len(b) && '0' <= b[i] && b[i] <= '9'; i++ {
		micros += int64(b[i]-'0') * scale
		scale /= 10
	}
	return micros, b[i:], i > 1
}

// parseOffset reads "Z" or "+hh:mm" as seconds east of UTC.
func parseOffset(b []byte) (seconds int64, ok bool) {
	if len(b) == 1 && b[0] == 'Z' {
		return 0, true
	}
	if len(b) != 6 || b[3] != ':' || b[0] != '+' && b[0] != '-' {
		return 0, false
	}
	h, okH := digits2(b[1:])
	m, okM := digits2(b[4:])
	if !okH || !okM || h > 23 || m > 59 {
		return 0, false
	}
	if b[0] == '-' {
		return -(h*3600 + m*60), true
	}
	return h*3600 + m*60, true
}

// parseDay reads "YYYY-MM-DD" as days since the epoch.
func parseDay(b []byte) (days int64, ok bool) {
	if len(b) != 10 || b[4] != '-' || b[7] != '-' {
		return 0, false
	}
	y1, ok1 := digits2(b)
	y2, ok2 := digits2(b[2:])
	m, ok3 := digits2(b[5:])
	d, ok4 := digits2(b[8:])
	if !ok1 || !ok2 || !ok3 || !ok4 {
		return 0, false
	}
	y := y1*100 + y2
	if y < 1 || m < 1 || m > 12 || d < 1 || d > daysIn(y, m) {
		return 0, false
	}
	return civilDay(y, m, d), true
}

func digits2(b []byte) (int64, bool) {
	t, u := b[0]-'0', b[1]-'0'
	return int64(t)*10 + int64(u), t <= 9 && u <= 9
}

func daysIn(y, m int64) int64 {
	switch m {
	case 2:
		if y%4 == 0 && (y%100 != 0 || y%400 == 0) {
			return 29
		}
		return 28
	case 4, 6, 9, 11:
		return 30
	}
	return 31
}

// civilDay counts days since the epoch in the proleptic Gregorian calendar, by
// eras of 400 years that begin in March.
func civilDay(y, m, d int64) int64 {
	if m <= 2 {
		y--
	}
	era := y / 400
	yearOfEra := y - era*400
	dayOfYear := (153*((m+9)%12)+2)/5 + d - 1
	return era*146097 + yearOfEra*365 + yearOfEra/4 - yearOfEra/100 + dayOfYear - 719468
}

// microsOf converts an integer in the data to microseconds.
func microsOf(v int64, millis bool) (int64, bool) {
	if millis {
		if v > math.MaxInt64/1000 || v < math.MinInt64/1000 {
			return 0, false
		}
		v *= 1000
	}
	return v, v >= minMicros && v <= maxMicros
}

// dayOf is the UTC day of an instant, in days since the epoch.
func dayOf(micros int64) int32 {
	d := micros / microsPerDay
	if micros%microsPerDay < 0 {
		d--
	}
	return int32(d)
}

func dayText(day int64) string {
	return time.Unix(day*86_400, 0).UTC().Format(time.DateOnly)
}
