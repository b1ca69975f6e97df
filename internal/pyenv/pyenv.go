// Package pyenv makes Python environments for tests, once, in the cache folder.
// Nothing but tests imports it.
package pyenv

import (
	"crypto/sha256"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/autonomous-data-pipeline/adp/internal/devstack"
)

// Interpreter gives a Python that has these packages, one requirement a line
// as pip knows them. Without Python, or the packages, the test is skipped, but
// in CI it fails.
func Interpreter(t testing.TB, name, requirements string) string {
	t.Helper()
	base, err := exec.LookPath("python3")
	if err != nil {
		missing(t, "python3 is missing: "+name+" needs it")
	}
	cache, err := devstack.DefaultBinDir()
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256([]byte(requirements))
	venv := filepath.Join(filepath.Dir(cache), fmt.Sprintf("%s-%x", name, sum[:4]))
	interpreter, done := filepath.Join(venv, "bin", "python"), filepath.Join(venv, "requirements.txt")
	if got, err := os.ReadFile(done); err == nil && string(got) == requirements {
		return interpreter
	}
	if out, err := exec.Command(base, "-m", "venv", "--clear", venv).CombinedOutput(); err != nil {
		missing(t, "a Python environment can't be made: "+string(out))
	}
	args := append([]string{"-m", "pip", "install", "--quiet", "--disable-pip-version-check"}, strings.Fields(requirements)...)
	if out, err := exec.Command(interpreter, args...).CombinedOutput(); err != nil {
		missing(t, name+" can't be installed: "+string(out))
	}
	if err := os.WriteFile(done, []byte(requirements), 0o600); err != nil { // last: it says that all of it is there
		t.Fatal(err)
	}
	return interpreter
}

func missing(t testing.TB, why string) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatal(why)
	}
	t.Skip(why)
}
