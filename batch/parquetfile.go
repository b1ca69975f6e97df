package batch

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"os"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/compress"
	"github.com/apache/arrow-go/v18/parquet/file"
	"github.com/apache/arrow-go/v18/parquet/pqarrow"

	"github.com/autonomous-data-pipeline/adp/pipeline"
	"github.com/autonomous-data-pipeline/adp/schemas"
)

// layout is a kind of staged file: its columns, and which of them carry
// statistics for the validation after the load.
type layout struct {
	specs  []spec
	schema *arrow.Schema
	stats  []bool // by column
	opaque []bool // by column: no dictionary and no statistics in the file either
}

func newLayout(specs []spec, counted func(name string) bool, opaque func(name string) bool) *layout {
	l := &layout{specs: specs}
	fields := make([]arrow.Field, len(specs))
	for i, s := range specs {
		fields[i] = arrow.Field{Name: s.name, Type: s.arrow, Nullable: true}
		l.stats = append(l.stats, counted(s.name))
		l.opaque = append(l.opaque, opaque(s.name))
	}
	l.schema = arrow.NewSchema(fields, nil)
	return l
}

func cleanLayout(s *schemas.Schema) *layout {
	return newLayout(cleanSpecs(s), func(string) bool { return true }, func(string) bool { return false })
}

// meter counts and hashes what goes into a file, and keeps the disk's own
// error, which the Parquet writer may wrap beyond recognition.
type meter struct {
	file  stagedFile
	hash  hash.Hash
	bytes int64
	err   error
}

func (m *meter) Write(p []byte) (int, error) {
	n, err := m.file.Write(p)
	m.hash.Write(p[:n])
	m.bytes += int64(n)
	if err != nil && m.err == nil {
		m.err = err
	}
	return n, err
}

// parquetFile writes one staged file. It appears under its name when finish
// returns; until then it has a temporary one.
type parquetFile struct {
	path   string
	kind   pipeline.FileKind
	part   string // Hive-style folder
	layout *layout
	out    *meter
	w      *file.Writer
	group  file.BufferedRowGroupWriter
	stats  []schemas.Stat

	rows     int64
	buffered int64 // bytes of values in the open row group, before encoding
	gather   gather
}

// newParquetFile begins a file. first shows the rows that will come first:
// columns that repeat themselves there get a dictionary.
func (d disk) newParquetFile(path string, kind pipeline.FileKind, part string, l *layout, first []column, rows []int32) (*parquetFile, error) {
	f, err := d.create(tempName(path))
	if err != nil {
		return nil, diskFault("make staged file", path, err)
	}
	p := &parquetFile{
		path: path, kind: kind, part: part, layout: l,
		out: &meter{file: f, hash: sha256.New()}, stats: make([]schemas.Stat, len(l.specs)),
	}
	props := []parquet.WriterProperty{
		parquet.WithCompression(compress.Codecs.Zstd), parquet.WithCompressionLevel(1), parquet.WithDictionaryDefault(false),
	}
	for i, s := range l.specs {
		if l.opaque[i] {
			props = append(props, parquet.WithStatsFor(s.name, false))
		} else if repeats(&first[i], rows) {
			props = append(props, parquet.WithDictionaryFor(s.name, true))
		}
	}
	wp := parquet.NewWriterProperties(props...)
	sch, err := pqarrow.ToParquet(l.schema, wp, pqarrow.DefaultWriterProps())
	if err == nil {
		p.w, err = file.NewParquetWriterWithError(p.out, sch.Root(), file.WithWriterProps(wp))
	}
	if err != nil {
		p.abandon()
		return nil, p.fault(err)
	}
	return p, nil
}

// fault blames the disk where it is to blame.
func (p *parquetFile) fault(err error) error {
	if p.out.err != nil {
		return diskFault("write staged file", p.path, p.out.err)
	}
	return pipeline.Faultf(pipeline.Bug, "encode staged file %s: %w", p.path, err)
}

// write appends the rows of the columns, which are the layout's.
func (p *parquetFile) write(cols []column, rows []int32) error {
	if p.group == nil {
		g, err := p.w.AppendBufferedRowGroupChecked()
		if err != nil {
			return p.fault(err)
		}
		p.group = g
	}
	for i := range cols {
		cw, err := p.group.Column(i)
		if err == nil {
			err = p.column(cw, &cols[i], i, rows)
		}
		if err != nil {
			return p.fault(err)
		}
	}
	p.rows += int64(len(rows))
	return nil
}

func (p *parquetFile) column(cw file.ColumnChunkWriter, c *column, i int, rows []int32) error {
	g := &p.gather
	g.take(c, rows)
	p.buffered += g.bytes
	if p.layout.stats[i] {
		g.count(&p.stats[i], c.phys)
	}
	var err error
	switch w := cw.(type) {
	case *file.BooleanColumnChunkWriter:
		_, err = w.WriteBatch(g.bools, g.defined, nil)
	case *file.Int32ColumnChunkWriter:
		_, err = w.WriteBatch(g.ints32, g.defined, nil)
	case *file.Int64ColumnChunkWriter:
		_, err = w.WriteBatch(g.ints64, g.defined, nil)
	case *file.Float64ColumnChunkWriter:
		_, err = w.WriteBatch(g.floats, g.defined, nil)
	case *file.ByteArrayColumnChunkWriter:
		_, err = w.WriteBatch(g.texts, g.defined, nil)
	default:
		err = fmt.Errorf("column %s has no writer for %T", c.name, cw)
	}
	return err
}

// flush ends the row group, so that its memory is free.
func (p *parquetFile) flush() error {
	if p.group == nil {
		return nil
	}
	err := p.group.Close()
	p.group, p.buffered = nil, 0
	if err != nil {
		return p.fault(err)
	}
	return nil
}

// finish closes the file and gives it its name.
func (p *parquetFile) finish() (pipeline.File, error) {
	err := p.flush()
	if err == nil {
		if cerr := p.w.Close(); cerr != nil {
			err = p.fault(cerr)
		}
	}
	if err != nil {
		p.abandon()
		return pipeline.File{}, err
	}
	err = p.out.file.Sync()
	if cerr := p.out.file.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = os.Rename(p.out.file.Name(), p.path)
	}
	if err != nil {
		_ = os.Remove(p.out.file.Name()) // best effort: the error below is what counts
		return pipeline.File{}, diskFault("write staged file", p.path, err)
	}
	return p.reference(), nil
}

func (p *parquetFile) reference() pipeline.File {
	f := pipeline.File{
		Kind: p.kind, Path: p.path, Partition: p.part, Rows: p.rows,
		Bytes: p.out.bytes, SHA256: hex.EncodeToString(p.out.hash.Sum(nil)),
	}
	for i, s := range p.layout.specs {
		if p.layout.stats[i] {
			f.Columns = append(f.Columns, p.stats[i].Column(s.name))
		}
	}
	return f
}

// abandon removes what was written so far.
func (p *parquetFile) abandon() {
	err := errors.Join(p.out.file.Close(), os.Remove(p.out.file.Name()))
	_ = err // best effort: a leftover is removed by a later attempt
}
