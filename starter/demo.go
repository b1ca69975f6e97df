package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/spf13/cobra"
	"go.temporal.io/sdk/client"

	"github.com/autonomous-data-pipeline/adp/config"
	"github.com/autonomous-data-pipeline/adp/internal/devstack"
	"github.com/autonomous-data-pipeline/adp/internal/fakekafka"
	"github.com/autonomous-data-pipeline/adp/internal/temporal"
	"github.com/autonomous-data-pipeline/adp/pipeline"
)

// demoPipeline is the pipeline that the demo plays the scenarios of, and
// besidePipeline the one that runs beside it for a while.
const (
	demoPipeline   = "customers"
	besidePipeline = "orders"
)

// demoPartitions is how many partitions their topics have.
const demoPartitions = 4

func (a *app) demoCommand() *cobra.Command {
	var bin string
	var events int
	cmd := &cobra.Command{
		Use: "demo", Short: "Start everything on this machine and play the scenarios (what make demo runs)", Args: cobra.NoArgs,
		Long: `Start Temporal's development server with its Web UI, an embedded Kafka-protocol
broker and the worker, then play one batch for each scenario. It stays up until
Ctrl-C; with DEMO_EXIT=1 it ends after the table, with exit code 3 if a
scenario's outcome isn't the matrix's.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.demo(cmd.Context(), bin, events)
		},
	}
	cmd.Flags().StringVar(&bin, "bin", "bin", "folder of the worker, and of Temporal's program if it must be built")
	cmd.Flags().IntVar(&events, "events", 50_000, "events a scenario")
	return cmd
}

// stack is what the demo has running.
type stack struct {
	app      *app
	config   config.Config
	kafka    *fakekafka.Broker
	temporal *devstack.Server
	worker   *devstack.Process
	client   client.Client

	pipelines []*config.Pipeline
}

func (a *app) demo(ctx context.Context, bin string, events int) error {
	s, err := a.startStack(ctx, bin)
	if s != nil {
		defer s.stop()
	}
	if err != nil {
		return err
	}
	failed, err := s.play(ctx, events)
	if err != nil {
		return err
	}
	if a.env("DEMO_EXIT") != "" {
		if failed > 0 {
			return errProblems
		}
		return nil
	}
	if err := s.sayNext(ctx); err != nil {
		return err
	}
	select {
	case <-ctx.Done():
		a.say("\nstopping")
	case <-s.worker.Done():
		return fmt.Errorf("the worker has ended: %w\n%s", s.worker.Wait(), s.worker.Tail(20))
	case <-s.temporal.Done():
		return fmt.Errorf("the Temporal server has ended: %w\n%s", s.temporal.Wait(), s.temporal.Tail(20))
	}
	return nil
}

// startStack starts everything, and gives what runs also with an error, so
// that it can be stopped.
func (a *app) startStack(ctx context.Context, bin string) (*stack, error) {
	c, err := a.config()
	if err != nil {
		return nil, err
	}
	if c.Console.Addr == "" {
		c.Console.Addr = consoleAddr
		c.Console.URL = cmp.Or(c.Console.URL, "http://"+consoleAddr)
	}
	s := &stack{app: a, config: c}
	for _, name := range []string{demoPipeline, besidePipeline} {
		p, err := c.Load(name, a.env)
		if err != nil {
			return nil, err
		}
		s.pipelines = append(s.pipelines, p)
	}
	// What would fail later fails now, before anything runs.
	port, err := s.ports(s.pipelines[0])
	if err != nil {
		return s, err
	}
	binary, err := devstack.EnsureTemporal(ctx, bin, a.err)
	if err != nil {
		return s, err
	}
	if err := s.startKafka(port); err != nil {
		return s, err
	}
	if err := s.startTemporal(ctx, binary); err != nil {
		return s, err
	}
	if err := s.startWorker(ctx, bin); err != nil {
		return s, err
	}
	// Paused while the scenarios play: each of them is one batch by itself.
	schedules := temporal.Schedules{Client: s.client, TaskQueue: c.Temporal.TaskQueue}
	for _, p := range s.pipelines {
		if err := schedules.Apply(ctx, p); err != nil {
			return s, fmt.Errorf("create the schedules of %s: %w", p.Name, err)
		}
		if err := schedules.SetPaused(ctx, p.Name, true, "paused while the demo plays its scenarios"); err != nil {
			return s, err
		}
	}
	return s, nil
}

// ports checks every port that the demo listens on, and gives the broker's.
func (s *stack) ports(p *config.Pipeline) (int, error) {
	if err := p.Source.NeedsKafka("play the demo"); err != nil {
		return 0, err
	}
	host, port, err := net.SplitHostPort(p.Source.Brokers[0])
	if err != nil {
		return 0, pipeline.Misconfiguredf("KAFKA_BROKER", "broker %q: the demo needs host:port", p.Source.Brokers[0])
	}
	n, err := strconv.Atoi(port)
	if err != nil || !net.ParseIP(host).IsLoopback() {
		return 0, pipeline.Misconfiguredf("KAFKA_BROKER", "broker %q: the demo's own broker listens on 127.0.0.1:<port>", p.Source.Brokers[0])
	}
	return n, errors.Join(
		devstack.CheckPort(p.Source.Brokers[0], "KAFKA_BROKER"),
		devstack.CheckPort(s.config.Temporal.Address, "TEMPORAL_PORT"),
		devstack.CheckPort(hostOf(s.config.Temporal.WebUI), "TEMPORAL_UI_PORT"),
		devstack.CheckPort(s.config.Console.Addr, "CONSOLE_ADDR"),
	)
}

func (s *stack) startKafka(port int) error {
	b, err := fakekafka.Start(fakekafka.Config{Port: port, Dir: filepath.Join(s.config.DataDir, "kafka")})
	if err != nil {
		return err
	}
	s.kafka = b
	for _, p := range s.pipelines {
		if err := b.CreateTopic(p.Source.Topic, demoPartitions); err != nil {
			return err
		}
	}
	return nil
}

func (s *stack) startTemporal(ctx context.Context, binary string) error {
	s.app.say("starting Temporal, the broker and the worker …")
	attributes := map[string]string{}
	for name, t := range temporal.SearchAttributes {
		attributes[name] = t.String()
	}
	var err error
	s.temporal, err = devstack.StartTemporal(ctx, devstack.Config{
		Binary: binary, DataDir: filepath.Join(s.config.DataDir, "temporal"),
		Port: portOf(s.config.Temporal.Address), UIPort: portOf(hostOf(s.config.Temporal.WebUI)),
		Namespace: s.config.Temporal.Namespace, SearchAttributes: attributes,
		Log: filepath.Join(s.config.DataDir, "logs", "temporal.log"),
	})
	if err != nil {
		return err
	}
	s.client, err = temporal.Dial(ctx, s.config.Temporal, slog.New(slog.NewTextHandler(io.Discard, nil)), nil)
	return err
}

func (s *stack) startWorker(ctx context.Context, bin string) error {
	w, err := devstack.StartProcess(devstack.Spec{
		Name: "worker", Path: filepath.Join(bin, "worker"), Log: filepath.Join(s.config.DataDir, "logs", "worker.log"),
		Env: []string{"CONSOLE_ADDR=" + s.config.Console.Addr, "CONSOLE_URL=" + s.config.Console.URL},
	})
	if err != nil {
		return err
	}
	s.worker = w
	return s.waitForWorker(ctx)
}

// waitForWorker waits until the worker polls its task queue.
func (s *stack) waitForWorker(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	for {
		d, err := s.client.DescribeTaskQueue(ctx, s.config.Temporal.TaskQueue, 0)
		if err == nil && len(d.Pollers) > 0 {
			return nil
		}
		select {
		case <-s.worker.Done():
			return fmt.Errorf("the worker has ended: %w\n%s", s.worker.Wait(), s.worker.Tail(20))
		case <-ctx.Done():
			return fmt.Errorf("the worker doesn't poll task queue %s: %w\n%s", s.config.Temporal.TaskQueue, ctx.Err(), s.worker.Tail(20))
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// stop ends what runs, the last started first.
func (s *stack) stop() {
	if s.client != nil {
		s.client.Close()
	}
	var errs []error
	if s.worker != nil {
		errs = append(errs, s.worker.Stop(30*time.Second))
	}
	if s.temporal != nil {
		errs = append(errs, s.temporal.Stop())
	}
	if s.kafka != nil {
		s.kafka.Stop()
	}
	if err := errors.Join(errs...); err != nil {
		fmt.Fprintln(os.Stderr, "starter: stopping the demo:", err)
	}
}

func hostOf(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return address
	}
	return u.Host
}

func portOf(addr string) int {
	_, port, err := net.SplitHostPort(addr)
	if err != nil {
		return 0 // the stack's default
	}
	n, err := strconv.Atoi(port)
	if err != nil {
		return 0
	}
	return n
}
