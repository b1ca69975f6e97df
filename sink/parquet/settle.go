package parquet

import (
	"context"
	"slices"

	"github.com/autonomous-data-pipeline/adp/pipeline"
	"github.com/autonomous-data-pipeline/adp/schemas"
	"github.com/autonomous-data-pipeline/adp/sink"
)

// Settle moves records of one batch between quarantine and table. A file of the
// entry that the settlement doesn't name is removed: its records must be in
// the files that it does name.
func (s *Sink) Settle(ctx context.Context, st sink.Settlement) (sink.Receipt, error) {
	if !plain.MatchString(st.BatchID) || st.ID == "" {
		return sink.Receipt{}, bugf("settle batch %q: settlement %q must have an ID, and name a batch", st.BatchID, st.ID)
	}
	var repeated *sink.Receipt
	rec, err := s.commit(ctx, func(ctx context.Context, now *state, a *attempt) (*record, error) {
		batch, commit, err := s.findSettlement(now, st)
		if err != nil {
			return nil, err
		}
		if commit > 0 {
			repeated, err = s.repeat(batch, commit)
			return nil, err
		}
		open, ok := now.entry(st.BatchID)
		if !ok || open.revision() != st.Revision {
			return nil, conflictf("settle batch %s: revision %d of its quarantine was looked at, and it has changed since", st.BatchID, st.Revision)
		}
		last, err := s.log.must(open.revision())
		if err != nil {
			return nil, err
		}
		return s.settleRecord(ctx, now, a, st, last)
	})
	if err != nil {
		return sink.Receipt{}, err
	}
	if repeated != nil {
		return *repeated, nil
	}
	return s.receiptOf(rec, rec), nil
}

func (s *Sink) settleRecord(ctx context.Context, now *state, a *attempt, st sink.Settlement, last *record) (*record, error) {
	plan, err := s.plan(st, last)
	if err != nil {
		return nil, err
	}
	rec := &record{
		Kind: kindSettle, RunID: last.RunID, Batch: last.Batch, Commits: append(slices.Clone(last.Commits), last.Sequence),
		Checkpoint: now.Checkpoint, Schema: now.Schema, SchemaVersion: now.SchemaVersion, Records: st.Records,
		Status: st.Status, Settlement: st.ID, Resolution: st.Resolution, By: st.By, RemoveQuarantine: plan.removed,
	}
	if len(st.Table) > 0 {
		if err := widen(rec, st); err != nil {
			return nil, err
		}
	}
	for _, f := range plan.table {
		c, err := a.copy(ctx, s.table, f)
		if err != nil {
			return nil, err
		}
		rec.Table = append(rec.Table, c)
	}
	for _, f := range plan.staged {
		c, err := a.copy(ctx, s.quarantine, f)
		if err != nil {
			return nil, err
		}
		rec.Rejects = append(rec.Rejects, c)
	}
	for _, f := range plan.kept {
		if f.Kind == pipeline.CleanFile {
			rec.Held = append(rec.Held, f)
		} else {
			rec.Rejects = append(rec.Rejects, f)
		}
	}
	return rec, nil
}

// plan sorts a settlement's files by what has to be done with them.
type plan struct {
	table   []pipeline.File // to copy into the table
	staged  []pipeline.File // reject files to copy into quarantine
	kept    []dataFile      // the entry's files that stay outside the table
	removed []string        // the entry's files that go
}

func (s *Sink) plan(st sink.Settlement, last *record) (plan, error) {
	known := map[string]dataFile{} // the entry's files, by the path that callers see
	for _, f := range last.outside() {
		known[s.quarantine.path(f.Path)] = f
	}
	var p plan
	for _, f := range st.Table {
		if own, ok := known[f.Path]; ok {
			f = s.at(s.quarantine, own)
			p.removed = append(p.removed, own.Path)
			delete(known, f.Path)
		}
		p.table = append(p.table, f)
	}
	for _, f := range append(slices.Clone(st.Quarantine), st.Held...) {
		own, ok := known[f.Path]
		if !ok {
			p.staged = append(p.staged, f)
			continue
		}
		delete(known, f.Path)
		p.kept = append(p.kept, stay(own, st.Status))
	}
	for _, f := range known {
		p.removed = append(p.removed, f.Path)
	}
	slices.Sort(p.removed)
	return p, p.check(st, last)
}

// stay is a file that keeps out of the table. Clean files change their folder
// when nobody is awaited any more.
func stay(f dataFile, status sink.Status) dataFile {
	f.From = ""
	if f.Kind == pipeline.CleanFile && !inFolder(f.Path, heldFolder(status)) {
		f.From = f.Path
	}
	return f
}

// check refuses what would lose or double records.
func (p plan) check(st sink.Settlement, last *record) error {
	if err := checkFiles(st.BatchID, p.table, p.staged); err != nil {
		return err
	}
	left := len(p.staged) + len(p.kept)
	switch st.Status {
	case sink.Settled:
		if left > 0 {
			return bugf("settle batch %s: status %q, and %d files stay in quarantine", st.BatchID, st.Status, left)
		}
	case sink.Quarantined, sink.HeldBatch, sink.Discarded:
		if left == 0 {
			return bugf("settle batch %s: status %q, and no file stays in quarantine", st.BatchID, st.Status)
		}
	default:
		return bugf("settle batch %s: there is no status %q", st.BatchID, st.Status)
	}
	have := sumRows(last.outside())
	named := pipeline.SumRows(p.table) + pipeline.SumRows(p.staged) + sumRows(p.kept)
	if have != named || !st.Records.Conserved() {
		return bugf("settle batch %s: %d records are outside the table, %d to load and %d to keep were given (of %d read): these must agree, nothing is changed",
			st.BatchID, have, pipeline.SumRows(p.table), named-pipeline.SumRows(p.table), st.Records.Read)
	}
	return nil
}

// widen takes the settlement's schema up. Files of an older version may come
// late: columns that they lack are null.
func widen(rec *record, st sink.Settlement) error {
	if st.Schema == nil {
		return bugf("settle batch %s: it brings rows and no schema", st.BatchID)
	}
	err := schemas.Compatible(rec.Schema, st.Schema)
	if err == nil {
		rec.Schema, rec.SchemaVersion = st.Schema, st.SchemaVersion
		return nil
	}
	if schemas.Compatible(st.Schema, rec.Schema) == nil {
		return nil
	}
	return pipeline.Misconfiguredf("schema.file", "settle batch %s: its schema doesn't fit the table's version %d: %w", st.BatchID, rec.SchemaVersion, err)
}

func sumRows(files []dataFile) int64 {
	var n int64
	for _, f := range files {
		n += f.Rows
	}
	return n
}
