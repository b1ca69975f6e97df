package batch

import (
	"math"

	"github.com/apache/arrow-go/v18/parquet"

	"github.com/autonomous-data-pipeline/adp/schemas"
)

// gather holds the chosen rows of one column as Parquet takes them: the values
// without nulls, and a definition level for each row.
type gather struct {
	defined []int16
	bools   []bool
	ints32  []int32
	ints64  []int64
	floats  []float64
	texts   []parquet.ByteArray
	bytes   int64
}

func (g *gather) take(c *column, rows []int32) {
	g.defined = g.defined[:0]
	for _, r := range rows {
		var d int16
		if c.valid[r] {
			d = 1
		}
		g.defined = append(g.defined, d)
	}
	switch c.phys {
	case physBool:
		g.bools = pick(g.bools[:0], c.bools, c.valid, rows)
		g.bytes = int64(len(g.bools))
	case physInt32:
		g.ints32 = pick(g.ints32[:0], c.ints32, c.valid, rows)
		g.bytes = int64(len(g.ints32)) * 4
	case physInt64:
		g.ints64 = pick(g.ints64[:0], c.ints64, c.valid, rows)
		g.bytes = int64(len(g.ints64)) * 8
	case physFloat:
		g.floats = pick(g.floats[:0], c.floats, c.valid, rows)
		g.bytes = int64(len(g.floats)) * 8
	case physBytes:
		g.texts, g.bytes = g.texts[:0], 0
		for _, r := range rows {
			if c.valid[r] {
				b := c.bytes(int(r))
				g.texts = append(g.texts, b)
				g.bytes += int64(len(b)) + 4
			}
		}
	}
}

func pick[T any](dst, src []T, valid []bool, rows []int32) []T {
	for _, r := range rows {
		if valid[r] {
			dst = append(dst, src[r])
		}
	}
	return dst
}

// count folds the gathered rows into the column's statistics.
func (g *gather) count(s *schemas.Stat, phys physical) {
	values := 0
	switch phys {
	case physBool:
		values = len(g.bools)
		for _, v := range g.bools {
			s.AddBool(v)
		}
	case physInt32:
		values = len(g.ints32)
		for _, v := range g.ints32 {
			s.AddInt(int64(v))
		}
	case physInt64:
		values = len(g.ints64)
		for _, v := range g.ints64 {
			s.AddInt(v)
		}
	case physFloat:
		values = len(g.floats)
		for _, v := range g.floats {
			s.AddDouble(v)
		}
	case physBytes:
		values = len(g.texts)
		for _, v := range g.texts {
			s.AddBytes(v)
		}
	}
	for range len(g.defined) - values {
		s.AddNull()
	}
}

// The sample by which a column is judged to repeat itself.
const (
	sampleRows = 512
	sampleMin  = 16 // a dictionary never pays for fewer
)

// repeats reports whether at most half of the first values are different ones.
func repeats(c *column, rows []int32) bool {
	rows = rows[:min(len(rows), sampleRows)]
	if c.phys == physBool || len(rows) < sampleMin {
		return false
	}
	seen := make(map[uint64]struct{}, len(rows))
	texts := make(map[string]struct{}, len(rows))
	values := 0
	for _, r := range rows {
		if !c.valid[r] {
			continue
		}
		values++
		switch c.phys {
		case physInt32:
			seen[uint64(c.ints32[r])] = struct{}{}
		case physInt64:
			seen[uint64(c.ints64[r])] = struct{}{}
		case physFloat:
			seen[math.Float64bits(c.floats[r])] = struct{}{}
		case physBytes:
			texts[string(c.bytes(int(r)))] = struct{}{}
		}
	}
	return (len(seen)+len(texts))*2 <= values
}
