package batch

import (
	"math"
	"strconv"
	"unsafe"

	"github.com/autonomous-data-pipeline/adp/schemas"
)

// number scans a number that starts here. integer is false if it has a
// fraction or an exponent.
func (s *scanner) number() (lit []byte, integer, ok bool) {
	start := s.pos
	if s.pos < len(s.buf) && s.buf[s.pos] == '-' {
		s.pos++
	}
	if s.pos < len(s.buf) && s.buf[s.pos] == '0' {
		s.pos++
	} else if !s.digits() {
		return nil, false, s.fail("expected a value")
	}
	integer = true
	if s.pos < len(s.buf) && s.buf[s.pos] == '.' {
		s.pos++
		integer = false
		if !s.digits() {
			return nil, false, s.fail("expected digits after the decimal point")
		}
	}
	if s.pos < len(s.buf) && s.buf[s.pos]|0x20 == 'e' {
		s.pos++
		integer = false
		if s.pos < len(s.buf) && (s.buf[s.pos] == '+' || s.buf[s.pos] == '-') {
			s.pos++
		}
		if !s.digits() {
			return nil, false, s.fail("expected digits in the exponent")
		}
	}
	return s.buf[start:s.pos], integer, true
}

func (s *scanner) digits() bool {
	start := s.pos
	for s.pos < len(s.buf) && '0' <= s.buf[s.pos] && s.buf[s.pos] <= '9' {
		s.pos++
	}
	return s.pos > start
}

// parseLong reads an integer literal; ok is false beyond 64 bits.
func parseLong(lit []byte) (v int64, ok bool) {
	neg := lit[0] == '-'
	if neg {
		lit = lit[1:]
	}
	if len(lit) > 19 {
		return 0, false // a literal has no leading zeros
	}
	var u uint64
	for _, c := range lit {
		u = u*10 + uint64(c-'0')
	}
	switch {
	case neg && u <= 1<<63:
		return -int64(u), true
	case !neg && u <= math.MaxInt64:
		return int64(u), true
	}
	return 0, false
}

// parseDouble reads a number literal; ok is false beyond a double's range.
func parseDouble(lit []byte) (v float64, ok bool) {
	v, err := strconv.ParseFloat(unsafe.String(unsafe.SliceData(lit), len(lit)), 64)
	return v, err == nil
}

func numberKind(lit []byte, integer bool) schemas.Observed {
	if integer {
		if _, ok := parseLong(lit); ok {
			return schemas.SawLong
		}
		return outOfRange
	}
	if _, ok := parseDouble(lit); ok {
		return schemas.SawDouble
	}
	return outOfRange
}
