package iceberg

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/apache/iceberg-go"
	"github.com/apache/iceberg-go/catalog"
	"github.com/apache/iceberg-go/table"

	"github.com/autonomous-data-pipeline/adp/pipeline"
	"github.com/autonomous-data-pipeline/adp/sink"
	"github.com/autonomous-data-pipeline/adp/sink/ledger"
	"github.com/autonomous-data-pipeline/adp/sink/parquet"
	"github.com/autonomous-data-pipeline/adp/sink/store"
)

// Properties of our snapshots' summaries.
const (
	propSequence   = "adp.sequence"
	propCommit     = "adp.commit" // the ledger's ID of the commit
	propCheckpoint = "adp.checkpoint"
	propBatch      = "adp.batch"
	propRun        = "adp.run"
	propKind       = "adp.kind"
)

// Sink is one Iceberg table with its quarantine and its checkpoint.
type Sink struct {
	*parquet.Sink
	tables *tables
}

var _ sink.Sink = (*Sink)(nil)

// New checks the settings. The catalog is opened with the first call.
func New(c Config) (*Sink, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	data, err := c.place().Open(settingWarehouse)
	if err != nil {
		return nil, err
	}
	quarantine, err := store.At(c.QuarantineDir).Open(settingQuarantine)
	if err != nil {
		return nil, errors.Join(err, data.Close())
	}
	t := &tables{
		cfg: c, data: data, ident: table.Identifier{c.namespace(), c.Table}, location: location(c.place()),
	}
	return &Sink{parquet.With(strings.Join(t.ident, "."), data, quarantine, t), t}, nil
}

// tables is the catalog's side of the sink.
type tables struct {
	cfg      Config
	data     store.Store
	ident    table.Identifier
	location string

	mu      sync.Mutex
	catalog opened
}

var _ parquet.Catalog = (*tables)(nil)

// connected is the catalog, which the first call reaches.
func (t *tables) connected(ctx context.Context) (opened, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.catalog.Catalog == nil {
		c, err := connect(ctx, t.cfg)
		if err != nil {
			return opened{}, err
		}
		t.catalog = c
	}
	return t.catalog, nil
}

// load reads the table as it is now; nil if there is none.
func (t *tables) load(ctx context.Context) (*table.Table, error) {
	c, err := t.connected(ctx)
	if err != nil {
		return nil, err
	}
	tbl, err := c.LoadTable(ctx, t.ident)
	if err != nil && c.rest != nil && t.cfg.Credential != "" && c.rest.refuses(err) {
		t.disconnect() // the catalog has forgotten the token that it gave: log in again
		if c, err = t.connected(ctx); err != nil {
			return nil, err
		}
		tbl, err = c.LoadTable(ctx, t.ident)
	}
	if errors.Is(err, catalog.ErrNoSuchTable) || errors.Is(err, catalog.ErrNoSuchNamespace) {
		return nil, nil
	}
	return tbl, t.fault(err, fmt.Sprintf("load table %v", t.ident))
}

func (t *tables) Close() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	c := t.catalog
	t.catalog = opened{}
	return c.close()
}

// Tip is the newest snapshot of ours. Others may lie on top of it: somebody
// else's compaction has none of our properties, and changes no record.
func (t *tables) Tip(ctx context.Context) (int64, string, error) {
	tbl, err := t.load(ctx)
	if err != nil || tbl == nil {
		return 0, "", err
	}
	return t.tip(tbl)
}

func (t *tables) tip(tbl *table.Table) (int64, string, error) {
	s := tbl.CurrentSnapshot()
	if s == nil {
		return 0, "", nil
	}
	for s != nil {
		if s.Summary != nil && s.Summary.Properties[propCommit] != "" {
			sequence, err := strconv.ParseInt(s.Summary.Properties[propSequence], 10, 64)
			if err != nil {
				return 0, "", bugf("read snapshot %d of table %v: its %s is no number: %w", s.SnapshotID, t.ident, propSequence, err)
			}
			return sequence, s.Summary.Properties[propCommit], nil
		}
		if s.ParentSnapshotID == nil {
			break
		}
		s = tbl.SnapshotByID(*s.ParentSnapshotID)
	}
	if id := tbl.Properties()[propCommit]; id != "" { // others expired our snapshot
		sequence, err := strconv.ParseInt(tbl.Properties()[propSequence], 10, 64)
		if err == nil {
			return sequence, id, nil
		}
	}
	return 0, "", pipeline.Misconfiguredf(settingTable, "begin table %v: it has snapshots, and none of them is the pipeline's: choose another table", t.ident)
}

