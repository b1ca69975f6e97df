package parquet

import (
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/autonomous-data-pipeline/adp/pipeline"
	"github.com/autonomous-data-pipeline/adp/sink"
	"github.com/autonomous-data-pipeline/adp/sink/ledger"
	"github.com/autonomous-data-pipeline/adp/sink/sinktest"
	"github.com/autonomous-data-pipeline/adp/sink/store"
)

// opened is a sink on a new folder, with loads of ten records each.
func opened(t *testing.T, cfg Config, loads int) *Sink {
	t.Helper()
	s := reopened(t, cfg)
	for range loads {
		loadNext(t, s)
	}
	return s
}

func reopened(t *testing.T, cfg Config) *Sink {
	t.Helper()
	s, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func loadNext(t *testing.T, s *Sink) (sink.Load, sink.Receipt) {
	t.Helper()
	base := stateOf(t, s).Checkpoint
	l := sinktest.Stage(t, t.TempDir(), sinktest.Spec{RunID: "run", Base: base, Ranges: []pipeline.Range{{Start: base[0], End: base[0] + 10}}})
	r, err := s.Load(t.Context(), l)
	if err != nil {
		t.Fatal(err)
	}
	return l, r
}

func stateOf(t *testing.T, s *Sink) sink.State {
	t.Helper()
	st, err := s.State(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return st
}

func TestSnapshotIsAShortcut(t *testing.T) {
	t.Parallel()
	cfg := testConfig(t)
	s := opened(t, cfg, snapshotEvery+3)
	want := stateOf(t, s)
	early := s.log.where(3)
	record := readAll(t, early)
	remove(t, early)
	if got := stateOf(t, reopened(t, cfg)); !reflect.DeepEqual(got, want) {
		t.Errorf("opened by the snapshot, the state is %+v, want %+v", got, want)
	}
	// Without the snapshot the missing record would be needed.
	if err := os.WriteFile(early, record, 0o644); err != nil {
		t.Fatal(err)
	}
	snapshot := readAll(t, s.table.Location(snapshotName))
	for name, content := range map[string][]byte{
		"lost": nil, "cut short": snapshot[:len(snapshot)/2], "of another format": []byte(`{"format":99,"sequence":7}`),
		"of another log":  []byte(strings.Replace(string(snapshot), `"tip":"`, `"tip":"0`, 1)),
		"from the future": []byte(strings.Replace(string(snapshot), `"sequence":64`, `"sequence":6400`, 1)),
	} {
		t.Run(name, func(t *testing.T) {
			remove(t, s.table.Location(snapshotName))
			if content != nil {
				if err := os.WriteFile(s.table.Location(snapshotName), content, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			if got := stateOf(t, reopened(t, cfg)); !reflect.DeepEqual(got, want) {
				t.Errorf("the state is %+v, want %+v", got, want)
			}
			if content == nil {
				if err := os.WriteFile(s.table.Location(snapshotName), snapshot, 0o644); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

func remove(t *testing.T, path string) {
	t.Helper()
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
}

func TestBrokenLogIsABug(t *testing.T) {
	t.Parallel()
	tests := map[string]func(t *testing.T, s *Sink){
		"a record that is no JSON":       func(t *testing.T, s *Sink) { rewrite(t, s.log.where(2), "{", "[") },
		"a record of a newer format":     func(t *testing.T, s *Sink) { rewrite(t, s.log.where(2), `"format":1`, `"format":2`) },
		"a record under another number":  func(t *testing.T, s *Sink) { rewrite(t, s.log.where(2), `"sequence":2`, `"sequence":3`) },
		"a record that follows no other": func(t *testing.T, s *Sink) { rewrite(t, s.log.where(2), `"previous":"`, `"previous":"0`) },
		"a schema that can't be read":    func(t *testing.T, s *Sink) { rewrite(t, s.log.where(2), `"type":"record"`, `"type":"array"`) },
	}
	for name, damage := range tests {
		t.Run(name, func(t *testing.T) {
			cfg := testConfig(t)
			s := opened(t, cfg, 3)
			damage(t, s)
			_, err := reopened(t, cfg).State(t.Context())
			if err == nil || pipeline.KindOf(err) != pipeline.Bug || !strings.Contains(err.Error(), s.log.where(2)) {
				t.Errorf("error is %v, want a bug that names %s", err, s.log.where(2))
			}
		})
	}
}

func rewrite(t *testing.T, path, old, new string) {
	t.Helper()
	text := string(readAll(t, path))
	if !strings.Contains(text, old) {
		t.Fatalf("%s has no %s", path, old)
	}
	if err := os.WriteFile(path, []byte(strings.Replace(text, old, new, 1)), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestClearedFolderIsAFreshTable(t *testing.T) {
	cfg := testConfig(t)
	s := opened(t, cfg, 3)
	for _, dir := range []string{cfg.Dir, cfg.QuarantineDir} {
		if err := os.RemoveAll(dir); err != nil {
			t.Fatal(err)
		}
	}
	if got := stateOf(t, s); got.Sequence != 0 {
		t.Errorf("the open sink still is at commit %d of a log that is gone", got.Sequence)
	}
	if _, r := loadNext(t, s); r.Sequence != 1 {
		t.Errorf("the next load is commit %d, want 1", r.Sequence)
	}
}

func TestDataWithoutALogIsRefused(t *testing.T) {
	for name, keep := range map[string]func(Config) string{
		settingPath:       func(c Config) string { return filepath.Join(c.Dir, c.Table, logDir) },
		settingQuarantine: func(c Config) string { return c.Dir },
	} {
		t.Run(name, func(t *testing.T) {
			cfg := testConfig(t)
			opened(t, cfg, 1)
			if err := os.RemoveAll(keep(cfg)); err != nil {
				t.Fatal(err)
			}
			s := reopened(t, cfg)
			_, err := s.Load(t.Context(), sinktest.Stage(t, t.TempDir(), sinktest.Spec{Ranges: []pipeline.Range{{End: 10}}}))
			wantMisconfigured(t, err, name)
		})
	}
}

// TestHiddenFilesArentData holds what lets any tool read the folder while
// loads run: whatever a crash leaves, no glob finds an unpublished data file.
func TestHiddenFilesArentData(t *testing.T) {
	t.Parallel()
	reached := 0
	for _, point := range crashPoints {
		t.Run(point, func(t *testing.T) {
			cfg := testConfig(t)
			s := opened(t, cfg, 1)
			before := dataFiles(t, s)
			l := sinktest.Stage(t, t.TempDir(), sinktest.Spec{RunID: "run", Base: pipeline.Checkpoint{0: 10}, Ranges: []pipeline.Range{{Start: 10, End: 20}}})
			died, err := crash(victim{Config: cfg, Point: point, Step: sinktest.Step{Load: &l}})
			if err != nil || !died {
				t.Fatalf("the load wasn't cut off: %v", err)
			}
			reached++
			committed, err := store.Has(t.Context(), s.table, logName(2))
			if err != nil {
				t.Fatal(err)
			}
			after := dataFiles(t, s)
			if want := point != "staged" && point != "written"; committed != want {
				t.Errorf("committed is %v, want %v", committed, want)
			}
			if point != "moved" && !reflect.DeepEqual(before, after) {
				t.Errorf("before publication a glob finds %v, want %v", after, before)
			}
			if _, err := s.Entries(t.Context()); err != nil {
				t.Fatal(err)
			}
			if n := len(dataFiles(t, s)) - len(before); committed && n != 3 || !committed && n != 0 {
				t.Errorf("the next look has published %d files", n)
			}
		})
	}
	if reached != len(crashPoints) {
		t.Errorf("a load passes %d of %d crash points", reached, len(crashPoints))
	}
}

// dataFiles finds every *.parquet below the folders, hidden or not.
func dataFiles(t *testing.T, s *Sink) []string {
	t.Helper()
	var out []string
	for _, r := range []store.Store{s.table, s.quarantine} {
		err := filepath.WalkDir(r.Location(""), func(path string, d fs.DirEntry, err error) error {
			if err == nil && filepath.Ext(path) == store.DataSuffix {
				out = append(out, path)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return out
}

func FuzzLogNeverPanics(f *testing.F) {
	cfg := Config{Dir: f.TempDir(), Table: "customers", QuarantineDir: f.TempDir()}
	s, err := New(cfg)
	if err != nil {
		f.Fatal(err)
	}
	f.Add([]byte(`{"format":1,"sequence":1,"id":"a","kind":"load","batch":{"id":"b","ranges":[{"end":3}]}}`))
	f.Add([]byte(`{"format":1,"sequence":1,"id":"a","kind":"rollback"}`))
	f.Add([]byte(`{"format":1,"sequence":1,"id":"a","kind":"settle","commits":[],"remove_table":["../x"],"table":[{"from":"../y"}]}`))
	if err := os.MkdirAll(s.table.Location(logDir), 0o755); err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if err := os.WriteFile(s.log.where(1), data, 0o644); err != nil {
			t.Fatal(err)
		}
		st, tip, err := s.log.advance(t.Context(), &ledger.State{})
		if err == nil && tip != nil && st.Sequence != 1 {
			t.Errorf("record 1 gives sequence %d", st.Sequence)
		}
	})
}

func readAll(t *testing.T, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}
