package ledger

import (
	"cmp"
	"errors"
	"maps"
	"slices"

	"github.com/autonomous-data-pipeline/adp/pipeline"
	"github.com/autonomous-data-pipeline/adp/schemas"
	"github.com/autonomous-data-pipeline/adp/sink"
)

// ErrBroken is a record that doesn't follow the one before it.
var ErrBroken = errors.New("it doesn't follow the record before it: the log was changed by hand, or restored in part")

// State is the records folded up to a commit. It is immutable, and small:
// entries are references to records. The zero value is an empty log.
type State struct {
	Format        int                 `json:"format"`
	Sequence      int64               `json:"sequence"`
	Tip           string              `json:"tip"` // ID of the last record
	Pipeline      string              `json:"pipeline,omitempty"`
	Topic         string              `json:"topic,omitempty"`
	Checkpoint    pipeline.Checkpoint `json:"checkpoint"`
	Schema        *schemas.Schema     `json:"schema,omitempty"`
	SchemaVersion int                 `json:"schema_version"`
	Covered       []pipeline.Range    `json:"covered"`
	Gaps          []Gap               `json:"gaps,omitempty"`
	Open          []Ref               `json:"open,omitempty"` // batches with something outside the table, oldest first
	Last          Ref                 `json:"last"`           // the last load
	LastUndone    bool                `json:"last_undone,omitempty"`
	Expired       sink.Expired        `json:"expired,omitzero"`
}

// Ref points to a batch's commits: its load, then its settlements.
type Ref struct {
	BatchID string  `json:"batch_id"`
	Commits []int64 `json:"commits"`
}

// Revision is the commit that last changed the batch.
func (r Ref) Revision() int64 { return r.Commits[len(r.Commits)-1] }

// Gap is a range that a load found gone.
type Gap struct {
	pipeline.Range
	Sequence int64 `json:"sequence"` // of the load that found it
}

// Public is what a sink's State gives.
func (st *State) Public() sink.State {
	return sink.State{
		Sequence: st.Sequence, Pipeline: st.Pipeline, Topic: st.Topic, Checkpoint: maps.Clone(st.Checkpoint), Schema: st.Schema, SchemaVersion: st.SchemaVersion,
		Expired: st.Expired,
	}
}

// Missing are the ranges that loads found gone, merged and ordered.
func (st *State) Missing() []pipeline.Range {
	ranges := make([]pipeline.Range, 0, len(st.Gaps))
	for _, g := range st.Gaps {
		ranges = append(ranges, g.Range)
	}
	return merged(ranges)
}

// entry is the open entry of a batch.
func (st *State) entry(batchID string) (Ref, bool) {
	i := slices.IndexFunc(st.Open, func(r Ref) bool { return r.BatchID == batchID })
	if i < 0 {
		return Ref{}, false
	}
	return st.Open[i], true
}

// Fold is the state after one more commit; ErrBroken if it isn't the next one.
func (st *State) Fold(rec *Record) (*State, error) {
	if rec.Sequence != st.Sequence+1 || rec.Previous != st.Tip {
		return nil, ErrBroken
	}
	next := *st
	next.Format, next.Sequence, next.Tip = Format, rec.Sequence, rec.ID
	next.Pipeline, next.Topic = rec.Batch.Pipeline, rec.Batch.Topic
	next.Checkpoint, next.Schema, next.SchemaVersion = rec.Checkpoint, rec.Schema, rec.SchemaVersion
	this := Ref{BatchID: rec.Batch.ID, Commits: append(slices.Clone(rec.Commits), rec.Sequence)}
	next.Open = stillOpen(st.Open, this, rec)
	switch rec.Kind {
	case KindLoad:
		next.Covered = merged(append(slices.Clone(st.Covered), rec.Batch.Ranges...))
		next.Gaps = withGaps(st.Gaps, rec)
		next.Last, next.LastUndone = this, false
	case KindSettle, KindExpire:
		if st.Last.BatchID == this.BatchID {
			next.Last = this
		}
		if rec.Expired > 0 {
			next.Expired = sink.Expired{
				Ranges:  merged(append(slices.Clone(st.Expired.Ranges), rec.Batch.Ranges...)),
				Records: st.Expired.Records + rec.Expired,
			}
		}
	case KindRollback:
		load := rec.Commits[0]
		next.Covered = pipeline.Subtract(st.Covered, rec.Batch.Ranges)
		next.Gaps = slices.DeleteFunc(slices.Clone(st.Gaps), func(g Gap) bool { return g.Sequence == load })
		next.LastUndone = true
	}
	return &next, nil
}

// stillOpen is the list of open entries after rec. An entry keeps its place, so
// the list stays in the order of the loads.
func stillOpen(open []Ref, this Ref, rec *Record) []Ref {
	stays := len(rec.Rejects)+len(rec.Held) > 0
	at := slices.IndexFunc(open, func(r Ref) bool { return r.BatchID == this.BatchID })
	switch {
	case at < 0 && !stays:
		return open
	case at < 0:
		return append(slices.Clone(open), this)
	case stays:
		open = slices.Clone(open)
		open[at] = this
		return open
	default:
		return slices.Delete(slices.Clone(open), at, at+1)
	}
}

// withGaps adds what the load found gone. A gap that is known already isn't
// added again: a quiet partition reports it with every load.
func withGaps(known []Gap, rec *Record) []Gap {
	out := slices.Clone(known)
	for _, r := range rec.Gaps {
		if !slices.ContainsFunc(out, func(g Gap) bool { return g.Range == r }) {
			out = append(out, Gap{Range: r, Sequence: rec.Sequence})
		}
	}
	return out
}

// merged orders ranges and joins those that touch.
func merged(ranges []pipeline.Range) []pipeline.Range {
	slices.SortFunc(ranges, func(a, b pipeline.Range) int {
		return cmp.Or(cmp.Compare(a.Partition, b.Partition), cmp.Compare(a.Start, b.Start))
	})
	out := ranges[:0]
	for _, r := range ranges {
		if n := len(out); n > 0 && out[n-1].Partition == r.Partition && r.Start <= out[n-1].End {
			out[n-1].End = max(out[n-1].End, r.End)
			continue
		}
		out = append(out, r)
	}
	return out
}
