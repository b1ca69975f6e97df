package tabular

import (
	"bufio"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"os"
	"strconv"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/autonomous-data-pipeline/adp/schemas"
)

// textFile is a file of rows of text, whose columns' types are found by reading
// all of it once.
type textFile struct {
	name  string
	shape []schemas.Field
	// rows gives each row's cells by the shape's columns, until fn's error.
	rows func(in io.Reader, fn func(cells []cell) error) error
}

// cell is a value as it is written; absent ones are null.
type cell struct {
	text    string
	present bool
}

func (f *textFile) path() string            { return f.name }
func (f *textFile) fields() []schemas.Field { return f.shape }

// with opens the file, unpacked, for as long as fn runs.
func (f *textFile) with(fn func(in io.Reader) error) error {
	file, err := os.Open(f.name)
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }() // only read
	var in io.Reader = bufio.NewReaderSize(file, 1<<20)
	if strings.HasSuffix(strings.ToLower(f.name), ".gz") {
		if in, err = gzip.NewReader(in); err != nil {
			return errors.Join(errors.New("it is no gzip file"), err)
		}
	}
	plain := bufio.NewReaderSize(in, 1<<16)
	if mark, err := plain.Peek(3); err == nil && string(mark) == "\ufeff" {
		_, _ = plain.Discard(3) // it was peeked
	}
	return fn(plain)
}

// kinds are what a column's cells could all be.
type kinds struct {
	seen                     bool
	boolean, integer, number bool
}

func newKinds() kinds { return kinds{boolean: true, integer: true, number: true} }

func (k *kinds) observe(text string) {
	k.seen = true
	if k.boolean {
		_, k.boolean = boolean(text)
	}
	if !k.number {
		return
	}
	trimmed := strings.TrimSpace(text)
	if k.integer {
		_, err := strconv.ParseInt(trimmed, 10, 64)
		k.integer = err == nil
	}
	if !k.integer {
		_, err := strconv.ParseFloat(trimmed, 64)
		k.number = (err == nil || errors.Is(err, strconv.ErrRange)) && !strings.ContainsAny(trimmed, "_xXpP")
	}
}

// columnType is the narrowest type; a column without a value holds numbers, as
// in pandas.
func (k *kinds) columnType() schemas.Type {
	switch {
	case !k.seen:
		return schemas.Double
	case k.boolean:
		return schemas.Boolean
	case k.integer:
		return schemas.Long
	case k.number:
		return schemas.Double
	}
	return schemas.String
}

// boolean reads what pandas reads as one.
func boolean(text string) (value, ok bool) {
	switch text {
	case "True", "TRUE", "true":
		return true, true
	case "False", "FALSE", "false":
		return false, true
	}
	return false, false
}

func (f *textFile) read(ctx context.Context, want []schemas.Field, fn func(arrow.RecordBatch) error) error {
	c := newChunk(f.shape, want)
	defer c.builder.Release()
	flush := func() error {
		if c.rows == 0 {
			return nil
		}
		batch := c.batch()
		defer batch.Release()
		return errors.Join(fn(batch), ctx.Err())
	}
	err := f.with(func(in io.Reader) error {
		return f.rows(in, func(cells []cell) error {
			if err := c.add(cells); err != nil {
				return err
			}
			if c.rows < rowsAtOnce {
				return nil
			}
			return flush()
		})
	})
	if err != nil {
		return err
	}
	return flush()
}

// chunk gathers rows.
type chunk struct {
	want    []schemas.Field
	at      []int // each wanted column's cell
	builder *array.RecordBuilder
	rows    int64
}

func newChunk(shape, want []schemas.Field) *chunk {
	c := &chunk{want: want}
	fields := make([]arrow.Field, len(want))
	for i, f := range want {
		fields[i] = arrow.Field{Name: f.Name, Type: arrowType(f.Type), Nullable: true}
		c.at = append(c.at, (&schemas.Schema{Fields: shape}).Index(f.Name))
	}
	c.builder = array.NewRecordBuilder(memory.DefaultAllocator, arrow.NewSchema(fields, nil))
	return c
}

func arrowType(t schemas.Type) arrow.DataType {
	switch t {
	case schemas.Boolean:
		return arrow.FixedWidthTypes.Boolean
	case schemas.Long:
		return arrow.PrimitiveTypes.Int64
	case schemas.Double:
		return arrow.PrimitiveTypes.Float64
	}
	return arrow.BinaryTypes.String
}

// batch is what was gathered; the chunk is empty then.
func (c *chunk) batch() arrow.RecordBatch {
	rows := c.rows
	c.rows = 0
	if len(c.want) == 0 {
		return array.NewRecordBatch(arrow.NewSchema(nil, nil), nil, rows)
	}
	return c.builder.NewRecordBatch()
}

func (c *chunk) add(cells []cell) error {
	for i := range c.want {
		if err := appendCell(c.builder.Field(i), cells[c.at[i]]); err != nil {
			return err
		}
	}
	c.rows++
	return nil
}

func appendCell(b array.Builder, v cell) error {
	if !v.present {
		b.AppendNull()
		return nil
	}
	var err error
	switch b := b.(type) {
	case *array.BooleanBuilder:
		value, ok := boolean(v.text)
		b.Append(value)
		if !ok {
			err = errChanged
		}
	case *array.Int64Builder:
		var n int64
		n, err = strconv.ParseInt(strings.TrimSpace(v.text), 10, 64)
		b.Append(n)
	case *array.Float64Builder:
		var n float64
		if n, err = strconv.ParseFloat(strings.TrimSpace(v.text), 64); errors.Is(err, strconv.ErrRange) {
			err = nil // infinite, as in Python
		}
		b.Append(n)
	case *array.StringBuilder:
		b.Append(v.text)
	}
	return err
}

var errChanged = errors.New("it changed while it was read")
