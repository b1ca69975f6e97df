package files

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/pqarrow"
	"gocloud.dev/blob/fileblob"

	"github.com/autonomous-data-pipeline/adp/source/sourcetest"
)

// kind is a way to keep one event a file.
type kind struct {
	ending string
	file   func(t testing.TB, value []byte) []byte
	shape  func(value []byte) ([]byte, bool)
}

func asLine(value []byte) ([]byte, bool) {
	return value, len(value) > 0 && !bytes.ContainsAny(value, "\r\n")
}

// asField is a value in the column v, as encoding/json writes it.
func asField(value []byte) ([]byte, bool) {
	if !utf8.Valid(value) {
		return nil, false
	}
	text := "null"
	if value != nil {
		var b bytes.Buffer
		enc := json.NewEncoder(&b)
		enc.SetEscapeHTML(false)
		if err := enc.Encode(string(value)); err != nil {
			return nil, false
		}
		text = strings.NewReplacer(`\b`, `\u0008`, `\f`, `\u000c`, `\n`, `\u000a`, `\r`, `\u000d`, `\t`, `\u0009`, `\u2028`, "\u2028").Replace(strings.TrimSpace(b.String()))
	}
	return []byte(`{"v":` + text + `}`), true
}

func line(_ testing.TB, value []byte) []byte { return append(bytes.Clone(value), '\n') }

var kinds = map[string]kind{
	"ndjson": {".ndjson", line, asLine},
	"csv": {".csv", func(_ testing.TB, value []byte) []byte {
		return []byte("v\r\n\"" + strings.ReplaceAll(string(value), `"`, `""`) + "\"\r\n")
	}, func(value []byte) ([]byte, bool) {
		out, ok := asField(value)
		return out, ok && value != nil
	}},
	"parquet": {".parquet", func(t testing.TB, value []byte) []byte {
		return parquetFile(t, [][]byte{value}, 1)
	}, asField},
}

func zipped(t testing.TB, plain []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := z.Write(plain); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// parquetFile has one column v of strings, in row groups of so many rows.
func parquetFile(t testing.TB, values [][]byte, group int) []byte {
	t.Helper()
	schema := arrow.NewSchema([]arrow.Field{{Name: "v", Type: arrow.BinaryTypes.String, Nullable: true}}, nil)
	var b bytes.Buffer
	w, err := pqarrow.NewFileWriter(schema, &b, parquet.NewWriterProperties(), pqarrow.DefaultWriterProps())
	if err != nil {
		t.Fatal(err)
	}
	for len(values) > 0 {
		n := min(group, len(values))
		rows := array.NewRecordBuilder(memory.DefaultAllocator, schema)
		for _, v := range values[:n] {
			if v == nil {
				rows.Field(0).AppendNull()
				continue
			}
			rows.Field(0).(*array.StringBuilder).Append(string(v))
		}
		if err := w.Write(rows.NewRecordBatch()); err != nil {
			t.Fatal(err)
		}
		values = values[n:]
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// place is a folder that files arrive in.
type place struct {
	dir    string
	source *Source
	kind   kind
	topics int
	files  map[string]int // by topic
}

func newPlace(t *testing.T, k kind) *place {
	t.Helper()
	p := &place{dir: t.TempDir(), kind: k, files: map[string]int{}}
	p.source = newTestSource(t, p.dir, nil)
	return p
}

func newTestSource(t testing.TB, dir string, change func(*Config)) *Source {
	t.Helper()
	c := DefaultConfig()
	c.Path, c.Index = dir, filepath.Join(t.TempDir(), "index.db")
	if change != nil {
		change(&c)
	}
	s, err := New(c, Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func (p *place) newTopic(t *testing.T, _ int32) string {
	t.Helper()
	p.topics++
	name := fmt.Sprintf("topic-%d", p.topics)
	if err := os.Mkdir(filepath.Join(p.dir, name), 0o755); err != nil {
		t.Fatal(err)
	}
	return name
}

func (p *place) path(topic string, n int) string {
	return filepath.Join(p.dir, topic, fmt.Sprintf("f%06d%s", n, p.kind.ending))
}

// write makes a file for each event, whose time is the event's.
func (p *place) write(t *testing.T, topic string, _ int32, events []sourcetest.Event) {
	t.Helper()
	last := int64(0)
	for _, e := range events {
		if e.TimestampMs < last { // else it would be taken before the one that was written before
			p.take(t, topic)
		}
		last = e.TimestampMs
		put(t, p.path(topic, p.files[topic]), p.kind.file(t, e.Value), time.UnixMilli(e.TimestampMs))
		p.files[topic]++
	}
	p.take(t, topic)
}

func (p *place) take(t *testing.T, topic string) {
	t.Helper()
	if _, err := p.source.Bounds(t.Context(), topic); err != nil {
		t.Fatal(err)
	}
}

func put(t testing.TB, path string, data []byte, at time.Time) {
	t.Helper()
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(path, at, at); err != nil {
		t.Fatal(err)
	}
}

func (p *place) remove(t *testing.T, topic string, from, to int64) {
	t.Helper()
	for n := from; n < to; n++ {
		if err := os.Remove(p.path(topic, int(n))); err != nil {
			t.Fatal(err)
		}
	}
}

func (p *place) harness() sourcetest.Harness {
	return sourcetest.Harness{
		Source: p.source, NewTopic: p.newTopic, Append: p.write, OnePartition: true, NoWaiting: true,
		DeleteBefore: func(t *testing.T, topic string, _ int32, offset int64) { p.remove(t, topic, 0, offset) },
		DeleteMiddle: p.remove,
		Shape: func(e sourcetest.Event) (sourcetest.Event, bool) {
			value, ok := p.kind.shape(e.Value)
			return sourcetest.Event{Value: value, TimestampMs: e.TimestampMs}, ok
		},
	}
}

func TestConformance(t *testing.T) {
	for name, k := range kinds {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sourcetest.Run(t, newPlace(t, k).harness())
		})
	}
}

// A bucket that is kept in a folder, so that its objects' times can be set.
func TestConformanceInABucket(t *testing.T) {
	t.Parallel()
	p := newPlace(t, kinds["ndjson"])
	b, err := fileblob.OpenBucket(p.dir, &fileblob.Options{Metadata: fileblob.MetadataDontWrite})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.Close() })
	p.source = newSource(p.source.config, Options{}, bucket{b: b, url: "mem://x"})
	h := p.harness()
	// Object storage knows no empty folders, and whole seconds only.
	h.NewTopic = func(t *testing.T, n int32) string {
		topic := p.newTopic(t, n)
		if err := b.WriteAll(context.WithoutCancel(t.Context()), topic+"/_made", nil, nil); err != nil {
			t.Fatal(err)
		}
		return topic
	}
	shape := h.Shape
	h.Shape = func(e sourcetest.Event) (sourcetest.Event, bool) {
		e.TimestampMs -= e.TimestampMs % 1000
		return shape(e)
	}
	sourcetest.Run(t, h)
}
