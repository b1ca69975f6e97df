// Package realkafka runs Apache Kafka for integration tests, by
// deploy/kafka/start.sh. Nothing but tests imports it.
package realkafka

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

const (
	startLimit = 90 * time.Second // on a busy machine; a quiet one takes 5 s
	stopLimit  = 30 * time.Second
)

// User and Password log in at Broker.LoginAddress, by SASL PLAIN.
const (
	User     = "alice"
	Password = "secret"
)

// Broker is one node of Apache Kafka on loopback.
type Broker struct {
	Address      string // without login
	LoginAddress string // with login

	dir     string
	env     []string
	process *exec.Cmd
	log     *bytes.Buffer
	ended   chan struct{}
}

// Start runs a broker for as long as the test lasts, its data in t.TempDir().
// Without Java the test is skipped, but in CI it fails.
func Start(t testing.TB) *Broker {
	t.Helper()
	need(t, "java")
	ports := freePorts(t, 3)
	b := &Broker{Address: local(ports[0]), LoginAddress: local(ports[2]), dir: t.TempDir()}
	b.env = append(os.Environ(),
		fmt.Sprintf("KAFKA_PORT=%d", ports[0]), fmt.Sprintf("KAFKA_CTL_PORT=%d", ports[1]), "KAFKA_DIR="+b.dir, "KAFKA_EXTRA="+extra(ports))
	if out, err := b.script("fetch").CombinedOutput(); err != nil {
		unavailable(t, fmt.Sprintf("Kafka's jars can't be had: %v\n%s", err, out))
	}
	t.Cleanup(func() { b.Stop(t) })
	b.up(t)
	return b
}

// extra adds a listener with login.
func extra(ports []int) string {
	plain := fmt.Sprintf("PLAINTEXT://127.0.0.1:%d", ports[0])
	login := fmt.Sprintf("LOGIN://127.0.0.1:%d", ports[2])
	return strings.Join([]string{
		fmt.Sprintf("listeners=%s,%s,CONTROLLER://127.0.0.1:%d", plain, login, ports[1]),
		fmt.Sprintf("advertised.listeners=%s,%s", plain, login),
		"listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,LOGIN:SASL_PLAINTEXT",
		"sasl.enabled.mechanisms=PLAIN",
		fmt.Sprintf(`listener.name.login.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required user_%s=%q;`, User, Password),
		"log.cleaner.backoff.ms=200",
		"log.initial.task.delay.ms=100",
	}, "\n")
}

// Stop ends the broker in good order. It may be called more than once.
func (b *Broker) Stop(t testing.TB) { b.end(t, syscall.SIGTERM) }

// Kill ends the broker at once.
func (b *Broker) Kill(t testing.TB) { b.end(t, syscall.SIGKILL) }

// Restart starts the broker again with the same data and ports.
func (b *Broker) Restart(t testing.TB) {
	t.Helper()
	b.Stop(t)
	b.up(t)
}

func (b *Broker) script(command string) *exec.Cmd {
	_, here, _, _ := runtime.Caller(0) // always known
	cmd := exec.Command(filepath.Join(filepath.Dir(here), "..", "..", "deploy", "kafka", "start.sh"), command)
	cmd.Env = b.env
	return cmd
}

// up starts the process and waits until it answers.
func (b *Broker) up(t testing.TB) {
	t.Helper()
	b.process, b.log, b.ended = b.script("run"), &bytes.Buffer{}, make(chan struct{})
	b.process.Stdout, b.process.Stderr = b.log, b.log
	if err := b.process.Start(); err != nil {
		t.Fatal(err)
	}
	process, ended := b.process, b.ended
	go func() {
		_ = process.Wait() // its log says more
		close(ended)
	}()
	cl, err := kgo.NewClient(kgo.SeedBrokers(b.Address))
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	limit, cancel := context.WithTimeout(context.Background(), startLimit)
	defer cancel()
	for tick := time.Tick(100 * time.Millisecond); cl.Ping(limit) != nil; {
		select {
		case <-tick:
		case <-b.ended:
			t.Fatalf("Kafka ended:\n%s", b.log)
		case <-limit.Done():
			b.Kill(t)
			t.Fatalf("Kafka doesn't answer on %s after %s:\n%s", b.Address, startLimit, b.log)
		}
	}
}

func (b *Broker) end(t testing.TB, signal syscall.Signal) {
	t.Helper()
	if b.process == nil {
		return
	}
	_ = b.process.Process.Signal(signal) // it may have ended by itself
	select {
	case <-b.ended:
	case <-time.After(stopLimit):
		_ = b.process.Process.Kill()
		<-b.ended
		t.Errorf("Kafka had to be killed %s after signal %s", stopLimit, signal)
	}
	b.process = nil
}

func need(t testing.TB, program string) {
	t.Helper()
	if _, err := exec.LookPath(program); err != nil {
		unavailable(t, program+" is not installed; Apache Kafka needs it")
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

// freePorts holds all ports before it lets go of any, so that they differ.
func freePorts(t testing.TB, n int) []int {
	t.Helper()
	var held []net.Listener
	defer func() {
		for _, l := range held {
			_ = l.Close()
		}
	}()
	var ports []int
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		held = append(held, l)
		ports = append(ports, l.Addr().(*net.TCPAddr).Port)
	}
	return ports
}

func local(port int) string { return fmt.Sprintf("127.0.0.1:%d", port) }
