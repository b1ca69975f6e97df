package files

import (
	"cmp"
	"context"
	"errors"
	"path"
	"slices"
	"time"

	"github.com/autonomous-data-pipeline/adp/pipeline"
)

// takeLimit is how long one listing goes on taking files in. What is left has
// its turn in the next run: a backlog doesn't hold up the plan.
const takeLimit = 30 * time.Second

// How many files, and bytes of them, get their offsets at once: what a crash
// makes be counted again.
const (
	takeFiles = 256
	takeBytes = 256 << 20
)

// List takes in what has arrived, and gives the offsets of the files that are
// there. What has arrived is taken in the order of (modification time, name).
// An index that ends below the checkpoint isn't the one that it was made with:
// files would get other offsets, and be loaded twice or never.
func (s *Source) List(ctx context.Context, topic string, cp pipeline.Checkpoint) ([]pipeline.Range, error) {
	if err := s.checkTopic(topic); err != nil {
		return nil, err
	}
	there, err := s.listing(ctx, topic)
	if err != nil {
		return nil, err
	}
	x, err := openIndex(ctx, s.config.Index)
	if err != nil {
		return nil, err
	}
	defer func() { _ = x.close() }() // its transactions are committed
	end, err := x.end(ctx, topic)
	if err != nil {
		return nil, indexFault(err, "list the offsets of topic %q", topic)
	}
	if end < cp[0] {
		return nil, pipeline.Misconfiguredf(settingIndex,
			"list the offsets of topic %q: index %s ends at %d, the checkpoint is %d: it is not the index that the table was loaded with; restore that one, or give the files a new table", topic, s.config.Index, end, cp[0])
	}
	if err := s.takeNew(ctx, x, topic, there); err != nil {
		return nil, err
	}
	var log holes
	err = x.files(ctx, topic, 0, everything, func(t taken) error {
		_, ok := there[t.name]
		log.add(t, ok)
		return nil
	})
	return log.ranges(), indexFault(err, "list the offsets of topic %q", topic)
}

// listing are the files that are there, by name.
func (s *Source) listing(ctx context.Context, topic string) (map[string]entry, error) {
	there := map[string]entry{}
	err := s.store.list(ctx, topic, func(e entry) error {
		ok, err := path.Match(s.config.Pattern, path.Base(e.name))
		if ok {
			there[e.name] = e
		}
		return err
	})
	if gone(err) {
		return nil, s.noTopic(topic)
	}
	return there, s.store.fault(err, "list "+s.store.location(topic))
}

// takeNew gives offsets to files that have none, and checks the others.
func (s *Source) takeNew(ctx context.Context, x *index, topic string, there map[string]entry) error {
	fresh := map[string]entry{}
	for name, e := range there {
		fresh[name] = e
	}
	var touched []taken
	err := x.files(ctx, topic, 0, everything, func(t taken) error {
		if e, ok := fresh[t.name]; ok && !e.same(t.entry) {
			touched = append(touched, t)
		}
		delete(fresh, t.name)
		return nil
	})
	if err != nil {
		return indexFault(err, "list the files of topic %q", topic)
	}
	for _, t := range touched {
		if err := s.recheck(ctx, x, t, there[t.name]); err != nil {
			return err
		}
	}
	return s.take(ctx, x, topic, fresh)
}

// recheck compares a file whose time has changed by its content: copies and
// restored backups have other times.
func (s *Source) recheck(ctx context.Context, x *index, t taken, now entry) error {
	if now.size != t.size {
		return s.changed(t)
	}
	sum, err := s.sum(ctx, t.name)
	if gone(err) {
		return nil // since it was listed; the next listing knows
	}
	if err != nil {
		return s.unreadable(err, now)
	}
	if sum != t.sum {
		return s.changed(t)
	}
	return indexFault(x.touched(ctx, t.id, now.modified), "note the time of %s", t.name)
}

func (s *Source) take(ctx context.Context, x *index, topic string, fresh map[string]entry) error {
	began := time.Now()
	settled := began.Add(-s.config.Settle)
	var order []entry
	for _, e := range fresh {
		if !e.modified.After(settled) {
			order = append(order, e)
		}
	}
	slices.SortFunc(order, func(a, b entry) int {
		return cmp.Or(a.modified.Compare(b.modified), cmp.Compare(a.name, b.name))
	})
	var ready []counted
	var size int64
	for i, e := range order {
		f, ok, err := s.countWhole(ctx, topic, e)
		if err != nil {
			return errors.Join(err, indexFault(x.add(ctx, ready), "give offsets to files of topic %q", topic))
		}
		if ok {
			ready, size = append(ready, f), size+e.size
		}
		late := time.Since(began) > takeLimit
		if late || len(ready) >= takeFiles || size >= takeBytes || i+1 == len(order) {
			if err := x.add(ctx, ready); err != nil {
				return indexFault(err, "give offsets to files of topic %q", topic)
			}
			ready, size = ready[:0], 0
		}
		if late {
			return nil
		}
	}
	return nil
}

// countWhole counts a file. One that changes meanwhile is left for later.
func (s *Source) countWhole(ctx context.Context, topic string, e entry) (f counted, ok bool, err error) {
	n, marks, sum, err := s.count(ctx, e)
	now, serr := s.store.stat(ctx, e.name)
	if gone(err) || gone(serr) || (serr == nil && !now.same(e)) {
		return counted{}, false, nil
	}
	if err = cmp.Or(err, serr); err != nil {
		return counted{}, false, s.unreadable(err, e)
	}
	return counted{taken{entry: e, topic: topic, records: n, stamp: e.modified, sum: sum}, marks}, true, nil
}

// holes makes ranges of files in the order of their offsets.
type holes struct {
	out []pipeline.Range
	end int64
}

func (h *holes) add(t taken, there bool) {
	if last := len(h.out) - 1; there && t.records > 0 {
		if last >= 0 && h.out[last].End == t.start {
			h.out[last].End = t.end()
		} else {
			h.out = append(h.out, pipeline.Range{Start: t.start, End: t.end()})
		}
	}
	h.end = max(h.end, t.end())
}

// ranges end with one that says where the log does.
func (h *holes) ranges() []pipeline.Range {
	if last := len(h.out) - 1; last < 0 || h.out[last].End < h.end {
		h.out = append(h.out, pipeline.Range{Start: h.end, End: h.end})
	}
	return h.out
}
