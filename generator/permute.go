package generator

import "math/bits"

// mix is splitmix64: a well-spread function of 64 bits, which no release of a
// library will ever change.
func mix(x uint64) uint64 {
	x += 0x9E3779B97F4A7C15
	x = (x ^ x>>30) * 0xBF58476D1CE4E5B9
	x = (x ^ x>>27) * 0x94D049BB133111EB
	return x ^ x>>31
}

// dice are an event's random numbers.
type dice struct{ state uint64 }

func newDice(seed uint64, stream, index int64) *dice {
	return &dice{state: mix(mix(mix(seed)+uint64(stream)) + uint64(index))}
}

func (d *dice) next() uint64 {
	d.state++
	return mix(d.state)
}

// below is uniform over [0, n).
func (d *dice) below(n int64) int64 {
	hi, _ := bits.Mul64(d.next(), uint64(n))
	return int64(hi)
}

func pick(d *dice, from []string) string { return from[d.below(int64(len(from)))] }

// permutation shuffles [0, n) without holding it in memory: a Feistel network
// over the next even number of bits, walked until it lands inside.
type permutation struct {
	n    uint64
	half uint // bits of each half
	keys [4]uint64
}

func newPermutation(seed uint64, stream, n int64) permutation {
	p := permutation{n: uint64(n), half: uint(bits.Len64(uint64(max(n, 2)-1))+1) / 2}
	d := newDice(seed, stream, n)
	for i := range p.keys {
		p.keys[i] = d.next()
	}
	return p
}

// rank is where index goes.
func (p permutation) rank(index int64) int64 {
	x := uint64(index)
	for {
		if x = p.forth(x); x < p.n {
			return int64(x)
		}
	}
}

// index is what goes to rank.
func (p permutation) index(rank int64) int64 {
	x := uint64(rank)
	for {
		if x = p.back(x); x < p.n {
			return int64(x)
		}
	}
}

func (p permutation) forth(x uint64) uint64 {
	mask := uint64(1)<<p.half - 1
	l, r := x>>p.half, x&mask
	for _, k := range p.keys {
		l, r = r, l^mix(r+k)&mask
	}
	return l<<p.half | r
}

func (p permutation) back(x uint64) uint64 {
	mask := uint64(1)<<p.half - 1
	l, r := x>>p.half, x&mask
	for i := len(p.keys) - 1; i >= 0; i-- {
		l, r = r^mix(l+p.keys[i])&mask, l
	}
	return l<<p.half | r
}
