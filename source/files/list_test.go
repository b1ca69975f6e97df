package files

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/autonomous-data-pipeline/adp/pipeline"
)

func mkdir(t testing.TB, dir string) {
	t.Helper()
	require.NoError(t, os.MkdirAll(dir, 0o755))
}

// arrivals is a topic with the files that a test puts there.
type arrivals struct {
	t      *testing.T
	dir    string
	source *Source
}

func newArrivals(t *testing.T, change func(*Config)) *arrivals {
	t.Helper()
	dir := t.TempDir()
	mkdir(t, filepath.Join(dir, "topic"))
	return &arrivals{t: t, dir: dir, source: newTestSource(t, dir, change)}
}

func (a *arrivals) path(name string) string { return filepath.Join(a.dir, "topic", name) }

// put makes a file of a time in seconds.
func (a *arrivals) put(name, text string, at int64) {
	a.t.Helper()
	mkdir(a.t, filepath.Dir(a.path(name)))
	put(a.t, a.path(name), []byte(text), time.Unix(at, 0))
}

func (a *arrivals) remove(name string) {
	a.t.Helper()
	require.NoError(a.t, os.Remove(a.path(name)))
}

func (a *arrivals) list() []pipeline.Range {
	a.t.Helper()
	log, err := a.source.List(a.t.Context(), "topic", nil)
	require.NoError(a.t, err)
	return log
}

func (a *arrivals) all() []string {
	a.t.Helper()
	log := a.list()
	var out []string
	for _, r := range log {
		got, err := readAll(a.t, a.source, "topic", r)
		require.NoError(a.t, err)
		out = append(out, got...)
	}
	return out
}

func (a *arrivals) fails(kind pipeline.Kind, parts ...string) {
	a.t.Helper()
	_, err := a.source.List(a.t.Context(), "topic", nil)
	wantFault(a.t, err, kind, parts...)
}

func wantFault(t *testing.T, err error, kind pipeline.Kind, parts ...string) {
	t.Helper()
	require.Error(t, err)
	require.Equal(t, kind, pipeline.KindOf(err), err)
	for _, part := range parts {
		require.ErrorContains(t, err, part)
	}
}

func TestFilesAreTakenInTheOrderOfTimeThenName(t *testing.T) {
	a := newArrivals(t, nil)
	a.put("c.ndjson", "3\n4\n", 20)
	a.put("b.ndjson", "2\n", 20)
	a.put("z.ndjson", "1\n", 10)
	require.Equal(t, []string{"1", "2", "3", "4"}, a.all())
	a.put("a.ndjson", "5\n", 1) // older, but later to arrive
	a.put("empty.ndjson", "", 2)
	a.put("sub/day=1/a.csv", "x\n6\n", 3)
	require.Equal(t, []string{"1", "2", "3", "4", "5", `{"x":"6"}`}, a.all())
	require.Equal(t, []pipeline.Range{{Start: 0, End: 6}}, a.list())
}

func TestWhatIsStillBeingWrittenWaits(t *testing.T) {
	a := newArrivals(t, func(c *Config) { c.Settle = time.Hour })
	a.put("old.ndjson", "1\n", 10)
	a.put("new.ndjson", "2\n", time.Now().Unix())
	for _, name := range []string{".hidden.ndjson", "_part.ndjson", "x.ndjson.tmp", "_dir/x.ndjson", ".dir/x.ndjson"} {
		a.put(name, "no\n", 10)
	}
	require.Equal(t, []string{"1"}, a.all())
	a.put("new.ndjson", "2\n3\n", 20) // complete
	require.Equal(t, []string{"1", "2", "3"}, a.all())
	require.NoError(t, os.Rename(a.path("_part.ndjson"), a.path("part.ndjson")))
	require.Equal(t, []string{"1", "2", "3", "no"}, a.all())
}

func TestAPatternSaysWhichFilesAreMeant(t *testing.T) {
	a := newArrivals(t, func(c *Config) { c.Pattern, c.Format = "orders-*.txt", CSV })
	a.put("README.md", "read me", 10)
	a.put("orders-1.txt", "x\n1\n", 10)
	require.Equal(t, []string{`{"x":"1"}`}, a.all())
}

