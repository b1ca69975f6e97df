package main

import (
	"errors"
	"fmt"
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
		Use: "verify [pipeline]", Short: "Prove that no entry of the log was changed, dropped or inserted", Args: cobra.MaximumNArgs(1), ValidArgsFunction: a.completePipelines,
		RunE: func(_ *cobra.Command, args []string) error {
			path, err := a.auditPath(file, args)
			if err != nil {
				return err
			}
			return a.verifyAudit(path)
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

func (a *app) verifyAudit(path string) error {
	f, err := openLog(path)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }() // only read
	n, head, err := agent.VerifyAudit(f)
	result := map[string]any{"file": path, "entries": n, "head": head, "ok": err == nil}
	if err != nil {
		result["problem"] = err.Error()
	}
	if perr := a.print(result, func() {
		if err != nil {
			a.say("%s: the chain is broken after %d entries: %v", path, n, err)
			return
		}
		a.say("%s: %d entries, unbroken; head %s", path, n, head)
	}); perr != nil {
		return perr
	}
	if err != nil {
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