// at is the ID of the commit with this sequence, if a snapshot has it.
func (t *tables) at(tbl *table.Table, sequence int64) (string, bool) {
	want := strconv.FormatInt(sequence, 10)
	for s := tbl.CurrentSnapshot(); s != nil; {
		if s.Summary != nil && s.Summary.Properties[propSequence] == want {
			return s.Summary.Properties[propCommit], true
		}
		if s.ParentSnapshotID == nil {
			break
		}
		s = tbl.SnapshotByID(*s.ParentSnapshotID)
	}
	return "", false
}

// Append commits a snapshot, on top of the one that the record follows.
func (t *tables) Append(ctx context.Context, rec *ledger.Record) (made, unsure bool, err error) {
	tbl, err := t.load(ctx)
	if err != nil {
		return false, false, err
	}
	if tbl == nil {
		if err := t.create(ctx, rec.Schema); err != nil {
			return false, false, err
		}
		if tbl, err = t.load(ctx); err != nil || tbl == nil {
			return false, false, errors.Join(err, t.fault(catalog.ErrNoSuchTable, "load the table that was just made"))
		}
	}
	if sequence, id, err := t.tip(tbl); err != nil || sequence != rec.Sequence-1 || id != rec.Previous {
		return false, false, err // another commit came first
	}
	txn, err := t.transaction(ctx, tbl, rec)
	if err != nil {
		return false, false, t.fault(err, fmt.Sprintf("prepare commit %d to table %v", rec.Sequence, t.ident))
	}
	_, err = txn.Commit(ctx)
	if err == nil {
		return true, false, nil
	}
	return t.outcome(context.WithoutCancel(ctx), rec, err)
}

// outcome finds out what became of a commit that reported an error.
func (t *tables) outcome(ctx context.Context, rec *ledger.Record, answer error) (made, unsure bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, 2*t.cfg.patience())
	defer cancel()
	what := fmt.Sprintf("commit %d to table %v (whether it was made is seen with the next attempt)", rec.Sequence, t.ident)
	tbl, err := t.load(ctx)
	if err != nil || tbl == nil {
		return false, true, errors.Join(t.fault(answer, what), err)
	}
	id, found := t.at(tbl, rec.Sequence)
	switch {
	case found:
		return id == rec.ID, false, nil
	case errors.Is(answer, table.ErrCommitFailed), strings.Contains(answer.Error(), "requirement failed"):
		return false, false, nil // somebody else's snapshot came between: decide again
	}
	return false, true, t.fault(answer, what)
}

// transaction is the snapshot to be: new columns, new files, replaced files.
func (t *tables) transaction(ctx context.Context, tbl *table.Table, rec *ledger.Record) (*table.Transaction, error) {
	props := iceberg.Properties{
		propSequence: strconv.FormatInt(rec.Sequence, 10), propCommit: rec.ID, propCheckpoint: rec.Checkpoint.String(),
		propBatch: rec.Batch.ID, propRun: rec.RunID, propKind: string(rec.Kind),
	}
	txn := tbl.NewTransaction()
	if err := txn.AssertRefSnapshotID(table.MainBranch); err != nil {
		return nil, err
	}
	if err := evolve(txn, tbl, rec.Schema); err != nil {
		return nil, err
	}
	if err := txn.SetProperties(iceberg.Properties{propSequence: props[propSequence], propCommit: rec.ID, propCheckpoint: props[propCheckpoint]}); err != nil {
		return nil, err
	}
	var added []string
	for _, f := range rec.Table {
		added = append(added, t.location+"/"+f.Path)
	}
	removed, err := t.present(ctx, tbl, rec.RemoveTable)
	if err != nil {
		return nil, err
	}
	if len(removed) > 0 {
		err = txn.ReplaceDataFiles(ctx, removed, added, props)
		return txn, err
	}
	// Without files this still makes a snapshot: the checkpoint moves.
	err = txn.AddFiles(ctx, added, props, true)
	return txn, err
}

