package parquet

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/apache/arrow-go/v18/parquet/file"

	"github.com/autonomous-data-pipeline/adp/pipeline"
	"github.com/autonomous-data-pipeline/adp/sink"
	"github.com/autonomous-data-pipeline/adp/sink/sinktest"
	"github.com/autonomous-data-pipeline/adp/sink/store"
)

func wantMisconfigured(t *testing.T, err error, setting string) {
	t.Helper()
	var f *pipeline.Fault
	if !errors.As(err, &f) || f.Kind != pipeline.Misconfigured || f.Setting != setting {
		t.Errorf("error is %v, want one that names setting %s", err, setting)
	}
}

func TestConfigRules(t *testing.T) {
	dir := t.TempDir()
	good := Config{Dir: filepath.Join(dir, "out"), Table: "customers", QuarantineDir: filepath.Join(dir, "quarantine")}
	tests := map[string]struct {
		change  func(*Config)
		setting string // empty: it is fine
	}{
		"a plain configuration is fine":        {func(*Config) {}, ""},
		"a file URL is a folder":               {func(c *Config) { c.Dir = "file://" + c.Dir }, ""},
		"the folder is needed":                 {func(c *Config) { c.Dir = "" }, settingPath},
		"the quarantine folder is needed":      {func(c *Config) { c.QuarantineDir = "" }, settingQuarantine},
		"the table is needed":                  {func(c *Config) { c.Table = "" }, settingTable},
		"a table may not be hidden":            {func(c *Config) { c.Table = "_customers" }, settingTable},
		"a table is no path":                   {func(c *Config) { c.Table = "../customers" }, settingTable},
		"an unknown scheme is refused":         {func(c *Config) { c.QuarantineDir = "ftp://host/x" }, settingQuarantine},
		"quarantine isn't part of the table":   {func(c *Config) { c.QuarantineDir = filepath.Join(c.Dir, c.Table, "q") }, settingQuarantine},
		"the table isn't part of quarantine":   {func(c *Config) { c.QuarantineDir = c.Dir }, settingQuarantine},
		"quarantine isn't the table's folder":  {func(c *Config) { c.QuarantineDir = filepath.Join(c.Dir, c.Table) }, settingQuarantine},
		"a folder of a similar name is beside": {func(c *Config) { c.QuarantineDir = filepath.Join(c.Dir, c.Table+"-quarantine") }, ""},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			cfg := good
			tc.change(&cfg)
			_, err := New(cfg)
			if tc.setting != "" {
				wantMisconfigured(t, err, tc.setting)
			} else if err != nil {
				t.Error(err)
			}
		})
	}
}

func TestFolderThatIsAFile(t *testing.T) {
	for setting, folder := range map[string]func(Config) string{
		settingPath:       func(c Config) string { return c.Dir },
		settingQuarantine: func(c Config) string { return c.QuarantineDir },
	} {
		cfg := testConfig(t)
		path := folder(cfg)
		if err := os.WriteFile(path, nil, 0o644); err != nil {
			t.Fatal(err)
		}
		l := sinktest.Stage(t, t.TempDir(), sinktest.Spec{Ranges: []pipeline.Range{{End: 10}}})
		_, err := reopened(t, cfg).Load(t.Context(), l)
		wantMisconfigured(t, err, setting)
	}
}

func TestNamesThatWouldLeaveTheFolderAreRefused(t *testing.T) {
	tests := map[string]func(*sink.Load){
		"a batch ID with a path":       func(l *sink.Load) { l.Batch.ID = "../x" },
		"a partition upwards":          func(l *sink.Load) { l.Table[0].Partition = "../event_date=1" },
		"a partition of no key":        func(l *sink.Load) { l.Table[0].Partition = "_log" },
		"an absolute partition":        func(l *sink.Load) { l.Table[0].Partition = "/event_date=1" },
		"a partition of two folders..": func(l *sink.Load) { l.Table[0].Partition = "event_date=1/.." },
	}
	for name, change := range tests {
		t.Run(name, func(t *testing.T) {
			l := sinktest.Stage(t, t.TempDir(), sinktest.Spec{Ranges: []pipeline.Range{{End: 10}}})
			change(&l)
			if _, err := opened(t, testConfig(t), 0).Load(t.Context(), l); err == nil || pipeline.KindOf(err) != pipeline.Bug {
				t.Errorf("error is %v, want a bug", err)
			}
		})
	}
}

