package console

import (
	"cmp"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/autonomous-data-pipeline/adp/ops"
	"github.com/autonomous-data-pipeline/adp/pipeline"
	"github.com/autonomous-data-pipeline/adp/sink"
)

// The bounds of one look into quarantine.
const (
	maxRecords  = 200              // records of a page
	maxScanned  = 1_000_000        // records looked through for a page and its counts
	maxShown    = 4096             // bytes of a record's raw value
	maxReasons  = 100              // kinds of reason that are counted by name
	lookLimit   = 20 * time.Second // for any of it
	defaultPage = 50
)

// RecordQuery picks records of a quarantine entry. Empty fields match anything.
type RecordQuery struct {
	Reason string // a reason's code
	Field  string // that a reason names
	Text   string // in the raw value, whatever its case
	After  string // partition:offset of the last record of the page before
	Limit  int    // 0 is 50; at most 200
}

// Record is a quarantined record, ready to be shown.
type Record struct {
	Partition int32             `json:"partition"`
	Offset    int64             `json:"offset"`
	Timestamp time.Time         `json:"timestamp"`
	Raw       string            `json:"raw"`
	Binary    bool              `json:"binary,omitempty"` // raw is hexadecimal: its bytes are no text
	Cut       bool              `json:"cut,omitempty"`    // raw is the beginning
	Reasons   []pipeline.Reason `json:"reasons"`
}

// Place is the record's partition:offset.
func (r Record) Place() string { return fmt.Sprintf("%d:%d", r.Partition, r.Offset) }

// ReasonCount is how many records have one kind of reason.
type ReasonCount struct {
	Code    string `json:"code"`
	Field   string `json:"field,omitempty"`
	Records int64  `json:"records"`
}

// RecordPage is a page of an entry's records, in the order of its files.
type RecordPage struct {
	Entry    sink.Entry    `json:"entry"`
	Records  []Record      `json:"records"`
	Next     string        `json:"next,omitempty"` // After of the next page
	Reasons  []ReasonCount `json:"reasons"`        // of all that were looked through, the most frequent first
	Scanned  int64         `json:"scanned"`
	Complete bool          `json:"complete"` // the whole entry was looked through
}

// Quarantine lists what a pipeline's table keeps out, oldest first; of every
// declared pipeline if the name is empty. A table that can't be read is an
// error, and those of other pipelines are listed all the same.
func (d *Desk) Quarantine(ctx context.Context, name string) ([]sink.Entry, error) {
	names := []string{name}
	if name == "" {
		var err error
		if names, err = d.Config.Names(); err != nil {
			return nil, err
		}
	}
	all := []sink.Entry{}
	var errs []error
	for _, n := range names {
		found, err := d.entries(ctx, n)
		if err != nil {
			errs = append(errs, fmt.Errorf("look into the quarantine of %s: %w", n, err))
		}
		all = append(all, found...)
	}
	return all, errors.Join(errs...)
}

func (d *Desk) entries(ctx context.Context, name string) ([]sink.Entry, error) {
	snk, err := d.Sink(name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = snk.Close() }() // only read
	return snk.Entries(ctx)
}

// Entry finds one batch's quarantine. One that isn't there is ops.ErrNotFound.
func (d *Desk) Entry(ctx context.Context, name, batchID string) (sink.Entry, error) {
	all, err := d.entries(ctx, name)
	if err != nil {
		return sink.Entry{}, err
	}
	i := slices.IndexFunc(all, func(e sink.Entry) bool { return e.BatchID == batchID })
	if i < 0 {
		return sink.Entry{}, fmt.Errorf("%w: batch %q of %s has nothing in quarantine: it was settled, or the ID is wrong", ops.ErrNotFound, batchID, name)
	}
	return all[i], nil
}

// errEnough ends a look before its end.
var errEnough = errors.New("enough")

// Records gives a page of an entry's suspect and malformed records, and counts
// their reasons, within bounds.
func (d *Desk) Records(ctx context.Context, name, batchID string, q RecordQuery) (RecordPage, error) {
	l, err := q.look()
	if err != nil {
		return RecordPage{}, err
	}
	if l.page.Entry, err = d.Entry(ctx, name, batchID); err != nil {
		return RecordPage{}, err
	}
	snk, err := d.Sink(name)
	if err != nil {
		return RecordPage{}, err
	}
	defer func() { _ = snk.Close() }() // only read
	bounded, cancel := context.WithTimeout(ctx, lookLimit)
	defer cancel()
	err = snk.Rejects(bounded, l.page.Entry, l.take)
	l.page.Complete = err == nil
	if ctx.Err() == nil && (errors.Is(err, errEnough) || errors.Is(err, context.DeadlineExceeded)) {
		err = nil
	}
	l.page.Reasons = l.counts.list()
	return l.page, err
}