// present are those of the files that the current snapshot has. Replaced files
// must be among them: a compaction leaves the last load's alone.
func (t *tables) present(ctx context.Context, tbl *table.Table, names []string) ([]string, error) {
	if len(names) == 0 {
		return nil, nil
	}
	known := map[string]bool{}
	if err := t.each(ctx, tbl, func(f iceberg.DataFile) error { known[f.FilePath()] = true; return nil }); err != nil {
		return nil, err
	}
	var out []string
	for _, name := range names {
		path := t.location + "/" + name
		if !known[path] {
			return nil, pipeline.Faultf(pipeline.BadData, "replace file %s of table %v: its current snapshot doesn't have it: somebody has rewritten the table meanwhile", path, t.ident)
		}
		out = append(out, path)
	}
	return out, nil
}

// each calls fn for the data files of the current snapshot.
func (t *tables) each(ctx context.Context, tbl *table.Table, fn func(iceberg.DataFile) error) error {
	if tbl.CurrentSnapshot() == nil {
		return nil
	}
	tasks, err := tbl.Scan().PlanFiles(ctx)
	if err != nil {
		return t.fault(err, fmt.Sprintf("list the files of table %v", t.ident))
	}
	for _, task := range tasks {
		if err := fn(task.File); err != nil {
			return err
		}
	}
	return nil
}

// Files lists the current snapshot's data files.
func (t *tables) Files(ctx context.Context, fn func(name string) error) error {
	tbl, err := t.load(ctx)
	if err != nil || tbl == nil {
		return err
	}
	return t.each(ctx, tbl, func(f iceberg.DataFile) error { return fn(t.name(f.FilePath())) })
}

func (t *tables) name(path string) string { return strings.TrimPrefix(path, t.location+"/") }

// Check holds files against the current snapshot: that it has them, with so
// many rows.
func (t *tables) Check(ctx context.Context, files []pipeline.File) ([]sink.Problem, error) {
	tbl, err := t.load(ctx)
	if err != nil || tbl == nil {
		return nil, err
	}
	rows := map[string]int64{}
	if err := t.each(ctx, tbl, func(f iceberg.DataFile) error { rows[t.name(f.FilePath())] = f.Count(); return nil }); err != nil {
		return nil, err
	}
	var out []sink.Problem
	for _, f := range files {
		n, ok := rows[f.Path]
		switch {
		case !ok:
			out = append(out, sink.Problem{File: t.data.Location(f.Path), What: parquet.MissingFile})
		case n != f.Rows:
			out = append(out, sink.Problem{File: t.data.Location(f.Path), What: "row count", Want: strconv.FormatInt(f.Rows, 10), Got: strconv.FormatInt(n, 10)})
		}
	}
	return out, nil
}

// Cleanup removes files below the table's folder that no snapshot knows.
func (t *tables) Cleanup(ctx context.Context, age time.Duration) ([]string, error) {
	tbl, err := t.load(ctx)
	if err != nil || tbl == nil {
		return nil, err
	}
	res, err := tbl.DeleteOrphanFiles(ctx, table.WithFilesOlderThan(age))
	return slices.Clone(res.DeletedFiles), t.fault(err, fmt.Sprintf("remove orphans of table %v", t.ident))
}

func (t *tables) fault(err error, attempted string) error {
	if err == nil {
		return nil
	}
	var known *pipeline.Fault
	if errors.As(err, &known) || errors.Is(err, context.Canceled) {
		return err
	}
	if t.cfg.URI != "" {
		return t.restFault(err, attempted) // a server that takes too long is a deadline, too
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return t.data.Fault(err, attempted)
}

// bugf is a caller's mistake, or ours: nothing was changed.
func bugf(format string, args ...any) error { return pipeline.Faultf(pipeline.Bug, format, args...) }
