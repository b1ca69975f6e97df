package batch

import (
	"context"
	"path/filepath"
	"strings"

	"github.com/autonomous-data-pipeline/adp/dq"
	"github.com/autonomous-data-pipeline/adp/pipeline"
)

// clean takes the duplicates that stay out from a clean file, into moved. A
// file that has none is passed on as it is.
func (s *selector) clean(ctx context.Context, dir string, f pipeline.File, moved *dq.Positions) ([]pipeline.File, error) {
	if !s.keepsSome() || !spanOf(f).touches(s.duplicated) {
		return []pipeline.File{f}, nil
	}
	leave, err := s.leaving(ctx, f)
	if err != nil || leave.Len() == 0 {
		return []pipeline.File{f}, err
	}
	for p := range leave.All() {
		moved.Add(p.Partition, p.Offset)
	}
	if leave.Len() == f.Rows {
		return nil, nil
	}
	return s.rewrite(ctx, filepath.Join(dir, "without-"+strings.TrimSuffix(filepath.Base(f.Path), ".parquet")), f, leave)
}

// leaving finds a clean file's duplicates that stay out.
func (s *selector) leaving(ctx context.Context, f pipeline.File) (*dq.Positions, error) {
	specs := placeSpecs()
	if i := s.job.Schema.Index(s.job.Column); i >= 0 {
		specs = append(specs, fieldSpec(s.job.Schema.Fields[i]))
	}
	leave := dq.NewPositions()
	return leave, readStaged(ctx, f.Path, specs, func(cols []column) error {
		for row := range cols[0].rows() {
			p := placeOf(cols, row)
			if !s.duplicated.Has(p.Partition, p.Offset) {
				continue
			}
			value := ""
			if len(cols) > 2 {
				value = string(cols[2].segment(nil, row))
			}
			if s.keeps(value) {
				leave.Add(p.Partition, p.Offset)
			}
		}
		return nil
	})
}

// rewrite copies a clean file without the rows that leave.
func (s *selector) rewrite(ctx context.Context, dir string, f pipeline.File, leave *dq.Positions) ([]pipeline.File, error) {
	st, err := s.open(dir)
	if err != nil {
		return nil, err
	}
	defer st.abandon()
	specs := cleanSpecs(s.job.Schema)
	fields := len(s.job.Schema.Fields)
	view := chunk{fields: fields}
	event := s.job.Schema.Index(s.job.Rules.EventTime)
	err = readStaged(ctx, f.Path, specs, func(cols []column) error {
		view.cols = cols
		var keep sorter
		keep.clear()
		for row := range cols[0].rows() {
			if !leave.Has(cols[fields].ints32[row], cols[fields+1].ints64[row]) {
				keep.add(view.day(event, row), int32(row))
			}
		}
		for _, g := range keep.groups { // one: a clean file has one event day
			if err := st.clean(g.day, cols, g.rows); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return st.finish()
}
