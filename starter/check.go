package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/autonomous-data-pipeline/adp/dq"
	"github.com/autonomous-data-pipeline/adp/dq/check"
	"github.com/autonomous-data-pipeline/adp/dq/page"
	"github.com/autonomous-data-pipeline/adp/dq/tabular"
	"github.com/autonomous-data-pipeline/adp/pipeline"
)

// sketchedRows is how many rows the page's pictures are drawn from.
const sketchedRows = 10_000

// checkFlags are what starter check is told.
type checkFlags struct {
	suite, name, format, html, out string
	data, index                    []string
	memory                         int64
}

func (a *app) checkCommand() *cobra.Command {
	var f checkFlags
	cmd := &cobra.Command{
		Use: "check --suite FILE --data FILE...", Args: cobra.ArbitraryArgs,
		Short: "Check Parquet, CSV or JSON lines files by a suite of Great Expectations', or by rules as pipelines have them",
		Long: `check evaluates a suite over files, by the same code as a run does.

The suite is one that Great Expectations wrote (JSON), or a rules file
(business_rules). The data are Parquet, CSV or JSON lines files of one shape; a
folder stands for the files in it. The exit code is 3 if the data doesn't meet
the suite.`,
		Example: `  starter check --suite dq/dq_rules.yml --suite-name customer_data_quality --data 'data/*.parquet'
  starter check --suite suite.json --data customers.csv --result-format COMPLETE --json --html quality.html`,
		RunE: func(cmd *cobra.Command, args []string) error {
			f.data = append(f.data, args...)
			return a.check(cmd.Context(), f)
		},
	}
	cmd.Flags().StringVar(&f.suite, "suite", "", "the suite: Great Expectations' JSON, or a rules file")
	cmd.Flags().StringVar(&f.name, "suite-name", "", "which suite, if the file has several")
	cmd.Flags().StringSliceVar(&f.data, "data", nil, "the files, or a folder of them; may be given several times")
	cmd.Flags().StringVar(&f.format, "result-format", string(dq.Summary), "how much results tell: BOOLEAN_ONLY, BASIC, SUMMARY or COMPLETE")
	cmd.Flags().StringSliceVar(&f.index, "index-columns", nil, "columns that identify a row in results (unexpected_index_column_names)")
	cmd.Flags().StringVar(&f.html, "html", "", "write a page to look at to this file")
	cmd.Flags().StringVar(&f.out, "out", "", "write the results, as JSON, to this file")
	cmd.Flags().Int64Var(&f.memory, "memory", 256<<20, "bytes that values may hold before they are spilled to disk")
	return cmd
}

func (a *app) check(ctx context.Context, f checkFlags) error {
	format := dq.Format(f.format)
	switch {
	case f.suite == "" || len(f.data) == 0:
		return &usageError{errors.New("check what by what? Give --suite FILE and --data FILE")}
	case !slices.Contains([]dq.Format{dq.BooleanOnly, dq.Basic, dq.Summary, dq.Complete}, format):
		return &usageError{fmt.Errorf("--result-format is %q: it must be BOOLEAN_ONLY, BASIC, SUMMARY or COMPLETE", f.format)}
	}
	suite, err := readSuite(f.suite, f.name)
	if err != nil {
		return err
	}
	table, err := tabular.Open(f.data)
	if err != nil {
		return err
	}
	prog, err := dq.Compile(suite, table.Schema())
	if err != nil {
		return err
	}
	for _, w := range prog.Warnings() {
		fmt.Fprintf(a.err, "starter: warning: %s: %s\n", f.suite, w)
	}
	doc, columns, err := a.evaluateTable(ctx, prog, table, f)
	if err != nil {
		return err
	}
	if err := a.writeCheck(f, doc, columns); err != nil {
		return err
	}
	if !doc.Success {
		return errProblems
	}
	return nil
}

// readSuite finds a suite in a file.
func readSuite(file, name string) (dq.Suite, error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return dq.Suite{}, &usageError{fmt.Errorf("read the suite: %w", err)}
	}
	suites, err := dq.ParseSuites(b)
	if err != nil {
		return dq.Suite{}, pipeline.Faultf(pipeline.Misconfigured, "%s: %w", file, err)
	}
	var names []string
	for n, s := range suites {
		if n == name || name == "" && len(suites) == 1 {
			return s, nil
		}
		names = append(names, n)
	}
	slices.Sort(names)
	return dq.Suite{}, &usageError{fmt.Errorf("%s has the suites %s: say which by --suite-name", file, strings.Join(names, ", "))}
}

// evaluateTable checks the table, and sketches its columns if there is to be a page.
func (a *app) evaluateTable(ctx context.Context, prog *dq.Program, table *tabular.Table, f checkFlags) (dq.Document, []page.Column, error) {
	dir, err := os.MkdirTemp("", "starter-check-")
	if err != nil {
		return dq.Document{}, nil, fmt.Errorf("make a folder for values that don't fit into memory: %w", err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	opt := check.Options{
		Format: dq.Format(f.format), IndexColumns: f.index, RunTime: time.Now(), Dir: dir, Memory: f.memory,
		BatchID: strings.Join(f.data, ","),
	}
	sketch := page.NewSketch(table.Schema(), sketchedRows)
	if f.html != "" {
		opt.Observe = func(c dq.Chunk) { sketch.Observe(c.Record) }
	}
	doc, err := check.Evaluate(ctx, prog, table, opt)
	return doc, sketch.Columns(), err
}

func (a *app) writeCheck(f checkFlags, doc dq.Document, columns []page.Column) error {
	if f.html != "" {
		err := writeFile(f.html, func(w io.Writer) error {
			return page.Write(w, doc, columns, "Quality of "+filepath.Base(strings.Join(f.data, ", ")))
		})
		if err != nil {
			return err
		}
	}
	if f.out != "" {
		if err := writeFile(f.out, func(w io.Writer) error { return dq.WriteDocument(w, doc) }); err != nil {
			return err
		}
	}
	if a.json {
		return dq.WriteDocument(a.out, doc)
	}
	a.printCheck(doc)
	return nil
}

func writeFile(path string, fill func(w io.Writer) error) error {
	f, err := os.Create(path)
	if err == nil {
		err = errors.Join(fill(f), f.Close())
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}

func (a *app) printCheck(doc dq.Document) {
	var rows []string
	for _, r := range doc.Results {
		verdict := "ok"
		if !r.Success {
			verdict = "FAILED"
		}
		rows = append(rows, fmt.Sprintf("%s\t%s\t%s\t%s", verdict, r.Expectation.Severity, page.Words(r.Expectation), outcomeOf(r)))
	}
	a.table("VERDICT\tSEVERITY\tEXPECTATION\tFOUND", rows)
	a.say("%d of %d expectations hold", doc.Statistics.Successful, doc.Statistics.Evaluated)
}

// outcomeOf is what a result found, in a few words.
func outcomeOf(r dq.Result) string {
	if m := r.Raised(); m != "" {
		return m
	}
	if n := r.Result.Get("unexpected_count"); n != nil && r.Result.Get("element_count") != nil {
		return fmt.Sprintf("%v of %v unexpected", n, r.Result.Get("element_count"))
	}
	if v := r.Result.Get("observed_value"); v != nil {
		return fmt.Sprintf("%.80s", fmt.Sprint(v))
	}
	return ""
}
