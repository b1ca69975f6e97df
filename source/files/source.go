// Package files reads files that arrive in a folder, or in a bucket: NDJSON,
// CSV and Parquet. Each file that has settled gets a range of offsets of its
// own, in the order of arrival; an index remembers which, and a file keeps its
// range for good. Files are only read: it moves, changes and removes none. A
// record is a JSON object; the source parses it no further than its format
// asks for.
package files

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"path/filepath"
	"strings"

	"github.com/autonomous-data-pipeline/adp/pipeline"
	"github.com/autonomous-data-pipeline/adp/source"
)

// Source is a folder of topics. It is safe for concurrent use.
type Source struct {
	config  Config
	options Options
	store   store
}

var (
	_ source.Source = (*Source)(nil)
	_ source.Lister = (*Source)(nil)
)

// defaultRecordBytes is the engine's own default.
const defaultRecordBytes = 16 << 20

// New checks the configuration. It reads nothing yet.
func New(c Config, o Options) (*Source, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	st, err := c.open()
	if err != nil {
		return nil, err
	}
	return newSource(c, o, st), nil
}

func newSource(c Config, o Options, st store) *Source {
	if o.MaxRecordBytes <= 0 {
		o.MaxRecordBytes = defaultRecordBytes
	}
	return &Source{config: c, options: o, store: st}
}

// Close lets go of the bucket.
func (s *Source) Close() error { return s.store.close() }

// Publish does nothing: there are no consumer groups, and the folder is only
// read.
func (s *Source) Publish(context.Context, string, string, pipeline.Checkpoint) error { return nil }

// Bounds takes in what has arrived, as List does. There is one partition, 0.
func (s *Source) Bounds(ctx context.Context, topic string) (map[int32]source.Bounds, error) {
	log, err := s.List(ctx, topic, nil)
	if err != nil {
		return nil, err
	}
	return map[int32]source.Bounds{0: {Start: log[0].Start, End: log[len(log)-1].End}}, nil
}

// Read gives fn the records of the range's files. A file that is gone, or isn't
// the one that it was, is a BadData fault, before fn gets any of its records.
func (s *Source) Read(ctx context.Context, topic string, r pipeline.Range, fn func([]source.Record) error) error {
	if err := s.checkTopic(topic); err != nil {
		return err
	}
	if r.Partition != 0 {
		return pipeline.Misconfiguredf(settingTopic, "read topic %q partition %d: files have the partition 0 alone", topic, r.Partition)
	}
	if r.Len() == 0 {
		return nil
	}
	what := fmt.Sprintf("read topic %q from offset %d to %d", topic, r.Start, r.End)
	x, err := openIndex(ctx, s.config.Index)
	if err != nil {
		return err
	}
	defer func() { _ = x.close() }() // only read
	parts, err := s.parts(ctx, x, topic, r)
	if err != nil {
		return indexFault(err, "%s", what)
	}
	if len(parts) == 0 || parts[len(parts)-1].end() < r.End {
		if err := s.exists(ctx, topic); err != nil {
			return err
		}
	}
	if err := s.present(ctx, parts); err != nil {
		return err
	}
	d := source.NewDelivery(fn)
	next := r.Start
	for _, p := range parts {
		if err := s.readFile(ctx, x, p, r, d); err != nil {
			return err
		}
		next = min(r.End, p.end())
	}
	if next < r.End {
		return pipeline.Faultf(pipeline.Transient, "%s: files with offsets from %d on haven't arrived", what, next)
	}
	return nil
}

// parts are the files that have offsets in the range.
func (s *Source) parts(ctx context.Context, x *index, topic string, r pipeline.Range) ([]taken, error) {
	var parts []taken
	err := x.files(ctx, topic, r.Start, r.End, func(t taken) error {
		if t.records > 0 && t.end() > r.Start {
			parts = append(parts, t)
		}
		return nil
	})
	return parts, err
}

