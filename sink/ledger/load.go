package ledger

import (
	"context"
	"strings"

	"github.com/autonomous-data-pipeline/adp/pipeline"
	"github.com/autonomous-data-pipeline/adp/schemas"
	"github.com/autonomous-data-pipeline/adp/sink"
)

// Load plans a batch's commit: its rows, its quarantine and the checkpoint.
func (b Book) Load(ctx context.Context, st *State, l sink.Load) (Plan, error) {
	if err := checkLoad(l); err != nil {
		return Plan{}, err
	}
	in, found, err := b.find(ctx, st, l.Batch)
	if err != nil {
		return Plan{}, err
	}
	if found {
		return b.repeat(ctx, in, in.Commits[0])
	}
	if err := b.fence(st, l); err != nil {
		return Plan{}, err
	}
	p := Plan{Rejects: staged(l.Quarantine), Commit: &Record{
		Kind: KindLoad, RunID: l.RunID, Batch: l.Batch, Checkpoint: st.Checkpoint.After(l.Batch),
		Schema: l.Schema, SchemaVersion: l.SchemaVersion, Gaps: l.Gaps, Records: l.Records, Status: sink.Quarantined,
	}}
	switch {
	case l.Held:
		p.Commit.Status, p.Held = sink.HeldBatch, staged(l.Table)
	default:
		p.Table = staged(l.Table)
		if len(l.Quarantine) == 0 {
			p.Commit.Status = sink.Settled
		}
	}
	return p, nil
}

// fence refuses a load that was planned on something that is no more.
func (b Book) fence(st *State, l sink.Load) error {
	if err := st.Public().Check(b.Table, l.Batch.Pipeline, l.Batch.Topic); err != nil {
		return err
	}
	if l.Sequence > 0 && l.Sequence != st.Sequence {
		return Conflictf("load batch %s: it was planned on commit %d, the last one is %d", l.Batch.ID, l.Sequence, st.Sequence)
	}
	if !st.Checkpoint.Equal(l.Base) {
		return Conflictf("load batch %s: it was planned on checkpoint %q, it is %q now", l.Batch.ID, l.Base, st.Checkpoint)
	}
	if both := pipeline.Intersect(l.Batch.Ranges, st.Covered); len(both) > 0 {
		return Conflictf("load batch %s: offsets %v are in already, by other batches", l.Batch.ID, both)
	}
	if st.Schema == nil {
		return nil
	}
	if err := schemas.Compatible(st.Schema, l.Schema); err != nil {
		return pipeline.Misconfiguredf("schema.file", "load batch %s into table %s: its schema doesn't fit the table's version %d: %w", l.Batch.ID, b.Table, st.SchemaVersion, err)
	}
	return nil
}

// checkLoad refuses what breaks the first promise before anything is touched.
func checkLoad(l sink.Load) error {
	files := append(append([]pipeline.File(nil), l.Table...), l.Quarantine...)
	switch staged := pipeline.SumRows(files); {
	case !Plain(l.Batch.ID):
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

// checkPartition refuses a partition that isn't Hive-style folders: key=value,
// and no way out of the table's folder.
func checkPartition(p string) error {
	if p == "" {
		return nil
	}
	for _, part := range strings.Split(p, "/") {
		key, value, ok := strings.Cut(part, "=")
		if !ok || !Plain(key) || value == "" || strings.ContainsAny(value, `\`+"\x00") {
			return bugf("load partition %q: %q is not a key=value folder", p, part)
		}
	}
	return nil
}
