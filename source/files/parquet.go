package files

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/file"
	"github.com/apache/arrow-go/v18/parquet/pqarrow"
)

// rowsAtOnce is how many rows of Parquet are decoded together: with the pages
// that are open, what bounds the memory.
const rowsAtOnce = 1024

// rows decodes Parquet, a JSON object a row.
type rows struct {
	file  *file.Reader
	in    pqarrow.RecordReader
	keys  [][]byte // the columns' names as JSON
	batch arrow.RecordBatch
	row   int
	left  int64 // rows to pass over
	out   []byte
	done  func()
}

// guard turns what the library makes of damaged bytes, panics too, into an error.
func guard(fn func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("it is damaged: %v", p)
		}
	}()
	return fn()
}

// openRows opens a local file and passes over its first rows, by whole row
// groups as far as that goes. done is called when the decoder is closed.
func openRows(ctx context.Context, path string, pass int64, done func()) (*rows, error) {
	r := &rows{left: pass, done: done}
	err := guard(func() error { return r.open(ctx, path) })
	if err != nil {
		return nil, errors.Join(err, guard(r.close))
	}
	return r, nil
}

func (r *rows) open(ctx context.Context, path string) (err error) {
	props := parquet.NewReaderProperties(memory.DefaultAllocator)
	props.BufferedStreamEnabled = true
	if r.file, err = file.OpenParquetFile(path, false, file.WithReadProps(props)); err != nil {
		return err
	}
	in, err := pqarrow.NewFileReader(r.file, pqarrow.ArrowReadProperties{BatchSize: rowsAtOnce}, memory.DefaultAllocator)
	if err != nil {
		return err
	}
	var groups []int
	for i := range r.file.NumRowGroups() {
		if n := r.file.MetaData().RowGroup(i).NumRows(); len(groups) == 0 && r.left >= n {
			r.left -= n
			continue
		}
		groups = append(groups, i)
	}
	if len(groups) == 0 {
		return nil
	}
	if r.in, err = in.GetRecordReader(ctx, nil, groups); err != nil {
		return err
	}
	for _, f := range r.in.Schema().Fields() {
		r.keys = append(r.keys, quote(nil, []byte(f.Name)))
	}
	return nil
}

// countRows is the number of rows that the file says it has.
func countRows(path string) (n int64, err error) {
	err = guard(func() error {
		f, err := file.OpenParquetFile(path, false)
		if err != nil {
			return err
		}
		n = f.NumRows()
		return f.Close()
	})
	return n, err
}

func (r *rows) next() (value []byte, err error) {
	err = guard(func() error {
		if err := r.advance(); err != nil {
			return err
		}
		r.out = append(r.out[:0], '{')
		for i, col := range r.batch.Columns() {
			if i > 0 {
				r.out = append(r.out, ',')
			}
			r.out = append(append(r.out, r.keys[i]...), ':')
			if r.out, err = appendValue(r.out, col, r.row); err != nil {
				return fmt.Errorf("column %s: %w", r.keys[i], err)
			}
		}
		r.out = append(r.out, '}')
		r.row++
		return nil
	})
	return r.out, err
}

// advance makes row one that the batch has.
func (r *rows) advance() error {
	for r.batch == nil || r.row >= int(r.batch.NumRows()) {
		if r.in == nil {
			return io.EOF
		}
		if !r.in.Next() {
			if err := r.in.Err(); err != nil && !errors.Is(err, io.EOF) {
				return err
			}
			return io.EOF
		}
		r.batch = r.in.RecordBatch()
		r.row = int(min(r.left, r.batch.NumRows()))
		r.left -= int64(r.row)
	}
	return nil
}

func (r *rows) at() int64 { return -1 }

func (r *rows) close() error {
	defer r.done()
	if r.in != nil {
		r.in.Release()
	}
	if r.file == nil {
		return nil
	}
	return r.file.Close()
}

// appendValue appends one value as the engine reads it in JSON: times as RFC
// 3339 in UTC, bytes as base64, what no JSON number can say as a string.
func appendValue(out []byte, col arrow.Array, i int) ([]byte, error) {
	if col.IsNull(i) {
		return append(out, "null"...), nil
	}
	switch c := col.(type) {
	case *array.Boolean:
		return strconv.AppendBool(out, c.Value(i)), nil
	case *array.Int32:
		return strconv.AppendInt(out, int64(c.Value(i)), 10), nil
	case *array.Int64:
		return strconv.AppendInt(out, c.Value(i), 10), nil
	case *array.Float32:
		return appendFloat(out, float64(c.Value(i)), 32), nil
	case *array.Float64:
		return appendFloat(out, c.Value(i), 64), nil
	case *array.String:
		return quote(out, []byte(c.Value(i))), nil
	case *array.LargeString:
		return quote(out, []byte(c.Value(i))), nil
	case *array.Binary:
		return quote(out, base64.StdEncoding.AppendEncode(nil, c.Value(i))), nil
	case *array.FixedSizeBinary:
		return quote(out, base64.StdEncoding.AppendEncode(nil, c.Value(i))), nil
	case *array.Timestamp:
		unit := c.DataType().(*arrow.TimestampType).Unit
		return append(c.Value(i).ToTime(unit).UTC().AppendFormat(append(out, '"'), time.RFC3339Nano), '"'), nil
	case *array.Date32:
		return append(c.Value(i).ToTime().AppendFormat(append(out, '"'), time.DateOnly), '"'), nil
	case *array.Decimal128:
		return append(out, c.Value(i).ToString(c.DataType().(*arrow.Decimal128Type).Scale)...), nil
	case *array.Dictionary:
		return appendValue(out, c.Dictionary(), c.GetValueIndex(i))
	}
	// What is nested, and what is rare, as the library has it.
	text, err := json.Marshal(col.GetOneForMarshal(i))
	return append(out, text...), err
}

func appendFloat(out []byte, v float64, bits int) []byte {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return quote(out, strconv.AppendFloat(nil, v, 'g', -1, bits))
	}
	return strconv.AppendFloat(out, v, 'g', -1, bits)
}
