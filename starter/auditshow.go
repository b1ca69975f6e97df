package main

import (
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/autonomous-data-pipeline/adp/agent"
)

// filter picks entries of a decision log.
type filter struct {
	file  string
	kind  string
	id    string
	since time.Duration
	limit int
}

func (f *filter) flags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.file, "file", "", "a decision log, instead of the pipeline's")
	cmd.Flags().StringVar(&f.kind, "kind", "", "only entries of this kind: decision, shadow, executed, answer or switch")
	cmd.Flags().StringVar(&f.id, "id", "", "only entries about this decision, incident or run")
	cmd.Flags().DurationVar(&f.since, "since", 0, "only entries of this time up to now, like 24h")
	cmd.Flags().IntVarP(&f.limit, "limit", "n", 0, "only the last so many; 0 is all")
}

func (f *filter) check() error {
	known := make([]string, 0, len(agent.Kinds))
	for _, k := range agent.Kinds {
		known = append(known, string(k))
	}
	switch {
	case f.kind != "" && !slices.Contains(known, f.kind):
		return &usageError{fmt.Errorf("--kind %q is none of %s", f.kind, strings.Join(known, ", "))}
	case f.limit < 0 || f.since < 0:
		return &usageError{errors.New("--limit and --since can't be negative")}
	}
	return nil
}

func (f *filter) takes(e agent.Entry, now time.Time) bool {
	return (f.kind == "" || string(e.Kind) == f.kind) &&
		(f.since == 0 || !e.At.Before(now.Add(-f.since))) &&
		(f.id == "" || slices.Contains(e.About(), f.id))
}

// entries gives the picked ones to each, oldest first. Without a limit nothing
// is kept in memory. What comes before a broken link is given all the same.
func (f *filter) entries(a *app, args []string, each func(agent.Entry) error) error {
	if err := f.check(); err != nil {
		return err
	}
	path, err := a.auditPath(f.file, args)
	if err != nil {
		return err
	}
	log, err := openLog(path)
	if err != nil {
		return err
	}
	defer func() { _ = log.Close() }() // only read
	now := time.Now()
	var last []agent.Entry
	var broken error
	for e, err := range agent.Entries(log) {
		if err != nil {
			broken = fmt.Errorf("read %s: %w", path, err)
			break
		}
		if !f.takes(e, now) {
			continue
		}
		if f.limit == 0 {
			if err := each(e); err != nil {
				return err
			}
			continue
		}
		if last = append(last, e); len(last) > f.limit {
			last = slices.Delete(last, 0, 1)
		}
	}
	for _, e := range last {
		if err := each(e); err != nil {
			return err
		}
	}
	return broken
}

func (a *app) auditShowCommand() *cobra.Command {
	var f filter
	cmd := &cobra.Command{
		Use: "show [pipeline]", Short: "Print the log's entries", Args: cobra.MaximumNArgs(1), ValidArgsFunction: a.completePipelines,
		RunE: func(_ *cobra.Command, args []string) error {
			if a.json {
				all := []agent.Entry{}
				err := f.entries(a, args, func(e agent.Entry) error { all = append(all, e); return nil })
				return errors.Join(a.print(all, nil), err)
			}
			return f.entries(a, args, func(e agent.Entry) error {
				a.say("%d  %s  %-8s  %s", e.Seq, e.At.Local().Format(time.DateTime), e.Kind, e.Line())
				return nil
			})
		},
	}
	f.flags(cmd)
	return cmd
}

func (a *app) auditExportCommand() *cobra.Command {
	var f filter
	var format string
	cmd := &cobra.Command{
		Use: "export [pipeline]", Short: "Write the log's entries for other programs", Args: cobra.MaximumNArgs(1), ValidArgsFunction: a.completePipelines,
		Long: `Write the log's entries to the standard output, checking the chain on the way.

jsonl gives every entry with all that is in it, to the byte as the log has it: a
whole log's export can be verified again (audit verify --file). csv gives a line
each for spreadsheets.`,
		RunE: func(_ *cobra.Command, args []string) error {
			switch format {
			case "jsonl":
				return f.entries(a, args, a.exportLine)
			case "csv":
				return a.exportCSV(&f, args)
			}
			return &usageError{fmt.Errorf("--format %q is none of jsonl, csv", format)}
		},
	}
	f.flags(cmd)
	cmd.Flags().StringVar(&format, "format", "jsonl", "jsonl or csv")
	return cmd
}

// exportLine writes an entry as the log has it: reading proved that encoding it
// again gives the same bytes.
func (a *app) exportLine(e agent.Entry) error {
	b, err := json.Marshal(e)
	if err != nil {
		return fmt.Errorf("encode entry %d: %w", e.Seq, err)
	}
	_, err = a.out.Write(append(b, '\n'))
	return err
}

func (a *app) exportCSV(f *filter, args []string) error {
	w := csv.NewWriter(a.out)
	if err := w.Write(agent.RowHeader); err != nil {
		return err
	}
	err := f.entries(a, args, func(e agent.Entry) error {
		row := e.Row()
		for i, cell := range row {
			row[i] = inert(cell)
		}
		return w.Write(row)
	})
	w.Flush()
	return errors.Join(err, w.Error())
}

// inert keeps spreadsheets from taking a cell that data or a model wrote for a
// formula.
func inert(cell string) string {
	if strings.IndexAny(cell, "=+-@\t\r") == 0 {
		return "'" + cell
	}
	return cell
}
