package ledger

import (
	"context"
	"slices"

	"github.com/autonomous-data-pipeline/adp/pipeline"
	"github.com/autonomous-data-pipeline/adp/schemas"
	"github.com/autonomous-data-pipeline/adp/sink"
)

// Settle plans the move of one batch's records between quarantine and table. A
// file of the entry that the settlement doesn't name is removed: its records
// must be in the files that it does name.
func (b Book) Settle(ctx context.Context, st *State, s sink.Settlement) (Plan, error) {
	if !Plain(s.BatchID) || s.ID == "" {
		return Plan{}, bugf("settle batch %q: settlement %q must have an ID, and name a batch", s.BatchID, s.ID)
	}
	batch, commit, err := b.findSettlement(ctx, st, s)
	if err != nil {
		return Plan{}, err
	}
	if commit > 0 {
		return b.repeat(ctx, batch, commit)
	}
	open, ok := st.entry(s.BatchID)
	if !ok || open.Revision() != s.Revision {
		return Plan{}, Conflictf("settle batch %s: revision %d of its quarantine was looked at, and it has changed since", s.BatchID, s.Revision)
	}
	last, err := b.Read(ctx, open.Revision())
	if err != nil {
		return Plan{}, err
	}
	return b.settle(st, s, last)
}

func (b Book) settle(st *State, s sink.Settlement, last *Record) (Plan, error) {
	p := Plan{Commit: &Record{
		Kind: KindSettle, RunID: last.RunID, Batch: last.Batch, Commits: append(slices.Clone(last.Commits), last.Sequence),
		Checkpoint: st.Checkpoint, Schema: st.Schema, SchemaVersion: st.SchemaVersion, Records: s.Records,
		Status: s.Status, Settlement: s.ID, Resolution: s.Resolution, By: s.By,
	}}
	b.sort(&p, s, last)
	if err := p.check(s, last); err != nil {
		return Plan{}, err
	}
	if len(s.Table) > 0 {
		if err := widen(p.Commit, s); err != nil {
			return Plan{}, err
		}
	}
	return p, nil
}

// sort puts a settlement's files where they belong.
func (b Book) sort(p *Plan, s sink.Settlement, last *Record) {
	known := map[string]DataFile{} // the entry's files, by the path that callers see
	for _, f := range last.Outside() {
		known[as(f, b.QuarantinePath).Path] = f
	}
	for _, f := range s.Table {
		item := Item{File: f}
		if was, ok := known[f.Path]; ok {
			item = Item{File: as(was, b.QuarantinePath), Origin: Own, Was: was}
			p.Commit.RemoveQuarantine = append(p.Commit.RemoveQuarantine, was.Path)
			delete(known, f.Path)
		}
		p.Table = append(p.Table, item)
	}
	for _, f := range append(slices.Clone(s.Quarantine), s.Held...) {
		item := Item{File: f}
		if was, ok := known[f.Path]; ok {
			was.From = ""
			item = Item{File: as(was, b.QuarantinePath), Origin: Kept, Was: was}
			delete(known, f.Path)
		}
		if item.Kind == pipeline.CleanFile && item.Origin == Kept {
			p.Held = append(p.Held, item)
		} else {
			p.Rejects = append(p.Rejects, item)
		}
	}
	for _, f := range known {
		p.Commit.RemoveQuarantine = append(p.Commit.RemoveQuarantine, f.Path)
	}
	slices.Sort(p.Commit.RemoveQuarantine)
}

// check refuses what would lose or double records.
func (p Plan) check(s sink.Settlement, last *Record) error {
	var table, fresh []pipeline.File
	for _, i := range p.Table {
		table = append(table, i.File)
	}
	outside := append(slices.Clone(p.Rejects), p.Held...)
	var kept int64
	for _, i := range outside {
		kept += i.Rows
		if i.Origin == Staged {
			fresh = append(fresh, i.File)
		}
	}
	if err := checkFiles(s.BatchID, table, fresh); err != nil {
		return err
	}
	switch s.Status {
	case sink.Settled:
		if len(outside) > 0 {
			return bugf("settle batch %s: status %q, and %d files stay in quarantine", s.BatchID, s.Status, len(outside))
		}
	case sink.Quarantined, sink.HeldBatch, sink.Discarded:
		if len(outside) == 0 {
			return bugf("settle batch %s: status %q, and no file stays in quarantine", s.BatchID, s.Status)
		}
	default:
		return bugf("settle batch %s: there is no status %q", s.BatchID, s.Status)
	}
	have, loaded := sumRows(last.Outside()), pipeline.SumRows(table)
	if have != loaded+kept || !s.Records.Conserved() {
		return bugf("settle batch %s: %d records are outside the table, %d to load and %d to keep were given (of %d read): these must agree, nothing is changed",
			s.BatchID, have, loaded, kept, s.Records.Read)
	}
	return nil
}

// widen takes the settlement's schema up. Files of an older version may come
// late: columns that they lack are null.
func widen(rec *Record, s sink.Settlement) error {
	if s.Schema == nil {
		return bugf("settle batch %s: it brings rows and no schema", s.BatchID)
	}
	err := schemas.Compatible(rec.Schema, s.Schema)
	if err == nil {
		rec.Schema, rec.SchemaVersion = s.Schema, s.SchemaVersion
		return nil
	}
	if schemas.Compatible(s.Schema, rec.Schema) == nil {
		return nil
	}
	return pipeline.Misconfiguredf("schema.file", "settle batch %s: its schema doesn't fit the table's version %d: %w", s.BatchID, rec.SchemaVersion, err)
}
