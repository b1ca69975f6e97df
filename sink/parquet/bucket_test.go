package parquet

import (
	"context"
	"errors"
	"fmt"
	"io"
	"testing"

	"gocloud.dev/blob"
	"gocloud.dev/blob/memblob"

	"github.com/autonomous-data-pipeline/adp/pipeline"
	"github.com/autonomous-data-pipeline/adp/sink"
	"github.com/autonomous-data-pipeline/adp/sink/sinktest"
)

// inMemory is a table in a bucket of this process.
func inMemory() func() *Sink {
	all := memblob.OpenBucket(nil)
	under := func(prefix, setting string) store {
		return bucket{b: blob.PrefixedBucket(all, prefix+"/"), url: "mem://x/" + prefix, setting: setting}
	}
	return func() *Sink {
		return newSink("mem://x/out/customers", under("out/customers", settingPath), under("quarantine", settingQuarantine))
	}
}

// unclosed keeps a bucket open that many handles share.
type unclosed struct{ *Sink }

func (unclosed) Close() error { return nil }

func TestConformanceInABucket(t *testing.T) {
	sinktest.Run(t, func(t *testing.T) sinktest.Harness {
		t.Parallel()
		open := inMemory()
		return sinktest.Harness{
			Open:   func() (sink.Sink, error) { return unclosed{open()}, nil },
			Damage: damage(func() store { return open().table }),
		}
	})
}

// damage does to a bucket's first data file what a table must notice.
func damage(table func() store) map[string]func() error {
	change := func(how func(data []byte) []byte) func() error {
		return func() error {
			st, ctx := table(), context.Background()
			name, err := firstData(ctx, st)
			if err != nil {
				return err
			}
			data, err := readFile(ctx, st, name)
			if err != nil {
				return err
			}
			if data = how(data); data == nil {
				return st.remove(ctx, []string{name})
			}
			return st.replace(ctx, name, data)
		}
	}
	return map[string]func() error{
		"a flipped byte":  change(func(data []byte) []byte { data[len(data)/3] ^= 0x10; return data }),
		"a missing file":  change(func([]byte) []byte { return nil }),
		"an emptied file": change(func([]byte) []byte { return []byte{} }),
	}
}

func firstData(ctx context.Context, st store) (string, error) {
	found := ""
	err := st.walk(ctx, ".", func(name string) error { found = name; return errFound })
	if !errors.Is(err, errFound) {
		return "", fmt.Errorf("no data file was found: %w", err)
	}
	return found, nil
}

// failing is a bucket whose conditional puts report an error after they were
// made: the answer was lost on its way.
type failing struct {
	store
	err error
}

func (f failing) create(ctx context.Context, name, by string, data []byte, step func(string)) (bool, error) {
	if _, err := f.store.create(ctx, name, by, data, step); err != nil {
		return true, err
	}
	return true, f.err
}

func TestALostAnswerIsLookedUp(t *testing.T) {
	s := inMemory()()
	s.table = failing{s.table, io.ErrUnexpectedEOF}
	s.log.store = s.table
	_, r := loadNext(t, s)
	if r.Sequence != 1 || r.Repeated {
		t.Errorf("the receipt is %+v, want the first commit's", r)
	}
}

// TestAnUnsureCommitKeepsItsFiles holds that a put that may still arrive finds
// the files that it names.
func TestAnUnsureCommitKeepsItsFiles(t *testing.T) {
	s := inMemory()()
	s.log.store = lost{s.table}
	l := sinktest.Stage(t, t.TempDir(), sinktest.Spec{Ranges: []pipeline.Range{{End: 10}}})
	if _, err := s.Load(t.Context(), l); pipeline.KindOf(err) != pipeline.Transient || err == nil {
		t.Fatalf("error is %v, want a transient fault", err)
	}
	left, err := s.table.leftovers(t.Context(), pendingDir, s.now())
	if err != nil || len(left) != 1 {
		t.Errorf("the attempt's folders are %v, %v, want one", left, err)
	}
}

// lost is a bucket whose conditional puts don't arrive, yet.
type lost struct{ store }

func (l lost) create(context.Context, string, string, []byte, func(string)) (bool, error) {
	return true, io.ErrUnexpectedEOF
}

