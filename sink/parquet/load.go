package parquet

import (
	"context"
	"io/fs"
	"path/filepath"
	"strings"

	"github.com/autonomous-data-pipeline/adp/pipeline"
	"github.com/autonomous-data-pipeline/adp/schemas"
	"github.com/autonomous-data-pipeline/adp/sink"
)

// Load commits a batch: its rows, its quarantine and the checkpoint. Staged
// files are copied, never moved or changed.
func (s *Sink) Load(ctx context.Context, l sink.Load) (sink.Receipt, error) {
	if err := checkLoad(l); err != nil {
		return sink.Receipt{}, err
	}
	var repeated *sink.Receipt
	rec, err := s.commit(ctx, func(ctx context.Context, st *state, a *attempt) (*record, error) {
		in, found, err := s.find(st, l.Batch)
		if err != nil {
			return nil, err
		}
		if found {
			repeated, err = s.repeat(in, in.Commits[0])
			return nil, err
		}
		if err := s.fence(st, l); err != nil {
			return nil, err
		}
		return s.loadRecord(ctx, st, a, l)
	})
	if err != nil {
		return sink.Receipt{}, err
	}
	if repeated != nil {
		return *repeated, nil
	}
	return s.receiptOf(rec, rec), nil
}

// fence refuses a load that was planned on something that is no more.
func (s *Sink) fence(st *state, l sink.Load) error {
	if l.Sequence > 0 && l.Sequence != st.Sequence {
		return conflictf("load batch %s: it was planned on commit %d, the last one is %d", l.Batch.ID, l.Sequence, st.Sequence)
	}
	if !st.Checkpoint.Equal(l.Base) {
		return conflictf("load batch %s: it was planned on checkpoint %q, it is %q now", l.Batch.ID, l.Base, st.Checkpoint)
	}
	if both := pipeline.Intersect(l.Batch.Ranges, st.Covered); len(both) > 0 {
		return conflictf("load batch %s: offsets %v are in already, by other batches", l.Batch.ID, both)
	}
	if st.Schema != nil {
		if err := schemas.Compatible(st.Schema, l.Schema); err != nil {
			return pipeline.Misconfiguredf("schema.file", "load batch %s into table %s: its schema doesn't fit the table's version %d: %w", l.Batch.ID, s.table.dir, st.SchemaVersion, err)
		}
	}
	if st.Sequence == 0 {
		return s.unclaimed()
	}
	return nil
}

func (s *Sink) loadRecord(ctx context.Context, st *state, a *attempt, l sink.Load) (*record, error) {
	rec := &record{
		Kind: kindLoad, RunID: l.RunID, Batch: l.Batch, Checkpoint: st.Checkpoint.After(l.Batch),
		Schema: l.Schema, SchemaVersion: l.SchemaVersion, Gaps: l.Gaps, Records: l.Records, Status: sink.Quarantined,
	}
	home, rows := s.table, &rec.Table
	if l.Held {
		rec.Status, home, rows = sink.HeldBatch, s.quarantine, &rec.Held
	}
	for _, f := range l.Table {
		c, err := a.copy(ctx, home, f)
		if err != nil {
			return nil, err
		}
		*rows = append(*rows, c)
	}
	if len(l.Quarantine) == 0 && !l.Held {
		rec.Status = sink.Settled
	}
	for _, f := range l.Quarantine {
		c, err := a.copy(ctx, s.quarantine, f)
		if err != nil {
			return nil, err
		}
		rec.Rejects = append(rec.Rejects, c)
	}
	return rec, nil
}

// checkLoad refuses what breaks the first promise before anything is touched.
func checkLoad(l sink.Load) error {
	files := append(append([]pipeline.File(nil), l.Table...), l.Quarantine...)
	switch staged := pipeline.SumRows(files); {
	case !plain.MatchString(l.Batch.ID):
		return bugf("load batch %q: the ID must be letters, digits, '_' and '-'", l.Batch.ID)
	case l.Batch.Empty():
		return bugf("load batch %s: it has no offsets: there is nothing to account for", l.Batch.ID)
	case l.Schema == nil:
		return bugf("load batch %s: it has no schema", l.Batch.ID)
	case !l.Records.Conserved() || l.Records.Read != staged:
		return bugf("load batch %s: %d records were read, %d loaded + %d quarantined + %d held, and %d are staged: these must agree, nothing is loaded",
			l.Batch.ID, l.Records.Read, l.Records.Loaded, l.Records.Quarantined, l.Records.Held, staged)
	}
	return checkFiles(l.Batch.ID, l.Table, l.Quarantine)
}

// checkFiles refuses files in the wrong list, or twice.
func checkFiles(batchID string, table, rejects []pipeline.File) error {
	seen := map[string]bool{}
	for i, f := range append(append([]pipeline.File(nil), table...), rejects...) {
		if seen[f.Path] {
			return bugf("commit batch %s: file %s is named twice: its records would be doubled", batchID, f.Path)
		}
		seen[f.Path] = true
		if clean := f.Kind == pipeline.CleanFile; clean != (i < len(table)) {
			return bugf("commit batch %s: file %s of kind %q is in the wrong list", batchID, f.Path, f.Kind)
		}
		if err := checkPartition(f.Partition); err != nil {
			return err
		}
	}
	return nil
}

// unclaimed refuses to begin a table among data that no log accounts for:
// rows would be doubled, or mixed with somebody else's.
func (s *Sink) unclaimed() error {
	for _, r := range []root{s.table, s.quarantine} {
		found, err := r.anyData()
		if err != nil {
			return err
		}
		if found == "" {
			continue
		}
		begun, err := exists(s.log.file(1))
		if err != nil {
			return s.table.fault(err, "find commit "+s.log.file(1))
		}
		if begun {
			return conflictf("begin table %s: another load has begun it", s.table.dir)
		}
		return pipeline.Misconfiguredf(r.setting,
			"begin table %s: data file %s is there, and no commit log: move the old data away, or restore %s", s.table.dir, found, s.log.dir())
	}
	return nil
}

// anyData is the path of some visible data file, or empty.
func (r root) anyData() (string, error) {
	found := ""
	err := r.walk(func(path string) error {
		found = path
		return fs.SkipAll
	})
	return found, err
}

// walk calls fn for every visible data file below the root.
func (r root) walk(fn func(path string) error) error {
	return filepath.WalkDir(r.dir, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil && path == r.dir && isGone(err):
			return nil // nothing was committed yet
		case err != nil:
			return r.fault(err, "list "+path)
		case d.IsDir() && path != r.dir && strings.HasPrefix(d.Name(), "_"):
			return fs.SkipDir
		case d.IsDir() || !strings.HasSuffix(d.Name(), dataSuffix):
			return nil
		}
		return fn(path)
	})
}
