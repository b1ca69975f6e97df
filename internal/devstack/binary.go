package devstack

import (
	"context"
	"debug/buildinfo"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/autonomous-data-pipeline/adp/pipeline"
)

// What is built where the machine has no `temporal`: the newest version of
// Temporal's command line whose modules can be installed by version alone.
const (
	TemporalModule  = "github.com/temporalio/cli"
	TemporalVersion = "v1.5.1"
)

// versionLimit bounds `temporal --version`.
const versionLimit = 20 * time.Second

// EnsureTemporal finds Temporal's command line, which holds the development
// server: on PATH, or in binDir if that has the pinned version. Otherwise it
// builds it into binDir, once, and tells out how far it is. That takes about
// five minutes of CPU, a Go toolchain and the module proxy.
func EnsureTemporal(ctx context.Context, binDir string, out io.Writer) (string, error) {
	binDir, err := filepath.Abs(binDir) // go install takes nothing else
	if err != nil {
		return "", fmt.Errorf("find folder %s: %w", binDir, err)
	}
	// binDir may be on PATH too; what is in it must still be the pinned version.
	if path, err := exec.LookPath("temporal"); err == nil && filepath.Dir(path) != binDir {
		_, err := serverVersion(ctx, path)
		if err == nil {
			return path, nil
		}
		fmt.Fprintf(out, "%v; using one of our own in %s\n", err, binDir)
	}
	path := filepath.Join(binDir, "temporal")
	if pinned(path, TemporalModule, TemporalVersion) {
		if _, err := serverVersion(ctx, path); err == nil {
			return path, nil
		}
	}
	if err := install(ctx, binDir, TemporalModule+"/cmd/temporal@"+TemporalVersion, out); err != nil {
		return "", err
	}
	_, err = serverVersion(ctx, path)
	return path, err
}

// pinned reports whether the Go program at path was built from this version of
// the module. Programs of `go install` don't know it themselves: theirs says
// 0.0.0-DEV.
func pinned(path, module, version string) bool {
	info, err := buildinfo.ReadFile(path)
	return err == nil && info.Main.Path == module && info.Main.Version == version
}

var serverVersionRule = regexp.MustCompile(`\bServer ([0-9][0-9A-Za-z.+-]*)`)

// serverVersion asks the program for the version of the server in it, such as
// 1.29.1.
func serverVersion(ctx context.Context, path string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, versionLimit)
	defer cancel()
	said, err := exec.CommandContext(ctx, path, "--version").CombinedOutput()
	if err != nil {
		return "", pipeline.Misconfiguredf("PATH", "ask %s for its version: %w: %s", path, err, strings.TrimSpace(string(said)))
	}
	m := serverVersionRule.FindSubmatch(said)
	if m == nil {
		return "", pipeline.Misconfiguredf("PATH", "ask %s for its version: %q names no server; it isn't Temporal's command line, or has no development server", path, strings.TrimSpace(string(said)))
	}
	return string(m[1]), nil
}

// install is `go install` of one program into binDir.
func install(ctx context.Context, binDir, program string, out io.Writer) error {
	goTool, err := exec.LookPath("go")
	if err != nil {
		return pipeline.Misconfiguredf("PATH", "build %s: no Go toolchain on PATH (%w); install Go, or put a `temporal` on PATH (https://docs.temporal.io/cli)", program, err)
	}
	if err := os.MkdirAll(binDir, 0o755); err != nil {
		return pipeline.Misconfiguredf("XDG_CACHE_HOME", "build %s: %w", program, err)
	}
	fmt.Fprintf(out, "building %s into %s: once, about 5 minutes of CPU; a `temporal` on PATH saves it\n", program, binDir)
	var progress buildProgress
	cmd := exec.CommandContext(ctx, goTool, "install", "-v", "-ldflags", "-s -w", program)
	cmd.Env = append(os.Environ(), "GOBIN="+binDir)
	cmd.Stdout, cmd.Stderr = &progress, &progress
	// go passes an interrupt on to its compilers; killed, it would leave them.
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 10 * time.Second
	start := time.Now()
	if err := runReported(cmd, out, &progress); err != nil {
		if ctx.Err() != nil {
			return fmt.Errorf("build %s: %w", program, context.Cause(ctx))
		}
		return buildError(program, err, progress.problems())
	}
	fmt.Fprintf(out, "built %s in %v\n", filepath.Join(binDir, "temporal"), time.Since(start).Round(time.Second))
	return nil
}

func runReported(cmd *exec.Cmd, out io.Writer, progress *buildProgress) error {
	done, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		report(out, "building temporal", progress, done)
	}()
	err := cmd.Run()
	close(done)
	<-stopped
	return err
}

func buildError(program string, err error, said string) error {
	var exit *exec.ExitError
	if !errors.As(err, &exit) {
		return pipeline.Misconfiguredf("PATH", "build %s: %w", program, err)
	}
	return pipeline.Faultf(pipeline.Transient,
		"build %s: go install: %w:\n%s\nIt needs the Go module proxy (`go env GOPROXY`) and about 3 GB of disk; without them, put a `temporal` on PATH (https://docs.temporal.io/cli)", program, err, said)
}
