package batch

import (
	"encoding/json"
	"errors"
	"math"
	"slices"
	"strconv"

	"github.com/autonomous-data-pipeline/adp/dq"
	"github.com/autonomous-data-pipeline/adp/pipeline"
	"github.com/autonomous-data-pipeline/adp/schemas"
)

// span is where in Kafka a file's rows lie, both ends included.
type span struct {
	partitions [2]int64
	offsets    [2]int64
}

// spanOf reads a file's statistics; without them the span is everything.
func spanOf(f pipeline.File) span {
	s := span{[2]int64{0, math.MaxInt32}, [2]int64{0, math.MaxInt64}}
	for _, c := range f.Columns {
		lo, errLo := strconv.ParseInt(c.Min, 10, 64)
		hi, errHi := strconv.ParseInt(c.Max, 10, 64)
		if errors.Join(errLo, errHi) != nil {
			continue
		}
		switch c.Name {
		case pipeline.ColPartition:
			s.partitions = [2]int64{lo, hi}
		case pipeline.ColOffset:
			s.offsets = [2]int64{lo, hi}
		}
	}
	return s
}

// touches reports whether the set may have a position in the span.
func (s span) touches(set *dq.Positions) bool {
	for _, partition := range set.Partitions() {
		in := int64(partition) >= s.partitions[0] && int64(partition) <= s.partitions[1]
		if in && set.Touches(partition, s.offsets[0], s.offsets[1]) {
			return true
		}
	}
	return false
}

// placeSpecs are the columns that say where a row comes from.
func placeSpecs() []spec {
	return []spec{rejectSpecs[rejPartition], rejectSpecs[rejOffset]}
}

// columnNamed finds a column that was asked for by name.
func columnNamed(cols []column, name string) *column {
	return &cols[slices.IndexFunc(cols, func(c column) bool { return c.name == name })]
}

// segmentsOf are a row's values of the segment columns.
func segmentsOf(names []string, value func(name string) (*column, int)) map[string]string {
	out := make(map[string]string, len(names))
	for _, n := range names {
		c, row := value(n)
		out[n] = string(c.segment(nil, row))
	}
	return out
}

// redecoder reads records again that the pass could decode.
type redecoder struct {
	schema *schemas.Schema
	cols   []column // the schema's fields
	dec    *decoder
}

func newRedecoder(s *schemas.Schema) *redecoder {
	all := newChunk(s).cols
	return &redecoder{schema: s, cols: all[:len(s.Fields)], dec: newDecoder(s, all)}
}

// reset forgets all rows.
func (r *redecoder) reset() {
	for i := range r.dec.cols {
		r.dec.cols[i].truncate(0)
	}
	r.dec.faults = r.dec.faults[:0]
}

// decode reads a record into the next row.
func (r *redecoder) decode(raw []byte, row int) error {
	if !r.dec.decode(raw, row) {
		return errors.New("a suspect record can't be decoded any more: " + r.dec.problem)
	}
	return nil
}

// column finds the only row's value of a field.
func (r *redecoder) column(name string) (*column, int) {
	return &r.cols[r.schema.Index(name)], 0
}

func decodeReasons(encoded []byte) (out []pipeline.Reason, err error) {
	err = json.Unmarshal(encoded, &out)
	return out, err
}

func decodeSegments(encoded []byte) (out map[string]string, err error) {
	err = json.Unmarshal(encoded, &out)
	return out, err
}

// memo remembers what encoded texts mean: few different ones fill a file.
type memo[T any] struct{ known map[string]T }

// memoLimit bounds a memo; beyond it everything is forgotten.
const memoLimit = 4096

func (m *memo[T]) get(encoded []byte, decode func([]byte) (T, error)) (T, error) {
	if v, ok := m.known[string(encoded)]; ok {
		return v, nil
	}
	v, err := decode(encoded)
	if err != nil {
		return v, err
	}
	if m.known == nil || len(m.known) >= memoLimit {
		m.known = make(map[string]T)
	}
	m.known[string(encoded)] = v
	return v, nil
}
