//go:build integration

package realllm_test

import (
	"bytes"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/autonomous-data-pipeline/adp/agent"
	"github.com/autonomous-data-pipeline/adp/agent/ollama"
	"github.com/autonomous-data-pipeline/adp/internal/realllm"
)

// The same model in Ollama's own server, which `make test-ollama` builds: too
// long for CI.
func TestRealOllamaProposesInsideTheBounds(t *testing.T) {
	binary := os.Getenv("OLLAMA_BIN")
	if binary == "" {
		t.Skip("OLLAMA_BIN names no Ollama: make test-ollama builds one")
	}
	host := serveOllama(t, binary)
	chat, err := ollama.New(ollama.Config{Host: host, Model: realllm.Model})
	require.NoError(t, err)
	proposes(t, chat)
	missing, err := ollama.New(ollama.Config{Host: host, Model: "nobody/nothing"})
	require.NoError(t, err)
	_, err = missing.Complete(t.Context(), agent.ChatRequest{Messages: []agent.Message{{Role: agent.RoleUser, Text: "hello"}}, MaxTokens: 5})
	require.ErrorContains(t, err, "ollama pull nobody/nothing")
}

// serveOllama starts the server with the one model in it.
func serveOllama(t *testing.T, binary string) (host string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	address := l.Addr().String()
	require.NoError(t, l.Close())
	dir := t.TempDir()
	env := append(os.Environ(), "OLLAMA_HOST="+address, "OLLAMA_MODELS="+filepath.Join(dir, "models"), "HOME="+dir)
	run := func(args ...string) *exec.Cmd {
		cmd := exec.Command(binary, args...)
		cmd.Env, cmd.Dir = env, dir
		// The server starts a runner for each model, which outlives it unless
		// the server is asked to end, or the whole group is killed.
		cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
		return cmd
	}
	var log bytes.Buffer
	server := run("serve")
	server.Stdout, server.Stderr = &log, &log
	require.NoError(t, server.Start())
	t.Cleanup(func() {
		_ = syscall.Kill(-server.Process.Pid, syscall.SIGKILL) // it may have ended by itself
		_ = server.Wait()
		if t.Failed() {
			t.Log(log.String())
		}
	})
	host = "http://" + address
	require.Eventually(t, func() bool {
		resp, err := http.Get(host)
		if err == nil {
			_ = resp.Body.Close() // only that it is there counts
		}
		return err == nil
	}, time.Minute, 50*time.Millisecond)
	recipe := filepath.Join(dir, "Modelfile")
	require.NoError(t, os.WriteFile(recipe, fmt.Appendf(nil, "FROM %s\n", realllm.Weights(t, realllm.Python(t))), 0o600))
	out, err := run("create", realllm.Model, "-f", recipe).CombinedOutput()
	require.NoError(t, err, string(out))
	return host
}