func TestCopyTakenAwayBeforeTheCommit(t *testing.T) {
	s := opened(t, testConfig(t), 1)
	l := sinktest.Stage(t, t.TempDir(), sinktest.Spec{Base: pipeline.Checkpoint{0: 10}, Ranges: []pipeline.Range{{Start: 10, End: 20}}})
	a := newAttempt()
	if _, err := a.copy(t.Context(), s.table, l.Table[0], store.Staged(l.Table[0])); err != nil {
		t.Fatal(err)
	}
	if err := a.seal(t.Context()); err != nil {
		t.Fatal(err)
	}
	removed, err := s.Cleanup(t.Context(), 0)
	if err != nil || len(removed) != 1 {
		t.Fatalf("removed %v, %v, want the attempt's folder", removed, err)
	}
	if err := a.seal(t.Context()); pipeline.KindOf(err) != pipeline.Transient || err == nil {
		t.Errorf("error is %v, want a transient fault", err)
	}
}

func TestCleanupSparesTheYoung(t *testing.T) {
	s := opened(t, testConfig(t), 1)
	if err := os.MkdirAll(s.table.Location(store.PendingDir+"/young"), 0o755); err != nil {
		t.Fatal(err)
	}
	if removed, err := s.Cleanup(t.Context(), 1<<40); err != nil || len(removed) != 0 {
		t.Errorf("removed %v, %v, want nothing", removed, err)
	}
	if removed, err := s.Cleanup(t.Context(), 0); err != nil || len(removed) != 1 {
		t.Errorf("removed %v, %v, want the leftover", removed, err)
	}
	if _, err := s.Cleanup(t.Context(), -1); pipeline.KindOf(err) != pipeline.Bug || err == nil {
		t.Errorf("a negative age gives %v, want a bug", err)
	}
}

// TestCancelledLoadLeavesNothing holds that a load that is given up takes its
// copies away.
func TestCancelledLoadLeavesNothing(t *testing.T) {
	s := opened(t, testConfig(t), 1)
	l := sinktest.Stage(t, t.TempDir(), sinktest.Spec{Base: pipeline.Checkpoint{0: 10}, Ranges: []pipeline.Range{{Start: 10, End: 20}}})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Load(ctx, l); !errors.Is(err, context.Canceled) {
		t.Fatalf("error is %v, want the context's", err)
	}
	l.Quarantine[0].SHA256 = "another"
	if _, err := s.Load(t.Context(), l); err == nil {
		t.Fatal("a file with another checksum was loaded")
	}
	for _, r := range []store.Store{s.table, s.quarantine} {
		left, err := os.ReadDir(r.Location(store.PendingDir))
		if err != nil || len(left) != 0 {
			t.Errorf("%s is left in %s, %v", left, r.Location(""), err)
		}
	}
}

// TestFailedCommitGivesItsSpaceBack holds that retries on a full disk don't
// fill it further.
func TestFailedCommitGivesItsSpaceBack(t *testing.T) {
	s := opened(t, testConfig(t), 0)
	s.step = func(point string) {
		if point == "written" {
			if err := os.RemoveAll(s.table.Location(logDir)); err != nil {
				t.Error(err)
			}
		}
	}
	l := sinktest.Stage(t, t.TempDir(), sinktest.Spec{Ranges: []pipeline.Range{{End: 10}}})
	if _, err := s.Load(t.Context(), l); err == nil || pipeline.KindOf(err) != pipeline.Transient {
		t.Fatalf("error is %v, want a transient fault", err)
	}
	left, err := os.ReadDir(s.table.Location(store.PendingDir))
	if err != nil || len(left) != 0 {
		t.Errorf("%s is left, %v", left, err)
	}
}

