package readback

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	arrowparquet "github.com/apache/arrow-go/v18/parquet"

	"github.com/autonomous-data-pipeline/adp/pipeline"
)

// Rejects streams one reject file, in its order. An error of fn ends it as it
// is; a damaged file is a BadData fault.
func Rejects(ctx context.Context, path string, fn func(pipeline.Reject) error) error {
	return eachSlice(path, decodeRejects, func(rejects []pipeline.Reject) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		for _, r := range rejects {
			if err := fn(r); err != nil {
				return err
			}
		}
		return nil
	})
}

// decodeRejects reads rows of a reject file whole: a record is never cut.
func decodeRejects(g *group, n int64) ([]pipeline.Reject, error) {
	partitions, err1 := read[int32](g, pipeline.ColPartition, n)
	offsets, err2 := read[int64](g, pipeline.ColOffset, n)
	times, err3 := read[int64](g, pipeline.ColTimestamp, n)
	keys, err4 := read[arrowparquet.ByteArray](g, pipeline.ColKey, n)
	raws, err5 := read[arrowparquet.ByteArray](g, pipeline.ColRaw, n)
	kinds, err6 := read[arrowparquet.ByteArray](g, pipeline.ColKind, n)
	reasons, err7 := read[arrowparquet.ByteArray](g, pipeline.ColReasons, n)
	segments, err8 := read[arrowparquet.ByteArray](g, pipeline.ColSegs, n)
	if err := errors.Join(err1, err2, err3, err4, err5, err6, err7, err8); err != nil {
		return nil, err
	}
	out := make([]pipeline.Reject, n)
	for i := range out {
		out[i] = pipeline.Reject{
			Kind: pipeline.FileKind(kinds.values[i]), Partition: partitions.values[i], Offset: offsets.values[i],
			TimestampMs: times.values[i], Key: bytesOf(keys, i), Raw: bytesOf(raws, i),
		}
		if err := decodeText(reasons, i, &out[i].Reasons); err != nil {
			return nil, fmt.Errorf("reasons of partition %d offset %d: %w", out[i].Partition, out[i].Offset, err)
		}
		if err := decodeText(segments, i, &out[i].Segments); err != nil {
			return nil, fmt.Errorf("segments of partition %d offset %d: %w", out[i].Partition, out[i].Offset, err)
		}
	}
	return out, nil
}

// bytesOf tells an empty value from none: a tombstone has none.
func bytesOf(c cells[arrowparquet.ByteArray], i int) []byte {
	if !c.valid[i] {
		return nil
	}
	return append([]byte{}, c.values[i]...)
}

func decodeText(c cells[arrowparquet.ByteArray], i int, into any) error {
	if !c.valid[i] {
		return nil
	}
	return json.Unmarshal(c.values[i], into)
}