// look is one walk through an entry.
type look struct {
	query  RecordQuery
	passed bool // the page before is behind it
	page   RecordPage
	counts reasonCounts
}

func (q RecordQuery) look() (*look, error) {
	if q.Limit <= 0 {
		q.Limit = defaultPage
	}
	q.Limit, q.Text = min(q.Limit, maxRecords), strings.ToLower(q.Text)
	if q.After != "" {
		partition, offset, ok := strings.Cut(q.After, ":")
		_, perr := strconv.ParseInt(partition, 10, 32)
		_, oerr := strconv.ParseInt(offset, 10, 64)
		if !ok || perr != nil || oerr != nil {
			return nil, pipeline.Faultf(pipeline.BadData, "list records after %q: it must be partition:offset", q.After)
		}
	}
	return &look{query: q, passed: q.After == "", page: RecordPage{Records: []Record{}}, counts: reasonCounts{}}, nil
}

func (l *look) take(r pipeline.Reject) error {
	if l.page.Scanned == maxScanned {
		return errEnough
	}
	l.page.Scanned++
	l.counts.add(r.Reasons)
	if !l.passed {
		l.passed = fmt.Sprintf("%d:%d", r.Partition, r.Offset) == l.query.After
		return nil
	}
	if !l.query.matches(r) {
		return nil
	}
	if len(l.page.Records) == l.query.Limit {
		l.page.Next = l.page.Records[len(l.page.Records)-1].Place()
		return nil // the rest is counted
	}
	l.page.Records = append(l.page.Records, recordOf(r))
	return nil
}

func (q RecordQuery) matches(r pipeline.Reject) bool {
	if q.Text != "" && !strings.Contains(strings.ToLower(string(r.Raw)), q.Text) {
		return false
	}
	if q.Reason == "" && q.Field == "" {
		return true
	}
	return slices.ContainsFunc(r.Reasons, func(x pipeline.Reason) bool {
		return (q.Reason == "" || x.Code == q.Reason) && (q.Field == "" || x.Field == q.Field)
	})
}

func recordOf(r pipeline.Reject) Record {
	out := Record{Partition: r.Partition, Offset: r.Offset, Timestamp: time.UnixMilli(r.TimestampMs).UTC(), Reasons: r.Reasons}
	out.Raw, out.Binary, out.Cut = shown(r.Raw)
	return out
}

// shown is a raw value as text, within bounds.
func shown(raw []byte) (text string, binary, cut bool) {
	if cut = len(raw) > maxShown; cut {
		raw = raw[:maxShown]
		for len(raw) > maxShown-utf8.UTFMax && !utf8.Valid(raw) { // a character was cut
			raw = raw[:len(raw)-1]
		}
	}
	if utf8.Valid(raw) {
		return string(raw), false, cut
	}
	return hex.EncodeToString(raw), true, cut
}

// reasonCounts counts records by what their reasons are. Names come from data,
// so they are bounded: the rest counts as one.
type reasonCounts map[ReasonCount]int64

func (c reasonCounts) add(reasons []pipeline.Reason) {
	seen := map[ReasonCount]bool{}
	for _, r := range reasons {
		k := ReasonCount{Code: r.Code, Field: r.Field}
		if _, known := c[k]; !known && len(c) >= maxReasons {
			k = ReasonCount{Code: "other"}
		}
		if !seen[k] {
			seen[k] = true
			c[k]++
		}
	}
}

func (c reasonCounts) list() []ReasonCount {
	out := make([]ReasonCount, 0, len(c))
	for k, n := range c {
		k.Records = n
		out = append(out, k)
	}
	slices.SortFunc(out, func(a, b ReasonCount) int {
		return cmp.Or(cmp.Compare(b.Records, a.Records), cmp.Compare(a.Code, b.Code), cmp.Compare(a.Field, b.Field))
	})
	return out
}
