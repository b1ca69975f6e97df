//go:build integration

// Package e2e runs the real programs against a real Temporal server: the
// worker and the command line as processes, Kafka embedded or from Apache's
// jars.
package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	sdktemporal "go.temporal.io/sdk/temporal"

	"github.com/autonomous-data-pipeline/adp/config"
	"github.com/autonomous-data-pipeline/adp/internal/devstack"
	"github.com/autonomous-data-pipeline/adp/internal/fakekafka"
	"github.com/autonomous-data-pipeline/adp/internal/temporal"
	"github.com/autonomous-data-pipeline/adp/pipeline"
	"github.com/autonomous-data-pipeline/adp/sink"
	"github.com/autonomous-data-pipeline/adp/workflows"
)

const (
	topic     = "customers"
	taskQueue = "pipelines"
	limit     = 2 * time.Minute // for one thing to happen
)

var bin string // folder of the programs as they are delivered

func TestMain(m *testing.M) {
	if os.Getenv(envBroker) != "" {
		os.Exit(serveBroker())
	}
	os.Exit(build(m))
}

func build(m *testing.M) int {
	dir, err := os.MkdirTemp("", "adp-e2e-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() { _ = os.RemoveAll(dir) }()
	bin = dir
	cmd := exec.Command("go", "build", "-o", dir, "../../worker", "../../starter")
	if out, err := cmd.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "build the programs: %v\n%s", err, out)
		return 1
	}
	return m.Run()
}

// stack is everything that a test runs, in a folder of its own.
type stack struct {
	t        *testing.T
	dir      string
	bin      string // folder of worker and starter
	env      []string
	brokers  string
	kafka    *fakekafka.Broker // nil with a real broker
	temporal *devstack.Server
	worker   *devstack.Process
	client   client.Client
	produced int
}

// start runs Temporal and the worker. Without brokers, an embedded one too.
func start(t *testing.T, brokers string) *stack {
	t.Helper()
	s := &stack{t: t, dir: t.TempDir(), bin: bin, brokers: brokers}
	if brokers == "" {
		s.kafka = startBroker(t, 0, filepath.Join(s.dir, "data", "kafka"))
		s.brokers = s.kafka.Address()
		require.NoError(t, s.kafka.CreateTopic(topic, 4))
		t.Cleanup(func() { s.kafka.Stop() })
	}
	s.declare(func(text string) string { return text })
	port, ui := freePort(t), freePort(t)
	s.env = []string{
		"DATA_DIR=" + filepath.Join(s.dir, "data"), "KAFKA_BROKER=" + s.brokers,
		fmt.Sprintf("TEMPORAL_PORT=%d", port), fmt.Sprintf("TEMPORAL_UI_PORT=%d", ui),
	}
	s.startTemporal(port, ui)
	s.startWorker()
	return s
}

func startBroker(t *testing.T, port int, dir string) *fakekafka.Broker {
	t.Helper()
	b, err := fakekafka.Start(fakekafka.Config{Port: port, Dir: dir})
	require.NoError(t, err)
	return b
}

// freePort is a port that nobody listens on, and that is given once. It lies
// below those that the system gives to whoever asks for any: a server that is
// down for a while must find its port free again.
func freePort(t *testing.T) int {
	t.Helper()
	for {
		port := 16_000 + rand.IntN(16_000)
		if _, given := givenPorts.LoadOrStore(port, true); given {
			continue
		}
		if l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port)); err == nil {
			require.NoError(t, l.Close())
			return port
		}
	}
}

var givenPorts sync.Map

// declare copies the customers pipeline into the test's folder, changed.
func (s *stack) declare(change func(string) string) {
	s.t.Helper()
	for _, f := range []string{"pipelines/customers.yml", "schemas/customers.avsc", "dq/dq_rules.yml"} {
		b, err := os.ReadFile(filepath.Join("..", "..", f))
		require.NoError(s.t, err)
		text := string(b)
		if f == "pipelines/customers.yml" {
			text = change(text)
		}
		to := filepath.Join(s.dir, f)
		require.NoError(s.t, os.MkdirAll(filepath.Dir(to), 0o755))
		require.NoError(s.t, os.WriteFile(to, []byte(text), 0o644))
	}
}

