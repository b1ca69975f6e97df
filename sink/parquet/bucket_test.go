package parquet

import (
	"context"
	"errors"
	"fmt"
	"io"
	"testing"

	"gocloud.dev/blob/memblob"

	"github.com/autonomous-data-pipeline/adp/pipeline"
	"github.com/autonomous-data-pipeline/adp/sink"
	"github.com/autonomous-data-pipeline/adp/sink/sinktest"
	"github.com/autonomous-data-pipeline/adp/sink/store"
)

// inMemory is a table in a bucket of this process.
func inMemory() func() *Sink {
	all := memblob.OpenBucket(nil)
	under := func(prefix, setting string) store.Store {
		return store.InBucket(all, store.Place{Bucket: "mem://x", Path: prefix}, setting)
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
			Damage: damage(func() store.Store { return open().table }),
		}
	})
}

// damage does to a bucket's first data file what a table must notice.
func damage(table func() store.Store) map[string]func() error {
	change := func(how func(data []byte) []byte) func() error {
		return func() error {
			st, ctx := table(), context.Background()
			name, err := firstData(ctx, st)
			if err != nil {
				return err
			}
			data, err := store.ReadFile(ctx, st, name)
			if err != nil {
				return err
			}
			if data = how(data); data == nil {
				return st.Remove(ctx, []string{name})
			}
			return st.Replace(ctx, name, data)
		}
	}
	return map[string]func() error{
		"a flipped byte":  change(func(data []byte) []byte { data[len(data)/3] ^= 0x10; return data }),
		"a missing file":  change(func([]byte) []byte { return nil }),
		"an emptied file": change(func([]byte) []byte { return []byte{} }),
	}
}

func firstData(ctx context.Context, st store.Store) (string, error) {
	found := ""
	err := st.Walk(ctx, ".", func(name string) error { found = name; return errFound })
	if !errors.Is(err, errFound) {
		return "", fmt.Errorf("no data file was found: %w", err)
	}
	return found, nil
}

// failing is a bucket whose conditional puts report an error after they were
// made: the answer was lost on its way.
type failing struct {
	store.Store
	err error
}

func (f failing) Create(ctx context.Context, name, by string, data []byte, step func(string)) (bool, error) {
	if _, err := f.Store.Create(ctx, name, by, data, step); err != nil {
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
	left, err := s.table.Leftovers(t.Context(), store.PendingDir, s.now())
	if err != nil || len(left) != 1 {
		t.Errorf("the attempt's folders are %v, %v, want one", left, err)
	}
}

// lost is a bucket whose conditional puts don't arrive, yet.
type lost struct{ store.Store }

func (l lost) Create(context.Context, string, string, []byte, func(string)) (bool, error) {
	return true, io.ErrUnexpectedEOF
}

// TestALateCopyIsCleanedUp has a file return that a rollback had removed.
func TestALateCopyIsCleanedUp(t *testing.T) {
	s := inMemory()()
	l, r := loadNext(t, s)
	name := store.NameIn(s.table, r.Table[0].Path)
	data, err := store.ReadFile(t.Context(), s.table, name)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Rollback(t.Context(), l.Batch.ID, "test"); err != nil {
		t.Fatal(err)
	}
	if err := s.table.Replace(t.Context(), name, data); err != nil {
		t.Fatal(err)
	}
	removed, err := s.Cleanup(t.Context(), 0)
	if err != nil || len(removed) != 1 || removed[0] != r.Table[0].Path {
		t.Errorf("removed %v, %v, want %s", removed, err, r.Table[0].Path)
	}
}
