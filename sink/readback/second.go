package readback

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/xitongsys/parquet-go/reader"
	"github.com/xitongsys/parquet-go/source"

	"github.com/autonomous-data-pipeline/adp/pipeline"
	"github.com/autonomous-data-pipeline/adp/schemas"
)

// second reads Parquet with the other implementation. It panics on damaged
// files: callers guard it.
type second struct {
	files *handles
	r     *reader.ParquetReader
}

func openSecond(path string) (*second, error) {
	files := &handles{path: path}
	first, err := files.Open("")
	if err != nil {
		return nil, err
	}
	s := &second{files: files}
	defer func() {
		if s.r == nil {
			s.close()
		}
	}()
	r, err := reader.NewParquetColumnReader(first, 1)
	if err != nil {
		return nil, fmt.Errorf("footer: %w", err)
	}
	s.r = r
	return s, nil
}

func (s *second) close() { s.files.closeAll() }

func (s *second) rows() int64 { return s.r.Footer.GetNumRows() }

// columns are the leaf columns' names as they are in the file.
func (s *second) columns() []string {
	names := make([]string, len(s.r.SchemaHandler.ValueColumns))
	for i, path := range s.r.SchemaHandler.ValueColumns {
		names[i] = s.r.SchemaHandler.Infos[s.r.SchemaHandler.MapIndex[path]].ExName
	}
	return names
}

// stat reads a column and returns its statistics and its number of values,
// nulls included.
func (s *second) stat(ctx context.Context, i int) (pipeline.ColumnStat, int64, error) {
	var acc schemas.Stat
	var n int64
	for {
		if err := ctx.Err(); err != nil {
			return pipeline.ColumnStat{}, 0, err
		}
		values, _, _, err := s.r.ReadColumnByIndex(int64(i), sliceRows)
		if err != nil {
			return pipeline.ColumnStat{}, 0, err
		}
		if len(values) == 0 {
			break
		}
		for _, v := range values {
			if err := fold(&acc, v); err != nil {
				return pipeline.ColumnStat{}, 0, err
			}
		}
		n += int64(len(values))
	}
	delete(s.r.ColumnBuffers, s.r.SchemaHandler.ValueColumns[i])
	return acc.Column(s.columns()[i]), n, nil
}

func fold(acc *schemas.Stat, v any) error {
	switch v := v.(type) {
	case nil:
		acc.AddNull()
	case bool:
		acc.AddBool(v)
	case int32:
		acc.AddInt(int64(v))
	case int64:
		acc.AddInt(v)
	case float64:
		acc.AddDouble(v)
	case string:
		acc.AddBytes([]byte(v))
	default:
		return fmt.Errorf("values of type %T are not the pipeline's", v)
	}
	return nil
}

// handles gives the library a file as often as it asks; it forgets to close.
type handles struct {
	path string
	open []*os.File
}

// handle is one open file, as the library wants it.
type handle struct {
	*os.File
	all *handles
}

var _ source.ParquetFile = handle{}

func (h *handles) Open(name string) (source.ParquetFile, error) {
	if name != "" {
		return nil, fmt.Errorf("the file refers to another file, %q", name)
	}
	f, err := os.Open(h.path)
	if err != nil {
		return nil, err
	}
	h.open = append(h.open, f)
	return handle{f, h}, nil
}

func (h *handles) closeAll() {
	for _, f := range h.open {
		_ = f.Close() // read only: nothing to lose
	}
}

// Open is another handle on the same file.
func (h handle) Open(name string) (source.ParquetFile, error) { return h.all.Open(name) }

// Create is refused: this side only reads.
func (h handle) Create(string) (source.ParquetFile, error) {
	return nil, errors.New("files are read here, not written")
}
