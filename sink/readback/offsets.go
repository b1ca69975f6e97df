package readback

import (
	"context"
	"errors"

	"github.com/autonomous-data-pipeline/adp/pipeline"
)

// Offsets streams where the rows of a data or reject file come from. An error
// of fn ends it as it is; a damaged file is a BadData fault.
func Offsets(ctx context.Context, path string, fn func(partition int32, offset int64) error) error {
	return eachSlice(path, decodeOffsets, func(rows []kafkaPlace) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		for _, k := range rows {
			if err := fn(k.partition, k.offset); err != nil {
				return err
			}
		}
		return nil
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
