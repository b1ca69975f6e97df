package main

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/autonomous-data-pipeline/adp/agent"
	"github.com/autonomous-data-pipeline/adp/internal/temporal"
	"github.com/autonomous-data-pipeline/adp/pipeline"
)

// auditLog is the file name of a pipeline's decision log.
const auditLog = "decision_log.jsonl"

func (a *app) auditCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "audit", Short: "Prove, show or export the decision log"}
	cmd.AddCommand(a.auditVerifyCommand(), a.auditShowCommand(), a.auditExportCommand())
	return cmd
}

func (a *app) auditVerifyCommand() *cobra.Command {
	var file string
	var offline bool
	cmd := &cobra.Command{
		Use: "verify [pipeline]", Short: "Prove that no entry of the log, of one pipeline or of all, was changed, dropped, inserted or cut off", Args: cobra.MaximumNArgs(1), ValidArgsFunction: a.completePipelines,
		Long: `Prove that no entry of the log was changed, dropped or inserted (its chain of
hashes), and that its tail is there (the heads that runs noted in Temporal).`,
		RunE: func(cmd *cobra.Command, args []string) error {
			v := verifier{app: a, offline: offline}
			if file != "" || len(args) > 0 {
				return v.one(cmd.Context(), file, args)
			}
			return v.all(cmd.Context())
		},
	}
	cmd.Flags().StringVar(&file, "file", "", "a decision log, instead of the pipeline's; with the pipeline's name, its anchors count too")
	cmd.Flags().BoolVar(&offline, "offline", false, "don't ask Temporal: a tail that was cut off doesn't show")
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

// logs are the decision logs of the pipelines that have one, by name.
func (a *app) logs() (names []string, path map[string]string, err error) {
	c, err := a.config()
	if err != nil {
		return nil, nil, err
	}
	declared, err := c.Names()
	if err != nil {
		return nil, nil, err
	}
	path = map[string]string{}
	for _, name := range declared {
		p := filepath.Join(c.Reports(name), auditLog)
		if _, err := os.Stat(p); errors.Is(err, fs.ErrNotExist) {
			continue // it has decided nothing yet
		}
		names, path[name] = append(names, name), p
	}
	return names, path, nil
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
	File string `json:"file"`
	agent.Proof
	OK         bool   `json:"ok"`
	Unanchored string `json:"unanchored,omitempty"` // why no anchors were held against it
}

// verifier proves decision logs.
type verifier struct {
	app     *app
	offline bool
	down    error // Temporal doesn't answer
}

func (v *verifier) one(ctx context.Context, file string, args []string) error {
	path, err := v.app.auditPath(file, args)
	if err != nil {
		return err
	}
	name := ""
	if file == "" || len(args) > 0 {
		if name, err = v.app.pipelineArg(args); err != nil {
			return err
		}
	}
	r, err := v.prove(ctx, name, path)
	if err != nil {
		return err
	}
	return v.app.printAudits([]audited{r}, r)
}

// all proves the log of every pipeline that has one.
func (v *verifier) all(ctx context.Context) error {
	names, path, err := v.app.logs()
	if err != nil {
		return err
	}
	all := []audited{}
	for _, name := range names {
		r, err := v.prove(ctx, name, path[name])
		if err != nil {
			return err
		}
		all = append(all, r)
	}
	return v.app.printAudits(all, all)
}

// prove reads the anchors first: whatever they name must be in the log by then.
func (v *verifier) prove(ctx context.Context, name, path string) (audited, error) {
	anchors, why := v.anchors(ctx, name)
	f, err := openLog(path)
	if err != nil {
		return audited{}, err
	}
	defer func() { _ = f.Close() }() // only read
	r := audited{File: path, Proof: agent.Prove(f, anchors), Unanchored: why}
	r.OK = len(r.Problems) == 0
	return r, nil
}

// anchors asks Temporal, once if it is down, and says why there are none.
func (v *verifier) anchors(ctx context.Context, name string) ([]agent.Anchor, string) {
	switch {
	case v.offline:
		return nil, "--offline"
	case name == "":
		return nil, "a file belongs to no pipeline: name one beside --file"
	case v.down != nil:
		return nil, v.down.Error()
	}
	cl, c, err := v.app.temporal(ctx)
	if err != nil {
		v.down = err
		return nil, err.Error()
	}
	anchors, err := temporal.Executions{Client: cl, Namespace: c.Temporal.Namespace}.Anchors(ctx, name)
	switch {
	case err != nil:
		return nil, err.Error()
	case len(anchors) == 0:
		return nil, "Temporal has no run of pipeline " + name + " that noted a head; it forgets runs after the namespace's retention"
	}
	return anchors, ""
}

func (a *app) printAudits(all []audited, asJSON any) error {
	broken := false
	for _, r := range all {
		broken = broken || !r.OK
	}
	if err := a.print(asJSON, func() {
		for _, r := range all {
			a.printAudit(r)
		}
	}); err != nil {
		return err
	}
	if broken {
		return errProblems
	}
	return nil
}

func (a *app) printAudit(r audited) {
	for _, p := range r.Problems {
		a.say("%s: %s", r.File, p)
	}
	if r.OK {
		a.say("%s: %d entries, unbroken; head %s", r.File, r.Entries, r.Head)
	}
	if r.Unanchored != "" {
		a.say("  its tail is unproven, a cut wouldn't show: %s", r.Unanchored)
		return
	}
	if r.OK {
		a.say("  its tail is proven: %d heads that runs noted in Temporal are in it", r.Anchors)
	}
}
