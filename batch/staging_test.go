package batch_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/xitongsys/parquet-go/reader"
	pqsource "github.com/xitongsys/parquet-go/source"

	"github.com/autonomous-data-pipeline/adp/batch"
	"github.com/autonomous-data-pipeline/adp/batch/batchtest"
	"github.com/autonomous-data-pipeline/adp/pipeline"
	"github.com/autonomous-data-pipeline/adp/schemas"
)

// inMemory is a file that the second Parquet implementation reads.
type inMemory struct{ *bytes.Reader }

func (inMemory) Write([]byte) (int, error) { return 0, os.ErrPermission }
func (inMemory) Close() error              { return nil }
func (f inMemory) Open(string) (pqsource.ParquetFile, error) {
	b := make([]byte, f.Size())
	_, err := f.ReadAt(b, 0)
	return inMemory{bytes.NewReader(b)}, err
}
func (f inMemory) Create(string) (pqsource.ParquetFile, error) { return nil, os.ErrPermission }

// restat computes a column's statistics from what xitongsys/parquet-go reads.
func restat(t *testing.T, r *reader.ParquetReader, i int, name string) pipeline.ColumnStat {
	t.Helper()
	values, _, _, err := r.ReadColumnByIndex(int64(i), r.GetNumRows())
	if err != nil {
		t.Fatal(err)
	}
	var s schemas.Stat
	for _, v := range values {
		switch v := v.(type) {
		case nil:
			s.AddNull()
		case bool:
			s.AddBool(v)
		case int32:
			s.AddInt(int64(v))
		case int64:
			s.AddInt(v)
		case float64:
			s.AddDouble(v)
		case string:
			s.AddBytes([]byte(v))
		default:
			t.Fatalf("column %s has a %T", name, v)
		}
	}
	return s.Column(name)
}

// What a file's reference says is what another implementation finds in it.
func TestReferencesHoldForAnotherReader(t *testing.T) {
	topic := batchtest.Random(21, 2500)
	rules := batchtest.Rules()
	job := batchtest.Process(t, batch.New(batch.Config{Memory: 1 << 20}), topic, rules, 0, t.TempDir())
	for _, f := range batchtest.Files(job.Results) {
		b, err := os.ReadFile(f.Path)
		if err != nil {
			t.Fatal(err)
		}
		if sum := sha256.Sum256(b); f.SHA256 != hex.EncodeToString(sum[:]) || f.Bytes != int64(len(b)) {
			t.Errorf("%s: %d bytes with hash %x, the reference says %d and %s", f.Path, len(b), sum, f.Bytes, f.SHA256)
		}
		r, err := reader.NewParquetColumnReader(inMemory{bytes.NewReader(b)}, 1)
		if err != nil {
			t.Fatalf("%s: %v", f.Path, err)
		}
		if r.GetNumRows() != f.Rows {
			t.Errorf("%s: %d rows, the reference says %d", f.Path, r.GetNumRows(), f.Rows)
		}
		wantColumns := len(job.Schema.Fields) + 4
		if f.Kind != pipeline.CleanFile {
			wantColumns = 2
		}
		if len(f.Columns) != wantColumns {
			t.Errorf("%s: %d columns have statistics, want %d", f.Path, len(f.Columns), wantColumns)
		}
		for i, want := range f.Columns {
			if got := restat(t, r, i, want.Name); got != want {
				t.Errorf("%s: column %+v, the reference says %+v", f.Path, got, want)
			}
		}
		r.ReadStop()
	}
}

// More dates than may be open: files are closed and begun anew, and nothing is
// lost by it.
func TestManyDates(t *testing.T) {
	topic := batchtest.Topic{}
	for i := range 200 {
		day := batchtest.Start.AddDate(0, 0, -(i*7)%45)
		topic.Add(0, batchtest.Start.UnixMilli(), batchtest.Event(i, map[string]any{"event_time": day.Format(time.RFC3339)}))
	}
	run := func() []pipeline.File {
		return batchtest.Files(batchtest.Process(t, batch.New(batch.Config{ChunkRows: 100}), topic, batchtest.Rules(), 0, t.TempDir()).Results)
	}
	files := run()
	seen := map[int64]bool{}
	for _, row := range batchtest.ReadRows(t, files) {
		seen[row.Offset()] = true
	}
	if len(seen) != 200 || pipeline.SumRows(files) != 200 {
		t.Errorf("%d records are in %d staged rows, want 200 in as many", len(seen), pipeline.SumRows(files))
	}
	parts := map[string]int{}
	for _, f := range files {
		parts[f.Partition]++
	}
	if len(parts) != 45 || len(files) <= 45 {
		t.Errorf("%d partitions in %d files, want 45 in more", len(parts), len(files))
	}
	again := run()
	for i, f := range files {
		if f.SHA256 != again[i].SHA256 || filepath.Base(f.Path) != filepath.Base(again[i].Path) {
			t.Errorf("a repeat wrote %s otherwise", f.Path)
		}
	}
}

