package schemas

import (
	"encoding/binary"
	"math"
	"strconv"
	"unicode/utf8"

	"github.com/zeebo/xxh3"

	"github.com/autonomous-data-pipeline/adp/pipeline"
)

// minMaxBytes is how much of a text Min and Max keep: enough to compare, and
// short enough for a report.
const minMaxBytes = 64

// Stat accumulates what a second reader checks a column against: nulls,
// smallest, largest and an order-independent checksum. The zero value is
// ready. Integers, dates (days), and timestamps (microseconds) are AddInt's.
type Stat struct {
	nulls, values      int64
	sum                uint64
	minInt, maxInt     int64
	minFloat, maxFloat float64
	minText, maxText   string
	kind               byte // 'i', 'f', 'b' or 't': what the values are
}

// AddNull counts a null.
func (s *Stat) AddNull() { s.nulls++ }

// AddInt folds in an integer, date or timestamp.
func (s *Stat) AddInt(v int64) {
	if s.values == 0 {
		s.kind, s.minInt, s.maxInt = 'i', v, v
	}
	s.values++
	s.minInt, s.maxInt = min(s.minInt, v), max(s.maxInt, v)
	s.sum += hash64(uint64(v))
}

// AddDouble folds in a float. Negative zero counts as zero: formats differ in
// keeping the sign.
func (s *Stat) AddDouble(v float64) {
	if v == 0 {
		v = 0
	}
	if s.values == 0 {
		s.kind, s.minFloat, s.maxFloat = 'f', v, v
	}
	s.values++
	s.minFloat, s.maxFloat = min(s.minFloat, v), max(s.maxFloat, v)
	s.sum += hash64(math.Float64bits(v))
}

// AddBool folds in a boolean.
func (s *Stat) AddBool(v bool) {
	var n int64
	if v {
		n = 1
	}
	s.AddInt(n)
	s.kind = 'b'
}

// AddBytes folds in a text or binary value. The bytes are not kept.
func (s *Stat) AddBytes(v []byte) {
	head := v
	if len(v) > minMaxBytes {
		// Not in the middle of a character, which JSON would change.
		n := minMaxBytes
		for n > minMaxBytes-utf8.UTFMax && !utf8.RuneStart(v[n]) {
			n--
		}
		head = v[:n]
	}
	if s.values == 0 {
		s.kind, s.minText, s.maxText = 't', string(head), string(head)
	} else {
		if string(head) < s.minText {
			s.minText = string(head)
		}
		if string(head) > s.maxText {
			s.maxText = string(head)
		}
	}
	s.values++
	s.sum += xxh3.Hash(v)
}

// Column is the result so far.
func (s *Stat) Column(name string) pipeline.ColumnStat {
	c := pipeline.ColumnStat{Name: name, Nulls: s.nulls, Sum: s.sum}
	if s.values == 0 {
		return c
	}
	switch s.kind {
	case 'i':
		c.Min, c.Max = strconv.FormatInt(s.minInt, 10), strconv.FormatInt(s.maxInt, 10)
	case 'f':
		c.Min, c.Max = formatFloat(s.minFloat), formatFloat(s.maxFloat)
	case 'b':
		c.Min, c.Max = strconv.FormatBool(s.minInt == 1), strconv.FormatBool(s.maxInt == 1)
	default:
		c.Min, c.Max = s.minText, s.maxText
	}
	return c
}

func formatFloat(v float64) string { return strconv.FormatFloat(v, 'g', -1, 64) }

func hash64(v uint64) uint64 {
	var b [8]byte
	binary.LittleEndian.PutUint64(b[:], v)
	return xxh3.Hash(b[:])
}
