package parquet

import (
	"context"
	"errors"

	"github.com/autonomous-data-pipeline/adp/pipeline"
	"github.com/autonomous-data-pipeline/adp/sink"
	"github.com/autonomous-data-pipeline/adp/sink/readback"
	"github.com/autonomous-data-pipeline/adp/sink/store"
)

// Locate walks the folders and reads every visible file's offsets. If a
// settlement or a rollback moved files meanwhile, what was counted is void:
// that is a Transient fault. Loads only add files, and are seen or not.
func (s *Sink) Locate(ctx context.Context, fn func(place sink.Place, partition int32, offset int64) error) error {
	before, err := s.catchUp(ctx)
	if err != nil {
		return err
	}
	walked := s.locate(ctx, s.table, ".", sink.InTable, fn)
	if walked == nil {
		walked = s.locate(ctx, s.quarantine, quarantineSub, sink.InQuarantine, fn)
	}
	if walked == nil {
		walked = s.locate(ctx, s.quarantine, heldSub, sink.InHeld, fn)
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
		return pipeline.Faultf(pipeline.Transient, "locate the records of table %s: files were moved meanwhile, by a settlement or a rollback: begin again", s.book.Table)
	}
	return walked
}

func (s *Sink) locate(ctx context.Context, st store.Store, dir string, place sink.Place, fn func(sink.Place, int32, int64) error) error {
	var used error // an error of fn, which isn't the store's
	walk := func(fn func(string) error) error { return st.Walk(ctx, dir, fn) }
	if s.catalog != nil && place == sink.InTable {
		walk = func(fn func(string) error) error { return s.catalog.Files(ctx, fn) }
	}
	err := walk(func(name string) error {
		err := withLocal(ctx, st, name, func(path string) error {
			used = readback.Offsets(ctx, path, func(partition int32, offset int64) error { return fn(place, partition, offset) })
			return used
		})
		return err
	})
	if used != nil && errors.Is(err, used) {
		return used
	}
	return st.Fault(err, "list "+st.Location(dir))
}

// withLocal calls fn with a local copy of a file, or with the file itself.
func withLocal(ctx context.Context, st store.Store, name string, fn func(path string) error) error {
	path, done, err := st.Local(ctx, name)
	if err != nil {
		return err
	}
	defer done()
	return fn(path)
}
