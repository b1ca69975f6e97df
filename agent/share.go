package agent

import (
	"math/big"
	"strconv"
)

// portion is a part of a whole. It is compared exactly: 150 of 1,000 is on the
// line of 0.15, whatever binary fractions make of it.
type portion struct {
	count, total int64   // total 0: only share is known
	share        float64 // 0 to 1
}

// part prefers counts over a share. What can't be (a share outside 0 to 1, a
// count of an unknown whole) takes the safer row: it counts as everything.
func part(count, total int64, share float64) portion {
	if !(share >= 0 && share <= 1) { // also NaN
		share = 1
	}
	switch {
	case count <= 0:
		return portion{share: share}
	case total > 0:
		count = min(count, total)
		return portion{count: count, total: total, share: float64(count) / float64(total)}
	case share > 0:
		return portion{count: count, share: share}
	}
	return portion{count: count, share: 1}
}

// percent is a portion given in percent by somebody else's arithmetic: 29% may
// come as 28.999999999999996.
func percent(p float64) portion {
	rounded, err := strconv.ParseFloat(strconv.FormatFloat(p, 'g', 12, 64), 64)
	if err != nil {
		return part(0, 0, p/100)
	}
	return part(0, 0, rounded/100)
}

// cmp is -1 below the line, 0 on it, and 1 above it.
func (p portion) cmp(line float64) int {
	have := decimal(p.share)
	if p.total > 0 {
		have = big.NewRat(p.count, p.total)
	}
	return have.Cmp(decimal(line))
}

// atLeast reports whether the portion is on the line or above it.
func (p portion) atLeast(line float64) bool { return p.cmp(line) >= 0 }

func (p portion) some() bool { return p.count > 0 || p.share > 0 }

// decimal is the shortest decimal that reads as x: what a person wrote. x is
// finite: policies and portions let nothing else in.
func decimal(x float64) *big.Rat {
	r, ok := new(big.Rat).SetString(strconv.FormatFloat(x, 'g', -1, 64))
	if !ok {
		return new(big.Rat)
	}
	return r
}
