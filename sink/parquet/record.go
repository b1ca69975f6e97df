package parquet

import (
	"fmt"
	"path"
	"path/filepath"
	"slices"
	"time"

	"github.com/autonomous-data-pipeline/adp/pipeline"
	"github.com/autonomous-data-pipeline/adp/schemas"
	"github.com/autonomous-data-pipeline/adp/sink"
)

// format is the version of the log's records. A record of another version is
// refused: an older program must not guess what a newer one meant.
const format = 1

// What a commit is.
const (
	kindLoad     = "load"
	kindSettle   = "settle"
	kindRollback = "rollback"
)

// record is one commit: a file of the log, never changed once it is there.
// Paths in it are relative and slashed, so that the folders may be moved.
type record struct {
	Format   int       `json:"format"`
	Sequence int64     `json:"sequence"` // 1, 2, 3, … without holes
	ID       string    `json:"id"`       // of the attempt that made it
	Previous string    `json:"previous"` // ID of the record before
	Kind     string    `json:"kind"`
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

	Status     sink.Status `json:"status"` // the batch's quarantine entry, afterwards
	Settlement string      `json:"settlement,omitempty"`
	Resolution string      `json:"resolution,omitempty"`
	By         string      `json:"by,omitempty"`
	Reason     string      `json:"reason,omitempty"`

	Table   []dataFile `json:"table,omitempty"`   // rows that this commit adds
	Rejects []dataFile `json:"rejects,omitempty"` // the entry's suspect and malformed files, afterwards
	Held    []dataFile `json:"held,omitempty"`    // the entry's clean files, afterwards

	RemoveTable      []string `json:"remove_table,omitempty"`
	RemoveQuarantine []string `json:"remove_quarantine,omitempty"`
}

// dataFile is a committed file. From is where publication takes it; it is empty
// for a file that was in its place before.
type dataFile struct {
	pipeline.File
	From string `json:"from,omitempty"`
}

// outside is everything of the batch that isn't in the table.
func (r *record) outside() []dataFile {
	return append(append([]dataFile(nil), r.Rejects...), r.Held...)
}

// sound reports whether a record can be followed: what it names stays within
// the folders, and what it changes came before it.
func (r *record) sound() bool {
	later := slices.Contains([]string{kindSettle, kindRollback}, r.Kind)
	if !plain.MatchString(r.ID) || !later && r.Kind != kindLoad || later != (len(r.Commits) > 0) {
		return false
	}
	for _, seq := range r.Commits {
		if seq < 1 || seq >= r.Sequence {
			return false
		}
	}
	paths := append(slices.Clone(r.RemoveTable), r.RemoveQuarantine...)
	for _, f := range append(r.outside(), r.Table...) {
		paths = append(paths, f.Path)
		if f.From != "" {
			paths = append(paths, f.From)
		}
	}
	return !slices.ContainsFunc(paths, func(p string) bool { return !filepath.IsLocal(filepath.FromSlash(p)) })
}

// Folders below the roots. Names that start with an underscore are hidden from
// Spark and pyarrow; staged files have another suffix for readers that glob.
const (
	logDir        = "_log"
	pendingDir    = "_pending"
	quarantineSub = "quarantine"
	heldSub       = "held"
	pendingSuffix = ".staged"
	dataSuffix    = ".parquet"
)

// dataName is a committed file's name. The sequence in it makes the name
// unique over the table's life, so publishing late can't bring back a file
// that a later commit has removed.
func dataName(batchID string, sequence int64, n int) string {
	return fmt.Sprintf("part-%s-%d-%d%s", batchID, sequence, n, dataSuffix)
}

// place gives every file that isn't in its place yet its final path.
func (r *record) place() {
	n := 0
	put := func(f *dataFile, folder string) {
		if f.From != "" {
			f.Path = path.Join(folder, dataName(r.Batch.ID, r.Sequence, n))
			n++
		}
	}
	for i := range r.Table {
		put(&r.Table[i], r.Table[i].Partition)
	}
	for i := range r.Rejects {
		put(&r.Rejects[i], path.Join(quarantineSub, r.Batch.ID))
	}
	for i := range r.Held {
		put(&r.Held[i], path.Join(heldFolder(r.Status), r.Batch.ID))
	}
}

// heldFolder is where an entry's clean files lie: in held while somebody is
// awaited, in quarantine once they are to stay.
func heldFolder(s sink.Status) string {
	if s == sink.HeldBatch {
		return heldSub
	}
	return quarantineSub
}
