// Package realiceberg runs Apache Iceberg's REST catalog for integration tests,
// and a gate before it that wants a login and does what networks do. Nothing
// but tests imports it.
package realiceberg

import (
	"bytes"
	"context"
	"crypto/sha256"
	_ "embed"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/autonomous-data-pipeline/adp/internal/devstack"
)

const (
	startLimit = 90 * time.Second // on a busy machine; a quiet one takes 3 s
	stopLimit  = 30 * time.Second
)

var (
	//go:embed pom.xml
	pom []byte
	//go:embed Server.java
	source []byte
)

// Server is the catalog on loopback. It wants no login: a Gate does.
type Server struct {
	URL string

	dir     string
	jars    string
	port    int
	process *exec.Cmd
	log     *bytes.Buffer
	ended   chan struct{}
}

// Start runs a catalog for as long as the test lasts, what it knows in
// t.TempDir(). Without a JDK, or Maven for the first time, the test is skipped,
// but in CI it fails.
func Start(t testing.TB) *Server {
	t.Helper()
	need(t, "javac") // it compiles Server.java as it starts
	s := &Server{dir: t.TempDir(), jars: fetch(t), port: freePort(t)}
	s.URL = "http://127.0.0.1:" + strconv.Itoa(s.port)
	if err := os.WriteFile(filepath.Join(s.dir, "Server.java"), source, 0o600); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Stop(t) })
	s.up(t)
	return s
}

// fetch gives the folder of the jars, 33 MB, which it downloads once. They
// arrive in a folder of their own that is then renamed, so that two fetches at
// once, or one that was killed, leave no half.
func fetch(t testing.TB) string {
	t.Helper()
	bin, err := devstack.DefaultBinDir()
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(pom)
	dir := filepath.Join(filepath.Dir(bin), fmt.Sprintf("iceberg-rest-%x", sum[:4]))
	if _, err := os.Stat(dir); err == nil {
		return dir
	}
	need(t, "mvn")
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		t.Fatal(err)
	}
	part, err := os.MkdirTemp(filepath.Dir(dir), "iceberg-rest-part-")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = os.RemoveAll(part) }() // renamed, or of no use
	project := filepath.Join(t.TempDir(), "pom.xml")
	if err := os.WriteFile(project, pom, 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("mvn", "-q", "-B", "-f", project, "dependency:copy-dependencies", "-DoutputDirectory="+part, "-DincludeScope=runtime").CombinedOutput()
	if err != nil {
		unavailable(t, fmt.Sprintf("the Iceberg catalog's jars can't be had: %v\n%s", err, out))
	}
	if err := os.Rename(part, dir); err != nil {
		if _, there := os.Stat(dir); there != nil { // another fetch was not faster
			t.Fatal(err)
		}
	}
	return dir
}

// Stop ends the catalog in good order. It may be called more than once.
func (s *Server) Stop(t testing.TB) {
	t.Helper()
	if s.process == nil {
		return
	}
	_ = s.process.Process.Signal(syscall.SIGTERM) // it may have ended by itself
	select {
	case <-s.ended:
	case <-time.After(stopLimit):
		_ = s.process.Process.Kill()
		<-s.ended
		t.Errorf("the Iceberg catalog had to be killed %s after it was told to stop", stopLimit)
	}
	s.process = nil
}

// Restart starts the catalog again, with the same tables and port.
func (s *Server) Restart(t testing.TB) {
	t.Helper()
	s.Stop(t)
	s.up(t)
}

// up starts the process and waits until it answers.
func (s *Server) up(t testing.TB) {
	t.Helper()
	s.process = exec.Command("java", "-Xmx256m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Dorg.slf4j.simpleLogger.defaultLogLevel=error",
		"-cp", filepath.Join(s.jars, "*"), filepath.Join(s.dir, "Server.java"), strconv.Itoa(s.port), s.dir)
	s.log, s.ended = &bytes.Buffer{}, make(chan struct{})
	s.process.Stdout, s.process.Stderr = s.log, s.log
	// Its end tells the catalog that this process is gone, however it went.
	if _, err := s.process.StdinPipe(); err != nil {
		t.Fatal(err)
	}
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
	for tick := time.Tick(50 * time.Millisecond); !s.answers(limit); {
		select {
		case <-tick:
		case <-s.ended:
			t.Fatalf("the Iceberg catalog ended:\n%s", s.log)
		case <-limit.Done():
			t.Fatalf("the Iceberg catalog doesn't answer on %s after %s:\n%s", s.URL, startLimit, s.log)
		}
	}
}

func (s *Server) answers(ctx context.Context) bool {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.URL+"/v1/config", nil)
	if err != nil {
		return false
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return false
	}
	_ = res.Body.Close() // its status is all that matters
	return res.StatusCode == http.StatusOK
}

func need(t testing.TB, program string) {
	t.Helper()
	if _, err := exec.LookPath(program); err != nil {
		unavailable(t, program+" is not installed; the Iceberg REST catalog needs a JDK 17, and Maven once (Debian: apt-get install default-jdk-headless maven)")
	}
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
	defer func() { _ = l.Close() }() // the catalog takes it now
	return l.Addr().(*net.TCPAddr).Port
}
