package iceberg

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/autonomous-data-pipeline/adp/sink"
	"github.com/autonomous-data-pipeline/adp/sink/sinktest"
)

// crashPoints are all the steps that a commit announces, in order.
var crashPoints = []string{"staged", "written", "committed", "cleared", "moved"}

func TestConformance(t *testing.T) {
	sinktest.Run(t, func(t *testing.T) sinktest.Harness {
		t.Parallel()
		cfg := testConfig(t)
		return sinktest.Harness{
			Open: func() (sink.Sink, error) { return New(cfg) },
			DataFiles: func() ([]string, error) {
				return filepath.Glob(filepath.Join(cfg.Warehouse, "default", cfg.Table, "data", "*=*", "*.parquet"))
			},
			CrashPoints: crashPoints,
			Crash: func(point string, step sinktest.Step) (bool, error) {
				return crash(victim{Config: cfg, Point: point, Step: step})
			},
		}
	})
}

func testConfig(t *testing.T) Config {
	dir := t.TempDir()
	return Config{
		Warehouse: filepath.Join(dir, "warehouse"), Table: "customers", QuarantineDir: filepath.Join(dir, "quarantine"), EventTime: "event_time",
	}
}

// victim is what a child process has to do, and where it dies.
type victim struct {
	Config Config
	Point  string
	Step   sinktest.Step
}

const victimEnv = "ICEBERG_SINK_TEST_VICTIM"

const exitConflict = 3 // of a child whose step was a conflict

func TestMain(m *testing.M) {
	if os.Getenv(victimEnv) == "" {
		os.Exit(m.Run())
	}
	if err := die(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		if errors.Is(err, sink.ErrConflict) {
			os.Exit(exitConflict)
		}
		os.Exit(1)
	}
}

func die() error {
	var v victim
	if err := json.NewDecoder(os.Stdin).Decode(&v); err != nil {
		return err
	}
	v.Config.Token, v.Config.Credential = Secret(os.Getenv(settingToken)), "" // JSON doesn't carry it
	s, err := New(v.Config)
	if err != nil {
		return err
	}
	if _, err := s.State(context.Background()); err != nil {
		return err
	}
	s.Steps(func(point string) {
		if point == v.Point {
			_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
			select {}
		}
	})
	return v.Step.Do(context.Background(), s)
}

func crash(v victim) (died bool, err error) {
	in, err := json.Marshal(v)
	if err != nil {
		return false, err
	}
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), victimEnv+"=1")
	var errs bytes.Buffer
	cmd.Stdin, cmd.Stderr = bytes.NewReader(in), &errs
	err = cmd.Run()
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.Sys().(syscall.WaitStatus).Signal() == syscall.SIGKILL {
		return true, nil
	}
	if err != nil {
		return false, fmt.Errorf("%w: %s", err, errs.String())
	}
	return false, nil
}
