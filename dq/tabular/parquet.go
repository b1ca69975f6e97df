package tabular

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/file"
	"github.com/apache/arrow-go/v18/parquet/metadata"
	"github.com/apache/arrow-go/v18/parquet/pqarrow"

	"github.com/autonomous-data-pipeline/adp/schemas"
)

// parquetFile is a Parquet file.
type parquetFile struct {
	name  string
	shape []schemas.Field
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

func openParquet(path string) (source, error) {
	p := &parquetFile{name: path}
	err := p.with(func(r *pqarrow.FileReader) error {
		return guard(func() error {
			schema, err := r.Schema()
			if err != nil {
				return err
			}
			for _, f := range schema.Fields() {
				p.shape = append(p.shape, schemas.Field{Name: f.Name, Type: typeOf(f.Type), Nullable: true})
			}
			return nil
		})
	})
	if err != nil {
		return nil, fmt.Errorf("it is no whole Parquet file: %w", err)
	}
	return p, nil
}

func (p *parquetFile) path() string            { return p.name }
func (p *parquetFile) fields() []schemas.Field { return p.shape }

// with opens the file for as long as fn runs.
func (p *parquetFile) with(fn func(r *pqarrow.FileReader) error) error {
	var f *file.Reader
	var r *pqarrow.FileReader
	defer func() {
		if f != nil {
			_ = f.Close() // only read
		}
	}()
	err := guard(func() (err error) {
		props := parquet.NewReaderProperties(memory.DefaultAllocator)
		props.BufferedStreamEnabled = true
		if f, err = file.OpenParquetFile(p.name, false, file.WithReadProps(props)); err != nil {
			return err
		}
		read := pqarrow.ArrowReadProperties{BatchSize: rowsAtOnce}
		for i := range f.MetaData().Schema.NumColumns() {
			if fewTexts(f.MetaData(), i) {
				read.SetReadDict(i, true) // each text is looked at once
			}
		}
		r, err = pqarrow.NewFileReader(f, read, memory.DefaultAllocator)
		return err
	})
	if err != nil {
		return err
	}
	return fn(r)
}

// smallDictionary is up to how many bytes of texts, packed, are worth to be looked
// at for every chunk.
const smallDictionary = 16 << 10

// fewTexts reports whether a column holds texts of a small dictionary. A file
// that has many gives the dictionary up.
func fewTexts(meta *metadata.FileMetaData, column int) bool {
	if meta.Schema.Column(column).PhysicalType() != parquet.Types.ByteArray {
		return false
	}
	for g := range meta.NumRowGroups() {
		c, err := meta.RowGroup(g).ColumnChunk(column)
		if err != nil || !c.HasDictionaryPage() || c.DataPageOffset()-c.DictionaryPageOffset() > smallDictionary {
			return false
		}
	}
	return true
}

// typeOf is the column type that holds an Arrow type's values.
func typeOf(t arrow.DataType) schemas.Type {
	switch t := t.(type) {
	case *arrow.DictionaryType:
		return typeOf(t.ValueType)
	case *arrow.TimestampType:
		return schemas.Timestamp
	case *arrow.Date32Type, *arrow.Date64Type:
		return schemas.Date
	case *arrow.BooleanType:
		return schemas.Boolean
	case *arrow.Int8Type, *arrow.Int16Type, *arrow.Int32Type, *arrow.Uint8Type, *arrow.Uint16Type:
		return schemas.Int
	case *arrow.Int64Type, *arrow.Uint32Type:
		return schemas.Long
	case *arrow.Float16Type, *arrow.Float32Type, *arrow.Float64Type, *arrow.Uint64Type, *arrow.Decimal128Type, *arrow.Decimal256Type:
		return schemas.Double
	}
	if arrow.IsNested(t.ID()) {
		return schemas.JSON
	}
	return schemas.String
}

func (p *parquetFile) read(ctx context.Context, want []schemas.Field, fn func(arrow.RecordBatch) error) error {
	return p.with(func(r *pqarrow.FileReader) error {
		leaves, err := p.leaves(r, want)
		if err != nil {
			return err
		}
		switch {
		case r.ParquetReader().NumRows() == 0:
			return nil
		case len(want) == 0:
			return emptyRows(r.ParquetReader().NumRows(), fn)
		}
		var in pqarrow.RecordReader
		err = guard(func() (err error) { in, err = r.GetRecordReader(ctx, leaves, nil); return err })
		if err != nil {
			return err
		}
		defer in.Release()
		for {
			batch, err := next(in, want)
			if err != nil || batch == nil {
				return err
			}
			err = fn(batch)
			batch.Release()
			if err != nil {
				return err
			}
		}
	})
}

// next reads a batch; nil at the end.
func next(in pqarrow.RecordReader, want []schemas.Field) (batch arrow.RecordBatch, err error) {
	err = guard(func() (err error) {
		if in.Next() {
			batch, err = converted(in.RecordBatch(), want)
			return err
		}
		if err := in.Err(); err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		return nil
	})
	return batch, err
}

// leaves are the indexes of the columns' values, which a nested one has several
// of.
func (p *parquetFile) leaves(r *pqarrow.FileReader, want []schemas.Field) ([]int, error) {
	schema := r.ParquetReader().MetaData().Schema
	var leaves []int
	for i := range schema.NumColumns() {
		root := schema.Column(i).ColumnPath()[0]
		for _, f := range want {
			if f.Name == root {
				leaves = append(leaves, i)
			}
		}
	}
	return leaves, nil
}

// emptyRows gives rows without columns.
func emptyRows(rows int64, fn func(arrow.RecordBatch) error) error {
	for rows > 0 {
		n := min(rows, rowsAtOnce)
		batch := array.NewRecordBatch(arrow.NewSchema(nil, nil), nil, n)
		if err := fn(batch); err != nil {
			return err
		}
		rows -= n
	}
	return nil
}

// converted gives the columns the types that the table has.
func converted(batch arrow.RecordBatch, want []schemas.Field) (arrow.RecordBatch, error) {
	fields, cols := make([]arrow.Field, len(want)), make([]arrow.Array, len(want))
	defer func() {
		for _, c := range cols {
			if c != nil {
				c.Release()
			}
		}
	}()
	for i, f := range want {
		at := batch.Schema().FieldIndices(f.Name)
		if len(at) == 0 {
			return nil, fmt.Errorf("it has no column %q", f.Name)
		}
		col, err := convert(batch.Column(at[0]), f.Type)
		if err != nil {
			return nil, fmt.Errorf("column %q: %w", f.Name, err)
		}
		cols[i], fields[i] = col, arrow.Field{Name: f.Name, Type: col.DataType(), Nullable: true}
	}
	return array.NewRecordBatch(arrow.NewSchema(fields, nil), cols, batch.NumRows()), nil
}

// convert gives a column its type's Arrow form; values are copied only if they
// must be.
func convert(col arrow.Array, t schemas.Type) (arrow.Array, error) {
	switch {
	case t == schemas.Timestamp:
		return microseconds(col.(*array.Timestamp)), nil
	case t == schemas.Double && col.DataType().ID() != arrow.FLOAT64:
		return build(col, array.NewFloat64Builder(memory.DefaultAllocator), func(b *array.Float64Builder, i int) { b.Append(floatAt(col, i)) }), nil
	case t == schemas.Long && col.DataType().ID() != arrow.INT64:
		return build(col, array.NewInt64Builder(memory.DefaultAllocator), func(b *array.Int64Builder, i int) { b.Append(integerAt(col, i)) }), nil
	case t == schemas.Int && col.DataType().ID() != arrow.INT32:
		return build(col, array.NewInt32Builder(memory.DefaultAllocator), func(b *array.Int32Builder, i int) { b.Append(int32(integerAt(col, i))) }), nil
	case t == schemas.Date && col.DataType().ID() == arrow.DATE64:
		return build(col, array.NewDate32Builder(memory.DefaultAllocator), func(b *array.Date32Builder, i int) {
			b.Append(arrow.Date32FromTime(col.(*array.Date64).Value(i).ToTime()))
		}), nil
	case t == schemas.JSON:
		return texts(col, func(i int) (string, error) {
			text, err := json.Marshal(col.GetOneForMarshal(i))
			return string(text), err
		})
	case t == schemas.String && !plainText(col.DataType()):
		return texts(col, func(i int) (string, error) { return col.ValueStr(i), nil })
	}
	col.Retain()
	return col, nil
}

func plainText(t arrow.DataType) bool {
	if d, ok := t.(*arrow.DictionaryType); ok {
		return d.ValueType.ID() == arrow.STRING
	}
	return t.ID() == arrow.STRING
}

// builder is what Arrow's builders share.
type builder interface {
	AppendNull()
	NewArray() arrow.Array
	Release()
}

func build[B builder](col arrow.Array, b B, add func(b B, i int)) arrow.Array {
	defer b.Release()
	for i := range col.Len() {
		if col.IsNull(i) {
			b.AppendNull()
		} else {
			add(b, i)
		}
	}
	return b.NewArray()
}

func texts(col arrow.Array, text func(i int) (string, error)) (arrow.Array, error) {
	var failed error
	out := build(col, array.NewStringBuilder(memory.DefaultAllocator), func(b *array.StringBuilder, i int) {
		s, err := text(i)
		failed = errors.Join(failed, err)
		b.Append(s)
	})
	return out, failed
}

func microseconds(col *array.Timestamp) arrow.Array {
	unit := col.DataType().(*arrow.TimestampType).Unit
	if unit == arrow.Microsecond {
		col.Retain()
		return col
	}
	b := array.NewTimestampBuilder(memory.DefaultAllocator, arrow.FixedWidthTypes.Timestamp_us.(*arrow.TimestampType))
	return build(col, b, func(b *array.TimestampBuilder, i int) {
		b.Append(arrow.Timestamp(col.Value(i).ToTime(unit).UnixMicro()))
	})
}

func floatAt(col arrow.Array, i int) float64 {
	switch c := col.(type) {
	case *array.Float16:
		return float64(c.Value(i).Float32())
	case *array.Float32:
		return float64(c.Value(i))
	case *array.Uint64:
		return float64(c.Value(i))
	case *array.Decimal128:
		return c.Value(i).ToFloat64(c.DataType().(*arrow.Decimal128Type).Scale)
	case *array.Decimal256:
		return c.Value(i).ToFloat64(c.DataType().(*arrow.Decimal256Type).Scale)
	}
	return float64(integerAt(col, i))
}

func integerAt(col arrow.Array, i int) int64 {
	switch c := col.(type) {
	case *array.Int8:
		return int64(c.Value(i))
	case *array.Int16:
		return int64(c.Value(i))
	case *array.Int32:
		return int64(c.Value(i))
	case *array.Int64:
		return c.Value(i)
	case *array.Uint8:
		return int64(c.Value(i))
	case *array.Uint16:
		return int64(c.Value(i))
	case *array.Uint32:
		return int64(c.Value(i))
	}
	panic(fmt.Sprintf("a column of type %s has no integers", col.DataType())) // typeOf sends others elsewhere
}
