package dq

import (
	"encoding/json"
	"fmt"
	"math"
	"math/big"
	"math/bits"
)

// exactSum adds numbers without rounding, so that the order of adding doesn't
// show: a number of 32-bit digits from the least fraction that squares of
// floats have, up to the greatest. Infinities and NaN are the caller's.
type exactSum struct {
	digits []int64 // digit i counts 2^(32i + sumExponent); each with room for carries
	added  int     // since the carries were propagated
}

const (
	sumExponent = -2 * 1074
	sumDigits   = (2*1074 + 2*1024 + 64 + 31) / 32 // with 64 bits of room above
	maxAdded    = 1 << 30
)

// add adds mantissa × 2^exponent, or takes it away.
func (s *exactSum) add(hi, lo uint64, exponent int, negative bool) {
	if s.digits == nil {
		s.digits = make([]int64, sumDigits)
	}
	if s.added++; s.added >= maxAdded {
		s.carry()
	}
	shift := uint(exponent - sumExponent)
	at, r := shift/32, shift%32
	parts := [3]uint64{lo << r, hi<<r | lo>>(64-r), hi >> (64 - r)} // a shift by 64 gives 0
	sign := int64(1)
	if negative {
		sign = -1
	}
	for i, p := range parts {
		if p == 0 {
			continue
		}
		s.digits[at+uint(2*i)] += sign * int64(p&math.MaxUint32)
		s.digits[at+uint(2*i)+1] += sign * int64(p>>32)
	}
}

func (s *exactSum) addInt(v int64) { s.add(0, magnitude(v), 0, v < 0) }

func (s *exactSum) addIntSquare(v int64) {
	hi, lo := bits.Mul64(magnitude(v), magnitude(v))
	s.add(hi, lo, 0, false)
}

func magnitude(v int64) uint64 {
	if v < 0 {
		return -uint64(v)
	}
	return uint64(v)
}

// addFloat adds a finite number.
func (s *exactSum) addFloat(v float64) {
	m, e, negative := split(v)
	s.add(0, m, e, negative)
}

func (s *exactSum) addFloatSquare(v float64) {
	m, e, _ := split(v)
	hi, lo := bits.Mul64(m, m)
	s.add(hi, lo, 2*e, false)
}

// split gives the whole mantissa and the power of two that it counts.
func split(v float64) (mantissa uint64, exponent int, negative bool) {
	b := math.Float64bits(v)
	mantissa, exponent = b&(1<<52-1), int(b>>52&0x7ff)
	if exponent == 0 {
		exponent = 1
	} else {
		mantissa |= 1 << 52
	}
	return mantissa, exponent - 1075, b>>63 == 1
}

// carry leaves every digit but the last between 0 and 2^32.
func (s *exactSum) carry() {
	for i := range len(s.digits) - 1 {
		s.digits[i+1] += s.digits[i] >> 32
		s.digits[i] &= math.MaxUint32
	}
	s.added = 0
}

func (s *exactSum) merge(o *exactSum) {
	if o.digits == nil {
		return
	}
	if s.digits == nil {
		s.digits = make([]int64, sumDigits)
	}
	o.carry()
	s.carry()
	for i, d := range o.digits {
		s.digits[i] += d
	}
	s.added = 1
}

// whole is the sum in units of 2^sumExponent.
func (s *exactSum) whole() *big.Int {
	n := new(big.Int)
	if s.digits == nil {
		return n
	}
	s.carry()
	for i := len(s.digits) - 1; i >= 0; i-- {
		n.Lsh(n, 32)
		n.Add(n, big.NewInt(s.digits[i]))
	}
	return n
}

// rat is the sum as a fraction.
func (s *exactSum) rat() *big.Rat {
	return new(big.Rat).SetFrac(s.whole(), new(big.Int).Lsh(big.NewInt(1), -sumExponent))
}

// MarshalJSON writes the sum's whole units in hexadecimal.
func (s *exactSum) MarshalJSON() ([]byte, error) { return json.Marshal(s.whole().Text(16)) }

// UnmarshalJSON reads what MarshalJSON writes.
func (s *exactSum) UnmarshalJSON(b []byte) error {
	var text string
	if err := json.Unmarshal(b, &text); err != nil {
		return err
	}
	n, ok := new(big.Int).SetString(text, 16)
	if !ok || n.BitLen() > 32*sumDigits {
		return fmt.Errorf("%.40q is no exact sum", text)
	}
	*s = exactSum{}
	if n.Sign() == 0 {
		return nil
	}
	s.digits = make([]int64, sumDigits)
	digit, mask, sign := new(big.Int), big.NewInt(math.MaxUint32), int64(n.Sign())
	n.Abs(n)
	for i := range s.digits {
		s.digits[i] = sign * digit.And(n, mask).Int64()
		n.Rsh(n, 32)
	}
	s.added = 1
	return nil
}

// nearestFloat rounds a fraction once.
func nearestFloat(r *big.Rat) float64 {
	f, _ := r.Float64()
	return f
}
