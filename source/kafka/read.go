package kafka

import (
	"cmp"
	"context"
	"errors"
	"slices"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/autonomous-data-pipeline/adp/pipeline"
	"github.com/autonomous-data-pipeline/adp/source"
)

// Read gives fn every record of the range, in offset order, a batch of the
// broker's at a time. One fetch is under way while fn works, so memory is
// bounded by three fetches and one uncompressed batch. The broker's answers,
// not the records, say how far a read has come: a range that ends in markers,
// aborted or compacted records ends like any other.
func (s *Source) Read(ctx context.Context, topic string, r pipeline.Range, fn func([]source.Record) error) error {
	if r.Len() == 0 {
		return nil
	}
	cl, err := s.connect()
	if err != nil {
		return err
	}
	defer cl.Close()
	fctx, cancel := context.WithCancel(ctx)
	f := newFetcher(s, cl, topic, r)
	answers := make(chan answer)
	go func() {
		defer close(answers)
		f.err = f.run(fctx, answers)
	}()
	err = newReader(s.config.Isolation, r).deliver(answers, fn)
	cancel()
	for range answers { // the fetcher stops before the client does
	}
	// An error of fn must come out as it went in.
	var theirs *callbackError
	if errors.As(err, &theirs) {
		return theirs.err
	}
	return s.fault(ctx, cmp.Or(err, f.err), "read topic %q partition %d from offset %d to %d", topic, r.Partition, r.Start, r.End)
}

// answer is what one fetch brought: whole batches only.
type answer struct {
	batches []byte
	aborted []kmsg.FetchResponseTopicPartitionAbortedTransaction // by first offset
}

type callbackError struct{ err error }

func (e *callbackError) Error() string { return e.err.Error() }

// reader turns answers into records.
type reader struct {
	committed bool
	next, end int64 // offsets below next were dealt with
	*decoder
}

func newReader(isolation string, r pipeline.Range) *reader {
	return &reader{committed: isolation == ReadCommitted, next: r.Start, end: r.End, decoder: newDecoder(r.Partition)}
}

// deliver returns when answers end or an error arises.
func (d *reader) deliver(answers <-chan answer, fn func([]source.Record) error) error {
	for a := range answers {
		if err := d.one(a, fn); err != nil {
			return err
		}
	}
	return nil
}

func (d *reader) one(a answer, fn func([]source.Record) error) error {
	filter := newFilter(d.committed, a.aborted)
	for rest := a.batches; ; {
		f, left, err := cut(rest)
		if err != nil || f == nil || f.first() >= d.end {
			return err
		}
		rest = left
		records, err := d.batch(f, filter)
		if err != nil {
			return corrupt(f, err)
		}
		d.next = max(d.next, f.last()+1)
		if len(records) == 0 {
			continue
		}
		if err := fn(records); err != nil {
			return &callbackError{err}
		}
	}
}

// batch is what is to be delivered of one batch.
func (d *reader) batch(f frame, filter *filter) ([]source.Record, error) {
	switch {
	case f.has(control):
		aborts, err := d.aborts(f)
		filter.marker(f, aborts)
		return nil, err
	case f.last() < d.next || filter.drops(f):
		return nil, f.check()
	}
	return d.decode(f, d.next, d.end)
}

// corrupt says what to do about a batch that can't be read. A wrong checksum
// may be mended by another replica; a batch that was written wrong stays so.
func corrupt(f frame, err error) error {
	kind := pipeline.BadData
	if errors.Is(err, errChecksum) {
		kind = pipeline.Transient
	}
	return pipeline.Faultf(kind,
		"take apart the batch of offsets %d to %d: %w; repair the partition from another replica, or delete its records up to offset %d",
		f.first(), f.last(), err, f.last()+1)
}

// filter drops the records of aborted transactions, by the list that came with
// the answer.
type filter struct {
	committed bool
	pending   []kmsg.FetchResponseTopicPartitionAbortedTransaction
	aborting  map[int64]bool // producers whose current transaction was aborted
}

func newFilter(committed bool, aborted []kmsg.FetchResponseTopicPartitionAbortedTransaction) *filter {
	pending := slices.SortedFunc(slices.Values(aborted), func(a, b kmsg.FetchResponseTopicPartitionAbortedTransaction) int {
		return cmp.Compare(a.FirstOffset, b.FirstOffset)
	})
	return &filter{committed: committed, pending: pending, aborting: map[int64]bool{}}
}

// upTo takes note of the aborted transactions that begin at or before offset.
func (f *filter) upTo(offset int64) {
	for len(f.pending) > 0 && f.pending[0].FirstOffset <= offset {
		f.aborting[f.pending[0].ProducerID] = true
		f.pending = f.pending[1:]
	}
}

// drops reports whether a batch of data belongs to an aborted transaction.
func (f *filter) drops(b frame) bool {
	f.upTo(b.last())
	return f.committed && b.has(transactional) && f.aborting[b.producer()]
}

// marker ends a producer's transaction.
func (f *filter) marker(b frame, aborts bool) {
	f.upTo(b.last())
	if aborts {
		delete(f.aborting, b.producer())
	}
}
