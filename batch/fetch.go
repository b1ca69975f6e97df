package batch

import (
	"context"

	"github.com/autonomous-data-pipeline/adp/dq"
	"github.com/autonomous-data-pipeline/adp/pipeline"
	"github.com/autonomous-data-pipeline/adp/source"
)

// fetchGap is up to how many offsets between two wanted records are read too,
// rather than asking the source twice.
const fetchGap = 1000

// fetch reads records again from the source and writes them as rejects: a
// clean file has no raw bytes. why gives each record's reasons.
func (s *selector) fetch(ctx context.Context, dir string, want *dq.Positions, why func(*dq.Program, dq.Position) []pipeline.Reason) ([]pipeline.File, error) {
	prog, err := compile(s.job.Schema, s.job.Rules)
	if err != nil {
		return nil, err
	}
	st, err := s.open(dir)
	if err != nil {
		return nil, err
	}
	defer st.abandon()
	var found int64
	values := newRedecoder(s.job.Schema)
	for _, r := range rangesOf(want, fetchGap) {
		err := s.job.Source.Read(ctx, s.job.Batch.Topic, r, func(records []source.Record) error {
			for _, rec := range records {
				if !want.Has(rec.Partition, rec.Offset) {
					continue
				}
				found++
				if err := s.again(prog, st, values, rec, why); err != nil {
					return err
				}
			}
			return ctx.Err()
		})
		if err != nil {
			return nil, err
		}
	}
	if found != want.Len() {
		return nil, pipeline.Faultf(pipeline.BadData, "keep %d rows of batch %s out of the table as they came: the source gave only %d of them again; retention or compaction took the rest, so plan the batch again",
			want.Len(), s.job.Batch.ID, found)
	}
	return st.finish()
}

func (s *selector) again(prog *dq.Program, st *stage, values *redecoder, rec source.Record, why func(*dq.Program, dq.Position) []pipeline.Reason) error {
	values.reset()
	if err := values.decode(rec.Value, 0); err != nil {
		return pipeline.Faultf(pipeline.Bug, "read topic %s partition %d offset %d again: %w", s.job.Batch.Topic, rec.Partition, rec.Offset, err)
	}
	p := dq.Position{Partition: rec.Partition, Offset: rec.Offset}
	r, err := newSuspect(rec, why(prog, p), segmentsOf(s.job.Rules.Segments, values.column))
	if err != nil {
		return err
	}
	return st.reject(r)
}

// rangesOf covers the set, joining positions that are at most gap apart.
func rangesOf(set *dq.Positions, gap int64) []pipeline.Range {
	var out []pipeline.Range
	for p := range set.All() {
		if n := len(out) - 1; n >= 0 && out[n].Partition == p.Partition && p.Offset-out[n].End <= gap {
			out[n].End = p.Offset + 1
			continue
		}
		out = append(out, pipeline.Range{Partition: p.Partition, Start: p.Offset, End: p.Offset + 1})
	}
	return out
}
