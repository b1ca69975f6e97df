package parquet

import (
	"context"
	"errors"
	"io/fs"
	"path/filepath"

	"github.com/autonomous-data-pipeline/adp/pipeline"
	"github.com/autonomous-data-pipeline/adp/sink"
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
	moved, err := s.moved(before, after)
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
		return eachSlice(path, decodeOffsets, func(rows []kafkaPlace) error {
			if err := ctx.Err(); err != nil {
				return err
			}
			for _, k := range rows {
				if err := fn(place, k.partition, k.offset); err != nil {
					return err
				}
			}
			return nil
		})
	})
}

// kafkaPlace is where a row came from.
type kafkaPlace struct {
	partition int32
	offset    int64
}

func decodeOffsets(g *group, n int64) ([]kafkaPlace, error) {
	partitions, err1 := read[int32](g, pipeline.ColPartition, n)
	offsets, err2 := read[int64](g, pipeline.ColOffset, n)
	if err := errors.Join(err1, err2); err != nil {
		return nil, err
	}
	out := make([]kafkaPlace, n)
	for i := range out {
		if !partitions.valid[i] || !offsets.valid[i] {
			return nil, errors.New("a row has no partition or no offset")
		}
		out[i] = kafkaPlace{partitions.values[i], offsets.values[i]}
	}
	return out, nil
}

// moved reports whether a commit between two states took files away.
func (s *Sink) moved(before, after *state) (bool, error) {
	for seq := before.Sequence + 1; seq <= after.Sequence; seq++ {
		rec, err := s.log.must(seq)
		if err != nil {
			return false, err
		}
		if rec.Kind != kindLoad {
			return true, nil
		}
	}
	return false, nil
}

func isGone(err error) bool { return errors.Is(err, fs.ErrNotExist) }
