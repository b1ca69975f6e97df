package agent

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/autonomous-data-pipeline/adp/pipeline"
)

// reopened is a log as another process opens it.
func reopened(path string) *AuditLog { return &AuditLog{path: path} }

// Wherever a crash cuts the last line, the next append heals the log: what was
// whole stays, what was torn is kept beside it, and nothing is written twice.
func TestACrashAnywhereInTheLastLineIsHealed(t *testing.T) {
	_, whole := logOf(t, 3)
	lines := bytes.SplitAfter(whole, []byte("\n"))
	first := len(lines[0]) + len(lines[1])
	var last Recorded
	for e, err := range Entries(bytes.NewReader(whole)) {
		require.NoError(t, err)
		last, err = FindDecision(bytes.NewReader(whole), e.ID)
		require.NoError(t, err)
	}
	for cut := first; cut < len(whole); cut += 7 {
		checkHealed(t, whole[:cut], first, last, whole)
	}
	checkHealed(t, whole[:len(whole)-1], first, last, whole) // all but the line's end
}

func checkHealed(t *testing.T, left []byte, first int, last Recorded, whole []byte) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "log.jsonl")
	require.NoError(t, os.WriteFile(path, left, 0o600))
	require.NoError(t, reopened(path).Decision(last.Decision, last.Facts, last.Policy)) // the retried activity
	got, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, string(whole), string(got), "cut at %d", len(left))
	torn, err := filepath.Glob(path + ".torn-*")
	require.NoError(t, err)
	if len(left) == first || len(left) == len(whole)-1 {
		require.Empty(t, torn, "nothing was torn, or only the line's end was missing")
		return
	}
	require.Len(t, torn, 1)
	kept, err := os.ReadFile(torn[0])
	require.NoError(t, err)
	require.Equal(t, string(left[first:]), string(kept))
}

func TestASecondCrashAtTheSamePlaceKeepsBothPieces(t *testing.T) {
	path, whole := logOf(t, 1)
	for _, piece := range []string{`{"seq":2,"a`, `{"seq"`} {
		require.NoError(t, os.WriteFile(path, append(bytes.Clone(whole), piece...), 0o600))
		f, err := os.OpenFile(path, os.O_RDWR, 0)
		require.NoError(t, err)
		require.NoError(t, reopened(path).catchUp(f)) // heals, and dies before it appends
		require.NoError(t, f.Close())
	}
	torn, err := filepath.Glob(path + ".torn-*")
	require.NoError(t, err)
	require.Len(t, torn, 1)
	kept, err := os.ReadFile(torn[0])
	require.NoError(t, err)
	require.Equal(t, `{"seq":2,"a{"seq"`, string(kept))
}

func TestALogThatWasMovedAwayBeginsAnew(t *testing.T) {
	path, _ := logOf(t, 2)
	l := OpenAudit(path)
	require.NoError(t, l.Decision(Decision{ID: "a"}, Facts{}, DefaultPolicy()))
	require.NoError(t, os.Rename(path, path+".old"))
	require.NoError(t, l.Decision(Decision{ID: "a"}, Facts{}, DefaultPolicy()), "known in the old log, not in this one")
	n, _, err := verify(t, path)
	require.NoError(t, err)
	require.Equal(t, int64(1), n)
	n, _, err = verify(t, path+".old")
	require.NoError(t, err)
	require.Equal(t, int64(3), n)
}

func TestALogThatWasCutTakesNothingMore(t *testing.T) {
	path, whole := logOf(t, 3)
	require.NoError(t, os.Truncate(path, int64(bytes.IndexByte(whole, '\n')+1)))
	err := OpenAudit(path).Decision(Decision{ID: "x"}, Facts{}, DefaultPolicy())
	require.ErrorContains(t, err, "somebody cut it")
	require.Equal(t, pipeline.Bug, pipeline.KindOf(err))
}

func TestVerifyNamesTheFirstBrokenEntry(t *testing.T) {
	_, whole := logOf(t, 4)
	lines := bytes.SplitAfter(whole, []byte("\n"))
	bent := bytes.Join([][]byte{lines[0], lines[1], bytes.Replace(lines[2], []byte(`"read":10`), []byte(`"read":11`), 1), lines[3]}, nil)
	require.NotEqual(t, whole, bent)
	n, head, err := VerifyAudit(bytes.NewReader(bent))
	require.Equal(t, int64(2), n, "the good ones before it")
	require.ErrorContains(t, err, "entry 3 was changed")
	_, want, err := VerifyAudit(bytes.NewReader(bytes.Join(lines[:2], nil)))
	require.NoError(t, err)
	require.Equal(t, want, head)

	n, head, err = VerifyAudit(strings.NewReader(""))
	require.NoError(t, err, "an empty log is whole")
	require.Zero(t, n)
	require.Empty(t, head)
}