func TestPartitions(t *testing.T) {
	tests := map[string]struct {
		event any // time of the event
		rules func(*batch.Rules)
		part  string
		file  string
	}{
		"by the event's day in UTC": {"2026-11-23T23:30:00-01:00", func(*batch.Rules) {}, "event_date=2026-11-24", "clean-2026-11-24-0.parquet"},
		"before the epoch":          {-1, func(*batch.Rules) {}, "event_date=1969-12-31", "clean-1969-12-31-0.parquet"},
		"no event time declared":    {"2026-11-23T23:30:00Z", func(r *batch.Rules) { r.EventTime = "" }, "", "clean-none-0.parquet"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			topic := changed(1, map[int]map[string]any{0: {"event_time": tc.event}})
			rules := batchtest.Rules()
			tc.rules(&rules)
			files := batchtest.Files(batchtest.Process(t, batch.New(batch.Config{}), topic, rules, 0, t.TempDir()).Results)
			if len(files) != 1 || files[0].Partition != tc.part || filepath.Base(files[0].Path) != tc.file {
				t.Errorf("staged are %+v, want %s in %q", files, tc.file, tc.part)
			}
		})
	}
}

func TestNullEventTimeHasItsOwnPartition(t *testing.T) {
	s, err := schemas.Parse([]byte(`{"type":"record","name":"x","fields":[{"name":"at","type":["null",{"type":"long","logicalType":"timestamp-micros"}]}]}`))
	if err != nil {
		t.Fatal(err)
	}
	topic := batchtest.Topic{}
	topic.Add(0, 0, []byte(`{}`))
	job := batch.EvaluateJob{Batch: topic.Batch(), Schema: s, Rules: batch.Rules{EventTime: "at"}, Dir: t.TempDir()}
	res, err := batch.New(batch.Config{}).Process(t.Context(), topic, batchtest.ShardJob(job, pipeline.Shard{Ranges: job.Batch.Ranges}), func(batch.Progress) error { return nil })
	if err != nil || len(res.Files) != 1 || res.Files[0].Partition != "event_date=__HIVE_DEFAULT_PARTITION__" {
		t.Errorf("Process = %+v, %v", res, err)
	}
	if rows := batchtest.ReadRows(t, res.Files); rows[0]["at"] != nil || rows[0][pipeline.ColLate] != false {
		t.Errorf("row %v", rows[0])
	}
}

// A record may be large, also larger than a chunk; one beyond the limit is
// malformed, and whole.
func TestLargeRecords(t *testing.T) {
	topic := batchtest.Topic{}
	for i, n := range []int{10, 300_000, 999_000, 1_000_001, 10} {
		topic.Add(0, batchtest.Start.UnixMilli(), batchtest.Event(i, map[string]any{"name": strings.Repeat("x", n)}))
	}
	job := batchtest.Process(t, batch.New(batch.Config{Memory: 1 << 20, MaxRecordBytes: 1_000_000}), topic, batchtest.Rules(), 0, t.TempDir())
	bad := batchtest.ReadRows(t, batchtest.Files(job.Results, pipeline.MalformedFile))
	if len(bad) != 1 || bad[0].Offset() != 3 || !bytes.Equal(bad[0][pipeline.ColRaw].([]byte), topic[0][3].Value) {
		t.Fatalf("%d records are malformed, want offset 3 whole", len(bad))
	}
	if r := batchtest.Reasons(t, bad[0])[0]; !strings.Contains(r.Detail, "engine.max_record_bytes") {
		t.Errorf("reason %+v doesn't name the setting", r)
	}
}

