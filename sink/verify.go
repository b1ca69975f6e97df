package sink

import (
	"context"
	"fmt"
	"slices"

	"github.com/autonomous-data-pipeline/adp/pipeline"
)

// Offsets reads the offsets of a range's records from the topic, in order.
type Offsets func(ctx context.Context, r pipeline.Range, fn func(offset int64) error) error

// Misplaced is a record that isn't in exactly one place.
type Misplaced struct {
	Partition int32 `json:"partition"`
	Offset    int64 `json:"offset"`
	Found     int   `json:"found"` // how often the sink holds it: 0 is lost, 2 and more is doubled
}

// maxNamed bounds the records that an account names; it counts them all.
const maxNamed = 1000

// Account is where every record of a topic was found.
type Account struct {
	Checkpoint pipeline.Checkpoint `json:"checkpoint"`
	Topic      int64               `json:"topic"` // records that the topic still has below the checkpoint
	Table      int64               `json:"table"`
	Quarantine int64               `json:"quarantine"`
	Held       int64               `json:"held"`
	Expired    int64               `json:"expired"` // held by the sink, and gone from the topic since
	Removed    int64               `json:"removed"` // still in the topic, and taken out of quarantine by a retention
	Gaps       []pipeline.Range    `json:"gaps,omitempty"`
	Lost       int64               `json:"lost"`
	Doubled    int64               `json:"doubled"`
	Strange    int64               `json:"strange"` // in the sink, but not in any range that it loaded, or not in the topic
	Named      []Misplaced         `json:"named,omitempty"`
}

// Balanced reports whether every record is in exactly one place.
func (a Account) Balanced() bool { return a.Lost == 0 && a.Doubled == 0 && a.Strange == 0 }

// Verify recounts, from the data files and the topic themselves, that every
// record of what the sink has loaded is in exactly one place. log has each
// partition's readable offsets, ordered by partition and start: what retention
// took can't be compared. It needs a byte of memory an offset.
func Verify(ctx context.Context, s Sink, log []pipeline.Range, read Offsets) (Account, error) {
	state, err := s.State(ctx)
	if err != nil {
		return Account{}, err
	}
	v := &verifier{account: Account{Checkpoint: state.Checkpoint}, expired: state.Expired}
	if v.account.Gaps, err = s.Gaps(ctx); err != nil {
		return Account{}, err
	}
	if v.covered, err = s.Covered(ctx); err != nil {
		return Account{}, err
	}
	for _, r := range v.covered {
		v.found = append(v.found, make([]uint8, r.Len()))
	}
	if err := s.Locate(ctx, v.locate); err != nil {
		return Account{}, fmt.Errorf("locate the sink's records: %w", err)
	}
	for i := range v.covered {
		if err := v.compare(ctx, i, log, read); err != nil {
			return Account{}, fmt.Errorf("compare with the topic: %w", err)
		}
	}
	v.remove()
	return v.account, nil
}

type verifier struct {
	account Account
	expired Expired
	missing int64 // records of the expired ranges that weren't found
	covered []pipeline.Range
	found   [][]uint8 // by covered range, by offset: how often the sink holds it
}

func (v *verifier) locate(place Place, partition int32, offset int64) error {
	switch place {
	case InTable:
		v.account.Table++
	case InQuarantine:
		v.account.Quarantine++
	case InHeld:
		v.account.Held++
	}
	for i, r := range v.covered {
		if r.Contains(partition, offset) {
			if n := &v.found[i][offset-r.Start]; *n < 255 {
				*n++
			}
			return nil
		}
	}
	v.account.Strange++
	v.name(partition, offset, 1)
	return nil
}

// compare walks one covered range: what the topic has must have been found
// once; what it hasn't (control and aborted records) must not.
func (v *verifier) compare(ctx context.Context, i int, log []pipeline.Range, read Offsets) error {
	r, found := v.covered[i], v.found[i]
	next := r.Start
	for _, there := range readable(r, log) {
		for ; next < there.Start; next++ {
			v.gone(r.Partition, next, found[next-r.Start])
		}
		err := read(ctx, there, func(off int64) error {
			for ; next < off; next++ {
				v.hole(r.Partition, next, found[next-r.Start])
			}
			next = off + 1
			v.account.Topic++
			v.record(r.Partition, off, found[off-r.Start])
			return nil
		})
		if err != nil {
			return err
		}
		for ; next < there.End; next++ {
			v.hole(r.Partition, next, found[next-r.Start])
		}
	}
	for ; next < r.End; next++ {
		v.gone(r.Partition, next, found[next-r.Start])
	}
	return nil
}

// readable are the parts of r that the log still has, in order. Its last range
// counts as open: what was loaded can't lie beyond the log's end, so a record
// that isn't there is looked for, not taken for one that retention took.
func readable(r pipeline.Range, log []pipeline.Range) []pipeline.Range {
	var out []pipeline.Range
	for i, l := range log {
		if l.Partition != r.Partition {
			continue
		}
		if i+1 == len(log) || log[i+1].Partition != l.Partition {
			l.End = r.End
		}
		if part := (pipeline.Range{Partition: r.Partition, Start: max(r.Start, l.Start), End: min(r.End, l.End)}); part.Len() > 0 {
			out = append(out, part)
		}
	}
	return out
}

// record accounts for an offset at which the topic has a record.
func (v *verifier) record(p int32, off int64, n uint8) {
	switch {
	case n == 0 && v.mayBeExpired(p, off):
		v.missing++
		return
	case n == 0:
		v.account.Lost++
	case n > 1:
		v.account.Doubled++
	default:
		return
	}
	v.name(p, off, int(n))
}

func (v *verifier) mayBeExpired(p int32, off int64) bool {
	return slices.ContainsFunc(v.expired.Ranges, func(r pipeline.Range) bool { return r.Contains(p, off) })
}

// remove tells what a retention took from what was lost. It took so many
// records of its ranges, and which they were it didn't keep: one more than that
// is missing is lost.
func (v *verifier) remove() {
	v.account.Removed = min(v.missing, v.expired.Records)
	v.account.Lost += v.missing - v.account.Removed
}

// hole accounts for an offset at which the topic has none.
func (v *verifier) hole(p int32, off int64, n uint8) {
	if n > 0 {
		v.account.Strange++
		v.name(p, off, int(n))
	}
}

// gone accounts for an offset that retention has taken since it was loaded.
func (v *verifier) gone(p int32, off int64, n uint8) {
	if n == 0 {
		return // a hole, as far as anyone can still tell
	}
	v.account.Expired++
	if n > 1 {
		v.account.Doubled++
		v.name(p, off, int(n))
	}
}

func (v *verifier) name(p int32, off int64, n int) {
	if len(v.account.Named) < maxNamed {
		v.account.Named = append(v.account.Named, Misplaced{Partition: p, Offset: off, Found: n})
	}
}
