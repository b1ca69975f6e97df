package batch

import (
	"context"
	"slices"
	"time"

	"github.com/autonomous-data-pipeline/adp/dq"
	"github.com/autonomous-data-pipeline/adp/pipeline"
	"github.com/autonomous-data-pipeline/adp/source"
)

// open begins a folder of new files.
func (s *selector) open(dir string) (*stage, error) {
	if err := prepare(dir, time.Now()); err != nil {
		return nil, err
	}
	return newStage(realDisk(), dir, cleanLayout(s.job.Schema), s.job.Rules.EventTime != "", Config{}.WithDefaults().Memory), nil
}

// suspects parts a suspect file into what loads and what stays.
func (s *selector) suspects(ctx context.Context, dir string, f pipeline.File) (table, quarantine []pipeline.File, err error) {
	stays, count, err := s.verdicts(ctx, f)
	if err != nil || count == f.Rows {
		return nil, []pipeline.File{f}, err
	}
	st, err := s.open(dir)
	if err != nil {
		return nil, nil, err
	}
	defer st.abandon()
	rel := newReleaser(s.job, st)
	err = readStaged(ctx, f.Path, rejectSpecs, func(cols []column) error {
		for row := range cols[0].rows() {
			p := placeOf(cols, row)
			if stays.Has(p.Partition, p.Offset) {
				if err := st.reject(rejectAt(cols, row)); err != nil {
					return err
				}
			} else if err := rel.add(recordAt(cols, row)); err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil {
		err = rel.flush()
	}
	if err != nil {
		return nil, nil, err
	}
	files, err := st.finish()
	for _, f := range files {
		if f.Kind == pipeline.CleanFile {
			table = append(table, f)
		} else {
			quarantine = append(quarantine, f)
		}
	}
	return table, quarantine, err
}

// verdicts finds the suspects that stay out.
func (s *selector) verdicts(ctx context.Context, f pipeline.File) (stays *dq.Positions, count int64, err error) {
	stays = dq.NewPositions()
	var drifted memo[bool]
	var segments memo[map[string]string]
	specs := append(placeSpecs(), rejectSpecs[rejReasons], rejectSpecs[rejSegments])
	err = readStaged(ctx, f.Path, specs, func(cols []column) error {
		for row := range cols[0].rows() {
			out, err := drifted.get(cols[2].bytes(row), hasDrift)
			if err == nil && !out {
				var values map[string]string
				values, err = segments.get(cols[3].bytes(row), decodeSegments)
				out = s.keeps(values[s.job.Column])
			}
			if err != nil {
				return stagedFault(f.Path, err)
			}
			if out {
				stays.Add(cols[0].ints32[row], cols[1].ints64[row])
			}
		}
		return nil
	})
	count = stays.Len()
	return stays, count, err
}

func hasDrift(encoded []byte) (bool, error) {
	reasons, err := decodeReasons(encoded)
	return slices.ContainsFunc(reasons, func(r pipeline.Reason) bool { return isDrift(r.Code) }), err
}

func placeOf(cols []column, row int) dq.Position {
	return dq.Position{Partition: cols[rejPartition].ints32[row], Offset: cols[rejOffset].ints64[row]}
}

// rejectAt is a row of a reject file. It aliases the columns.
func rejectAt(cols []column, row int) reject {
	p := placeOf(cols, row)
	return reject{
		kind:      pipeline.FileKind(cols[rejKind].bytes(row)),
		partition: p.Partition, offset: p.Offset, timestampMs: cols[rejTimestamp].ints64[row],
		key: cols[rejKey].maybe(row), raw: cols[rejRaw].maybe(row),
		reasons: cols[rejReasons].bytes(row), segments: cols[rejSegments].maybe(row),
	}
}

func (c *column) maybe(row int) []byte {
	if !c.valid[row] {
		return nil
	}
	return c.bytes(row)
}

// recordAt is the record of a row of a reject file.
func recordAt(cols []column, row int) source.Record {
	r := rejectAt(cols, row)
	return source.Record{Partition: r.partition, Offset: r.offset, TimestampMs: r.timestampMs, Key: r.key, Value: r.raw}
}

// releaser decodes suspects again and writes them as clean rows.
type releaser struct {
	job   SelectJob
	stage *stage
	chunk *chunk
	dec   *decoder
	event int
	max   Config
}

func newReleaser(job SelectJob, st *stage) *releaser {
	c := newChunk(job.Schema)
	return &releaser{
		job: job, stage: st, chunk: c, dec: newDecoder(job.Schema, c.cols),
		event: job.Schema.Index(job.Rules.EventTime), max: Config{}.WithDefaults(),
	}
}

func (r *releaser) add(rec source.Record) error {
	row := r.chunk.rows()
	if !r.dec.decode(rec.Value, row) || len(r.dec.faults) > 0 {
		return pipeline.Faultf(pipeline.Bug, "load suspect partition %d offset %d of batch %s: it conformed to the schema when it was staged and doesn't now %s",
			rec.Partition, rec.Offset, r.job.Batch.ID, r.dec.problem)
	}
	late := false
	if r.event >= 0 && r.chunk.cols[r.event].valid[row] {
		late = lateness(rec.TimestampMs, r.chunk.cols[r.event].ints64[row]) > r.job.Rules.AllowedLateness.Microseconds()
	}
	r.chunk.place(rec, late)
	if r.chunk.rows() >= r.max.ChunkRows || r.chunk.size() >= r.max.chunkBytes() {
		return r.flush()
	}
	return nil
}

func (r *releaser) flush() error {
	var s sorter
	s.clear()
	for row := range int32(r.chunk.rows()) {
		s.add(r.chunk.day(r.event, int(row)), row)
	}
	s.order()
	for _, g := range s.groups {
		if err := r.stage.clean(g.day, r.chunk.cols, g.rows); err != nil {
			return err
		}
	}
	r.chunk.reset()
	return nil
}
