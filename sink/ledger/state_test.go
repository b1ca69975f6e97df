package ledger

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/autonomous-data-pipeline/adp/pipeline"
)

// TestMergedRanges compares with a set of offsets.
func TestMergedRanges(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	for range 500 {
		var ranges []pipeline.Range
		want := map[string]bool{}
		for range rnd.IntN(8) {
			r := pipeline.Range{Partition: rnd.Int32N(2), Start: rnd.Int64N(20)}
			r.End = r.Start + 1 + rnd.Int64N(6)
			ranges = append(ranges, r)
			for off := r.Start; off < r.End; off++ {
				want[fmt.Sprint(r.Partition, " ", off)] = true
			}
		}
		got := merged(append([]pipeline.Range(nil), ranges...))
		n := 0
		for i, r := range got {
			if i > 0 && got[i-1].Partition == r.Partition && got[i-1].End >= r.Start || i > 0 && got[i-1].Partition > r.Partition {
				t.Fatalf("%v isn't merged and ordered", got)
			}
			for off := r.Start; off < r.End; off++ {
				n++
				if !want[fmt.Sprint(r.Partition, " ", off)] {
					t.Fatalf("%v has offset %d of partition %d, not in %v", got, off, r.Partition, ranges)
				}
			}
		}
		if n != len(want) {
			t.Fatalf("%v has %d offsets, %v has %d", got, n, ranges, len(want))
		}
	}
}
