//go:build integration

package pyregex

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

// python runs a script of testdata with Python, which without CI may be missing.
func python(t *testing.T, script string, args ...string) []byte {
	t.Helper()
	interpreter, err := exec.LookPath("python3")
	if err != nil && os.Getenv("CI") != "true" {
		t.Skip("python3 is missing: patterns aren't compared with it")
	}
	require.NoError(t, err)
	out, err := exec.Command(interpreter, append([]string{filepath.Join("testdata", script)}, args...)...).Output()
	require.NoError(t, err)
	return out
}

func TestRealPythonFindsTheSameInNewPatterns(t *testing.T) {
	seed, file := time.Now().UnixNano()%1_000_000, filepath.Join(t.TempDir(), "cases.json")
	t.Logf("seed %d", seed)
	python(t, "golden.py", fmt.Sprint(seed), "20000", file)
	b, err := os.ReadFile(file)
	require.NoError(t, err)
	var cases []golden
	require.NoError(t, json.Unmarshal(b, &cases))
	texts, found, refused := agree(t, cases)
	require.Greater(t, texts, 60_000)
	require.Greater(t, found, 15_000)
	require.Greater(t, refused, 5000)
}

// TestEveryCharacterIsWhatItIsToPython leaves those out that only one of both
// knows, as their versions of Unicode differ.
func TestEveryCharacterIsWhatItIsToPython(t *testing.T) {
	var got struct {
		Unassigned set
		Found      map[string]set
		Cases      map[string]string
		Cased      string
	}
	require.NoError(t, json.Unmarshal(python(t, "characters.py"), &got))
	known := func(r rune) bool {
		return utf8.ValidRune(r) && !got.Unassigned.has(r) && !unicode.Is(unicode.Cn, r)
	}
	for pattern, found := range got.Found {
		re, err := Compile(pattern)
		require.NoError(t, err)
		for r := range unicode.MaxRune + 1 {
			if known(r) && re.MatchString(string(r)) != found.has(r) {
				t.Errorf("%s in %q (%U): Python says %v", pattern, r, r, found.has(r))
			}
		}
	}
	for letter, cases := range got.Cases {
		re, err := Compile("(?i)" + letter)
		if err != nil {
			require.Regexp(t, onPurpose, err.Error())
			continue
		}
		for _, r := range got.Cased {
			if known(r) && re.MatchString(string(r)) != strings.ContainsRune(cases, r) {
				t.Errorf("(?i)%s: Python finds %s, and (?i)%s finds %c: %v", letter, cases, letter, r, re.MatchString(string(r)))
			}
		}
	}
}
