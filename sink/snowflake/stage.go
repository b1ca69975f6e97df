package snowflake

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/autonomous-data-pipeline/adp/pipeline"
	"github.com/autonomous-data-pipeline/adp/sink/ledger"
	"github.com/autonomous-data-pipeline/adp/sink/readback"
)

// attempt is one try to commit: its staged files, copied into tables of its
// own. A fresh table has no load history, so a file that is loaded again can't
// be skipped; and a twin can't empty it. It outlives lost races for a sequence
// number.
type attempt struct {
	s      *Sink
	id     string
	born   time.Time
	tables map[string][]column // staging tables, by their suffix
	done   map[string]ledger.DataFile
	prefix string // of its files in the stage
}

// The staging tables of an attempt.
const (
	rowsSuffix    = "rows"
	rejectsSuffix = "rejects"
	stagingMark   = "_STG_"
)

func (s *Sink) newAttempt() *attempt {
	return &attempt{s: s, id: newID(), born: s.now(), tables: map[string][]column{}, done: map[string]ledger.DataFile{}}
}

// table names a staging table. The time in it tells a clean-up its age.
func (a *attempt) table(suffix string) string {
	return a.s.cfg.name(fmt.Sprintf("%s%s%d_%s_%s", a.s.cfg.Table, stagingMark, a.born.Unix(), a.id, suffix))
}

// stage brings the plan's staged files into staging tables and fills in the
// record's lists.
func (a *attempt) stage(ctx context.Context, p *ledger.Plan) error {
	rec := p.Commit
	for _, list := range []struct {
		items  []ledger.Item
		suffix string
		into   *[]ledger.DataFile
	}{{p.Table, rowsSuffix, &rec.Table}, {p.Held, rowsSuffix, &rec.Held}, {p.Rejects, rejectsSuffix, &rec.Rejects}} {
		for _, item := range list.items {
			f := item.Was
			switch item.Origin {
			case ledger.Staged:
				var err error
				if f, err = a.bring(ctx, rec, item.File, list.suffix); err != nil {
					return err
				}
			case ledger.Own:
				f.Path = a.name()
			case ledger.Kept:
			}
			*list.into = append(*list.into, f)
		}
	}
	a.s.step("staged")
	return nil
}

// name makes a name for a committed file, unique over the table's life.
func (a *attempt) name() string {
	name := fmt.Sprintf("%s-%d", a.id, len(a.done))
	a.done[name] = ledger.DataFile{}
	return name
}

// bring copies a staged file into the attempt's staging table, once.
func (a *attempt) bring(ctx context.Context, rec *ledger.Record, f pipeline.File, suffix string) (ledger.DataFile, error) {
	if done, ok := a.done[f.Path]; ok {
		return done, nil
	}
	if err := a.create(ctx, suffix, rec); err != nil {
		return ledger.DataFile{}, err
	}
	out := ledger.DataFile{File: f}
	out.Path, out.Columns = a.name(), readback.PlainStats(f.Columns)
	if err := a.put(ctx, rec.Batch.ID, out.Path, f); err != nil {
		return ledger.DataFile{}, err
	}
	a.s.step("put")
	if err := a.copy(ctx, suffix, out); err != nil {
		return ledger.DataFile{}, err
	}
	a.s.step("copied")
	a.done[f.Path] = out
	return out, nil
}

func (a *attempt) create(ctx context.Context, suffix string, rec *ledger.Record) error {
	if _, ok := a.tables[suffix]; ok {
		return nil
	}
	columns := rejectColumns
	if suffix == rowsSuffix {
		columns = dataColumns(rec.Schema)
	}
	_, err := a.s.db.ExecContext(ctx, "CREATE TRANSIENT TABLE "+a.table(suffix)+" ("+declared(append(columns[:len(columns):len(columns)], bookkeeping[0]))+")")
	if err != nil {
		return a.s.fault(err, "create staging table "+a.table(suffix))
	}
	a.tables[suffix] = columns
	return nil
}

