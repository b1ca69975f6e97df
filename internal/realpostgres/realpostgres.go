// Package realpostgres runs PostgreSQL for integration tests, as Debian
// installs it. Nothing but tests imports it.
package realpostgres

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

const (
	startLimit = 60 * time.Second // on a busy machine; a quiet one takes a second
	stopLimit  = 30 * time.Second
)

// User and Password are the superuser's. Every login from loopback needs its
// password.
const (
	User     = "boss"
	Password = "secret"
)

// Server is a PostgreSQL on loopback, with an empty database named postgres.
type Server struct {
	Port int

	bin, dir string
	as       *syscall.Credential // who runs it: it refuses to be root
	process  *exec.Cmd
	log      *bytes.Buffer
	ended    chan struct{}
}

// URL is for a user, without the password.
func (s *Server) URL(user string) string {
	return fmt.Sprintf("postgres://%s@127.0.0.1:%d/postgres?sslmode=disable", user, s.Port)
}

// Start runs a server for as long as the test lasts. Without PostgreSQL the test
// is skipped, but in CI it fails.
func Start(t testing.TB) *Server {
	t.Helper()
	s := &Server{bin: binaries(t), log: &bytes.Buffer{}}
	// Not t.TempDir: the server's own user couldn't enter it.
	dir, err := os.MkdirTemp("", "adp-postgres-")
	if err != nil {
		t.Fatal(err)
	}
	s.dir = dir
	t.Cleanup(func() { _ = os.RemoveAll(dir) }) // a folder that stays hurts nobody
	if os.Geteuid() == 0 {
		s.as = unprivileged(t)
		if err := os.Chown(dir, int(s.as.Uid), int(s.as.Gid)); err != nil {
			t.Fatal(err)
		}
	}
	s.init(t)
	s.Port = freePort(t)
	s.up(t)
	t.Cleanup(func() { s.Stop(t) })
	return s
}

// binaries is the folder of the newest PostgreSQL.
func binaries(t testing.TB) string {
	t.Helper()
	if path, err := exec.LookPath("initdb"); err == nil {
		return filepath.Dir(path)
	}
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if err != nil || len(found) == 0 {
		unavailable(t, "PostgreSQL is not installed (Debian: apt-get install postgresql)")
	}
	version := func(path string) int {
		n, _ := strconv.Atoi(strings.Split(path, "/")[4]) // an odd name counts as old
		return n
	}
	return filepath.Dir(slices.MaxFunc(found, func(a, b string) int { return version(a) - version(b) }))
}

func unprivileged(t testing.TB) *syscall.Credential {
	t.Helper()
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, uerr := strconv.ParseUint(u.Uid, 10, 32)
		gid, gerr := strconv.ParseUint(u.Gid, 10, 32)
		if uerr == nil && gerr == nil {
			return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
		}
	}
	unavailable(t, "PostgreSQL refuses to run as root, and there is neither a user postgres nor nobody")
	return nil
}

func (s *Server) command(name string, args ...string) *exec.Cmd {
	cmd := exec.Command(filepath.Join(s.bin, name), args...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = s.dir, s.log, s.log
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: s.as, Setpgid: true}
	cmd.Env = append(os.Environ(), "HOME="+s.dir, "LC_ALL=C.UTF-8")
	return cmd
}

func (s *Server) init(t testing.TB) {
	t.Helper()
	password := filepath.Join(s.dir, "password")
	if err := os.WriteFile(password, []byte(Password+"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	cmd := s.command("initdb", "-D", filepath.Join(s.dir, "data"), "-U", User, "--pwfile", password, "-A", "scram-sha-256", "--no-sync", "--encoding", "UTF8")
	if err := cmd.Run(); err != nil {
		t.Fatalf("initdb: %v\n%s", err, s.log)
	}
}

func (s *Server) up(t testing.TB) {
	t.Helper()
	s.process, s.ended = s.command("postgres", "-D", filepath.Join(s.dir, "data"), "-p", strconv.Itoa(s.Port), "-h", "127.0.0.1", "-k", "", "-F",
		"-c", "shared_buffers=16MB", "-c", "max_prepared_transactions=4", "-c", "autovacuum=off"), make(chan struct{})
	if err := s.process.Start(); err != nil {
		t.Fatal(err)
	}
	process, ended := s.process, s.ended
	go func() {
		_ = process.Wait() // its log says more
		close(ended)
	}()
	limit, cancel := context.WithTimeout(context.Background(), startLimit)
	defer cancel()
	for tick := time.Tick(50 * time.Millisecond); ; {
		conn, err := s.connect(limit, User)
		if err == nil {
			_ = conn.Close(limit) // it has answered
			return
		}
		select {
		case <-tick:
		case <-s.ended:
			t.Fatalf("PostgreSQL ended:\n%s", s.log)
		case <-limit.Done():
			t.Fatalf("PostgreSQL doesn't answer on port %d after %s: %v\n%s", s.Port, startLimit, err, s.log)
		}
	}
}

func (s *Server) connect(ctx context.Context, user string) (*pgx.Conn, error) {
	c, err := pgx.ParseConfig(s.URL(user))
	if err != nil {
		return nil, err
	}
	c.Password = Password
	return pgx.ConnectConfig(ctx, c)
}

// Connect logs in for as long as the test lasts.
func (s *Server) Connect(t testing.TB, user string) *pgx.Conn {
	t.Helper()
	conn, err := s.connect(t.Context(), user)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.Background()) }) // a test may have ended it
	return conn
}

// Exec runs statements as the superuser.
func (s *Server) Exec(t testing.TB, statements ...string) {
	t.Helper()
	conn, err := s.connect(t.Context(), User)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(context.Background()) }() // what matters is done
	for _, sql := range statements {
		if _, err := conn.Exec(t.Context(), sql); err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
	}
}

// Stop ends the server in good order, and its connections with it. It may be
// called more than once.
func (s *Server) Stop(t testing.TB) {
	t.Helper()
	if s.process == nil {
		return
	}
	_ = s.process.Process.Signal(syscall.SIGINT) // it may have ended by itself
	select {
	case <-s.ended:
	case <-time.After(stopLimit):
		_ = s.process.Process.Kill()
		<-s.ended
		t.Errorf("PostgreSQL had to be killed %s after it was told to stop", stopLimit)
	}
	s.process = nil
}

// Restart starts the server again, with the same data and port.
func (s *Server) Restart(t testing.TB) {
	t.Helper()
	s.Stop(t)
	s.up(t)
}

// unavailable skips the test on a machine that can't run it. CI must.
func unavailable(t testing.TB, why string) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatal(why)
	}
	t.Skip(why)
}

func freePort(t testing.TB) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }() // the server takes it now
	return l.Addr().(*net.TCPAddr).Port
}