// Two attempts at one shard may run at the same time, and a third may have
// died before.
func TestTwins(t *testing.T) {
	topic := batchtest.Random(22, 2000)
	dir := t.TempDir()
	results := make([]batch.Result, 4)
	var wg sync.WaitGroup
	for i := range results {
		wg.Add(1)
		go func() {
			defer wg.Done()
			job := batch.EvaluateJob{Batch: topic.Batch(), Schema: batchtest.Customers(), Rules: batchtest.Rules(), Dir: dir}
			res, err := batch.New(batch.Config{}).Process(t.Context(), topic, batchtest.ShardJob(job, pipeline.Shard{Ranges: job.Batch.Ranges}), func(batch.Progress) error { runtime.Gosched(); return nil })
			if err != nil {
				t.Error(err)
			}
			results[i] = res
		}()
	}
	wg.Wait()
	for _, r := range results[1:] {
		if !reflect.DeepEqual(r, results[0]) {
			t.Errorf("twins differ:\n%+v\n%+v", r, results[0])
		}
	}
	for _, f := range results[0].Files {
		b, err := os.ReadFile(f.Path)
		if sum := sha256.Sum256(b); err != nil || hex.EncodeToString(sum[:]) != f.SHA256 {
			t.Errorf("%s is not what its reference says: %v", f.Path, err)
		}
	}
	noLeftovers(t, filepath.Dir(results[0].Profile))
}

func noLeftovers(t *testing.T, dir string) {
	t.Helper()
	left, err := filepath.Glob(filepath.Join(dir, ".*"))
	if err != nil || len(left) > 0 {
		t.Errorf("left over are %v, %v", left, err)
	}
}

// Wherever the disk runs full, the pass ends with a fault that says so, leaves
// nothing half-written, and succeeds once there is space.
func TestDiskFull(t *testing.T) {
	topic := batchtest.Random(23, 1200)
	job := batch.EvaluateJob{Batch: topic.Batch(), Schema: batchtest.Customers(), Rules: batchtest.Rules(), Dir: t.TempDir()}
	shard := batchtest.ShardJob(job, pipeline.Shard{Ranges: job.Batch.Ranges})
	process := func(e batch.Engine) (batch.Result, error) {
		return e.Process(t.Context(), topic, shard, func(batch.Progress) error { return nil })
	}
	full := 0
	var bytes int64
	for ; ; bytes += 1 + bytes/3 {
		e := batch.Limit(batch.New(batch.Config{ChunkRows: 100, Memory: 1 << 20}), bytes, &os.PathError{Op: "write", Path: "x", Err: syscall.ENOSPC})
		_, err := process(e)
		if err == nil {
			break
		}
		full++
		if pipeline.KindOf(err) != pipeline.Transient || !strings.Contains(err.Error(), "free space") || !strings.Contains(err.Error(), "DATA_DIR") {
			t.Fatalf("%d bytes: %v", bytes, err)
		}
		noLeftovers(t, shard.Dir)
		if _, err := os.Stat(filepath.Join(shard.Dir, "profile.json")); err == nil {
			t.Fatalf("%d bytes: there is a profile, though the shard isn't whole", bytes)
		}
	}
	if full < 10 {
		t.Errorf("the disk ran full only %d times", full)
	}
	res, err := process(batch.New(batch.Config{}))
	if err != nil || pipeline.SumRows(res.Files) != int64(len(topic.Records())) {
		t.Errorf("Process = %+v, %v", res, err)
	}
}

// The same on a real file system, where one can be mounted.
func TestDiskFullForReal(t *testing.T) {
	dir := t.TempDir()
	if err := mountSmall(dir); err != nil {
		t.Skipf("mounting a small tmpfs needs root: %v", err)
	}
	t.Cleanup(func() {
		if err := unmount(dir); err != nil {
			t.Error(err)
		}
	})
	topic := batchtest.Random(24, 4000)
	job := batch.EvaluateJob{Batch: topic.Batch(), Schema: batchtest.Customers(), Rules: batchtest.Rules(), Dir: dir}
	_, err := batch.New(batch.Config{}).Process(t.Context(), topic, batchtest.ShardJob(job, pipeline.Shard{Ranges: job.Batch.Ranges}), func(batch.Progress) error { return nil })
	if pipeline.KindOf(err) != pipeline.Transient || !strings.Contains(fmt.Sprint(err), "free space") {
		t.Errorf("Process = %v, want a fault about space", err)
	}
}

func TestStagingThatCannotBe(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	topic := changed(1, nil)
	job := batch.EvaluateJob{Batch: topic.Batch(), Schema: batchtest.Customers(), Rules: batchtest.Rules(), Dir: file}
	_, err := batch.New(batch.Config{}).Process(t.Context(), topic, batchtest.ShardJob(job, pipeline.Shard{Ranges: job.Batch.Ranges}), func(batch.Progress) error { return nil })
	if pipeline.KindOf(err) != pipeline.Misconfigured || !strings.Contains(err.Error(), "DATA_DIR") {
		t.Errorf("Process below a file = %v, want a Misconfigured fault that names DATA_DIR", err)
	}
}