// put uploads a file, once it is sure to be the one that was staged. The driver
// would keep a stream in memory, and twice if it encrypts; a file it reads in
// pieces. A link gives the file the name that it is to have in the stage, and a
// path without anything that PUT would take for a pattern.
func (a *attempt) put(ctx context.Context, batchID, name string, f pipeline.File) error {
	if err := unchanged(f); err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "adp-put-")
	if err != nil {
		return pipeline.Faultf(pipeline.Transient, "make a folder for uploads (setting: TMPDIR): %w", err)
	}
	defer func() { _ = os.RemoveAll(dir) }() // a link
	path, err := filepath.Abs(f.Path)
	if err != nil {
		return bugf("find staged file %s: %w", f.Path, err)
	}
	link := filepath.Join(dir, name+".parquet")
	if err := os.Symlink(path, link); err != nil {
		return pipeline.Faultf(pipeline.Transient, "link %s for its upload (setting: TMPDIR): %w", f.Path, err)
	}
	a.prefix = "@" + a.s.cfg.name(a.s.cfg.stage()) + "/" + strings.ToLower(a.s.cfg.Table) + "/" + batchID + "/" + a.id
	return a.s.run(ctx, "put staged file "+f.Path+" into stage "+a.prefix,
		"PUT 'file://"+link+"' "+a.prefix+" OVERWRITE=TRUE AUTO_COMPRESS=FALSE SOURCE_COMPRESSION=NONE")
}

// unchanged checks that a staged file is as it was staged.
func unchanged(f pipeline.File) error {
	src, err := os.Open(f.Path)
	if err != nil {
		return pipeline.Faultf(pipeline.Transient, "open staged file %s: %w: process the batch again if it was cleared away", f.Path, err)
	}
	defer func() { _ = src.Close() }() // only read
	hash := sha256.New()
	n, err := io.Copy(hash, src)
	if err != nil {
		return pipeline.Faultf(pipeline.Transient, "read staged file %s: %w", f.Path, err)
	}
	if sha := hex.EncodeToString(hash.Sum(nil)); n != f.Bytes || f.SHA256 != "" && f.SHA256 != sha {
		return pipeline.Faultf(pipeline.Transient,
			"load staged file %s: it has %d bytes and SHA-256 %s, %d and %s were staged: it changed since; process the batch again", f.Path, n, sha, f.Bytes, f.SHA256)
	}
	return nil
}

// copy loads a file of the stage into the staging table.
func (a *attempt) copy(ctx context.Context, suffix string, f ledger.DataFile) error {
	what := "copy staged file " + f.Path + " into " + a.table(suffix)
	err := a.s.run(ctx, what, "COPY INTO "+a.table(suffix)+" FROM "+a.prefix+"/"+f.Path+".parquet"+
		" FILE_FORMAT = (TYPE = PARQUET BINARY_AS_TEXT = FALSE USE_LOGICAL_TYPE = TRUE)"+
		" MATCH_BY_COLUMN_NAME = CASE_INSENSITIVE ON_ERROR = ABORT_STATEMENT")
	if err != nil {
		return err
	}
	n, err := exec(ctx, a.s.db, "UPDATE "+a.table(suffix)+" SET "+quote(colFile)+" = ? WHERE "+quote(colFile)+" IS NULL", f.Path)
	if err != nil {
		return a.s.fault(err, what)
	}
	if n != f.Rows {
		return bugf("%s: %d rows came in, %d were staged: nothing is loaded", what, n, f.Rows)
	}
	return nil
}

// drop removes what the attempt made beside the commit. Cleanup takes what
// can't be removed now.
func (a *attempt) drop(ctx context.Context) {
	ctx, cancel := farewell(ctx)
	defer cancel()
	for _, suffix := range []string{rowsSuffix, rejectsSuffix} {
		if _, ok := a.tables[suffix]; !ok {
			continue
		}
		_, _ = a.s.db.ExecContext(ctx, "DROP TABLE IF EXISTS "+a.table(suffix))
	}
	if a.prefix != "" && !a.s.keepStage {
		_, _ = a.s.db.ExecContext(ctx, "REMOVE "+a.prefix)
	}
}
