package devstack

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/log"

	"github.com/autonomous-data-pipeline/adp/pipeline"
)

// localhost is the one address that the stack listens on.
const localhost = "127.0.0.1"

// Config is a Temporal development server.
type Config struct {
	Binary           string            // what EnsureTemporal gave
	DataDir          string            // folder of the database; it is made
	Port             int               // of the frontend; default 7233 (TEMPORAL_PORT)
	UIPort           int               // of the Web UI; default 8233 (TEMPORAL_UI_PORT)
	Namespace        string            // default "default"
	SearchAttributes map[string]string // name to type: Keyword, KeywordList, Text, Int, Double, Bool, Datetime
	Log              string            // default "<DataDir>/temporal.log"
}

// Server is a running development server.
type Server struct {
	*Process
	cfg      Config
	database string
}

// The limits of a server's start and stop.
const (
	startLimit = 60 * time.Second
	stopGrace  = 15 * time.Second
	pollEvery  = 25 * time.Millisecond
)

// StartTemporal starts the development server and waits until its frontend
// serves the namespace and its Web UI listens. A port in use is a
// misconfiguration that names the setting; nothing has been started then. The
// context bounds the start alone: the server runs until Stop or Kill, or until
// this process ends (on Linux, however it ends).
func StartTemporal(ctx context.Context, cfg Config) (*Server, error) {
	cfg = cfg.withDefaults()
	version, err := serverVersion(ctx, cfg.Binary)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(cfg.DataDir, 0o755); err != nil {
		return nil, pipeline.Misconfiguredf("DATA_DIR", "start Temporal: make the folder of its database: %w", err)
	}
	// The database's schema differs between versions of the server.
	s := &Server{cfg: cfg, database: filepath.Join(cfg.DataDir, "temporal-"+version+".db")}
	if err := s.start(ctx); err != nil {
		return nil, err
	}
	return s, nil
}

func (c Config) withDefaults() Config {
	if c.Port == 0 {
		c.Port = 7233
	}
	if c.UIPort == 0 {
		c.UIPort = 8233
	}
	if c.Namespace == "" {
		c.Namespace = "default"
	}
	if c.Log == "" {
		c.Log = filepath.Join(c.DataDir, "temporal.log")
	}
	return c
}

// Address is host:port of the frontend.
func (s *Server) Address() string { return net.JoinHostPort(localhost, strconv.Itoa(s.cfg.Port)) }

// UI is the URL of the Web UI.
func (s *Server) UI() string { return "http://" + s.uiAddress() }

// Database is the file that holds everything.
func (s *Server) Database() string { return s.database }

// Stop asks the server to end, waits, and kills it if it doesn't.
func (s *Server) Stop() error { return s.Process.Stop(stopGrace) }

// Restart starts the server on the same file and ports, after Stop or Kill or
// a crash. One that still runs is stopped first. It must not run at the same
// time as other methods.
func (s *Server) Restart(ctx context.Context) error {
	if !s.ended() {
		if err := s.Stop(); err != nil {
			return err
		}
	}
	return s.start(ctx)
}

func (s *Server) uiAddress() string { return net.JoinHostPort(localhost, strconv.Itoa(s.cfg.UIPort)) }

func (s *Server) start(ctx context.Context) error {
	if err := errors.Join(CheckPort(s.Address(), "TEMPORAL_PORT"), CheckPort(s.uiAddress(), "TEMPORAL_UI_PORT")); err != nil {
		return err
	}
	p, err := StartProcess(Spec{Name: "Temporal", Path: s.cfg.Binary, Args: s.args(), Log: s.cfg.Log})
	if err != nil {
		return err
	}
	s.Process = p
	if err := s.ready(ctx); err != nil {
		return errors.Join(err, p.Kill())
	}
	return nil
}

func (s *Server) args() []string {
	args := []string{
		"server", "start-dev", "--headless=false", "--log-level", "warn", "--ip", localhost,
		"--port", strconv.Itoa(s.cfg.Port), "--ui-port", strconv.Itoa(s.cfg.UIPort),
		"--namespace", s.cfg.Namespace, "--db-filename", s.database,
		"--sqlite-pragma", "journal_mode=wal", "--sqlite-pragma", "synchronous=normal",
	}
	// By default each queue is polled 20 times a second, which costs every
	// activity about 100 ms.
	for _, queue := range []string{"transfer", "timer", "visibility", "outbound"} {
		args = append(args, "--dynamic-config-value", "history."+queue+"ProcessorMaxPollRPS=2000")
	}
	for _, name := range slices.Sorted(maps.Keys(s.cfg.SearchAttributes)) {
		args = append(args, "--search-attribute", name+"="+s.cfg.SearchAttributes[name])
	}
	return args
}

// ready waits until the server answers, or has ended, or the limit is over.
func (s *Server) ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for {
		err := s.probe(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-s.Done():
			return fmt.Errorf("start Temporal on %s: it ended before it answered; its log %s ends:\n%s", s.Address(), s.cfg.Log, s.Tail(10))
		case <-ctx.Done():
			return pipeline.Faultf(pipeline.Transient, "start Temporal on %s: no answer within %v: %w (last: %w); see %s", s.Address(), startLimit, ctx.Err(), err, s.cfg.Log)
		case <-tick.C:
		}
	}
}

// probe asks once, each time on a new connection: gRPC would wait longer and
// longer before it tries a refused one again.
func (s *Server) probe(ctx context.Context) error {
	for _, addr := range []string{s.Address(), s.uiAddress()} {
		conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", addr)
		if err != nil {
			return err
		}
		_ = conn.Close() // it has answered
	}
	quiet := log.NewStructuredLogger(slog.New(slog.NewTextHandler(io.Discard, nil)))
	cl, err := client.DialContext(ctx, client.Options{HostPort: s.Address(), Namespace: s.cfg.Namespace, Logger: quiet})
	if err != nil {
		return err
	}
	defer cl.Close()
	_, err = cl.WorkflowService().DescribeNamespace(ctx, &workflowservice.DescribeNamespaceRequest{Namespace: s.cfg.Namespace})
	return err
}