// present checks that all files of a read are there before the first is read.
func (s *Source) present(ctx context.Context, parts []taken) error {
	for _, p := range parts {
		if err := s.unchanged(ctx, p); err != nil {
			return err
		}
	}
	return nil
}

func (s *Source) unchanged(ctx context.Context, t taken) error {
	now, err := s.store.stat(ctx, t.name)
	switch {
	case gone(err):
		return pipeline.Faultf(pipeline.BadData, "read %s: it is gone, and offsets %d to %d with it: put it back, or let the next run go on behind it", s.store.location(t.name), t.start, t.end())
	case err != nil:
		return s.store.fault(err, "look at "+s.store.location(t.name))
	case !now.same(t.entry):
		return s.changed(t)
	}
	return nil
}

// changed is what to say of a file that isn't the one that has the offsets.
func (s *Source) changed(t taken) error {
	return pipeline.Faultf(pipeline.BadData,
		"read %s: it has changed since it got offsets %d to %d on %s: put the file back as it was, or remove it, and let the new one arrive under a name of its own (setting: %s)",
		s.store.location(t.name), t.start, t.end(), t.stamp.UTC().Format("2006-01-02 15:04:05"), settingPath)
}

func (s *Source) readFile(ctx context.Context, x *index, t taken, r pipeline.Range, to *source.Delivery) error {
	from := max(r.Start, t.start) - t.start
	m, err := x.before(ctx, t.id, from)
	if err != nil {
		return indexFault(err, "look up %s", t.name)
	}
	d, err := s.decode(ctx, t.name, from, m)
	if err != nil {
		return s.unreadable(err, t.entry)
	}
	err = s.deliver(ctx, d, t, t.start+from, min(r.End, t.end()), to)
	if cerr := d.close(); err == nil && cerr != nil {
		err = s.unreadable(cerr, t.entry)
	}
	if err != nil {
		return err
	}
	return s.unchanged(ctx, t) // what was read is what was counted
}

func (s *Source) deliver(ctx context.Context, d decoder, t taken, offset, end int64, to *source.Delivery) error {
	for ; offset < end; offset++ {
		value, err := d.next()
		if err == io.EOF { //nolint:errorlint // a decoder's io.EOF is never wrapped
			return s.changed(t) // it had more records
		}
		if err != nil {
			return s.unreadable(err, t.entry)
		}
		if err := to.Add(ctx, offset, t.stamp.UnixMilli(), value); err != nil {
			return err
		}
	}
	return to.Flush(ctx)
}

// unreadable is an error that a file's content gave, or the way to it.
func (s *Source) unreadable(err error, e entry) error {
	attempted := "read " + s.store.location(e.name)
	if damaged(err) {
		return pipeline.Faultf(pipeline.BadData, "%s: %w: mend the file, or take it out of the folder; a name that begins with an underscore is passed over", attempted, err)
	}
	return s.store.fault(err, attempted)
}

func (s *Source) exists(ctx context.Context, topic string) error {
	err := s.store.list(ctx, topic, func(entry) error { return io.EOF })
	if gone(err) {
		return s.noTopic(topic)
	}
	if err != nil && !errors.Is(err, io.EOF) {
		return s.store.fault(err, "list "+s.store.location(topic))
	}
	return nil
}

func (s *Source) noTopic(topic string) error {
	return pipeline.Misconfiguredf(settingTopic, "list %s: there is no such folder: make it, or correct source.topic or %s", s.store.location(topic), settingPath)
}

// checkTopic keeps a topic's name a folder below the path.
func (s *Source) checkTopic(topic string) error {
	if topic == "." || !filepath.IsLocal(filepath.FromSlash(topic)) || strings.Contains(topic, `\`) {
		return pipeline.Misconfiguredf(settingTopic, "read topic %q: it must be the name of a folder below %s", topic, settingPath)
	}
	return nil
}

// everything is a range that all offsets lie in.
const everything = math.MaxInt64
