//go:build integration

package snowflake

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	osexec "os/exec"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/autonomous-data-pipeline/adp/internal/fakesnow"
	"github.com/autonomous-data-pipeline/adp/sink"
	"github.com/autonomous-data-pipeline/adp/sink/sinktest"
)

// crashPoints are all the steps that a commit announces, in order.
var crashPoints = []string{"prepared", "put", "copied", "staged", "fenced", "inserted", "written", "committed"}

var tables atomic.Int64

// start runs a server, and points the environment to it: children need it too.
func start(t *testing.T) {
	t.Helper()
	for key, value := range fakesnow.Start(t).Env() {
		t.Setenv(key, value)
	}
}

// fresh is a new table in the environment's schema.
func fresh() Config { return table(fmt.Sprintf("CUSTOMERS_%d", tables.Add(1))) }

func table(name string) Config {
	cfg := Config{}.FromEnv(os.Getenv)
	cfg.Table = name
	return cfg
}

// opened is a sink that sends REMOVE only to a server that knows it.
func opened(cfg Config) (*Sink, error) {
	s, err := New(cfg)
	if err == nil {
		s.keepStage = os.Getenv("SNOWFLAKE_HOST") != ""
	}
	return s, err
}

func TestConformance(t *testing.T) {
	start(t)
	sinktest.Run(t, func(*testing.T) sinktest.Harness {
		cfg := fresh()
		h := harness(cfg)
		h.CrashPoints = crashPoints
		h.Crash = func(point string, step sinktest.Step) (bool, error) {
			return crash(victim{Table: cfg.Table, Point: point, Step: step})
		}
		return h
	})
}

// harness opens a table and damages it, wherever it is.
func harness(cfg Config) sinktest.Harness {
	run := func(query string) func() error {
		return func() error {
			s, err := opened(cfg)
			if err != nil {
				return err
			}
			n, err := exec(context.Background(), s.db, strings.NewReplacer("TABLE", s.table).Replace(query))
			if err == nil && n == 0 {
				err = errors.New("nothing was damaged")
			}
			return errors.Join(err, s.Close())
		}
	}
	return sinktest.Harness{
		Open: func() (sink.Sink, error) { return opened(cfg) },
		Damage: map[string]func() error{
			"a flipped byte": run(`UPDATE TABLE SET "EMAIL" = 'x' || "EMAIL" WHERE "_PARTITION" = 0 AND "_OFFSET" = 2`),
			"a missing file": run(`DELETE FROM TABLE WHERE "_FILE" = (SELECT MIN("_FILE") FROM TABLE)`),
			"a row too many": run(`INSERT INTO TABLE SELECT * FROM TABLE WHERE "_PARTITION" = 0 AND "_OFFSET" = 2`),
		},
	}
}

type victim struct {
	Table string
	Point string
	Step  sinktest.Step
}

const victimEnv = "SNOWFLAKE_SINK_TEST_VICTIM"

func TestMain(m *testing.M) {
	if os.Getenv(victimEnv) == "" {
		os.Exit(m.Run())
	}
	if err := die(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func die() error {
	var v victim
	if err := json.NewDecoder(os.Stdin).Decode(&v); err != nil {
		return err
	}
	s, err := opened(table(v.Table))
	if err != nil {
		return err
	}
	s.step = func(point string) {
		if point == v.Point {
			_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
			select {}
		}
	}
	return v.Step.Do(context.Background(), s)
}

func crash(v victim) (died bool, err error) {
	in, err := json.Marshal(v)
	if err != nil {
		return false, err
	}
	cmd := osexec.Command(os.Args[0])
	var errs bytes.Buffer
	cmd.Env = append(os.Environ(), victimEnv+"=1")
	cmd.Stdin, cmd.Stderr = bytes.NewReader(in), &errs
	err = cmd.Run()
	var exit *osexec.ExitError
	if errors.As(err, &exit) && exit.Sys().(syscall.WaitStatus).Signal() == syscall.SIGKILL {
		return true, nil
	}
	if err != nil {
		return false, fmt.Errorf("%w: %s", err, errs.String())
	}
	return false, nil
}