func TestAFileOfUnknownFormatIsNotPassedOverInSilence(t *testing.T) {
	a := newArrivals(t, nil)
	a.put("customers.txt", "1\n", 10)
	a.fails(pipeline.Misconfigured, "customers.txt", "source.files.pattern", "source.files.format")
	a.remove("customers.txt")
	a.put("x.parquet.gz", "1\n", 10)
	a.fails(pipeline.Misconfigured, "x.parquet.gz", "without gzip")
}

func TestAFileThatChangedIsNamed(t *testing.T) {
	tests := map[string]struct {
		text string
		at   int64
		fine bool
	}{
		"grown":                             {"1\n2\n3\n", 30, false},
		"grown, with its old time":          {"1\n2\n3\n", 20, false},
		"another content of the same size":  {"1\n9\n", 30, false},
		"the same content with a new time":  {"1\n2\n", 30, true},
		"the same content, restored as was": {"1\n2\n", 20, true},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			a := newArrivals(t, nil)
			a.put("a.ndjson", "1\n2\n", 20)
			a.list()
			a.put("a.ndjson", tc.text, tc.at)
			if tc.fine {
				require.Equal(t, []string{"1", "2"}, a.all())
				return
			}
			a.fails(pipeline.BadData, "a.ndjson", "offsets 0 to 2", "a name of its own")
			got, err := readAll(t, a.source, "topic", pipeline.Range{End: 2})
			wantFault(t, err, pipeline.BadData, "a.ndjson")
			require.Empty(t, got)
			a.put("a.ndjson", "1\n2\n", 20)
			require.Equal(t, []string{"1", "2"}, a.all())
		})
	}
}

func TestRecordsHaveTheTimeAtWhichTheirFileWasTaken(t *testing.T) {
	a := newArrivals(t, nil)
	a.put("a.ndjson", "1\n", 20)
	a.list()
	a.put("a.ndjson", "1\n", 99)
	a.list()
	x, err := openIndex(t.Context(), a.source.config.Index)
	require.NoError(t, err)
	defer func() { require.NoError(t, x.close()) }()
	require.NoError(t, x.files(t.Context(), "topic", 0, everything, func(f taken) error {
		require.Equal(t, int64(20), f.stamp.Unix())
		require.Equal(t, int64(99), f.modified.Unix())
		return nil
	}))
}

func TestAFileThatIsGoneLeavesAHoleUntilItComesBack(t *testing.T) {
	a := newArrivals(t, nil)
	for i := range 3 {
		a.put(fmt.Sprintf("%d.ndjson", i), "1\n2\n", int64(i))
	}
	a.list()
	a.remove("1.ndjson")
	require.Equal(t, []pipeline.Range{{Start: 0, End: 2}, {Start: 4, End: 6}}, a.list())
	_, err := readAll(t, a.source, "topic", pipeline.Range{End: 6})
	wantFault(t, err, pipeline.BadData, "1.ndjson", "gone", "offsets 2 to 4")
	a.put("1.ndjson", "1\n2\n", 1)
	require.Equal(t, []pipeline.Range{{Start: 0, End: 6}}, a.list())
}

func TestADamagedFileIsNamedAndMayBeMended(t *testing.T) {
	whole := zipped(t, []byte(strings.Repeat("12345\n", 1000)))
	table := parquetFile(t, [][]byte{[]byte("a"), []byte("b")}, 1)
	for name, data := range map[string][]byte{
		"cut.ndjson.gz":    whole[:len(whole)-9],
		"no.ndjson.gz":     []byte("plain text"),
		"empty.ndjson.gz":  {},
		"cut.parquet":      table[:len(table)-5],
		"no.parquet":       []byte("PAR1 but not really PAR1"),
		"empty.parquet":    {},
		"nonames.csv":      []byte("a,a\n1,2\n"),
		"sub/nonames2.csv": []byte(",\n"),
	} {
		t.Run(name, func(t *testing.T) {
			a := newArrivals(t, nil)
			a.put("good.ndjson", "1\n", 5)
			a.put(name, string(data), 10)
			a.fails(pipeline.BadData, name, "mend the file")
			require.NoError(t, os.Rename(a.path(name), filepath.Join(filepath.Dir(a.path(name)), "_"+filepath.Base(name))))
			require.Equal(t, []string{"1"}, a.all())
		})
	}
}

