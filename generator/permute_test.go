package generator

import "testing"

func TestPermutationIsOneToOneAndInvertible(t *testing.T) {
	for _, n := range []int64{1, 2, 3, 4, 5, 16, 17, 1000, 4096, 4097} {
		for seed := range uint64(5) {
			p := newPermutation(seed, 1, n)
			seen := make([]bool, n)
			for i := range n {
				r := p.rank(i)
				if r < 0 || r >= n || seen[r] {
					t.Fatalf("n=%d seed=%d: %d goes to %d, which is taken or outside", n, seed, i, r)
				}
				seen[r] = true
				if back := p.index(r); back != i {
					t.Fatalf("n=%d seed=%d: %d goes to %d, which comes from %d", n, seed, i, r, back)
				}
			}
		}
	}
}

func TestPermutationScatters(t *testing.T) {
	const n, part = 100_000, 1000
	p := newPermutation(7, 1, n)
	// Each tenth of the events has about a tenth of the first thousand ranks.
	var tenths [10]int
	for i := range int64(n) {
		if p.rank(i) < part {
			tenths[i*10/n]++
		}
	}
	for i, hits := range tenths {
		if hits < 60 || hits > 140 { // four standard deviations
			t.Errorf("tenth %d has %d of %d ranks: %v", i, hits, part, tenths)
		}
	}
}
