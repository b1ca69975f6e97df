package agent

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/autonomous-data-pipeline/adp/pipeline"
)

var t0 = time.Date(2026, 11, 23, 2, 0, 0, 0, time.UTC)

func logOf(t *testing.T, n int) (string, []byte) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "ops", "decision_log.jsonl")
	l := OpenAudit(path)
	for i := range n {
		f := Facts{Report: pipeline.RunReport{Pipeline: "p", RunID: fmt.Sprint("run-", i), Records: pipeline.Records{Read: 10}}}
		d, err := Decide(t.Context(), f, DefaultPolicy(), Rules{}, t0, f.Report.RunID)
		require.NoError(t, err)
		require.NoError(t, l.Decision(d, f, DefaultPolicy()))
	}
	b, err := os.ReadFile(path)
	require.NoError(t, err)
	return path, b
}

func TestARepeatIsWrittenOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log.jsonl")
	l := OpenAudit(path)
	d := Decision{ID: "dec-1"}
	for range 3 {
		require.NoError(t, l.Decision(d, Facts{}, DefaultPolicy()))
	}
	require.NoError(t, l.Executed(Executed{Decision: "dec-1"}, t0), "another kind is another entry")
	n, head, err := verify(t, path)
	require.NoError(t, err)
	require.Equal(t, int64(2), n)
	require.Len(t, head, 64)
}

func verify(t *testing.T, path string) (int64, string, error) {
	t.Helper()
	f, err := os.Open(path)
	require.NoError(t, err)
	defer func() { _ = f.Close() }() // only read
	return VerifyAudit(f)
}

func TestEveryChangedByteIsFound(t *testing.T) {
	_, whole := logOf(t, 4)
	n, _, err := VerifyAudit(bytes.NewReader(whole))
	require.NoError(t, err)
	require.Equal(t, int64(4), n)
	for i := range whole {
		for _, bit := range []byte{0x01, 0x20} {
			bent := bytes.Clone(whole)
			bent[i] ^= bit
			_, _, err := VerifyAudit(bytes.NewReader(bent))
			require.Error(t, err, "byte %d of %q", i, whole[max(0, i-20):min(len(whole), i+20)])
		}
	}
}

func TestADroppedOrSwappedLineIsFound(t *testing.T) {
	_, whole := logOf(t, 4)
	lines := bytes.SplitAfter(whole, []byte("\n"))
	for name, kept := range map[string][][]byte{
		"the first is gone": {lines[1], lines[2], lines[3]},
		"one is gone":       {lines[0], lines[2], lines[3]},
		"two are swapped":   {lines[0], lines[2], lines[1], lines[3]},
		"one stands twice":  {lines[0], lines[1], lines[1], lines[2], lines[3]},
		"the last is torn":  {lines[0], lines[1], lines[2][:20]},
	} {
		_, _, err := VerifyAudit(bytes.NewReader(bytes.Join(kept, nil)))
		require.Error(t, err, name)
	}
}

func TestATornLineIsSetAsideAndTheLogGoesOn(t *testing.T) {
	path, whole := logOf(t, 2)
	torn := []byte(`{"seq":3,"at":"2026`)
	require.NoError(t, os.WriteFile(path, append(bytes.Clone(whole), torn...), 0o600))
	l := &AuditLog{path: path, known: map[string]bool{}} // as another process would open it
	require.NoError(t, l.Decision(Decision{ID: "dec-x"}, Facts{}, DefaultPolicy()))
	n, _, err := verify(t, path)
	require.NoError(t, err)
	require.Equal(t, int64(3), n)
	kept, err := os.ReadFile(fmt.Sprintf("%s.torn-%d", path, len(whole)))
	require.NoError(t, err)
	require.Equal(t, torn, kept, "what a crash left is kept")
}

func TestABrokenLogTakesNothingMore(t *testing.T) {
	path, whole := logOf(t, 2)
	bent := bytes.Replace(whole, []byte("Nothing"), []byte("Anything"), 1)
	require.NoError(t, os.WriteFile(path, bent, 0o600))
	l := &AuditLog{path: path, known: map[string]bool{}}
	require.ErrorContains(t, l.Decision(Decision{ID: "x"}, Facts{}, DefaultPolicy()), "was changed")
}

func TestManyWritersShareOneLog(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log.jsonl")
	var group sync.WaitGroup
	errs := make(chan error, 200)
	for w := range 4 {
		l := &AuditLog{path: path, known: map[string]bool{}} // each as a process of its own
		group.Go(func() {
			for i := range 25 {
				errs <- l.Decision(Decision{ID: fmt.Sprintf("dec-%d-%d", w, i)}, Facts{}, DefaultPolicy())
				errs <- l.Answer(pipeline.Resolution{Incident: fmt.Sprint("inc-", i)}, t0) // the same from all
			}
		})
	}
	group.Wait()
	close(errs)
	for err := range errs {
		require.NoError(t, err)
	}
	n, _, err := verify(t, path)
	require.NoError(t, err)
	require.Equal(t, int64(125), n)
}