func TestALostIndexIsNotMadeAnewUnderACheckpoint(t *testing.T) {
	a := newArrivals(t, nil)
	a.put("a.ndjson", "1\n2\n", 20)
	a.list()
	require.NoError(t, os.Remove(a.source.config.Index))
	_, err := a.source.List(t.Context(), "topic", pipeline.Checkpoint{0: 2})
	wantFault(t, err, pipeline.Misconfigured, "source.files.index", "restore")
	_, err = a.source.List(t.Context(), "topic", pipeline.Checkpoint{0: 2})
	wantFault(t, err, pipeline.Misconfigured, "source.files.index")
}

func TestWhatIsWrongWithAPlaceNamesItsSetting(t *testing.T) {
	tests := map[string]struct {
		change  func(a *arrivals, c *Config)
		topic   string
		kind    pipeline.Kind
		setting string
	}{
		"no such topic":              {nil, "other", pipeline.Misconfigured, "source.topic"},
		"a topic outside":            {nil, "../topic", pipeline.Misconfigured, "source.topic"},
		"the path itself":            {nil, ".", pipeline.Misconfigured, "source.topic"},
		"no such path":               {func(_ *arrivals, c *Config) { c.Path += "/nowhere" }, "topic", pipeline.Misconfigured, "FILES_PATH"},
		"a topic that is a file":     {func(a *arrivals, c *Config) { put(a.t, filepath.Join(c.Path, "f"), nil, time.Now()) }, "f", pipeline.Misconfigured, "source.topic"},
		"an index that is no index":  {func(a *arrivals, c *Config) { put(a.t, c.Index, []byte(strings.Repeat("no index", 999)), time.Now()) }, "topic", pipeline.Misconfigured, "source.files.index"},
		"an index below a file":      {func(a *arrivals, c *Config) { put(a.t, c.Path+"/f", nil, time.Now()); c.Index = c.Path + "/f/x.db" }, "topic", pipeline.Misconfigured, "f/x.db"},
		"an index that is a folder":  {func(a *arrivals, c *Config) { mkdir(a.t, c.Index) }, "topic", pipeline.Misconfigured, "source.files.index"},
		"an index of another format": {func(a *arrivals, c *Config) { future(a.t, c.Index) }, "topic", pipeline.Misconfigured, "older than the index"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			a := newArrivals(t, nil)
			if tc.change != nil {
				tc.change(a, &a.source.config)
				a.source = newTestSource(t, a.source.config.Path, func(c *Config) { *c = a.source.config })
			}
			_, err := a.source.Bounds(t.Context(), tc.topic)
			wantFault(t, err, tc.kind, tc.setting)
			_, err = readAll(t, a.source, tc.topic, pipeline.Range{End: 1})
			require.Equal(t, tc.kind, pipeline.KindOf(err), err)
		})
	}
}

// future makes an index of a format that is not known yet.
func future(t testing.TB, path string) {
	t.Helper()
	x, err := openIndex(context.WithoutCancel(t.Context()), path)
	require.NoError(t, err)
	_, err = x.db.Exec("PRAGMA user_version = 7")
	require.NoError(t, errors.Join(err, x.close()))
}

// offsetsOf are the files' ranges, by name.
func offsetsOf(t testing.TB, path string) map[string]pipeline.Range {
	t.Helper()
	x, err := openIndex(context.WithoutCancel(t.Context()), path)
	require.NoError(t, err)
	out := map[string]pipeline.Range{}
	next := int64(0)
	require.NoError(t, x.files(context.WithoutCancel(t.Context()), "topic", 0, everything, func(f taken) error {
		require.Equal(t, next, f.start, "offsets follow each other")
		next = f.end()
		out[f.name] = pipeline.Range{Start: f.start, End: f.end()}
		return nil
	}))
	require.NoError(t, x.close())
	return out
}