// TestALateCopyIsCleanedUp has a file return that a rollback had removed.
func TestALateCopyIsCleanedUp(t *testing.T) {
	s := inMemory()()
	l, r := loadNext(t, s)
	name := nameIn(s.table, r.Table[0].Path)
	data, err := readFile(t.Context(), s.table, name)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Rollback(t.Context(), l.Batch.ID, "test"); err != nil {
		t.Fatal(err)
	}
	if err := s.table.replace(t.Context(), name, data); err != nil {
		t.Fatal(err)
	}
	removed, err := s.Cleanup(t.Context(), 0)
	if err != nil || len(removed) != 1 || removed[0] != r.Table[0].Path {
		t.Errorf("removed %v, %v, want %s", removed, err, r.Table[0].Path)
	}
}

func TestTheQuarantineStaysWithTheTable(t *testing.T) {
	tests := map[string]struct{ dir, want string }{
		"a folder's is a folder":           {"/lake", "/data/quarantine/t"},
		"a bucket's is in the bucket":      {"s3://lake/out", "s3://lake/out/_quarantine/t"},
		"the bucket's parameters are kept": {"s3://lake?region=x", "s3://lake/_quarantine/t?region=x"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			if got := (Config{Dir: tc.dir}).Beside("/data/quarantine/t", "_quarantine/t"); got != tc.want {
				t.Errorf("the quarantine is %s, want %s", got, tc.want)
			}
		})
	}
}

func TestPlaces(t *testing.T) {
	tests := map[string]struct {
		config Config
		table  string
		inside bool // quarantine and table contain each other
	}{
		"a prefix of a bucket":               {Config{Dir: "s3://lake/out?region=x", Table: "t", QuarantineDir: "s3://lake/q"}, "s3://lake/out/t", false},
		"a whole bucket":                     {Config{Dir: "s3://lake", Table: "t", QuarantineDir: "s3://lake/q/"}, "s3://lake/t", false},
		"quarantine in the table's prefix":   {Config{Dir: "s3://lake/out", Table: "t", QuarantineDir: "s3://lake/out/t/q"}, "s3://lake/out/t", true},
		"the table in the quarantine bucket": {Config{Dir: "s3://lake/out", Table: "t", QuarantineDir: "s3://lake"}, "s3://lake/out/t", true},
		"the same prefix of another bucket":  {Config{Dir: "s3://lake/out", Table: "t", QuarantineDir: "s3://other/out/t"}, "s3://lake/out/t", false},
		"a bucket and a folder":              {Config{Dir: "s3://lake/out", Table: "t", QuarantineDir: "/out/t"}, "s3://lake/out/t", false},
		"a folder":                           {Config{Dir: "file:///out", Table: "t", QuarantineDir: "/q"}, "/out/t", false},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			table, quarantine := tc.config.table(), tc.config.quarantine()
			if table.String() != tc.table {
				t.Errorf("the table is in %s, want %s", table, tc.table)
			}
			if got := within(table, quarantine) || within(quarantine, table); got != tc.inside {
				t.Errorf("containing each other is %v, want %v", got, tc.inside)
			}
		})
	}
}

// code is an error as a cloud's SDK gives it.
type code string

func (c code) Error() string     { return string(c) }
func (c code) ErrorCode() string { return string(c) }

func TestFaultsOfABucket(t *testing.T) {
	b := bucket{url: "s3://lake/out", setting: settingPath}
	for text, want := range map[string]pipeline.Kind{
		"NoSuchBucket": pipeline.Misconfigured, "InvalidAccessKeyId": pipeline.Misconfigured, "SignatureDoesNotMatch": pipeline.Misconfigured,
		"AccessDenied": pipeline.Misconfigured, "ExpiredToken": pipeline.Misconfigured, "SlowDown": pipeline.Transient, "InternalError": pipeline.Transient,
	} {
		if err := b.fault(code(text), "put"); pipeline.KindOf(err) != want {
			t.Errorf("%s gives %v, want kind %s", text, err, want)
		}
	}
	if err := b.fault(context.Canceled, "put"); !errors.Is(err, context.Canceled) || errors.As(err, new(*pipeline.Fault)) {
		t.Errorf("the end of a context gives %v, want itself", err)
	}
}
