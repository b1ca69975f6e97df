// Package ledger is what a table's commits mean: the record of each, the state
// that they fold to, and which commit may follow on a state. It holds the
// pipeline's first promise for every sink: fences, repeats, conservation and
// settlements are decided here, once. It does no I/O; a sink brings the place
// where records are kept, appends them under compare-and-swap together with the
// data, and moves the data.
package ledger

import (
	"regexp"
	"slices"
	"time"

	"github.com/autonomous-data-pipeline/adp/pipeline"
	"github.com/autonomous-data-pipeline/adp/schemas"
	"github.com/autonomous-data-pipeline/adp/sink"
)

// Format is the version of records and states. Another version is refused: an
// older program must not guess what a newer one meant.
const Format = 1

// Kind is what a commit is.
type Kind string

// The kinds of a commit.
const (
	KindLoad     Kind = "load"
	KindSettle   Kind = "settle"
	KindRollback Kind = "rollback"
	KindExpire   Kind = "expire"
)

// Record is one commit. It is never changed once it is there.
type Record struct {
	Format   int       `json:"format"`
	Sequence int64     `json:"sequence"` // 1, 2, 3, … without holes
	ID       string    `json:"id"`       // of the attempt that made it
	Previous string    `json:"previous"` // ID of the record before
	Kind     Kind      `json:"kind"`
	At       time.Time `json:"at"`

	RunID         string              `json:"run_id"` // of the batch's load
	Batch         pipeline.Batch      `json:"batch"`
	Commits       []int64             `json:"commits,omitempty"` // the batch's earlier commits, the load first
	Base          pipeline.Checkpoint `json:"base"`              // before this commit
	Checkpoint    pipeline.Checkpoint `json:"checkpoint"`        // after it
	Schema        *schemas.Schema     `json:"schema"`
	SchemaVersion int                 `json:"schema_version"`
	Gaps          []pipeline.Range    `json:"gaps,omitempty"`
	Records       pipeline.Records    `json:"records"`
	Expired       int64               `json:"expired,omitempty"` // records that this commit removes for good

	Status     sink.Status `json:"status"` // the batch's quarantine entry, afterwards
	Settlement string      `json:"settlement,omitempty"`
	Resolution string      `json:"resolution,omitempty"`
	By         string      `json:"by,omitempty"`
	Reason     string      `json:"reason,omitempty"`

	Table   []DataFile `json:"table,omitempty"`   // rows that this commit adds
	Rejects []DataFile `json:"rejects,omitempty"` // the entry's suspect and malformed files, afterwards
	Held    []DataFile `json:"held,omitempty"`    // the entry's clean files, afterwards

	RemoveTable      []string `json:"remove_table,omitempty"`
	RemoveQuarantine []string `json:"remove_quarantine,omitempty"`
}

// DataFile is a committed file, or the rows that came from one. Path is the
// sink's own name for it. From is where publication takes it, in sinks that
// publish after the commit; it is empty for a file that was in its place
// before.
type DataFile struct {
	pipeline.File
	From string `json:"from,omitempty"`
}

// Outside is everything of the batch that isn't in the table.
func (r *Record) Outside() []DataFile {
	return append(append([]DataFile(nil), r.Rejects...), r.Held...)
}

// Follow makes r the commit after st, by the attempt of this ID.
func (r *Record) Follow(st *State, id string, at time.Time) {
	r.Format, r.Sequence, r.ID, r.Previous = Format, st.Sequence+1, id, st.Tip
	r.At, r.Base = at.UTC(), st.Checkpoint
}

// Sound reports whether a record that was read can be followed: it is of this
// format, and what it changes came before it.
func (r *Record) Sound() bool {
	later := r.Kind == KindSettle || r.Kind == KindRollback || r.Kind == KindExpire
	if r.Format != Format || !Plain(r.ID) || !later && r.Kind != KindLoad || later != (len(r.Commits) > 0) {
		return false
	}
	return !slices.ContainsFunc(r.Commits, func(seq int64) bool { return seq < 1 || seq >= r.Sequence })
}

// Paths are all names of files in the record.
func (r *Record) Paths() []string {
	paths := append(slices.Clone(r.RemoveTable), r.RemoveQuarantine...)
	for _, f := range append(r.Outside(), r.Table...) {
		paths = append(paths, f.Path)
		if f.From != "" {
			paths = append(paths, f.From)
		}
	}
	return paths
}

var plain = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_-]{0,127}$`)

// Plain reports whether a name may become part of a path or an identifier.
func Plain(name string) bool { return plain.MatchString(name) }

func sumRows(files []DataFile) int64 {
	var n int64
	for _, f := range files {
		n += f.Rows
	}
	return n
}
