// Package fakesnow runs fakesnow, a Snowflake for tests that keeps its data in
// memory, on loopback. Nothing but tests imports it.
package fakesnow

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"database/sql"
	_ "embed"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	driver "github.com/snowflakedb/gosnowflake/v2"

	"github.com/autonomous-data-pipeline/adp/internal/pyenv"
)

//go:embed serve.py
var serve []byte

//go:embed requirements.txt
var requirements string

// The user that may log in, by password or by the key in Server.KeyFile.
const (
	User     = "ETL"
	Password = "correct horse"
	Account  = "test"
	Database = "ADP"
)

const startLimit = 2 * time.Minute // on a busy machine; a quiet one takes 3 s

// Server is a running fakesnow.
type Server struct {
	Port    int
	KeyFile string // private key of User, PKCS#8

	process *exec.Cmd
	log     *bytes.Buffer
	ended   chan struct{}
}

// Start serves for as long as the test lasts. Without Python the test is
// skipped, but in CI it fails.
func Start(t testing.TB) *Server {
	t.Helper()
	interpreter := Python(t)
	dir := t.TempDir()
	s := &Server{Port: freePort(t), KeyFile: filepath.Join(dir, "key.p8"), log: &bytes.Buffer{}, ended: make(chan struct{})}
	public := s.makeKey(t, dir)
	script := filepath.Join(dir, "serve.py")
	if err := os.WriteFile(script, serve, 0o600); err != nil {
		t.Fatal(err)
	}
	s.process = exec.Command(interpreter, script, strconv.Itoa(s.Port))
	s.process.Env = append(os.Environ(), "IDLE_SECONDS=2", "PASSWORDS="+asJSON(t, User, Password), "PUBLIC_KEYS="+asJSON(t, User, public))
	s.process.Stdout, s.process.Stderr = s.log, s.log
	s.process.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := s.process.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		_ = s.process.Wait() // its log says more
		close(s.ended)
	}()
	t.Cleanup(func() {
		_ = s.process.Process.Kill() // it may have ended by itself
		<-s.ended
	})
	s.wait(t)
	s.createSchema(t)
	return s
}

// createSchema is the operator's part.
func (s *Server) createSchema(t testing.TB) {
	t.Helper()
	t.Setenv("SNOWFLAKE_DISABLE_PLATFORM_DETECTION", "true")
	db := sql.OpenDB(driver.NewConnector(driver.SnowflakeDriver{}, driver.Config{
		Account: Account, User: User, Password: Password, Host: "127.0.0.1", Port: s.Port, Protocol: "http",
	}))
	defer func() { _ = db.Close() }() // its statements were checked
	for _, q := range []string{"CREATE DATABASE IF NOT EXISTS " + Database, "CREATE SCHEMA IF NOT EXISTS " + Database + ".PUBLIC"} {
		if _, err := db.ExecContext(t.Context(), q); err != nil {
			t.Fatal(err)
		}
	}
}

// Env is what a program needs to talk to the server, but for the table.
func (s *Server) Env() map[string]string {
	return map[string]string{
		"SNOWFLAKE_ACCOUNT": Account, "SNOWFLAKE_USER": User, "SNOWFLAKE_PASSWORD": Password, "SNOWFLAKE_WAREHOUSE": "WH",
		"SNOWFLAKE_DATABASE": Database, "SNOWFLAKE_SCHEMA": "PUBLIC", "SNOWFLAKE_HOST": "127.0.0.1",
		"SNOWFLAKE_PORT": strconv.Itoa(s.Port), "SNOWFLAKE_PROTOCOL": "http",
		// What a real account may have put there is for that one.
		"SNOWFLAKE_PRIVATE_KEY_PATH": "", "SNOWFLAKE_TOKEN": "", "SNOWFLAKE_ROLE": "",
		// The driver would ask a link-local address which cloud it is in.
		"SNOWFLAKE_DISABLE_PLATFORM_DETECTION": "true",
	}
}

func (s *Server) wait(t testing.TB) {
	t.Helper()
	limit := time.After(startLimit)
	for tick := time.Tick(50 * time.Millisecond); ; {
		select {
		case <-tick:
			conn, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", s.Port))
			if err == nil {
				_ = conn.Close() // it only had to answer
				return
			}
		case <-s.ended:
			t.Fatalf("fakesnow has ended:\n%s", s.log)
		case <-limit:
			t.Fatal("fakesnow doesn't answer")
		}
	}
}

// makeKey writes the user's key pair and returns the public key's file.
func (s *Server) makeKey(t testing.TB, dir string) string {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	public, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "key.pub")
	for file, block := range map[string]*pem.Block{
		s.KeyFile: {Type: "PRIVATE KEY", Bytes: private}, path: {Type: "PUBLIC KEY", Bytes: public},
	} {
		if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return path
}

// Python is an interpreter with fakesnow, and what reads it.
func Python(t testing.TB) string {
	t.Helper()
	return pyenv.Interpreter(t, "fakesnow", requirements)
}

func asJSON(t testing.TB, key, value string) string {
	t.Helper()
	b, err := json.Marshal(map[string]string{key: value})
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func freePort(t testing.TB) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }() // its port is what was wanted
	return l.Addr().(*net.TCPAddr).Port
}
