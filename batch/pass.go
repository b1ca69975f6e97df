package batch

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"path/filepath"

	"github.com/autonomous-data-pipeline/adp/dq"
	"github.com/autonomous-data-pipeline/adp/pipeline"
	"github.com/autonomous-data-pipeline/adp/source"
)

// beatRecords is how many records pass between two signs of life.
const beatRecords = 4096

// pass is one walk over a shard: records are decoded into a chunk; a full
// chunk is checked as a whole, then its rows go to their files.
type pass struct {
	cfg     Config
	job     Job
	prog    *dq.Program
	quality *dq.Profile
	prof    *profile
	stage   *stage
	chunk   *chunk
	dec     *decoder
	beat    func(Progress) error

	event     int   // the event time's column, or -1
	segments  []int // columns
	allowedUs int64
	next      pipeline.Checkpoint
	sinceBeat int
	findings  []dq.Finding
	sorter    sorter
}

func newPass(l *Local, job Job, prog *dq.Program, beat func(Progress) error) (*pass, error) {
	c, err := contract(job.Schema, job.Rules)
	if err != nil {
		return nil, err
	}
	p := &pass{
		cfg: l.cfg, job: job, prog: prog, quality: prog.NewProfile(dq.Gathering{Dir: job.Dir, Memory: l.cfg.QualityMemory}), prof: newProfile(c, job.Schema, job.Rules, job.Dir, l.cfg.QualityMemory),
		chunk: newChunk(job.Schema), beat: beat, next: pipeline.Checkpoint{},
		event: job.Schema.Index(job.Rules.EventTime), allowedUs: job.Rules.AllowedLateness.Microseconds(),
		stage: newStage(l.disk, job.Dir, cleanLayout(job.Schema), job.Rules.EventTime != "", l.cfg.Memory),
	}
	p.prof.Shard = job.Shard
	p.dec = newDecoder(job.Schema, p.chunk.cols)
	for _, s := range job.Rules.Segments {
		p.segments = append(p.segments, job.Schema.Index(s))
	}
	return p, nil
}

// read takes one range's records in.
func (p *pass) read(ctx context.Context, src source.Reader, r pipeline.Range) error {
	p.next[r.Partition] = r.Start
	var failed error
	err := src.Read(ctx, p.job.Batch.Topic, r, func(records []source.Record) error {
		failed = p.take(ctx, r, records)
		return failed
	})
	if failed != nil {
		return failed // ours, however the source may have wrapped it
	}
	if err != nil {
		return err
	}
	if err := p.flush(); err != nil { // a chunk holds one partition
		return err
	}
	p.next[r.Partition] = r.End
	return p.alive(ctx)
}

func (p *pass) take(ctx context.Context, r pipeline.Range, records []source.Record) error {
	for _, rec := range records {
		if !r.Contains(rec.Partition, rec.Offset) || rec.Offset < p.next[r.Partition] {
			return pipeline.Faultf(pipeline.Bug, "read topic %s: the source gave partition %d offset %d where partition %d from offset %d to %d was asked for, next %d",
				p.job.Batch.Topic, rec.Partition, rec.Offset, r.Partition, r.Start, r.End, p.next[r.Partition])
		}
		if err := p.record(rec); err != nil {
			return err
		}
		p.next[r.Partition] = rec.Offset + 1
		if p.sinceBeat++; p.sinceBeat >= beatRecords {
			if err := p.alive(ctx); err != nil {
				return err
			}
		}
	}
	return nil
}

func (p *pass) alive(ctx context.Context) error {
	p.sinceBeat = 0
	if err := p.beat(Progress{Records: p.prof.Records.Read, Next: maps.Clone(p.next)}); err != nil {
		return err
	}
	return ctx.Err()
}

// record decodes one record into the chunk, or rejects it as malformed.
func (p *pass) record(r source.Record) error {
	p.prof.Records.Read++
	p.prof.Bytes += int64(len(r.Value))
	if problem := p.decode(r.Value); problem != "" {
		return p.malformed(r, problem)
	}
	p.observeFields()
	p.chunk.place(r, p.late(r))
	if p.chunk.rows() >= p.cfg.ChunkRows || p.chunk.size() >= p.cfg.chunkBytes() {
		return p.flush()
	}
	return nil
}

// decode returns why the value is malformed, or nothing.
func (p *pass) decode(value []byte) string {
	switch {
	case value == nil:
		return "a tombstone: the record has no value"
	case len(value) == 0:
		return "the record's value is empty"
	case len(value) > p.cfg.MaxRecordBytes:
		return fmt.Sprintf("%d bytes are more than engine.max_record_bytes, %d", len(value), p.cfg.MaxRecordBytes)
	case !p.dec.decode(value, p.chunk.rows()):
		return p.dec.problem
	}
	return ""
}

func (p *pass) malformed(r source.Record, problem string) error {
	p.prof.Records.Malformed++
	reasons, err := reasonsJSON([]pipeline.Reason{{Code: malformedCode, Detail: problem}})
	if err != nil {
		return err
	}
	return p.stage.reject(reject{
		kind: pipeline.MalformedFile, partition: r.Partition, offset: r.Offset, timestampMs: r.TimestampMs,
		key: r.Key, raw: r.Value, reasons: reasons,
	})
}

