package iceberg

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/apache/iceberg-go"
	"github.com/apache/iceberg-go/table"
	"github.com/apache/iceberg-go/table/compaction"

	"github.com/autonomous-data-pipeline/adp/sink"
)

var _ sink.Maintainer = (*Sink)(nil)

// untouched is for how long a commit's files are left alone: somebody may be
// validating them.
const untouched = time.Hour

// propMaintenance marks snapshots of a compaction.
const propMaintenance = "adp.maintenance"

// Maintain puts small files together, expires snapshots, and removes files that
// no snapshot knows, in this order.
func (s *Sink) Maintain(ctx context.Context, o sink.MaintainOptions) (sink.MaintainReport, error) {
	var out sink.MaintainReport
	for _, step := range []func(context.Context, sink.MaintainOptions, *sink.MaintainReport) error{s.compact, s.expire, s.orphans} {
		if err := step(ctx, o, &out); err != nil {
			return out, err
		}
	}
	return out, nil
}

// lost reports a race that was lost: a load's snapshot came first.
func lost(err error) bool {
	return errors.Is(err, table.ErrCommitFailed) || errors.Is(err, table.ErrCommitDiverged) || err != nil && strings.Contains(err.Error(), "requirement failed")
}

// compact rewrites small files of each day, but for recent ones: the last load
// must be the files that it brought, in case it is taken back.
func (s *Sink) compact(ctx context.Context, o sink.MaintainOptions, out *sink.MaintainReport) error {
	if o.CompactBelowBytes <= 0 || o.TargetBytes <= 0 {
		return nil
	}
	return s.compactBefore(ctx, time.Now().Add(-untouched), o, out)
}

func (s *Sink) compactBefore(ctx context.Context, since time.Time, o sink.MaintainOptions, out *sink.MaintainReport) error {
	t := s.tables
	what := fmt.Sprintf("compact table %v", t.ident)
	// The table comes first: whatever it has, the log knows then. The other way
	// round, a load between the two would be in the table and not among the recent.
	tbl, err := t.load(ctx)
	if err != nil || tbl == nil || tbl.CurrentSnapshot() == nil {
		return err
	}
	recent, err := s.Recent(ctx, since)
	if err != nil {
		return err
	}
	tasks, err := tbl.Scan().PlanFiles(ctx)
	if err != nil {
		return t.fault(err, what)
	}
	tasks = slices.DeleteFunc(tasks, func(f table.FileScanTask) bool { return recent[t.name(f.File.FilePath())] })
	cfg := compaction.DefaultConfig()
	cfg.TargetFileSizeBytes, cfg.MinFileSizeBytes = max(o.TargetBytes, o.CompactBelowBytes+1), o.CompactBelowBytes
	cfg.MaxFileSizeBytes, cfg.MinInputFiles = 2*cfg.TargetFileSizeBytes, 2
	plan, err := cfg.PlanCompaction(tasks)
	if err != nil {
		return t.fault(err, what)
	}
	if len(plan.Groups) == 0 {
		return nil
	}
	var groups []table.CompactionTaskGroup
	for _, g := range plan.Groups {
		groups = append(groups, table.CompactionTaskGroup{PartitionKey: g.PartitionKey, Tasks: g.Tasks, TotalSizeBytes: g.TotalSizeBytes})
	}
	txn := tbl.NewTransaction()
	if err := txn.AssertRefSnapshotID(table.MainBranch); err != nil {
		return t.fault(err, what)
	}
	res, err := txn.RewriteDataFiles(ctx, groups, table.RewriteDataFilesOptions{SnapshotProps: iceberg.Properties{propMaintenance: "compaction"}})
	if err == nil {
		_, err = txn.Commit(ctx)
	}
	if lost(err) {
		out.LostRaces++
		return nil
	}
	if err != nil {
		return t.fault(err, what)
	}
	out.CompactedFiles, out.CompactedInto = res.RemovedDataFiles, res.AddedDataFiles
	return nil
}

// expire forgets old snapshots, and removes the files that only they knew.
func (s *Sink) expire(ctx context.Context, o sink.MaintainOptions, out *sink.MaintainReport) error {
	if o.ExpireAfter <= 0 {
		return nil
	}
	t := s.tables
	what := fmt.Sprintf("expire snapshots of table %v", t.ident)
	tbl, err := t.load(ctx)
	if err != nil || tbl == nil {
		return err
	}
	before := len(tbl.Metadata().Snapshots())
	txn := tbl.NewTransaction()
	if err := txn.AssertRefSnapshotID(table.MainBranch); err != nil {
		return t.fault(err, what)
	}
	err = txn.ExpireSnapshots(table.WithOlderThan(o.ExpireAfter), table.WithRetainLast(max(1, o.KeepSnapshots)))
	if err != nil {
		return t.fault(err, what)
	}
	after, err := txn.Commit(ctx)
	if lost(err) {
		out.LostRaces++
		return nil
	}
	if err != nil {
		return t.fault(err, what)
	}
	out.ExpiredSnapshots = before - len(after.Metadata().Snapshots())
	return nil
}

// orphans removes files that no snapshot knows.
func (s *Sink) orphans(ctx context.Context, o sink.MaintainOptions, out *sink.MaintainReport) error {
	if o.OrphanAge <= 0 {
		return nil
	}
	t := s.tables
	tbl, err := t.load(ctx)
	if err != nil || tbl == nil {
		return err
	}
	res, err := tbl.DeleteOrphanFiles(ctx, table.WithFilesOlderThan(o.OrphanAge))
	out.OrphanFiles, out.OrphanBytes = len(res.DeletedFiles), res.TotalSizeBytes
	return t.fault(err, fmt.Sprintf("remove orphans of table %v", t.ident))
}
