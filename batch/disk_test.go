package batch

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/autonomous-data-pipeline/adp/pipeline"
)

// fullDisk refuses to write more than a number of bytes, over all files.
type fullDisk struct {
	left int64
	err  error
}

type limitedFile struct {
	*os.File
	disk *fullDisk
}

func (f limitedFile) Write(p []byte) (int, error) {
	n := min(int64(len(p)), f.disk.left)
	f.disk.left -= n
	if n < int64(len(p)) {
		n, _ := f.File.Write(p[:n])
		return n, f.disk.err
	}
	return f.File.Write(p)
}

// Limit makes an engine whose disk takes so many bytes, then fails with err.
func Limit(l *Local, bytes int64, err error) *Local {
	full := &fullDisk{left: bytes, err: err}
	l.disk = disk{create: func(path string) (stagedFile, error) {
		f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
		return limitedFile{f, full}, err
	}}
	return l
}

// At makes an engine that lives at another time.
func At(l *Local, now time.Time) *Local {
	l.now = func() time.Time { return now }
	return l
}

func TestDiskFault(t *testing.T) {
	tests := map[string]struct {
		err  error
		kind pipeline.Kind
		says string
	}{
		"a full disk":         {&os.PathError{Op: "write", Path: "x", Err: syscall.ENOSPC}, pipeline.Transient, "free space"},
		"a used-up quota":     {syscall.EDQUOT, pipeline.Transient, "free space"},
		"no permission":       {syscall.EACCES, pipeline.Misconfigured, "able to write"},
		"a file in the way":   {syscall.ENOTDIR, pipeline.Misconfigured, "able to write"},
		"a read-only disk":    {syscall.EROFS, pipeline.Misconfigured, "able to write"},
		"whatever may happen": {errors.New("input/output error"), pipeline.Transient, "input/output"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			err := diskFault("write", "/data/x", tc.err)
			if pipeline.KindOf(err) != tc.kind || !errors.Is(err, tc.err) {
				t.Errorf("kind is %s, want %s", pipeline.KindOf(err), tc.kind)
			}
			for _, part := range []string{tc.says, "DATA_DIR", "/data/x"} {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("%q doesn't say %q", err, part)
				}
			}
		})
	}
}

func TestPrepareClearsOldLeftoversAlone(t *testing.T) {
	dir := t.TempDir()
	now := time.Now()
	for name, age := range map[string]time.Duration{
		".clean-none-0.parquet-A.tmp": tempAge + time.Hour, ".clean-none-0.parquet-B.tmp": time.Hour,
		"clean-none-0.parquet": 10 * tempAge, "profile.json": 10 * tempAge,
	} {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(path, now.Add(-age), now.Add(-age)); err != nil {
			t.Fatal(err)
		}
	}
	if err := prepare(dir, now); err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var left []string
	for _, e := range entries {
		left = append(left, e.Name())
	}
	if got, want := strings.Join(left, " "), ".clean-none-0.parquet-B.tmp clean-none-0.parquet profile.json"; got != want {
		t.Errorf("left are %s, want %s", got, want)
	}
}

func TestDamagedStagedFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "suspect.parquet")
	st := newStage(realDisk(), dir, rejectLayout, false, 1<<20)
	for i := range int64(3000) {
		r := reject{kind: pipeline.SuspectFile, offset: i, key: []byte("k"), raw: []byte(strings.Repeat("raw", int(i%50))), reasons: []byte("[]")}
		if err := st.reject(r); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := st.finish(); err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	bad := filepath.Join(dir, "bad.parquet")
	failed := 0
	for at := 0; at < len(whole); at += 1 + len(whole)/300 {
		damaged := append([]byte{}, whole...)
		damaged[at] ^= 0xff
		if err := os.WriteFile(bad, damaged, 0o600); err != nil {
			t.Fatal(err)
		}
		err := readStaged(t.Context(), bad, rejectSpecs, func([]column) error { return nil })
		if err != nil {
			failed++
			if pipeline.KindOf(err) != pipeline.Bug {
				t.Fatalf("byte %d damaged: %v, want a Bug fault", at, err)
			}
		}
	}
	if failed == 0 {
		t.Error("no damage was noticed")
	}
	if err := readStaged(t.Context(), filepath.Join(dir, "none.parquet"), rejectSpecs, nil); pipeline.KindOf(err) != pipeline.Bug || !strings.Contains(err.Error(), "DATA_DIR") {
		t.Errorf("a missing file: %v", err)
	}
	if err := readStaged(t.Context(), path, cleanLayout(everyType(t)).specs, nil); !strings.Contains(err.Error(), "no column") {
		t.Errorf("a file of other columns: %v", err)
	}
}