// observeFields counts what the decoder found beside the schema's fields.
func (p *pass) observeFields() {
	for _, u := range p.dec.unknown {
		p.prof.Unknown.add(u.name, 1, u.kind)
	}
	if p.dec.repeated {
		p.prof.DuplicateKeys++
	}
}

// late measures the record whose fields were just decoded.
func (p *pass) late(r source.Record) bool {
	row := p.chunk.rows()
	if p.event < 0 || !p.chunk.cols[p.event].valid[row] {
		return false
	}
	us := lateness(r.TimestampMs, p.chunk.cols[p.event].ints64[row])
	p.prof.MaxLatenessUs = max(p.prof.MaxLatenessUs, us)
	if us <= p.allowedUs {
		return false
	}
	p.prof.Late++
	return true
}

// flush checks the chunk's rows and settles them in their order.
func (p *pass) flush() error {
	if p.chunk.rows() == 0 {
		return nil
	}
	record := p.chunk.record()
	p.findings = p.quality.Observe(dq.Chunk{
		Record: record, Partition: p.chunk.partition(), Offsets: p.chunk.offsets(),
	}, p.findings[:0])
	record.Release()
	if err := p.countSegments(); err != nil {
		return err
	}
	p.sorter.sort(p)
	if err := p.rejectSuspects(); err != nil {
		return err
	}
	for _, g := range p.sorter.groups {
		p.prof.Records.Clean += int64(len(g.rows))
		if err := p.stage.clean(g.day, p.chunk.cols, g.rows); err != nil {
			return err
		}
	}
	p.chunk.reset()
	p.dec.faults = p.dec.faults[:0]
	return nil
}

func (p *pass) countSegments() error {
	var text []byte
	for _, i := range p.segments {
		c := &p.chunk.cols[i]
		counts := p.prof.Segments[c.name]
		for row := range c.valid {
			text = c.segment(text[:0], row)
			if err := counts.Add(text, 1); err != nil {
				return err
			}
		}
	}
	return nil
}

// rejectSuspects writes the rows that the sorter set aside, with their reasons.
func (p *pass) rejectSuspects() error {
	faults, findings := p.dec.faults, p.findings
	for _, row := range p.sorter.suspects {
		var reasons []pipeline.Reason
		for ; len(faults) > 0 && faults[0].row == row; faults = faults[1:] {
			p.prof.observe(faults[0])
			reasons = append(reasons, p.dec.reason(faults[0]))
		}
		for ; len(findings) > 0 && findings[0].Row <= row; findings = findings[1:] {
			// A clean row's findings don't count, so what counts is this row's.
			if i := int(findings[0].Expectation); p.prog.Counts(i) {
				reasons = append(reasons, p.prog.Reason(i))
			}
		}
		if err := p.suspect(int(row), reasons); err != nil {
			return err
		}
	}
	return nil
}

func (p *pass) suspect(row int, reasons []pipeline.Reason) error {
	p.prof.Records.Suspect++
	value := func(name string) (*column, int) { return &p.chunk.cols[p.job.Schema.Index(name)], row }
	r, err := newSuspect(p.chunk.source(row), reasons, segmentsOf(p.job.Rules.Segments, value))
	if err != nil {
		return err
	}
	return p.stage.reject(r)
}

// finish completes the files, then what quality rules look at again, then the
// profile.
func (p *pass) finish() (Result, error) {
	files, err := p.stage.finish()
	if err != nil {
		return Result{}, err
	}
	if err := p.quality.Spill(); err != nil {
		return Result{}, err
	}
	path := filepath.Join(p.job.Dir, "profile.json")
	if err := p.writeProfile(path); err != nil {
		return Result{}, err
	}
	if err := syncDir(p.job.Dir); err != nil {
		return Result{}, err
	}
	rec := p.prof.Records
	if rec.Read != rec.Clean+rec.Suspect+rec.Malformed || rec.Read != pipeline.SumRows(files) {
		return Result{}, pipeline.Faultf(pipeline.Bug, "stage shard %d of batch %s: %d records were read, but %d clean, %d suspect, %d malformed and %d staged rows don't account for them",
			p.job.Shard.Index, p.job.Batch.ID, rec.Read, rec.Clean, rec.Suspect, rec.Malformed, pipeline.SumRows(files))
	}
	return Result{Shard: p.job.Shard.Index, Profile: path, Files: files, Records: rec, Bytes: p.prof.Bytes}, nil
}

func (p *pass) writeProfile(path string) error {
	p.prof.trim()
	quality, err := json.Marshal(p.quality)
	p.prof.Quality, p.prof.Counts = quality, map[string]json.RawMessage{}
	for c, counts := range p.prof.Segments {
		raw, cerr := json.Marshal(counts)
		p.prof.Counts[c], err = raw, errors.Join(err, cerr)
	}
	if err != nil {
		return err
	}
	b, err := json.Marshal(p.prof)
	if err != nil {
		return pipeline.Faultf(pipeline.Bug, "encode the profile of shard %d of batch %s: %w", p.job.Shard.Index, p.job.Batch.ID, err)
	}
	return p.stage.disk.write(path, func(w io.Writer) error { _, err := w.Write(b); return err })
}