func (s *stack) startTemporal(port, ui int) {
	s.t.Helper()
	dir, err := devstack.DefaultBinDir()
	require.NoError(s.t, err)
	binary, err := devstack.EnsureTemporal(s.t.Context(), dir, os.Stderr)
	require.NoError(s.t, err)
	attributes := map[string]string{}
	for name, typ := range temporal.SearchAttributes {
		attributes[name] = typ.String()
	}
	s.temporal, err = devstack.StartTemporal(s.t.Context(), devstack.Config{
		Binary: binary, DataDir: filepath.Join(s.dir, "temporal"), Port: port, UIPort: ui, SearchAttributes: attributes,
	})
	require.NoError(s.t, err)
	s.t.Cleanup(func() {
		if err := s.temporal.Stop(); err != nil {
			s.t.Log("stop Temporal:", err)
		}
	})
	s.client, err = temporal.Dial(s.t.Context(), s.temporalConfig(), slog.New(slog.NewTextHandler(io.Discard, nil)), nil)
	require.NoError(s.t, err)
	s.t.Cleanup(s.client.Close)
}

func (s *stack) temporalConfig() config.Temporal {
	return config.Temporal{Address: s.temporal.Address(), Namespace: "default", TaskQueue: taskQueue, WebUI: s.temporal.UI()}
}

func (s *stack) startWorker() {
	s.t.Helper()
	w, err := devstack.StartProcess(devstack.Spec{
		Name: "worker", Path: filepath.Join(s.bin, "worker"), Dir: s.dir, Env: s.env, Log: filepath.Join(s.dir, "worker.log"),
	})
	require.NoError(s.t, err)
	s.worker = w
	s.t.Cleanup(func() {
		if s.t.Failed() {
			s.t.Log(w.Tail(60))
		}
		_ = w.Kill() // it may be dead already: that is some tests' point
	})
}

// kill ends the worker as a crash would.
func (s *stack) kill() {
	s.t.Helper()
	require.NoError(s.t, s.worker.Kill())
}

// starter runs the command line and gives its output and exit code.
func (s *stack) starter(args ...string) (string, int) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), limit)
	defer cancel()
	cmd := exec.CommandContext(ctx, filepath.Join(s.bin, "starter"), args...)
	cmd.Dir, cmd.Env = s.dir, append(os.Environ(), s.env...)
	var out, errOut bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errOut
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		s.t.Fatalf("starter %s: %v", strings.Join(args, " "), err)
	}
	if errOut.Len() > 0 {
		s.t.Logf("starter %s: %s", strings.Join(args, " "), errOut.String())
	}
	return out.String() + errOut.String(), cmd.ProcessState.ExitCode()
}

// ask runs the command line with --json and decodes its answer.
func (s *stack) ask(v any, args ...string) {
	s.t.Helper()
	out, code := s.starter(append(args, "--json")...)
	require.Zero(s.t, code, out)
	require.NoError(s.t, json.Unmarshal([]byte(out), v), out)
}

// produce puts n events of a preset into the topic, with ids of their own.
func (s *stack) produce(t *testing.T, preset string, n int) {
	t.Helper()
	s.produced++
	out, code := s.starter("generate", "--preset", preset, "--count", strconv.Itoa(n), "--seed", strconv.Itoa(s.produced))
	require.Zero(t, code, out)
}

// begin starts a run and doesn't wait.
func (s *stack) begin() client.WorkflowRun {
	s.t.Helper()
	run, err := s.client.ExecuteWorkflow(s.t.Context(), client.StartWorkflowOptions{
		ID: "run/customers/e2e/" + uuid.NewString()[:8], TaskQueue: taskQueue,
	}, workflows.PipelineRun, pipeline.RunRequest{Pipeline: "customers"})
	require.NoError(s.t, err)
	return run
}

// end waits for a run's report; a failed run has one too.
func (s *stack) end(run client.WorkflowRun) pipeline.RunReport {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), limit)
	defer cancel()
	var r pipeline.RunReport
	err := run.Get(ctx, &r)
	var app *sdktemporal.ApplicationError
	if errors.As(err, &app) && app.Type() == workflows.RunFailed {
		require.NoError(s.t, app.Details(&r))
		return r
	}
	require.NoError(s.t, err)
	return r
}

func (s *stack) run() pipeline.RunReport {
	s.t.Helper()
	return s.end(s.begin())
}

// verify recounts with the command line: every record in exactly one place.
func (s *stack) verify() sink.Account {
	s.t.Helper()
	out, code := s.starter("verify", "customers", "--json")
	var account sink.Account
	require.NoError(s.t, json.Unmarshal([]byte(out), &account), out)
	require.Zero(s.t, code, out)
	require.True(s.t, account.Balanced(), out)
	return account
}

// quiet waits until no run is open.
func (s *stack) quiet() {
	s.t.Helper()
	require.Eventually(s.t, func() bool {
		n, err := s.client.CountWorkflow(s.t.Context(), &workflowservice.CountWorkflowExecutionsRequest{
			Query: `WorkflowType = "PipelineRun" AND ExecutionStatus = "Running"`,
		})
		return err == nil && n.Count == 0
	}, limit, 20*time.Millisecond, "a run stays open")
}