// TestLostRaceIsDecidedAgain has another load commit while one is about to.
func TestLostRaceIsDecidedAgain(t *testing.T) {
	cfg := testConfig(t)
	s, other := opened(t, cfg, 1), reopened(t, cfg)
	entries, err := other.Entries(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	e := entries[0]
	var once sync.Once
	s.step = func(point string) {
		if point == "written" {
			once.Do(func() {
				_, err := other.Settle(t.Context(), sink.Settlement{
					ID: "x", BatchID: e.BatchID, Revision: e.Revision, Status: sink.Discarded, Quarantine: e.Rejects,
					Records: pipeline.Records{Read: e.Records, Quarantined: e.Records},
				})
				if err != nil {
					t.Error(err)
				}
			})
		}
	}
	l, r := loadNext(t, s)
	if r.Sequence != 3 {
		t.Errorf("the load is commit %d, want 3: after the settlement", r.Sequence)
	}
	v, err := s.Validate(t.Context(), r)
	if err != nil || len(v.Problems) > 0 || v.Rows != l.Records.Loaded {
		t.Errorf("the verdict is %+v, %v", v, err)
	}
}

// TestAnotherToolReadsTheFolder reads the table knowing nothing but Hive-style
// folders and Parquet.
func TestAnotherToolReadsTheFolder(t *testing.T) {
	cfg := testConfig(t)
	opened(t, cfg, 5)
	paths, err := filepath.Glob(filepath.Join(cfg.Dir, cfg.Table, "event_date=*", "*.parquet"))
	if err != nil || len(paths) != 10 {
		t.Fatalf("a glob finds %d files, %v, want 10", len(paths), err)
	}
	var rows int64
	for _, path := range paths {
		r, err := file.OpenParquetFile(path, false)
		if err != nil {
			t.Fatal(err)
		}
		rows += r.NumRows()
		if r.MetaData().Schema.ColumnIndexByName("event_date") >= 0 {
			t.Errorf("%s has the partition column in it", path)
		}
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if rows != 40 {
		t.Errorf("the table has %d rows, want 40", rows)
	}
	for _, sub := range []string{"quarantine/*/part-*.parquet"} {
		if q, err := filepath.Glob(filepath.Join(cfg.QuarantineDir, sub)); err != nil || len(q) != 5 {
			t.Errorf("%s finds %v, %v, want 5 files", sub, q, err)
		}
	}
}

// TestUnpartitionedFilesLieInTheTablesFolder covers tables without an event
// time.
func TestUnpartitionedFilesLieInTheTablesFolder(t *testing.T) {
	cfg := testConfig(t)
	l := sinktest.Stage(t, t.TempDir(), sinktest.Spec{Ranges: []pipeline.Range{{End: 10}}})
	for i := range l.Table {
		l.Table[i].Partition = ""
	}
	if _, err := opened(t, cfg, 0).Load(t.Context(), l); err != nil {
		t.Fatal(err)
	}
	want := filepath.Join(cfg.Dir, cfg.Table, "part-"+l.Batch.ID+"-*.parquet")
	if files, err := filepath.Glob(want); err != nil || len(files) != len(l.Table) {
		t.Errorf("%s finds %v, %v, want %d files", want, files, err, len(l.Table))
	}
}

func TestLocateIsVoidWhenFilesMoved(t *testing.T) {
	cfg := testConfig(t)
	s := opened(t, cfg, 1)
	entries, err := s.Entries(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	e := entries[0]
	once := false
	err = s.Locate(t.Context(), func(sink.Place, int32, int64) error {
		if once {
			return nil
		}
		once = true
		_, err := reopened(t, cfg).Settle(t.Context(), sink.Settlement{
			ID: "x", BatchID: e.BatchID, Revision: e.Revision, Status: sink.Discarded, Quarantine: e.Rejects,
			Records: pipeline.Records{Read: e.Records, Quarantined: e.Records},
		})
		return err
	})
	if err == nil || pipeline.KindOf(err) != pipeline.Transient {
		t.Errorf("error is %v, want a transient fault", err)
	}
}
