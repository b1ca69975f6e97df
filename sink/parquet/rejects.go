package parquet

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"

	arrowparquet "github.com/apache/arrow-go/v18/parquet"

	"github.com/autonomous-data-pipeline/adp/pipeline"
	"github.com/autonomous-data-pipeline/adp/sink"
)

// Rejects streams an entry's records file by file, in the files' order. An
// entry that has changed since it was read is ErrConflict.
func (s *Sink) Rejects(ctx context.Context, e sink.Entry, fn func(pipeline.Reject) error) error {
	for _, f := range e.Rejects {
		err := readRejects(ctx, f.Path, fn)
		if errors.Is(err, fs.ErrNotExist) {
			return s.vanished(ctx, e.BatchID, f.Path, err)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// readRejects streams one reject file.
func readRejects(ctx context.Context, path string, fn func(pipeline.Reject) error) error {
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

// vanished says why a file that a caller knows isn't there: the batch changed
// since, or the file was lost.
func (s *Sink) vanished(ctx context.Context, batchID, path string, cause error) error {
	current, err := s.names(ctx, batchID, path)
	if err != nil {
		return err
	}
	if !current {
		return conflictf("read %s: batch %s has changed since", path, batchID)
	}
	return pipeline.Faultf(pipeline.BadData, "read %s of batch %s: %w: a commit names it, and it is gone: restore it from a backup", path, batchID, cause)
}

// names reports whether a batch's commits put a file where path is, and no
// later one took it away. It reads the log back to the batch's last commit.
func (s *Sink) names(ctx context.Context, batchID, path string) (bool, error) {
	st, err := s.catchUp(ctx)
	if err != nil {
		return false, err
	}
	for seq := st.Sequence; seq > 0; seq-- {
		rec, err := s.log.must(seq)
		if err != nil {
			return false, err
		}
		if rec.Batch.ID != batchID {
			continue
		}
		if rec.Kind == kindRollback {
			return false, nil
		}
		h, err := s.holdings(ref{BatchID: batchID, Commits: append(append([]int64(nil), rec.Commits...), seq)})
		if err != nil {
			return false, err
		}
		return s.holds(h, path), nil
	}
	return false, nil
}

func (s *Sink) holds(h holdings, path string) bool {
	for _, f := range h.table {
		if s.table.path(f.Path) == path {
			return true
		}
	}
	for _, f := range h.last.outside() {
		if s.quarantine.path(f.Path) == path {
			return true
		}
	}
	return false
}
