package parquet

import (
	"context"
	"errors"
	"io/fs"
	"path/filepath"

	"github.com/autonomous-data-pipeline/adp/pipeline"
	"github.com/autonomous-data-pipeline/adp/sink"
	"github.com/autonomous-data-pipeline/adp/sink/readback"
)

// Locate walks the folders and reads every visible file's offsets. If a
// settlement or a rollback moved files meanwhile, what was counted is void:
// that is a Transient fault. Loads only add files, and are seen or not.
func (s *Sink) Locate(ctx context.Context, fn func(place sink.Place, partition int32, offset int64) error) error {
	before, err := s.catchUp(ctx)
	if err != nil {
		return err
	}
	walked := s.locate(ctx, s.table, sink.InTable, fn)
	if walked == nil {
		walked = s.locate(ctx, s.quarantine.below(quarantineSub), sink.InQuarantine, fn)
	}
	if walked == nil {
		walked = s.locate(ctx, s.quarantine.below(heldSub), sink.InHeld, fn)
	}
	after, err := s.catchUp(ctx)
	if err != nil {
		return err
	}
	moved, err := s.book.Moved(ctx, before, after)
	if err != nil {
		return err
	}
	if moved {
		return pipeline.Faultf(pipeline.Transient, "locate the records of table %s: files were moved meanwhile, by a settlement or a rollback: begin again", s.table.dir)
	}
	return walked
}

// below is a folder of the root, under the same setting.
func (r root) below(folder string) root {
	return root{dir: filepath.Join(r.dir, folder), setting: r.setting}
}

func (s *Sink) locate(ctx context.Context, r root, place sink.Place, fn func(sink.Place, int32, int64) error) error {
	return r.walk(func(path string) error {
		return readback.Offsets(ctx, path, func(partition int32, offset int64) error { return fn(place, partition, offset) })
	})
}

func isGone(err error) bool { return errors.Is(err, fs.ErrNotExist) }
