//go:build integration

package pytext

import (
	"errors"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/autonomous-data-pipeline/adp/internal/pyenv"
)

// TestGeneratedTextsAreReadAsInPython compares texts that nobody thought of.
// The seed is in the test's output, and PYTEXT_SEED sets it.
func TestGeneratedTextsAreReadAsInPython(t *testing.T) {
	python := pyenv.Interpreter(t, "pytext", "python-dateutil==4.0.0\njsonschema==4.26.0\n")
	seed := os.Getenv("PYTEXT_SEED")
	if seed == "" {
		seed = time.Now().UTC().Format("20060102")
	}
	t.Log("seed", seed)
	cmd := exec.CommandContext(t.Context(), python, "testdata/golden.py", seed, "4000")
	cmd.Env = append(os.Environ(), "TZ=UTC", "LC_ALL=C", "PYTHONIOENCODING=utf-8")
	out, err := cmd.Output()
	if err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			t.Fatalf("golden.py: %v\n%s", err, exit.Stderr)
		}
		t.Fatal(err)
	}
	g := decodeGolden(t, out)
	strptimeReadsWhatPythonReads(t, g)
	dateutilReadsWhatPythonReads(t, g)
	jsonReadsWhatPythonReads(t, g)
	if g.words() {
		jsonErrorsAreWordedAsInPython(t, g)
	}
	schemasDecideAsInPython(t, g)
}
