package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/autonomous-data-pipeline/adp/agent"
	"github.com/autonomous-data-pipeline/adp/pipeline"
)

// auditLog is the file name of a pipeline's decision log.
const auditLog = "decision_log.jsonl"

func (a *app) auditCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "audit", Short: "Prove or show the decision log"}
	var file string
	verify := &cobra.Command{
		Use: "verify [pipeline]", Short: "Prove that no entry of the log, of one pipeline or of all, was changed, dropped or inserted", Args: cobra.MaximumNArgs(1), ValidArgsFunction: a.completePipelines,
		RunE: func(_ *cobra.Command, args []string) error {
			if file != "" || len(args) > 0 {
				path, err := a.auditPath(file, args)
				if err != nil {
					return err
				}
				return a.verifyAudit(path)
			}
			return a.verifyAudits()
		},
	}
	show := &cobra.Command{
		Use: "show [pipeline]", Short: "Print the log's entries", Args: cobra.MaximumNArgs(1), ValidArgsFunction: a.completePipelines,
		RunE: func(_ *cobra.Command, args []string) error {
			path, err := a.auditPath(file, args)
			if err != nil {
				return err
			}
			return a.showAudit(path)
		},
	}
	for _, c := range []*cobra.Command{verify, show} {
		c.Flags().StringVar(&file, "file", "", "a decision log, instead of the pipeline's")
	}
	cmd.AddCommand(verify, show)
	return cmd
}

func (a *app) auditPath(file string, args []string) (string, error) {
	if file != "" {
		return file, nil
	}
	name, err := a.pipelineArg(args)
	if err != nil {
		return "", err
	}
	c, err := a.config()
	return filepath.Join(c.Reports(name), auditLog), err
}

func openLog(path string) (*os.File, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, pipeline.Misconfiguredf("DATA_DIR", "open the decision log: %w", err)
	}
	return f, nil
}

// audited is what proving a log showed.
type audited struct {
	File    string `json:"file"`
	Entries int64  `json:"entries"`
	Head    string `json:"head"`
	OK      bool   `json:"ok"`
	Problem string `json:"problem,omitempty"`
}

func auditOf(path string) (audited, error) {
	f, err := openLog(path)
	if err != nil {
		return audited{}, err
	}
	defer func() { _ = f.Close() }() // only read
	n, head, err := agent.VerifyAudit(f)
	result := audited{File: path, Entries: n, Head: head, OK: err == nil}
	if err != nil {
		result.Problem = err.Error()
	}
	return result, nil
}

func (a *app) verifyAudit(path string) error {
	r, err := auditOf(path)
	if err != nil {
		return err
	}
	return a.printAudits([]audited{r}, r)
}

// verifyAudits proves the log of every pipeline that has one.
func (a *app) verifyAudits() error {
	c, err := a.config()
	if err != nil {
		return err
	}
	names, err := c.Names()
	if err != nil {
		return err
	}
	all := []audited{}
	for _, name := range names {
		path := filepath.Join(c.Reports(name), auditLog)
		if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
			continue // it has decided nothing yet
		}
		r, err := auditOf(path)
		if err != nil {
			return err
		}
		all = append(all, r)
	}
	return a.printAudits(all, all)
}

func (a *app) printAudits(all []audited, asJSON any) error {
	broken := false
	for _, r := range all {
		broken = broken || !r.OK
	}
	if err := a.print(asJSON, func() {
		for _, r := range all {
			if !r.OK {
				a.say("%s: the chain is broken after %d entries: %s", r.File, r.Entries, r.Problem)
				continue
			}
			a.say("%s: %d entries, unbroken; head %s", r.File, r.Entries, r.Head)
		}
	}); err != nil {
		return err
	}
	if broken {
		return errProblems
	}
	return nil
}

func (a *app) showAudit(path string) error {
	f, err := openLog(path)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }() // only read
	var entries []agent.Entry
	for e, err := range agent.Entries(f) {
		if err != nil {
			return errors.Join(fmt.Errorf("read %s", path), err)
		}
		entries = append(entries, e)
	}
	return a.print(entries, func() {
		for _, e := range entries {
			a.say("%d  %s  %-8s  %s", e.Seq, e.At.Local().Format(time.DateTime), e.Kind, e.Line())
		}
	})
}