// Twins on one index, while files arrive: each file gets one range, for good.
func TestTwinsGiveEachFileOneRange(t *testing.T) {
	a := newArrivals(t, nil)
	const n = 60
	var wg sync.WaitGroup
	for range 4 {
		s := newTestSource(t, a.dir, func(c *Config) { c.Index = a.source.config.Index })
		wg.Go(func() {
			for i := 0; i < n; {
				log, err := s.List(context.WithoutCancel(t.Context()), "topic", nil)
				if err != nil {
					t.Error(err)
					return
				}
				i = int(log[len(log)-1].End) / 3
			}
		})
	}
	seen := map[string]pipeline.Range{}
	for i := range n {
		a.put("_x", "1\n2\n3\n", int64(i))
		require.NoError(t, os.Rename(a.path("_x"), a.path(fmt.Sprintf("%d.ndjson", i%7*1000+i))))
		for name, r := range offsetsOf(t, a.source.config.Index) {
			if was, ok := seen[name]; ok {
				require.Equal(t, was, r, name)
			}
			seen[name] = r
		}
	}
	wg.Wait()
	require.Len(t, offsetsOf(t, a.source.config.Index), n)
}

// helperDir is set in the process that TestKill kills.
const helperDir = "ADP_FILES_TEST_DIR"

func TestMain(m *testing.M) {
	if dir := os.Getenv(helperDir); dir != "" {
		os.Exit(listForever(dir))
	}
	os.Exit(m.Run())
}

// listForever lets a file arrive and lists, again and again.
func listForever(dir string) int {
	c := DefaultConfig()
	c.Path, c.Index = dir, filepath.Join(dir, "index.db")
	s, err := New(c, Options{})
	for i := 0; err == nil; i++ {
		name := filepath.Join(dir, "topic", fmt.Sprintf("%d-%d.ndjson", os.Getpid(), i))
		if err = os.WriteFile(name, []byte("1\n2\n"), 0o644); err == nil {
			err = os.Chtimes(name, time.Unix(int64(i), 0), time.Unix(int64(i), 0))
		}
		if err == nil {
			_, err = s.List(context.Background(), "topic", nil)
		}
		if i == 0 {
			fmt.Println("listing")
		}
	}
	fmt.Fprintln(os.Stderr, err)
	return 1
}

// A process that is killed in the middle leaves an index that goes on.
func TestKill(t *testing.T) {
	a := newArrivals(t, nil)
	a.source.config.Index = filepath.Join(a.dir, "index.db")
	seen := map[string]pipeline.Range{}
	for i := range 8 {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), helperDir+"="+a.dir)
		out, err := cmd.StdoutPipe()
		require.NoError(t, err)
		require.NoError(t, cmd.Start())
		_, err = out.Read(make([]byte, 1)) // it is at work
		require.NoError(t, err)
		select { // the kill comes anywhere in its work: each time is as good as another
		case <-time.After(time.Duration(i*7) * time.Millisecond):
		case <-t.Context().Done():
		}
		require.NoError(t, cmd.Process.Kill())
		_ = cmd.Wait() // killed
		for name, was := range seen {
			require.Equal(t, was, offsetsOf(t, a.source.config.Index)[name], name)
		}
		a.list()
		seen = offsetsOf(t, a.source.config.Index)
	}
	require.GreaterOrEqual(t, len(seen), 8)
	require.Len(t, a.all(), 2*len(seen))
}

func TestConfigIsCheckedAtOnce(t *testing.T) {
	c := Config{Path: "ftp://x", Pattern: "[", Format: "xml", Settle: -1, Delimiter: "ab"}
	err := c.Validate()
	for _, setting := range []string{settingPath, settingPattern, settingFormat, settingSettle, settingIndex, settingDelimiter} {
		require.ErrorContains(t, err, setting)
	}
	require.Equal(t, pipeline.Misconfigured, pipeline.KindOf(err))
	c = DefaultConfig()
	c.Path, c.Index = "/x", "/y"
	require.NoError(t, c.Validate())
	for _, d := range []string{"", "\"", "\n", "é"} {
		c.Delimiter = d
		require.ErrorContains(t, c.Validate(), settingDelimiter)
	}
}
