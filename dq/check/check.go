// Package check evaluates a suite over a table of files, by the same code as a
// run does over a batch.
package check

import (
	"context"
	"math"
	"slices"
	"time"

	"github.com/autonomous-data-pipeline/adp/dq"
	"github.com/autonomous-data-pipeline/adp/dq/tabular"
	"github.com/autonomous-data-pipeline/adp/pipeline"
)

// Options say how a table is checked and what its document tells.
type Options struct {
	Format       dq.Format // Summary if empty
	IndexColumns []string  // that identify a row in results: unexpected_index_column_names
	RunID        string
	RunTime      time.Time
	BatchID      string
	Dir          string // for what doesn't fit into Memory
	Memory       int64  // bytes that values may hold before they are spilled to Dir; 0 is no bound
	// Observe is shown every chunk of the table, with all its columns, if it is
	// set: for a page's pictures.
	Observe func(c dq.Chunk)
}

// Run evaluates a suite. The table is read once; a second time, only for rules
// whose rows need what the whole table shows, and only their columns. A suite
// that can't be kept is a Misconfigured fault, a file that can't be read a
// BadData one.
func Run(ctx context.Context, suite dq.Suite, t *tabular.Table, opt Options) (dq.Document, error) {
	prog, err := dq.Compile(suite, t.Schema())
	if err != nil {
		return dq.Document{}, err
	}
	return Evaluate(ctx, prog, t, opt)
}

// Evaluate is Run of a suite that was compiled against the table's schema.
func Evaluate(ctx context.Context, prog *dq.Program, t *tabular.Table, opt Options) (dq.Document, error) {
	for _, name := range opt.IndexColumns {
		if t.Schema().Index(name) < 0 {
			return dq.Document{}, pipeline.Misconfiguredf("index-columns", "identify rows: the data has no column %q", name)
		}
	}
	how := dq.Gathering{Dir: opt.Dir, Memory: opt.Memory, Keys: opt.IndexColumns, Every: opt.Format == dq.Complete}
	prof := prog.NewProfile(how)
	columns := columnsOf(prog.Columns(), opt.IndexColumns)
	if opt.Observe != nil {
		columns = nil // all
	}
	err := t.Read(ctx, columns, func(c dq.Chunk) error {
		prof.Observe(c, nil)
		if opt.Observe != nil {
			opt.Observe(c)
		}
		return nil
	})
	if err != nil {
		return dq.Document{}, err
	}
	if err := prof.Settle(); err != nil {
		return dq.Document{}, err
	}
	if prof.NeedsLook(func(set *dq.Positions) bool { return set.Touches(0, 0, math.MaxInt64) }) {
		err := t.Read(ctx, columnsOf(prog.LateColumns(), opt.IndexColumns), func(c dq.Chunk) error {
			_, err := prof.Look(c, nil)
			return err
		})
		if err != nil {
			return dq.Document{}, err
		}
	}
	return prog.Results(prof, dq.Options{
		Format: opt.Format, RunID: opt.RunID, RunTime: opt.RunTime, BatchID: opt.BatchID, RowNumbers: true,
	}), nil
}

// columnsOf lists columns without repeats; never nil, which would be all.
func columnsOf(a, b []string) []string {
	all := append(append([]string{}, a...), b...)
	slices.Sort(all)
	return slices.Compact(all)
}