// A recorded decision carries all that it takes to make it again.
func TestADecisionCanBeReplayed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log.jsonl")
	p := DefaultPolicy()
	p.LateMajor, p.Autonomy = 0.3, map[Action]string{Remap: Approve}
	f := Facts{
		Report: pipeline.RunReport{
			Pipeline: "p", RunID: "run-1", StartedAt: t0.In(t0.Location()), Records: pipeline.Records{Read: 1000}, Drift: []pipeline.Drift{},
			Late:    pipeline.Late{Count: 200, Share: 0.2},
			Failure: &pipeline.Failure{Stage: "load", Kind: pipeline.Transient, Error: "<disk> & \xff \u2028"},
		},
		Tried: []Attempt{{Action: Remap}},
	}
	d, err := Decide(t.Context(), f, p, Rules{}, t0, "run-1")
	require.NoError(t, err)
	require.NoError(t, OpenAudit(path).Decision(d, f, p))
	log, err := os.Open(path)
	require.NoError(t, err)
	defer func() { _ = log.Close() }() // only read
	rec, err := FindDecision(log, d.ID)
	require.NoError(t, err)
	refused, err := rec.Decision.Permit(rec.Facts, rec.Policy)
	require.NoError(t, err)
	require.Empty(t, refused)
	again, err := Decide(t.Context(), rec.Facts, rec.Policy, Rules{}, t0, "run-1")
	require.NoError(t, err)
	require.Equal(t, d.ID, again.ID)
	require.Equal(t, d.Actions, again.Actions)

	_, err = FindDecision(strings.NewReader(""), d.ID)
	require.ErrorContains(t, err, "is not in the log")
}

func TestEntriesInAFewWords(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log.jsonl")
	l := OpenAudit(path)
	require.NoError(t, l.Decision(Decision{ID: "dec-1", Summary: "all is well"}, Facts{}, DefaultPolicy()))
	require.NoError(t, l.Executed(Executed{Decision: "dec-1", RunID: "run-1", Done: []Attempt{{}, {}}}, t0))
	require.NoError(t, l.Answer(pipeline.Resolution{Incident: "inc-1", Resolution: "release", By: "ada", Comment: "fine"}, t0))
	log, err := os.Open(path)
	require.NoError(t, err)
	defer func() { _ = log.Close() }() // only read
	var lines []string
	for e, err := range Entries(log) {
		require.NoError(t, err)
		lines = append(lines, e.Line())
	}
	require.Equal(t, []string{"dec-1  all is well", "dec-1  2 actions, run run-1", "inc-1  release by ada fine"}, lines)
}

func TestALogThatCantBeWrittenNamesItsSetting(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	err := OpenAudit(filepath.Join(file, "log.jsonl")).Decision(Decision{ID: "x"}, Facts{}, DefaultPolicy())
	var fault *pipeline.Fault
	require.True(t, errors.As(err, &fault))
	require.Equal(t, "DATA_DIR", fault.Setting)
}

// FuzzAuditChange: no byte of a log can become another unnoticed, and nothing
// that is fed to the reader makes it panic.
func FuzzAuditChange(f *testing.F) {
	path := filepath.Join(f.TempDir(), "log.jsonl")
	l := reopened(path)
	for _, id := range []string{"a", "b", "c"} {
		if err := l.Decision(Decision{ID: id, Summary: "é <&>"}, Facts{}, DefaultPolicy()); err != nil {
			f.Fatal(err)
		}
	}
	whole, err := os.ReadFile(path)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(uint(0), byte('['), []byte("{}\n"))
	f.Add(uint(len(whole)-1), byte(' '), whole[:100])
	f.Fuzz(func(t *testing.T, at uint, to byte, other []byte) {
		bent := bytes.Clone(whole)
		i := at % uint(len(bent))
		bent[i] = to
		_, _, err := VerifyAudit(bytes.NewReader(bent))
		if changed := whole[i] != to; changed != (err != nil) {
			t.Fatalf("byte %d from %q to %q: %v", i, whole[i], to, err)
		}
		if n, _, err := VerifyAudit(bytes.NewReader(other)); err == nil && n > 0 && !bytes.HasPrefix(whole, other) {
			t.Fatalf("%q passes for a log", other)
		}
	})
}
